"""Rules about what a plug-in declares and registers: it starts, names, settings, permissions, mails, texts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from pyramid.security import NO_PERMISSION_REQUIRED

from flasky.conformance.rule import Finding, NotApplicable, Rule
from flasky.conformance.subject import Subject, place_of
from flasky.languages import LANGUAGES
from flasky.languages.catalogs import catalog_path, extract, problems_of
from flasky.loader import available
from flasky.ownership import Contribution
from flasky.permissions import permissions
from flasky.security.policy import NOBODY
from flasky.settings import ConfigurationFaults
from flasky.targets import broken_targets

_IMPORTING = """\
import importlib, sys
importlib.import_module(sys.argv[1])
print("\\n".join(sys.modules))
"""
#: What comes with models and views, and takes long to import.
_HEAVY = ("sqlalchemy", "pyramid.config", "pyramid.view")
#: English is in the code.
_TRANSLATED = [language for language in LANGUAGES if language != "en"]


def _start(subject: Subject) -> Iterator[Finding]:
    try:
        subject.application  # noqa: B018 - starts the site
    except ConfigurationFaults as error:
        for fault in error.faults:
            yield Finding(fault.where, fault.problem)
    except Exception as error:  # noqa: BLE001 - whatever a stranger's code raises is the finding
        yield Finding(str(subject.package), f"{type(error).__name__}: {error}")


def _import(subject: Subject) -> Iterator[Finding]:
    done = subprocess.run(  # noqa: S603 - our own text, and the name of an installed package
        [sys.executable, "-c", _IMPORTING, subject.item.package],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=subject.environment,
    )
    where = str(subject.package / "__init__.py")
    if done.returncode:
        yield Finding(where, f"importing {subject.item.package} alone failed: {done.stderr.strip()[-500:]}")
    imported = set(done.stdout.split())
    models = [subject.item.plugin.models] if subject.item.plugin.models else []
    for module in (*models, *_HEAVY):
        if module in imported:
            yield Finding(where, f"importing {subject.item.package} imports {module}")


def _targets(subject: Subject) -> Iterator[Finding]:
    for target, problem in broken_targets(subject.item):
        yield Finding(subject.line_in_package(target), problem)


def _names(subject: Subject) -> Iterator[Finding]:
    for one in subject.contributions:
        if one.kind in _NAMED and not _NAMED[one.kind](subject.name, one.name):
            problem = f"the {_SAID.get(one.kind, one.kind)} {one.name!r} does not begin with {subject.name!r}"
            yield Finding(_place(one), problem)
        elif one.kind == "template" and not _may_be_called(subject, one.name):
            problem = f"the template {one.name!r} neither stands in a folder {subject.name!r} nor overrides another's"
            yield Finding(one.where, problem)
    # What ships is one distribution with one chain of migrations: its plug-ins agree on plain names among themselves.
    if not subject.ships:
        yield from _names_of_tables(subject)


def _carries(plugin: str, name: str) -> bool:
    return name == plugin or name.startswith(f"{plugin}.")


def _carries_below(plugin: str, name: str) -> bool:
    """As tables and metrics do, which have no dot: `polls_open`, never `pollsters`."""
    return name == plugin or name.startswith(f"{plugin}_")


def _carries_joined(plugin: str, name: str) -> bool:
    """As classes do: `PollsAnswer`, never `Pollster`; or as everything else."""
    joined = plugin.title().replace("_", "")
    as_class = name.startswith(joined) and not name[len(joined) : len(joined) + 1].islower()
    return as_class or _carries(plugin, name) or _carries_below(plugin, name)


#: Kinds of contributions whose names have the plug-in's in front, and how.
_NAMED: dict[str, Callable[[str, str], bool]] = {
    "route": _carries,
    "permission": _carries,
    "static": _carries,
    "job": _carries,
    "schedule": _carries,
    "seed": _carries,
    "health check": _carries,
    "extension point": _carries,
    "metric": _carries_below,
    "API schema": _carries_joined,
}
#: What people call a kind whose word says too little.
_SAID = {"static": "name of static files"}


def _names_of_tables(subject: Subject) -> Iterator[Finding]:
    try:
        tables = subject.tables
    except NotApplicable:
        return
    for table in tables:
        # Of one thing the plural is the plainest name that there is: `posters` of the plug-in `poster`.
        if not _carries_below(subject.name, table.name) and table.name != f"{subject.name}s":
            problem = f"the table {table.name!r} does not begin with {subject.name!r}"
            yield Finding(subject.place_of(table), problem)


def _may_be_called(subject: Subject, name: str) -> bool:
    """Whether a template has its plug-in's name, or takes the place of one of somebody else."""
    folder, _, rest = name.partition("/")
    if not rest:
        folder = ""
    if folder == "mail":
        return subject.ships or _carries_below(subject.name, Path(rest).stem)
    return folder in available() or name in subject.templates_of_others


