"""Whether the schema of the database is the one that the code was written for.

`schema_state` finds out; the server refuses to start on what it says in production (`check_schema`), the health page
can ask for it, and in development `flasky.migrations.waiting` shows it instead of any page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, NullPool
from sqlalchemy.exc import DBAPIError
from translationstring import TranslationString

from flasky.database.engine import make_read_engine, sqlite_file
from flasky.database.ownership import owner_of, tables
from flasky.errors.exceptions import in_english
from flasky.languages import _
from flasky.migrations.explanations import (
    ahead_of_the_code,
    is_damaged,
    listed,
    revision_command,
    revision_of,
    upgrade_command,
    why_unavailable,
)
from flasky.migrations.foreign import newer_than_the_code, split
from flasky.migrations.locations import chain_of, chain_of_script, config_of, locations
from flasky.migrations.records import applied_revisions, owners_of_revisions
from flasky.site import Site
from flasky.startup import CannotStart

_LISTED = 5
#: How SQLite and PostgreSQL call a table that is not there.
_NO_SUCH_TABLE = (re.compile(r"no such table: (?:main\.)?(?P<name>\w+)"), re.compile(r'relation "(?P<name>\w+)" does'))


class Kind(StrEnum):
    """What there is to say of a schema."""

    #: It is the code's, or (a site made in Python, without an INI file) there is nothing to compare it with.
    CURRENT = "current"
    #: Migrations wait to be applied (F08).
    BEHIND = "behind"
    #: Newer code has migrated it (F09).
    AHEAD = "ahead"
    #: There is no database yet (F26).
    MISSING = "missing"
    #: The file is no database, or damaged (F25).
    DAMAGED = "damaged"
    #: It cannot be reached now.
    UNREACHABLE = "unreachable"
    #: The migrations themselves cannot be read.
    BROKEN = "broken"


@dataclass(frozen=True)
class SchemaState:
    """What `schema_state` found: what people are `told` and the `command` that mends it, if one does."""

    kind: Kind
    told: str = ""
    command: str = ""
    pending: tuple[str, ...] = field(default=())

    @property
    def message(self) -> str:
        """What people are told, in English: for a terminal and the log."""
        return in_english(self.told)

    @property
    def is_current(self) -> bool:
        """Whether the site can be served."""
        return self.kind is Kind.CURRENT

    @property
    def can_be_upgraded(self) -> bool:
        """Whether the upgrade command is what mends it."""
        return self.kind in {Kind.BEHIND, Kind.MISSING}


class SchemaMismatch(CannotStart):
    """The database does not have the schema that the code needs; `state` says what is wrong."""

    def __init__(self, state: SchemaState) -> None:
        super().__init__("\n".join(filter(None, (state.message, f"  {state.command}" if state.command else ""))))
        self.state = state


def check_schema(site: Site) -> None:
    """Raise SchemaMismatch, whose text names the command to run, unless the schema is the code's.

    In development nothing is raised: there every page says so, with a button (`flasky.migrations.waiting`).
    """
    if site.environment == "development":
        return
    state = schema_state(site)
    if not state.is_current:
        raise SchemaMismatch(state)


def schema_state(site: Site) -> SchemaState:
    """Compare the database of `site` with its migrations, over a connection of its own that cannot write.

    Never raises for what may be wrong with the database, and never makes one.
    """
    config = config_of(site)
    if config is None:
        return SchemaState(Kind.CURRENT)
    try:
        script = ScriptDirectory.from_config(config)
        script.get_heads()
    except CommandError as error:
        return SchemaState(Kind.BROKEN, str(error))
    except Exception as error:  # noqa: BLE001 - revisions are programs: a stranger's may raise anything
        return SchemaState(Kind.BROKEN, f"The migrations cannot be read: {type(error).__name__}: {error}")
    url = site.settings["sqlalchemy.url"]
    file = sqlite_file(url)
    if file is not None and not file.exists():
        told = _("There is no database ${file} yet. Make it with:", mapping={"file": str(file)})
        return SchemaState(Kind.MISSING, told, upgrade_command(site))
    engine = make_read_engine(url, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            return _compare(site, script, connection)
    except DBAPIError as error:
        return _unusable(site, error)
    finally:
        engine.dispose()


def _unusable(site: Site, error: DBAPIError) -> SchemaState:
    # A missing database only the server's owner can make, so the button of the development page would not help.
    return SchemaState(Kind.DAMAGED if is_damaged(error) else Kind.UNREACHABLE, why_unavailable(error, site))


def _compare(site: Site, script: ScriptDirectory, connection: Connection) -> SchemaState:
    revisions = applied_revisions(connection)
    known, foreign = split(revisions, script)
    owners = owners_of_revisions(connection) if foreign else {}
    if newer := newer_than_the_code(site, owners, foreign):
        return SchemaState(Kind.AHEAD, ahead_of_the_code(newer))
    pending = _pending(script, known)
    if not pending:
        return SchemaState(Kind.CURRENT)
    described = [_described(site, script, item) for item in pending[:_LISTED]]
    told = _(
        "The database does not have the tables that the code needs. Not applied yet: ${listed}. "
        "Apply what is missing with:",
        mapping={"listed": listed([*described, *(["…"] if len(pending) > _LISTED else [])])},
    )
    return SchemaState(Kind.BEHIND, told, upgrade_command(site), tuple(item.revision for item in pending))


def _pending(script: ScriptDirectory, known: tuple[str, ...]) -> list[Script]:
    """The revisions that are not applied, oldest first."""
    applied = {item.revision for item in script.iterate_revisions(known, "base")} if known else set()
    return [item for item in reversed(list(script.walk_revisions())) if item.revision not in applied]


def _described(site: Site, script: ScriptDirectory, item: Script) -> TranslationString | str:
    return revision_of(f"{item.revision} “{item.doc}”", chain_of_script(locations(site, script), item))


def explain_missing_table(error: BaseException, site: Site) -> str | None:
    """Say which migration an error about a missing table needs, and the command that applies it.

    None when `error` is about something else, or about a table that belongs to no enabled plug-in.
    """
    name = _missing_table(error)
    table = next((table for table in tables(site) if table.name == name), None)
    config = config_of(site)
    if table is None or config is None:
        return None
    owner = owner_of(site, table)
    try:
        script = ScriptDirectory.from_config(config)
        chain = chain_of(site, owner)
        found = locations(site, script)
        chained = [item for item in script.walk_revisions() if chain_of_script(found, item) == chain]
    except CommandError as problem:
        return str(problem)
    subject = f"The table {name} of the plug-in {owner!r} is not there"
    makers = [item for item in chained if _makes(item, str(name))]
    if not makers:
        return (
            f"{subject}, and no migration makes it yet. Write one with: {revision_command(site, f'Add {name}')}, "
            f"then apply it with: {upgrade_command(site)}"
        )
    return (
        f"{subject}: the migration {in_english(_described(site, script, makers[0]))} is not applied. "
        f"Apply it with: {upgrade_command(site)}"
    )


def _missing_table(error: BaseException) -> str | None:
    if not isinstance(error, DBAPIError):
        return None
    for pattern in _NO_SUCH_TABLE:
        if match := pattern.search(str(error.orig)):
            return match["name"]
    return None


def _makes(script: Script, table: str) -> bool:
    """Whether a revision's text makes the table or gives another one its name."""
    text = Path(script.path).read_text(encoding="utf-8")
    name = re.escape(table)
    made = rf"create_table\(\s*[\"']{name}[\"']"
    named = rf"rename_table\(\s*[\"']\w+[\"'],\s*[\"']{name}[\"']"
    return re.search(f"{made}|{named}", text) is not None
