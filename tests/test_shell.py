"""`pshell`, typed into as a person does it: a real process, a real database."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

BIN = Path(sys.executable).parent

Type = Callable[..., list[str]]


@pytest.fixture
def site(ini_file: Callable[..., Path], database_url: str) -> Path:
    """The INI file of a site on a migrated database."""
    return ini_file(sqlalchemy__url=database_url, flasky__environment="development")


@pytest.fixture
def typed() -> Type:
    """A function that types lines into `pshell` and returns what it answers to each, the banner first."""

    def enter(ini: Path, *lines: str) -> list[str]:
        done = subprocess.run(
            [BIN / "pshell", str(ini)],
            input="".join(f"{line}\n" for line in lines),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "PYTHONPATH": "", "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"},
        )
        assert done.returncode == 0, done.stderr
        # Prompts go to standard output, answers too, tracebacks and the banner to standard error.
        return [done.stderr, *re.split(r">>> ", done.stdout)[1:]]

    return enter


def test_parity_17_what_is_there(site: Path, typed: Type) -> None:
    """Application, request, session, SQLAlchemy's words and every model of every plug-in, named by the banner."""
    names = ("app", "registry", "request", "db", "engine", "select", "func", "Role", "User", "OutgoingMail", "routes")
    said, *answers = typed(site, *(f"print({name} is not None)" for name in names))
    assert [answer.strip() for answer in answers[: len(names)]] == ["True"] * len(names)
    for name in names:
        assert re.search(rf"\b{name}\b", said), f"the banner does not name {name}"
    assert "Flasky 0.1.0 (development) on " in said


def test_parity_19_the_walk(site: Path, typed: Type) -> None:
    """`db` shows the engine; add a Role, commit, query it; what was committed is there the next time."""
    _, shown, *_rest, found, count = typed(
        site,
        "db",
        "role = Role(name='胡同')",
        "db.add(role)",
        "db.commit()",
        "db.scalars(select(Role).where(Role.name == '胡同')).all()",
        "role.users.count()",
    )[:7]
    assert re.match(r"<Session on (sqlite|postgresql)", shown)
    assert found.strip() == "[<Role '胡同'>]"
    assert count.strip() == "0"
    _, again = typed(site, "db.scalars(select(Role.name).where(Role.name == '胡同')).all()")[:2]
    assert again.strip() == "['胡同']"


def test_parity_19_tm_commits_and_aborts_too(site: Path, typed: Type) -> None:
    *_, count = typed(
        site,
        "db.add(Role(name='kept'))",
        "tm.commit()",
        "db.add(Role(name='dropped'))",
        "tm.abort()",
        "db.scalars(select(Role.name).where(Role.name.in_(['kept', 'dropped']))).all()",
    )[:6]
    assert count.strip() == "['kept']"


def test_parity_8_a_duplicate_name_says_what_to_do_and_the_session_goes_on(site: Path, typed: Type) -> None:
    said, *answers = typed(
        site,
        "db.add(Role(name='twice'))",
        "db.commit()",
        "db.add(Role(name='twice'))",
        "db.commit()",
        "db.rollback()",
        "db.scalar(select(func.count()).where(Role.name == 'twice'))",
    )
    assert "Another row already has this value." in said
    assert "Type db.rollback(), then go on." in said
    assert answers[5].strip() == "1"


def test_parity_8_an_unknown_role_says_what_to_do(site: Path, typed: Type) -> None:
    said, *answers = typed(
        site,
        "from flasky.plugins.accounts.models import RolePermission",
        "db.add(RolePermission(role_id=987654, permission='a.b', granted=True))",
        "db.commit()",
        "db.rollback()",
        "db.scalar(select(func.count()).select_from(RolePermission))",
    )
    assert "This refers to a row that does not exist" in said
    assert answers[4].strip() == "0"


def test_reading_keeps_nobody_from_writing(site: Path, typed: Type, database_url: str) -> None:
    """A shell that has read and stands open all day: another process writes meanwhile (SQLite has one writer)."""
    write = (
        "import subprocess, sys; subprocess.run([sys.executable, '-c', "
        "\"from flasky.cli.context import Context; import sys; from flasky.plugins.accounts.models import Role\\n"
        "with Context(sys.argv[1]).session() as db: db.add(Role(name='meanwhile')); db.commit(); print('written')\", "
        f"{str(site)!r}], check=True) and None"
    )
    said, *answers = typed(site, "len(db.scalars(select(Role)).all()) >= 0", write)
    assert answers[0].strip() == "True"
    assert "written" in "".join(answers)
    assert "locked" not in said


def test_raw_statements_write_as_well(site: Path, typed: Type) -> None:
    """P6: what the unit of work does not see is stored by db.commit() too."""
    _, *answers = typed(
        site,
        "from sqlalchemy import insert, text",
        "r = db.execute(insert(Role.__table__).values(name='core', description=''))",
        "r = db.execute(text('UPDATE roles SET name = :new WHERE name = :old'), {'new': 'raw', 'old': 'core'})",
        "db.commit()",
        "db.execute(text('SELECT count(*) FROM roles WHERE name = :n'), {'n': 'raw'}).scalar()",
    )
    assert answers[4].strip() == "1"


def test_what_is_not_committed_is_told_at_the_end(site: Path, typed: Type, database_url: str) -> None:
    said, *_ = typed(site, "db.add(Role(name='forgotten'))")
    assert "What was not committed with db.commit() is not stored." in said
    engine = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM roles WHERE name = 'forgotten'")).scalar() == 0
    engine.dispose()
    said, *_ = typed(site, "db.scalars(select(Role)).all()")
    assert "What was not committed" not in said


def test_a_missing_schema_says_which_command_makes_it(ini_file: Callable[..., Path], typed: Type) -> None:
    """PARITY row 20a: the command that applies it, in the shell."""
    said, *_ = typed(ini_file(flasky__environment="development"), "db.scalars(select(Role)).all()")
    assert "There is no database" in said
    assert re.search(r"alembic -c \S+ upgrade head", said)


def test_routes_are_listed(site: Path, typed: Type) -> None:
    _, listing, answer = typed(site, "routes()", "routes('/')")[:3]
    assert "flasky.plugins.main.views.index" in listing
    assert "answers: flasky.plugins.main.views.index" in answer


def test_cfg_03_the_databases_password_is_not_shown(ini_file: Callable[..., Path], typed: Type) -> None:
    url = "postgresql://u:canary-5a5a@127.0.0.1:1/db"
    output = "".join(typed(ini_file(sqlalchemy__url=url), "db", "print(db, engine)"))
    assert "canary-5a5a" not in output
    assert "<Session on postgresql+psycopg://u:***@127.0.0.1:1/db>" in output