def _place(one: Contribution) -> str:
    """`/srv/polls/views.py:5` as findings say it."""
    file, colon, line = one.where.rpartition(":")
    return f"{file}, line {line}" if colon and line.isdigit() else one.where


def _settings(subject: Subject) -> Iterator[Finding]:
    if not subject.item.plugin.settings:
        raise NotApplicable("it has no settings")
    for setting in subject.item.plugin.settings:
        if not setting.help.strip():
            yield Finding(subject.line_in_package(f'"{setting.name}"'), f"the setting {setting.name} has no help text")


def _permissions(subject: Subject) -> Iterator[Finding]:
    declared = {*permissions(subject.registry), NO_PERMISSION_REQUIRED}
    found = False
    for item in subject.registry.introspector.get_category("views", []):
        view = item["introspectable"]
        if not view.get("route_name") or not subject.owns(view.action_info):
            continue
        found = True
        named = [str(other["value"]) for other in item["related"] if other.category_name == "permissions"]
        function = getattr(view["callable"], view["attr"] or "", view["callable"])
        where = place_of(function) or f"{view.action_info.file}, line {view.action_info.line}"
        what = f"the view {getattr(function, '__qualname__', function)} of the route {view['route_name']!r}"
        if not named or named[0] == NOBODY:
            yield Finding(where, f"{what} names no permission, so nobody may see it")
        elif named[0] not in declared:
            yield Finding(where, f"{what} asks for the permission {named[0]!r}, which no plug-in declares")
    if not found:
        raise NotApplicable("it has no views")


def _mails(subject: Subject) -> Iterator[Finding]:
    # They render templates, which listing rules must not wait for.
    from flasky.mail.declarations import declared_mails  # noqa: PLC0415 - see above
    from flasky.testing.mails import problems_of_mails, undeclared_mails  # noqa: PLC0415 - see above

    places = {one.name: _place(one) for one in subject.contributions if one.kind == "mail"}
    undeclared = [one for one in undeclared_mails(subject.registry) if one[0] == f"plug-in {subject.name}"]
    if not places and not undeclared:
        raise NotApplicable("it sends no mails")
    own = [mail for mail in declared_mails(subject.registry) if mail.template in places]
    for mail, problem in problems_of_mails(subject.registry, own):
        yield Finding(places[mail.template], f"the mail {mail.template!r} cannot be shown {problem}")
    for _owner, name, file in undeclared:
        yield Finding(str(file), f"no config.add_mail({name!r}, …) declares this mail, with a sample")


def _translations(subject: Subject) -> Iterator[Finding]:
    package = subject.package_in_source
    texts = extract(package)
    if not len(texts):
        raise NotApplicable("nothing in its code and templates is marked for translation")
    for language in languages_of(package):
        path = catalog_path(package, language)
        for problem in problems_of(path, texts, language):
            yield Finding(str(path), problem.text)


def languages_of(package: Path) -> list[str]:
    """The languages that the texts of a package have to be in: Flasky's, and each that it has a catalog for."""
    return sorted({*_TRANSLATED, *(folder.name for folder in package.glob("locale/*") if folder.is_dir())})


START = Rule(
    "start",
    "A site with the plug-in, what it requires and what ships starts.",
    "Mend what is listed.",
    _start,
)
IMPORT = Rule(
    "import",
    "Importing its package imports neither models nor views: listing plug-ins stays quick, and works when one is ill.",
    "Name modules in the declaration, import what is needed inside includeme(config).",
    _import,
)
TARGETS = Rule(
    "targets",
    "The commands and fixtures that its declaration names can be imported.",
    "Mend the name in Plugin(…), or the module.",
    _targets,
)
NAMES = Rule(
    "names",
    "Tables, routes, permissions, templates, mails, jobs, static files and the like carry the plug-in's name.",
    "Rename it, so that it cannot meet what another plug-in calls so.",
    _names,
)
SETTINGS = Rule(
    "settings",
    "Every setting says what it is for.",
    'Give it help="…": `flasky settings` shows it to the site\'s owner.',
    _settings,
)
PERMISSIONS = Rule(
    "permissions",
    "Every view of a route names a permission that exists, or says that it is public.",
    "Declare one (config.declare_permission) and name it, or say permission=NO_PERMISSION_REQUIRED.",
    _permissions,
)
MAILS = Rule(
    "mails",
    "Every mail is declared with a sample, and can be shown in each language.",
    "Declare it with config.add_mail, and give the sample every value that its templates and subject use.",
    _mails,
)
TRANSLATIONS = Rule(
    "translations",
    f"Every text is translated ({', '.join(_TRANSLATED)} and each other language that it has), with its placeholders.",
    "Run `flasky plugin messages NAME`, translate what is empty in the .po file, and run it again.",
    _translations,
)
