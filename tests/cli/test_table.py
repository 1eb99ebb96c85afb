"""Tables for a terminal."""

from __future__ import annotations

import pytest

from flasky.cli.table import show_table


def test_chinese_characters_take_two_columns(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(("Name", "Role"), [("胡同", "User"), ("ann", "Administrator")])
    assert capsys.readouterr().out == "Name  Role\n胡同  User\nann   Administrator\n"


def test_an_empty_table_is_its_heads(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(("Name", "Role"), [])
    assert capsys.readouterr().out == "Name  Role\n"
