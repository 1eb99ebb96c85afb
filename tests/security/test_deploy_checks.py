"""`check --deploy`: the numbered checks (CFG-02)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flasky.security.deploy_checks import CHECKS, Finding, run_checks
from flasky.site import load_site
from flasky.testing.plugin import TEST_SETTINGS

ROOT = Path(__file__).parents[2]
SECRET = "pWc9m7sVbQ2xLzR4tYh8KdGfJnEa3Uo6"

GOOD = {
    "flasky.environment": "production",
    "flasky.plugins": "main accounts",
    "flasky.secret_key": SECRET,
    "flasky.base_url": "https://community.flasky.test",
    "flasky.admin": "owner@flasky.internal",
    "flasky.mail_sender": "Flasky <noreply@flasky.internal>",
    "mail.host": "smtp.flasky.test",
    "mail.username": "flasky",
    "mail.password": "for-the-mail-77",
    "sqlalchemy.url": "postgresql+psycopg://flasky:k3Jd8sPq@localhost/flasky",
}
SERVER = {
    "host": "localhost",
    "trusted_proxy": "127.0.0.1",
    "trusted_proxy_headers": "x-forwarded-for x-forwarded-proto",
}


@pytest.fixture
def found(tmp_path, monkeypatch):
    """A function: the numbers of what is found wrong with a good site that differs in these settings."""
    for name in ("SECRET_KEY", "FLASKY_BASE_URL", "MAIL_PASSWORD"):
        monkeypatch.delenv(name, raising=False)

    def find(changes=(), server=(), sections="", mode=0o600):
        settings = {name: value for name, value in {**GOOD, **dict(changes)}.items() if value is not None}
        application = "\n".join(f"{name} = {value}" for name, value in settings.items())
        served = "\n".join(f"{name} = {value}" for name, value in {**SERVER, **dict(server)}.items() if value)
        ini = tmp_path / "site.ini"
        ini.write_text(f"[app:main]\n{application}\n\n[server:main]\n{served}\n\n{sections}\n")
        ini.chmod(mode)
        return [item.id for item in run_checks(load_site({"__file__": str(ini)}, settings, {}))]

    return find


def test_cfg_02_there_are_at_least_25_checks_and_each_number_is_used_once():
    """CFG-02: numbers are for people's notes."""
    numbers = [check.id for check in CHECKS]

    assert len(numbers) >= 25
    assert len(set(numbers)) == len(numbers)
    assert all(re.fullmatch(r"F[1-9][0-9]{2}", number) for number in numbers)


def test_cfg_02_a_good_site_is_clean(found):
    """CFG-02: nothing is found where nothing is wrong."""
    assert found() == []


CASES = [
    ("F101", {"flasky.environment": "development"}, {}),
    ("F102", {"flasky.environment": "testing", "flasky.secret_key": None}, {}),
    ("F103", {"flasky.environment": "testing", "flasky.secret_key": "short"}, {}),
    ("F104", {"flasky.environment": "testing", "flasky.secret_key_fallbacks": "short"}, {}),
    ("F105", {"flasky.secret_key_fallbacks": SECRET}, {}),
    ("F106", {"flasky.secret_key_fallbacks": " ".join(SECRET[::-1][n:] + SECRET[:n] for n in (0, 1, 2))}, {}),
    ("F203", {"sqlalchemy.url": "sqlite:////tmp/x.sqlite"}, {}),
    ("F204", {"sqlalchemy.url": "postgresql+psycopg://flasky:k3Jd8sPq@db.flasky.test/flasky"}, {}),
    ("F204", {"sqlalchemy.url": "postgresql+psycopg://flasky:k3Jd8sPq@10.0.0.5/flasky?sslmode=prefer"}, {}),
    ("F205", {"sqlalchemy.url": "postgresql+psycopg://flasky:flasky@localhost/flasky"}, {}),
    ("F301", {"flasky.environment": "testing", "flasky.base_url": None}, {}),
    ("F302", {"flasky.base_url": "http://community.flasky.test"}, {}),
    ("F303", {"flasky.base_url": "https://localhost"}, {}),
    ("F303", {"flasky.base_url": "https://192.0.2.7"}, {}),
    ("F304", {"flasky.base_url": "https://www.example.com"}, {}),
    ("F306", {"flasky.hosts": ".test"}, {}),
    ("F307", {"flasky.hosts": "localhost"}, {}),
    ("F401", {"flasky.admin": None}, {}),
    ("F402", {"flasky.admin": "owner@example.com"}, {}),
    ("F403", {"flasky.mail_sender": None}, {}),
    ("F404", {"mail.tls": "false"}, {}),
    ("F405", {"mail.tls": "false"}, {}),
    ("F406", {"mail.ssl": "true", "mail.port": "465"}, {}),
    ("F407", {"mail.port": "465"}, {}),
    ("F408", {"mail.password": None}, {}),
    ("F409", {"mail.host": None, "mail.username": None, "mail.password": None}, {}),
    ("F410", {"mail.ca_file": "/nowhere/ca.pem"}, {}),
    ("F411", {"flasky.mail_max_age": "60"}, {}),
    ("F501", {}, {"host": "0.0.0.0"}),  # noqa: S104 - what the check must find
    ("F501", {}, {"listen": "*:80", "host": ""}),
    ("F502", {}, {"trusted_proxy": ""}),
    ("F503", {}, {"trusted_proxy": "*"}),
    ("F504", {}, {"trusted_proxy_headers": ""}),
    ("F505", {}, {"expose_tracebacks": "true"}),
    ("F506", {}, {"ident": "waitress"}),
    ("F507", {}, {"max_request_body_size": "1073741824"}),
    ("F601", {"flasky.environment": "testing", "pyramid.debug_notfound": "true"}, {}),
    ("F602", {"flasky.environment": "testing", "pyramid.reload_templates": "true"}, {}),
    ("F603", {"flasky.environment": "testing", "pyramid.includes": "pyramid_debugtoolbar"}, {}),
]


