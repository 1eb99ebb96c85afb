"""What the kernel tells whoever subscribes, beside Pyramid's own events; and how a subscriber refuses.

A subscriber that fails is logged with its plug-in and undone, and what published the event goes on
(`flasky.hooks`). One that wants to keep something from happening raises a `Refusal`, or one of Pyramid's HTTP
exceptions: those pass, and with them the transaction is rolled back.

An event that is published inside of a database transaction has it as `session`, so that a failing subscriber can be
undone by itself.
"""

from __future__ import annotations

from typing import NamedTuple

from pyramid.registry import Registry


class Refusal(Exception):
    """Raised on purpose: what was asked for must not happen. Whoever asked is told why; it is nobody's error."""


class ServingBegins(NamedTuple):
    """A server process is about to answer requests; commands and the shell do not publish this."""

    registry: Registry
