"""What the plug-in keeps on the registry, gives to requests, and hears of."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from pyramid.config import Configurator
from pyramid.request import Request
from sqlalchemy.exc import SQLAlchemyError

from flasky.events import ServingBegins
from flasky.plugins.accounts import breaches, housekeeping, identity, leaving, limits, passwords, sessions
from flasky.plugins.accounts.events import Denied
from flasky.plugins.accounts.ownership import claim_link
from flasky.plugins.accounts.security_log import Event, note, record
from flasky.plugins.accounts.work import open_work
from flasky.site import get_site

logger = logging.getLogger(__name__)


def includeme(config: Configurator) -> None:
    """Set everything up; nothing is connected or hashed yet."""
    registry, settings = config.registry, config.registry.settings
    passwords.set_hasher(
        registry,
        passwords.Hasher(
            memory_kib=settings["accounts.argon2_memory_kib"],
            time_cost=settings["accounts.argon2_time_cost"],
            parallelism=settings["accounts.argon2_parallelism"],
            wait_seconds=settings["accounts.hash_wait"],
        ),
    )
    breaches.set_breach_check(registry, breaches.BreachCheck(settings["accounts.breach_check"]))
    limits.set_limiter(registry, limits.Limiter(settings["accounts.limits_storage"]))
    housekeeping.set_housekeeper(
        registry, housekeeping.Housekeeper(registry, "when members were last seen", sessions.note_use)
    )
    config.add_job("accounts.clear_away", housekeeping.clear_away_job)
    config.add_schedule("accounts.clear_away", every=timedelta(hours=1))
    config.add_job("accounts.announce", housekeeping.announce_job)
    # Those who joined wait an hour; so the owner hears of them after an hour and a quarter at most.
    config.add_schedule("accounts.announce", every=timedelta(minutes=15))
    config.add_request_method(identity.make_work, "accounts", reify=True)
    config.add_request_method(identity.user, "user", reify=True)
    config.set_identity(identify)
    config.add_personal_data("accounts", export=leaving.export_account, erase=leaving.erase_account)
    config.add_subscriber(record_denial, Denied)
    config.add_subscriber(tell_claim_link, ServingBegins)
    config.add_subscriber(forget_everything, "flasky.testing.reset.SiteReset")


def identify(request: Request) -> identity.Identity | None:
    """The identity provider of the site; tells `Denied` when a member is refused what they asked for."""
    found = identity.identity(request)
    if found is not None:
        identity.tell_denials(request)
    return found


def record_denial(event: Denied) -> None:
    """Record that a member was refused a page (LOG-02), ten times an hour; all are in the log."""
    request = event.request
    route = request.matched_route.name if getattr(request, "matched_route", None) else ""
    tell = record if limits.allows(request.accounts, limits.DENIALS, str(event.user_id)) else note
    tell(request.accounts, Event.DENIED, event.user_id, route=route, method=request.method)


def tell_claim_link(event: ServingBegins) -> None:
    """In development, tell whoever starts a site without an administrator how to become it."""
    if get_site(event.registry).environment != "development":
        return
    try:
        with open_work(event.registry) as work:
            link = claim_link(work)
    except SQLAlchemyError:
        # The schema is not there yet: the site itself says what to do.
        return
    if link is not None:
        logger.info("This site has no administrator. Become it at %s", link)


def forget_everything(event: Any) -> None:
    """Forget counted tries and noted uses: a test begins."""
    limits.get_limiter(event.registry).clear()
    housekeeping.get_housekeeper(event.registry).forget()
