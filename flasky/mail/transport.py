"""Handing one message to the SMTP server, within a time limit and over a verified connection.

pyramid_mailer's own transport does not verify certificates after STARTTLS, fails with SSL on Python 3.12 and
later, and has a time limit for each socket operation but none for the whole (P20, F13: a server that sends a
byte a second holds it for minutes). This one says what kind of failure it met, as each asks for something else.
"""

from __future__ import annotations

import base64
import hmac
import io
import ipaddress
import re
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from email.message import Message
from typing import Any

from pyramid_mailer.mailer import Mailer
from repoze.sendmail.encoding import encode_message
from repoze.sendmail.mailer import SMTPMailer

from flasky.mail.message import site_host
from flasky.settings import Settings

_LONGEST_REASON = 500
_SECONDS_FOR_GOODBYE = 2
#: What a server may take to say whether it took a mail that it has in whole (RFC 5321, 4.5.3.2.6). Cut off earlier, it
#: would take the mail all the same, and get it once more with the next attempt.
SECONDS_FOR_VERDICT = 600.0
#: Seconds of silence after which the server's machine is asked whether it is there, between two questions, and how many
#: questions: who waits long for an answer should not wait for a machine that is gone.
_KEEP_ALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
#: Answers that ask for a log-in or for encryption: nothing is wrong with the message (RFC 4954, RFC 3207).
_ASKS_FOR_LOGIN = frozenset({530, 534, 535, 538})
_TOO_BIG = 552
#: What is said of a log-in: done, or done before; and what is asked for the next part of one (RFC 4954).
_LOGGED_IN, _GO_ON = frozenset({235, 503}), 334
#: What stands for a secret, and what may be a piece of one: shorter ones would blot out ordinary words.
_HIDDEN, _PIECE = "(hidden)", "[A-Za-z0-9+/=]{8,}"
#: The server waits for the message.
_SEND_IT = 354


class DeliveryFailed(Exception):
    """A message could not be handed over; the text says why and holds no part of the message."""


class ServerUnavailable(DeliveryFailed):
    """The server cannot be reached or takes nothing at the moment. It has not heard of the message."""


class ServerRefuses(DeliveryFailed):
    """The server does not let this site send, or cannot be trusted: somebody has to change a setting."""


class TemporaryFailure(DeliveryFailed):
    """The server does not take this message now; it may later."""


class Unanswered(TemporaryFailure):
    """The server has the whole message and did not say what became of it: it may have taken it."""


class PermanentFailure(DeliveryFailed):
    """The server will never take this message."""


class _Reader(io.RawIOBase):
    """Reads from a connection's socket, each time for no longer than what is left of the whole time."""

    def __init__(self, connection: TimedSMTP) -> None:
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._connection.timed_socket().recv_into(buffer)


