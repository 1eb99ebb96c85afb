"""The conformance suite as tests: one for each rule, of each plug-in that the pytest configuration names.

::

    [tool.pytest.ini_options]
    flasky_conformance = ["polls"]
    # What the plug-in cannot do without, if there is such a thing:
    flasky_conformance_settings = ["polls.key = abc"]

The tests belong to the file that this stands in: `pytest pyproject.toml` runs them alone, and
`pytest pyproject.toml::polls::wheel` one of them. `pytest` without arguments runs them behind all others; with
arguments it runs what these say.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from flasky.conformance.rule import Outcome, Rule
    from flasky.conformance.subject import Subject
    from flasky.conformance.workbench import Workbench

_NAMES, _SETTINGS = "flasky_conformance", "flasky_conformance_settings"
_BENCH = pytest.StashKey["Workbench"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the keys of the configuration."""
    parser.addini(_NAMES, "plug-ins that have to pass Flasky's conformance suite", "args", [])
    parser.addini(_SETTINGS, "settings that these plug-ins cannot do without, as key = value", "linelist", [])


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Let the configuration file be read as a file of tests, unless somebody said which tests to run."""
    if config.getini(_NAMES) and config.inipath and config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args.append(str(config.inipath))


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """The rules belong to the file that names the plug-ins."""
    if file_path != parent.config.inipath or not parent.config.getini(_NAMES):
        return None
    return _Configuration.from_parent(parent, path=file_path)


class _Configuration(pytest.File):
    def collect(self) -> Iterator[pytest.Collector]:
        for name in self.config.getini(_NAMES):
            yield _Plugin.from_parent(self, name=name)


class _Plugin(pytest.Collector):
    """The rules of one plug-in; what they look at is made when the first one runs."""

    def collect(self) -> Iterator[pytest.Item]:
        from flasky.conformance.suite import RULES  # noqa: PLC0415 - brings everything; most projects ask for nothing

        for rule in RULES:
            yield _Promise.from_parent(self, name=rule.name, rule=rule)

    @property
    def subject(self) -> Subject:
        from flasky.conformance.subject import Subject  # noqa: PLC0415 - see above

        def make() -> Subject:
            made = Subject(self.name, bench)
            self.config.add_cleanup(made.close)
            return made

        bench = _bench(self.config)
        subject: Subject = bench.once(("subject", self.name), make)
        return subject


class BrokenPromise(Exception):
    """A rule found something; its outcome says what."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.rule.sentence)
        self.outcome = outcome


class _Promise(pytest.Item):
    def __init__(self, *, rule: Rule, **options: Any) -> None:
        super().__init__(**options)
        self._rule = rule

    def runtest(self) -> None:
        """Check the rule."""
        assert isinstance(self.parent, _Plugin)  # noqa: S101 - for the type checker
        outcome = self._rule.check(self.parent.subject)
        if outcome.failed:
            raise BrokenPromise(outcome)
        if outcome.reason:
            pytest.skip(f"{outcome.status}: {outcome.reason}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The findings, and what to do about them; anything else as pytest shows it."""
        if not isinstance(excinfo.value, BrokenPromise):
            return super().repr_failure(excinfo, style)
        found = "\n".join(map(str, excinfo.value.outcome.findings))
        return f"{self._rule.sentence}\n{found}\nWhat to do: {self._rule.remedy}"

    def reportinfo(self) -> tuple[Path, None, str]:
        """What pytest says of it: the plug-in and the rule."""
        assert self.parent is not None  # noqa: S101 - for the type checker
        return self.path, None, f"{self.parent.name}: {self.name}"


def _bench(config: pytest.Config) -> Workbench:
    from flasky.conformance.workbench import Workbench  # noqa: PLC0415 - see above

    if _BENCH not in config.stash:
        folder = tempfile.TemporaryDirectory(prefix="flasky-conformance-")
        config.add_cleanup(folder.cleanup)
        lines = [line.partition("=") for line in config.getini(_SETTINGS)]
        settings = {key.strip(): value.strip() for key, _sign, value in lines}
        config.stash[_BENCH] = Workbench(Path(folder.name), settings)
    return config.stash[_BENCH]
