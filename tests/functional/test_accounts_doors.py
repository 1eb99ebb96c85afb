"""Every page of accounts from outside: who may use it, what it needs, and what hostile input does to it.

The normal suite sends a hundred hostile forms for each kind of visitor; with `FLASKY_HOSTILE_REQUESTS=20000` it is
10,000 for each.
"""

from __future__ import annotations

import logging
import os
import random
import re
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from pyramid.registry import Registry
from pyramid.security import NO_PERMISSION_REQUIRED
from sqlalchemy import inspect, select
from sqlalchemy.orm import joinedload
from webob import Request
from webtest import TestApp

from flasky.database import Base
from flasky.plugins.accounts import registration, sessions
from flasky.plugins.accounts.limits import get_limiter
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.routes import ROUTES
from flasky.plugins.accounts.work import open_work
from flasky.security.methods import methods_of_view, views_of_routes

logger = logging.getLogger(__name__)

COUNT = int(os.environ.get("FLASKY_HOSTILE_REQUESTS", "240"))
PASSWORD = "correct horse battery staple"

EVERYBODY, SIGNED_IN, TAKE_PART = NO_PERMISSION_REQUIRED, "accounts.signed_in", "accounts.take_part"
SEE, PEOPLE, ROLES = "accounts.see_people", "accounts.manage_people", "accounts.manage_roles"

#: ACL-01, reviewed: what each page needs to be seen, and to be acted on.
NEEDED: dict[str, tuple[str | None, str | None]] = {
    "accounts.account": (SIGNED_IN, None),
    "accounts.register": (EVERYBODY, EVERYBODY),
    "accounts.login": (EVERYBODY, EVERYBODY),
    "accounts.code": (EVERYBODY, EVERYBODY),
    "accounts.logout": (EVERYBODY, EVERYBODY),
    "accounts.prove": (SIGNED_IN, SIGNED_IN),
    "accounts.confirm": (EVERYBODY, EVERYBODY),
    "accounts.unconfirmed": (SIGNED_IN, None),
    "accounts.resend": (EVERYBODY, EVERYBODY),
    "accounts.reset": (EVERYBODY, EVERYBODY),
    "accounts.reset_token": (EVERYBODY, EVERYBODY),
    "accounts.link": (EVERYBODY, EVERYBODY),
    "accounts.link_token": (EVERYBODY, EVERYBODY),
    "accounts.change_password": (TAKE_PART, TAKE_PART),
    "accounts.change_email": (SIGNED_IN, SIGNED_IN),
    "accounts.change_email_token": (EVERYBODY, EVERYBODY),
    "accounts.invitation": (EVERYBODY, None),
    "accounts.claim": (EVERYBODY, SIGNED_IN),
    "accounts.sessions": (TAKE_PART, TAKE_PART),
    "accounts.events": (TAKE_PART, None),
    "accounts.two_factor": (TAKE_PART, TAKE_PART),
    "accounts.export": (TAKE_PART, TAKE_PART),
    "accounts.delete": (TAKE_PART, TAKE_PART),
    "accounts.first_steps": (ROLES, ROLES),
    "accounts.people": (SEE, None),
    "accounts.invite": (PEOPLE, PEOPLE),
    "accounts.member": (PEOPLE, PEOPLE),
    "accounts.roles": (ROLES, ROLES),
    "accounts.role": (ROLES, ROLES),
    "accounts.avatar": (EVERYBODY, None),
    "accounts.edit_profile": (TAKE_PART, TAKE_PART),
    "accounts.profile": (EVERYBODY, None),
}
#: What each kind of visitor holds.
HELD: dict[str, frozenset[str]] = {
    "nobody": frozenset({EVERYBODY}),
    "unconfirmed": frozenset({EVERYBODY, SIGNED_IN}),
    "user": frozenset({EVERYBODY, SIGNED_IN, TAKE_PART, SEE}),
    "moderator": frozenset({EVERYBODY, SIGNED_IN, TAKE_PART, SEE, PEOPLE}),
    "administrator": frozenset({EVERYBODY, SIGNED_IN, TAKE_PART, SEE, PEOPLE, ROLES}),
}


@pytest.fixture
def app_settings() -> dict[str, Any]:
    return {"accounts.argon2_memory_kib": "64", "accounts.argon2_time_cost": "1"}


