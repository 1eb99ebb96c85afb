"""Mail: an outbox in the database, and a deliverer that empties it."""

from __future__ import annotations

from pyramid.config import Configurator
from pyramid_mailer.interfaces import IMailer

from flasky.languages import _
from flasky.mail.addresses import InvalidAddress, clean_address
from flasky.mail.declarations import TEST_MAIL, add_mail
from flasky.mail.services import administrator, prepare_wake_event, send_mail, send_request_mail
from flasky.mail.transport import make_mailer
from flasky.site import get_site

__all__ = ["InvalidAddress", "administrator", "clean_address", "includeme", "send_mail"]


def includeme(config: Configurator) -> None:
    """Add `request.send_mail`, the directive `add_mail`, and in development the viewer at ``/_mail``."""
    site = get_site(config.registry)
    # Whoever takes pyramid_mailer's own mailer from the registry sends over a verified connection, too (P20).
    config.registry.registerUtility(make_mailer(site.settings), IMailer)
    prepare_wake_event(config.registry)
    config.add_directive("add_mail", add_mail)
    config.add_request_method(send_request_mail, "send_mail")
    config.include("flasky.mail.rendering")
    config.add_mail(TEST_MAIL, _("Test mail"), sample={})
    if site.environment == "development":
        config.include("flasky.mail.views")
