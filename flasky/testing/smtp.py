"""A real SMTP server on the loopback, for tests."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope

from flasky.testing.live import free_port
from flasky.testing.waiting import wait_until


class SMTPServer:
    """Keeps what it receives: `messages` parsed, `envelopes` as they came. It can be stopped and started again."""

    def __init__(self, **options: Any) -> None:
        """`options` go to aiosmtpd's controller (`ssl_context`, `require_starttls`, …)."""
        self.port = free_port()
        self.envelopes: list[Envelope] = []
        self._options = options
        self._controller: Controller | None = None

    @property
    def messages(self) -> list[EmailMessage]:
        """Everything received, oldest first."""
        return [_parse(envelope) for envelope in list(self.envelopes)]

    def start(self) -> None:
        """Listen on `port`."""
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, **self._options)
        self._controller.start()

    def stop(self) -> None:
        """Stop listening: the port refuses connections from now on."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    def wait_for(self, count: int, seconds: float = 20) -> list[EmailMessage]:
        """Wait until `count` messages arrived and return all; raises AssertionError when they do not."""
        wait_until(lambda: len(self.envelopes) >= count, f"{count} messages", seconds)
        return self.messages

    async def handle_DATA(self, _server: SMTP, _session: Any, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Accept a message."""
        self.envelopes.append(envelope)
        return "250 OK"


def _parse(envelope: Envelope) -> EmailMessage:
    content = envelope.content or b""
    data = content if isinstance(content, bytes) else content.encode()
    return email.message_from_bytes(data, policy=email.policy.default)
