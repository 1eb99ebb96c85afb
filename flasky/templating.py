"""Templates: where they are found, what every one of them can use, and that all of them compile.

What templates use asks for the request only when it is called, so a name that a page does not use costs it
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, TemplateNotFound, TemplateSyntaxError, nodes, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape
from pyramid.config import Configurator
from pyramid.events import ApplicationCreated
from pyramid.interfaces import IRendererFactory
from pyramid.path import package_path
from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.threadlocal import get_current_request
from pyramid_jinja2 import IJinja2Environment
from translationstring import TranslationString

from flasky.assets import asset_url
from flasky.directives import ANONYMOUS, SIGNED_IN, NavigationEntry, navigation
from flasky.flash import Flash, take_flashes
from flasky.languages import DOMAIN, LANGUAGES, known_identity
from flasky.redirects import current_path
from flasky.settings import ConfigurationFaults, Fault
from flasky.site import get_site
from flasky.times import FILTERS

#: The name in the navbar and in titles.
SITE_NAME = "Flasky"

_SUFFIX = ".jinja2"
_PATHS = "flasky.navigation_paths"
_FRAGMENTS = "flasky.fragments"
_MOST_FRAGMENTS = 500
#: After everything that registers a search path or replaces the environment.
_LAST = 1000


def get_environment(registry: Registry) -> Environment:
    """The Jinja environment that renders pages."""
    environment: Environment = registry.getUtility(IJinja2Environment, name=_SUFFIX)
    return environment


def _request(context: Context) -> Request:
    # A macro that was imported without its context has no request of its own.
    return context.get("request") or get_current_request()


@pass_context
def _gettext(context: Context, message: str, /, **variables: Any) -> Markup:
    """Translate a text of a template; its variables are escaped.

    Jinja's own would take the result for safe HTML as a whole, also where the text is a translation string with a
    member's name in it (XSS-02), and would stumble over a per cent sign in such a name.
    """
    request = _request(context)
    if isinstance(message, TranslationString):
        return escape(request.localizer.translate(message))
    # Straight from the catalog: Pyramid's way round costs ten times as much, a dozen times a page.
    text = request.localizer.translations.dgettext(DOMAIN, message)
    return Markup(text) % variables if "%" in text else Markup(text)  # noqa: S704 - a template's own text


@pass_context
def _ngettext(context: Context, singular: str, plural: str, num: int, /, **variables: Any) -> Markup:
    """Translate a text of a template in its singular or plural form."""
    variables.setdefault("num", num)
    text = _request(context).localizer.pluralize(singular, plural, num, domain=DOMAIN)
    return Markup(text) % variables  # noqa: S704 - a template's own text


@pass_context
def _translate(context: Context, message: Any) -> Any:
    """Filter ``|translate``: a translation string in the visitor's language; any other text as it is."""
    return _request(context).localizer.translate(message) if isinstance(message, TranslationString) else message


@pass_context
def _asset_url(context: Context, name: str, path: str) -> str:
    """``asset_url("polls", "polls.css")``: the address of a static file."""
    return asset_url(_request(context), name, path)


@pass_context
def _csrf_field(context: Context) -> Markup:
    """``csrf_field()``: what every form with method="post" contains."""
    field: Markup = _request(context).csrf_field()
    return field


@pass_context
def _flashes(context: Context) -> list[Flash]:
    """``flashes()``: the messages to show now."""
    return take_flashes(_request(context))


class Link(NamedTuple):
    """A link in the navbar, as a template shows it."""

    title: Any
    path: str
    current: bool


@pass_context
def _navigation(context: Context, area: str) -> tuple[Link, ...]:
    """``navigation("main")``: the links of an area of the navbar that this visitor may see."""
    request = _request(context)
    here = request.matched_route.name if getattr(request, "matched_route", None) else None
    return tuple(
        Link(entry.title, _path_of(request, entry.route), entry.route == here)
        for entry in navigation(request.registry)
        if entry.area == area and _is_visible(entry, request)
    )


