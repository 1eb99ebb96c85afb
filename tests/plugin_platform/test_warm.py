"""What tests run as forks of a warm process is held to what holds for processes that start cold."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from warm import Forked, WarmConsole, forked_trials

from flasky import trial
from flasky.testing.ini import write_ini
from flasky.testing.plugin import TEST_SETTINGS


def test_a_command_that_goes_on_is_ended_and_told_with_what_it_said(
    warm_console: WarmConsole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that wrongly starts would hang the whole run of the tests."""
    begun: list[Forked] = []
    begin = warm_console._begin

    def remembered(*arguments: Any) -> Forked:
        begun.append(begin(*arguments))
        return begun[0]

    monkeypatch.setattr(warm_console, "_begin", remembered)
    program = tmp_path / "server.py"
    program.write_text("import signal\nwhile True:\n    signal.pause()\n")
    with pytest.raises(subprocess.TimeoutExpired, match=r"server\.py"):
        warm_console.run("python", str(program), folder=tmp_path, environ=os.environ, timeout=0.1)
    assert begun[0].returncode == -signal.SIGKILL


def test_a_trial_begins_in_its_folder(tmp_path: Path, warm_trials: None) -> None:
    """The INI file is named from there."""
    ini = write_ini(tmp_path / "site.ini", {**TEST_SETTINGS, "flasky.plugins": ["nowhere"]})
    point, problem = trial.run_trial(Path(ini.name), [], {}, tmp_path)
    assert point == "read the plug-ins and settings"
    assert "nowhere" in problem


def test_a_trial_has_its_time_and_does_not_see_what_lies_in_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    class Late(WarmConsole):
        def run(self, *arguments: str, timeout: float = 0, **options: Any) -> subprocess.CompletedProcess[str]:
            raise subprocess.TimeoutExpired(arguments, timeout)

    run = forked_trials(Late(), subprocess.run)
    monkeypatch.setattr(trial.subprocess, "run", run)
    with pytest.raises(trial.CannotStart, match="did not end within 300 seconds"):
        trial.run_trial(Path("site.ini"), [], {})
    with pytest.raises(subprocess.TimeoutExpired, match="7 seconds"):
        run([sys.executable, "-P", "-m", "flasky.trial"], cwd=None, env={}, timeout=7)
    with pytest.raises(AssertionError, match="finds what lies in its folder"):
        run([sys.executable, "-m", "flasky.trial"], cwd=None, env={}, timeout=7)
    assert run([sys.executable, "-c", ""], check=True).returncode == 0
