"""Fixtures for the commands."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from flasky.cli import main


@pytest.fixture
def flasky(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result]]:
    """A function that runs `flasky …` in this process, as somebody without FLASKY_INI would.

    A command sets up the logging of its INI file; that is put back at the end.
    """
    monkeypatch.delenv("FLASKY_INI", raising=False)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def run(*arguments: Any, **environ: str) -> Result:
        return CliRunner(env=environ).invoke(main, [str(argument) for argument in arguments], prog_name="flasky")

    yield run
    root.handlers[:], root.level = handlers, level
