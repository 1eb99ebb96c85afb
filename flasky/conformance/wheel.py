"""The rule about the wheel: what is built from the source and installed elsewhere still has all of its parts."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from flasky.conformance.rule import Finding, Rule
from flasky.conformance.subject import Subject
from flasky.conformance.workbench import DATABASE_VARIABLE
from flasky.ini import CannotStart
from flasky.loader import available
from flasky.ownership import owner_of_file
from flasky.templating import template_folders
from flasky.trial import run_trial

_NOT_SHIPPED = (".pyc", ".po", ".pot")


def _wheel(subject: Subject) -> Iterator[Finding]:
    source = subject.source
    try:
        target = subject.bench.installed(source)
    except CannotStart as error:
        yield Finding(str(source), str(error))
        return
    installed = target.joinpath(*subject.item.package.split("."))
    package = subject.package_in_source
    missing = [file for file in parts(subject, package) if not (installed / file.relative_to(package)).is_file()]
    for file in missing:
        yield Finding(str(file), "is not in the wheel")
    if not missing:
        yield from _tried(subject, target)


def parts(subject: Subject, package: Path) -> list[Path]:
    """The files below `package` that have to be installed: code, templates, static files, catalogs, migrations."""
    folders = [package / folder.relative_to(subject.package) for folder in _folders(subject)]
    found = [*package.rglob("*.py"), *(file for folder in folders for file in folder.rglob("*") if _is_shipped(file))]
    return sorted(set(found))


def _is_shipped(file: Path) -> bool:
    return file.is_file() and file.suffix not in _NOT_SHIPPED and not file.name.startswith(".")


def _folders(subject: Subject) -> Iterator[Path]:
    """The folders that the plug-in registers, as far as they lie in its package."""
    static = subject.registry.introspector.get_category("flasky static files", [])
    found = [
        *(folder for _owner, folder in template_folders(subject.registry)),
        *(item["introspectable"]["folder"] for item in static),
        *(Path(one.name) for one in subject.contributions if one.kind == "translations"),
    ]
    for folder in found:
        if folder is not None and owner_of_file(subject.site, str(folder)) == subject.name:
            yield folder


def _tried(subject: Subject, target: Path) -> Iterator[Finding]:
    """Start a site with what was installed, once for all plug-ins of the distribution."""
    point, problem = subject.bench.once(("wheel", subject.item.distribution), lambda: _try(subject, target))
    if point:
        yield Finding(str(subject.source), f"a site with the installed wheel failed when it {point}: {problem}")


def _try(subject: Subject, target: Path) -> tuple[str, str]:
    offered = available()
    distribution = offered[subject.name].dist
    names = [name for name in subject.plugins if name in offered and offered[name].dist == distribution]
    folder = subject.bench.place("tried")
    database = subject.bench.database(folder)
    ini = subject.bench.write_site(folder, "site", subject.plugins, database)
    subject.bench.migrated(subject.others, database)
    # The installed one first: whoever looks for the plug-in finds nothing of its source.
    path = os.pathsep.join([str(target), *filter(None, sys.path)])
    return run_trial(ini, names, {"PYTHONPATH": path, DATABASE_VARIABLE: ""}, folder)


WHEEL = Rule(
    "wheel",
    "Its wheel, installed elsewhere, has its code, templates, static files, catalogs and migrations, and runs.",
    "Name the files in [tool.setuptools.package-data] of its pyproject.toml (or as its build system wants it).",
    _wheel,
)
