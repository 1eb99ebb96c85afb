"""The SMTP side: verified TLS (P20, F17), one time limit for the whole (F12, F13), and what each answer means."""

from __future__ import annotations

import base64
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult
from fake_smtp import HANG_UP, DrippingSMTP, FakeSMTP, mute_server, self_signed
from pyramid_mailer.interfaces import IMailer
from pyramid_mailer.message import Message

from flasky.mail.transport import (
    PermanentFailure,
    ServerRefuses,
    ServerUnavailable,
    TemporaryFailure,
    TimedSMTP,
    Transport,
    Unanswered,
)
from flasky.site import load_site
from flasky.testing.smtp import SMTPServer

RAW = b"Subject: hello\r\nTo: ann@example.com\r\n\r\n.dots\r\nFrom here\r\n"


def _transport(port: int, **settings: Any) -> Transport:
    given = {"mail.host": "127.0.0.1", "mail.port": port, "mail.tls": False, "mail.timeout": 5}
    given |= {name.replace("__", "."): value for name, value in settings.items()}
    return Transport(
        load_site({}, {"sqlalchemy.url": "sqlite://", "flasky.environment": "testing", **given}, {}).settings
    )


def _send(port: int, **settings: Any) -> None:
    _transport(port, **settings).send("flasky@example.com", {"ann@example.com"}, RAW)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return self_signed(tmp_path_factory.mktemp("tls"))


