"""What must not stand in a log (LOG-01, CFG-03)."""

from __future__ import annotations

import logging
import time

import pytest

from flasky.security.redaction import HIDDEN, RedactingFilter, protect_logs, redact, site_secrets
from flasky.site import get_site, load_site

CANARY = "C4naryValue77"


@pytest.mark.parametrize(
    "text",
    [
        "GET /reset?token=C4naryValue77&x=1",
        "csrf_token=C4naryValue77",
        "body: a=1&password=C4naryValue77&b=2",
        "new_token = C4naryValue77",
        "{'password': 'C4naryValue77', 'a': 1}",
        '{"csrf_token": "C4naryValue77"}',
        "[('password2', 'C4naryValue77'), ('a', '1')]",
        "Authorization: Bearer C4naryValue77",
        "Authorization: Basic QzRuYXJ5VmFsdWU3NzpD C4naryValue77",
        "'HTTP_AUTHORIZATION': 'Token C4naryValue77'",
        "Cookie: a=b; session=C4naryValue77",
        "('Set-Cookie', '__Host-session=C4naryValue77; Path=/')",
        "'HTTP_COOKIE': 'csrf=C4naryValue77'",
        "X-CSRF-Token: C4naryValue77",
        "sent bearer C4naryValue77 upstream",
        "postgresql+psycopg://flasky:C4naryValue77@db/flasky",
        "api_key='C4naryValue77'",
        "SECRET_KEY=C4naryValue77",
        "pwd=C4naryValue77",
        "password: C4naryValue77",
        "Password : 'C4naryValue77'",
        "sslpassword=C4naryValue77&passfile=C4naryValue77",
        '{"password": ["C4naryValue77"], "a": ["b"]}',
        "{'new_password': ['one', 'C4naryValue77'], 'pwd': 'x'}",
        "{'password': b'C4naryValue77'}",
        "password=b'a C4naryValue77'",
        '{"password": "a\\\\\\"C4naryValue77"}',
        '{"password": ["a]", {"b": "C4naryValue77"}]}',
        '{"password":{"old":"C4naryValue77"}}',
        '{"password": ["C4naryValue77", ["x"',
        "('password', ('C4naryValue77',))",
        '"token": 0, "pwd": "C4naryValue77"',
        '{\\"password\\": \\"C4naryValue77\\"}',
    ],
)
def test_log_01_secrets_are_taken_out_by_their_names(text):
    """LOG-01: passwords, tokens, cookies, CSRF values, authorization."""
    assert CANARY not in redact(text)
    assert HIDDEN in redact(text)


@pytest.mark.parametrize(
    "text",
    ["password", '"pwd":', "'token': [{'a'", "password='\\'", "a.", "A-", "x+", "a://b:", "'pwd':[[", "'pwd':['a',"],
)
def test_log_01_long_text_is_read_once(text):
    """LOG-01: a log is no way to keep a server busy: where each beginning is tried with each end, four times the text
    takes sixteen times as long, and the longer of these took seconds or minutes.
    """

    def seconds(number):
        begun = time.process_time()
        redact(text * number)
        return time.process_time() - begun

    assert min(seconds(20_000) for _time in range(3)) < 10 * min(seconds(5_000) for _time in range(3)) + 0.05


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('raise ValueError("wrong password: \'" + name)\n  File "/a.py", line 5', 'File "/a.py", line 5'),
        ('fields = {"password": (\n  File "/a.py", line 5', 'File "/a.py", line 5'),
        ('    if not password:\n       ^^^^^^^^\n  File "/a.py", line 5', '^^^^^^^^\n  File "/a.py", line 5'),
        ("token =\n  something", "something"),
    ],
)
def test_of_a_traceback_only_the_line_with_the_name_is_touched(text, kept):
    """Who looks for a fault needs the other frames."""
    assert kept in redact(text)


def test_log_01_a_list_over_several_lines_is_taken_out():
    """LOG-01: JSON as programs print it for people."""
    assert CANARY not in redact(f'{{"password": [\n  "{CANARY}",\n  {{"a":\n "{CANARY}"}}\n]}}')


