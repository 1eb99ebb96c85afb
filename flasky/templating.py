"""Templates: where they are found, what every one of them can use, and that all of them compile.

What templates use asks for the request only when it is called, so a name that a page does not use costs it
nothing.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from jinja2 import Environment, TemplateNotFound, TemplateSyntaxError, nodes, pass_context
from jinja2.runtime import Context
from jinja2.utils import missing
from markupsafe import Markup, escape
from pyramid.config import Configurator
from pyramid.interfaces import IRendererFactory
from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.threadlocal import get_current_request
from pyramid_jinja2 import IJinja2Environment
from translationstring import TranslationString

from flasky.assets import asset_integrity, asset_url
from flasky.bytecode import is_kept, keep, keep_compiled
from flasky.compiling import QuickEnvironment
from flasky.directives import Badge, NavigationEntry, navigation
from flasky.errors.failures import report_hook
from flasky.flash import Flash, take_flashes
from flasky.languages import DOMAIN, LANGUAGES, known_identity
from flasky.markup import safe
from flasky.overriding import arrange, behind
from flasky.ownership import KERNEL, home, owner_of_file
from flasky.redirects import current_path
from flasky.settings import Fault
from flasky.site import Site, get_site
from flasky.slots import faults_of_slots, may_see, show_slot
from flasky.times import FILTERS

logger = logging.getLogger(__name__)

#: The name in the navbar and in titles.
SITE_NAME = "Flasky"

_SUFFIX = ".jinja2"
_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_REFERENCE = re.compile(r"""\{%[-+]?\s*(?:extends|include|import|from)\s+(["'])(?P<name>.+?)\1(?P<rest>[^%]*)%\}""")
_SLOT = re.compile(r"""\bslot\(\s*(["'])(?P<name>[^"']+)\1""")
_KERNEL = Path(__file__).parent / "templates"
_NAVIGATION = "flasky.navigation_links"
_REMEMBERED = "flasky.remembered"
_MOST_REMEMBERED = 500
_Value = TypeVar("_Value")
#: After everything that registers a search path or replaces the environment.
_LAST = 1000


def get_environment(registry: Registry) -> Environment:
    """The Jinja environment that renders pages."""
    environment: Environment = registry.getUtility(IJinja2Environment, name=_SUFFIX)
    return environment


def _request(context: Context) -> Request:
    # A macro that was imported without its context has no request of its own.
    request = context.resolve_or_missing("request")
    return get_current_request() if request is missing else request


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
    text = safe(request.localizer.translations.dgettext(DOMAIN, message))
    return text % variables if "%" in text else text


@pass_context
def _ngettext(context: Context, singular: str, plural: str, num: int, /, **variables: Any) -> Markup:
    """Translate a text of a template in its singular or plural form."""
    variables.setdefault("num", num)
    text = _request(context).localizer.pluralize(singular, plural, num, domain=DOMAIN)
    return Markup(text) % variables  # noqa: S704 - a template's own text


@pass_context
def _translate(context: Context, message: Any) -> Any:
    """Filter ``|translate``: a translation string in the visitor's language; any other text as it is."""
    return _translated(_request(context), message)


def _translated(request: Request, message: Any) -> Any:
    return request.localizer.translate(message) if isinstance(message, TranslationString) else message


@pass_context
def _asset_url(context: Context, name: str, path: str) -> str:
    """``asset_url("polls", "polls.css")``: the address of a static file."""
    return asset_url(_request(context), name, path)


@pass_context
def _asset_integrity(context: Context, name: str, path: str) -> str:
    """``asset_integrity("polls", "polls.js")``: the fingerprint of a script, for its attribute ``integrity``."""
    return asset_integrity(_request(context), name, path)


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
    #: Of this visitor; not in what is remembered.
    badge: Badge | None = None


@pass_context
def _navigation(context: Context, area: str) -> tuple[Link, ...]:
    """``navigation("main")``: the links of an area of the navbar that this visitor may see."""
    request = _request(context)
    here = request.matched_route.name if getattr(request, "matched_route", None) else None
    identity = known_identity(request)
    # All that `may_see` looks at: what they may do, and for nobody whether this is an error page.
    visitor = getattr(request, "exception", None) is None if identity is None else identity.permissions

    def make() -> tuple[tuple[Link, ...], dict[int, NavigationEntry]]:
        seen = [
            entry for entry in navigation(request.registry) if entry.area == area and may_see(entry.permission, request)
        ]
        links = tuple(Link(entry.title, request.route_path(entry.route), entry.route == here) for entry in seen)
        return links, {place: entry for place, entry in enumerate(seen) if entry.badge is not None}

    key = (_NAVIGATION, area, here, request.script_name, visitor)
    links, with_badge = _remembered(request.registry, key, make)
    if identity is None or not with_badge:
        return links
    return tuple(
        link._replace(badge=_badge(with_badge[place], request)) if place in with_badge else link
        for place, link in enumerate(links)
    )


def _badge(entry: NavigationEntry, request: Request) -> Badge | None:
    """The badge of a link; one that fails is logged with its plug-in, and the link stands without it."""
    if entry.badge is None:
        return None
    try:
        badge = entry.badge(request)
        # As text: two translation strings of one message are equal whatever they hold, and a remembered part of the
        # page would show somebody what was meant for another.
        return badge and badge._replace(label=_translated(request, badge.label))
    except Exception as error:  # noqa: BLE001 - somebody else's function must not take every page away
        report_hook(
            logger,
            request.registry,
            error,
            kind="badge",
            hook=f"the badge of the link {entry.name!r}",
            package=entry.badge.__module__,
            then="the link is shown without it",
        )
        return None


@pass_context
def _fragment(context: Context, name: str, **values: Hashable) -> Markup:
    """``fragment("parts/navbar.jinja2", …)``: a part of the page that is the same for everybody who sees `values`.

    It is rendered once for each language and each set of values, and remembered (not in development, where
    templates and static files change). Such a template must not ask who the visitor is.
    """
    request = _request(context)

    def make() -> Markup:
        rendered = context.environment.get_template(name).render(request=request, **values)
        return Markup(rendered)  # noqa: S704 - a template's output, escaped where it was made

    if get_site(request.registry).environment == "development":
        return make()
    return _remembered(request.registry, (name, request.locale_name, request.script_name, *values.items()), make)


def _remembered(registry: Registry, key: Hashable, make: Callable[[], _Value]) -> _Value:
    """What `make` returned for `key`, which names everything that it depends on."""
    remembered: dict[Hashable, _Value] = registry.setdefault(_REMEMBERED, {})
    known = remembered.get(key)
    if known is None:
        known = make()
        if len(remembered) >= _MOST_REMEMBERED:
            remembered.clear()
        remembered[key] = known
    return known


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
    "asset_integrity": _asset_integrity,
    "asset_url": _asset_url,
    "csrf_field": _csrf_field,
    "current_path": _current_path,
    "flashes": _flashes,
    "fragment": _fragment,
    "identity": _identity,
    "navigation": _navigation,
    "slot": show_slot,
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
    # pyramid_jinja2 makes the environment itself, and cannot be told of which class.
    environment.__class__ = QuickEnvironment


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


class _Template(NamedTuple):
    """A template of this site as it was read: whose, its name, its file, and its text; None if that is not UTF-8.

    `place` is the name by which the environment knows this very file, however many others stand before it.
    """

    owner: str
    name: str
    place: str
    file: Path
    source: str | None


def _read_templates(registry: Registry) -> list[_Template]:
    """Every template of this site, those first that stand before others."""
    found: list[_Template] = []
    before: Counter[str] = Counter()
    for owner, folder in template_folders(registry):
        for file in sorted(folder.rglob(f"*{_SUFFIX}")):
            name = file.relative_to(folder).as_posix()
            try:
                source = file.read_text(encoding="utf-8")
            except FileNotFoundError:
                continue  # Some editors lock a file with a link beside it that leads nowhere.
            except UnicodeDecodeError:
                source = None
            found.append(_Template(owner, name, behind(name, before[name]), file, source))
            before[name] += 1
    return found


def _faults_of(environment: Environment, template: _Template, there: Container[str]) -> Iterator[Fault]:
    """What is wrong with a template, by owner, file and line. `there` are the names of templates that exist.

    One that was found right is kept as code (`flasky.bytecode`); of it only the templates it names are looked up,
    as they may have gone since.
    """
    owner, _, name, file, source = template
    plugin = owner.removeprefix("plug-in ")
    if source is None:
        yield Fault(f"{owner}, {file}", "the template is not UTF-8", "Save it as UTF-8", plugin)
        return
    faults = 0
    if not is_kept(environment, name, str(file), source):
        for line, problem in _faults_of_source(environment, name, str(file), source):
            remedy = "Mend the template" if "compile" in problem else "Correct the name"
            yield Fault(f"{owner}, {file}, line {line}", problem, remedy, plugin)
            faults += 1
        if not faults:
            keep(environment, name, str(file), source)
    for line, target in _references(source):
        meant = environment.join_path(target, name)
        if not (meant in there or _is_there(environment, meant)):
            problem = f"no enabled plug-in has the template {target!r}"
            yield Fault(f"{owner}, {file}, line {line}", problem, "Correct the name", plugin)


def _faults_of_source(environment: Environment, name: str, file: str, source: str) -> Iterator[tuple[int, str]]:
    """What is wrong with a template whatever other templates there are, by line."""
    try:
        tree = environment.parse(source, name, file)
    except TemplateSyntaxError as error:
        yield error.lineno, f"the template does not compile: {error.message}"
        return
    for node in tree.find_all((nodes.Filter, nodes.Test)):
        kind = "filter" if isinstance(node, nodes.Filter) else "test"
        if node.name not in (environment.filters if kind == "filter" else environment.tests):
            yield node.lineno, f"there is no {kind} {node.name!r}"


def _references(source: str) -> Iterator[tuple[int, str]]:
    """The templates that a template names as they stand, by line. Those that may be missing are left out."""
    for found in _REFERENCE.finditer(_COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), source)):
        if "ignore missing" not in found["rest"]:
            yield source.count("\n", 0, found.start()) + 1, found["name"]