def _server_context(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


def _authenticate(_server: object, _session: object, _envelope: object, _mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=(data.login, data.password) == (b"flasky", b"s3cret-p4ss"), handled=False)


@pytest.fixture
def starttls_server(certificate) -> Iterator[SMTPServer]:
    server = SMTPServer(
        tls_context=_server_context(certificate),
        require_starttls=True,
        authenticator=_authenticate,
        auth_required=False,
    )
    server.start()
    yield server
    server.stop()


@pytest.fixture
def tls_server(certificate) -> Iterator[SMTPServer]:
    server = SMTPServer(ssl_context=_server_context(certificate))
    server.start()
    yield server
    server.stop()


def test_the_bytes_arrive_as_they_were_stored(smtp_server: SMTPServer) -> None:
    _send(smtp_server.port)
    (envelope,) = smtp_server.envelopes
    assert envelope.content == RAW
    assert envelope.mail_from == "flasky@example.com"
    assert envelope.rcpt_tos == ["ann@example.com"]


def test_the_recipient_goes_out_byte_for_byte() -> None:
    """MAI-02."""
    address = "a!#$%&'*+/=?^_`{|}~b@xn--fsqu00a.com"
    with FakeSMTP() as server:
        _transport(server.port).send("flasky@example.com", {address}, RAW)
    # smtplib writes the word in other letters from one Python to the next; what counts is the address.
    [recipient] = [line.partition(":")[2] for line in server.commands if line.lower().startswith("rcpt to:")]
    assert recipient == f"<{address}>"
    assert server.commands[-1] == "quit"


def test_we_introduce_ourselves_by_the_site_s_name() -> None:
    with FakeSMTP() as server:
        _send(server.port, flasky__base_url="https://community.example.com")
    assert server.commands[0] == "ehlo community.example.com"


def test_starttls_with_a_certificate_of_our_own_authority(starttls_server: SMTPServer, certificate) -> None:
    _send(starttls_server.port, mail__host="localhost", mail__tls=True, mail__ca_file=str(certificate[0]))
    assert len(starttls_server.messages) == 1


def test_starttls_with_a_self_signed_certificate_is_refused(starttls_server: SMTPServer) -> None:
    """F17, MAI-04: smtplib's own context would take any certificate."""
    with pytest.raises(ServerRefuses, match=r"localhost port \d+: no trusted TLS.*self.signed.*mail\.ca_file"):
        _send(starttls_server.port, mail__host="localhost", mail__tls=True)
    assert starttls_server.messages == []


def test_a_certificate_for_another_name_is_refused(starttls_server: SMTPServer, certificate) -> None:
    with pytest.raises(ServerRefuses, match="no trusted TLS"):
        _send(starttls_server.port, mail__tls=True, mail__ca_file=str(certificate[0]))
    assert starttls_server.messages == []


def test_a_server_without_starttls_is_refused_when_it_is_required(smtp_server: SMTPServer) -> None:
    """F17: falling back to plain text is what an attacker in the middle wants."""
    with pytest.raises(ServerRefuses, match=r"offers no STARTTLS and mail\.tls requires it"):
        _send(smtp_server.port, mail__tls=True)
    assert smtp_server.messages == []


def test_tls_from_the_first_byte(tls_server: SMTPServer, certificate) -> None:
    """P20: fails in pyramid_mailer on Python 3.12 and later."""
    _send(tls_server.port, mail__host="localhost", mail__ssl=True, mail__ca_file=str(certificate[0]))
    assert len(tls_server.messages) == 1


def test_tls_from_the_first_byte_is_verified(tls_server: SMTPServer) -> None:
    with pytest.raises(ServerRefuses, match=r"no trusted TLS.*mail\.ca_file"):
        _send(tls_server.port, mail__host="localhost", mail__ssl=True)


def test_ssl_on_a_server_that_speaks_plain_text(smtp_server: SMTPServer) -> None:
    with pytest.raises((ServerRefuses, ServerUnavailable), match=r"TLS|SSL|timed out"):
        _send(smtp_server.port, mail__ssl=True, mail__timeout=2)


def test_a_ca_file_that_is_not_there(smtp_server: SMTPServer) -> None:
    with pytest.raises(ServerRefuses, match=r"mail\.ca_file /nowhere\.pem: No such file"):
        _send(smtp_server.port, mail__ssl=True, mail__ca_file="/nowhere.pem")


def test_log_in_over_tls(starttls_server: SMTPServer, certificate) -> None:
    settings = {"mail__host": "localhost", "mail__tls": True, "mail__ca_file": str(certificate[0])}
    _send(starttls_server.port, **settings, mail__username="flasky", mail__password="s3cret-p4ss")
    assert len(starttls_server.messages) == 1


def test_a_wrong_password_is_the_site_s_trouble_and_is_not_repeated(starttls_server: SMTPServer, certificate) -> None:
    settings = {"mail__host": "localhost", "mail__tls": True, "mail__ca_file": str(certificate[0])}
    with pytest.raises(ServerRefuses, match="535") as refusal:
        _send(starttls_server.port, **settings, mail__username="flasky", mail__password="wr0ng-p4ss")
    assert "wr0ng" not in str(refusal.value)


@pytest.mark.parametrize("left_out", [[], ["PLAIN"]], ids=["PLAIN", "LOGIN"])
def test_a_name_and_a_password_in_any_script_log_in(left_out: list[str]) -> None:
    """RFC 4616: in UTF-8."""

    def check(_server: object, _session: object, _envelope: object, _mechanism: str, data: Any) -> AuthResult:
        right = (data.login, data.password) == ("jürgen".encode(), "päss-密码".encode())
        return AuthResult(success=right, handled=False)

    server = SMTPServer(authenticator=check, auth_require_tls=False, auth_exclude_mechanism=left_out)
    server.start()
    try:
        _send(server.port, mail__username="jürgen", mail__password="päss-密码")
        with pytest.raises(ServerRefuses, match="535"):
            _send(server.port, mail__username="jürgen", mail__password="päss-密")
    finally:
        server.stop()
    assert len(server.messages) == 1


@pytest.mark.parametrize(
    ("password", "answer"), [("tanstaaftanstaaf", "b913a602c7eda7a495b4e6e7334d3890"), ("密码", "")]
)
def test_cram_md5_sends_a_digest_of_the_password(password: str, answer: str) -> None:
    """RFC 2195 with its own example; a password in another script is none of the mail's business either."""
    challenge = b"<1896.697170952@postoffice.reston.mci.net>"
    answers = {"EHLO": b"250-fake\r\n250 AUTH CRAM-MD5", "AUTH": b"334 " + base64.b64encode(challenge)}
    with FakeSMTP(**answers) as server, pytest.raises(ServerRefuses, match="502"):
        _send(server.port, mail__username="tim", mail__password=password)
    said = base64.b64decode(server.commands[-1 if server.commands[-1] != "quit" else -2]).decode()
    assert said.startswith(f"tim {answer}")
    assert len(said) == len("tim ") + 32


@pytest.mark.parametrize(
    "answers",
    [
        {"EHLO": b"250-fake\r\n250 AUTH GSSAPI"},
        {"EHLO": b"250-fake\r\n250 AUTH CRAM-MD5", "AUTH": b"334 x"},
        {"EHLO": b"250-fake\r\n250 AUTH LOGIN", "AUTH": b"334"},
    ],
    ids=str,
)
def test_a_log_in_that_goes_wrong_blames_no_mail(answers: dict[str, bytes]) -> None:
    """Whatever the server says before it hears of a mail is its own trouble."""
    with FakeSMTP(**answers) as server, pytest.raises((ServerRefuses, ServerUnavailable), match=r"127\.0\.0\.1 port"):
        _send(server.port, mail__username="flasky", mail__password="s3cret-p4ss")
    assert not any(line.lower().startswith("mail") for line in server.commands)


@pytest.mark.parametrize("way", ["PLAIN", "LOGIN", "CRAM-MD5"])
@pytest.mark.parametrize("length", [None, 40], ids=["whole", "cut"])
@pytest.mark.parametrize("change", [str, str.upper], ids=["as it is", "in capitals"])
def test_a_server_that_repeats_what_we_said_does_not_bring_it_into_the_log(
    way: str, length: int | None, change: Callable[[str], str]
) -> None:
    """LOG-01: neither the password nor what it is sent as, however the server writes it down."""
    said: list[str] = []

    def repeat(line: str) -> bytes:
        said.append(line)
        goes_on = way != "PLAIN" and len(said) == 1
        return b"334 PGEuYkBjPg==" if goes_on else f"535 no: {change(line[:length])}".encode()

    answers = {"EHLO": f"250-fake\r\n250 AUTH {way}".encode(), "AUTH": repeat}
    server = FakeSMTP(**answers)
    server.otherwise = repeat
    with server, pytest.raises(ServerRefuses, match=r"535 no:.*\(hidden\)") as refusal:
        _send(server.port, mail__username="flasky", mail__password="s3cret-p4ss")
    secret = said[-1].rpartition(" ")[2].lower()
    text = str(refusal.value).lower()
    assert not any(secret[at : at + 8] in text for at in range(len(secret) - 7))


def test_a_server_that_repeats_our_password_does_not_bring_it_into_the_log() -> None:
    """LOG-01."""
    answers = {"EHLO": b"250-fake\r\n250 AUTH PLAIN", "AUTH": b"535 flasky:s3cret-p4ss czNjcmV0LXA0c3M= is wrong"}
    with (
        FakeSMTP(**answers) as server,
        pytest.raises(ServerRefuses, match=r"535 flasky:\(hidden\).* is wrong") as refusal,
    ):
        _send(server.port, mail__username="flasky", mail__password="s3cret-p4ss")
    assert "s3cret" not in str(refusal.value)
    assert "czNjcmV0" not in str(refusal.value)


def test_a_server_that_asks_for_the_plain_response_gets_it_once_more() -> None:
    """RFC 4954, section 4: a server may take no response that comes with the command."""
    response = base64.b64encode(b"\0flasky\0s3cret-p4ss").decode()
    with FakeSMTP(EHLO=b"250-fake\r\n250 AUTH PLAIN", AUTH=b"334 ") as server:
        server.otherwise = lambda line: b"235 in" if line == response else b"502 what?"
        _send(server.port, mail__username="flasky", mail__password="s3cret-p4ss")
    assert server.commands.count(f"AUTH PLAIN {response}") == server.commands.count(response) == 1
    assert server.taken == [RAW]


def test_a_log_in_that_the_server_goes_on_with_is_called_off_before_another_way() -> None:
    """RFC 4954, section 4: with a star alone, as what comes next would be taken for a password."""
    with FakeSMTP(EHLO=b"250-fake\r\n250 AUTH PLAIN LOGIN", AUTH=b"334 ") as server:
        called_off = []

        def answer(line: str) -> bytes:
            if line == "*":
                called_off.append(line)
                return b"501 called off"
            return b"235 in" if called_off else b"334 more"

        server.otherwise = answer
        _send(server.port, mail__username="flasky", mail__password="s3cret-p4ss")
    assert called_off == ["*"]
    assert server.taken == [RAW]


def test_a_server_without_log_in_is_named(smtp_server: SMTPServer) -> None:
    with pytest.raises(ServerRefuses, match=r"offers no log-in and mail\.username is set"):
        _send(smtp_server.port, mail__username="flasky", mail__password="x")


def test_a_password_is_not_sent_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flasky.mail.transport._is_loopback", lambda _connection: False)
    with FakeSMTP(EHLO=b"250-fake\r\n250 AUTH PLAIN") as server, pytest.raises(ServerRefuses, match="not encrypted"):
        _send(server.port, mail__username="flasky", mail__password="x")
    assert not any(line.upper().startswith("AUTH") for line in server.commands)


def test_a_closed_port() -> None:
    """F11."""
    with pytest.raises(ServerUnavailable, match=r"127\.0\.0\.1 port 1: .*refused"):
        _send(1)


def test_a_host_that_does_not_exist() -> None:
    with pytest.raises(ServerUnavailable, match=r"smtp\.invalid port 25"):
        _send(25, mail__host="smtp.invalid")


def test_a_mute_server_is_left_when_the_time_is_over() -> None:
    """F12."""
    started = time.monotonic()
    with mute_server() as port, pytest.raises(ServerUnavailable):
        _send(port, mail__timeout=1)
    assert 0.9 < time.monotonic() - started < 3


def test_a_dripping_server_is_left_when_the_time_is_over() -> None:
    """F13: the limit is for the whole, not for each read."""
    started = time.monotonic()
    with DrippingSMTP(pause=0.2) as server, pytest.raises(ServerUnavailable, match=r"timed out|mail\.timeout"):
        _send(server.port, mail__timeout=1)
    assert 0.9 < time.monotonic() - started < 3


def test_a_server_that_stops_in_the_middle_is_left_when_the_time_is_over() -> None:
    over = threading.Event()

    def wait(_line: str) -> bytes:
        over.wait(20)
        return HANG_UP

    with FakeSMTP(RCPT=wait) as server, pytest.raises(TemporaryFailure) as met:
        _send(server.port, mail__timeout=1)
    over.set()
    assert type(met.value) is TemporaryFailure


def test_f16_a_server_that_thinks_about_the_whole_mail_is_waited_for() -> None:
    """RFC 5321, 4.5.3.2.6: cut off, it would take the mail all the same, and get it again."""

    def think(_content: bytes) -> bytes:
        time.sleep(1.2)
        return b"250 taken at last"

    with FakeSMTP(dot=think) as server:
        _send(server.port, mail__timeout=1)
    assert server.taken == [RAW]


def test_f16_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flasky.mail.transport.SECONDS_FOR_VERDICT", 0.3)
    over = threading.Event()

    def never(_content: bytes) -> bytes:
        over.wait(20)
        return HANG_UP

    with FakeSMTP(dot=never) as server, pytest.raises(Unanswered, match="did not say whether it takes it"):
        _send(server.port)
    over.set()


def test_f16_a_machine_that_is_gone_is_noticed_while_it_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {"SO_KEEPALIVE": 1, "TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
    levels = {"SO": socket.SOL_SOCKET, "TCP": socket.IPPROTO_TCP}
    # Not every system has all of them.
    options = {
        name: (levels[name.partition("_")[0]], getattr(socket, name)) for name in wanted if hasattr(socket, name)
    }
    found: dict[str, int] = {}
    original = TimedSMTP.hand_in

    def hand_in(connection: TimedSMTP, content: bytes) -> tuple[int, bytes]:
        found.update({name: connection.timed_socket().getsockopt(*option) for name, option in options.items()})
        return original(connection, content)

    monkeypatch.setattr(TimedSMTP, "hand_in", hand_in)
    with FakeSMTP() as server:
        _send(server.port)
    assert found == {name: wanted[name] for name in options}


@pytest.mark.parametrize("answer", [b"250 taken", b"251 taken", b"200-well\r\n200 yes"], ids=str)
def test_what_begins_with_2_after_the_whole_mail_means_that_it_was_taken(answer: bytes) -> None:
    """RFC 5321, 4.2.1: the first digit counts."""
    with FakeSMTP(dot=answer) as server:
        _send(server.port)


def test_a_slow_good_bye_does_not_turn_success_into_failure() -> None:
    with FakeSMTP(QUIT=HANG_UP) as server:
        _send(server.port)
    assert server.taken == [RAW]


@pytest.mark.parametrize(
    ("answers", "failure"),
    [
        ({"greeting": b"421 busy"}, ServerUnavailable),
        ({"greeting": b"554 go away"}, ServerRefuses),
        ({"greeting": HANG_UP}, ServerUnavailable),
        ({"EHLO": b"421 closing", "HELO": b"421 closing"}, ServerUnavailable),
        ({"EHLO": HANG_UP}, ServerUnavailable),
        ({"MAIL": b"451 try later"}, ServerUnavailable),
        ({"MAIL": b"550 sender unknown"}, ServerRefuses),
        ({"MAIL": b"530 log in first"}, ServerRefuses),
        ({"MAIL": b"552 too big"}, PermanentFailure),
        ({"MAIL": HANG_UP}, TemporaryFailure),
        ({"RCPT": b"421 closing"}, ServerUnavailable),
        ({"RCPT": b"450 greylisted"}, TemporaryFailure),
        ({"RCPT": b"550 no such user"}, PermanentFailure),
        ({"RCPT": b"530 log in first"}, ServerRefuses),
        ({"RCPT": HANG_UP}, TemporaryFailure),
        ({"DATA": b"451 later"}, TemporaryFailure),
        ({"DATA": b"554 no"}, PermanentFailure),
        ({"DATA": HANG_UP}, TemporaryFailure),
        ({"dot": b"421 closing"}, ServerUnavailable),
        ({"dot": b"452 full"}, TemporaryFailure),
        ({"dot": b"554 spam"}, PermanentFailure),
        ({"dot": HANG_UP}, Unanswered),
        ({"dot": b"what?"}, Unanswered),
        ({"dot": b"354 go on"}, Unanswered),
    ],
    ids=str,
)
def test_what_an_answer_means(answers: dict[str, bytes], failure: type[Exception]) -> None:
    """F14, F15, F16."""
    with FakeSMTP(**answers) as server, pytest.raises(failure) as met:
        _send(server.port)
    assert type(met.value) is failure
    code = next(iter(answers.values()))[:3].decode()
    assert not code.isdigit() or code in str(met.value)
    assert server.taken == []


def test_a_server_s_answer_is_one_line_of_bounded_length() -> None:
    with FakeSMTP(RCPT=b"550 no\x1b[31m\x00 " + b"x" * 5000) as server, pytest.raises(PermanentFailure) as met:
        _send(server.port)
    assert len(str(met.value)) < 600
    assert str(met.value).isprintable()


def test_an_address_that_is_not_ascii_is_nobody_s_fault_but_the_mail_s() -> None:
    """F18: an error of its own, before anything is connected."""
    with pytest.raises(UnicodeEncodeError):
        _transport(1).send("flasky@example.com", {"ünï@example.com"}, RAW)


def test_smtplib_has_the_hook_that_the_time_limit_hangs_on() -> None:
    assert callable(smtplib.SMTP._get_socket)


def test_pyramid_mailer_s_own_mailer_uses_this_transport(make_app, smtp_server: SMTPServer) -> None:
    """P20: who takes the mailer from the registry gets no unverified connection either."""
    mailer = make_app(mail__port=smtp_server.port).registry.getUtility(IMailer)
    assert isinstance(mailer.smtp_mailer, Transport)
    mailer.send_immediately(Message(subject="胡同", recipients=["ann@example.com"], body="Hello"))
    (message,) = smtp_server.messages
    assert isinstance(message, EmailMessage)
    assert message["Subject"] == "胡同"
