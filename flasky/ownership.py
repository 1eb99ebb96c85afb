"""Which plug-in something belongs to, and everything that a plug-in contributes."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from pyramid.interfaces import ITranslationDirectories
from pyramid.registry import Registry
from pyramid.request import Request

from flasky.site import Site, get_site
from flasky.versions import version_of

#: The owner of what the kernel itself contributes.
KERNEL = "flasky"
#: The owner of what the site's own folder of templates holds.
SITE = "site"
#: The name of the function by which a tween of a plug-in passes a request on: errors from there are not the tween's.
PASSES_ON = "flasky_passes_on"

#: What makes mails: an error in there is the mail's, whoever sends it.
_MAIL = "flasky.mail."

#: Pyramid's and Flasky's categories of introspectables, and what a contribution of each is called.
_KINDS = {
    "routes": "route",
    "views": "view",
    "subscribers": "subscriber",
    "tweens": "tween",
    "flasky permissions": "permission",
    "flasky.navigation": "navigation",
    "flasky.shell_names": "shell name",
    "flasky slots": "slot",
    "flasky mails": "mail",
    "flasky static files": "static",
    "flasky health checks": "health check",
    "flasky identity": "identity provider",
    "request extensions": "request attribute",
    "view derivers": "view deriver",
    "view predicates": "view predicate",
    "route predicates": "route predicate",
    "subscriber predicates": "subscriber predicate",
    "renderer factories": "renderer",
}


class Owner(NamedTuple):
    """A plug-in, or Flasky itself: its name and version. The text is `polls 1.2.0`, as the log says it."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}".rstrip()


class Contribution(NamedTuple):
    """Something that a plug-in brings: what it is, its name, whose it is, and where it is written."""

    plugin: str
    kind: str
    name: str
    where: str = ""

    def as_json(self) -> dict[str, str]:
        """For programs."""
        return self._asdict()


def owner_of_module(registry: Registry, module: str) -> Owner:
    """The enabled plug-in that `module` belongs to, the innermost package counts; Flasky for the kernel's.

    A module of neither is its own owner, without a version.
    """
    found = _plugin_of_module(get_site(registry), module)
    if found is not None:
        return found
    top = module.partition(".")[0]
    return kernel() if top == KERNEL else Owner(top, "")


def _plugin_of_module(site: Site, module: str) -> Owner | None:
    known, package = site.by_package, module
    while package:
        if (item := known.get(package)) is not None:
            return Owner(item.name, item.version)
        package = package.rpartition(".")[0]
    return None


@cache
def kernel() -> Owner:
    """Flasky itself."""
    return Owner(KERNEL, version_of("flasky"))


def owner_of_error(registry: Registry, error: BaseException, otherwise: Owner | None = None) -> Owner:
    """Whose error it is: the plug-in of the innermost line of its traceback that belongs to one.

    A line of a template counts as the template's owner. When no line belongs to a plug-in, the error that led to
    this one is asked; then it is `otherwise`'s (whose view or hook was at work), and without one Flasky's.
    """
    asked: list[BaseException] = []
    waiting = [error]
    while waiting:
        current = waiting.pop(0)
        if any(current is one for one in asked):
            continue
        asked.append(current)
        if (found := _owner_of_traceback(registry, current)) is not None:
            return found
        waiting.extend(_led_to(current))
    return otherwise or kernel()


def kind_of_error(registry: Registry, error: BaseException) -> str:
    """What failed in a request that failed: `view`, `template`, `mail` or `tween`, by the error's traceback.

    It is `request` when no line of the traceback tells, as when a commit fails.
    """
    kind, traceback = "", error.__traceback__
    while traceback is not None:
        kind = _kind_by_frame(registry, traceback.tb_frame, kind)
        traceback = traceback.tb_next
    return kind or "request"


def _kind_by_frame(registry: Registry, frame: FrameType, kind: str) -> str:
    """What is at work from this line of a traceback on, where the lines before it said `kind`."""
    module, function = str(frame.f_globals.get("__name__", "")), frame.f_code.co_name
    if function == PASSES_ON:
        return ""
    if (module, function) == ("pyramid.router", "handle_request"):
        return "view"
    if module.startswith(_MAIL):
        return "mail"
    if kind == "view" and _is_of_template(frame):
        return "template"
    # Before the router there are only tweens.
    return kind or ("tween" if _plugin_of_module(get_site(registry), module) is not None else "")


