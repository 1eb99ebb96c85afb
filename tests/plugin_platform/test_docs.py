"""docs/plugins: the tutorial is typed, and the examples of the directives run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from walk import Walk, steps

DOCS = Path(__file__).resolve().parents[2] / "docs" / "plugins"
OF_LIBRARIES = {"add_jinja2_search_path", "add_subscriber"}


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walk]:
    """A fresh copy of the project."""
    made = Walk(tmp_path)
    yield made
    made.stop()


@pytest.mark.parametrize("page", ["tutorial", "growing"])
def test_the_tutorials_are_typed_from_the_first_command_to_the_last(walk: Walk, page: str) -> None:
    """From `flasky plugin new` to the removed plug-in, and from an empty folder to one that keeps every promise."""
    for step in steps(DOCS / f"{page}.md"):
        walk.take(step)


def test_the_examples_of_the_directives_run_in_one_includeme(
    make_app: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (DOCS / "directives.md").read_text(encoding="utf-8")
    body = "".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))
    package = tmp_path / "flasky_polls"
    (package / "static").mkdir(parents=True)
    (package / "templates" / "polls").mkdir(parents=True)
    (package / "templates" / "mail").mkdir()
    (package / "templates" / "polls" / "newest.jinja2").write_text("newest")
    for kind in ("txt", "html"):
        (package / "templates" / "mail" / f"polls_opened.{kind}").write_text("{{ title }}")
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    (package / "__init__.py").write_text(
        "from flasky.languages import _\nfrom flasky.plugin import Plugin\nplugin = Plugin(name='polls')\n"
        f"def count():\n    return 0\ndef includeme(config):\n{lines}"
    )
    info = tmp_path / "flasky_polls-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: flasky-polls\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[flasky.plugins]\npolls = flasky_polls:plugin\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry = make_app(flasky__plugins="main accounts polls").registry
    named = set(re.findall(r"^## `(\w+)\(", page, re.MULTILINE)) - OF_LIBRARIES
    own = {
        name
        for name, (directive, _wrapped) in registry._directives.items()
        if directive.__module__.startswith("flasky.") and not directive.__module__.startswith("flasky.plugins.")
    }
    assert named == own
