"""Taking a profile's texts and picture away from a member who offends others with them.

Nothing is kept of what was taken away. The member may fill their profile in again; who goes on is disabled (`people`).
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Collection

from flasky.languages import _
from flasky.plugins.accounts.errors import Fault, Refused
from flasky.plugins.accounts.events import NameChanged, ProfileChanged
from flasky.plugins.accounts.mails import send_to_member
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.people import keep_administrators_apart
from flasky.plugins.accounts.profile import remove_avatar
from flasky.plugins.accounts.security_log import Event, record
from flasky.plugins.accounts.work import Work

#: The parts of a profile, each with the column that says whether it holds something. The user name is none of them.
_COLUMNS = {"name": "name", "location": "location", "about": "about_source", "picture": "avatar_version"}
PARTS = tuple(_COLUMNS)
LONGEST_REASON = 500


def filled(user: User) -> list[str]:
    """The parts of the member's profile that hold something. It only reads."""
    return [part for part, column in _COLUMNS.items() if getattr(user, column)]


def digest(user: User) -> str:
    """A short text that stands for what the member's profile holds now: another one when any of it has changed."""
    held = [getattr(user, column) for column in _COLUMNS.values()]
    return hashlib.sha256(repr(held).encode()).hexdigest()[:16]


def empty(work: Work, user: User, parts: Collection[str], reason: str, *, seen: str) -> None:
    """Take some `PARTS` of the member's profile away, record it, tell them why by mail, and tell the other plug-ins.

    `reason` becomes one line of at most 500 characters; `seen` is the `digest` of the profile that was decided about.
    Raises Fault for `reason`; Refused where the profile is another one by now, where no part was chosen, where they
    hold nothing, and for an administrator's profile unless an administrator asks.
    """
    keep_administrators_apart(work, user)
    # Locked and read again: the member may have stored another text meanwhile, another moderator emptied it. Before
    # any other fault is found: the page that tells of one shows the profile as it is now.
    work.db.refresh(user, [*_COLUMNS.values()], with_for_update={"key_share": True})
    if digest(user) != seen:
        raise Refused(_("The profile was changed meanwhile. Look at it again."))
    reason = _checked(reason)
    if not parts or not set(parts) <= _COLUMNS.keys():
        raise Refused(_("Choose what is to be taken away."))
    taken = [part for part in filled(user) if part in parts]
    if not taken:
        raise Refused(_("There is nothing of this in the profile any more."))
    _take(work, user, taken)
    record(work, Event.PROFILE_EMPTIED, user.id, parts=taken, reason=reason)
    # In no case in the language of who took it away: the member did not ask for this mail.
    send_to_member(
        work,
        "mail/profile_emptied",
        user,
        asked_in="en",
        parts=taken,
        reason=reason,
        has_profile=user.has_profile,
    )
    if "name" in taken:
        work.registry.notify(NameChanged(work, user))
    # At the very end: all who change a list wait for whoever says so first.
    work.registry.notify(ProfileChanged(work, user))


def _take(work: Work, user: User, parts: Collection[str]) -> None:
    if "name" in parts:
        user.name = ""
    if "location" in parts:
        user.location = ""
    if "about" in parts:
        user.about_source = user.about_html = ""
    if "picture" in parts:
        remove_avatar(work, user)
    work.db.flush()


def _checked(reason: str) -> str:
    line = " ".join(reason.split())
    if not any(sign.isprintable() for sign in line):
        raise Fault("reason", _("Fill in this field."))
    if len(line) > LONGEST_REASON or any(unicodedata.category(sign) == "Cc" for sign in line):
        raise Fault(
            "reason",
            _("At most ${count} characters, none of them control characters.", mapping={"count": LONGEST_REASON}),
        )
    return line
