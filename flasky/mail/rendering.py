"""Rendering a mail: its subject, its text and its HTML, in the language of whoever reads it.

The text part is rendered without escaping and the HTML part with it (P30: one environment for both writes
``O&#39;Brien`` into plain text). Both are rendered for a request of their own: its address is `flasky.base_url`,
whatever the visitor's browser said in its Host header (RED-02), and its language is the recipient's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from jinja2 import Environment, TemplateNotFound, TemplateSyntaxError, pass_context
from jinja2.ext import Extension
from jinja2.runtime import Context
from pyramid.config import Configurator
from pyramid.interfaces import IRequestFactory, IRoutesMapper
from pyramid.registry import Registry
from pyramid.request import Request, apply_request_extensions
from pyramid.threadlocal import RequestContext
from translationstring import TranslationString

from flasky.bytecode import is_kept, keep_compiled
from flasky.languages import DOMAIN, LANGUAGES
from flasky.mail.declarations import DeclaredMail, declared_mails, unsubscribe_route
from flasky.mail.message import clean_subject
from flasky.settings import Fault
from flasky.site import get_site
from flasky.templating import get_environment

_REGISTRY_KEY = "flasky.mail.templates"
_END_OF_TEXT = r"(\{%[-+]?\s*endtrans)\s*%\}"


class RenderedMail(NamedTuple):
    """A mail in one language; `subject` is one clean line with the site's prefix.

    `unsubscribe` is the address by which mails of this kind are stopped, empty if they cannot be.
    """

    subject: str
    text: str
    html: str
    language: str
    unsubscribe: str = ""


class KeepLines(Extension):
    """Keeps the line break after ``{% endtrans %}``.

    Templates are rendered with `trim_blocks`, which takes the line break after every tag away. In a text that
    would put each translated line and the next one together.
    """

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """Write ``{% endtrans +%}`` for ``{% endtrans %}``; no line moves."""
        return re.sub(_END_OF_TEXT, r"\1 +%}", source)


def includeme(config: Configurator) -> None:
    """Make the two environments once the site's own has everything that plug-ins add to it."""

    def prepare() -> None:
        # An overlay shares the search path, filters and globals of the pages' environment.
        pages = get_environment(config.registry)
        text = pages.overlay(autoescape=False, extensions=[KeepLines])
        # The pages' own translate into HTML.
        text.globals = {**pages.globals, "_": _gettext, "gettext": _gettext, "ngettext": _ngettext}
        config.registry[_REGISTRY_KEY] = {"txt": text, "html": pages.overlay(autoescape=True)}

    # One after the pages' environment is furnished.
    config.action("flasky.mail.templates", prepare, order=1001)
    config.add_start_check(check_templates)


def check_templates(registry: Registry) -> list[Fault]:
    """Declared mails that could not be sent: the site does not start with them.

    They lack a template, have one that does not compile, or are stopped by a route that there is not, or that takes
    what the mail does not have.
    """
    for environment in templates(registry).values():
        keep_compiled(environment)
    return [
        fault
        for mail in declared_mails(registry)
        for fault in (
            *(
                _fault_of(environment, mail, f"{mail.template}.{part}")
                for part, environment in templates(registry).items()
            ),
            _fault_of_unsubscribe(registry, mail),
        )
        if fault
    ]


def _fault_of_unsubscribe(registry: Registry, mail: DeclaredMail) -> Fault | None:
    if mail.unsubscribe is None:
        return None
    where = f"the mail {mail.template!r} of {mail.package}, unsubscribe={mail.unsubscribe!r}"
    if registry.getUtility(IRoutesMapper).get_route(mail.unsubscribe) is None:
        return Fault(where, "no enabled plug-in has a route of this name", "Name one that there is: `flasky routes`")
    sample = mail.sample_values()
    try:
        _mail_request(registry, "en").route_path(mail.unsubscribe, **sample)
    except KeyError as error:
        return Fault(where, f"the route needs {error}, which the sample does not have", "Put it into the sample")
    return None


