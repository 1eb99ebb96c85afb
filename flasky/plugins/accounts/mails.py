"""The mails of this plug-in: what each is called, its subject, and the values that its templates use."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pyramid.config import Configurator
from translationstring import TranslationString

from flasky.languages import _
from flasky.mail.services import send_mail
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.work import Work

_ANN = {"username": "Ann", "name": "Ann Example"}
_TOKEN = {"token": "0" * 43}
_SAMPLE_DATE = datetime(2030, 1, 31, 12, 0, tzinfo=UTC)

#: Each mail's subject, and sample values of everything that its templates use.
MAILS: Mapping[str, tuple[TranslationString, Mapping[str, Any]]] = {
    "mail/new_user": (_("New member ${username}"), {"username": "Ann", "email": "ann@example.com"}),
    "mail/new_users": (_("${count} new members"), {"count": 2, "usernames": ["Ann", "Bob"]}),
    "mail/confirm": (_("Confirm your address"), {**_ANN, **_TOKEN, "hours": 72}),
    "mail/known_address": (_("You already have an account"), {**_ANN}),
    "mail/reset": (_("Choose a new password"), {**_ANN, **_TOKEN, "hours": 2}),
    "mail/sign_in_link": (_("Your link to sign in"), {**_ANN, **_TOKEN, "minutes": 15}),
    "mail/change_address": (_("Confirm your new address"), {**_ANN, **_TOKEN, "hours": 24}),
    "mail/changed": (_("Your account was changed"), {**_ANN, "what": "password"}),
    "mail/invitation": (_("You are invited"), {**_TOKEN, "days": 7}),
    "mail/profile_emptied": (
        _("Your profile was emptied"),
        {**_ANN, "parts": ["name", "location", "about", "picture"], "reason": "Advertising", "has_profile": True},
    ),
    "mail/leaving": (_("Your account will be deleted"), {**_ANN, "due": _SAMPLE_DATE}),
}

#: What "mail/changed" can be about; the templates have a sentence for each.
CHANGES = (
    *("password", "address", "second_factor_on", "second_factor_off", "recovery_codes", "role"),
    *("token_made", "token_leaked"),
)


def includeme(config: Configurator) -> None:
    """Declare every mail."""
    for template, (subject, sample) in MAILS.items():
        config.add_mail(template, subject, sample=sample)


def send(work: Work, template: str, to: str, *, language: str | None = None, **values: Any) -> None:
    """Queue one of `MAILS` in the work's transaction, in `language`, or that of whoever asks."""
    subject, _sample = MAILS[template]
    send_mail(work.registry, work.db, to, subject, template, language=language or work.language, **values)


def send_to_member(
    work: Work, template: str, user: User, *, to: str | None = None, asked_in: str | None = None, **values: Any
) -> None:
    """Queue a mail to a member, in their language; to their address, or to `to`. Without an address nothing is sent.

    `asked_in` is the language of whoever asked for it, for members who chose none: that of this work if not given.
    """
    address = to or user.email
    if address:
        name = user.name or user.username
        send(work, template, address, language=user.language or asked_in, username=user.username, name=name, **values)
