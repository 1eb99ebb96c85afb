"""pytest fixtures for the tests of plug-ins with API resources: tokens."""

# ruff: noqa: PLC0415 - pytest loads this module wherever Flasky is installed: it must cost nothing.

from __future__ import annotations

from collections.abc import Callable

import pytest
from pyramid.registry import Registry


@pytest.fixture
def api_token(registry: Registry) -> Callable[..., str]:
    """A function that makes a token of the member of that name, with these permissions, and returns it."""
    from flasky.plugins.accounts.services import find, open_work
    from flasky.plugins.api import tokens

    def make(username: str, *permissions: str) -> str:
        with open_work(registry) as work:
            member = find(work, username)
            if member is None:
                raise LookupError(f"there is no member {username!r}: make one with accounts_member")
            return tokens.make(work, member.id, "test", permissions, tokens.LIFETIMES[0])

    return make
