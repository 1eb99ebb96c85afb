"""Fixtures that a plug-in brings for the tests of others."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from made_plugins import make_plugin

from flasky.testing.fixtures import load_fixtures, misnamed

DOCS = Path(__file__).resolve().parents[2] / "docs" / "plugins"


@pytest.fixture
def app_settings() -> dict[str, Any]:
    return {"flasky.plugins": "main accounts"}


# What is asked for by name below must be known when pytest collects, so that it runs on a database.
@pytest.mark.usefixtures("app")
@pytest.mark.databases("sqlite")  # it is about where fixtures come from
def test_those_of_accounts_are_there_as_the_page_says(request: pytest.FixtureRequest) -> None:
    """The example of docs/plugins/testing.md, and nothing of it is imported here."""
    (example,) = (DOCS / "testing.md").read_text(encoding="utf-8").split("```text\n")[1:]
    names: dict[str, Any] = {}
    exec(example.split("```")[0], names)  # noqa: S102 - our own page
    asked = ("accounts_member", "accounts_browser")
    names["test_a_member_sees_the_polls"](*(request.getfixturevalue(name) for name in asked))


def test_an_installed_plug_in_s_fixtures_are_loaded_and_a_broken_one_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = make_plugin(tmp_path, "fixtgood", "pass", declaration="fixtures='flasky_fixtgood.fixtures'")
    (good / "fixtures.py").write_text("import pytest\n@pytest.fixture\ndef fixtgood_answer(): return 42\n")
    wrong = make_plugin(tmp_path, "fixtwrong", "pass", declaration="fixtures='flasky_fixtwrong.fixtures'")
    (wrong / "fixtures.py").write_text("import pytest\n@pytest.fixture\ndef member(): return 42\n")
    make_plugin(tmp_path, "fixtbad", "pass", declaration="fixtures='flasky_fixtbad.lost'")
    monkeypatch.syspath_prepend(tmp_path)
    told: list[str] = []
    manager = pytest.PytestPluginManager()
    config: Any = SimpleNamespace(
        pluginmanager=manager, issue_config_time_warning=lambda warning, stacklevel: told.append(str(warning))
    )
    load_fixtures(config)
    assert manager.has_plugin("flasky_fixtgood.fixtures")
    assert not manager.has_plugin("flasky_fixtwrong.fixtures")
    assert len(told) == 2
    assert any("the fixtures of the plug-in fixtbad cannot be used: ModuleNotFoundError" in text for text in told)
    assert any("the fixtures of the plug-in fixtwrong cannot be used: ValueError" in text for text in told)


def test_a_name_says_whose_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "some_fixtures.py").write_text(
        "import pytest\n@pytest.fixture\ndef member(): pass\n@pytest.fixture\ndef polls_poll(): pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert misnamed("polls", "some_fixtures") == ["member"]