class TimedSMTP(smtplib.SMTP):
    """smtplib's client with one time limit for everything it does but the verdict, and TLS that is verified."""

    #: Whether the server has, or is just getting, the end of the message.
    handed_in = False

    def __init__(
        self,
        host: str,
        port: int,
        *,
        seconds: float,
        name: str,
        wrap: ssl.SSLContext | None,
        tell: Callable[[], None],
    ) -> None:
        """Connect and read the greeting. `wrap` speaks TLS from the first byte; `name` is how we introduce us.

        `tell` is called once the server has a message in whole.
        """
        self._tell = tell
        self._deadline = time.monotonic() + seconds
        self._wrap = wrap
        super().__init__(local_hostname=name, timeout=seconds)
        # Set by smtplib only when it connects in its own __init__, where a failure would leave the socket open.
        self._host = host
        try:
            code, answer = self.connect(host, port)
        except OSError:
            self.close()
            raise
        if code != 220:
            self.close()
            raise smtplib.SMTPConnectError(code, answer)

    def hurry(self, seconds: float) -> None:
        """Leave no more than `seconds` from now."""
        self._deadline = min(self._deadline, time.monotonic() + seconds)

    def remaining(self) -> float:
        """Seconds that are left; raises TimeoutError when there are none."""
        seconds = self._deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the time for one mail is over (mail.timeout)")
        return seconds

    def timed_socket(self) -> socket.socket:
        """The socket, set to wait no longer than what is left."""
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("the connection is closed")
        self.sock.settimeout(self.remaining())
        return self.sock

    def _get_socket(self, host: str, port: int, _timeout: float) -> socket.socket:
        """Called by `connect`: each address of the host gets what is left of the time."""
        problem: OSError = OSError(f"{host} has no address")
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            plain = socket.socket(family, kind, protocol)
            try:
                plain.settimeout(self.remaining())
                _keep_alive(plain)
                plain.connect(address)
                return self._wrap.wrap_socket(plain, server_hostname=host) if self._wrap else plain
            except OSError as error:
                plain.close()
                problem = error
        raise problem

    def getreply(self) -> tuple[int, bytes]:
        """Read an answer, however slowly it comes, within the time."""
        if self.file is None:
            self.file = io.BufferedReader(_Reader(self))
        return super().getreply()

    def send(self, s: Any) -> None:
        """Send within the time."""
        if self.sock is not None:
            self.timed_socket()
        super().send(s)

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Switch to TLS within the time; raises SMTPResponseException when the server does not want to.

        Not named `starttls`: smtplib's own would lose the reader with the time limit.
        """
        code, answer = self.docmd("STARTTLS")
        if code != 220:
            raise smtplib.SMTPResponseException(code, answer)
        self.sock = context.wrap_socket(self.timed_socket(), server_hostname=self._host)
        # What was said in the clear does not count any more (RFC 3207, 4.2): neither answers nor abilities.
        self.file = None
        self.helo_resp = self.ehlo_resp = None
        self.esmtp_features = {}
        self.does_esmtp = False

    def hand_in(self, content: bytes) -> tuple[int, bytes]:
        """Send the message and wait for what the server says of it, which has a time limit of its own.

        Not `data`: smtplib's own does not tell whether the message had left when the connection broke.
        """
        code, answer = self.docmd("DATA")
        if code != _SEND_IT:
            return code, answer
        # A dot alone on its line ends the message, so each line that begins with one gets another (RFC 5321, 4.5.2).
        escaped = re.sub(rb"(?m)^\.", b"..", content)
        end = b".\r\n" if escaped.endswith(b"\r\n") else b"\r\n.\r\n"
        self.send(escaped + end)
        self.handed_in = True
        self._tell()
        self._deadline = time.monotonic() + SECONDS_FOR_VERDICT
        return self.getreply()

    def log_in(self, user: str, password: str) -> None:
        """Log in by the first way that the server offers and takes; raises an SMTPException when there is none.

        Not `login`: smtplib's own takes a name or password that is not ASCII for an error of the program.
        """
        offered = str(self.esmtp_features.get("auth", "")).upper().split()
        ways = [way for way in ("CRAM-MD5", "PLAIN", "LOGIN") if way in offered]
        if not ways:
            raise smtplib.SMTPNotSupportedError(f"it offers {' '.join(offered) or 'none'}")
        for way in ways:
            code, answer = self._authenticate(way, user.encode(), password.encode())
            if code in _LOGGED_IN:
                return
            if code == _GO_ON:
                # It waits for more: without this it would take the next command for that (RFC 4954, 4).
                self.docmd("*")
        raise smtplib.SMTPAuthenticationError(code, answer)

    def _authenticate(self, way: str, user: bytes, password: bytes) -> tuple[int, bytes]:
        """The server's last answer to one way of logging in; name and password go as UTF-8 (RFC 4616)."""
        if way == "PLAIN":
            response = _plain(user, password)
            code, answer = self.docmd("AUTH", f"PLAIN {response}")
            # Some servers take no response that comes with the command, and ask for it.
            return self.docmd(response) if code == _GO_ON else (code, answer)
        if way == "LOGIN":
            code, answer = self.docmd("AUTH", f"LOGIN {_base64(user)}")
            return self.docmd(_base64(password)) if code == _GO_ON else (code, answer)
        code, answer = self.docmd("AUTH", way)
        if code != _GO_ON:
            return code, answer
        digest = hmac.new(password, base64.b64decode(answer), "md5").hexdigest()
        response = _base64(user + b" " + digest.encode())
        code, answer = self.docmd(response)
        # With challenge and digest at hand, passwords could be tried out.
        return code, _without(answer.decode("utf-8", "replace"), (response, digest)).encode()


