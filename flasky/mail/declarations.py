"""Which mails the site can send: each plug-in declares its own, with sample values.

A declared mail can be looked at in each language without anybody having to trigger it, and the tests render all
of them (`flasky.testing.mails`). Outside of production `send_mail` refuses a mail that was not declared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pyramid.config import Configurator
from pyramid.registry import Registry

#: The kernel's own mail, by which an owner tries the SMTP server.
TEST_MAIL = "mail/test"

_REGISTRY_KEY = "flasky.mails"

Sample = Mapping[str, Any] | Callable[[], Mapping[str, Any]]


class UndeclaredMail(LookupError):
    """A mail was to be sent that no plug-in declared."""


class DeclaredMail(NamedTuple):
    """A mail that this site can send: its template's name, its subject, sample values and who declared it.

    `unsubscribe` is the route by which mails of this kind are stopped.
    """

    template: str
    subject: str
    sample: Sample
    package: str
    unsubscribe: str | None = None

    def sample_values(self) -> dict[str, Any]:
        """Values to show the mail with."""
        return dict(self.sample() if callable(self.sample) else self.sample)


def add_mail(
    config: Configurator, template: str, subject: str, *, sample: Sample | str, unsubscribe: str | None = None
) -> None:
    """Directive `config.add_mail("mail/welcome", _("Welcome, ${name}"), sample={"name": "Ann"})`.

    `template` names ``<template>.txt`` and ``<template>.html``. `sample` is a mapping of every value that the two
    and the subject use, or a function without arguments (or its dotted name) that returns one. `unsubscribe` names a
    route whose placeholders are among those values: the mail says by the headers of RFC 8058 that a POST of
    `flasky.mail.message.ONE_CLICK` to its address stops mails of this kind.
    """
    found = config.maybe_dotted(sample)
    mail = DeclaredMail(template, subject, found, config.package_name, unsubscribe)
    introspectable = config.introspectable("flasky mails", template, template, "mail")
    introspectable["value"] = mail
    introspectable["package"] = config.package_name

    def register() -> None:
        config.registry.setdefault(_REGISTRY_KEY, {})[template] = mail

    config.action(("flasky.mail", template), register, introspectables=(introspectable,))


def declared_mails(registry: Registry) -> list[DeclaredMail]:
    """Every mail that the site can send, by template name."""
    mails: dict[str, DeclaredMail] = registry.get(_REGISTRY_KEY, {})
    return [mails[template] for template in sorted(mails)]


def declared_mail(registry: Registry, template: str) -> DeclaredMail:
    """The mail whose template is called `template`; raises UndeclaredMail."""
    mail: DeclaredMail | None = registry.get(_REGISTRY_KEY, {}).get(template)
    if mail is None:
        raise UndeclaredMail(
            f"no plug-in declares the mail {template!r}: in its includeme, call "
            f"config.add_mail({template!r}, subject, sample={{…}})"
        )
    return mail


def unsubscribe_route(registry: Registry, template: str) -> str | None:
    """The route by which mails of this kind are stopped; None for those that cannot be, and for undeclared ones."""
    mail: DeclaredMail | None = registry.get(_REGISTRY_KEY, {}).get(template)
    return mail.unsubscribe if mail is not None else None


def declaring_package(registry: Registry, template: str) -> str:
    """The package that declared the mail; the kernel's own for a mail that nobody declares (any more)."""
    mail: DeclaredMail | None = registry.get(_REGISTRY_KEY, {}).get(template)
    return __name__ if mail is None else mail.package
