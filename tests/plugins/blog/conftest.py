"""What the tests of the blog share: members who are signed in, and posts made by the services themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pyramid.registry import Registry
from webtest import TestApp

from flasky.api_resources import openapi_document
from flasky.database import utc_now
from flasky.plugins.accounts import registration
from flasky.plugins.accounts.grants import effective
from flasky.plugins.accounts.identity import Identity
from flasky.plugins.accounts.models import User, UserSession
from flasky.plugins.accounts.services import Limit
from flasky.plugins.accounts.tokens import fingerprint
from flasky.plugins.accounts.work import Work, open_work
from flasky.plugins.blog import comments, notices, pace, posts
from flasky.plugins.blog.posts import Writing
from flasky.wsgi import Application

SETTINGS = {
    "flasky.plugins": "main accounts api blog",
    "accounts.argon2_memory_kib": "64",
    "accounts.argon2_time_cost": "1",
}


@pytest.fixture
def app_settings() -> dict[str, Any]:
    return SETTINGS


@pytest.fixture(autouse=True)
def _quick_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests search quicker than people do; `test_pace` has the limits."""
    monkeypatch.setattr(pace, "SEARCHES", (Limit("blog.searches", 1000, 1),))


@pytest.fixture
def member(registry: Registry) -> Callable[..., int]:
    """A function that makes a confirmed member and returns their id."""

    def make(username: str = "anna", *, role: str = "User", **options: Any) -> int:
        email = options.pop("email", f"{username}@example.com")
        with open_work(registry) as work:
            return registration.create(work, username=username, email=email, password=None, role=role, **options).id

    return make


def identity_of(work: Work, user_id: int) -> Identity:
    """The identity that a request of a member has."""
    user = work.db.get(User, user_id)
    role = user.role.name
    return Identity(
        user_id=user.id,
        username=user.username,
        name=user.name,
        email=user.email,
        role=role,
        confirmed=True,
        permissions=effective(work.registry, role, ""),
        language=None,
        timezone=None,
        avatar_version=0,
        session_id=0,
        proven_at=utc_now(),
        deletion_due_at=None,
        needs_second_factor=False,
    )


@pytest.fixture
def work_as(registry: Registry) -> Callable[[int], Any]:
    """A function that opens work of a member: `with work_as(anna) as work`."""

    @contextmanager
    def opened(user_id: int) -> Iterator[Work]:
        with open_work(registry) as work:
            work.identity = identity_of(work, user_id)
            yield work

    return opened


@pytest.fixture
def write(work_as: Any) -> Callable[..., int]:
    """A function that writes a post and returns its id."""

    def make(user_id: int, body: str = "Hello **world**", **options: Any) -> int:
        with work_as(user_id) as work:
            return posts.create(work, Writing(body, **options)).id

    return make


@pytest.fixture
def comment(work_as: Any) -> Callable[..., int]:
    """A function that comments on a post and returns the comment's id."""

    def make(user_id: int, post_id: int, body: str = "I agree") -> int:
        with work_as(user_id) as work:
            return comments.add(work, posts.find(work, post_id), body).id

    return make


@pytest.fixture
def client(app: Application, registry: Registry) -> Callable[..., TestApp]:
    """A function that returns a browser in which a member is signed in; nobody is for None."""

    def make(user_id: int | None = None) -> TestApp:
        browser = TestApp(app, extra_environ={"HTTP_HOST": "localhost", "REMOTE_ADDR": "127.0.0.1"})
        if user_id is not None:
            browser.set_cookie("session", session_for(registry, user_id))
        return browser

    return make


def session_for(registry: Registry, user_id: int) -> str:
    """Sign a member in without a password; returns the cookie's value."""
    secret = "s" * 32 + f"{user_id:011d}"
    with open_work(registry) as work:
        user = work.db.get(User, user_id)
        digest = fingerprint(secret)
        if work.db.query(UserSession).filter_by(digest=digest).one_or_none() is None:
            work.db.add(
                UserSession(
                    digest=digest,
                    user_id=user_id,
                    credentials_version=user.credentials_version,
                    expires_at=utc_now() + timedelta(days=1),
                )
            )
    return secret


def strict(schema: Any) -> Any:
    """A schema that takes no property which it does not name."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: strict(value) for name, value in schema.items()}
    return {**closed, "additionalProperties": False} if "properties" in schema else closed


@pytest.fixture
def check(registry: Any) -> Callable[..., Any]:
    """A function that holds an answer against the site's OpenAPI document, property by property; returns its value."""
    document = strict(openapi_document(registry))

    def checked(path: str, answer: Any, method: str = "get") -> Any:
        described = document["paths"][path][method]["responses"][str(answer.status_int)]
        assert answer.content_type == "application/json"
        schema = {**described["content"]["application/json"]["schema"], "components": document["components"]}
        Draft202012Validator(schema).validate(answer.json)
        return answer.json

    return checked


@pytest.fixture
def pressed() -> Callable[[Any, str], Any]:
    """A function that presses the button of an unread notice, by the words on it; returns where that leads."""

    def press(page: Any, text: str) -> Any:
        button = page.html.find("button", string=text)
        form = next(form for form in page.forms.values() if button["name"] in form.fields)
        answer = form.submit(button["name"], value=button["value"], status=303)
        while answer.status_int == 303:
            answer = answer.follow()
        return answer

    return press


@pytest.fixture
def choose(registry: Registry) -> Callable[[int, str], None]:
    """A function that chooses how a member gets mails."""

    def do(user_id: int, choice: str) -> None:
        with open_work(registry) as work:
            notices.choose_mail(work, user_id, choice)

    return do
