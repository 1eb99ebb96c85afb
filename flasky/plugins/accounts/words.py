"""Words for people: what happened to an account, and which program a session is used with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from translationstring import TranslationString

from flasky.languages import _
from flasky.plugins.accounts.models import Role
from flasky.plugins.accounts.security_log import Event, Recorded

_SENTENCES: Mapping[Event, TranslationString] = {
    Event.REGISTERED: _("Joined the site"),
    Event.INVITED: _("Invited somebody"),
    Event.CONFIRMED: _("Address confirmed"),
    Event.ADDRESS_USED: _("Somebody tried to join with this address"),
    Event.ADDRESS_USED_MAILED: _("Told by mail that somebody tried to join with this address"),
    Event.LINK_MAILED: _("Link to sign in mailed"),
    Event.SIGNED_IN: _("Signed in"),
    Event.SIGNED_OUT: _("Signed out"),
    Event.SESSION_ENDED: _("Session ended"),
    Event.PROVED: _("Password given again"),
    Event.PASSWORD_CHANGED: _("Password changed"),
    Event.PASSWORD_RESET: _("Password changed by a mailed link"),
    Event.RESET_ASKED: _("Link for a new password asked for"),
    Event.ADDRESS_CHANGED: _("Address changed"),
    Event.ADDRESS_CHANGE_ASKED: _("Change of address asked for"),
    Event.SECOND_FACTOR_ON: _("Second factor added"),
    Event.SECOND_FACTOR_OFF: _("Second factor removed"),
    Event.RECOVERY_CODES_MADE: _("New recovery codes made"),
    Event.RECOVERY_CODE_USED: _("Recovery code used"),
    Event.ROLE_CHANGED: _("Role changed"),
    Event.PERMISSION_CHANGED: _("Permission of a role changed"),
    Event.DISABLED: _("Account disabled"),
    Event.ENABLED: _("Account enabled"),
    Event.PROFILE_EMPTIED: _("Profile emptied"),
    Event.EXPORTED: _("Data exported"),
    Event.LEAVING: _("Deletion of the account asked for"),
    Event.STAYED: _("Decided to stay"),
    Event.ERASED: _("Account deleted"),
    Event.CLAIMED: _("Became the first administrator"),
    Event.TOKEN_MADE: _("Access token made"),
    Event.TOKEN_REVOKED: _("Access token revoked"),
    Event.SIGN_IN_FAILED: _("Wrong password"),
    Event.CODE_FAILED: _("Wrong code"),
    Event.PROOF_FAILED: _("Wrong password while signed in"),
    Event.LIMITED: _("Too many tries"),
    Event.DENIED: _("Was refused a page"),
}

#: What the migration wrote about the first three roles. Others are described by whoever makes them, in one language.
_ROLES: Mapping[str, TranslationString] = {
    "Whoever joins": _("Whoever joins"),
    "Looks after what others write, and after members": _("Looks after what others write, and after members"),
    "May do everything": _("May do everything"),
}

#: How programs call themselves, the more particular ones first: nearly all of them also say Mozilla and Safari.
_PROGRAMS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def sentence(recorded: Recorded) -> TranslationString:
    """What happened."""
    return _SENTENCES[recorded.event]


def role_description(role: Role) -> TranslationString | str:
    """What a role is for: translatable as long as it is what the migration wrote."""
    return _ROLES.get(role.description, role.description)


def device(agent: str) -> Any:
    """Which browser on which system a User-Agent header means; a guess, for its owner to recognise."""
    program = next((name for sign, name in _PROGRAMS if sign in agent), "")
    system = next((name for sign, name in _SYSTEMS if sign in agent), "")
    if program and system:
        return _("${program} on ${system}", mapping={"program": program, "system": system})
    return program or system or _("Unknown program")
