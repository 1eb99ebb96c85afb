"""flasky.times: times, dates and numbers in the visitor's language and zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from pyramid.request import Request, apply_request_extensions

from flasky.templating import get_environment
from flasky.times import show_date, show_datetime, show_local_time, show_number, show_relative, zone_of

MOMENT = datetime(2026, 3, 1, 22, 5, 6, 789, tzinfo=UTC)


def spaced(text: str) -> str:
    """Babel sets narrow no-break spaces in times; this test is not about them."""
    return text.replace("\u202f", " ").replace("\xa0", " ")


@pytest.mark.parametrize(
    ("language", "zone", "expected"),
    [
        ("en", None, "Mar 1, 2026, 10:05:06 PM UTC"),
        ("zh", None, "2026年3月1日 22:05:06 UTC"),
        ("en", "Asia/Shanghai", "Mar 2, 2026, 6:05:06 AM"),
        ("zh", "Asia/Shanghai", "2026年3月2日 06:05:06"),
        ("en", "America/St_Johns", "Mar 1, 2026, 6:35:06 PM"),
    ],
)
def test_a_time_is_shown_in_language_and_zone(language: str, zone: str | None, expected: str) -> None:
    """PARITY 11"""
    assert spaced(show_datetime(MOMENT, language, zone)) == expected


def test_a_time_with_another_zone_is_the_same_moment() -> None:
    elsewhere = MOMENT.astimezone(timezone(timedelta(hours=-7)))
    assert show_datetime(elsewhere, "en") == show_datetime(MOMENT, "en")


def test_a_date_is_the_day_in_the_zone() -> None:
    assert show_date(MOMENT, "en") == "Mar 1, 2026"
    assert show_date(MOMENT, "en", "Asia/Shanghai") == "Mar 2, 2026"
    assert show_date(date(2026, 3, 1), "zh", "Asia/Shanghai") == "2026年3月1日"


@pytest.mark.parametrize(
    ("distance", "english", "chinese"),
    [
        (timedelta(0), "1 second ago", "1秒钟前"),
        (timedelta(seconds=5), "1 second ago", "1秒钟前"),
        (timedelta(hours=-3), "3 hours ago", "3小时前"),
        (timedelta(days=2), "in 2 days", "2天后"),
    ],
)
def test_how_long_ago(distance: timedelta, english: str, chinese: str) -> None:
    assert show_relative(MOMENT + distance, "en", MOMENT) == english
    assert show_relative(MOMENT + distance, "zh", MOMENT) == chinese


def test_numbers_have_separators() -> None:
    assert show_number(1234567.5, "en") == "1,234,567.5"


def test_a_time_without_a_zone_is_refused() -> None:
    naive = MOMENT.replace(tzinfo=None)
    for show in (show_datetime, show_relative, show_date, show_local_time):
        with pytest.raises(ValueError, match="time zone"):
            show(naive, "en")  # type: ignore[operator]


def test_the_element_holds_the_exact_time() -> None:
    """PARITY 11: the exact time on hover, and what the page's script needs."""
    assert spaced(show_local_time(MOMENT, "en")) == (
        '<time datetime="2026-03-01T22:05:06Z" title="March 1, 2026, 10:05:06 PM UTC" data-local="datetime">'
        "Mar 1, 2026, 10:05:06 PM UTC</time>"
    )


def test_a_chosen_zone_is_not_overruled_by_the_browsers() -> None:
    element = show_local_time(MOMENT, "zh", "Asia/Shanghai")
    assert "data-local" not in element
    assert 'datetime="2026-03-01T22:05:06Z"' in element
    assert "2026年3月2日 06:05:06" in element
    assert "+0800" in element or "中国标准时间" in element or "GMT+8" in element


@pytest.mark.parametrize(("form", "text"), [("date", "Mar 1, 2026"), ("relative", "1 hour ago")])
def test_the_element_in_other_forms(form: Any, text: str) -> None:
    element = show_local_time(MOMENT, "en", form=form, now=MOMENT + timedelta(hours=1))
    assert f'data-local="{form}">{text}</time>' in element
    assert 'title="March 1, 2026' in element


def request(bare_app: Any, identity: Any = None) -> Request:
    made = Request.blank("/", headers={"Accept-Language": "zh"})
    made.registry = bare_app.registry
    apply_request_extensions(made)
    if identity:
        made.__dict__["flasky_identity"] = identity
    return made


def test_the_zone_is_the_members(bare_app: Any) -> None:
    assert zone_of(request(bare_app)) is None
    assert zone_of(request(bare_app, SimpleNamespace(timezone="Asia/Tokyo", language=None))) == "Asia/Tokyo"


def test_the_filters_of_templates(bare_app: Any) -> None:
    source = "{{ m|datetime }}|{{ m|date('full') }}|{{ m|local_time('date') }}|{{ 1234|number }}|{{ m|relative }}"
    template = get_environment(bare_app.registry).from_string(source)
    text = template.render(request=request(bare_app), m=MOMENT)
    assert text.startswith("2026年3月1日 22:05:06 UTC|2026年3月1日星期日|<time ")
    assert "|1,234|" in text
    assert text.endswith("前")