class Transport(SMTPMailer):  # type: ignore[misc]
    """The SMTP side of pyramid_mailer's `Mailer`: one connection for each message."""

    def __init__(self, settings: Settings, handed_in: threading.Event | None = None) -> None:
        """`handed_in` is set as soon as the server has a message in whole, before it says what becomes of it."""
        super().__init__(
            hostname=settings["mail.host"],
            port=settings["mail.port"],
            username=settings["mail.username"] or None,
            password=settings["mail.password"] or None,
            force_tls=settings["mail.tls"] and not settings["mail.ssl"],
            ssl=settings["mail.ssl"],
        )
        self.seconds: float = settings["mail.timeout"]
        self._handed_in = handed_in or threading.Event()
        self._ca_file: str = settings["mail.ca_file"]
        self._name = site_host(settings["flasky.base_url"])

    def send(self, fromaddr: str, toaddrs: Iterable[str], message: Message | bytes) -> None:
        """Hand over one message for one recipient; raises a DeliveryFailed.

        Anything else that it raises means that the message itself cannot be sent by anybody.
        """
        (recipient,) = toaddrs
        data = message if isinstance(message, bytes) else encode_message(message)
        # Both are sent as ASCII: what cannot be is the message's fault, and is found before anything is connected.
        fromaddr.encode("ascii"), recipient.encode("ascii")
        connection = self._connect()
        try:
            self._hand_over(connection, fromaddr, recipient, data)
        except OSError as error:
            reason = self._clean(str(error) or type(error).__name__)
            if connection.handed_in:
                raise _unanswered(reason) from error
            raise TemporaryFailure(f"the connection broke while the mail was handed over: {reason}") from error
        finally:
            self._leave(connection)

    def _connect(self) -> TimedSMTP:
        """A connection on which mails can be sent."""
        where = f"{self.hostname} port {self.port}"
        connection: TimedSMTP | None = None
        try:
            wrap = self._context() if self.ssl else None
            connection = TimedSMTP(
                self.hostname, self.port, seconds=self.seconds, name=self._name, wrap=wrap, tell=self._handed_in.set
            )
            connection.ehlo_or_helo_if_needed()
            if self.force_tls:
                self._start_tls(connection)
            if self.username:
                self._log_in(connection)
        except ssl.SSLError as error:
            failure: DeliveryFailed = ServerRefuses(f"{where}: no trusted TLS connection: {_tls_reason(error)}")
        except smtplib.SMTPResponseException as error:
            failure = self._failure_of_answer(where, error.smtp_code, error.smtp_error)
        except OSError as error:
            failure = ServerUnavailable(f"{where}: {self._clean(str(error) or type(error).__name__)}")
        except ValueError as error:
            # A challenge that is no base64, MD5 that this Python must not use: no mail had a part in it.
            failure = ServerRefuses(f"{where}: the server cannot be understood ({type(error).__name__})")
        except DeliveryFailed as error:
            failure = error
        else:
            return connection
        if connection is not None:
            connection.close()
        raise failure from None

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self._ca_file:
            try:
                context.load_verify_locations(self._ca_file)
            except OSError as error:
                raise ServerRefuses(f"mail.ca_file {self._ca_file}: {error.strerror or error}") from error
        return context

    def _start_tls(self, connection: TimedSMTP) -> None:
        if not connection.has_extn("starttls"):
            raise ServerRefuses(
                f"{self.hostname} port {self.port} offers no STARTTLS and mail.tls requires it: "
                "nothing was sent in the clear"
            )
        connection.start_tls(self._context())
        connection.ehlo_or_helo_if_needed()

    def _log_in(self, connection: TimedSMTP) -> None:
        encrypted = isinstance(connection.sock, ssl.SSLSocket)
        if not encrypted and not _is_loopback(connection):
            raise ServerRefuses(
                "mail.username is set and the connection is not encrypted: set mail.tls or mail.ssl. "
                "The password was not sent"
            )
        try:
            connection.log_in(self.username, self.password or "")
        except smtplib.SMTPNotSupportedError as error:
            raise ServerRefuses(
                f"{self.hostname} port {self.port} offers no log-in and mail.username is set: {error}"
            ) from error

    def _failure_of_answer(self, where: str, code: int, answer: bytes | str) -> DeliveryFailed:
        kind = ServerUnavailable if 400 <= code < 500 else ServerRefuses
        return kind(f"{where}: {self._answer(code, answer)}")

    def _hand_over(self, connection: TimedSMTP, sender: str, recipient: str, data: bytes) -> None:
        options = [f"size={len(data)}"] if connection.has_extn("size") else []
        where = f"{self.hostname} port {self.port}"
        code, answer = connection.mail(sender, options)
        if code != 250 and code != _TOO_BIG:
            # The sender is the same for every mail of the site: this is about the site, not about the mail.
            raise self._failure_of_answer(where, code, answer)
        if code == 250:
            code, answer = connection.rcpt(recipient)
        if code in {250, 251}:
            code, answer = connection.hand_in(data)
        if connection.handed_in and 200 <= code < 300:
            return
        if code in _ASKS_FOR_LOGIN or code == 421:
            raise self._failure_of_answer(where, code, answer)
        if connection.handed_in and not 400 <= code < 600:
            raise _unanswered(self._answer(code, answer))
        kind = PermanentFailure if 500 <= code < 600 else TemporaryFailure
        raise kind(self._answer(code, answer))

    @staticmethod
    def _leave(connection: TimedSMTP) -> None:
        # Whether the mail was taken was said before: a server that is slow to say good-bye must not delay the note.
        connection.hurry(_SECONDS_FOR_GOODBYE)
        try:
            connection.quit()
        except OSError:
            connection.close()

    def _answer(self, code: int, answer: bytes | str) -> str:
        return f"the server answered {code} {self._clean(_as_bytes(answer).decode('utf-8', 'replace'))}"

    def _clean(self, text: str) -> str:
        """`text` as one line of bounded length, without what we logged in with should a server repeat it."""
        line = _one_line(text)
        if self.password:
            user, password = (self.username or "").encode(), self.password.encode()
            line = _without(line, (_plain(user, password), _base64(password), _one_line(self.password)))
        return line[:_LONGEST_REASON]


