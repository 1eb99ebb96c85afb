"""Passwords: which are good enough, and how they are stored and checked (PWD-01 to PWD-03, P28).

Argon2id with the parameters of the settings. A hash takes 19 MiB for as long as it runs, so at most two run at a
time in a process; who waits longer than five seconds is told to come back. Whatever characters a password has, all
of them count: it is brought to one Unicode composition (NFC, as two keyboards may write é differently), and nothing
is cut off, folded or trimmed.
"""

from __future__ import annotations

import contextlib
import difflib
import threading
import unicodedata
from collections.abc import Iterator
from functools import cache
from urllib.parse import urlsplit

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError
from pyramid.registry import Registry

from flasky.languages import _
from flasky.plugins.accounts.breaches import get_breach_check
from flasky.plugins.accounts.errors import Busy, Fault
from flasky.plugins.accounts.work import Work

LONGEST_PASSWORD = 1024
#: How many hashes run at once in a process.
MOST_AT_ONCE = 2
_REGISTRY_KEY = "accounts.hasher"
_SIMILAR = 0.7
_LEAST_REST = 6
_LEAST_WORD = 4
_PRODUCT_WORDS = ("flasky",)


class Hasher:
    """Makes and checks hashes, a few at a time."""

    def __init__(self, *, memory_kib: int, time_cost: int, parallelism: int, wait_seconds: float) -> None:
        self._argon2 = PasswordHasher(
            time_cost=time_cost, memory_cost=memory_kib, parallelism=parallelism, type=Type.ID
        )
        self._places = threading.BoundedSemaphore(MOST_AT_ONCE)
        self._wait = wait_seconds
        self._dummy: str | None = None

    def hash(self, password: str) -> str:
        """The hash to store, with its parameters and salt in it. Raises Busy."""
        with self._place():
            return self._argon2.hash(_encode(password))

    def verify(self, stored: str | None, password: str) -> bool:
        """Whether `password` is the one behind `stored`. Raises Busy.

        Without a hash (an unknown name, an account without password) the answer is no and takes as long as
        another one (ENU-01).
        """
        known = stored is not None
        if stored is None:
            stored = self._dummy = self._dummy or self.hash("nobody has this password")
        with self._place(), contextlib.suppress(VerificationError, InvalidHashError):
            return self._argon2.verify(stored, _encode(password)) and known
        return False

    def is_outdated(self, stored: str) -> bool:
        """Whether `stored` was made with other parameters than the settings now say."""
        return self._argon2.check_needs_rehash(stored)

    @contextlib.contextmanager
    def _place(self) -> Iterator[None]:
        if not self._places.acquire(timeout=self._wait):
            raise Busy(max(1, round(self._wait)))
        try:
            yield
        finally:
            self._places.release()


def set_hasher(registry: Registry, hasher: Hasher) -> None:
    """Keep the hasher where every request finds it."""
    registry[_REGISTRY_KEY] = hasher


def get_hasher(registry: Registry) -> Hasher:
    """The hasher of an application."""
    hasher: Hasher = registry[_REGISTRY_KEY]
    return hasher


def check_password(work: Work, password: str, *, username: str = "", email: str = "", field: str = "password") -> None:
    """Raise Fault for `field` when `password` is not good enough for the member with that name and address."""
    least = work.settings["accounts.password_least"]
    if len(password) < least:
        raise Fault(field, _("A password needs at least ${count} characters.", mapping={"count": least}))
    if len(password) > LONGEST_PASSWORD:
        raise Fault(field, _("A password has at most ${count} characters.", mapping={"count": LONGEST_PASSWORD}))
    folded = password.casefold()
    if folded in common_passwords():
        raise Fault(field, _("This password is one of the most common ones. Choose another."))
    if _is_like(folded, _words(work, username, email)):
        raise Fault(field, _("This password is too much like your name, your address or the name of this site."))
    # Last, as only this takes time; services call it before they lock anything.
    if get_breach_check(work.registry).knows(_encode(password)):
        raise Fault(field, _("This password was found in data that was stolen elsewhere. Choose another."))


@cache
def common_passwords() -> frozenset[str]:
    """The 30,000 passwords that people choose most, case-folded; from the lists of the package zxcvbn."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # noqa: PLC0415 - loads a megabyte, needed when one is chosen

    return frozenset(word.casefold() for word in FREQUENCY_LISTS["passwords"])


def _words(work: Work, username: str, email: str) -> set[str]:
    local, _at, domain = email.casefold().partition("@")
    host = urlsplit(work.settings["flasky.base_url"]).hostname or ""
    labels = [*host.split(".")[:-1], *domain.split(".")[:-1]]
    words = {username.casefold(), local, *labels, *_PRODUCT_WORDS, *username.casefold().split(), *local.split(".")}
    return {word for word in words if len(word) >= _LEAST_WORD}


def _is_like(password: str, words: set[str]) -> bool:
    rest = password
    for word in sorted(words, key=len, reverse=True):
        rest = rest.replace(word, "")
        # The ratio of a long password to a short word is small whatever they are: not worth a slow comparison.
        if len(password) <= 2 * len(word) + 2 and _ratio(password, word) >= _SIMILAR:
            return True
    return rest != password and len(rest) < _LEAST_REST


def _ratio(password: str, word: str) -> float:
    matcher = difflib.SequenceMatcher(None, password, word, autojunk=False)
    return matcher.ratio() if matcher.quick_ratio() >= _SIMILAR else 0.0


def _encode(password: str) -> bytes:
    # A lone surrogate is no character, but somebody may send one: it is hashed like the rest (P28).
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
