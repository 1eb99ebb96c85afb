"""The list of members, of 250,000: its first page, its page 5,000 and its last, for a member who is signed in.

    python -m benchmarks members
    FLASKY_BENCHMARK_MEMBERS=1000000 python -m benchmarks members
    FLASKY_BENCHMARK_DATABASE=postgresql+psycopg://…/an_empty_database python -m benchmarks members

In one process without any server; the time of a whole request, template included. Rounds alternate between the pages.
"""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from pathlib import Path
from statistics import median

from sqlalchemy import insert, select, text
from sqlalchemy.orm import joinedload
from webob import Request

import flasky
from benchmarks.tables import show
from flasky.database import Base, get_database
from flasky.plugins.accounts import registration, sessions
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.work import open_work
from flasky.testing.schema import migrate
from flasky.wsgi import Application

ON_A_PAGE = 50
MEMBERS = int(os.environ.get("FLASKY_BENCHMARK_MEMBERS", "250000"))
PAGE = min(5_000, MEMBERS // ON_A_PAGE)
_AT_ONCE = 10_000
ROUNDS = 60


def run() -> None:
    """Measure and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "data.sqlite"
        database.touch()
        settings = {
            "flasky.environment": "production",
            "flasky.plugins": "main accounts",
            "flasky.base_url": "http://localhost",
            "flasky.secret_key": secrets.token_urlsafe(48),
            "flasky.admin": "owner@example.com",
            "mail.host": "127.0.0.1",
            "sqlalchemy.url": os.environ.get("FLASKY_BENCHMARK_DATABASE") or f"sqlite:///{database}",
        }
        migrate(settings)
        application = flasky.main({}, **settings)
        cookie = fill(application)
        # Each page comes after the one that ends with this member.
        pages = (PAGE, MEMBERS // ON_A_PAGE)
        paths = {f"page {page:,}": f"/people?after=member+{(page - 1) * ON_A_PAGE - 1:07}" for page in pages}
        paths = {"first page": "/people", **paths}
        milliseconds: dict[str, list[float]] = {name: [] for name in paths}
        for _round in range(ROUNDS):
            for name, path in paths.items():
                milliseconds[name].append(_timed(application, path, cookie))
        get_database(application.registry).dispose()
    rows = [(name, median(milliseconds[name]), min(milliseconds[name])) for name in paths]
    show(f"The list of {MEMBERS:,} members, milliseconds a page", ("", "median", "best"), rows)


def fill(application: Application) -> str:
    """Make the members; returns the session cookie of one of them."""
    with open_work(application.registry) as work:
        role = registration.find_role(work, "User")
        shared = {"role_id": role.id, "confirmed_at": work.now(), "created_at": work.now()}
        for first in range(0, MEMBERS, _AT_ONCE):
            names = [f"member {number:07}" for number in range(first, min(first + _AT_ONCE, MEMBERS))]
            rows = [{"username": name, "username_key": name, "username_skeleton": name, **shared} for name in names]
            # Into the table, as the mapper would make each of them an object.
            work.db.execute(insert(Base.metadata.tables["users"]), rows)
        if work.db.get_bind().dialect.name == "postgresql":
            # Its server does so by itself within a minute; until then it does not know how many there are.
            work.db.execute(text("ANALYZE"))
        query = select(User).where(User.username == "member 0000000").options(joinedload(User.role))
        return f"__Host-session={sessions.start(work, work.db.scalars(query).one()).secret}"


def _timed(application: Application, path: str, cookie: str) -> float:
    request = Request.blank(path, headers={"Cookie": f"{cookie}; {cookie.removeprefix('__Host-')}"})
    began = time.perf_counter()
    answer = request.get_response(application)
    taken = (time.perf_counter() - began) * 1000
    if answer.status_code != 200 or answer.text.count('class="avatar"') != ON_A_PAGE:
        raise RuntimeError(f"{path} answered {answer.status}, which is not a page of 50 members")
    return taken
