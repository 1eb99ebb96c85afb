"""The deliverer: takes due mails out of the outbox, one at a time, and sees that each is sent or given up visibly.

Any number of deliverers can work on one outbox (`flasky.queues`); no transaction is open while one talks to the SMTP
server. A mail whose deliverer died is taken up again, with the same bytes and the same Message-ID.

Two kinds of trouble are kept apart. When the *server* cannot be reached, no mail is blamed: the deliverer waits,
longer each time, and then tries the oldest mail again. When the server turns down *one mail*, that mail waits,
longer each time, and the others go on.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from pyramid.registry import Registry
from pyramid_mailer.mailer import Mailer
from sqlalchemy import and_, delete, select, update
from sqlalchemy.orm import Session

from flasky.database import get_database, utc_now
from flasky.errors.counts import count_error
from flasky.failpoints import failpoint
from flasky.mail.addresses import clean_address
from flasky.mail.declarations import declaring_package
from flasky.mail.models import OutgoingMail, Status
from flasky.mail.services import wake_event
from flasky.mail.transport import (
    PermanentFailure,
    ServerRefuses,
    ServerUnavailable,
    TemporaryFailure,
    Unanswered,
    make_mailer,
)
from flasky.ownership import owner_of_module
from flasky.queues.claims import Claims, Rules, growing
from flasky.queues.lease import kept
from flasky.queues.worker import Worker, WorkerThread
from flasky.site import get_site

logger = logging.getLogger(__name__)

#: How often the outbox is looked at when nobody says that something came in.
POLL_SECONDS = 5.0
#: The pauses of the deliverer while the server cannot be reached: 1 s, 2 s, 4 s, then 8 s; so a mail leaves within
#: ten seconds of the server's return.
FIRST_PROBE, LONGEST_PROBE = 1.0, 8.0
#: … and while it refuses this site: 10 s, … 300 s, as servers lock out who knocks with a wrong password.
FIRST_REFUSAL, LONGEST_REFUSAL = 10.0, 300.0
#: What a mail that may have arrived waits for its second try, which is the last, ± 20 %: a proxy or server that drops
#: connections may do so for some minutes.
SECOND_TRY = 3600.0
#: What stands in the row of a mail whose second try ended like the first.
_TWICE = "it may have arrived twice"
#: What a lease is longer than the time limit of a delivery, and how often it is renewed while the server, which has the
#: whole mail, takes longer than that to say what becomes of it. Then it is noted, too, that the server has the mail.
_LEASE_MARGIN, RENEW_SECONDS = 30, 15.0
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
    template: str
    #: When a server had it in whole in an earlier attempt.
    sent_at: datetime | None

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


class Deliverer(Worker):
    """Empties the outbox of one site. Not to be shared between threads."""

    refused = "Mails cannot be delivered"
    doing = "The delivery of mails"
    logger = logger

    def __init__(self, registry: Registry, mailer: Mailer | None = None) -> None:
        """`mailer` is what sends; the site's own SMTP server if nothing is given."""
        super().__init__(registry)
        self._sessions = get_database(registry).writer
        self._read_engine = get_database(registry).read_engine
        settings = get_site(registry).settings
        #: Set by the transport when the server has the mail in whole that is being sent.
        self.handed_in = threading.Event()
        self._mailer = mailer or make_mailer(settings, self.handed_in)
        self._max_age = timedelta(seconds=settings["flasky.mail_max_age"])
        self._keep = timedelta(seconds=settings["flasky.mail_keep"])
        self._drop_sent = get_site(registry).in_production
        self._troubles = 0
        self._next_housekeeping = utc_now()
        self._lease = timedelta(seconds=settings["mail.timeout"] + _LEASE_MARGIN)
        rules = Rules(
            OutgoingMail,
            held=Status.SENDING,
            failed=Status.FAILED,
            noun="mail",
            worker="deliverer",
            lease=lambda _mail: self._lease,
            given_up=self._too_old,
            died_once_too_often=_was_handed_in_before,
        )
        self._claims = Claims(get_database(registry), rules, logger)

    @property
    def poll_seconds(self) -> float:
        """How often the outbox is looked at."""
        return POLL_SECONDS

    @property
    def rests(self) -> bool:
        """Whether the server is left alone for a while, whatever comes in."""
        return bool(self._troubles)

    def turn(self, stop: threading.Event) -> float:
        """Deliver what is due; return the seconds until the next look."""
        return self.run_once(stop).pause or POLL_SECONDS

    def run_once(self, stop: threading.Event | None = None) -> Tally:
        """Try every mail that is due, once; ends early when the server cannot be reached or `stop` is set."""
        tally = Tally()
        if self._claims.something_waits():
            self._claims.release_abandoned()
            for claim in self._claimed(stop):
                self._deliver(claim, tally)
                if tally.pause:
                    break
        self._housekeeping()
        return tally

    def _claimed(self, stop: threading.Event | None) -> Iterator[_Claim]:
        while not (stop and stop.is_set()):
            claim = self._claims.take(_copied)
            if claim is None:
                return
            yield claim

    def _deliver(self, claim: _Claim, tally: Tally) -> None:
        """Send one mail and note what came of it."""
        failpoint(self.registry, "before_smtp")
        self.handed_in.clear()
        try:
            _check(claim)
            with kept(partial(self._renew, claim), RENEW_SECONDS):
                self._mailer.send_immediately(claim)
        except (ServerUnavailable, ServerRefuses) as error:
            tally.pause = self._server_trouble(claim, error)
            return
        except PermanentFailure as error:
            self._note(claim, Status.FAILED, str(error))
            self._blame(claim, f"is refused for good: {error}")
            tally.given_up += 1
        except Unanswered as error:
            # Not `_server_answers`: it has not.
            self._note_unanswered(claim, str(error), tally)
            return
        except TemporaryFailure as error:
            self._note_postponed(claim, str(error))
            tally.postponed += 1
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one mail must not stop the others (F18)
            # Not the error's own text: it can quote the mail.
            reason = f"it cannot be sent as it is ({type(error).__name__})"
            self._note(claim, Status.PARKED, reason)
            self._blame(claim, f"is parked: {reason}")
            tally.given_up += 1
        else:
            failpoint(self.registry, "after_smtp")
            self._note(claim, Status.SENT, None)
            logger.info("Mail %d is sent (%s)", claim.id, claim.message_id)
            tally.sent += 1
        self._server_answers()

    def _renew(self, claim: _Claim) -> bool:
        """Hold the mail for longer, and note once the server has it: whoever comes after us must know of it."""
        with self._sessions.begin() as session:
            if not self._claims.renew_in(session, claim.id, self._lease):
                return False
            # The time of the first of two stays, which lies before `next_attempt_at`: `_was_handed_in_before`.
            if claim.sent_at is None and self.handed_in.is_set():
                session.execute(update(OutgoingMail).where(OutgoingMail.id == claim.id).values(sent_at=utc_now()))
            return True

    def _held(self, session: Session, claim: _Claim) -> OutgoingMail | None:
        """The mail if it is still ours, without the note of `_renew`: now we know what the server says."""
        mail = self._claims.held(session, claim.id)
        if mail is not None:
            mail.sent_at = claim.sent_at
        return mail

    def _blame(self, claim: _Claim, what: str) -> None:
        """Log and count a mail that is given up for the plug-in that declared it."""
        package = declaring_package(self.registry, claim.template)
        owner = owner_of_module(self.registry, package)
        count_error(self.registry, owner, "mail")
        extra = {"plugin": str(owner)}
        logger.error("Mail %d (%s) of plugin=%s %s", claim.id, claim.template, owner, what, extra=extra)

    def _server_trouble(self, claim: _Claim, error: Exception) -> float:
        """Give the mail back untouched; returns the seconds to wait before the server is asked again."""
        self._troubles += 1
        refused = isinstance(error, ServerRefuses)
        first, longest = (FIRST_REFUSAL, LONGEST_REFUSAL) if refused else (FIRST_PROBE, LONGEST_PROBE)
        if self._troubles == 1:
            logger.warning("No mail can be sent, it is kept: %s", error)
        with self._sessions.begin() as session:
            mail = self._held(session, claim)
            if mail is not None:
                self._claims.give_back(mail, str(error))
        return growing(self._troubles, first, longest)

    def _server_answers(self) -> None:
        if self._troubles:
            logger.info("The SMTP server takes mails again")
        self._troubles = 0

    def _note_postponed(self, claim: _Claim, reason: str) -> None:
        with self._sessions.begin() as session:
            mail = self._held(session, claim)
            if mail is not None:
                self._claims.postpone(mail, reason)
                logger.warning("Mail %d was not taken (attempt %d): %s", mail.id, mail.attempts, reason)

    def _note_unanswered(self, claim: _Claim, reason: str, tally: Tally) -> None:
        """Try a mail once more that may have arrived, as it may not have; after that somebody has to decide (F16)."""
        with self._sessions.begin() as session:
            mail = self._held(session, claim)
            if mail is None:
                return
            first = mail.sent_at is None
            mail.sent_at = utc_now()
            if first:
                self._claims.postpone(mail, reason)
                mail.next_attempt_at = utc_now() + timedelta(seconds=growing(1, SECOND_TRY, SECOND_TRY))
                logger.warning("Mail %d may have arrived (attempt %d): %s", mail.id, mail.attempts, reason)
                tally.postponed += 1
                return
            reason = f"given up, as {_TWICE}; at last: {reason}"
            self._claims.settle(mail, Status.FAILED, reason)
        self._blame(claim, f"is {reason}")
        tally.given_up += 1

    def _note(self, claim: _Claim, status: Status, reason: str | None) -> None:
        with self._sessions.begin() as session:
            mail = self._held(session, claim)
            if mail is None:
                return
            self._claims.settle(mail, status, reason)
            if status == Status.SENT:
                mail.sent_at = utc_now()
                if self._drop_sent:
                    mail.raw = b""

    def _too_old(self, mail: OutgoingMail) -> str:
        """Why a mail that has just failed once more is not tried again (`flasky.mail_max_age`)."""
        return "" if utc_now() - mail.queued_at < self._max_age else f"{self._max_age.total_seconds():.0f} s"

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


def start_deliverer(registry: Registry) -> WorkerThread:
    """Start delivering the site's mails in a thread of this process."""
    thread = WorkerThread(Deliverer(registry), wake_event(registry), "mail-deliverer")
    thread.start()
    return thread


def _copied(mail: OutgoingMail) -> _Claim:
    return _Claim(mail.id, mail.message_id, mail.sender, {mail.recipient}, mail.raw, mail.template, mail.sent_at)


def _was_handed_in_before(mail: OutgoingMail) -> str:
    """Why a mail whose deliverer died is not tried again: a server had it in whole in an attempt before that one.

    Whether it got it once more in the last attempt is not known; that of two copies none is one too many is.
    """
    return _TWICE if mail.sent_at is not None and mail.sent_at < mail.next_attempt_at else ""


def _check(claim: _Claim) -> None:
    """Refuse a row that no code of ours wrote: its addresses go into SMTP commands as they stand (P19)."""
    (recipient,) = claim.send_to
    for address in (claim.sender, recipient):
        if clean_address(address) != address:
            raise ValueError("an address in the row is not in its clean form")
    if not claim.raw:
        raise ValueError("the message is empty")