def _fault_of(environment: Environment, mail: DeclaredMail, name: str) -> Fault | None:
    where = f"the mail {mail.template!r} of {mail.package}"
    try:
        source, file, _is_new = environment.loader.get_source(environment, name)  # type: ignore[union-attr]
        if not is_kept(environment, name, file, source):
            environment.get_template(name)
    except TemplateSyntaxError as error:
        place = f"{where}, {error.filename or name}, line {error.lineno}"
        return Fault(place, f"the template does not compile: {error.message}", "Mend the template")
    except TemplateNotFound as error:
        return Fault(where, f"no enabled plug-in has the template {error.name!r}", "Add it: a mail has .txt and .html")
    return None


def templates(registry: Registry) -> Mapping[str, Environment]:
    """The environments for the parts `txt` and `html`."""
    environments: Mapping[str, Environment] = registry[_REGISTRY_KEY]
    return environments


def render_mail(
    registry: Registry, template: str, subject: str, values: Mapping[str, Any], language: str
) -> RenderedMail:
    """Render ``<template>.txt`` and ``<template>.html`` in `language`; English for one that the site does not have.

    Beside `values` both can use `site_url(route, …)` (an absolute address), `site_address()`, `language` and
    `request`. A `TranslationString` as `subject` is translated; what its ``${…}`` stand for is taken from its own
    mapping, then from `values`.
    """
    spoken = language if language in LANGUAGES else "en"
    request = _mail_request(registry, spoken)
    names = {
        "request": request,
        "site_url": request.route_url,
        "site_address": lambda: request.application_url,
        "language": spoken,
        **values,
    }
    with RequestContext(request):
        return RenderedMail(
            subject=_subject(request, subject, values),
            text=templates(registry)["txt"].get_template(f"{template}.txt").render(names).strip() + "\n",
            html=templates(registry)["html"].get_template(f"{template}.html").render(names).strip() + "\n",
            language=spoken,
            unsubscribe=_unsubscribe(request, template, values),
        )


def render_sample(registry: Registry, mail: DeclaredMail, language: str) -> RenderedMail:
    """Render a declared mail with its sample values."""
    return render_mail(registry, mail.template, mail.subject, mail.sample_values(), language)


@pass_context
def _gettext(context: Context, message: str, /, **variables: Any) -> str:
    """Translate a text of a plain-text template: nothing is escaped."""
    localizer = context["request"].localizer
    if isinstance(message, TranslationString):
        return str(localizer.translate(message))
    return str(localizer.translate(message, domain=DOMAIN)) % variables


@pass_context
def _ngettext(context: Context, singular: str, plural: str, num: int, /, **variables: Any) -> str:
    """Translate a text of a plain-text template in its singular or plural form."""
    variables.setdefault("num", num)
    return str(context["request"].localizer.pluralize(singular, plural, num, domain=DOMAIN)) % variables


def _mail_request(registry: Registry, language: str) -> Request:
    factory = registry.queryUtility(IRequestFactory, default=Request)
    request = factory.blank("/", base_url=get_site(registry).settings["flasky.base_url"])
    request.registry = registry
    request.locale_name = language
    apply_request_extensions(request)
    return request


def _unsubscribe(request: Request, template: str, values: Mapping[str, Any]) -> str:
    route = unsubscribe_route(request.registry, template)
    return "" if route is None else str(request.route_url(route, **values))


def _subject(request: Request, subject: str, values: Mapping[str, Any]) -> str:
    if isinstance(subject, TranslationString):
        mapping = {**values, **(subject.mapping or {})}
        subject = request.localizer.translate(subject, mapping=mapping)
    prefix: str = get_site(request.registry).settings["flasky.mail_subject_prefix"]
    return clean_subject(f"{prefix} {subject}")
