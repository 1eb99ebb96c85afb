"""How often something may be tried (RTE-01 to RTE-03).

Failures are counted, in memory or in Redis (`accounts.limits_storage`). What a try is counted by cannot be chosen by
whoever tries: the true peer's address, an IPv6 one by its /64, and the member that a name was found to mean. When
the storage fails, tries pass uncounted and the log says so: a site whose Redis is down still lets people in. Where a
job decides about a mail, `later_mails` counts in the database.
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import math
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from limits import RateLimitItemPerSecond
from limits.errors import StorageError
from limits.storage import storage_from_string
from limits.strategies import MovingWindowRateLimiter
from pyramid.registry import Registry

from flasky.plugins.accounts.errors import TooManyTries
from flasky.plugins.accounts.memory_counts import CalmMemoryStorage
from flasky.plugins.accounts.security_log import Event, note, record
from flasky.plugins.accounts.work import Work

logger = logging.getLogger(__name__)

_REGISTRY_KEY = "accounts.limiter"
_REDIS_SECONDS = 1
_HOUR, _DAY = 3600, 86400


class Limit(NamedTuple):
    """At most `amount` in any `seconds`; `name` separates it from the others."""

    name: str
    amount: int
    seconds: int

    @property
    def item(self) -> RateLimitItemPerSecond:
        """The limit as the library counts it."""
        return RateLimitItemPerSecond(self.amount, self.seconds, namespace=f"accounts.{self.name}")


class Use(NamedTuple):
    """A use that was counted, or `refused`: how many are `left`, and in how many `seconds` there will be one more."""

    refused: bool
    left: int
    seconds: int


class _Wait(NamedTuple):
    """The seconds until `limit` has room for `key` again; 0 when it has."""

    limit: Limit
    key: str
    seconds: int


SIGN_IN_ACCOUNT = Limit("sign_in.account", 10, 300)
SIGN_IN_ADDRESS = Limit("sign_in.address", 10, 300)
SIGN_IN_SITE = Limit("sign_in.site", 1000, 300)
CODES = (Limit("code.short", 5, 300), Limit("code.hour", 20, _HOUR), Limit("code.day", 50, _DAY))
PROOFS = Limit("proof", 10, 300)
REGISTRATIONS = Limit("registration", 20, _HOUR)
RESETS = Limit("reset", 5, _DAY)
RESENDS = Limit("resend", 3, 6 * _HOUR)
LINKS = Limit("link", 5, _HOUR)
ADDRESS_CHANGES = Limit("address_change", 2, _DAY)
KNOWN_ADDRESSES = Limit("known_address", 3, _DAY)
#: How often it is recorded that a member was refused a page.
DENIALS = Limit("denied", 10, _HOUR)
#: What one peer may ask for mails, whoever they are for.
MAILS = Limit("mails", 30, _HOUR)


class Limiter:
    """The counters of one application."""

    def __init__(self, storage: str) -> None:
        """`storage` is `memory://` or the URL of a Redis server."""
        self._storage = CalmMemoryStorage() if storage.startswith("memory:") else _redis(storage)
        self._windows = MovingWindowRateLimiter(self._storage)

    def wait(self, limit: Limit, *keys: str) -> int:
        """The seconds until the next try is possible; 0 when it is now."""
        try:
            if self._windows.test(limit.item, *keys):
                return 0
            return self._seconds(limit, keys)
        except StorageError:
            logger.exception("limits cannot be looked up: %s passes", limit.name)
            return 0

    def hit(self, limit: Limit, *keys: str) -> int:
        """Count a try. Returns 0, or the seconds until it would have been possible."""
        try:
            if self._windows.hit(limit.item, *keys):
                return 0
            return self._seconds(limit, keys)
        except StorageError:
            logger.exception("limits cannot be counted: %s passes", limit.name)
            return 0

    def use(self, limit: Limit, *keys: str) -> Use | None:
        """Count a use if there is room, and tell what is left; None where the storage fails."""
        try:
            refused = not self._windows.hit(limit.item, *keys)
            stats = self._windows.get_window_stats(limit.item, *keys)
        except StorageError:
            logger.exception("limits cannot be counted: %s passes", limit.name)
            return None
        return Use(refused, stats.remaining, max(1, math.ceil(stats.reset_time - time.time())))

    def clear(self) -> None:
        """Forget every count."""
        self._storage.reset()

    def _seconds(self, limit: Limit, keys: tuple[str, ...]) -> int:
        reset = self._windows.get_window_stats(limit.item, *keys).reset_time
        return max(1, math.ceil(reset - time.time()))


def _redis(url: str) -> Any:
    options = {"socket_timeout": _REDIS_SECONDS, "socket_connect_timeout": _REDIS_SECONDS}
    return storage_from_string(url, wrap_exceptions=True, **options)


def set_limiter(registry: Registry, limiter: Limiter) -> None:
    """Keep the counters where every request finds them."""
    registry[_REGISTRY_KEY] = limiter


def get_limiter(registry: Registry) -> Limiter:
    """The counters of an application."""
    limiter: Limiter = registry[_REGISTRY_KEY]
    return limiter


def check(work: Work, *counted: tuple[Limit, str], user_id: int | None = None) -> None:
    """Raise TooManyTries when one of the limits is reached for its key. Nothing is counted.

    The first refusal in the time of the limit is recorded, for each process that counts by itself; all are in the log.
    """
    _refuse(work, [_Wait(limit, key, get_limiter(work.registry).wait(limit, key)) for limit, key in counted], user_id)


def count(work: Work, *counted: tuple[Limit, str]) -> None:
    """Count a failure for each key."""
    for limit, key in counted:
        get_limiter(work.registry).hit(limit, key)


def spend(work: Work, *counted: tuple[Limit, str], user_id: int | None = None) -> None:
    """Count a use for each key; when a limit is reached, none is counted. Raises TooManyTries then, as `check`."""
    _refuse(work, _use(work, counted), user_id)


def pace(work: Work, *counted: tuple[Limit, str]) -> None:
    """As `spend`, but without a record: for what anybody may do often, and only reads."""
    if seconds := max(wait.seconds for wait in _use(work, counted)):
        raise TooManyTries(seconds)


def allows(work: Work, limit: Limit, key: str) -> bool:
    """Count a use for the key; when the limit is reached, it is not counted, and the answer is False."""
    return get_limiter(work.registry).hit(limit, key) == 0


def allows_all(work: Work, *counted: tuple[Limit, str]) -> bool:
    """Count a use for each key; when one of the limits is reached, none is counted, and the answer is False."""
    return not any(wait.seconds for wait in _use(work, counted))


def count_use(work: Work, limit: Limit, key: str) -> Use | None:
    """Count a use for the key, and tell what is left; for answers that say so. None where the storage fails."""
    return get_limiter(work.registry).use(limit, key)


def _use(work: Work, counted: Sequence[tuple[Limit, str]]) -> list[_Wait]:
    """Count a use for each key if all limits have room; returns how long to wait for each."""
    limiter = get_limiter(work.registry)
    # Looked at first: who tries on while the limit of an hour holds would use up that of a day without getting
    # anything. Two tries at the same moment may both find room for one; `hit` refuses the second, which at worst has
    # counted for another limit then.
    waits = [_Wait(limit, key, limiter.wait(limit, key)) for limit, key in counted]
    if any(wait.seconds for wait in waits):
        return waits
    return [_Wait(limit, key, limiter.hit(limit, key)) for limit, key in counted]


def _refuse(work: Work, waits: list[_Wait], user_id: int | None) -> None:
    limit, key, seconds = max(waits, key=lambda wait: wait.seconds)
    if seconds:
        is_first = allows(work, Limit(f"{limit.name}.recorded", 1, limit.seconds), key)
        tell = record if is_first else note
        tell(work, Event.LIMITED, user_id, limit=limit.name, seconds=seconds)
        raise TooManyTries(seconds)


def peer_key(work: Work) -> str:
    """What the requests of one peer are counted by: its IPv4 address, or the /64 that its IPv6 address is in."""
    try:
        address = ipaddress.ip_address(work.client.address.partition("%")[0])
    except ValueError:
        return work.client.address
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))


def text_key(text: str) -> str:
    """A short key for a text of any length."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def storable(text: str) -> str:
    """A text that a database can be asked for: what no column can hold (NUL, lone surrogates) is found nowhere."""
    return "" if "\x00" in text or any(0xD800 <= ord(character) <= 0xDFFF for character in text) else text
