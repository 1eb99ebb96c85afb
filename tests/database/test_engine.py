"""Engines: what they are set to, and how they behave when the database is busy, gone or not there."""

from __future__ import annotations

import contextlib
import select
import sqlite3
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, NullPool, Row, event, make_url, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from flasky.database import get_database
from flasky.database.engine import (
    MIGRATION_WAIT_SECONDS,
    POOL_TIMEOUT_SECONDS,
    make_engine,
    make_migration_engine,
    make_read_engine,
    sqlite_file,
)
from flasky.database.session import Database
from flasky.database.turns import Turns
from flasky.startup import CannotStart


@pytest.fixture
def url(tmp_path: Path) -> str:
    """An SQLite database with one table."""
    address = f"sqlite:///{tmp_path}/data.sqlite"
    engine = make_migration_engine(address)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE counters (id INTEGER PRIMARY KEY, number INTEGER)"))
        connection.execute(text("INSERT INTO counters VALUES (1, 0)"))
    engine.dispose()
    return address


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A second set of engines on the application's database."""
    database = Database(database_url, strict=True)
    yield database
    database.dispose()


def pragmas(engine: Any, *names: str) -> tuple[Any, ...]:
    with engine.connect() as connection:
        return tuple(connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names)


def test_p5_the_pragmas_are_really_set(url: str) -> None:
    names = ("journal_mode", "foreign_keys", "synchronous", "busy_timeout", "query_only")
    assert pragmas(make_engine(url), *names) == ("wal", 1, 2, 5000, 0)
    assert pragmas(make_read_engine(url), *names) == ("wal", 1, 2, 5000, 1)


def test_p3_a_migration_has_foreign_keys_off_and_waits_long(url: str) -> None:
    wait = MIGRATION_WAIT_SECONDS * 1000
    assert pragmas(make_migration_engine(url), "foreign_keys", "busy_timeout") == (0, wait)


def test_p1_f22_eight_threads_lose_no_update(app: Any, database_url: str) -> None:
    """The recipe of PITFALLS P1: read, compute, write, in 8 threads; on PostgreSQL with the row locked."""
    database = get_database(app.registry)
    lock = " FOR UPDATE" if database.engine.dialect.name == "postgresql" else ""
    with database.engine.begin() as connection:
        connection.execute(text("INSERT INTO shelves (name, number) VALUES ('counter', 0)"))
    failures: list[BaseException] = []

    def count() -> None:
        try:
            for _ in range(30):
                with database.engine.begin() as connection:
                    number = connection.execute(text(f"SELECT number FROM shelves{lock}")).scalar_one()  # noqa: S608
                    connection.execute(text("UPDATE shelves SET number = :n"), {"n": number + 1})
        except BaseException as error:  # noqa: BLE001 - reported by the test
            failures.append(error)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with database.read_engine.connect() as connection:
        assert connection.execute(text("SELECT number FROM shelves")).scalar_one() == 8 * 30


def test_p2_rolling_back_undoes_a_released_savepoint(database: Database) -> None:
    with database.engine.connect() as connection:
        transaction = connection.begin()
        with connection.begin_nested():
            connection.execute(text("INSERT INTO shelves (name, number) VALUES ('inner', 0)"))
        transaction.rollback()
    with database.read_engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM shelves")).scalar_one() == 0


def test_p4_ddl_is_rolled_back_with_the_rest(database: Database) -> None:
    with database.engine.connect() as connection:
        transaction = connection.begin()
        connection.execute(text("CREATE TABLE half_made (id INTEGER)"))
        transaction.rollback()
    with database.read_engine.connect() as connection, pytest.raises(DBAPIError, match="half_made"):
        connection.execute(text("SELECT * FROM half_made"))


