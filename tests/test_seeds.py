"""Seed data: in the plug-ins' order, each wholly or not at all, again without harm, and not in production."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from made_plugins import make_plugin

from flasky.cli import main
from flasky.ownership import contributions
from flasky.seeds import seeds
from flasky.testing.schema import migrate
from flasky.testing.seeds import assert_seeds_can_run_again

pytestmark = pytest.mark.databases("sqlite")  # a transaction is one on both

#: Seeds that need no table of their own: they queue a job.
TOP = """
from sqlalchemy import select
from flasky.jobs.models import BackgroundJob
def job(request, number=0): pass
def first(request):
    if request.db.scalar(select(BackgroundJob.id).where(BackgroundJob.name == 'NAME.job')) is None:
        request.enqueue('NAME.job')
        return 'a job'
def careless(request):
    request.enqueue('NAME.job', number=1)
    return 'another job'
def broken(request):
    request.enqueue('NAME.job', number=2)
    raise RuntimeError('half way')
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ini_file: Any) -> Any:
    """A function that makes the plug-ins with their seeds, and an INI file of a migrated site."""

    def make(environment: str = "development", **plugins: str) -> Path:
        for name, names in plugins.items():
            body = "\n".join(f"config.add_seed('{name}.{seed}', {seed})" for seed in names.split())
            top = TOP.replace("NAME", name)
            make_plugin(tmp_path, name, f"config.add_job('{name}.job', job)\n{body}", top=top)
        monkeypatch.syspath_prepend(tmp_path)
        listed = " ".join(["main", *plugins])
        migrate({"flasky.plugins": "main", "sqlalchemy.url": f"sqlite:///{tmp_path}/data.sqlite"})
        return ini_file(flasky__plugins=listed, flasky__environment=environment)

    return make


def seed(ini: Path, *arguments: str) -> Any:
    return CliRunner().invoke(main, ["--ini", str(ini), "seed", *arguments])


def test_in_the_order_of_the_plug_ins_and_again_without_harm(site: Any) -> None:
    ini = site(seedb="first", seeda="first")
    assert seed(ini).output == "seedb: seedb.first: a job\nseeda: seeda.first: a job\n"
    assert seed(ini).output == "seedb: seedb.first: nothing to add\nseeda: seeda.first: nothing to add\n"


def test_only_those_named(site: Any) -> None:
    ini = site(seedc="first", seedd="first")
    assert seed(ini, "seedd").output == "seedd: seedd.first: a job\n"
    assert seed(ini, "main").output == "main: no seeds.\n"
    result = seed(ini, "sedd")
    assert (result.exit_code, result.output) == (1, "Error: No enabled plug-in is called sedd. Did you mean seedd?\n")


def test_a_seed_that_fails_leaves_nothing(site: Any) -> None:
    ini = site(seede="broken first")
    result = seed(ini)
    assert isinstance(result.exception, RuntimeError)
    assert CliRunner().invoke(main, ["--ini", str(ini), "jobs", "list"]).output == "There is no job.\n"


def test_a_site_that_is_not_for_development_is_left_alone(site: Any) -> None:
    ini = site("testing", seedf="first")
    result = seed(ini)
    assert result.exit_code == 1
    assert "This site is for testing: made-up data does not belong here. --force" in result.output
    assert seed(ini, "--force").output == "seedf: seedf.first: a job\n"


class TestForAuthors:
    @pytest.fixture
    def made(self, make_app: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
        def make(name: str, which: str) -> Any:
            body = f"config.add_job('{name}.job', job)\nconfig.add_seed('{name}.data', {which})"
            make_plugin(tmp_path, name, body, top=TOP.replace("NAME", name))
            monkeypatch.syspath_prepend(tmp_path)
            migrate({"flasky.plugins": "main", "sqlalchemy.url": f"sqlite:///{tmp_path}/0.sqlite"})
            return make_app(flasky__plugins=f"main {name}").registry

        return make

    def test_a_good_seed_passes(self, made: Any) -> None:
        registry = made("seedg", "first")
        assert_seeds_can_run_again(registry, "seedg")
        assert [owner for owner, _ in seeds(registry)] == ["seedg"]
        assert ("seed", "seedg.data") in {(item.kind, item.name) for item in contributions(registry)}

    def test_a_seed_that_adds_again_does_not(self, made: Any) -> None:
        with pytest.raises(AssertionError, match=r"added rows again: {'background_jobs': \(1, 2\)}"):
            assert_seeds_can_run_again(made("seedh", "careless"), "seedh")
