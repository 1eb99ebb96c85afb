"""Settings: where each is read from, what is refused, and that a person can mend everything at once."""

from __future__ import annotations

import contextlib
import os
import re
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url

from flasky.settings import (
    KERNEL_SETTINGS,
    ConfigurationFaults,
    Fault,
    Setting,
    parse_address,
    parse_base_url,
    parse_bool,
    parse_count,
    parse_database_url,
    parse_folder,
    parse_hosts,
    parse_int,
    parse_list,
    parse_mail_host,
    parse_port,
    parse_seconds,
    parse_sender,
    parse_timeout,
    redact_url,
    resolve,
)

CANARY = "canary-7f3a"


def read(
    ini: dict[str, Any] | None = None, environ: dict[str, str] | None = None, *declared: Setting, ini_file: str = ""
) -> tuple[Any, list[Fault]]:
    """Resolve `declared`, or the kernel's settings on a database, without the process's own environment."""
    settings = {"sqlalchemy.url": "sqlite:////srv/data.sqlite", **(ini or {})} if not declared else ini or {}
    return resolve(declared or KERNEL_SETTINGS, settings, environ or {}, ini_file)


def value(name: str, ini: dict[str, Any] | None = None, environ: dict[str, str] | None = None) -> Any:
    """The value of one of the kernel's settings; the configuration must be without faults."""
    settings, faults = read(ini, environ)
    assert faults == []
    return settings[name]


# The names of PARITY row 4a, each with a value and what it comes to.
PARITY_4A = [
    ("SECRET_KEY", "flasky.secret_key", "k" * 40, "k" * 40),
    ("MAIL_SERVER", "mail.host", "smtp.example.com", "smtp.example.com"),
    ("MAIL_PORT", "mail.port", "2525", 2525),
    ("MAIL_USE_TLS", "mail.tls", "off", False),
    ("MAIL_USERNAME", "mail.username", "ann", "ann"),
    ("MAIL_PASSWORD", "mail.password", "p%40 w", "p%40 w"),
    ("FLASKY_MAIL_SUBJECT_PREFIX", "flasky.mail_subject_prefix", "[胡同]", "[胡同]"),
    ("FLASKY_MAIL_SENDER", "flasky.mail_sender", "Ann <ann@example.com>", "Ann <ann@example.com>"),
    ("FLASKY_ADMIN", "flasky.admin", "ann@example.com", "ann@example.com"),
    ("DEV_DATABASE_URL", "sqlalchemy.url", "sqlite:////srv/a.sqlite", "sqlite:////srv/a.sqlite"),
    ("TESTING_DATABASE_URL", "sqlalchemy.url", "sqlite:////srv/b.sqlite", "sqlite:////srv/b.sqlite"),
    ("PRODUCTION_DATABASE_URL", "sqlalchemy.url", "sqlite:////srv/c.sqlite", "sqlite:////srv/c.sqlite"),
]
ENVIRONMENT_OF = {"TESTING_DATABASE_URL": "testing", "PRODUCTION_DATABASE_URL": "production"}


@pytest.mark.parametrize(("variable", "name", "text", "expected"), PARITY_4A)
def test_parity_4a_each_variable_overrides_the_ini_file(variable: str, name: str, text: str, expected: Any) -> None:
    """Each of the twelve names means what it meant in the notes, and wins over the INI file."""
    production = {"flasky.secret_key": "s" * 40, "flasky.base_url": "https://example.com"}
    ini = {**production, "flasky.environment": ENVIRONMENT_OF.get(variable, "development"), name: "587"}
    if name != "mail.port":
        ini.pop(name)
    settings, faults = read(ini, {variable: text})
    assert faults == []
    assert settings[name] == expected
    assert settings.values_by_name[name].source == "environment"
    assert settings.values_by_name[name].where == f"environment variable {variable}"