def _is_there(environment: Environment, name: str) -> bool:
    try:
        environment.loader.get_source(environment, name)  # type: ignore[union-attr]
    except TemplateNotFound:
        return False
    return True


def _faults_of_renderers(environment: Environment, registry: Registry, there: Container[str]) -> Iterator[Fault]:
    """Views whose template does not exist. `there` are the names of templates that do."""
    for item in registry.introspector.get_category("templates") or ():
        introspectable = item["introspectable"]
        renderer = introspectable["renderer"]
        if renderer is None or renderer.type != _SUFFIX:
            continue
        name = find_template(environment, renderer.name, renderer.package)
        if not (name in there or _is_there(environment, name)):
            place = introspectable.action_info
            where = f"{place.file}, line {place.line}" if place else "a view"
            problem = f"no enabled plug-in has the template {renderer.name!r}"
            owner = owner_of_file(get_site(registry), place.file if place else "")
            yield Fault(where, problem, "Add it or correct the name", owner)


def template_folders(registry: Registry) -> list[tuple[str, Path]]:
    """The folders in which templates are looked for, in that order, each with the plug-in it belongs to."""
    site = get_site(registry)
    own = site_templates(site)
    folders = []
    for text in get_environment(registry).loader.searchpath:  # type: ignore[union-attr]
        folder = Path(text)
        if folder == _KERNEL.parent:  # pyramid_jinja2 adds the package that included it; no template lies there.
            continue
        owner = owner_of_file(site, text)
        named = "Flasky" if owner == KERNEL else f"plug-in {owner}"
        folders.append(("site" if folder == own else named, folder))
    return folders