@pytest.mark.parametrize(("number", "changes", "server"), CASES)
def test_cfg_02_each_fault_is_found_by_its_check(found, number, changes, server):
    """CFG-02: one thing changed, the check that is about it speaks."""
    assert number in found(changes, server)


def test_cfg_02_files_that_others_can_read_or_change(found, tmp_path):
    """CFG-02: a secret in the INI file, the INI file itself, the database."""
    assert found(mode=0o644) == ["F107"]
    assert "F108" in found(mode=0o602)
    database = tmp_path / "data.sqlite"
    database.touch(0o644)
    database.chmod(0o644)
    assert "F202" in found({"sqlalchemy.url": f"sqlite:///{database}"})
    database.chmod(0o600)
    assert "F202" not in found({"sqlalchemy.url": f"sqlite:///{database}"})


def test_cfg_02_a_logger_that_writes_values(found):
    """CFG-02: SQLAlchemy's echo writes passwords and addresses."""
    section = "[logger_sqlalchemy]\nlevel = INFO\nhandlers =\nqualname = sqlalchemy.engine"

    assert found(sections=section) == ["F508"]
    assert found(sections=section.replace("INFO", "WARN")) == []


def test_cfg_02_every_check_has_a_case_that_it_finds():
    """A check that cannot fail checks nothing."""
    elsewhere = {"F107", "F108", "F202", "F508"}

    assert {number for number, _, _ in CASES} | elsewhere == {check.id for check in CHECKS}


def test_cfg_02_the_variable_of_a_development_switch_is_found(found, monkeypatch):
    """CFG-04: the environment of the process counts as well."""
    monkeypatch.setenv("PYRAMID_DEBUG_ROUTEMATCH", "1")
    assert found() == ["F601"]
    monkeypatch.setenv("PYRAMID_DEBUG_ROUTEMATCH", "0")
    assert found() == []


def test_cfg_02_the_shipped_production_file_is_clean_behind_a_proxy(tmp_path):
    """CFG-02: with the proxy's lines uncommented, and the environment that its comments ask for."""
    text = (ROOT / "production.ini").read_text().replace("# trusted_proxy", "trusted_proxy")
    ini = tmp_path / "production.ini"
    ini.write_text(text)
    application = dict(re.findall(r"(?m)^([a-z_.]+) = (.*)$", text[: text.index("[server:main]")]))
    environ = {
        "SECRET_KEY": SECRET,
        "FLASKY_BASE_URL": "https://community.flasky.test",
        "FLASKY_ADMIN": "owner@flasky.internal",
        "FLASKY_MAIL_SENDER": "noreply@flasky.internal",
        "MAIL_SERVER": "smtp.flasky.test",
        "MAIL_USERNAME": "flasky",
        "MAIL_PASSWORD": "for-the-mail-77",
        "PRODUCTION_DATABASE_URL": "sqlite:////srv/flasky/data.sqlite",
    }

    assert run_checks(load_site({"__file__": str(ini)}, application, environ)) == []


def test_cfg_02_a_finding_never_repeats_a_secret(found):
    """CFG-03: and says what to do."""
    site = load_site(
        {}, {**TEST_SETTINGS, "flasky.secret_key": "tooshortbutsecret", "sqlalchemy.url": "sqlite:////x"}, {}
    )
    findings = run_checks(site)

    assert all(isinstance(item, Finding) and item.what and item.remedy for item in findings)
    assert "tooshortbutsecret" not in "\n".join(map(str, findings))
