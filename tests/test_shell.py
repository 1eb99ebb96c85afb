"""`pshell`: typed into as a person does it, in a real process; and its session, which keeps nobody out."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyramid.registry import Registry
from pyramid.request import Request
from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session
from warm import WarmConsole

from flasky.database import get_database
from flasky.plugins.accounts.models import Role
from flasky.shell import ShellSession, ShellTransaction, banner, names, setup

Typed = Callable[..., tuple[str, list[str]]]


@pytest.fixture
def typed(warm_console: WarmConsole, tmp_path: Path) -> Typed:
    """A function that types lines into `pshell`; returns what went to standard error (banner, tracebacks) and each
    line's answer."""

    def run(ini: Path, *lines: str) -> tuple[str, list[str]]:
        environ = {**os.environ, "PYTHONIOENCODING": "utf-8"}
        text = "".join(f"{line}\n" for line in lines)
        done = warm_console.run("pshell", str(ini), folder=tmp_path, environ=environ, typed=text)
        assert done.returncode == 0, done.stderr
        return done.stderr, [answer.strip() for answer in re.split(r">>> ", done.stdout)[1:]]

    return run


def test_parity_17_and_19_the_walk(typed: Typed, ini_file: Callable[..., Path], database_url: str, db: Session) -> None:
    """`db` shows the engine; add a Role, commit, query it; a failed flush tells what to do, and the session goes on."""
    ini = ini_file(sqlalchemy__url=database_url, flasky__environment="development")
    said, answers = typed(
        ini,
        "db",
        "db.add(Role(name='胡同'))",
        "db.commit()",
        "db.scalars(select(Role).where(Role.name == '胡同')).all()",
        "db.add(Role(name='胡同'))",
        "db.commit()",
        "db.rollback()",
        "db.scalars(select(Role).where(Role.name == '胡同')).one().users.count()",
        "db.add(Role(name='by tm')); tm.commit()",
        "db.scalar(select(func.count()).where(Role.name == 'by tm'))",
        "routes('/')",
        "print(app is not None, request.db is db, engine.name, OutgoingMail.__tablename__)",
        "db.add(Role(name='forgotten'))",
    )
    assert re.match(r"<Session on (sqlite|postgresql)", answers[0])
    assert answers[3] == "[<Role '胡同'>]"
    assert "Another row already has this value." in said
    assert "Type db.rollback(), then go on." in said
    assert answers[7] == "0"
    assert answers[9] == "1"
    assert "answers: flasky.plugins.main.views.index" in answers[10]
    assert re.fullmatch(r"True True (sqlite|postgresql) outgoing_mails", answers[11])
    assert "What was not committed with db.commit() is not stored." in said
    stored = set(db.scalars(select(Role.name)))
    assert {"胡同", "by tm"} <= stored
    assert "forgotten" not in stored


def test_parity_20a_a_missing_schema_says_which_command_makes_it(typed: Typed, ini_file: Callable[..., Path]) -> None:
    said, _ = typed(ini_file(flasky__environment="development"), "db.scalars(select(Role)).all()")
    assert "There is no database" in said
    assert re.search(r"alembic -c \S+ upgrade head", said)


def test_cfg_03_the_databases_password_is_not_shown(typed: Typed, ini_file: Callable[..., Path]) -> None:
    url = "postgresql://u:canary-5a5a@127.0.0.1:1/db?password=canary-5a5a&sslpassword=canary-5a5a"
    said, answers = typed(ini_file(sqlalchemy__url=url), "db", "print(db, engine)")
    assert "canary-5a5a" not in said + "".join(answers)
    assert answers[0] == "<Session on postgresql+psycopg://u:(hidden)@127.0.0.1:1/db>"
    assert "on postgresql://u:(hidden)@127.0.0.1:1/db?password=(hidden)&sslpassword=(hidden)" in said


@pytest.fixture
def shell(registry: Registry) -> Iterator[ShellSession]:
    """The session of a shell."""
    with ShellSession(get_database(registry)) as session:
        yield session


def test_reading_keeps_nobody_from_writing(shell: ShellSession, db: Session) -> None:
    """A shell that has read may stand open all day: SQLite has one writer, and it is somebody else."""
    before = len(shell.scalars(select(Role)).all())
    assert shell.execute(text("  select count(*) from roles")).scalar() == before
    assert not shell.is_writing
    db.add(Role(name="meanwhile"))
    db.commit()
    shell.rollback()
    assert len(shell.scalars(select(Role)).all()) == before + 1


def test_what_was_written_is_read_before_the_commit(shell: ShellSession) -> None:
    shell.add(Role(name="mine"))
    shell.flush()
    assert shell.is_writing
    assert shell.scalars(select(Role.name).where(Role.name == "mine")).all() == ["mine"]
    shell.rollback()
    assert not shell.is_writing
    assert shell.scalars(select(Role.name).where(Role.name == "mine")).all() == []


def test_p6_statements_that_the_unit_of_work_does_not_see_are_stored(shell: ShellSession, db: Session) -> None:
    shell.execute(insert(Role.__table__).values(name="core", description=""))  # type: ignore[arg-type]
    shell.execute(text("UPDATE roles SET name = 'raw' WHERE name = 'core'"))
    shell.commit()
    assert db.scalars(select(Role.name).where(Role.name == "raw")).all() == ["raw"]


@pytest.mark.databases("sqlite")
def test_what_was_not_committed_is_told_at_the_end(
    registry: Registry, dummy_request: Request, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # It would stay with the engines, which other tests use as well.
    monkeypatch.setattr("flasky.shell._explain_errors", lambda *_arguments: None)
    for change in (None, Role(name="lost")):
        env = {"registry": registry, "request": dummy_request}
        opened = setup(env)
        next(opened)
        assert env["request"].db is env["db"]
        if change is not None:
            env["db"].add(change)
        assert next(opened, "closed") == "closed"
        assert ("What was not committed" in capsys.readouterr().err) is (change is not None)


def test_tm_is_for_who_is_used_to_it(shell: ShellSession, db: Session) -> None:
    tm = ShellTransaction(shell)
    shell.add(Role(name="kept"))
    tm.commit()
    shell.add(Role(name="dropped"))
    tm.abort()
    shell.commit()
    assert set(db.scalars(select(Role.name).where(Role.name.in_(["kept", "dropped"])))) == {"kept"}


def test_parity_17_the_banner_names_what_is_there(bare_app: object) -> None:
    registry = bare_app.registry  # type: ignore[attr-defined]
    shown = banner(registry)
    there = names(registry, ShellSession(get_database(registry)))
    assert {"db", "engine", "func", "select", "routes", "tm", "Role", "User", "OutgoingMail"} <= set(there)
    for name in (*there, "app", "request", "registry"):
        assert re.search(rf"\b{name}\b", shown), f"the banner does not name {name}"
