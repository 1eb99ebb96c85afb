"""Values that plug-ins add to what is known of whoever is signed in, as docs/plugins/accounts.md writes it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from made_plugins import make_plugin
from pyramid.exceptions import ConfigurationError

from flasky.settings import ConfigurationFaults

PAGE = Path(__file__).resolve().parents[3] / "docs" / "plugins" / "accounts.md"


@pytest.fixture(scope="module")
def polls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the plug-in of the page, which shows its value in the footer."""
    folder = tmp_path_factory.mktemp("polls")
    section = PAGE.read_text(encoding="utf-8").split("## Something about whoever is signed in")[1].split("\n## ")[0]
    (example,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    include, function = example.replace("def includeme(config):\n", "").split("\n\n\n")
    shown = "config.add_slot('footer', lambda request, **_: str(request.identity.values), permission=SIGNED_IN)"
    imports = (
        "from sqlalchemy import select\nfrom flasky.directives import SIGNED_IN\n"
        "from flasky.plugins.accounts.models import SecurityEvent\n"
    )
    body = f"{include.strip()}\n{shown}"
    make_plugin(folder, "polls", body, top=imports + function, declaration="requires=('accounts',)")
    return folder


@pytest.fixture
def app_settings(app_settings: dict[str, Any], polls: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.syspath_prepend(polls)
    return {**app_settings, "flasky.plugins": "main accounts polls"}


def test_a_value_comes_with_the_identity_and_no_statement_more(
    accounts_member: Any, accounts_browser: Any, statements: Any
) -> None:
    browser = accounts_browser(accounts_member("anna"))
    browser.get("/")
    before = len(statements())
    page = browser.get("/")
    assert len(statements()) == before == 1
    assert re.search(r"polls\.last_event&#39;: (None|datetime\.datetime)", page.text), page.text[-800:]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("badone.x", r"the identity value 'badone\.x' is int, not a scalar subquery"),
        ("badtwo", "call the identity value"),
    ],
)
def test_a_value_that_is_none_is_a_fault(
    make_app: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    plugin = name.partition(".")[0]
    body = f"config.add_identity_value({name!r}, lambda user_id: 1)"
    make_plugin(tmp_path, plugin, body, declaration="requires=('accounts',)")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises((ConfigurationFaults, ConfigurationError), match=words):
        make_app(flasky__plugins=f"main accounts {plugin}")
