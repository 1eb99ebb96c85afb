"""What the tests of access tokens share: a plug-in with resources, and programs that ask them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_plugins import make_plugin
from webtest import TestApp, TestResponse

#: One resource: everybody may look, members may change, moderators may remove.
THINGS = """
from pyramid.security import NO_PERMISSION_REQUIRED
from translationstring import TranslationString
from flasky.plugins.accounts.services import InvalidToken, Refused
def who(request):
    known = request.identity
    return {"who": known and known.username, "may": sorted(known.permissions) if known else [],
            "proven": known is not None and known.proved(request.accounts.now())}
config.declare_permission("things.change", "Change things")
config.declare_permission("things.remove", "Remove things", roles=("Moderator",))
config.add_route("things.thing", "/api/thing")
for method, permission in (("GET", NO_PERMISSION_REQUIRED), ("PUT", "things.change"), ("DELETE", "things.remove")):
    config.add_view(who, route_name="things.thing", request_method=method, renderer="json", permission=permission)
def refuse(request):
    raise InvalidToken if request.GET["error"] == "InvalidToken" else Refused(TranslationString("Not on Sundays"))
config.add_route("things.refused", "/api/refused")
config.add_view(refuse, route_name="things.refused", request_method="GET", permission="things.change")
config.add_view(who, route_name="things.refused", request_method="PUT", renderer="json", permission="things.change",
                fresh_proof=True)
well = {"responses": {"200": {"description": "Who is asking"}}}
config.add_api_resource("things.refused", {"get": well, "put": well})
config.add_api_resource("things.thing", {"get": well, "put": well, "delete": well})
"""

Ask = Callable[..., TestResponse]


@pytest.fixture(scope="session")
def things(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the plug-in `things`."""
    folder = tmp_path_factory.mktemp("things")
    make_plugin(folder, "things", THINGS, declaration="requires=('accounts',)")
    return folder


@pytest.fixture
def app_settings(things: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.syspath_prepend(things)
    cheap = {"accounts.argon2_memory_kib": "64", "accounts.argon2_time_cost": "1"}
    return {**cheap, "flasky.plugins": "main accounts api things", "api.requests_per_minute": "20"}


@pytest.fixture
def ask(testapp: TestApp) -> Ask:
    """A function that sends a request with a token, and returns the answer."""

    def send(token: str, method: str = "GET", path: str = "/api/thing", **headers: str) -> TestResponse:
        named = {"Authorization": f"Bearer {token}", **{name.replace("_", "-"): text for name, text in headers.items()}}
        return testapp.request(path, method=method, headers=named, expect_errors=True)

    return send
