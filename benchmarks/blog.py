"""The blog's home page with 100 members and 2,000 posts: beside a bare Pyramid view and other frameworks.

    python -m benchmarks blog
    FLASKY_BENCHMARK_POSTS=50000 FLASKY_BENCHMARK_USERS=5000 python -m benchmarks blog
    FLASKY_BENCHMARK_FOLDER=/var/tmp/blog python -m benchmarks blog      keeps what was filled for the next time
    FLASKY_BENCHMARK_DATABASE=postgresql://… python -m benchmarks blog

The peers are Flask and Django on the same server (waitress, four threads) and FastAPI on uvicorn, each on the same
database. A database that has posts already is measured as it is. Where there are more than 100,000 posts, the peers
take part on the server alone: two of them count all posts for each page, which takes them too long to be asked for
hundreds of pages.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import create_engine, func, inspect, select
from sqlalchemy.orm import joinedload
from webob import Request

import flasky
from benchmarks.applications import APPLICATIONS, blog_settings
from benchmarks.driving import Load, drive
from benchmarks.pages import caller
from benchmarks.serving import serving
from benchmarks.tables import ratio, reached, show
from flasky.database import get_database
from flasky.logs import STATEMENTS
from flasky.plugins.accounts import sessions
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.work import open_work
from flasky.plugins.blog.models import Post

USERS = int(os.environ.get("FLASKY_BENCHMARK_USERS", "100"))
POSTS = int(os.environ.get("FLASKY_BENCHMARK_POSTS", "2000"))
ROUNDS = 3
SECONDS = 3
CALL_ROUNDS = 20
CALLS = 20
BY_HAND = (
    "Pyramid, by hand",
    "Pyramid, by hand, Flasky's templates and requests",
)
PEERS = ("Flask", "Django", "FastAPI")
MOST_FOR_PEERS = 100_000


def run() -> None:
    """Make the data, measure, print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(os.environ.get("FLASKY_BENCHMARK_FOLDER") or name)
        folder.mkdir(parents=True, exist_ok=True)
        engine = create_engine(blog_settings(folder)["sqlalchemy.url"])
        if not inspect(engine).has_table("posts"):
            fill(folder, USERS, POSTS)
        with engine.connect() as connection:
            posts = connection.scalar(select(func.count()).select_from(Post)) or 0
        engine.dispose()
        statements(folder)
        in_process(folder, posts)
        beside_hand_made(folder)
        served(folder, posts)


def fill(folder: Path, users: int, posts: int, settings: Mapping[str, str] | None = None) -> None:
    """Make the database with the site's own commands, in `folder` or where `settings` say."""
    ini = folder / "site.ini"
    here = Path(__file__).resolve().parent.parent
    # As INI files have it; an address may have one: of a socket's folder, say.
    lines = [f"{key} = {value.replace('%', '%%')}" for key, value in (settings or blog_settings(folder)).items()]
    ini.write_text(
        "[app:main]\nuse = egg:flasky\n" + "\n".join(lines) + "\n"
        f"[alembic]\nscript_location = {here}/alembic\npath_separator = space\n"
        "[loggers]\nkeys = root\n[handlers]\nkeys = console\n[formatters]\nkeys = plain\n"
        "[logger_root]\nlevel = ERROR\nhandlers = console\n"
        "[handler_console]\nclass = StreamHandler\nargs = (sys.stderr,)\nformatter = plain\n"
        "[formatter_plain]\nformat = %(message)s\n",
        encoding="utf-8",
    )
    tools = Path(sys.executable).parent
    begin = time.perf_counter()
    subprocess.run([tools / "alembic", "-c", ini, "upgrade", "heads"], check=True)  # noqa: S603 - our own command
    seed = ["blog", "seed", "--force", "--users", str(users), "--posts", str(posts)]
    subprocess.run([tools / "flasky", "--ini", ini, *seed], check=True)  # noqa: S603 - our own command
    print(f"Made in {time.perf_counter() - begin:.0f} s.")


def sign_in(settings: dict[str, str], number: int) -> list[str]:
    """The session cookies of the first `number` members, signed in now."""
    application = flasky.main({}, **settings)
    with open_work(application.registry) as work:
        query = select(User).order_by(User.id).limit(number).options(joinedload(User.role))
        cookies = [sessions.start(work, user).secret for user in work.db.scalars(query).all()]
    get_database(application.registry).dispose()
    return cookies


def statements(folder: Path) -> None:
    """How many statements a page sends, as the site counts them itself: in tests, where it looks at each."""
    settings = {**blog_settings(folder), "flasky.environment": "testing"}
    member = f"session={sign_in(settings, 1)[0]}"
    rows = []
    for name, keep_lists in (("nothing kept", "false"), ("lists kept", "true")):
        application = flasky.main({}, **settings, **{"blog.keep_lists": keep_lists})
        counts = [_statements(application, cookie) for cookie in ("", member)]
        rows.append((name, *counts))
        get_database(application.registry).dispose()
    show("Home page, statements", ("", "visitor", "member"), rows)


