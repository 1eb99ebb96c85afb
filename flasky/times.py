"""Times, dates and numbers as a visitor reads them, by Babel, in their language.

Times are stored in UTC and shown in the time zone that the visitor chose. Where none was chosen they are shown in
UTC with the zone's name, and a script puts them into the browser's zone.
"""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import Any, Literal

from babel import Locale
from babel.dates import (
    format_date,
    format_datetime,
    format_timedelta,
    get_timezone,
)
from babel.numbers import format_decimal
from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup
from pyramid.request import Request
from pyramid.threadlocal import get_current_request

from flasky.languages import known_identity

Length = Literal["short", "medium", "long", "full"]
Form = Literal["datetime", "date", "relative"]

_UTC_NAME = "UTC"
#: What happened just now on a machine whose clock is ahead did not happen "in 2 seconds".
_CLOCKS_DIFFER = dt.timedelta(seconds=10)
#: Formatting is pure and costs more than looking it up; a page of posts repeats its days.
_REMEMBERED = 2048


@lru_cache(maxsize=16)
def _locale(language: str) -> Locale:
    return Locale.parse(language)


def zone_of(request: Request) -> str | None:
    """The IANA name of the time zone that the visitor chose, or None. Never asks the database."""
    identity = known_identity(request)
    return None if identity is None else identity.timezone


@lru_cache(maxsize=_REMEMBERED)
def show_datetime(value: dt.datetime, language: str, zone: str | None = None, length: Length = "medium") -> str:
    """Date and time of `value` in `zone`; without a zone in UTC, and saying so. Raises ValueError if it is naive."""
    shown = format_datetime(_aware(value), length, get_timezone(zone or _UTC_NAME), _locale(language))
    return shown if zone or length in {"long", "full"} else f"{shown} {_UTC_NAME}"


@lru_cache(maxsize=_REMEMBERED)
def show_date(value: dt.datetime | dt.date, language: str, zone: str | None = None, length: Length = "medium") -> str:
    """The date of `value`: a date as it is, a time's date in `zone` or UTC."""
    if isinstance(value, dt.datetime):
        value = _aware(value).astimezone(get_timezone(zone or _UTC_NAME)).date()
    return str(format_date(value, length, _locale(language)))


def show_relative(value: dt.datetime, language: str, now: dt.datetime | None = None) -> str:
    """How long ago `value` was, or how far ahead it is: "3 hours ago", "in 2 days"."""
    difference = _aware(value) - (now or dt.datetime.now(dt.UTC))
    if dt.timedelta(seconds=-1) < difference < _CLOCKS_DIFFER:
        difference = dt.timedelta(seconds=-1)
    return str(format_timedelta(difference, add_direction=True, locale=_locale(language)))


def show_number(value: float, language: str) -> str:
    """A number with the language's separators."""
    return str(format_decimal(value, locale=_locale(language)))


def show_local_time(
    value: dt.datetime,
    language: str,
    zone: str | None = None,
    form: Form = "datetime",
    now: dt.datetime | None = None,
) -> Markup:
    """A ``<time>`` element: `value` in the given form, with the exact time on hover.

    The script of the page rewrites it in the browser's time zone, unless the visitor chose a zone.
    """
    # To the second: what is finer is not shown, and would keep a page's times out of what is remembered.
    value = value.replace(microsecond=0)
    if form == "relative":
        return _time_element(value, language, zone, form, show_relative(value, language, now))
    return _fixed_time_element(value, language, zone, form)


@lru_cache(maxsize=_REMEMBERED)
def _fixed_time_element(value: dt.datetime, language: str, zone: str | None, form: Form) -> Markup:
    show = show_date if form == "date" else show_datetime
    return _time_element(value, language, zone, form, show(value, language, zone))


def _time_element(value: dt.datetime, language: str, zone: str | None, form: Form, text: str) -> Markup:
    moment = _aware(value).astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    # The attribute is what the script looks for.
    local = Markup("") if zone else Markup(' data-local="{}"').format(form)
    return Markup('<time datetime="{}" title="{}"{}>{}</time>').format(
        moment, show_datetime(value, language, zone, "long"), local, text
    )


def _aware(value: dt.datetime) -> dt.datetime:
    if value.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone: store and pass times in UTC, with their zone")
    return value


def _request(context: Context) -> Request:
    # A macro that was imported without its context has no request of its own.
    return context.get("request") or get_current_request()


@pass_context
def datetime_filter(context: Context, value: dt.datetime, length: Length = "medium") -> str:
    """``{{ post.created|datetime }}``"""
    request = _request(context)
    return show_datetime(value, request.locale_name, zone_of(request), length)


@pass_context
def date_filter(context: Context, value: dt.datetime | dt.date, length: Length = "medium") -> str:
    """``{{ post.created|date }}``"""
    request = _request(context)
    return show_date(value, request.locale_name, zone_of(request), length)


@pass_context
def relative_filter(context: Context, value: dt.datetime) -> str:
    """``{{ post.created|relative }}``"""
    return show_relative(value, _request(context).locale_name)


@pass_context
def number_filter(context: Context, value: float) -> str:
    """``{{ count|number }}``"""
    return show_number(value, _request(context).locale_name)


@pass_context
def local_time_filter(context: Context, value: dt.datetime, form: Form = "datetime") -> Markup:
    """``{{ post.created|local_time }}``, ``|local_time("date")`` or ``|local_time("relative")``"""
    request = _request(context)
    return show_local_time(value, request.locale_name, zone_of(request), form)


#: The names of the filters in templates.
FILTERS: dict[str, Any] = {
    "datetime": datetime_filter,
    "date": date_filter,
    "relative": relative_filter,
    "number": number_filter,
    "local_time": local_time_filter,
}