def test_parity_4a_defaults() -> None:
    """What the notes have when nothing is said."""
    settings, faults = read()
    assert faults == []
    assert (settings["mail.host"], settings["mail.port"], settings["mail.tls"]) == ("smtp.qq.com", 587, True)
    assert settings["flasky.mail_subject_prefix"] == "[Flasky]"
    assert settings["flasky.mail_sender"] == "Flasky Admin <flasky@example.com>"
    assert (settings["mail.username"], settings["mail.password"], settings["flasky.admin"]) == ("", "", "")


def test_database_variables_count_only_in_their_own_environment() -> None:
    """DEV_DATABASE_URL set in somebody's shell never reaches production."""
    ini = {"flasky.environment": "testing", "sqlalchemy.url": "sqlite:////srv/t.sqlite"}
    assert value("sqlalchemy.url", ini, {"DEV_DATABASE_URL": "sqlite:////srv/dev.sqlite"}) == "sqlite:////srv/t.sqlite"


@pytest.mark.parametrize("text", ["true", "on", "yes", "1", "TRUE", " On "])
def test_parity_4a_flags_that_mean_yes(text: str) -> None:
    assert parse_bool(text) is True


@pytest.mark.parametrize("text", ["false", "off", "no", "0", "False"])
def test_parity_4a_flags_that_mean_no(text: str) -> None:
    assert parse_bool(text) is False


@pytest.mark.parametrize("text", ["", "2", "ja", "y", "t", "enabled", "truee", "01", "-1"])
def test_parity_4a_other_flags_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected true, on, yes, 1, false, off, no or 0"):
        parse_bool(text)


@pytest.mark.parametrize("text", ["1_000", "１２", "1e3", "0x10", "", "12 3", "٣", "²", "-", "--1", "+1", "9" * 5000])
def test_numbers_are_plain_ascii_digits(text: str) -> None:
    """P25: what int() lets through is refused."""
    with pytest.raises(ValueError, match="expected a whole number"):
        parse_int(text)


@given(st.integers(min_value=-(10**17), max_value=10**17))
def test_every_plain_number_is_read(number: int) -> None:
    assert parse_int(f" {number} ") == number


@given(st.text())
def test_any_text_is_read_or_refused_with_a_sentence(text: str) -> None:
    """Whatever stands in an INI file, a parser answers with a value or with a ValueError."""
    for parse in (
        parse_bool,
        parse_int,
        parse_port,
        parse_count,
        parse_seconds,
        parse_address,
        parse_base_url,
        parse_hosts,
        parse_mail_host,
        parse_sender,
    ):
        with contextlib.suppress(ValueError):
            parse(text)


@pytest.mark.parametrize(("parse", "text"), [(parse_port, "0"), (parse_port, "65536"), (parse_port, "-1")])
def test_ports_are_from_1_to_65535(parse: Any, text: str) -> None:
    with pytest.raises(ValueError, match="expected a port from 1 to 65535"):
        parse(text)


def test_counts_and_seconds_have_a_least_value() -> None:
    assert (parse_count("0"), parse_seconds("1")) == (0, 1)
    with pytest.raises(ValueError, match="at least 1"):
        parse_seconds("0")
    with pytest.raises(ValueError, match="at least 1"):
        parse_timeout("0")
    with pytest.raises(ValueError, match="at least 0"):
        parse_count("-1")


def test_seconds_reach_no_further_than_dates_and_sockets_do() -> None:
    """Beyond them a start ended in a traceback, or a worker that could not count failed for ever."""
    century, day = parse_seconds("3153600000"), parse_timeout("86400")
    assert datetime.now(UTC) - timedelta(seconds=century) < datetime.now(UTC) + timedelta(seconds=century)
    with socket.socket() as waiting:
        waiting.settimeout(day)
    for parse, text, most in ((parse_seconds, "3153600001", "a hundred years"), (parse_timeout, "86401", "a day")):
        with pytest.raises(ValueError, match=rf"at most \d+ \({most}\)"):
            parse(text)
    _, faults = read(environ=dict.fromkeys(("FLASKY_MAIL_MAX_AGE", "FLASKY_JOBS_KEEP", "MAIL_TIMEOUT"), "9" * 18))
    assert len(faults) == 3