def _led_to(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return list(error.exceptions)
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return [] if earlier is None else [earlier]


def _owner_of_traceback(registry: Registry, error: BaseException) -> Owner | None:
    found, traceback = None, error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_name == PASSES_ON:
            found = None
        else:
            found = _owner_of_frame(registry, traceback.tb_frame) or found
        traceback = traceback.tb_next
    return found


def _owner_of_frame(registry: Registry, frame: FrameType) -> Owner | None:
    site, module = get_site(registry), str(frame.f_globals.get("__name__", ""))
    if (found := _plugin_of_module(site, module)) is not None:
        return found
    if not _is_of_template(frame):
        return None
    owner = owner_of_template(site, frame.f_code.co_filename)
    return None if owner.name == KERNEL else owner


def _is_of_template(frame: FrameType) -> bool:
    # Jinja gives the frames of a template its file, in place of the code that was made of it.
    return frame.f_globals.get("__name__") == frame.f_code.co_filename or "__jinja_template__" in frame.f_globals


def owner_of_template(site: Site, file: str) -> Owner:
    """The enabled plug-in in whose package the template's `file` lies; the site for its own folder; else Flasky."""
    name = owner_of_file(site, file)
    if name != KERNEL:
        return next(Owner(item.name, item.version) for item in site.plugins if item.name == name)
    from flasky.templating import site_templates  # noqa: PLC0415 - it shows slots, which ask here for owners

    folder = site_templates(site)
    return Owner(SITE, "") if folder is not None and Path(file).is_relative_to(folder) else kernel()


def owner_of_request(request: Request) -> Owner:
    """The plug-in whose view answers the request, by its route; Flasky when none does."""
    route = getattr(request, "matched_route", None)
    if route is None:
        return kernel()
    site, introspector = get_site(request.registry), request.registry.introspector
    for item in introspector.get_category("views") or ():
        view = item["introspectable"]
        module = getattr(view["callable"], "__module__", "") or ""
        if view.get("route_name") == route.name and (found := _plugin_of_module(site, module)) is not None:
            return found
    place = getattr(introspector.get("routes", route.name), "action_info", None)
    owner = owner_of_file(site, getattr(place, "file", "") or "")
    return next((Owner(item.name, item.version) for item in site.plugins if item.name == owner), kernel())


def owner_of_file(site: Site, file: str) -> str:
    """The enabled plug-in in whose package `file` lies, `flasky` if in none; the innermost package counts."""
    path = Path(file)
    homes = [(folder, item.name) for item in site.plugins if path.is_relative_to(folder := home(item.package))]
    return max(homes, key=lambda owner: len(owner[0].parts), default=(Path(), KERNEL))[1]


@cache
def home(package: str) -> Path:
    """The folder of an installed package."""
    return Path(str(import_module(package).__file__)).parent


def contributions(registry: Registry) -> list[Contribution]:
    """Everything that Flasky and the enabled plug-ins contribute to the started site, by owner and kind."""
    site = get_site(registry)
    return sorted({*declared(site), *_registered(registry, site)})


def declared(site: Site) -> Iterator[Contribution]:
    """What the plug-ins' declarations, files and models say; known without starting the application."""
    # Models bring SQLAlchemy, which listing commands must not wait for.
    from flasky.database.ownership import owner_of, tables  # noqa: PLC0415 - see above

    for item in site.plugins:
        where = str(home(item.package) / "__init__.py")
        for setting in item.plugin.settings:
            yield Contribution(item.name, "setting", setting.name, where)
        for command in item.plugin.command_list:
            yield Contribution(item.name, "command", command.name, command.target)
        for kind, value in (
            ("migrations", item.plugin.migrations),
            ("prefix", item.plugin.prefix),
            ("fixtures", item.plugin.fixtures),
        ):
            if value:
                yield Contribution(item.name, kind, value, where)
    for table in tables(site):
        yield Contribution(owner_of(site, table), "table", table.name)


def _registered(registry: Registry, site: Site) -> Iterator[Contribution]:
    from flasky.extension_points import CATEGORY as EXTENSION_POINTS  # noqa: PLC0415 - not needed to name an owner
    from flasky.extension_points import extension_points  # noqa: PLC0415 - see above
    from flasky.templating import template_folders  # noqa: PLC0415 - it shows slots, which ask here for owners

    for owner, folder in template_folders(registry):
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                name = file.relative_to(folder).as_posix()
                yield Contribution(owner.removeprefix("plug-in ").lower(), "template", name, str(file))
    # Pyramid's own notes of them come too late, and are lost.
    for directory in registry.queryUtility(ITranslationDirectories) or ():
        yield Contribution(owner_of_file(site, directory), "translations", directory, directory)
    points = extension_points(registry)
    kinds = {**_KINDS, EXTENSION_POINTS: "extension point", **{name: point.kind for name, point in points.items()}}
    for category in registry.introspector.categories():
        for item in registry.introspector.get_category(category) or ():
            introspectable = item["introspectable"]
            # What a directive notes under a category of its own, as that of a plug-in, says what it is.
            kind = kinds.get(category) or (introspectable.type_name if "package" in introspectable else "")
            if kind:
                owner, where = _place(site, introspectable)
                yield Contribution(owner, kind, _name(kind, introspectable), where)


def _place(site: Site, introspectable: Any) -> tuple[str, str]:
    if introspectable.category_name == "tweens":
        # Where Pyramid says that it was added is Pyramid's own file.
        owner = _plugin_of_module(site, introspectable["name"])
        return owner.name if owner else KERNEL, introspectable["name"]
    place = introspectable.action_info
    if not getattr(place, "file", ""):
        return KERNEL, ""
    return owner_of_file(site, place.file), f"{place.file}:{place.line}"


def _name(kind: str, introspectable: Any) -> str:
    if kind == "view":
        function = introspectable["callable"]
        function = getattr(function, introspectable["attr"] or "", function)
        plain = inspect.unwrap(function) if callable(function) else function
        return f"{introspectable.get('route_name') or ''} {getattr(plain, '__qualname__', plain)}".strip()
    if kind == "subscriber":
        subscriber = introspectable["subscriber"]
        return f"{introspectable.title}: {getattr(subscriber, '__qualname__', subscriber)}"
    if kind in {"slot", "start check", "content security policy"}:
        return str(introspectable.title)
    if kind == "tween" or kind.endswith("predicate"):
        return str(introspectable["name"])
    return str(introspectable.discriminator)
