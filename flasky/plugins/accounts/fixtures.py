"""pytest fixtures for the tests of plug-ins that require `accounts`: members and their browsers."""

# ruff: noqa: PLC0415 - pytest loads this module wherever Flasky is installed: it must cost nothing, and need no webtest.

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from pyramid.registry import Registry

if TYPE_CHECKING:
    from webtest import TestApp

    from flasky.wsgi import Application


@pytest.fixture
def accounts_member(registry: Registry) -> Callable[..., int]:
    """A function that makes a confirmed member without a password, and returns their id."""

    from flasky.plugins.accounts import registration
    from flasky.plugins.accounts.work import open_work

    def make(username: str = "anna", *, role: str = "User") -> int:
        with open_work(registry) as work:
            email = f"{username}@example.com"
            return registration.create(work, username=username, email=email, password=None, role=role).id

    return make


@pytest.fixture
def accounts_browser(app: Application) -> Callable[[int], TestApp]:
    """A function that returns a WebTest client in which the member of that id is signed in."""
    from webtest import TestApp

    from flasky.plugins.accounts import sessions
    from flasky.plugins.accounts.models import User
    from flasky.plugins.accounts.work import SESSION_COOKIE, open_work

    def make(user_id: int) -> TestApp:
        with open_work(app.registry) as work:
            secret = sessions.start(work, work.db.get_one(User, user_id)).secret
        browser = TestApp(app, extra_environ={"HTTP_HOST": "localhost", "REMOTE_ADDR": "127.0.0.1"})
        browser.set_cookie(SESSION_COOKIE, secret)
        return browser

    return make
