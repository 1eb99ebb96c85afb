"""What production refuses to start with (CFG-01, CFG-04, P33)."""

from __future__ import annotations

import base64
import random

import pytest

from flasky.settings import ConfigurationFaults
from flasky.site import DEVELOPMENT_SECRET, load_site, weak_secret

GOOD = {
    "flasky.environment": "production",
    "flasky.plugins": "main accounts",
    "flasky.secret_key": "pWc9m7sVbQ2xLzR4tYh8KdGfJnEa3Uo6",
    "flasky.base_url": "https://community.flasky.test",
    "sqlalchemy.url": "sqlite:////srv/flasky/data.sqlite",
}


def faults(changes=(), environ=()):
    """The faults of a good site that differs in these settings, as text; empty when it starts."""
    settings = {name: value for name, value in {**GOOD, **dict(changes)}.items() if value is not None}
    try:
        load_site({"__file__": "/srv/flasky/production.ini"}, settings, dict(environ))
    except ConfigurationFaults as error:
        return str(error)
    return ""


def test_cfg_01_a_good_configuration_starts():
    """The other side of all that follows."""
    assert faults() == ""


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"flasky.secret_key": None}, "flasky.secret_key"),
        ({"flasky.secret_key": "hard to guess string"}, "well-known"),
        ({"flasky.secret_key": "seekrit"}, "well-known"),
        ({"flasky.secret_key": "changeme"}, "well-known"),
        ({"flasky.secret_key": "short"}, "5 characters"),
        ({"flasky.secret_key": "a" * 64}, "too few different characters"),
        ({"flasky.secret_key": "changeme" * 8}, "too few different characters"),
        ({"flasky.secret_key": "abcdefghijklmnop" * 3}, "repeated"),
        ({"flasky.secret_key": "abcdefghijklmnopqrstuvwxyz0123456789"}, "alphabet"),
        ({"flasky.secret_key": "hard to guess string, changeme, seekrit"}, "well-known words"),
        ({"flasky.secret_key": DEVELOPMENT_SECRET}, "well-known secrets"),
        ({"flasky.secret_key": DEVELOPMENT_SECRET.upper()}, "well-known secrets"),
        ({"flasky.secret_key": f"{DEVELOPMENT_SECRET}-of-ours"}, "well-known words"),
        ({"flasky.secret_key": "please-change-this-secret-key-before-use"}, "has to be changed"),
        ({"flasky.secret_key": "Change_Me! to something with 40 characters"}, "has to be changed"),
        ({"flasky.secret_key": "replace this by something that is longer"}, "has to be changed"),
        ({"flasky.secret_key": "your-secret-key-goes-here-please-and-more"}, "has to be changed"),
        ({"flasky.secret_key": "<your 32 character secret goes here!>"}, "has to be changed"),
        ({"flasky.secret_key": "Put a long random string of letters here 1"}, "has to be changed"),
        ({"flasky.secret_key": "PLACEHOLDER_0123456789_for_the_signing_key"}, "has to be changed"),
        ({"flasky.secret_key": "this-is-my-super-secret-example-key-2024"}, "has to be changed"),
        ({"flasky.secret_key": "{{ generate-me-with-openssl-rand-hex-32 }}"}, "has to be changed"),
        ({"flasky.secret_key": "insert-some-unguessable-text-right-here-ok"}, "has to be changed"),
        ({"flasky.secret_key_fallbacks": DEVELOPMENT_SECRET}, "flasky.secret_key_fallbacks"),
        ({"flasky.secret_key_fallbacks": "changeme"}, "flasky.secret_key_fallbacks"),
        ({"flasky.base_url": None}, "flasky.base_url"),
        ({"flasky.base_url": "community"}, "flasky.base_url"),
        ({"sqlalchemy.url": "sqlite://"}, "in memory"),
        ({"sqlalchemy.url": "sqlite:///:memory:"}, "in memory"),
        ({"sqlalchemy.url": "sqlite+pysqlite:///:memory:"}, "in memory"),
        ({"sqlalchemy.url": "sqlite:///file:x?mode=memory&uri=true"}, "path of a file and nothing else"),
        ({"pyramid.debug_all": "true"}, "pyramid.debug_all"),
        ({"debug_notfound": "yes"}, "debug_notfound"),
        ({"pyramid.debug_authorization": "1"}, "pyramid.debug_authorization"),
        ({"pyramid.reload_templates": "on"}, "pyramid.reload_templates"),
        ({"reload_all": "T"}, "reload_all"),
        ({"pyramid.includes": "pyramid_debugtoolbar"}, "toolbar"),
        ({"flasky.secret_kye": "x"}, "Did you mean"),
        ({"mail.hots": "x"}, "mail.hots"),
        ({"mail.port": "99999"}, "mail.port"),
    ],
)
def test_cfg_01_a_bad_configuration_does_not_start(changes, named):
    """CFG-01: one line per fault, with file and key, without the secret."""
    text = faults(changes)

    assert named in text
    assert "1 fault in" in text
    assert "production.ini" in text
    secret = changes.get("flasky.secret_key") or ""
    assert len(secret) < 10 or secret not in text


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_cfg_01_a_database_in_memory_is_for_tests_alone(url):
    """CFG-01: in development, the button that makes the tables led back to itself."""
    development = {"flasky.environment": "development", "sqlalchemy.url": None}
    text = faults(development, {"DEV_DATABASE_URL": url})

    assert "1 fault in" in text
    assert "environment variable DEV_DATABASE_URL: a database in memory is lost when the process ends" in text
    assert faults({"flasky.environment": "testing", "sqlalchemy.url": url}) == ""