def make_mailer(settings: Settings, handed_in: threading.Event | None = None) -> Mailer:
    """pyramid_mailer's mailer, with this transport; `handed_in` is as there."""
    return Mailer(smtp_mailer=Transport(settings, handed_in), default_sender=settings["flasky.mail_sender"])


def _is_loopback(connection: TimedSMTP) -> bool:
    assert connection.sock is not None  # noqa: S101 - it has just answered
    host = connection.sock.getpeername()[0]
    return ipaddress.ip_address(host.partition("%")[0]).is_loopback


def _keep_alive(connection: socket.socket) -> None:
    """Have the system find out whether the other machine is still there; not every system lets us say how often."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE.items():
        if (option := getattr(socket, name, None)) is not None:
            connection.setsockopt(socket.IPPROTO_TCP, option, value)


def _unanswered(reason: str) -> Unanswered:
    return Unanswered(f"the server got the whole mail and did not say whether it takes it: {reason}")


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _without(text: str, secrets: Iterable[str]) -> str:
    """`text` with each of `secrets` blotted out, in whatever case, and longer pieces of them that stand alone."""
    forms = [secret.lower() for secret in secrets if secret]
    if not forms:
        return text
    text = re.sub("|".join(map(re.escape, forms)), _HIDDEN, text, flags=re.IGNORECASE)
    # Servers cut what they repeat.
    return re.sub(
        _PIECE, lambda piece: _HIDDEN if any(piece[0].lower() in form for form in forms) else str(piece[0]), text
    )


def _plain(user: bytes, password: bytes) -> str:
    """What AUTH PLAIN sends (RFC 4616)."""
    return _base64(bytes(1) + user + bytes(1) + password)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _as_bytes(answer: bytes | str) -> bytes:
    return answer if isinstance(answer, bytes) else answer.encode()


def _tls_reason(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"{error.verify_message}. If the server's certificate comes from an authority of your own, "
            "name its file in mail.ca_file"
        )
    return error.reason or str(error)
