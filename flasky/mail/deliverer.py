"""The deliverer: takes due mails out of the outbox, one at a time, and sees that each is sent or given up visibly.

Any number of deliverers can work on one outbox. Each claims a mail by writing its name and a lease into the row,
in a transaction of its own, and no transaction is open while it talks to the SMTP server. A mail whose deliverer
died is taken up again, with the same bytes and the same Message-ID: at once if its process is known to be gone,
else when the lease has run out.

Two kinds of trouble are kept apart. When the *server* cannot be reached, no mail is blamed: the deliverer waits,
longer each time, and then tries the oldest mail again. When the server turns down *one mail*, that mail waits,
longer each time, and the others go on.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from pyramid.registry import Registry
from pyramid_mailer.mailer import Mailer
from sqlalchemy import ColumnElement, and_, delete, or_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from flasky.database import get_database, utc_now
from flasky.failpoints import failpoint
from flasky.mail.addresses import clean_address
from flasky.mail.models import OutgoingMail, Status
from flasky.mail.owner import is_gone, new_owner
from flasky.mail.services import wake_event
from flasky.mail.transport import (
    PermanentFailure,
    ServerRefuses,
    ServerUnavailable,
    TemporaryFailure,
    make_mailer,
)
from flasky.site import get_site

logger = logging.getLogger(__name__)

#: How often the outbox is looked at when nobody says that something came in.
POLL_SECONDS = 5.0
#: The pauses of one mail that the server does not take now: 10 s, 20 s, 40 s, … at most an hour, each ± 20 %.
FIRST_PAUSE, LONGEST_PAUSE = 10.0, 3600.0
#: The pauses of the deliverer while the server cannot be reached: 1 s, 2 s, 4 s, then 8 s; so a mail leaves within
#: ten seconds of the server's return.
FIRST_PROBE, LONGEST_PROBE = 1.0, 8.0
#: … and while it refuses this site: 10 s, … 300 s, as servers lock out who knocks with a wrong password.
FIRST_REFUSAL, LONGEST_REFUSAL = 10.0, 300.0
#: What a lease is longer than the time limit of a delivery.
_LEASE_MARGIN = 30
#: A moment further ahead than this was written by a clock that was wrong (F34).
_BEYOND_REASON = timedelta(seconds=2 * LONGEST_PAUSE)
#: Housekeeping is done so rarely because nothing depends on it.
_HOUSEKEEPING = timedelta(hours=1)


@dataclass
class _Claim:
    """What a deliverer needs of a mail that it holds, in the form in which pyramid_mailer takes a message."""

    id: int
    message_id: str
    sender: str
    send_to: set[str]
    raw: bytes

    def to_message(self) -> bytes:
        """The message as it goes over the wire."""
        return self.raw


@dataclass
class Tally:
    """What one run did, and how many seconds the deliverer should leave the server alone."""

    sent: int = 0
    postponed: int = 0
    given_up: int = 0
    pause: float = 0.0


class Deliverer:
    """Empties the outbox of one site. Not to be shared between threads."""

    def __init__(self, registry: Registry, mailer: Mailer | None = None) -> None:
        """`mailer` is what sends; the site's own SMTP server if nothing is given."""
        self._registry = registry
        self._sessions = get_database(registry).writer
        self._read_engine = get_database(registry).read_engine
        settings = get_site(registry).settings
        self._mailer = mailer or make_mailer(settings)
        self._lease = timedelta(seconds=settings["mail.timeout"] + _LEASE_MARGIN)
        self._max_age = timedelta(seconds=settings["flasky.mail_max_age"])
        self._keep = timedelta(seconds=settings["flasky.mail_keep"])
        self._drop_sent = get_site(registry).in_production
        self._troubles = 0
        self._next_housekeeping = utc_now()
        self.owner = new_owner()

    def run(self, stop: threading.Event, wake: threading.Event) -> None:
        """Deliver until `stop` is set; `wake` ends a pause early, as somebody has committed a mail or wants us to stop.

        Never raises: what goes wrong with the database is logged once and tried again.
        """
        complaint = ""
        while True:
            # In this order: whoever stops us sets `stop` first, then `wake`.
            wake.clear()
            if stop.is_set():
                return
            pause = POLL_SECONDS
            try:
                pause = self.run_once(stop).pause or POLL_SECONDS
                complaint = ""
            except SQLAlchemyError as error:
                # The same trouble every few seconds is one line in the log.
                text = str(getattr(error, "orig", error))
                if complaint != (complaint := text) and not self._waits_for_migrations():
                    logger.error("Mails cannot be delivered, the database answers: %s", complaint)
            except Exception:
                logger.exception("The delivery of mails met an error and goes on in %d s", POLL_SECONDS)
            (stop if self._troubles else wake).wait(pause)

    def _waits_for_migrations(self) -> bool:
        """Whether this is development before the first `alembic upgrade`, of which every page tells already."""
        from flasky.migrations.state import schema_state  # noqa: PLC0415 - Alembic is only imported when it matters

        site = get_site(self._registry)
        return site.environment == "development" and schema_state(site).can_be_upgraded

    def run_once(self, stop: threading.Event | None = None) -> Tally:
        """Try every mail that is due, once; ends early when the server cannot be reached or `stop` is set."""
        tally = Tally()
        if self._something_is_due():
            self._release_abandoned()
            for claim in self._claims(stop):
                self._deliver(claim, tally)
                if tally.pause:
                    break
        self._housekeeping()
        return tally

    def _something_is_due(self) -> bool:
        """Looking costs nobody anything; claiming would take SQLite's one write lock every few seconds."""
        with self._read_engine.connect() as connection:
            waiting = select(OutgoingMail.id).where(or_(_is_due(utc_now()), OutgoingMail.status == Status.SENDING))
            return connection.execute(waiting.limit(1)).first() is not None

    def _release_abandoned(self) -> None:
        """Queue again what a deliverer left behind that died."""
        now = utc_now()
        with self._sessions.begin() as session:
            held = select(OutgoingMail).where(OutgoingMail.status == Status.SENDING)
            for mail in session.scalars(held.with_for_update(skip_locked=True)):
                lease = mail.claimed_until or now
                if lease <= now or lease > now + _BEYOND_REASON or is_gone(mail.claimed_by or ""):
                    logger.warning("The deliverer of mail %d ended without a word: it is tried again", mail.id)
                    self._postpone(mail, "its deliverer ended in the middle of it", at_once=mail.attempts == 0)

    def _claims(self, stop: threading.Event | None) -> Iterator[_Claim]:
        while not (stop and stop.is_set()):
            claim = self._claim_next()
            if claim is None:
                return
            yield claim

    def _claim_next(self) -> _Claim | None:
        now = utc_now()
        due = select(OutgoingMail).where(_is_due(now)).order_by(OutgoingMail.next_attempt_at, OutgoingMail.id)
        with self._sessions.begin() as session:
            # SQLite has no SKIP LOCKED and needs none: its write transactions follow one another.
            mail = session.scalars(due.limit(1).with_for_update(skip_locked=True)).first()
            if mail is None:
                return None
            mail.status = Status.SENDING
            mail.claimed_by = self.owner
            mail.claimed_until = now + self._lease
            return _Claim(mail.id, mail.message_id, mail.sender, {mail.recipient}, mail.raw)

    def _deliver(self, claim: _Claim, tally: Tally) -> None:
        """Send one mail and note what came of it."""
        failpoint(self._registry, "before_smtp")
        try:
            _check(claim)
            self._mailer.send_immediately(claim)
        except (ServerUnavailable, ServerRefuses) as error:
            tally.pause = self._server_trouble(claim, error)
            return
        except PermanentFailure as error:
            self._note(claim, Status.FAILED, str(error))
            logger.error("Mail %d is refused for good: %s", claim.id, error)
            tally.given_up += 1
        except TemporaryFailure as error:
            self._note_postponed(claim, str(error))
            tally.postponed += 1
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one mail must not stop the others (F18)
            # Not the error's own text: it can quote the mail.
            reason = f"it cannot be sent as it is ({type(error).__name__})"
            self._note(claim, Status.PARKED, reason)
            logger.error("Mail %d is parked: %s", claim.id, reason)
            tally.given_up += 1
        else:
            failpoint(self._registry, "after_smtp")
            self._note(claim, Status.SENT, None)
            logger.info("Mail %d is sent (%s)", claim.id, claim.message_id)
            tally.sent += 1
        self._server_answers()

    def _server_trouble(self, claim: _Claim, error: Exception) -> float:
        """Give the mail back untouched; returns the seconds to wait before the server is asked again."""
        self._troubles += 1
        refused = isinstance(error, ServerRefuses)
        first, longest = (FIRST_REFUSAL, LONGEST_REFUSAL) if refused else (FIRST_PROBE, LONGEST_PROBE)
        if self._troubles == 1:
            logger.warning("No mail can be sent, it is kept: %s", error)
        with self._sessions.begin() as session:
            mail = self._held(session, claim)
            if mail is not None and not self._too_old(mail, str(error)):
                mail.status = Status.QUEUED
                mail.claimed_by = mail.claimed_until = None
                mail.last_error = str(error)
        return _growing(self._troubles, first, longest)

    def _server_answers(self) -> None:
        if self._troubles:
            logger.info("The SMTP server takes mails again")
        self._troubles = 0

    def _note_postponed(self, claim: _Claim, reason: str) -> None:
        with self._sessions.begin() as session:
            mail = self._held(session, claim)
            if mail is not None:
                self._postpone(mail, reason)
                logger.warning("Mail %d was not taken (attempt %d): %s", mail.id, mail.attempts, reason)

    def _note(self, claim: _Claim, status: Status, reason: str | None) -> None:
        with self._sessions.begin() as session:
            mail = self._held(session, claim)
            if mail is None:
                return
            mail.status = status
            mail.attempts += 1
            mail.last_error = reason
            mail.claimed_by = mail.claimed_until = None
            if status == Status.SENT:
                mail.sent_at = utc_now()
                if self._drop_sent:
                    mail.raw = b""

    def _held(self, session: Session, claim: _Claim) -> OutgoingMail | None:
        """The row of a mail that is still ours; None when the lease ran out and somebody else took it."""
        mail = session.get(OutgoingMail, claim.id, with_for_update=True)
        if mail is None or mail.claimed_by != self.owner or mail.status != Status.SENDING:
            logger.warning("Mail %d took longer than its lease: another deliverer has it now", claim.id)
            return None
        return mail

    def _postpone(self, mail: OutgoingMail, reason: str, *, at_once: bool = False) -> None:
        mail.attempts += 1
        if self._too_old(mail, reason):
            return
        pause = 0.0 if at_once else _growing(mail.attempts, FIRST_PAUSE, LONGEST_PAUSE)
        mail.status = Status.QUEUED
        mail.next_attempt_at = utc_now() + timedelta(seconds=pause)
        mail.claimed_by = mail.claimed_until = None
        mail.last_error = reason

    def _too_old(self, mail: OutgoingMail, reason: str) -> bool:
        """Give up a mail that has waited too long (`flasky.mail_max_age`); it has just failed once more."""
        if utc_now() - mail.queued_at < self._max_age:
            return False
        mail.status = Status.FAILED
        mail.claimed_by = mail.claimed_until = None
        mail.last_error = f"given up after {self._max_age.total_seconds():.0f} s; at last: {reason}"
        logger.error("Mail %d is %s", mail.id, mail.last_error)
        return True

    def _housekeeping(self) -> None:
        """Forget sent mails that are older than `flasky.mail_keep`, so that the table does not grow for ever."""
        now = utc_now()
        if now < self._next_housekeeping < now + 2 * _HOUSEKEEPING:
            return
        self._next_housekeeping = now + _HOUSEKEEPING
        old = and_(OutgoingMail.status == Status.SENT, OutgoingMail.sent_at < now - self._keep)
        with self._read_engine.connect() as connection:
            if connection.execute(select(OutgoingMail.id).where(old).limit(1)).first() is None:
                return
        with self._sessions.begin() as session:
            session.execute(delete(OutgoingMail).where(old))


