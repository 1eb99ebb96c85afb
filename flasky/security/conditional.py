"""Conditional and range headers: one that cannot be understood is ignored, as RFC 9110 has it.

WebOb reads them while the answer is being sent, outside of every tween, and fails on some (`Range: bytes=--1`,
`If-Modified-Since` in the year 99999). So they are looked at before.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any

_RANGE = re.compile(r"bytes=(?:[0-9]{1,15}-[0-9]{0,15}|-[0-9]{1,15})")
_DATES = ("HTTP_IF_MODIFIED_SINCE", "HTTP_IF_UNMODIFIED_SINCE")
_DATE = re.compile(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def drop_broken(environ: MutableMapping[str, Any]) -> None:
    """Take those out of `environ` that WebOb could not read."""
    if "HTTP_RANGE" in environ and not _is_range(environ["HTTP_RANGE"]):
        del environ["HTTP_RANGE"]
    for name in _DATES:
        if name in environ and not is_date(environ[name]):
            del environ[name]
    if_range = environ.get("HTTP_IF_RANGE", '"')
    if '"' not in if_range and not is_date(if_range):
        # A range without its condition would mix two versions of a file.
        del environ["HTTP_IF_RANGE"]
        environ.pop("HTTP_RANGE", None)


def _is_range(value: str) -> bool:
    if not _RANGE.fullmatch(value):
        return False
    first, _, last = value.removeprefix("bytes=").partition("-")
    return not (first and last) or int(first) <= int(last)


def is_date(value: str) -> bool:
    """Whether `value` is a date as HTTP writes it today, from 1970 on."""
    if not _DATE.fullmatch(value):
        return False
    day, month, year, clock = value[5:7], value[8:11], value[12:16], value[17:25]
    hour, minute, second = clock.split(":")
    try:
        moment = datetime(
            int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second), tzinfo=UTC
        )
    except ValueError:
        return False
    return moment.year >= 1970
