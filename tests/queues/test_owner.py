"""Who holds a row: a process that has ended is known to be gone, everything else is given the benefit of the doubt."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flasky.queues import owner
from flasky.testing.waiting import wait_until


def test_names_differ_and_fit_their_column() -> None:
    first, second = owner.new_owner(), owner.new_owner()
    assert first != second
    assert len(first) <= 100


def test_this_process_is_not_gone() -> None:
    assert not owner.is_gone(owner.new_owner())


def test_a_killed_process_is_gone() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        name = f"{owner._place()}:{process.pid}:{owner._start_time(process.pid)}:x"
        assert not owner.is_gone(name)
        process.kill()
        process.wait()
        assert owner.is_gone(name)


def test_a_process_whose_parent_has_not_noticed_its_end_is_gone() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        name = f"{owner._place()}:{process.pid}:{owner._start_time(process.pid)}:x"
        process.kill()
        wait_until(lambda: owner.is_gone(name), "the end of a process that nobody waited for")


def test_a_process_that_got_the_same_number_later_is_somebody_else() -> None:
    place, pid, started, token = owner.new_owner().split(":")
    assert pid == str(os.getpid())
    assert owner.is_gone(f"{place}:{pid}:{int(started) - 1}:{token}")


@pytest.mark.parametrize("name", ["", "x", "other-machine:1:1:x", ":1:1:x", "a:b:c:d"])
def test_of_another_machine_nothing_is_known(name: str) -> None:
    assert not owner.is_gone(name)


def test_without_a_process_table_only_the_lease_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(owner, "_PROC", tmp_path)
    name = owner.new_owner()
    assert not owner.is_gone(name)
    assert not owner.is_gone(f":{os.getpid()}:0:x")