def site_templates(site: Site) -> Path | None:
    """The folder of the site's own templates: `flasky.templates`, else `templates` beside the INI file, or None."""
    named = site.settings.get("flasky.templates") or ""
    beside = Path(site.ini_file).parent / "templates" if site.ini_file else None
    folder = Path(named).absolute() if named else beside
    return folder if folder is not None and folder.is_dir() else None


def shown_slots(registry: Registry) -> dict[str, list[str]]:
    """The slots that the templates of this site show, each with the templates (`plug-in: name`) that do."""
    return _slots_of_templates(_read_templates(registry))[0]


def _slots_of_templates(templates: Iterable[_Template]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """The slots that are shown, and those of templates that others stand before, each with its templates.

    One that names its own name shows what the one behind it shows, too; any other stands before all behind it.
    """
    shown: dict[str, list[str]] = {}
    covered: dict[str, list[str]] = {}
    ended: set[str] = set()
    for owner, name, _place, _file, text in templates:
        source = text or ""
        # Not read by Jinja's parser: that would cost every start more than the whole check does now.
        if "slot(" in source:
            slots = covered if name in ended else shown
            for call in _SLOT.finditer(_COMMENT.sub("", source)):
                slots.setdefault(call["name"], []).append(f"{owner}: {name}")
        if not _names_itself(source, name):
            ended.add(name)
    return shown, covered


def _names_itself(source: str, name: str) -> bool:
    """Whether a template names its own name in quotes, with or without a package in front, outside of comments."""
    if name not in source:
        return False
    return bool(re.search(rf"""(["'])(?:[\w.]+:(?:[^"']*/)?)?{re.escape(name)}\1""", _COMMENT.sub("", source)))


def check_templates(registry: Registry) -> list[Fault]:
    """Templates that cannot be rendered, views without their template, slots that are misspelt (P12)."""
    environment = get_environment(registry)
    keep_compiled(environment)
    templates = _read_templates(registry)
    there = {template.place for template in templates}
    faults = [fault for template in templates for fault in _faults_of(environment, template, there)]
    faults.extend(_faults_of_renderers(environment, registry, there))
    # The slots that a template shows are known only when it compiles.
    return faults or faults_of_slots(registry, *_slots_of_templates(templates))


def includeme(config: Configurator) -> None:
    """Put the site's templates before those of the plug-ins, the kernel's behind them, and furnish the environment."""
    config.include("flasky.assets")
    config.include("flasky.flash")
    config.include("flasky.slots")

    def set_up() -> None:
        environment = get_environment(config.registry)
        site = get_site(config.registry)
        arrange(environment, site_templates(site), [home(item.package) for item in site.plugins], _KERNEL)
        furnish(environment)
        config.registry.registerUtility(Renderers(environment), IRendererFactory, name=_SUFFIX)

    config.action("flasky.templates", set_up, order=_LAST)
    config.add_start_check(check_templates)