class DelivererThread(threading.Thread):
    """A deliverer in the server's own process."""

    def __init__(self, registry: Registry) -> None:
        super().__init__(name="mail-deliverer", daemon=True)
        self._deliverer = Deliverer(registry)
        self._wake = wake_event(registry)
        self._stop_event = threading.Event()

    def run(self) -> None:
        """Deliver until `stop` is called."""
        self._deliverer.run(self._stop_event, self._wake)

    def stop(self, timeout: float) -> bool:
        """Take no further mail and wait `timeout` seconds for the one that is being sent; whether it has ended.

        A mail that is cut off here is sent after the next start.
        """
        self._stop_event.set()
        self._wake.set()
        self.join(timeout)
        return not self.is_alive()


def start_deliverer(registry: Registry) -> DelivererThread:
    """Start delivering the site's mails in a thread of this process."""
    thread = DelivererThread(registry)
    thread.start()
    return thread


def _is_due(now: datetime) -> ColumnElement[bool]:
    when = OutgoingMail.next_attempt_at
    return and_(OutgoingMail.status == Status.QUEUED, or_(when <= now, when > now + _BEYOND_REASON))


def _check(claim: _Claim) -> None:
    """Refuse a row that no code of ours wrote: its addresses go into SMTP commands as they stand (P19)."""
    (recipient,) = claim.send_to
    for address in (claim.sender, recipient):
        if clean_address(address) != address:
            raise ValueError("an address in the row is not in its clean form")
    if not claim.raw:
        raise ValueError("the message is empty")


def _growing(times: int, first: float, longest: float) -> float:
    """The pause after the `times`-th failure in a row: doubled each time, and never the same for two deliverers."""
    # The exponent is bounded, as 2.0 ** 2000 is an error.
    return min(longest, first * 2.0 ** min(times - 1, 30)) * random.uniform(0.8, 1.2)  # noqa: S311 - not a secret
