"""What the database itself remembers of its migrations: which chain each revision and each table came from.

Alembic's own table holds bare revision ids. When a plug-in is disabled or uninstalled nobody could say any more
whose they are, nor whose table stands there without a model. So each step notes it, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Connection, MetaData, String, Table, column, delete, insert, inspect, select, table

from flasky.database.base import Base
from flasky.database.ownership import owner_of
from flasky.migrations.locations import SHIPPED, chain_of_script, locations
from flasky.migrations.rows import virtual_tables
from flasky.site import Site

VERSION_TABLE = "alembic_version"
OWNERS_TABLE = "alembic_owners"
#: Tables that belong to the migrations themselves.
BOOKKEEPING = frozenset({VERSION_TABLE, OWNERS_TABLE})

_REVISION, _TABLE = "revision", "table"

_owners = Table(
    OWNERS_TABLE,
    MetaData(),
    Column("kind", String(10), primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("owner", String(40), nullable=False),
)


def owners_of_tables(connection: Connection) -> dict[str, str]:
    """The recorded owner of each table: a plug-in's name, `flasky`, or an empty text for nobody's.

    What ships is one chain, where only models say whose a table is. Virtual tables have none, nor have those that they
    keep their data in: they are whose the table is that their name begins with (`post_words_fts`: `post_words`).
    """
    owners = _read(connection, _TABLE)
    unknown = {name for name in virtual_tables(connection) if owners.get(name) == SHIPPED}
    for name in unknown:
        named = [other for other in owners.keys() - unknown if name.startswith(f"{other}_")]
        if named:
            owners[name] = owners[max(named, key=len)]
    return owners


def owners_of_revisions(connection: Connection) -> dict[str, str]:
    """The recorded chain of each revision that Alembic's own table names."""
    return _read(connection, _REVISION)


def applied_revisions(connection: Connection) -> tuple[str, ...]:
    """The revisions that Alembic's own table names; none where it is not there."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return ()
    return tuple(connection.execute(select(column("version_num")).select_from(table(VERSION_TABLE))).scalars())


def prepare(connection: Connection, site: Site) -> None:
    """Make the table of records if it is not there; tables that exist already are their models', or nobody's."""
    if inspect(connection).has_table(OWNERS_TABLE):
        return
    _owners.create(connection)
    _write(connection, _TABLE, {name: _model_owner(site, name) or "" for name in _table_names(connection)})


def record(site: Site, script: ScriptDirectory, context: MigrationContext, heads: set[str], chain: str) -> None:
    """Note what one step of `chain` changed: tables that came and went, and the revisions that are now applied."""
    connection = context.connection
    if connection is None:
        return
    known = owners_of_tables(connection)
    present = _table_names(connection)
    _forget(connection, _TABLE, set(known) - present)
    _write(connection, _TABLE, {name: _owner(site, name, chain) for name in present - set(known)})
    noted = owners_of_revisions(connection)
    _forget(connection, _REVISION, set(noted) - heads)
    found = locations(site, script)
    _write(
        connection,
        _REVISION,
        {head: chain_of_script(found, script.get_revision(head)) for head in heads - set(noted)},
    )


def _owner(site: Site, name: str, chain: str) -> str:
    # What ships is one chain for several plug-ins: there the model says whose a table is.
    return (_model_owner(site, name) or chain) if chain == SHIPPED else chain


def _model_owner(site: Site, name: str) -> str:
    model = Base.metadata.tables.get(name)
    return "" if model is None else owner_of(site, model)


def _table_names(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names()) - BOOKKEEPING


def _read(connection: Connection, kind: str) -> dict[str, str]:
    if not inspect(connection).has_table(OWNERS_TABLE):
        return {}
    rows = connection.execute(select(_owners.c.name, _owners.c.owner).where(_owners.c.kind == kind))
    return {row.name: row.owner for row in rows}


def _write(connection: Connection, kind: str, owners: Mapping[str, str]) -> None:
    rows: list[dict[str, Any]] = [{"kind": kind, "name": name, "owner": owner} for name, owner in owners.items()]
    if rows:
        connection.execute(insert(_owners), rows)


def _forget(connection: Connection, kind: str, names: set[str]) -> None:
    if names:
        connection.execute(delete(_owners).where(_owners.c.kind == kind, _owners.c.name.in_(sorted(names))))
