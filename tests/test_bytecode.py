"""Compiled templates are kept between starts, and never taken by an environment that would compile otherwise."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment
from webtest import TestApp

from flasky import templating
from flasky.bytecode import is_kept, keep, keep_compiled

SOURCE = "{{ name }}"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of the test's own, so that nothing is kept there yet."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def environment(**options: Any) -> Environment:
    made = Environment(**options)  # noqa: S701 - what differs is the point
    keep_compiled(made)
    return made


def test_what_one_environment_kept_another_like_it_finds(folder: Path) -> None:
    keep(environment(autoescape=True), "a", "a.jinja2", SOURCE)
    assert is_kept(environment(autoescape=True), "a", "a.jinja2", SOURCE)


def test_a_changed_source_is_compiled_again(folder: Path) -> None:
    keep(environment(autoescape=True), "a", "a.jinja2", SOURCE)
    assert not is_kept(environment(autoescape=True), "a", "a.jinja2", SOURCE + "!")


def test_code_that_does_not_escape_is_never_taken_for_a_page(folder: Path) -> None:
    """XSS-02, P30: plain-text mails are compiled without escaping."""
    keep(environment(autoescape=False), "a", "a.jinja2", SOURCE)
    assert not is_kept(environment(autoescape=True), "a", "a.jinja2", SOURCE)


def test_a_filter_that_went_makes_its_templates_be_checked_again(folder: Path) -> None:
    with_filter = Environment(autoescape=True)
    with_filter.filters["shout"] = str.upper
    keep_compiled(with_filter)
    keep(with_filter, "a", "a.jinja2", "{{ name|shout }}")
    assert not is_kept(environment(autoescape=True), "a", "a.jinja2", "{{ name|shout }}")


def test_without_a_safe_folder_nothing_is_kept_and_everything_works(folder: Path, make_app: Callable[..., Any]) -> None:
    (folder / f"_jinja2-cache-{os.getuid()}").write_text("in the way", encoding="utf-8")
    app = make_app()
    assert TestApp(app, extra_environ={"HTTP_HOST": "localhost"}).get("/auth/login").status_int == 200
    made = environment(autoescape=True)
    keep(made, "a", "a.jinja2", SOURCE)
    assert not is_kept(made, "a", "a.jinja2", SOURCE)


def test_a_second_start_parses_no_template(
    folder: Path, make_app: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_app()
    parsed: list[str] = []
    check = templating._faults_of_source

    def note(environment: Environment, name: str, file: str, source: str) -> Any:
        parsed.append(name)
        return check(environment, name, file, source)

    monkeypatch.setattr(templating, "_faults_of_source", note)
    make_app()
    assert parsed == []
