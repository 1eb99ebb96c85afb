"""INP-10: which names are the same, which look the same, and which nobody may take."""

from __future__ import annotations

import pytest

from flasky.plugins.accounts.errors import Fault
from flasky.plugins.accounts.usernames import canonical, check_username, skeleton

#: Names that somebody could take to be mistaken for `alice`, `paypal`, `Anna` or `胡同`.
LOOK_ALIKES = [
    ("alice", name)
    for name in (
        "ALICE", "Alice", "aIice", "a1ice", "a|ice", "AIice", "ａｌｉｃｅ", "𝐚𝐥𝐢𝐜𝐞", "𝒶𝓁𝒾𝒸ℯ",
        "аlice", "аӀісе", "al\u200bice", "al\u200dice", "alice\u200e", "\u202ealice", "ali\u00adce", "alice\ufe0f",
        "aliсe", "ⓐⓛⓘⓒⓔ", " alice", "alice ", "al\u2060ice", "al\ufefface", "al\u3164ice", "alice\u00a0", "ali\u034fce",
    )
] + [
    ("paypal", name)
    for name in (
        "раураl", "рaypal", "pаypаl", "PAYPAL", "paypaI", "paypa1", "pａypal", "ρaypal", "payp\u0430l", "paypal\u200c",
    )
] + [
    ("modern", "modem"), ("0scar", "oscar"), ("scope", "ѕсоре"), ("anna", "аnnа"), ("胡同", "胡\u200b同"),
    ("Straße", "STRASSE"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "twin"), LOOK_ALIKES)
def test_a_look_alike_is_refused_or_is_the_same_name(name: str, twin: str) -> None:
    """INP-10: whoever holds `name` cannot be mistaken for somebody else."""
    check_username(name)
    try:
        check_username(twin)
    except Fault:
        return
    assert canonical(twin) == canonical(name) or skeleton(twin) == skeleton(name)


def test_there_are_at_least_forty_look_alikes() -> None:
    assert len({twin for _name, twin in LOOK_ALIKES}) >= 40


@pytest.mark.parametrize(
    "name",
    ["胡同", "<b>胡同</b>", "O'Brien & Söhne", "Ольга", "東京タワー", "서울 user", "Αθηνά", "anna_92", "x", "n.n-n"],
)
def test_names_of_every_writing_are_taken_as_they_are(name: str) -> None:
    assert check_username(name) == name


def test_a_full_width_name_is_shown_in_ordinary_letters() -> None:
    assert check_username(" Ｗide ") == "Wide"


@pytest.mark.parametrize("name", ["anna", "bill", "user2", "胡同"])
def test_different_names_stay_different(name: str) -> None:
    assert skeleton(name) != skeleton(f"{name}a")
    assert skeleton("bill") != skeleton("biil")


@pytest.mark.parametrize(
    "name", ["admin", "Admin", "ADMIN", "аdmin", "adrnin", "login", "API", "static", "root", "管理员"]
)
def test_reserved_names_and_their_look_alikes_are_refused(name: str) -> None:
    with pytest.raises(Fault):
        check_username(name)


def test_the_owner_may_take_a_reserved_name() -> None:
    assert check_username("admin", reserved=True) == "admin"


@pytest.mark.parametrize(
    "name",
    [
        "", "   ", "a@b", "a\\b", "a?b", "a#b", "a%2fb", "a/../b", "/a", "a/", "a/edit", "..", "a  b", "a\nb", "a\x00b",
        "\ud800", "\U000e0001x", "a\ue000", "\u0301a", "a\u0301\u0302\u0303\u0304b", "!!!", "a" * 65, "ﷺ" * 60,
        "a\u2800b",
    ],
)  # fmt: skip
def test_what_is_no_name_is_refused_with_a_reason(name: str) -> None:
    with pytest.raises(Fault) as raised:
        check_username(name)
    assert raised.value.field == "username"
    assert str(raised.value)


def test_the_longest_name_is_taken() -> None:
    """INP-07: the limit itself is allowed."""
    assert check_username("ab" * 32) == "ab" * 32
