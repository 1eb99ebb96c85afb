"""Which plug-in a table belongs to: the one whose model made it, never one that shares a prefix."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from sqlalchemy import Column, Table, inspect
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapper

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
    # A model's table has it from `Base`; an association table says it itself: Table(…, info={"module": __name__}).
    module: str = table.info.get("module", "")
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
        for mapper in mappers()
        if isinstance(mapper.local_table, Table) and owner_of(site, mapper.local_table)
    }


def mappers() -> Iterator[Mapper[Any]]:
    """What maps each model that was imported so far.

    Not `Base.registry.mappers`, which fails at a class whose definition failed: such a one is there until Python's
    garbage collector comes round, and has no mapper.
    """
    for model in _subclasses(Base):
        mapper: Mapper[Any] | None = inspect(model, raiseerr=False)
        if mapper is not None:
            yield mapper


def _subclasses(base: type) -> Iterator[type]:
    subclasses: list[type] = base.__subclasses__()
    for model in subclasses:
        yield model
        yield from _subclasses(model)


def naming_columns() -> list[Column[Any]]:
    """The columns of the models imported so far whose rows name what plug-ins bring (`names_contributions`)."""
    every = (column for table in Base.metadata.sorted_tables for column in table.columns)
    return [column for column in every if names_contributions().items() <= column.info.items()]
