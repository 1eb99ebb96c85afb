"""Rules about the life of a plug-in: switched off a site goes on without it, and removed nothing of it is left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from flasky import removal, trial
from flasky.conformance import rows
from flasky.conformance.rule import Finding, NotApplicable, Rule
from flasky.conformance.schema import connected
from flasky.conformance.subject import Subject
from flasky.conformance.workbench import start, stop
from flasky.ini import CannotStart
from flasky.site import get_site

_DISABLED, _REMOVED = "disabled", "removed"


class Life:
    """Enable, migrate, fill, visit, disable, visit, remove: what goes wrong, by the rule that it speaks against."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._findings: dict[str, list[Finding]] = {_DISABLED: [], _REMOVED: []}
        self._where = str(subject.package)

    def lived(self) -> dict[str, list[Finding]]:
        """Live it."""
        subject = self._subject
        get_site(subject.registry)
        subject.bench.migrated(subject.others, subject.database)
        before, files = self._content(), self._files()
        self._findings[_DISABLED].extend(self._used())
        filled = self._content()
        self._findings[_DISABLED].extend(self._switched_off(filled))
        if not subject.ships and not self._findings[_DISABLED]:
            self._findings[_REMOVED].extend(self._removed(before, files))
        return self._findings

    def _used(self) -> Iterator[Finding]:
        """Migrate, fill its tables, and ask for its pages."""
        subject = self._subject
        try:
            subject.bench.upgrade(subject.ini)
        except Exception as error:  # noqa: BLE001 - whatever a stranger's migration raises is the finding
            yield Finding(self._where, f"enabled, it cannot be migrated: {type(error).__name__}: {error}")
            return
        with connected(subject.database) as connection:
            rows.fill(connection, self._own_tables())
            rows.name_something(connection, subject.name, self._own_tables())
        try:
            yield from self._visited(subject.application, subject.pages, "enabled")
        finally:
            stop(subject.application)

    def _own_tables(self) -> set[str]:
        try:
            return {table.name for table in self._subject.tables}
        except NotApplicable:
            return set()

    def _switched_off(self, filled: dict[str, Any]) -> Iterator[Finding]:
        try:
            self._subject.bench.upgrade(self._subject.ini_without)
            yield from self._visit_without()
        except Exception as error:  # noqa: BLE001 - whatever fails without the plug-in is the finding
            yield Finding(self._where, f"disabled, the site does not work: {type(error).__name__}: {error}")
            return
        kept = {f"rows of {name}" for name in self._own_tables()}
        now = self._content()
        for said in rows.differences(*({key: one.get(key) for key in kept} for one in (filled, now))):
            yield Finding(self._where, f"disabled, {said}")

    def _visit_without(self) -> list[Finding]:
        """Start the site without the plug-in, and ask for its home page and for the plug-in's pages."""
        application = start(self._subject.ini_without)
        try:
            return list(self._visited(application, self._subject.pages, "disabled"))
        finally:
            stop(application)

    def _visited(self, application: Any, paths: Iterable[str], when: str) -> Iterator[Finding]:
        for path in paths:
            status = trial.status_of(application, path)
            if status >= trial.ERROR:
                yield Finding(self._where, f"{when}, the answer to {path} is {status}")

    def _removed(self, before: dict[str, Any], files: set[str]) -> Iterator[Finding]:
        with removal.connected(self._subject.site) as connection:
            planned = removal.plan(connection, self._subject.name, self._subject.site)
            if not planned.is_empty:
                try:
                    removal.remove(connection, planned)
                except CannotStart as error:
                    yield Finding(self._where, str(error))
                    return
        yield from self._visit_without()
        for said in rows.differences(before, self._content()):
            yield Finding(self._where, f"removed, {said}")
        for name in sorted(self._files() - files):
            yield Finding(name, "removed, this file is still there")

    def _content(self) -> dict[str, Any]:
        with connected(self._subject.database) as connection:
            return rows.content(connection)

    def _files(self) -> set[str]:
        """What lies beside the INI file, without what Flasky itself puts there."""
        database = "data.sqlite"
        return {
            str(file)
            for file in self._subject.folder.rglob("*")
            if not file.name.startswith(database) and file.suffix != ".ini" and "logs" not in file.parts
        }


def _lived(subject: Subject) -> dict[str, list[Finding]]:
    lived: dict[str, list[Finding]] = subject.bench.once(("life", subject.name), lambda: Life(subject).lived())
    return lived


def _disabled(subject: Subject) -> list[Finding]:
    return _lived(subject)[_DISABLED]


def _removed(subject: Subject) -> list[Finding]:
    if subject.ships:
        raise NotApplicable("its tables are part of Flasky's own chain of migrations, and stay")
    lived = _lived(subject)
    if lived[_DISABLED]:
        raise NotApplicable("it cannot be disabled")
    return lived[_REMOVED]


DISABLED = Rule(
    _DISABLED,
    "Enabled it can be migrated, filled and visited; disabled again the site works without it, and its rows stay.",
    "Require what the plug-in cannot do without, and let nothing of others need it.",
    _disabled,
)
REMOVED = Rule(
    _REMOVED,
    "Removed, nothing of it is left: no table, row, permission, revision or file; the rest is as before.",
    "Keep everything in tables of its own, which its migrations make.",
    _removed,
)
