"""`pshell`: the names that are there when it opens, and the session that it works with.

The session is not a request's: nothing commits it but `db.commit()`. On SQLite a transaction that may write keeps
every other writer out from its beginning on, and a shell may stand open all day. So the session reads from the
connections that only read, until something is to be written; from then to the commit all of it is one writing
transaction.
"""

from __future__ import annotations

import code
import sys
import textwrap
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from pyramid.registry import Registry
from pyramid.util import DottedNameResolver
from sqlalchemy import Engine, TextClause, event, func, select
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from flasky.cli.advice import advice
from flasky.cli.routes import show_routes
from flasky.database import Database, get_database
from flasky.database.ownership import models
from flasky.directives import shell_names
from flasky.settings import redact_url
from flasky.site import Site, get_site

_READING_WORDS = frozenset({"select", "with", "values", "explain", "pragma", "show"})

_GOODBYE = "Ctrl-D ends the shell. What is not committed is not stored."


class ShellSession(Session):
    """`db` in the shell: reads without keeping anybody out, and writes from the first change to the commit."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.is_writing = False
        super().__init__()
        event.listen(self, "before_flush", self._begin_writing)

    def __repr__(self) -> str:
        return f"<Session on {redact_url(str(self._database.engine.url))}>"

    def get_bind(self, mapper: Any = None, *, clause: Any = None, **options: Any) -> Engine:
        """The engine that `clause` is sent through."""
        if not _only_reads(clause):
            self.is_writing = True
        return self._database.engine if self.is_writing else self._database.read_engine

    def commit(self) -> None:
        """Store what was changed since the last commit."""
        super().commit()
        self.is_writing = False

    def rollback(self) -> None:
        """Forget what was changed since the last commit."""
        super().rollback()
        self.is_writing = False

    def _begin_writing(self, *_arguments: object) -> None:
        self.is_writing = True


def _only_reads(clause: Any) -> bool:
    if isinstance(clause, TextClause):
        word = clause.text.split(maxsplit=1)[:1]
        return bool(word) and word[0].lower() in _READING_WORDS
    return bool(getattr(clause, "is_select", False))


class ShellTransaction:
    """`tm` in the shell, for who is used to it: the same as `db.commit()` and `db.rollback()`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def commit(self) -> None:
        """Store what was changed since the last commit."""
        self._session.commit()

    def abort(self) -> None:
        """Forget what was changed since the last commit."""
        self._session.rollback()


def setup(env: dict[str, Any]) -> Iterator[None]:
    """Fill the shell's names; `[pshell] setup` of the INI file names this function."""
    registry: Registry = env["registry"]
    database = get_database(registry)
    session = ShellSession(database)
    # What is called with the request (`request.send_mail`) joins the same session, and may change something.
    env["request"].db = session
    env["request"].method = "POST"
    for engine in (database.engine, database.read_engine):
        _explain_errors(engine, get_site(registry))
    env.update(names(registry, session))
    yield
    if session.is_writing or session.new or session.dirty or session.deleted:
        sys.stderr.write("What was not committed with db.commit() is not stored.\n")
    session.close()


def names(registry: Registry, session: Session) -> dict[str, Any]:
    """Every name that Flasky and its plug-ins add to the shell."""
    resolver = DottedNameResolver(None)
    site = get_site(registry)

    def routes(path: str | None = None) -> None:
        """List the routes, or show who answers `path`."""
        show_routes(registry, path)

    return {
        **models(site),
        **{name: resolver.maybe_resolve(value) for name, value in shell_names(registry).items()},
        "db": session,
        "engine": get_database(registry).engine,
        "func": func,
        "routes": routes,
        "select": select,
        "tm": ShellTransaction(session),
    }


def banner(registry: Registry) -> str:
    """What stands above the first prompt: which site this is, and what each name is for."""
    site = get_site(registry)
    url = redact_url(site.settings["sqlalchemy.url"])
    classes = sorted(models(site))
    added = sorted(set(shell_names(registry)) - set(classes))
    lines = [
        ("app, registry, request", "the application, its registry, and a request to try things with"),
        ("db", "the session: db.add(…), db.scalars(select(…)).all(), db.commit(), db.rollback()"),
        ("tm", "tm.commit() and tm.abort() do the same as db.commit() and db.rollback()"),
        ("engine, select, func", "SQLAlchemy"),
        ("routes()", "every route; routes('/path') shows who answers a path"),
        ("models", ", ".join(classes)),
        *([("from plug-ins", ", ".join(added))] if added else []),
    ]
    return "\n".join([f"Flasky {version('flasky')} ({site.environment}) on {url}", *map(_line, lines), _GOODBYE])


def _line(name_and_meaning: tuple[str, str]) -> str:
    name, meaning = name_and_meaning
    indent = " " * 26
    return textwrap.fill(meaning, 110, initial_indent=f"  {name:<24}", subsequent_indent=indent)


def run(env: dict[str, Any], _help: str) -> None:
    """The shell itself, which `pshell` finds by its entry point: Python's own, with completion and our banner."""
    try:
        import readline  # noqa: PLC0415 - not every Python has it
        import rlcompleter  # noqa: PLC0415
    except ImportError:
        pass
    else:
        readline.set_completer(rlcompleter.Completer(env).complete)
        readline.parse_and_bind("tab: complete")
    code.interact(banner(env["registry"]), local=env, exitmsg="")


def _explain_errors(engine: Engine, site: Site) -> None:
    """Add to each database error what it means and what to do next."""

    @event.listens_for(engine, "handle_error")
    def on_error(context: ExceptionContext) -> None:
        error = context.sqlalchemy_exception
        if isinstance(error, DBAPIError):
            error.add_note(f"{advice(error, site)}\nType db.rollback(), then go on.")