def test_f21_a_lock_that_is_held_too_long_is_an_operational_error_and_reading_goes_on(url: str, tmp_path: Path) -> None:
    holder = sqlite3.connect(tmp_path / "data.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    writing = make_engine(url)
    with pytest.raises(OperationalError) as caught, writing.begin():
        pass
    assert caught.value.orig.sqlite_errorname == "SQLITE_BUSY"
    with make_read_engine(url).connect() as connection:
        assert connection.execute(text("SELECT number FROM counters")).scalar_one() == 0
    holder.execute("ROLLBACK")
    holder.close()
    assert writing.pool.checkedout() == 0


def test_f21_a_short_lock_is_waited_for(url: str, tmp_path: Path) -> None:
    holder = sqlite3.connect(tmp_path / "data.sqlite", isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.3, lambda: holder.execute("COMMIT"))
    release.start()
    began = time.monotonic()
    with make_engine(url).begin() as connection:
        connection.execute(text("UPDATE counters SET number = 1"))
    assert time.monotonic() - began >= 0.25
    release.join()
    holder.close()


def test_f21_within_a_process_whoever_asked_first_writes_first(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Turns] = []

    class Noted(Turns):
        def __init__(self) -> None:
            super().__init__()
            made.append(self)

    monkeypatch.setattr("flasky.database.engine.Turns", Noted)
    engine = make_engine(url, pool_size=9)
    [turns] = made
    order: list[int] = []

    def write(number: int) -> None:
        with engine.begin() as connection:
            order.append(number)
            connection.execute(text("UPDATE counters SET number = number + 1"))

    with ThreadPoolExecutor(8) as pool:
        with engine.begin():
            writing = []
            for number in range(8):
                writing.append(pool.submit(write, number))
                deadline = time.monotonic() + 10
                while len(turns._waiting) <= number and time.monotonic() < deadline:
                    time.sleep(0.001)
            assert not order
        for one in writing:
            one.result(10)
    assert order == list(range(8))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT number FROM counters")).scalar_one() == 8


def test_f21_who_waits_too_long_for_others_of_the_process_hears_it_from_sqlite(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flasky.database.engine.BUSY_TIMEOUT_MS", 100)
    engine = make_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE counters SET number = 1"))
        with pytest.raises(OperationalError) as caught, engine.begin():
            pass
        assert caught.value.orig.sqlite_errorname == "SQLITE_BUSY"
    # Nobody is in the way any more, and a connection that gave up is as patient as any other.
    with engine.begin() as first:
        first.execute(text("UPDATE counters SET number = 2"))
    one, two = engine.raw_connection(), engine.raw_connection()
    patience = {again.execute("PRAGMA busy_timeout").fetchone()[0] for again in (one, two)}
    one.close()
    two.close()
    assert patience == {5000, 100}, "the one that gave up got the limit of now, the other kept that of its beginning"


def test_f21_who_waited_for_others_of_the_process_has_so_much_less_patience_for_other_processes(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flasky.database.engine.BUSY_TIMEOUT_MS", 1000)
    engine = make_engine(url)
    waiting = threading.Event()
    found: list[int] = []

    def write() -> None:
        waiting.set()
        with contextlib.suppress(OperationalError), engine.begin() as connection:
            found.append(connection.connection.dbapi_connection.execute("PRAGMA busy_timeout").fetchone()[0])

    second = threading.Thread(target=write)
    with engine.begin():
        second.start()
        waiting.wait()
        time.sleep(0.5)
    second.join()
    assert 0 < found[0] < 1000


def test_a_turn_can_be_given_back_wherever_python_collects_garbage() -> None:
    """A forgotten connection's turn is given back by the collector, in a thread that may be asking for one itself."""
    turns = Turns()
    assert turns.take(1)

    def collect_in_the_middle() -> None:
        with turns._mutex:
            turns.give()

    collecting = threading.Thread(target=collect_in_the_middle, daemon=True)
    collecting.start()
    collecting.join(10)
    assert not collecting.is_alive(), "it waits for itself"
    assert turns.take(0)


def test_f21_the_turn_of_a_connection_that_is_given_up_goes_on(url: str) -> None:
    engine = make_engine(url)
    with engine.connect() as connection:
        connection.execute(text("UPDATE counters SET number = 1"))
        connection.invalidate()
    with engine.begin() as connection:
        assert connection.execute(text("SELECT number FROM counters")).scalar_one() == 0


def test_f24_nothing_is_written_into_a_file_that_was_deleted(url: str, tmp_path: Path) -> None:
    engine = make_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE counters SET number = 1"))
    (tmp_path / "data.sqlite").unlink()
    with pytest.raises(OperationalError, match="unable to open"), engine.begin() as connection:
        connection.execute(text("UPDATE counters SET number = 2"))
    assert not (tmp_path / "data.sqlite").exists()


def test_f24_a_file_that_was_replaced_is_opened_anew(url: str, tmp_path: Path) -> None:
    file = tmp_path / "data.sqlite"
    engine = make_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE counters SET number = 1"))
    other = sqlite3.connect(tmp_path / "restored.sqlite")
    other.execute("CREATE TABLE counters (id INTEGER PRIMARY KEY, number INTEGER)")
    other.execute("INSERT INTO counters VALUES (1, 7)")
    other.commit()
    other.close()
    for leftover in tmp_path.glob("data.sqlite-*"):
        leftover.unlink()
    (tmp_path / "restored.sqlite").replace(file)
    with engine.begin() as connection:
        assert connection.execute(text("SELECT number FROM counters")).scalar_one() == 7


def test_f26_a_missing_file_is_never_made_by_the_site(tmp_path: Path) -> None:
    for make in (make_engine, make_read_engine):
        with pytest.raises(OperationalError, match="unable to open"):
            make(f"sqlite:///{tmp_path}/none.sqlite").connect()
    assert list(tmp_path.iterdir()) == []


def test_a_file_name_may_hold_anything(tmp_path: Path) -> None:
    url = URL.create("sqlite", database=str(tmp_path / "we #1? 100% 胡同.sqlite"))
    with make_migration_engine(url).begin() as connection:
        connection.execute(text("CREATE TABLE t (id INTEGER)"))
    with make_engine(url).begin() as connection:
        connection.execute(text("INSERT INTO t VALUES (1)"))
    assert sqlite_file(url).exists()
    assert sqlite_file("sqlite://") is None
    assert sqlite_file("postgresql://localhost/x") is None


def test_f30_a_pool_that_is_exhausted_says_so_within_five_seconds(database_url: str) -> None:
    engine = make_engine(database_url, pool_size=1, max_overflow=0, pool_timeout=0.2)
    with engine.connect(), pytest.raises(PoolTimeout):
        engine.connect()
    engine.dispose()
    usual = make_engine(database_url)
    assert usual.pool._timeout == POOL_TIMEOUT_SECONDS == 5
    usual.dispose()


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg"])
def test_both_ways_to_write_a_postgresql_url_mean_psycopg_3(scheme: str) -> None:
    engine = make_engine(f"{scheme}://user:p%40ss%25@localhost:1/none")
    assert (engine.dialect.name, engine.driver) == ("postgresql", "psycopg")
    assert engine.url.password == "p@ss%"


def test_cfg_03_an_engine_does_not_show_the_passwords_of_its_query() -> None:
    """They are sent all the same, the last one of several."""
    engine = make_engine("postgresql:///db?host=h&user=u&password=first&password=last&sslpassword=tls")
    assert repr(engine) == "Engine(postgresql+psycopg:///db?host=h&user=u)"
    sent: dict[str, Any] = {}

    @event.listens_for(engine, "do_connect")
    def look(_dialect: object, _record: object, _arguments: object, options: dict[str, Any]) -> None:
        sent.update(options)
        raise InterruptedError

    with pytest.raises(InterruptedError):
        engine.connect()
    assert (sent["password"], sent["sslpassword"], sent["host"]) == ("last", "tls", "h")


def test_f29_a_server_that_is_away_is_told_at_once() -> None:
    began = time.monotonic()
    with pytest.raises(OperationalError):
        make_engine("postgresql://user@127.0.0.1:1/none").connect()
    assert time.monotonic() - began < 3


def test_f28_a_connection_that_the_server_closed_is_replaced_unseen(database: Database) -> None:
    if database.engine.dialect.name == "sqlite":
        return  # There is no server that could close anything.
    for engine in (database.engine, database.read_engine):
        with engine.connect() as connection:
            backend: Row[Any] = connection.execute(text("SELECT pg_backend_pid()")).one()
        with make_engine(database.engine.url, poolclass=NullPool).begin() as administrator:
            administrator.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": backend[0]})
        with engine.connect() as connection:
            assert connection.execute(text("SELECT 1")).scalar_one() == 1


def test_f28_a_connection_is_asked_only_when_the_server_said_something_or_after_a_long_rest(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asking whenever a connection is used would be a second round trip for each page."""
    engine = database.read_engine
    if engine.dialect.name == "sqlite":
        return  # There is nobody to ask.
    asked: list[object] = []
    ping = engine.dialect.do_ping
    monkeypatch.setattr(engine.dialect, "do_ping", lambda connection: asked.append(connection) or ping(connection))

    def backend() -> int:
        with engine.connect() as connection:
            return int(connection.scalar(text("SELECT pg_backend_pid()")) or 0)

    first = backend()
    assert (backend(), asked) == (first, [])
    with engine.connect() as connection:
        connection.execute(text("LISTEN something"))
        driver: Any = connection.connection.dbapi_connection
    with make_engine(engine.url, poolclass=NullPool).begin() as other:
        other.execute(text("NOTIFY something"))
    assert select.select([driver], [], [], 10)[0]
    # Told and alive: it is asked, answers, and is used further.
    assert (backend(), len(asked)) == (first, 1)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 31)
    assert (backend(), len(asked)) == (first, 2)


def test_a_missing_driver_is_named_with_the_command_that_installs_it() -> None:
    """In a process of its own, where psycopg cannot be imported."""
    program = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from flasky.database.engine import make_engine\n"
        "make_engine('postgresql://user@localhost/x')"
    )
    outcome = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert outcome.returncode == 1
    assert 'needs the driver psycopg, which is not installed. Install it with: pip install "flasky[postgresql]"' in (
        outcome.stderr
    )


def test_another_kind_of_database_is_refused_with_what_is_supported() -> None:
    with pytest.raises(CannotStart, match="Flasky runs on sqlite:// and postgresql:// databases"):
        make_engine("mysql://user@localhost/x")


def test_the_reading_engine_cannot_write_whatever_it_is_asked(database: Database) -> None:
    with database.read_engine.connect() as connection, pytest.raises(Exception, match="tried to change the database"):
        connection.execute(text("CREATE TABLE never_made (id INTEGER)"))


@pytest.mark.databases("postgresql")
def test_log_01_what_the_server_says_of_a_row_is_in_no_error(database: Database) -> None:
    """It repeats values, or the whole row; what it says of tables and types stays."""
    names = "CREATE TEMPORARY TABLE names (name text CONSTRAINT once UNIQUE DEFERRABLE INITIALLY DEFERRED, "
    names += "twin text UNIQUE, CONSTRAINT short CHECK (length(name) < 9))"
    refused = {
        "INSERT INTO names VALUES ('secret', 'b'), ('secret', 'c')": 'violates unique constraint "once"',
        "INSERT INTO names VALUES ('a', 'secret'), ('b', 'secret')": 'violates unique constraint "names_twin_key"',
        "INSERT INTO names VALUES ('a secret name', 'a')": 'violates check constraint "short"',
        "CREATE TEMPORARY VIEW view AS TABLE names; DROP TABLE names": "view view depends on table names\nHINT:",
    }
    for statement, words in refused.items():
        # PostgreSQL asks the deferred constraint only at COMMIT.
        with pytest.raises(DBAPIError) as caught, database.engine.begin() as connection:
            connection.exec_driver_sql(f"{names}; {statement}")
        # The last line is SQLAlchemy's, with the statement.
        said = "".join(traceback.format_exception(caught.value)).replace(statement, "")
        assert said.count(words) == 2
        assert "secret" not in said


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize("make", [make_engine, make_read_engine, make_migration_engine])
def test_the_options_of_the_address_hold_for_every_connection(make: Any, database_url: str) -> None:
    """Else one site would read in another schema than it writes to."""
    address = make_url(database_url).update_query_dict({"options": "-c search_path=elsewhere"})
    engine = make(address)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW search_path").scalar() == "elsewhere"
    engine.dispose()
