"""The blog with a million posts beside one with two thousand: the home page, deep pages, people followed, searches.

    python -m benchmarks large
    FLASKY_BENCHMARK_FOLDER=/var/tmp/large python -m benchmarks large     keeps the filled databases for the next time
    FLASKY_BENCHMARK_SMALL=postgresql://… FLASKY_BENCHMARK_LARGE=postgresql://… python -m benchmarks large

Filling the large one takes minutes; FLASKY_BENCHMARK_LARGE_USERS and FLASKY_BENCHMARK_LARGE_POSTS make it smaller. A
database that has posts already is measured as it is.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, delete, event, func, insert, inspect, select, text, update

import flasky
from benchmarks.applications import site_settings
from benchmarks.blog import CALL_ROUNDS, POSTS, USERS, fill, timed
from benchmarks.pages import caller
from benchmarks.tables import ratio, reached, show
from flasky.database import utc_now
from flasky.plugins.blog import reading, search, timeline
from flasky.plugins.blog.models import BlogMember, Follow, Post
from flasky.plugins.blog.reading import Bounds, Cursor, Way

SMALL = (USERS, POSTS)
LARGE = (
    int(os.environ.get("FLASKY_BENCHMARK_LARGE_USERS", "100000")),
    int(os.environ.get("FLASKY_BENCHMARK_LARGE_POSTS", "1000000")),
)
LIMIT = 20
DEPTHS = (1, 100, 5000)
FOLLOWED = (10, 100, 1000, 3000, 10_000)
TIMES = 60
#: Words of the texts that `flasky blog seed` writes: what few or no posts have, and what many have.
SEARCHES = {
    "a word that none has": "qwertyuiop",
    "a word of few posts": "11778",
    "two words that never meet": "canal tomatoes",
    "a common word and one that none has": "kitchen qwertyuiop",
    "a common word": "kitchen",
    "two common words": "kitchen water",
    "a pair of Chinese characters": "一半",
    "one Chinese character": "一",
    "the beginning of many words": "th",
    "the same and a word that none has": "th qwertyuiop",
}
#: How many members are to follow others.
AT_MOST = 2 * len(FOLLOWED)


def run() -> None:
    """Make the data unless it is there, measure, print."""
    kept = os.environ.get("FLASKY_BENCHMARK_FOLDER")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(kept or name)
        settings = [_filled(folder, "small", *SMALL), _filled(folder, "large", *LARGE)]
        home(*settings)
        engine = create_engine(settings[1]["sqlalchemy.url"])
        depth(engine)
        followed(engine)
        searches(engine)


def _filled(folder: Path, name: str, users: int, posts: int) -> dict[str, str]:
    """The settings of a site with so much in it."""
    inside = folder / name
    inside.mkdir(parents=True, exist_ok=True)
    url = os.environ.get(f"FLASKY_BENCHMARK_{name.upper()}") or f"sqlite:///{inside}/blog.sqlite"
    settings = {**site_settings(inside), "flasky.plugins": "main accounts api blog", "sqlalchemy.url": url}
    engine = create_engine(url)
    there = url.startswith("postgresql") or Path(inside, "blog.sqlite").exists()
    if not (there and inspect(engine).has_table("posts")):
        fill(inside, users, posts, settings)
    engine.dispose()
    return settings


def home(small: dict[str, str], large: dict[str, str]) -> None:
    """CPU and time of the home page of both, nothing kept, without a server, in turn."""
    calls = {
        name: caller(flasky.main({}, **settings, **{"blog.keep_lists": "false"}))
        for name, settings in (("small", small), ("large", large))
    }
    rows, reach = [], []
    for clock, spent in (("CPU", timed(calls)), ("time", timed(calls, clock=time.perf_counter))):
        both = ratio(spent["large"], spent["small"])
        rows.append((clock, *(f"{median(times):.3f}" for times in spent.values()), both))
        reach.append(reached(f"home, {LARGE[1]:,} posts / {SMALL[1]:,} posts, {clock}", both, 1.1))
    show(
        f"Home page without a server, nothing kept ({CALL_ROUNDS} rounds)",
        ("ms", f"{SMALL[1]:,} posts", f"{LARGE[1]:,} posts", "ratio"),
        rows,
        reach,
    )


def depth(engine: Engine) -> None:
    """Database time of the list's statement at depth, in turn."""
    depths = [page for page in DEPTHS if page * LIMIT < LARGE[1]]
    with engine.connect() as connection:
        calls: dict[str, Callable[[], Any]] = {}
        for page in depths:
            way, cursor = (Way.FIRST, None) if page == 1 else (Way.OLDER, _place(connection, (page - 1) * LIMIT))
            calls[f"page {page:,}"] = lambda way=way, cursor=cursor: reading.everyone(connection, way, cursor, LIMIT)
        spent = in_turn(calls)
    first = spent["page 1"]
    rows = [(name, f"{median(times):.3f}", f"{min(times):.3f}", ratio(times, first)) for name, times in spent.items()]
    reach = [reached(f"{list(spent)[-1]} / page 1", ratio(spent[list(spent)[-1]], first), 1.5)]
    show(f"The list's statement at depth, {LARGE[1]:,} posts", ("page", "ms", "least", "x page 1"), rows, reach)