def test_a_list_is_words_between_spaces_or_commas() -> None:
    assert parse_list(" main, accounts\n  blog ,") == ("main", "accounts", "blog")


@pytest.mark.parametrize(
    "text", ["a@b@", "nobody", "a@example.com, b@example.com", "a@example.com\nBcc: b@x.org", "@x"]
)
def test_one_address_and_only_one(text: str) -> None:
    with pytest.raises(ValueError, match="expected one mail address"):
        parse_address(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "example.com",
            "ftp://example.com",
            "https://",
            "https://a/path",
            "https://u:p@a",
            "https://a?q",
            "https://[",
        ),
        *(
            "https://a?",
            "https://a#",
            "https://exa mple.com",
            "https://a\tb",
            "https://a\\b",
            "https://..",
            "https://*.x",
        ),
        *("https://a.", "https://a..b", "https://-a", "https://a!b.c", "https://[x]", "https://[fe80::1%eth0]"),
        *("http://localhost:99999", "http://localhost:0", "http://localhost:abc", "http://a:1:2", "https://::1"),
        *("https://999.1.1.1", "https://127.1"),
    ],
)
def test_a_base_url_is_scheme_and_host(text: str) -> None:
    """What no browser sends as `Origin` and `Host` would refuse every form, and a wrong port was a traceback."""
    with pytest.raises(ValueError, match=r"^expected"):
        parse_base_url(text)


def test_a_base_url_with_a_path_is_told_why_it_cannot_be_one() -> None:
    with pytest.raises(ValueError, match="a site has a host name of its own: it cannot be below a path"):
        parse_base_url("https://example.com/club/")


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("https://a.example:8443/", "https://a.example:8443"),
        ("HTTPS://Community.Example.com", "https://community.example.com"),
        ("https://a.example:443", "https://a.example"),
        ("https://a.example:", "https://a.example"),
        ("http://a.example:0080/", "http://a.example"),
        ("http://a.example:443", "http://a.example:443"),
        ("https://[2001:DB8::0001]:8443", "https://[2001:db8::1]:8443"),
        ("http://127.0.0.1:6543", "http://127.0.0.1:6543"),
        ("http://localhost:6543", "http://localhost:6543"),
        # As containers are called.
        ("http://my_app:6543", "http://my_app:6543"),
    ],
)
def test_red_02_a_base_url_is_what_browsers_send(text: str, sent: str) -> None:
    """RED-02, HDR-03: it is compared with `Origin` and `Host`, and decides by its scheme whether cookies are secure."""
    assert parse_base_url(text) == sent


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("https://www.example.com", "www.example.com"),
        ("https://www.example.com:8443/page", "www.example.com"),
        ("www.x.com:8080", "www.x.com"),
        ("*.foo.com", ".foo.com"),
        ("a.example, https://*.Foo.com", ".foo.com"),
        ("*", ""),
        ("::1", "[::1]"),
        ("..", ""),
        ("a!b.c", ""),
    ],
)
def test_red_02_what_no_host_header_says_is_no_name_of_a_host(text: str, meant: str) -> None:
    """RED-02: the site would answer to none of them, and said nothing."""
    with pytest.raises(
        ValueError, match=rf"^expected the name of a host, .*{f': write {re.escape(meant)}$' * bool(meant)}"
    ):
        parse_hosts(text)
    assert parse_hosts(" WWW.X.com .Foo.com,[::0001] 10.0.0.1") == ("www.x.com", ".foo.com", "[::1]", "10.0.0.1")


@pytest.mark.parametrize("text", ["/nowhere/at/all", "a" * 300, __file__])
def test_a_folder_is_one_that_is_there(text: str) -> None:
    """Also where the system refuses to look."""
    with pytest.raises(ValueError, match="expected a folder that is there"):
        parse_folder(text)


@pytest.mark.parametrize("text", ["", " ", "smtp.x:587", "http://smtp.x", "a b", "a..b", "[::1]"])
def test_mai_a_mail_server_is_a_name_alone(text: str) -> None:
    """Every mail would wait for days for a server that there cannot be."""
    with pytest.raises(ValueError, match="expected the name of a server alone"):
        parse_mail_host(text)