@pass_context
def _fragment(context: Context, name: str, **values: Hashable) -> Markup:
    """``fragment("parts/navbar.jinja2", …)``: a part of the page that is the same for everybody who sees `values`.

    It is rendered once for each language and each set of values, and remembered (not in development, where
    templates and static files change). Such a template must not ask who the visitor is.
    """
    request = _request(context)
    site = get_site(request.registry)
    remembered: dict[Hashable, Markup] = request.registry.setdefault(_FRAGMENTS, {})
    key = (name, request.locale_name, request.environ.get("SCRIPT_NAME", ""), *values.items())
    known = remembered.get(key)
    if known is None or site.environment == "development":
        rendered = context.environment.get_template(name).render(request=request, **values)
        known = Markup(rendered)  # noqa: S704 - a template's output, escaped where it was made
        if len(remembered) >= _MOST_FRAGMENTS:
            remembered.clear()
        remembered[key] = known
    return known


def _path_of(request: Request, route: str) -> str:
    """The path of a route without placeholders, made once: it only depends on where the site is mounted."""
    paths = request.registry.setdefault(_PATHS, {})
    key = (request.script_name, route)
    if key not in paths:
        paths[key] = request.route_path(route)
    path: str = paths[key]
    return path


def _is_visible(entry: NavigationEntry, request: Request) -> bool:
    if entry.permission is None:
        return True
    identity = known_identity(request)
    if entry.permission == ANONYMOUS:
        # On an error page nobody is looked up, and an offer to sign in would be a guess.
        return identity is None and getattr(request, "exception", None) is None
    if identity is None:
        return False
    return entry.permission == SIGNED_IN or entry.permission in identity.permissions


@pass_context
def _current_path(context: Context) -> str:
    """``current_path()``: where to come back to."""
    return current_path(_request(context))


@pass_context
def _identity(context: Context) -> Any:
    """``identity()``: who is signed in, or None; on an error page only if that was known before."""
    return known_identity(_request(context))


_GLOBALS: dict[str, Any] = {
    "SITE_NAME": SITE_NAME,
    "LANGUAGES": LANGUAGES,
    "asset_url": _asset_url,
    "csrf_field": _csrf_field,
    "current_path": _current_path,
    "flashes": _flashes,
    "fragment": _fragment,
    "identity": _identity,
    "navigation": _navigation,
    # Jinja's i18n extension calls these for {% trans %} as well.
    "_": _gettext,
    "gettext": _gettext,
    "ngettext": _ngettext,
}


def furnish(environment: Environment) -> None:
    """Give a Jinja environment the names and filters that Flasky's templates use."""
    environment.globals.update(_GLOBALS)
    environment.filters.update(FILTERS)
    environment.filters["translate"] = _translate
    environment.policies["ext.i18n.trimmed"] = True
    # {% trans %} passes its variables on instead of formatting the text itself.
    environment.newstyle_gettext = True  # type: ignore[attr-defined]


class Renderers:
    """Pyramid's renderer factory for templates: like pyramid_jinja2's, but it looks for a template's place once.

    The name is relative to the package of the view if there is such a file, else to the search path. Looking for
    the former each time would cost as much as rendering a small page, and Pyramid asks at every request.
    """

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._known: dict[tuple[str, Any], Callable[[Any, dict[str, Any]], str]] = {}

    def __call__(self, info: Any) -> Callable[[Any, dict[str, Any]], str]:
        """The function that renders the template which `info` names."""
        key = (info.name, info.package)
        if key not in self._known:
            self._known[key] = self._renderer(info)
        return self._known[key]

    def _renderer(self, info: Any) -> Callable[[Any, dict[str, Any]], str]:
        environment = self._environment
        name = find_template(environment, info.name, info.package)

        def render(value: Any, system: dict[str, Any]) -> str:
            if not isinstance(value, Mapping):
                raise TypeError(f"a view rendered by {info.name} must return a dictionary, not {value!r:.80}")
            return environment.get_template(name).render(system, **value)

        return render


def find_template(environment: Environment, name: str, package: Any = None) -> str:
    """The name under which `environment` has the template `name` of a view in `package`. Raises TemplateNotFound."""
    if package is not None and ":" not in name and not Path(name).is_absolute():
        beside = f"{package.__name__}:{name}"
        try:
            environment.loader.get_source(environment, beside)  # type: ignore[union-attr]
        except TemplateNotFound:
            return name
        return beside
    return name


