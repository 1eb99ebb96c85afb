"""What can be chosen in forms is given as WTForms wants it from version 3.4 on, which takes no tuples any more."""

from __future__ import annotations

from typing import Any

import pytest
from pyramid.registry import Registry
from webtest import TestApp
from wtforms.fields.choices import SelectChoice

from flasky.plugins.accounts import registration
from flasky.plugins.accounts.grants import LADDER
from flasky.plugins.accounts.work import open_work


@pytest.fixture
def browser(testapp: TestApp, registry: Registry, password: str) -> TestApp:
    """A browser in which an administrator is signed in."""
    with open_work(registry) as work:
        registration.create(
            work, username="anna", email=None, password=password, role="Administrator"
        ).confirmed_at = work.now()
    form = testapp.get("/auth/login").forms[0]
    form["login"], form["password"] = "anna", password
    assert form.submit().status_int == 303
    return testapp


@pytest.fixture
def _without_tuples(monkeypatch: pytest.MonkeyPatch) -> None:
    """WTForms warns of tuples only where a field is declared, and takes those that a view gives without a word."""
    take = SelectChoice.from_input

    def refuse(given: Any, optgroup: str | None = None) -> SelectChoice:
        assert isinstance(given, SelectChoice), given
        return take(given, optgroup)

    monkeypatch.setattr(SelectChoice, "from_input", refuse)


@pytest.mark.databases("sqlite")  # forms alone
@pytest.mark.usefixtures("_without_tuples")
def test_no_form_gives_its_choices_as_tuples(browser: TestApp) -> None:
    profile = browser.get("/user/anna/edit").forms[0]
    assert {"", "en", "zh"} == {value for value, _chosen, _text in profile["language"].options}
    assert ("Asia/Shanghai", False, "Asia/Shanghai") in profile["timezone"].options
    role = browser.get("/roles").forms[0]
    assert [text for _value, _chosen, text in role["like"].options] == ["No role", *LADDER]