@pytest.mark.parametrize("text", ["smtp.example.com", "localhost", "127.0.0.1", "::1", "mail_server", "MAIL"])
def test_a_mail_server_can_be_a_container_or_an_address(text: str) -> None:
    assert parse_mail_host(f" {text} ") == text.lower()


def test_every_mail_needs_a_sender() -> None:
    """An empty sender failed with each mail, and blamed the recipient."""
    _, faults = read({"flasky.mail_sender": ""})
    assert "key flasky.mail_sender: expected one mail address, as in" in str(faults[0])
    _, faults = read({"mail.host": ""})
    assert "key mail.host: expected the name of a server alone" in str(faults[0])
    assert value("flasky.admin", {"flasky.admin": ""}) == ""


def test_a_host_in_other_letters_is_what_browsers_and_mails_write_for_it() -> None:
    """A mail with `List-Unsubscribe` could not be sent before, and no browser's Host was the site's."""
    assert parse_base_url("https://MÜNCHEN.example:8443/") == "https://xn--mnchen-3ya.example:8443"
    assert parse_hosts("www.münchen.example .例子.example a.example") == (
        "www.xn--mnchen-3ya.example",
        ".xn--fsqu00a.example",
        "a.example",
    )
    for parse, text in ((parse_base_url, "https://straße.example"), (parse_hosts, f"{'ü' * 80}.example")):
        with pytest.raises(ValueError, match=r"expected '.*' in the ASCII letters that browsers send for it"):
            parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "data.sqlite",
        "sqlite:///data.sqlite",
        "mysql://a/b",
        "sqlite:/srv/a",
        "postgresql+psycopg2://a/b",
        "postgres://a/b",
        "sqlite:////srv/a.sqlite?timeout=abc",
        "sqlite:////srv/a.sqlite?mode=ro",
        "sqlite:////srv/a.sqlite?",
        "sqlite:///file:/srv/a.sqlite?uri=true",
        "sqlite:///file:/srv/a.sqlite",
    ],
)
def test_a_database_url_is_an_absolute_file_or_postgresql(text: str) -> None:
    """A relative path would be another database in every folder that somebody starts a command in.

    What stands behind a `?` took no effect, or ended in a traceback, and `file:` became a folder of that name.
    """
    with pytest.raises(ValueError, match="expected"):
        parse_database_url(text)


def test_a_per_cent_sign_in_a_database_password_works_by_environment_variable() -> None:
    """P22: in the variable it stays as it is."""
    url = "postgresql+psycopg://flasky:p%40ss%25@db/flasky"
    assert make_url(value("sqlalchemy.url", environ={"DEV_DATABASE_URL": url})).password == "p@ss%"


def test_an_unescaped_password_is_explained_and_not_shown() -> None:
    _, faults = read(environ={"DEV_DATABASE_URL": f"postgresql://u:{CANARY}@:x/y@host:abc/db"})
    assert "in a password @ is written %40" in str(faults[0])
    assert CANARY not in str(faults[0])


@pytest.mark.parametrize(
    "rest",
    [
        "u:p%40@/#?:x@127.0.0.1:7544/db",
        "u:p@/x@h/db",
        "u:p@?x@h/db",
        "u:p@?x=1@h/db",
        "u:p@#x@h/db",
        "u:12/3@h/db",
        "u/x@h/db",
    ],
)
def test_a_password_that_ends_at_a_bare_sign_is_explained(rest: str) -> None:
    """The driver would look for another server, or for a socket, and say nothing of the password."""
    _, faults = read(environ={"DEV_DATABASE_URL": f"postgresql://{rest}"})
    assert "in a password @ is written %40, : %3A, / %2F" in str(faults[0])
    assert rest not in str(faults[0])


