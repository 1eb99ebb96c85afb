"""Mails that only some addresses get: whether one is sent is decided behind the answer (ENU-02, ENU-03).

A request for a link costs the same statements for every address: it queues one job, for the member who was found or
for nobody. The job makes the link and its mail, or does nothing (docs/decisions/0057-same-work-for-every-address.md).
How many mails a member got is counted in the record of events: jobs are done in many processes, some of which live no
longer than one job, and a job that fails is tried again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pyramid.config import Configurator
from pyramid.request import Request
from sqlalchemy import select

from flasky.jobs.services import enqueue
from flasky.plugins.accounts import limits, security_log, tokens
from flasky.plugins.accounts.announcements import announce
from flasky.plugins.accounts.mails import send_to_member
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.security_log import Event, record
from flasky.plugins.accounts.tokens import Purpose
from flasky.plugins.accounts.work import Work, work_of

_LINK, _JOINING = "accounts.mail_link", "accounts.after_joining"
#: The mail that each link is in, and how it says for how long the link is good.
_MAILS: Mapping[Purpose, tuple[str, Mapping[str, Any]]] = {
    Purpose.CONFIRM: ("mail/confirm", {"hours": tokens.hours(Purpose.CONFIRM)}),
    Purpose.RESET: ("mail/reset", {"hours": tokens.hours(Purpose.RESET)}),
    Purpose.SIGN_IN: ("mail/sign_in_link", {"minutes": tokens.minutes(Purpose.SIGN_IN)}),
}


def includeme(config: Configurator) -> None:
    """Declare the jobs. Somebody looks into their mailbox for what comes of them."""
    config.add_job(_LINK, mail_link_job, quick=True)
    config.add_job(_JOINING, after_joining_job, quick=True)


def queue_link(work: Work, purpose: Purpose, user_id: int | None) -> None:
    """Have the link for `purpose` mailed to the member, if there is one and they may have it; None is nobody."""
    # An id and no address: what somebody typed who has no account here is kept nowhere.
    enqueue(work.registry, work.db, _LINK, purpose=purpose.value, user_id=user_id, language=work.language)


def queue_after_joining(work: Work, user_id: int, *, is_new: bool) -> None:
    """Have the mails sent that joining leads to: for a new member, or to one whose address was given once more."""
    enqueue(work.registry, work.db, _JOINING, user_id=user_id, is_new=is_new)


def mail_link_job(request: Request, purpose: str, user_id: int | None, language: str) -> None:
    """The job `accounts.mail_link`; `language` is for a member who has chosen none."""
    work = work_of(request)
    user = work.db.get(User, user_id) if user_id is not None else None
    if user is not None:
        _mail_link(work, Purpose(purpose), user, language)


def after_joining_job(request: Request, user_id: int, *, is_new: bool) -> None:
    """The job `accounts.after_joining`: tell the site's owner and mail the first link, or tell whose address it is."""
    work = work_of(request)
    user = work.db.get(User, user_id)
    if user is None or user.email is None:
        # Gone again.
        return
    if is_new:
        announce(work, user)
        _mail_link(work, Purpose.CONFIRM, user, work.language)
    # Somebody could fill another's mailbox with these.
    elif _takes_one_more(work, user, limits.KNOWN_ADDRESSES, Event.ADDRESS_USED_MAILED):
        send_to_member(work, "mail/known_address", user)


def _mail_link(work: Work, purpose: Purpose, user: User, language: str) -> None:
    if user.email is None or user.disabled_at is not None:
        return
    if purpose is Purpose.CONFIRM and user.confirmed_at is not None:
        return
    # Their name and their address are counted apart where a link is asked for.
    if purpose is Purpose.SIGN_IN and not _takes_one_more(work, user, limits.LINKS, Event.LINK_MAILED):
        # Whoever asked cannot be told. Their record tells the member why no mail comes: a stranger may have asked.
        record(work, Event.LIMITED, user.id, limit=limits.LINKS.name)
        return
    template, values = _MAILS[purpose]
    secret = tokens.issue(work, purpose, user, user.email)
    send_to_member(work, template, user, asked_in=language, token=secret, **values)


def _takes_one_more(work: Work, user: User, limit: limits.Limit, mailed: Event) -> bool:
    """Whether the member may get another of the mails that `mailed` records; if so, it is recorded."""
    # PostgreSQL would let two jobs count the same mails; SQLite does one after the other anyway.
    work.db.execute(select(User.id).where(User.id == user.id).with_for_update(key_share=True))
    # Mails are counted, not what was asked for: who goes on asking would otherwise keep the mails away for good.
    since = work.now() - timedelta(seconds=limit.seconds)
    if security_log.count(work, mailed, user.id, since) >= limit.amount:
        return False
    record(work, mailed, user.id)
    return True
