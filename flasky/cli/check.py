"""`flasky check`: names in code and templates that exist nowhere; with --deploy, what a public site must not have."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click
from pyramid.interfaces import IRoutesMapper, IStaticURLInfo
from pyramid.path import AssetResolver
from pyramid.security import NO_PERMISSION_REQUIRED

from flasky import references
from flasky.assets import static_files
from flasky.cli.context import Context, pass_context
from flasky.cli.numbers import counted
from flasky.directives import ANONYMOUS, SIGNED_IN
from flasky.mail.declarations import declared_mails
from flasky.permissions import permissions
from flasky.route_views import short
from flasky.security.deploy_checks import run_checks
from flasky.security.policy import NOBODY
from flasky.settings import ConfigurationFaults
from flasky.site import get_site
from flasky.templating import get_environment, template_folders

if TYPE_CHECKING:
    from pyramid.registry import Registry

_FILE_AND_LINE = re.compile(r"(?P<file>/[^,]+), line (?P<line>\d+)")
_TEMPLATES = ("*.jinja2", "*.txt", "*.html")


@click.command()
@click.option("--deploy", is_flag=True, help="Check the configuration for serving the public, too.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@pass_context
def check(context: Context, deploy: bool, as_json: bool) -> None:
    """Find names in code and templates that exist nowhere.

    Every route, template, static file, permission, setting and mail that the kernel and the enabled plug-ins name in
    quotes is looked up in the started site, and so are the files that style sheets name. With --deploy the
    configuration is checked for serving the public, too. Exit status 1 when there is a problem.
    """
    problems = find_problems(context)
    if deploy:
        problems += [(finding.id, f"{finding.what}. {finding.remedy}") for finding in run_checks(context.site)]
    if as_json:
        click.echo(json.dumps([{"where": where, "problem": problem} for where, problem in problems], indent=2))
    else:
        for where, problem in problems:
            click.echo(f"{where}: {problem}")
        click.echo(f"{counted(len(problems), 'problem')}." if problems else "No problem found.")
    if problems:
        raise click.exceptions.Exit(1)


def find_problems(context: Context) -> list[tuple[str, str]]:
    """Where, and what is wrong there; empty when all is well. What keeps the site from starting is all there is."""
    try:
        registry = context.registry
    except ConfigurationFaults as error:
        return [(_place(item.where), ". ".join(filter(None, (item.problem, item.remedy)))) for item in error.faults]
    known = _known(registry)
    sections = {name.partition(".")[0] for name in known[references.SETTING]} | set(_plugin_names(registry))
    return [
        (f"{short(str(found.file))}:{found.line}", problem)
        for found in sorted(set(_references(registry)))
        if (problem := _problem(found, known, sections))
    ]


def _place(where: str) -> str:
    """`/srv/polls/views.py, line 5` as an editor understands it."""
    named = _FILE_AND_LINE.fullmatch(where)
    return f"{short(named['file'])}:{named['line']}" if named else where


def _problem(found: references.Reference, known: Mapping[str, Collection[str]], sections: set[str]) -> str:
    if found.kind == references.SYNTAX:
        return found.name
    if any(name in known[found.kind] for name in (found.name, *found.others)):
        return ""
    section, dot, _name = found.name.partition(".")
    # Settings of the libraries are theirs to know, and other dictionaries are called settings, too.
    if found.kind == references.SETTING and not (dot and section in sections):
        return ""
    # What begins so is written by the name of its constant.
    offered = [name for name in known[found.kind] if not name.startswith("__")]
    near = difflib.get_close_matches(found.name, offered, n=1)
    none = f"there is no {found.kind} {found.name!r}{', nor any other of the list' if found.others else ''}"
    return none + (f". Did you mean {near[0]!r}?" if near else "")


def _known(registry: Registry) -> dict[str, Collection[str]]:
    """Everything that exists in the started site, by kind."""
    folders = [folder for _, folder in template_folders(registry)]
    return {
        # A page of development has its routes there alone; its code may name them everywhere.
        references.ROUTE: {
            *(route.name for route in registry.getUtility(IRoutesMapper).get_routes(include_static=True)),
            *(name for file in _python_files(registry) for name in references.routes_added_in(file)),
        },
        references.TEMPLATE: {
            file.relative_to(folder).as_posix()
            for folder in folders
            for kind in _TEMPLATES
            for file in folder.rglob(kind)
        },
        references.STATIC_FILE: {
            *(f"{name}/{path}" for name, files in static_files(registry).items() for path in files.names()),
            *_files_of_static_views(registry),
        },
        references.PERMISSION: {*permissions(registry), NO_PERMISSION_REQUIRED, NOBODY, ANONYMOUS, SIGNED_IN},
        references.SETTING: set(get_site(registry).settings),
        references.MAIL: {mail.template for mail in declared_mails(registry)},
    }


def _files_of_static_views(registry: Registry) -> Iterator[str]:
    """The files of Pyramid's own static views, as `static_url` names them: ``package:folder/file``."""
    views = registry.queryUtility(IStaticURLInfo)
    for _url, spec, _route in views.registrations if views else ():
        folder = Path(AssetResolver().resolve(spec).abspath())
        yield from (f"{spec}{file.relative_to(folder).as_posix()}" for file in folder.rglob("*"))


def _plugin_names(registry: Registry) -> list[str]:
    return [item.name for item in get_site(registry).plugins]


def _references(registry: Registry) -> Iterator[references.Reference]:
    for file in _python_files(registry):
        yield from references.in_python(file)
    environment = get_environment(registry)
    for _, folder in template_folders(registry):
        for kind in _TEMPLATES:
            for file in filter(Path.is_file, folder.rglob(kind)):
                yield from references.in_template(environment, file)
    for item in registry.introspector.get_category("flasky static files") or ():
        name, folder = item["introspectable"]["name"], item["introspectable"]["folder"]
        for path in static_files(registry)[name].names() if folder else ():
            if path.endswith(".css"):
                yield from references.in_style_sheet(name, folder, folder / path)


def _python_files(registry: Registry) -> set[Path]:
    """The files of the kernel and of every enabled plug-in; not those of a plug-in that is switched off."""
    kernel = Path(__file__).parents[1]
    files = {file for file in kernel.rglob("*.py") if not file.is_relative_to(kernel / "plugins")}
    for item in get_site(registry).plugins:
        folder = Path(str(import_module(item.package).__file__)).parent
        files.update(folder.rglob("*.py"))
    # Some editors lock a file with a link beside it that leads nowhere and is called .#views.py.
    return set(filter(Path.is_file, files))