@pytest.mark.parametrize(
    "rest",
    [
        "u:p%40%2F%23%3F%3Ax@h:7544/db",
        "/db?password=a@b&host=h",
        "/db?user=u&password=a@b",
        "h:5432/db?password=a@b",
        "u@/db?host=/run/postgresql",
    ],
)
def test_a_sign_that_ends_nothing_is_left_alone(rest: str) -> None:
    assert parse_database_url(f"postgresql://{rest}") == f"postgresql://{rest}"


@pytest.mark.parametrize("setting", [setting for setting in KERNEL_SETTINGS if setting.env], ids=lambda s: s.name)
def test_cfg_03_a_variable_that_is_not_utf_8_is_a_fault(setting: Setting) -> None:
    """Python reads such bytes as characters that nothing can be signed, sent or stored with."""
    variable = setting.variable("development")
    _, faults = read(environ={variable or "": os.fsdecode(CANARY.encode() + b"\x8d\xff")})
    assert [fault.where for fault in faults] == [f"environment variable {variable}"]
    assert faults[0].problem == "this is not UTF-8 (the value is not shown)"
    assert CANARY not in str(faults[0])


def test_every_fault_is_reported_in_one_go_with_file_line_and_key(tmp_path: Path) -> None:
    """PARITY row 4: all errors in one message, each by INI file, line and key or by its variable."""
    file = tmp_path / "site.ini"
    ini = {"flasky.environment": "developement", "mail.tls": "ja", "flasky.amdin": "a@example.com", "mail.hots": "x"}
    file.write_text("[app:main]\n" + "".join(f"{key} = {text}\n" for key, text in ini.items()), encoding="utf-8")
    _, faults = read({**ini, "sqlalchemy.url": ""}, {"MAIL_PORT": "abc"}, ini_file=str(file))
    message = str(ConfigurationFaults(faults))
    for expected in (
        "Flasky cannot start: 6 faults",
        "site.ini line 2, key flasky.environment: expected one of development, testing, production, got 'developement'",
        "site.ini line 3, key mail.tls: expected true, on, yes, 1, false, off, no or 0, got 'ja'. Mend mail.tls",
        "site.ini line 4, key flasky.amdin: there is no such setting. Did you mean flasky.admin?",
        "site.ini line 5, key mail.hots: there is no such setting. Did you mean mail.host?",
        "environment variable MAIL_PORT: expected a whole number, got 'abc'",
        "site.ini, key sqlalchemy.url: a value is required in developement and there is none",
    ):
        assert expected in message


def test_required_settings_name_the_variable_to_set() -> None:
    """PARITY row 4: production without SECRET_KEY; a default does not count where a setting is required."""
    _, faults = read({"flasky.environment": "production"})
    problems = {fault.where.partition("key ")[2]: fault for fault in faults}
    assert set(problems) == {"flasky.secret_key", "flasky.base_url"}
    assert "Set the environment variable SECRET_KEY" in problems["flasky.secret_key"].remedy
    assert "FLASKY_BASE_URL" in problems["flasky.base_url"].remedy


@pytest.mark.parametrize("setting", [setting for setting in KERNEL_SETTINGS if setting.secret], ids=lambda s: s.name)
def test_cfg_03_a_wrong_secret_is_never_repeated(setting: Setting) -> None:
    def refuse(_text: str) -> str:
        raise ValueError("expected something else")

    strict = Setting(setting.name, refuse, secret=True)
    _, faults = resolve([strict], {setting.name: CANARY}, {})
    assert len(faults) == 1
    assert CANARY not in str(ConfigurationFaults(faults))


def test_cfg_03_a_wrong_database_url_is_never_repeated() -> None:
    _, faults = read({"sqlalchemy.url": f"postgresql:/u:{CANARY}@h/db"})
    assert len(faults) == 1
    assert CANARY not in str(faults[0])


