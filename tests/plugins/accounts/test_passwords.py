"""PWD-01 to PWD-03 and P28: which passwords are taken, and how they are stored and checked."""

from __future__ import annotations

from typing import Any

import pytest
from pyramid.registry import Registry

from flasky.plugins.accounts.errors import Busy, Fault
from flasky.plugins.accounts.passwords import Hasher, check_password, common_passwords, get_hasher
from flasky.plugins.accounts.work import Work

CHEAP = {"memory_kib": 64, "time_cost": 1, "parallelism": 1, "wait_seconds": 5.0}


@pytest.fixture
def bare_work(bare_app: Any) -> Work:
    """Work that never touches its database."""
    return Work(bare_app.registry, None)


@pytest.fixture
def hasher() -> Hasher:
    return Hasher(**CHEAP)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "password",
    [
        "correct horse", "𝒂" * 64, "a" * 72 + "b", "  leading and trailing  ", "null\x00inside it", "\ud800 surrogate",
        "密码密码密码密码密码", "x" * 1024, "Ünïcödé-é-ñ", "🙂🙃🙂🙃🙂🙃🙂🙃🙂🙃", "\t\n\r tabs and lines",
        "<script>alert(1)</script>",
    ],
)  # fmt: skip
def test_pwd_01_any_characters_are_taken_whole(bare_work: Work, hasher: Hasher, password: str) -> None:
    check_password(bare_work, password, username="anna", email="anna@example.com")
    stored = hasher.hash(password)
    assert hasher.verify(stored, password)
    assert not hasher.verify(stored, password[:-1])
    assert not hasher.verify(stored, password + " ")
    swapped = password.swapcase()
    assert swapped == password or not hasher.verify(stored, swapped)


def test_pwd_01_two_ways_to_type_an_accent_are_one_password(hasher: Hasher) -> None:
    assert hasher.verify(hasher.hash("cafe\u0301 au lait"), "caf\u00e9 au lait")


@pytest.mark.parametrize("password", ["", "short", "nine char", "x" * 1025])
def test_pwd_01_too_short_and_too_long_are_told(bare_work: Work, password: str) -> None:
    with pytest.raises(Fault, match=r"10|1024"):
        check_password(bare_work, password)


def test_pwd_02_the_list_is_long_and_all_of_it_is_refused(bare_work: Work) -> None:
    assert len(common_passwords()) >= 20_000
    for password in (word for word in common_passwords() if len(word) >= 10):
        with pytest.raises(Fault):
            check_password(bare_work, password.upper())


@pytest.mark.parametrize(
    "password",
    [
        "1234567890", "qwertyuiop", "1q2w3e4r5t", "PASSWORD123", "1qaz2wsx3edc", "qwerty12345", "password12",
        "annabella1", "annabella!!", "xxannabella", "Annabella2024", "ab.smith1", "bella.smith", "bella.smith99",
        "flasky1234", "FLASKYflasky", "community1", "flasky-flasky", "community flasky",
    ],
)  # fmt: skip
def test_pwd_02_common_ones_and_ones_like_the_member_are_refused(make_app: Any, password: str) -> None:
    app = make_app(flasky__base_url="https://community.example.com")
    with pytest.raises(Fault) as raised:
        check_password(
            Work(app.registry, None), password, username="annabella", email="bella.smith@example.com", field="new"
        )
    assert raised.value.field == "new"


def test_pwd_03_the_parameters_are_those_of_the_settings(make_app: Any) -> None:
    default = get_hasher(make_app().registry).hash("a password")
    assert default.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    raised = make_app(accounts__argon2_time_cost="3", accounts__argon2_memory_kib="128").registry
    assert get_hasher(raised).hash("a password").startswith("$argon2id$v=19$m=128,t=3,p=1$")
    assert get_hasher(raised).is_outdated(default)


def test_p28_a_broken_hash_is_a_wrong_password(hasher: Hasher) -> None:
    assert not hasher.verify("garbage", "a password")
    assert not hasher.verify("", "a password")


def test_enu_01_nobody_has_the_password_of_unknown_names(hasher: Hasher) -> None:
    assert not hasher.verify(None, "nobody has this password")
    assert not hasher.verify(None, "another")


def test_pwd_03_at_most_two_hashes_run_at_once_and_the_rest_is_told_to_wait() -> None:
    """P28: a third one waits for as long as the setting says, then gets 503 with Retry-After."""
    hasher = Hasher(memory_kib=64, time_cost=1, parallelism=1, wait_seconds=0.05)
    with hasher._place(), hasher._place():
        with pytest.raises(Busy) as hashing:
            hasher.hash("a password")
        with pytest.raises(Busy):
            hasher.verify(None, "a password")
    assert hashing.value.status_int == 503
    assert hashing.value.headers["Retry-After"] == "1"
    assert hasher.verify(hasher.hash("a password"), "a password")


def test_pwd_03_who_waits_gets_the_place_that_becomes_free(at_once: Any) -> None:
    hasher = Hasher(memory_kib=1024, time_cost=1, parallelism=1, wait_seconds=30)
    stored = hasher.hash("a password")
    assert at_once(12, lambda _number: hasher.verify(stored, "a password")) == [True] * 12


def test_the_hasher_belongs_to_its_application(make_app: Any) -> None:
    first: Registry = make_app().registry
    assert get_hasher(first) is not get_hasher(make_app().registry)
