"""What this plug-in publishes to others, beside its models and its events.

A plug-in that requires `accounts` takes everything it needs from here, from `models` and from `events`; the other
modules may change without notice. In a view, `request.accounts` is the `Work` of the request and `request.user` the
member who sends it.
"""

from __future__ import annotations

from flasky.plugins.accounts.errors import Fault, Faults, InvalidToken, Refused, TooManyTries
from flasky.plugins.accounts.housekeeping import Housekeeper
from flasky.plugins.accounts.identity import Identity, make_identity, select_identity, tell_denials
from flasky.plugins.accounts.leaving import erased_without, note_erased
from flasky.plugins.accounts.limits import Limit, Use, allows, allows_all, check, count_use, pace, peer_key, spend
from flasky.plugins.accounts.mails import send_to_member
from flasky.plugins.accounts.people import find, find_profile
from flasky.plugins.accounts.roles import others_may, permissions_of
from flasky.plugins.accounts.security_log import Event, record
from flasky.plugins.accounts.usernames import canonical
from flasky.plugins.accounts.work import Client, Work, open_work, work_of

__all__ = [
    "Client",
    "Event",
    "Fault",
    "Faults",
    "Housekeeper",
    "Identity",
    "InvalidToken",
    "Limit",
    "Refused",
    "TooManyTries",
    "Use",
    "Work",
    "allows",
    "allows_all",
    "canonical",
    "check",
    "count_use",
    "erased_without",
    "find",
    "find_profile",
    "make_identity",
    "note_erased",
    "open_work",
    "others_may",
    "pace",
    "peer_key",
    "permissions_of",
    "record",
    "select_identity",
    "send_to_member",
    "spend",
    "tell_denials",
    "work_of",
]
