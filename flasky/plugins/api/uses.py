"""When tokens were last used, stored beside the requests; and clearing away those that are over."""

from __future__ import annotations

from typing import Any

from pyramid.config import Configurator
from pyramid.registry import Registry
from pyramid.request import Request

from flasky.plugins.accounts.services import Housekeeper, Work, work_of
from flasky.plugins.api import tokens

_REGISTRY_KEY = "api.uses"


def note(work: Work, known: tokens.Known) -> None:
    """Note that a token is used today, unless that was stored or noted already; costs no statement."""
    uses: Housekeeper[str] = work.registry[_REGISTRY_KEY]
    before, now = uses.noted(known.digest) or known.last_used_at, work.now()
    if before is None or before.date() < now.date():
        uses.note(known.digest, known.identity.user_id, now)


def clear_away_job(request: Request) -> None:
    """The job `api.clear_away`."""
    tokens.forget_void(work_of(request))


def store(registry: Registry) -> None:
    """Store what was noted, now: for tests, and for whoever cannot wait some seconds."""
    registry[_REGISTRY_KEY].store()


def forget(event: Any) -> None:
    """Forget what was noted: a test begins."""
    event.registry[_REGISTRY_KEY].forget()


def includeme(config: Configurator) -> None:
    """Keep the notes where every request finds them."""
    config.registry[_REGISTRY_KEY] = Housekeeper(config.registry, "when access tokens were last used", tokens.note_use)
    config.add_subscriber(forget, "flasky.testing.reset.SiteReset")