class Visitor:
    """Somebody with a session (unless they are nobody) and a good CSRF token."""

    def __init__(self, app: Any, kind: str) -> None:
        self.app, self.registry, self.kind = app, app.registry, kind
        page = TestApp(app, extra_environ={"HTTP_HOST": "localhost"}).get("/auth/logout")
        self.token = page.forms[0]["csrf_token"].value
        self.csrf = page.headers["Set-Cookie"].partition(";")[0]
        self.session = ""
        if kind != "nobody":
            with open_work(self.registry) as work:
                role = kind.capitalize() if kind in {"moderator", "administrator"} else "User"
                registration.create(
                    work,
                    username=f"an {kind}",
                    email=f"{kind}@example.com",
                    password=PASSWORD,
                    role=role,
                    confirmed=kind != "unconfirmed",
                )
            self.begin()

    def begin(self) -> None:
        """Begin a session, whatever became of the last one."""
        with open_work(self.registry) as work:
            query = select(User).where(User.username == f"an {self.kind}").options(joinedload(User.role))
            self.session = f"; session={sessions.start(work, work.db.scalars(query).one()).secret}"

    def ask(self, path: str, fields: dict[str, Any] | None = None, *, method: str = "", token: str = "") -> Any:
        """GET `path`, or POST `fields` with `token`, the visitor's own unless another is given."""
        request = Request.blank(path, headers={"Cookie": self.csrf + self.session, "Host": "localhost"})
        request.method = method or ("GET" if fields is None else "POST")
        request.environ["REMOTE_ADDR"] = "192.0.2.1"
        if fields is not None:
            request.content_type = "application/x-www-form-urlencoded"
            request.body = urlencode({"csrf_token": token or self.token, **fields}, errors="surrogatepass").encode()
        return request.get_response(self.app)


def path_of(pattern: str, visitor: Visitor) -> str:
    """An address that the pattern matches."""
    values = {"token": "0" * 43, "user_id": "1", "role_id": "1", "version": "0", "username": f"an%20{visitor.kind}"}
    return re.sub(r"\{(\w+)[^{}]*(?:\{[^}]*\}[^{}]*)*\}", lambda match: values[match[1]], pattern)


def is_refused(answer: Any) -> bool:
    """Whether the visitor was turned away for want of a permission, or led to where they could get it."""
    led_away = ("/auth/login?", "/auth/unconfirmed")
    if answer.status_code == 303:
        return any(place in answer.location for place in led_away)
    return answer.status_code == 403


def dump(registry: Registry) -> list[Any]:
    """Every row of the database, but for when somebody was last seen (the documented exception)."""
    seen = {"last_used_at", "last_seen_at"}
    with open_work(registry) as work:
        existing = set(inspect(work.db.connection()).get_table_names())
        return [
            (table.name, tuple(value for name, value in row._mapping.items() if name not in seen))
            for table in Base.metadata.sorted_tables
            # What was refused is recorded (LOG-02).
            if table.name in existing and table.name != "security_events"
            for row in work.db.execute(select(table))
        ]


@pytest.mark.databases("sqlite")  # no statement is sent
def test_acl_01_the_table_is_complete(registry: Registry) -> None:
    """Each route is in the reviewed table, with the methods that the table says."""
    found: dict[str, set[str]] = {}
    for route, view in views_of_routes(registry):
        if route.startswith("accounts."):
            found.setdefault(route, set()).update(methods_of_view(view) - {"HEAD"})
    assert found == {route: {"GET"} | ({"POST"} if act else set()) for route, (_see, act) in NEEDED.items()}
    assert found.keys() == {name for name, _pattern in ROUTES}


@pytest.mark.databases("sqlite")  # who may is decided in Python; following every link opens the pages on both
def test_acl_01_every_visitor_route_and_method(app: Any) -> None:
    """ACL-01, ACL-06, CSR-01: principal x route x method, with and without a token."""
    visitors = [Visitor(app, kind) for kind in HELD]
    before = dump(app.registry)
    for visitor in visitors:
        for route, pattern in ROUTES:
            see, act = NEEDED[route]
            path = path_of(pattern, visitor)
            where = (visitor.kind, route)
            answer = visitor.ask(path)
            assert is_refused(answer) == (see not in HELD[visitor.kind]), (where, answer.status)
            assert answer.status_code < 500, where
            if act is None:
                assert visitor.ask(path, {}).status_code == 405, where
                continue
            assert visitor.ask(path, {}, token="wrong").status_code == 400, where
            if act not in HELD[visitor.kind]:
                assert is_refused(visitor.ask(path, {})), where
        get_limiter(app.registry).clear()
    assert dump(app.registry) == before


