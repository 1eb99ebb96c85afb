"""Slots: named places in pages that plug-ins fill.

A template shows a slot with ``{{ slot("home") }}``; a plug-in fills it with a template or a function
(`config.add_slot`). A contribution that fails is logged with its plug-in's name, and the page goes on without it.
A slot that nobody fills costs one look into a dictionary.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from jinja2 import Environment, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape
from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationError
from pyramid.i18n import TranslationString
from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.threadlocal import get_current_request

from flasky.admin_screens import may_administer
from flasky.directives import ADMINISTERS, ANONYMOUS, SIGNED_IN
from flasky.errors.failures import report_hook
from flasky.hooks import failed_before, is_tried_again, let_others_read, taken_back_alone
from flasky.languages import known_identity
from flasky.markup import NOTHING, safe
from flasky.ownership import owner_of_module
from flasky.settings import Fault
from flasky.statistics.meter import SLOT, get_meter

logger = logging.getLogger(__name__)

_REGISTRY_KEY = "flasky.slots"
_REPLACEMENTS = "flasky.slots.replaced"
_SHOWN = "flasky.slots.shown"
#: After every contribution and replacement.
_LAST = 1000

Filling = str | Callable[..., Any]


class Contribution(NamedTuple):
    """What one plug-in puts into one slot.

    `name` is its own name, by which another plug-in can replace it. `filling` is a template's name, or a function
    that takes the request and the slot's values and returns a text (escaped unless it is `Markup`) or None.
    `permission` is what a visitor needs to see it: None, ANONYMOUS, SIGNED_IN or the name of a permission.
    """

    slot: str
    name: str
    filling: Filling
    order: int
    permission: str | None
    package: str
    #: Fills the slot, and is measured; made when all contributions are known.
    fill: Callable[..., Markup] | None = None

    @property
    def shown_filling(self) -> str:
        """The template's name, or where the function is."""
        if isinstance(self.filling, str):
            return self.filling
        return f"{self.filling.__module__}.{getattr(self.filling, '__qualname__', type(self.filling).__qualname__)}"


def may_see(permission: str | None, request: Request) -> bool:
    """Whether the visitor may see what asks for `permission`; never looks anybody up on an error page."""
    if permission is None:
        return True
    identity = known_identity(request)
    if permission == ANONYMOUS:
        # On an error page nobody is looked up, and an offer to sign in would be a guess.
        return identity is None and getattr(request, "exception", None) is None
    if identity is None:
        return False
    if permission == ADMINISTERS:
        return may_administer(request.registry, identity.permissions)
    return permission == SIGNED_IN or permission in identity.permissions


def add_slot(
    config: Configurator,
    slot: str,
    filling: Filling,
    *,
    name: str | None = None,
    order: int = 100,
    permission: str | None = None,
) -> None:
    """Directive `config.add_slot("home", "polls/latest.jinja2", order=50)`: fill a slot of a page.

    `filling` is the name of a template, a function, or the function's dotted name. `name` is the template's, or the
    plug-in's with the function's (`polls.newest`), unless it is given: it is needed only by a plug-in that puts two
    functions of one name into one slot. Contributions are shown by `order`, those of equal order in the plug-ins'
    order.
    """
    _require_text(config, slot)
    found = _resolved(config, filling)
    own = name or _default_name(config, found)
    item = Contribution(slot, own, found, order, permission, config.package_name)
    introspectable = _introspectable(config, item, f"{own} in {slot}")

    def register() -> None:
        config.registry.setdefault(_REGISTRY_KEY, {}).setdefault(slot, []).append(item)

    config.action((_REGISTRY_KEY, slot, own), register, introspectables=(introspectable,))


def replace_slot(config: Configurator, slot: str, name: str, filling: Filling | None) -> None:
    """Directive `config.replace_slot("home", "polls/latest.jinja2", "mine/latest.jinja2")`: override a contribution.

    `name` is the name of what another plug-in puts into `slot` (`flasky slots` shows it); None as `filling` takes it
    out. Place and permission stay. Two plug-ins that replace the same contribution are a conflict.
    """
    _require_text(config, slot)
    found = None if filling is None else _resolved(config, filling)
    item = Contribution(slot, name, found or "", 0, None, config.package_name)
    introspectable = _introspectable(config, item, f"{name} in {slot}, replaced")

    def register() -> None:
        config.registry.setdefault(_REPLACEMENTS, {})[slot, name] = (found, config.package_name)

    config.action((_REPLACEMENTS, slot, name), register, introspectables=(introspectable,))


def _default_name(config: Configurator, filling: Filling) -> str:
    if isinstance(filling, str):
        return filling
    # Two plug-ins that know nothing of each other may both call a function `footer`.
    owner = owner_of_module(config.registry, config.package_name).name
    return f"{owner}.{getattr(filling, '__name__', type(filling).__name__)}"


def _require_text(config: Configurator, slot: object) -> None:
    if not isinstance(slot, str) or not slot:
        raise ConfigurationError(f"{config.package_name}: a slot's name must be a text, not {slot!r}")


def _resolved(config: Configurator, filling: Filling) -> Filling:
    if isinstance(filling, str) and filling.endswith(".jinja2"):
        return filling
    found = config.maybe_dotted(filling)
    if not callable(found):
        raise ConfigurationError(f"{config.package_name}: {filling!r} is neither a template's name nor a function")
    function: Filling = found
    return function


