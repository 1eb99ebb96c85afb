"""The directives: what is wrong with a job or a schedule is told when the site starts, with its place."""

from __future__ import annotations

from datetime import UTC, time, timedelta

import pytest
from made_plugins import make_plugin
from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationError

from flasky.jobs.contracts import add_job, add_schedule, jobs, other_jobs, quick_jobs, schedules
from flasky.ownership import contributions
from flasky.settings import ConfigurationFaults


@pytest.fixture
def config() -> Configurator:
    return Configurator(package="sample_jobs")


@pytest.mark.parametrize("name", ["close", "Polls.close", "polls.", "polls close", "p." + "x" * 99])
def test_a_name_says_whose_it_is(config: Configurator, name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"sample_jobs: the job .* must be named <plug-in>.<what>"):
        add_job(config, name, print)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"limit": timedelta(hours=25)}, "a limit of up to a day"),
        ({"limit": timedelta(0)}, "a limit of up to a day"),
        ({"attempts": 0}, "at least one attempt"),
    ],
)
def test_limits_are_sensible(config: Configurator, options, words) -> None:
    with pytest.raises(ConfigurationError, match=words):
        add_job(config, "polls.close", lambda _request: None, **options)


def test_a_job_needs_a_function(config: Configurator) -> None:
    with pytest.raises(ConfigurationError, match="needs a function, not "):
        add_job(config, "polls.close", "sample_jobs.FILE")


def test_an_argument_of_the_platform_is_refused(config: Configurator) -> None:
    with pytest.raises(ConfigurationError, match="cannot take 'due'"):
        add_job(config, "polls.close", lambda _request, due: None)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "either every=… or daily_at=…"),
        ({"every": timedelta(hours=1), "daily_at": time(3)}, "either every=… or daily_at=…"),
        ({"every": timedelta(seconds=59)}, "more often than once a minute"),
        ({"daily_at": time(3, tzinfo=UTC)}, "without a zone"),
    ],
)
def test_a_schedule_says_one_thing(config: Configurator, options, words) -> None:
    with pytest.raises(ConfigurationError, match=words):
        add_schedule(config, "polls.tidy", **options)


TOP = "def job(request, poll_id): pass\ndef tidy(request): pass\n"


class TestAtStart:
    @pytest.fixture(autouse=True)
    def _path(self, tmp_path, monkeypatch) -> None:
        monkeypatch.syspath_prepend(tmp_path)

    def test_every_fault_is_told_with_its_place_and_remedy(self, make_app, tmp_path) -> None:
        body = """
            from datetime import timedelta
            config.add_job('late.close', job)
            config.add_job('late.tidy', tidy)
            config.add_schedule('late.tydi', every=timedelta(hours=1))
            config.add_schedule('late.close', every=timedelta(hours=1))
        """
        make_plugin(tmp_path, "late", body, top=TOP)
        with pytest.raises(ConfigurationFaults) as caught:
            make_app(flasky__plugins="main late")
        text = str(caught.value)
        assert "2 faults" in text
        assert "flasky_late/__init__.py, line 10: the schedule 'late.tydi' is for a job that no enabled" in text
        assert "Did you mean 'late.tidy'?" in text
        assert "flasky_late/__init__.py, line 11: the schedule 'late.close' gives its job no arguments" in text
        assert "missing a required argument: 'poll_id'" in text

    def test_two_of_one_name_are_a_conflict_that_names_both(self, make_app, tmp_path) -> None:
        for name in ("one", "two"):
            make_plugin(tmp_path, name, "config.add_job('late.tidy', tidy)", top=TOP)
        expected = r"the job 'late\.tidy' is claimed by one \(.*line 7\) and by two \(.*line 7\)"
        with pytest.raises(ConfigurationFaults, match=expected):
            make_app(flasky__plugins="main one two")

    def test_they_are_known_and_listed_with_whose_they_are(self, make_app, tmp_path) -> None:
        body = """
            from datetime import time
            config.add_job('timely.tidy', 'flasky_timely.tidy', attempts=2)
            config.add_job('timely.hurry', 'flasky_timely.tidy', quick=True)
            config.add_schedule('timely.tidy', daily_at=time(3, 5))
        """
        make_plugin(tmp_path, "timely", body, top=TOP)
        registry = make_app(flasky__plugins="main timely").registry
        job = jobs(registry)["timely.tidy"]
        assert (job.where, job.attempts, job.package) == ("flasky_timely.tidy", 2, "flasky_timely")
        assert list(quick_jobs(registry)) == ["timely.hurry"]
        assert "timely.tidy" in other_jobs(registry)
        assert "timely.hurry" not in other_jobs(registry)
        assert schedules(registry)["timely.tidy"].shown == "daily at 03:05 UTC"
        listed = {(item.kind, item.name) for item in contributions(registry) if item.plugin == "timely"}
        assert {("job", "timely.tidy"), ("schedule", "timely.tidy")} <= listed