SWITCHES = ["DEBUG_ALL", "DEBUG_AUTHORIZATION", "DEBUG_NOTFOUND", "DEBUG_ROUTEMATCH", "DEBUG_TEMPLATES",
            "RELOAD_ALL", "RELOAD_ASSETS", "RELOAD_RESOURCES", "RELOAD_TEMPLATES"]  # fmt: skip


@pytest.mark.parametrize("switch", SWITCHES)
@pytest.mark.parametrize("value", ["1", "true", "YES", "on"])
def test_cfg_04_a_development_switch_in_the_environment_is_refused(switch, value):
    """CFG-04, P33: the environment would override the INI file."""
    assert f"PYRAMID_{switch}" in faults(environ={f"PYRAMID_{switch}": value})
    assert faults(environ={f"PYRAMID_{switch}": "0"}) == ""


def test_cfg_01_all_faults_are_told_at_once():
    """CFG-01: who has three lines to mend is told three times."""
    text = faults({"flasky.secret_key": "x", "flasky.base_url": None, "sqlalchemy.url": "sqlite://"})

    assert "3 faults" in text


@pytest.mark.parametrize(
    "secret",
    [
        "pWc9m7sVbQ2xLzR4tYh8KdGfJnEa3Uo6",
        "0f1e7a66b1d94b0d8d2c9a4e5f3b7c81a2d3",
        "correct horse battery staple and some more",
    ],
)
def test_a_secret_that_was_made_at_random_is_accepted(secret):
    """Hexadecimal digits and sentences as well."""
    assert weak_secret(secret) == ""


def test_no_secret_that_is_made_as_the_documentation_says_is_refused():
    """CFG-01: by `secrets.token_urlsafe`, in hexadecimal digits, or of small letters alone; the same ones each time."""
    letters = random.Random(16)  # noqa: S311 - nothing is signed with them
    for _ in range(300):
        data = letters.randbytes(48)
        words = "".join(letters.choices("abcdefghijklmnopqrstuvwxyz", k=40))
        for secret in (base64.urlsafe_b64encode(data).decode(), data[:16].hex(), words):
            assert weak_secret(secret) == "", secret