def faults_of_templates(environment: Environment, folders: Iterable[tuple[str, Path]]) -> list[Fault]:
    """What is wrong with the templates of `folders` (owner and folder), by owner, file and line.

    They are parsed and the names in them are looked up, which takes a third of the time that compiling would.
    """
    return [
        fault
        for owner, folder in folders
        for file in sorted(folder.rglob(f"*{_SUFFIX}"))
        for fault in _faults_of(environment, owner, file.relative_to(folder).as_posix(), file)
    ]


def _faults_of(environment: Environment, owner: str, name: str, file: Path) -> Iterator[Fault]:
    try:
        tree = environment.parse(file.read_text(encoding="utf-8"), name, str(file))
    except TemplateSyntaxError as error:
        problem = f"the template does not compile: {error.message}"
        yield Fault(f"{owner}, {file}, line {error.lineno}", problem, "Mend the template")
        return
    except UnicodeDecodeError:
        yield Fault(f"{owner}, {file}", "the template is not UTF-8", "Save it as UTF-8")
        return
    for line, problem in _unknown_names(environment, tree, name):
        yield Fault(f"{owner}, {file}, line {line}", problem, "Correct the name")


def _unknown_names(environment: Environment, tree: nodes.Template, name: str) -> Iterator[tuple[int, str]]:
    for node in tree.find_all((nodes.Filter, nodes.Test)):
        kind = "filter" if isinstance(node, nodes.Filter) else "test"
        if node.name not in (environment.filters if kind == "filter" else environment.tests):
            yield node.lineno, f"there is no {kind} {node.name!r}"
    for reference in tree.find_all((nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)):
        target = getattr(reference, "template")  # noqa: B009 - the stubs know it of none of the four
        if not isinstance(target, nodes.Const) or not isinstance(target.value, str):
            continue
        if getattr(reference, "ignore_missing", False):
            continue
        try:
            environment.loader.get_source(environment, environment.join_path(target.value, name))  # type: ignore[union-attr]
        except TemplateNotFound:
            yield reference.lineno, f"no enabled plug-in has the template {target.value!r}"


def _faults_of_renderers(environment: Environment, registry: Registry) -> Iterator[Fault]:
    """Views whose template does not exist."""
    for item in registry.introspector.get_category("templates") or ():
        introspectable = item["introspectable"]
        renderer = introspectable["renderer"]
        if renderer is None or renderer.type != _SUFFIX:
            continue
        name = find_template(environment, renderer.name, renderer.package)
        try:
            environment.loader.get_source(environment, name)  # type: ignore[union-attr]
        except TemplateNotFound:
            place = introspectable.action_info
            where = f"{place.file}, line {place.line}" if place else "a view"
            yield Fault(where, f"no enabled plug-in has the template {renderer.name!r}", "Add it or correct the name")


def template_folders(registry: Registry) -> list[tuple[str, Path]]:
    """The folders in which templates are looked for, in that order, each with the plug-in it belongs to."""
    owners = [
        (Path(package_path(import_module(item.package))), f"plug-in {item.name}") for item in get_site(registry).plugins
    ]
    kernel = Path(__file__).parent
    folders = []
    for text in get_environment(registry).loader.searchpath:  # type: ignore[union-attr]
        folder = Path(text)
        if folder == kernel:  # pyramid_jinja2 adds the package that included it; no template lies there.
            continue
        owner = next((name for root, name in owners if folder.is_relative_to(root)), "Flasky")
        folders.append((owner, folder))
    return folders


def check_templates(event: ApplicationCreated) -> None:
    """Refuse to start with a template that cannot be rendered (P12). Raises ConfigurationFaults."""
    registry = event.app.registry
    environment = get_environment(registry)
    faults = faults_of_templates(environment, template_folders(registry))
    faults.extend(_faults_of_renderers(environment, registry))
    if faults:
        raise ConfigurationFaults(faults)


def includeme(config: Configurator) -> None:
    """Put the kernel's templates behind those of the plug-ins, and furnish the environment."""
    config.include("flasky.assets")
    config.include("flasky.flash")

    def set_up() -> None:
        environment = get_environment(config.registry)
        environment.loader.searchpath.append(str(Path(__file__).parent / "templates"))  # type: ignore[union-attr]
        furnish(environment)
        config.registry.registerUtility(Renderers(environment), IRendererFactory, name=_SUFFIX)

    config.action("flasky.templates", set_up, order=_LAST)
    config.add_subscriber(check_templates, ApplicationCreated)