def _place(connection: Connection, offset: int) -> Cursor:
    posts = select(Post.listed_at, Post.id).where(Post.listed_at.is_not(None))
    newest = posts.order_by(Post.listed_at.desc(), Post.id.desc())
    return Cursor(*connection.execute(newest.offset(offset).limit(1)).one())


def followed(engine: Engine) -> None:
    """Database time of "those I follow": members who follow more and more.

    First people of every kind, then quiet ones: nobody who wrote one of the newest fifth of all posts.
    """
    spent: dict[str, list[float]] = {}
    whole: dict[str, list[float]] = {}
    with engine.connect() as connection:
        posts = connection.scalar(select(func.count()).select_from(Post)) or 0
        people = list(connection.execute(text("SELECT id FROM users ORDER BY id LIMIT 100000")).scalars())
        middle = _place(connection, posts // 2)
        loud = _wrote_last(connection, posts // 5)
    # Another one follows each time: rows of an earlier time, deleted but not yet gone, would be gone through again.
    followers, others = people[:AT_MOST], people[AT_MOST:]
    quiet = [other for other in others if other not in loud]
    with _back_again(engine, followers):
        for kind, pool in (("", others), ("quiet ", quiet)):
            for number in (number for number in FOLLOWED if number <= len(pool)):
                me = followers.pop()
                _follow(engine, me, pool[:: len(pool) // number][:number])
                with engine.connect() as connection:
                    ask = partial(timeline.of_followed, connection, me, number, limit=LIMIT)
                    name = f"{number:,} {kind}followed"
                    calls = {
                        name: partial(ask, way=Way.FIRST, cursor=None),
                        f"{name}, from the middle on": partial(ask, way=Way.OLDER, cursor=middle),
                        f"{name}, the last page": partial(ask, way=Way.OLDER, cursor=_last_place(connection, me)),
                        f"{name}, back to the first": partial(
                            ask, way=Way.NEWER, cursor=ask(way=Way.FIRST, cursor=None).older
                        ),
                    }
                    spent |= in_turn({name: _statements_of(connection, call) for name, call in calls.items()})
                    whole |= in_turn(calls)
    show(
        f"Those I follow, {posts:,} posts",
        ("list", "ms in the database", "least", "with SQLAlchemy, least"),
        [
            (name, f"{median(times):.3f}", f"{min(times):.3f}", f"{min(whole[name]):.3f}")
            for name, times in spent.items()
        ],
        # The least: what other programs take of the machine is in all others.
        [reached(f"{name}: ms in the database, the least of {TIMES}", min(times), 5) for name, times in spent.items()],
    )


def _statements_of(connection: Connection, call: Callable[[], Any]) -> Callable[[], None]:
    """What asks the driver itself for the rows that `call` asks SQLAlchemy for: the database's part of its time."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", note)
    call()
    event.remove(connection, "before_cursor_execute", note)
    cursor = connection.connection.cursor()

    def ask() -> None:
        for statement, parameters in asked:
            cursor.execute(statement, parameters)
            cursor.fetchall()

    return ask


@contextmanager
def _back_again(engine: Engine, followers: list[int]) -> Iterator[None]:
    """Let these members follow again, behind the block, whom they followed before it."""
    those = tuple(followers)
    with engine.connect() as connection:
        rows = connection.execute(select(inspect(Follow).local_table).where(Follow.follower_id.in_(those))).all()
    try:
        yield
    finally:
        for me in those:
            _follow(engine, me, [row.followed_id for row in rows if row.follower_id == me])


def _wrote_last(connection: Connection, number: int) -> set[int | None]:
    posts = select(Post.author_id).where(Post.listed_at.is_not(None))
    return set(connection.scalars(posts.order_by(Post.listed_at.desc(), Post.id.desc()).limit(number)))


def _follow(engine: Engine, me: int, chosen: list[int]) -> None:
    """Let `me` follow these and nobody else, and the database have tidied up, as behind most of a list it has."""
    rows = [{"follower_id": me, "followed_id": other, "created_at": utc_now()} for other in chosen]
    with engine.begin() as connection:
        connection.execute(delete(Follow).where(Follow.follower_id == me))
        if rows:
            connection.execute(insert(inspect(Follow).local_table), rows)
        connection.execute(update(BlogMember).where(BlogMember.user_id == me).values(following_count=len(chosen)))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE follows" if engine.name == "postgresql" else "ANALYZE follows"))
        if connection.scalar(select(func.count()).where(Follow.follower_id == me)) != len(chosen):
            raise RuntimeError(f"{len(chosen)} people are to be followed, and are not")


def _last_place(connection: Connection, me: int) -> Cursor:
    """The place behind which half a page is left of the list of those whom `me` follows."""
    theirs = Post.author_id.in_(select(Follow.followed_id).where(Follow.follower_id == me))
    posts = select(Post.listed_at, Post.id).where(theirs, Post.listed_at.is_not(None))
    oldest = posts.order_by(Post.listed_at, Post.id).offset(LIMIT // 2).limit(1)
    return Cursor(*connection.execute(oldest).one())


def searches(engine: Engine) -> None:
    """CPU of searches from the beginning and from the middle on: of the columns for programs, without marking words."""
    calls: dict[str, Callable[[], Any]] = {}
    with engine.connect() as connection:
        clock = _cpu_clock(connection)
        posts = connection.scalar(select(func.max(Post.id))) or 0
        for asked in SEARCHES.values():
            for place, bounds in (("beginning", Bounds()), ("middle", Bounds(below=posts // 2))):
                calls[f"{asked} {place}"] = partial(search.find_for_programs, connection, asked, bounds, LIMIT)
        used = in_turn(calls, clock)
    show(
        f"Searches, {posts:,} posts: CPU ms, the least of {TIMES}",
        ("for", "asked", "beginning", "middle"),
        [
            (name, asked, *(f"{min(used[f'{asked} {place}']):.2f}" for place in ("beginning", "middle")))
            for name, asked in SEARCHES.items()
        ],
        [],
    )


def _cpu_clock(connection: Connection) -> Callable[[], float]:
    """Seconds of CPU that this thread has used, and with it PostgreSQL's process for this connection."""
    if connection.dialect.name != "postgresql":
        return time.thread_time
    process = Path(f"/proc/{connection.scalar(text('SELECT pg_backend_pid()'))}/schedstat")

    def clock() -> float:
        return time.thread_time() + int(process.read_text(encoding="ascii").split()[0]) / 1e9

    return clock


def in_turn(
    calls: dict[str, Callable[[], Any]], clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Milliseconds of each call by `clock`, `TIMES` times in turn."""
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        for _ in range(5):
            call()
    for _round in range(TIMES):
        for name, call in calls.items():
            begin = clock()
            call()
            spent[name].append((clock() - begin) * 1000)
    return spent
