"""How the database stands, plug-in by plug-in: what is applied, what waits, which tables there are and whose.

It asks the migrations and the database, and nothing of the application: it works while that does not start, and for
plug-ins that are switched off or no longer installed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, NullPool, func, inspect, select, table
from sqlalchemy.exc import DBAPIError

from flasky.database.engine import make_read_engine, sqlite_file
from flasky.errors.exceptions import in_english
from flasky.loader import available
from flasky.migrations.explanations import shown_database, upgrade_command, why_unavailable
from flasky.migrations.locations import SHIPPED, chain_of, chain_of_script, config_of, locations
from flasky.migrations.records import applied_revisions, owners_of_revisions, owners_of_tables
from flasky.site import Site

ENABLED, DISABLED, NOT_INSTALLED, NOBODYS = "enabled", "disabled", "not installed", "of no plug-in"


@dataclass(frozen=True)
class PluginStatus:
    """One plug-in in the database. `chain` is where its tables are migrated: its own, or `flasky`'s.

    `revisions` are applied, `heads` what the installed code would have, `pending` what lies between; those of a
    plug-in without a chain of its own stand with `flasky`. `rows` are counted by table, and only where nobody looks
    after them: for plug-ins that are not enabled.
    """

    plugin: str
    state: str
    chain: str
    revisions: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    rows: Mapping[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


class DatabaseStatus(NamedTuple):
    """The database, its plug-ins, and what could not be found out; `command` brings it up to date.

    `unreadable` says why the database could not be asked, and is empty when it could: then nobody knows what is
    applied, and no revision is said to wait.
    """

    database: str
    plugins: tuple[PluginStatus, ...]
    problems: tuple[str, ...]
    command: str
    unreadable: str = ""

    @property
    def is_current(self) -> bool:
        """Whether nothing waits and nothing is wrong."""
        return not self.problems and not self.unreadable and not any(one.pending for one in self.plugins)


class _Code(NamedTuple):
    """What the installed migrations say: the script of each revision, by chain; and all of them for Alembic."""

    script: ScriptDirectory | None
    chains: Mapping[str, tuple[Script, ...]]


def database_status(site: Site) -> DatabaseStatus:
    """Find out how the database of `site` stands. Never raises for what is wrong with it, and never makes one."""
    problems: list[str] = []
    code = _read_code(site, problems)
    rows = [PluginStatus(SHIPPED, ENABLED, SHIPPED), *(_enabled(site, item.name, problems) for item in site.plugins)]
    rows = [replace(row, heads=_heads(code, row), pending=_pending(code, row, ())) for row in rows]
    file = sqlite_file(site.settings["sqlalchemy.url"])
    unreadable = ""
    if file is not None and not file.exists():
        problems.append(f"There is no database {file} yet.")
    else:
        try:
            rows = _asked(site, code, rows, problems)
        except DBAPIError as error:
            rows = [replace(row, pending=()) for row in rows]
            unreadable = in_english(why_unavailable(error, site))
    return DatabaseStatus(shown_database(site), tuple(rows), tuple(problems), upgrade_command(site), unreadable)


def _read_code(site: Site, problems: list[str]) -> _Code:
    config = config_of(site)
    if config is None:
        problems.append("The site was made without an INI file, which says where the migrations are.")
        return _Code(None, {})
    try:
        script = ScriptDirectory.from_config(config)
        found = locations(site, script)
        chains: dict[str, list[Script]] = {}
        for item in reversed(list(script.walk_revisions())):
            chains.setdefault(chain_of_script(found, item), []).append(item)
    except CommandError as error:
        problems.append(str(error))
    except Exception as error:  # noqa: BLE001 - revisions are programs: a stranger's may raise anything
        problems.append(f"The migrations cannot be read: {type(error).__name__}: {error}")
    else:
        return _Code(script, {chain: tuple(items) for chain, items in chains.items()})
    return _Code(None, {})


def _enabled(site: Site, name: str, problems: list[str]) -> PluginStatus:
    try:
        return PluginStatus(name, ENABLED, chain_of(site, name))
    except CommandError as error:
        [item] = [item for item in site.plugins if item.name == name]
        if item.plugin.models:
            problems.append(str(error))
        return PluginStatus(name, ENABLED, "")


def _has_own_chain(row: PluginStatus) -> bool:
    return row.chain == row.plugin


def _heads(code: _Code, row: PluginStatus) -> tuple[str, ...]:
    if code.script is None or not _has_own_chain(row):
        return ()
    revisions = {item.revision for item in code.chains.get(row.chain, ())}
    return tuple(head for head in code.script.get_heads() if head in revisions)


def _pending(code: _Code, row: PluginStatus, applied: Iterable[str]) -> tuple[str, ...]:
    """The revisions that wait, oldest first, each with its text."""
    if code.script is None or not _has_own_chain(row):
        return ()
    known = tuple(applied)
    below = {item.revision for item in code.script.iterate_revisions(known, "base")} if known else set()
    return tuple(
        f"{item.revision} “{item.doc}”" for item in code.chains.get(row.chain, ()) if item.revision not in below
    )


def _asked(site: Site, code: _Code, rows: list[PluginStatus], problems: list[str]) -> list[PluginStatus]:
    """`rows` with what the database says, and rows for what else it holds. Raises DBAPIError when it says nothing."""
    engine = make_read_engine(site.settings["sqlalchemy.url"], poolclass=NullPool)
    try:
        with engine.connect() as connection:
            return _compared(connection, code, rows, problems)
    finally:
        engine.dispose()


def _compared(connection: Connection, code: _Code, rows: list[PluginStatus], problems: list[str]) -> list[PluginStatus]:
    chains = {item.revision: chain for chain, items in code.chains.items() for item in items}
    recorded = owners_of_revisions(connection)
    applied: dict[str, list[str]] = {}
    for revision in applied_revisions(connection):
        applied.setdefault(chains.get(revision) or recorded.get(revision, ""), []).append(revision)
    present = set(inspect(connection).get_table_names())
    tables: dict[str, list[str]] = {}
    for name, owner in sorted(owners_of_tables(connection).items()):
        if name in present:
            tables.setdefault(owner, []).append(name)
    enabled = {row.plugin for row in rows}
    others = sorted(({*applied, *tables} - enabled), key=lambda name: (not name, name))
    found = []
    for row in [*rows, *(PluginStatus(name, _state(name), name) for name in others)]:
        revisions = tuple(applied.get(row.plugin, ()))
        ahead = [one for one in revisions if code.script is not None and one not in chains]
        if row.state == ENABLED and ahead:
            problems.append(f"{row.plugin} is ahead of the code: there is no revision {', '.join(ahead)} here.")
        known = tuple(one for one in revisions if one in chains)
        names = tuple(tables.get(row.plugin, ()))
        found.append(
            replace(
                row,
                revisions=revisions,
                tables=names,
                pending=() if ahead else _pending(code, row, known),
                rows={} if row.state == ENABLED else {name: _count(connection, name) for name in names},
            )
        )
    return found


def _state(name: str) -> str:
    if not name:
        return NOBODYS
    return DISABLED if name in available() else NOT_INSTALLED


def _count(connection: Connection, name: str) -> int:
    count: int = connection.execute(select(func.count()).select_from(table(name))).scalar_one()
    return count
