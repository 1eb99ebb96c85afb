"""Revisions in the database that no enabled plug-in has: a disabled plug-in's, or those of newer code."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable

from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from flasky.errors.exceptions import in_english
from flasky.loader import available
from flasky.migrations.explanations import ahead_of_the_code
from flasky.migrations.locations import SHIPPED
from flasky.migrations.records import owners_of_revisions
from flasky.site import Site

logger = logging.getLogger(__name__)


def split(revisions: tuple[str, ...], script: ScriptDirectory) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The revisions of the database that `script` has, and those that it has not."""
    ours = {item.revision for item in script.walk_revisions()}
    known = tuple(revision for revision in revisions if revision in ours)
    return known, tuple(revision for revision in revisions if revision not in ours)


def newer_than_the_code(site: Site, owners: dict[str, str], foreign: Iterable[str]) -> list[tuple[str, str]]:
    """Of the revisions `foreign`, those whose chain is here but which it lacks, each with the chain (F09)."""
    here = {SHIPPED, "", *(item.name for item in site.plugins)}
    return [(revision, owners.get(revision, "")) for revision in foreign if owners.get(revision, "") in here]


def refuse_unknown(site: Site, connection: Connection | None, foreign: Collection[str]) -> None:
    """Raise CommandError when the database is ahead of the code; only mention the data of disabled plug-ins."""
    if connection is None or not foreign:
        return
    owners = owners_of_revisions(connection)
    if newer := newer_than_the_code(site, owners, foreign):
        raise CommandError(in_english(ahead_of_the_code(newer)))
    installed = available()
    for owner in sorted({owners[revision] for revision in foreign}):
        if owner in installed:
            remedy = f"add {owner} to flasky.plugins to use them again"
        else:
            remedy = "it is not installed; install it and add it to flasky.plugins to use them again"
        logger.info("The plug-in %r is not enabled, its tables stay as they are (%s)", owner, remedy)