def test_cfg_03_secrets_are_hidden_when_settings_are_shown() -> None:
    ini = {"flasky.secret_key": CANARY, "sqlalchemy.url": f"postgresql+psycopg://u:{CANARY}@h/db"}
    settings, _ = read(ini, {"MAIL_PASSWORD": CANARY, "SECRET_KEY_FALLBACKS": CANARY})
    shown = {item.setting.name: item.shown for item in settings.describe()}
    assert CANARY not in str(shown)
    assert CANARY not in str(settings.describe()[0].setting)
    assert shown["flasky.secret_key"] == "(hidden)"
    assert shown["sqlalchemy.url"] == "postgresql+psycopg://u:(hidden)@h/db"
    assert shown["mail.tls"] == "true"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:a@b@h/db", "postgresql://u:(hidden)@h/db"),
        ("postgresql://u@h/db", "postgresql://u@h/db"),
        ("sqlite:////srv/a.sqlite", "sqlite:////srv/a.sqlite"),
        ("postgresql:///db?user=u&password=p&host=h", "postgresql:///db?user=u&password=(hidden)&host=h"),
        ("postgresql:///db?password=a@b&host=h", "postgresql:///db?password=(hidden)&host=h"),
        ("postgresql://h:5432/db?password=a@b", "postgresql://h:5432/db?password=(hidden)"),
        ("postgresql://u:a?b@h/db?password=p", "postgresql://u:(hidden)@h/db?password=(hidden)"),
        ("postgresql://h/db?p%61ssword=p&sslmode=require", "postgresql://h/db?p%61ssword=(hidden)&sslmode=require"),
        ("postgresql://h/db?SSLPASSWORD=p&passfile=/f", "postgresql://h/db?SSLPASSWORD=(hidden)&passfile=(hidden)"),
        ("no url", "no url"),
    ],
)
def test_cfg_03_redacted_urls(url: str, shown: str) -> None:
    assert redact_url(url) == shown


def test_an_empty_variable_counts_as_none_and_an_empty_key_as_empty() -> None:
    """`MAIL_SERVER= pserve …` changes nothing; `flasky.mail_subject_prefix =` is no prefix."""
    assert value("mail.host", environ={"MAIL_SERVER": ""}) == "smtp.qq.com"
    assert value("flasky.mail_subject_prefix", {"flasky.mail_subject_prefix": ""}) == ""
    _, faults = read({"mail.port": ""})
    assert "expected a whole number" in str(faults[0])


def test_values_from_python_are_taken_as_they_are() -> None:
    assert value("mail.tls", {"mail.tls": False}) is False
    assert value("flasky.plugins", {"flasky.plugins": ("main",)}) == ("main",)


def test_f36_a_parser_that_fails_is_a_fault_that_names_the_setting() -> None:
    """A plug-in's own parser may raise anything; the site says which setting it was and nothing of the value."""

    def broken(text: str) -> int:
        return {}[text]  # type: ignore[no-any-return]

    _, faults = resolve([Setting("polls.size", broken)], {"polls.size": CANARY}, {})
    assert "the parser of polls.size failed with KeyError" in str(faults[0])
    assert CANARY not in str(faults[0])


def test_f36_a_faulty_default_is_the_declarations_fault() -> None:
    _, faults = resolve([Setting("polls.size", int, default="many")], {}, {})
    assert str(faults[0]).startswith("the declared default of polls.size: expected a whole number")


def test_unknown_keys_are_faults_only_where_somebody_declares_names() -> None:
    """Pyramid's, jinja2's and anybody else's keys are theirs; an enabled plug-in's are known to the last one."""
    ini = {"pyramid.includes": "", "jinja2.filters": "", "whatever": "x", "polls.sise": "1", "other.x": "1"}
    _, faults = resolve([Setting("polls.size", int, default="1")], ini, {}, sections=("polls",))
    assert [fault.remedy for fault in faults] == ["Did you mean polls.size?"]


def test_every_kernel_setting_is_explained() -> None:
    """Each has a help text, a unique name, and a variable of its own where it has one."""
    names = [setting.name for setting in KERNEL_SETTINGS]
    variables = [
        variable
        for setting in KERNEL_SETTINGS
        for variable in ([setting.env] if isinstance(setting.env, str) else (setting.env or {}).values())
    ]
    assert len(set(names)) == len(names)
    assert len(set(variables)) == len(variables)
    assert all(setting.help.endswith((".", ")", '"')) for setting in KERNEL_SETTINGS)