@pytest.mark.parametrize(
    "text",
    [
        "GET /post/5?page=2 200",
        "saw no token; expected the token of this site's page",
        "mail to a@example.com was accepted",
        "production.ini, key flasky.secret_key: a value is required",
        "https://community.example/about:x",
        "3 cookies, 2 passwords and a secret",
        "production.ini line 4, key flasky.secret_key: expected at least 32 characters",
        "production.ini line 4, key mail.password: expected something else",
        "environment variable FLASKY_METRICS_TOKEN: expected at least 32 characters",
        "{'csrf_token': None, 'a': ['b']}",
        "cwd=/srv/flasky",
        "as the form field csrf_token or the header X-CSRF-Token, flasky.secret_key, which signs it; require_csrf",
    ],
)
def test_what_is_no_secret_stays(text):
    """A log that says (hidden) everywhere helps nobody."""
    assert redact(text) == text


def site_on(url):
    """A site that is on another database; nothing of it is opened."""
    return load_site({}, {"flasky.plugins": "main", "sqlalchemy.url": url}, {})


@pytest.fixture
def logger():
    """A logger of its own, whose last formatted record is in `lines`."""
    lines = []

    class Keep(logging.Handler):
        def emit(self, record):
            lines.append(logging.Formatter().format(record))

    handler = Keep()
    handler.addFilter(RedactingFilter([CANARY]))
    logger = logging.getLogger("test.redaction")
    logger.propagate, logger.handlers, logger.lines = False, [handler], lines
    return logger


def test_log_01_the_filter_cleans_message_arguments_and_traceback(logger):
    """LOG-01: wherever in the record it stands; the record is still written."""
    logger.warning("seen %s and %s", CANARY, {"password": "other secret"})
    try:
        raise ValueError(f"bad value {CANARY}")
    except ValueError:
        logger.exception("failed with token=%s", "abc")
    logger.warning("a stack", stack_info=True)
    logger.warning("%d does not fit", CANARY)

    assert len(logger.lines) == 4
    assert CANARY not in "\n".join(logger.lines)
    assert "other secret" not in "\n".join(logger.lines)
    assert "ValueError: bad value (hidden)" in logger.lines[1]
    assert "token=(hidden)" in logger.lines[1]


def test_a_record_without_secrets_is_left_as_it_is(logger):
    """Others may want its arguments and its exception."""
    record = logging.LogRecord("a", logging.INFO, "x", 1, "%s apples", (3,), None)

    assert logger.handlers[0].filters[0].filter(record) is True
    assert record.args == (3,)


def test_log_01_the_sites_own_secrets_are_known_by_value(make_doors):
    """LOG-01, CFG-03: under whatever name they appear."""
    secret = "pWc9m7sVbQ2xLzR4tYh8KdGfJnEa3Uo6"
    app = make_doors(
        flasky__secret_key=secret,
        mail__password="mail-pass-77",
        sqlalchemy__url="postgresql+psycopg://flasky:db-pass-77@localhost/x",
    )

    assert set(site_secrets(get_site(app.registry))) == {secret, "mail-pass-77", "db-pass-77"}


def test_log_01_the_databases_passwords_are_known_as_written_and_as_sent():
    """LOG-01, CFG-03: before the host and in the query, where libpq takes several."""
    url = "postgresql:///db?host=h&user=someone&password=query%40pass&sslpassword=tls-pass-77"
    shell = "postgresql://u:before%40host@h/db"

    assert set(site_secrets(site_on(url))) == {"query%40pass", "query@pass", "tls-pass-77"}
    assert set(site_secrets(site_on(shell))) == {"before%40host", "before@host"}


def test_log_01_the_handlers_of_the_process_are_protected_once(bare_app):
    """LOG-01: as soon as there is an application; a second one replaces the first one's filter."""
    handler = logging.StreamHandler()
    logging.getLogger().addHandler(handler)
    try:
        event = type("Event", (), {"app": bare_app})
        protect_logs(event)
        protect_logs(event)
        assert [type(item) for item in handler.filters] == [RedactingFilter]
    finally:
        logging.getLogger().removeHandler(handler)


def test_log_01_a_request_full_of_canaries_leaves_none_in_the_log(doors, caplog):
    """LOG-01: the whole way of a request through the site, refused and accepted."""
    caplog.set_level(logging.DEBUG)
    headers = {"Cookie": f"session={CANARY}", "Authorization": f"Bearer {CANARY}", "X-CSRF-Token": CANARY}
    for path in (f"/doors/about?token={CANARY}", f"/?password={CANARY}", f"/nothing?token={CANARY}"):
        doors.get(path, headers=headers, expect_errors=True)
    fields = {"password": CANARY, "csrf_token": CANARY}
    for path in ("/doors/form", "/doors/closed", "/doors/post", "/doors/json", "/nothing"):
        doors.post(path, fields, headers=headers, expect_errors=True)

    assert CANARY not in caplog.text