def links_in(answer: Any) -> Iterator[str]:
    yield from re.findall(r'href="(/[^"]*)"', answer.text.replace("&amp;", "&"))


def test_csr_04_following_every_link_changes_nothing(app: Any) -> None:
    """GET and HEAD on everything that an administrator can reach."""
    visitor = Visitor(app, "administrator")
    Visitor(app, "user")
    before = dump(app.registry)
    seen, waiting = set(), ["/auth", "/auth/login", "/auth/register", "/people"]
    while waiting:
        path = waiting.pop()
        if path in seen or path.startswith("/static"):
            continue
        seen.add(path)
        answer = visitor.ask(path)
        assert answer.status_code < 400, path
        assert visitor.ask(path, method="HEAD").body == b""
        if answer.content_type == "text/html":
            waiting += links_in(answer)
    assert {"/roles", "/people/1", "/auth/two-factor", "/user/an%20user"} <= seen
    assert dump(app.registry) == before


@pytest.mark.databases("sqlite")  # no statement is sent
def test_anonymous_pages_send_no_statement(testapp: TestApp, statements: Callable[[], list[str]]) -> None:
    """SES-10: and set no cookie but the token of their form."""
    for path in ("login", "register", "link", "reset", "resend", "logout"):
        answer = testapp.get(f"/auth/{path}")
        assert statements() == [], path
        names = [cookie.partition("=")[0] for cookie in answer.headers.getall("Set-Cookie")]
        assert set(names) <= {"csrf"}, path


FIELDS = (
    "username", "email", "password", "password_confirm", "old_password", "remember_me", "code", "login", "next",
    "draft", "invitation", "action", "session", "role", "permission", "name", "description", "like", "location",
    "about", "language", "timezone", "avatar", "id", "role_id", "is_admin", "confirmed",
)  # fmt: skip
TEXTS = (
    "", " ", "x", PASSWORD, "a\u200bb", "\u202eabc", "аdmin", "ａｄｍｉｎ", "胡同", "<b>胡同</b>", "' OR 1=1 --", '"',
    "{{7*7}}", "${7*7}", "%(x)s", "%", "_", "\\", "\r\nBcc: x@example.com", "a@b", "x@example.com", "x@xn--.com",
    "@" * 300, "1" * 5000, "-1", "0", "１２", "1e3", "NaN", "999999999", "2147483648", "x" * 20_000, "é" * 1000,
    "e\u0301" * 500, "\U0001f600" * 300, "/" * 2000, "//evil.example", "https://evil.example", "user", "Administrator",
    "accounts.manage_roles", "disable", "enable", "end_sessions", "begin", "confirm", "codes", "picture", "no_picture",
    "stay", "others", "delete", "zh", "Europe/Berlin", "../../etc/passwd", "\ufdfa" * 64, "ẞ" * 64, "[" * 3000,
    "*" * 3000, "0" * 43,
)  # fmt: skip


@pytest.mark.parametrize("kind", ["nobody", "administrator"])
def test_hostile_forms(app: Any, kind: str) -> None:
    """Never a 5xx, never over two seconds, always the header set; `--log-cli-level=info` shows the slowest answer."""
    chance = random.Random(COUNT)  # noqa: S311 - the same forms in every run
    visitor = Visitor(app, kind)
    seen, slowest = set(), 0.0
    for number in range(COUNT // 2):
        if number % 25 == 0:
            get_limiter(app.registry).clear()
            if kind != "nobody":
                visitor.begin()
        _route, pattern = chance.choice(ROUTES)
        path = path_of(pattern, visitor)
        if chance.random() < 0.2:
            path += "?" + urlencode({chance.choice(("next", "after", "before", "draft")): chance.choice(TEXTS)})
        fields = None
        if chance.random() < 0.8:
            fields = {name: chance.choice(TEXTS) for name in chance.sample(FIELDS, chance.randint(0, len(FIELDS)))}
        began = time.monotonic()
        answer = visitor.ask(path, fields)
        taken = time.monotonic() - began
        slowest = max(slowest, taken)
        assert taken < 2, (path, fields)
        assert answer.status_code < 500, (path, fields)
        assert "content-security-policy" in {name.lower() for name in answer.headers}, path
        seen.add(answer.status_code)
    logger.info("%d hostile forms, the slowest answer took %d ms", COUNT // 2, slowest * 1000)
    assert seen >= {200, 303, 404, 405, 422}, seen