def _introspectable(config: Configurator, item: Contribution, title: str) -> Any:
    introspectable = config.introspectable("flasky slots", (item.slot, item.name, item.package), title, "slot")
    introspectable["value"] = item
    introspectable["package"] = config.package_name
    return introspectable


def slots(registry: Registry) -> dict[str, tuple[Contribution, ...]]:
    """Every slot that is filled, with its contributions in the order in which they are shown."""
    filled: dict[str, tuple[Contribution, ...]] = registry.get(_SHOWN, {})
    return filled


def _settle(registry: Registry) -> dict[str, tuple[Contribution, ...]]:
    """Apply the replacements and sort, once: nothing of this is left to do when a page is made."""
    replaced: dict[tuple[str, str], tuple[Filling | None, str]] = dict(registry.get(_REPLACEMENTS, {}))
    # The owners are settled here too: whoever shows a page asks for nothing that stays the same.
    settled = {}
    for slot, items in registry.get(_REGISTRY_KEY, {}).items():
        kept = []
        for item in items:
            filling, package = replaced.pop((slot, item.name), (item.filling, item.package))
            if filling is not None:
                made = Contribution(slot, item.name, filling, item.order, item.permission, package)
                key = (owner_of_module(registry, package).name, SLOT)
                kept.append(made._replace(fill=get_meter(registry).measured(key, made.shown_filling, _filled)))
        settled[slot] = tuple(sorted(kept, key=lambda item: item.order))
    if replaced:
        (slot, name), (_, package) = next(iter(replaced.items()))
        raise ConfigurationError(
            f"{package} replaces {name!r} in the slot {slot!r}, but no enabled plug-in puts that there. "
            "`flasky slots` lists what there is; the declaration should name the other plug-in in requires=(…)"
        )
    return settled


@pass_context
def show_slot(context: Context, name: str, **values: Any) -> Markup:
    """``slot("profile", member=member)``: what plug-ins put at this place; they are given the request and `values`."""
    request = context.get("request") or get_current_request()
    # Contributions may ask the database, which may be what failed: an error page shows none.
    items = slots(request.registry).get(name)
    if not items or getattr(request, "exception", None) is not None:
        return NOTHING
    shown = [_shown(context.environment, item, request, values) for item in items]
    # Each is Markup, so there is nothing for Markup's own join to escape.
    return shown[0] if len(shown) == 1 else safe("".join(shown))


def _shown(environment: Environment, item: Contribution, request: Request, values: dict[str, Any]) -> Markup:
    alone = taken_back_alone(request, None)
    try:
        with alone:
            if not may_see(item.permission, request):
                return NOTHING
            return (item.fill or _filled)(environment, item, request, values)
    except Exception as error:
        if is_tried_again(request, error):
            raise
        if failed_before(request, None, error):
            problem = "plugin=%s: the slot %r (%s) is left out: the transaction of this request had failed before"
            owner = owner_of_module(request.registry, item.package)
            logger.warning(problem, owner, item.slot, item.shown_filling)
            return NOTHING
        let_others_read(request, error)
        report_hook(
            logger,
            request.registry,
            error,
            kind="slot",
            hook=f"the slot {item.slot!r} ({item.shown_filling})",
            package=item.package,
            then="the page is shown without it",
        )
        return NOTHING


def _filled(environment: Environment, item: Contribution, request: Request, values: dict[str, Any]) -> Markup:
    if not isinstance(item.filling, str):
        text = item.filling(request, **values)
        if isinstance(text, TranslationString):
            text = request.localizer.translate(text)
        return Markup() if text is None else escape(text)
    rendered = environment.get_template(item.filling).render(request=request, **values)
    return Markup(rendered)  # noqa: S704 - a template's output, escaped where it was made


def faults_of_slots(registry: Registry, shown: Iterable[str], covered: Mapping[str, Iterable[str]]) -> list[Fault]:
    """Contributions to a misspelt slot. `shown` are the slots that the templates of this site show; `covered` those of
    templates that others stand before, with these templates.

    A slot of a plug-in that is switched off is none, nor one that an override has left out, which may be what a site
    wants: only a name that is nearly that of a slot is a fault. Of the others the log tells.
    """
    known = set(shown)
    faults = []
    for item in registry.introspector.get_category("flasky slots") or ():
        contribution: Contribution = item["introspectable"]["value"]
        if contribution.slot in known:
            continue
        place = item["introspectable"].action_info
        where = f"{place.file}, line {place.line}" if place else contribution.package
        owner, _ = owner_of_module(registry, contribution.package)
        if contribution.slot in covered:
            problem = "%s: no page of this site shows the slot %r, which %s fills: another template stands before %s"
            logger.warning(problem, where, contribution.slot, owner, ", ".join(covered[contribution.slot]))
            continue
        near = difflib.get_close_matches(contribution.slot, known, n=1, cutoff=0.75)
        if near:
            problem = f"no page shows a slot {contribution.slot!r}"
            faults.append(Fault(where, problem, f"Did you mean {near[0]!r}?", owner))
        else:
            logger.warning("%s: no page of this site shows the slot %r", where, contribution.slot)
    return faults


def includeme(config: Configurator) -> None:
    """Make the directives methods of the configurator."""
    config.add_directive("add_slot", add_slot)
    config.add_directive("replace_slot", replace_slot)

    def settle() -> None:
        config.registry[_SHOWN] = _settle(config.registry)

    config.action(_SHOWN, settle, order=_LAST)