def _statements(application: Any, cookie: str) -> int:
    request = Request.blank("/", headers={"Cookie": cookie} if cookie else {})
    # The second time: lists are kept then.
    for _time in range(2):
        answer = request.get_response(application)
    if answer.status_code != 200 or ("/auth/login" in answer.text) is bool(cookie):
        raise RuntimeError(f"the home page answered {answer.status}, or is somebody else's")
    return int(request.environ[STATEMENTS])


def in_process(folder: Path, posts: int) -> None:
    """CPU of the page without a server."""
    names = ["bare Pyramid", "Flasky blog", "Flasky blog, lists kept"]
    if posts <= MOST_FOR_PEERS:
        names += ["Flask", "Django"]
    calls = {name: caller(APPLICATIONS[name](folder)) for name in names}
    calls["304"] = not_modified(APPLICATIONS["Flasky blog, lists kept"](folder))
    times = timed(calls)
    show(
        f"Home page with {posts:,} posts, without a server ({CALL_ROUNDS} rounds of {CALLS} requests)",
        ("application", "CPU ms", "x bare Pyramid", "Flask / it"),
        [
            (
                name,
                f"{median(spent):.3f}",
                ratio(spent, times["bare Pyramid"]),
                ratio(times["Flask"], spent) if "Flask" in times else "",
            )
            for name, spent in times.items()
        ],
        [
            reached("nothing kept, CPU times a bare view's", ratio(times["Flasky blog"], times["bare Pyramid"]), 10),
            reached(
                "list kept and compared, CPU times a bare view's",
                ratio(times["Flasky blog, lists kept"], times["bare Pyramid"]),
                5,
            ),
            reached("304, CPU times a bare view's", ratio(times["304"], times["bare Pyramid"]), 4),
        ],
    )


def beside_hand_made(folder: Path) -> None:
    """What all of Flasky costs: CPU of the page beside one hand-made application's, of both kinds.

    They are close to each other, so the least of many short batches counts: in all others is what else a machine does.
    """
    calls = {name: caller(APPLICATIONS[name](folder)) for name in ("Flasky blog", *BY_HAND)}
    least = {name: min(spent) for name, spent in timed(calls, rounds=300, requests=5).items()}
    ours = least["Flasky blog"]
    show(
        "Home page, nothing kept, beside one hand-made application (the least of 300 batches of 5 requests in turn)",
        ("application", "CPU ms", "Flasky / it"),
        [(name, f"{spent:.3f}", ours / spent) for name, spent in least.items()],
        [
            reached("CPU times that of the one with the libraries as they come", ours / least[BY_HAND[0]], 1.05),
            reached("CPU times that of the one with Flasky's templates and requests", ours / least[BY_HAND[1]], 1.05),
        ],
    )


def timed(
    calls: dict[str, Callable[[], None]],
    clock: Callable[[], float] = time.process_time,
    rounds: int = CALL_ROUNDS,
    requests: int = CALLS,
) -> dict[str, list[float]]:
    """Milliseconds a call by `clock`, CPU time unless told otherwise, in rounds that alternate."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        for _ in range(5):
            call()
    for _round in range(rounds):
        for name, call in calls.items():
            begin = clock()
            for _ in range(requests):
                call()
            times[name].append((clock() - begin) / requests * 1000)
    return times


def not_modified(application: Any) -> Callable[[], None]:
    """A caller that has the page already."""
    headers: dict[str, str] = {}

    def note(environ: Any, start_response: Any) -> Any:
        def start(status: str, given: Any, error: Any = None) -> Any:
            if not headers:
                headers.update(given)
            # The caller wants 200, and 304 is what is measured.
            return start_response("200 OK" if status.startswith("304") else status, given, error)

        if "ETag" in headers:
            environ["HTTP_IF_NONE_MATCH"] = headers["ETag"]
        return application(environ, start)

    return caller(note)


def served(folder: Path, posts: int) -> None:
    """Requests per second behind the same server."""
    names = ["bare Pyramid", "Flasky blog", "Flasky blog, lists kept", *PEERS]
    loads: dict[str, list[Load]] = {name: [] for name in names}
    with ExitStack() as stack:
        servers = [stack.enter_context(serving(name, folder)) for name in names]
        for server in servers:
            drive(server.port, "/", 0.5)
        for _round in range(ROUNDS):
            for server in servers:
                loads[server.name].append(drive(server.port, "/", SECONDS))
    per_second = {name: [load.per_second for load in loads[name]] for name in names}
    reach = []
    for name, bound in (("Flasky blog", 12), ("Flasky blog, lists kept", 20)):
        figure = ratio(per_second[name], per_second["Flask"])
        reach.append(reached(f"{name}: requests per second, times Flask's", figure, bound, least=True))
    show(
        f"Home page with {posts:,} posts ({ROUNDS} rounds of {SECONDS} s, 8 connections; FastAPI on uvicorn)",
        ("application", "requests/s", "x Flask", "p50 ms", "p99 ms"),
        [
            (
                name,
                median(per_second[name]),
                ratio(per_second[name], per_second["Flask"]),
                median(load.percentile(0.5) for load in loads[name]),
                median(load.percentile(0.99) for load in loads[name]),
            )
            for name in names
        ],
        reach,
    )
