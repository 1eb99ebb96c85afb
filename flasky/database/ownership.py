"""Which plug-in a table belongs to: the one whose model made it, never one that shares a prefix."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from sqlalchemy import Column, Table
from sqlalchemy.exc import SQLAlchemyError

from flasky.database.base import Base
from flasky.database.types import names_contributions
from flasky.site import Site
from flasky.startup import CannotStart

#: The kernel's own models.
KERNEL_MODELS = ("flasky.mail.models", "flasky.jobs.models")


def import_models(site: Site) -> None:
    """Import the models of the kernel and of every enabled plug-in, so that `Base.metadata` knows their tables.

    Raises CannotStart, which names the plug-in, when that fails.
    """
    for module in KERNEL_MODELS:
        import_module(module)
    for item in site.plugins:
        if item.plugin.models:
            _import(item.name, item.plugin.models)


def _import(name: str, module: str) -> None:
    try:
        import_module(module)
    except (ImportError, SQLAlchemyError) as error:
        # SQLAlchemy's: two plug-ins that make a table of the same name, a mapping that makes no sense.
        problem = f"The models of the plug-in {name!r} ({module}) cannot be imported"
        raise CannotStart(f"{problem}: {type(error).__name__}: {error}") from error


def owner_of(site: Site, table: Table) -> str:
    """The enabled plug-in whose model made `table`; `flasky` for the kernel's own, an empty text for nobody's."""
    module = _module_of(table)
    if module in KERNEL_MODELS:
        return "flasky"
    for item in site.plugins:
        models = item.plugin.models
        if models and (module == models or module.startswith(f"{models}.")):
            return item.name
    return ""


def tables(site: Site) -> list[Table]:
    """The tables of the kernel and of every enabled plug-in, parents before children."""
    import_models(site)
    return [table for table in Base.metadata.sorted_tables if owner_of(site, table)]


def models(site: Site) -> dict[str, type]:
    """The model classes of the kernel and of every enabled plug-in, by class name."""
    import_models(site)
    return {
        mapper.class_.__name__: mapper.class_
        for mapper in Base.registry.mappers
        if isinstance(mapper.local_table, Table) and owner_of(site, mapper.local_table)
    }


def naming_columns() -> list[Column[Any]]:
    """The columns of the models imported so far whose rows name what plug-ins bring (`names_contributions`)."""
    every = (column for table in Base.metadata.sorted_tables for column in table.columns)
    return [column for column in every if names_contributions().items() <= column.info.items()]


def _module_of(table: Table) -> str:
    for mapper in Base.registry.mappers:
        if mapper.local_table is table:
            module: str = mapper.class_.__module__
            return module
    # A table without a class (an association table) says whose it is: Table(…, info={"module": __name__}).
    owner: str = table.info.get("module", "")
    return owner
