"""The declarative base of every model, with one convention for the names of constraints.

The convention exists from the first migration on: a constraint without a name cannot be dropped in batch mode.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import MetaData, Table
from sqlalchemy.orm import DeclarativeBase

NAMING_CONVENTION = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """What every model of the kernel and of every plug-in derives from."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)

    @classmethod
    def __table_cls__(cls, *arguments: Any, **options: Any) -> Table:
        """Make the table of a model (a hook of SQLAlchemy's), with the module that the model stands in.

        Whose a table is must not be asked of the mapped classes: one whose definition failed stays among them until
        Python's garbage collector comes round, and whoever goes through them then fails too.
        """
        info = {"module": cls.__module__, **options.pop("info", {})}
        return Table(*arguments, info=info, **options)
