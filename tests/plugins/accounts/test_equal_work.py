"""ENU-03: what is asked with an address costs the same for every address; the difference is made behind the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pyramid.registry import Registry
from sqlalchemy import func, select

from flasky.jobs.contracts import quick_jobs
from flasky.jobs.models import BackgroundJob
from flasky.jobs.worker import JobWorker
from flasky.mail.models import OutgoingMail
from flasky.plugins.accounts import address_change, authentication, confirmation, people, registration, reset
from flasky.plugins.accounts.models import SecurityEvent, Token, User
from flasky.plugins.accounts.work import Work
from flasky.testing.mailbox import Mailbox

#: Who is asked for, and whether a mail comes of it where a link is asked for.
ADDRESSES = ("anna", "carl", "erik", "nobody", "no one at all")
ASKING: dict[str, tuple[Callable[[Work, str], None], set[str]]] = {
    "reset": (reset.ask, {"anna", "carl"}),
    "resend": (confirmation.resend, {"carl"}),
    "link": (authentication.ask_for_link, {"anna", "carl"}),
}
TABLES = (BackgroundJob, OutgoingMail, SecurityEvent, Token)


@pytest.fixture
def members(work: Any, member: Any, get: Any) -> None:
    """Somebody whose address is confirmed, one who has to confirm it, one who is disabled."""
    member("anna")
    member("carl", confirmed=False)
    disabled = member("erik")
    with work() as opened:
        people.disable(opened, get(opened, disabled))


@pytest.fixture
def rows(work: Any) -> Callable[[], list[int]]:
    """A function that counts what there is in the tables that such a request writes to."""

    def count() -> list[int]:
        with work() as opened:
            return [opened.db.scalar(select(func.count()).select_from(table)) for table in TABLES]

    return count


@pytest.mark.usefixtures("members")
@pytest.mark.parametrize("asked", ASKING)
def test_enu_03_asking_for_a_link_costs_the_same_for_every_address(
    asked: str, work: Any, listening: Any, rows: Any, registry: Registry, mailbox: Mailbox
) -> None:
    """The same statements in the same order, and the same rows, none of them a mail; the job decides who gets one."""
    ask, get_mail = ASKING[asked]
    JobWorker(registry).run_once()
    seen = set()
    for name in ADDRESSES:
        before = rows()
        with listening() as sent, work() as opened:
            ask(opened, f"{name}@example.com")
        written = [after - former for after, former in zip(rows(), before, strict=True)]
        assert written[:2] == [1, 0], name
        seen.add((tuple(sent), tuple(written)))
    assert len(seen) == 1, seen
    assert {name for name in ADDRESSES if mailbox.to(f"{name}@example.com")} == get_mail


@pytest.mark.usefixtures("members")
def test_enu_03_joining_costs_the_same_for_every_address(
    work: Any, listening: Any, rows: Any, password: str, registry: Registry, mailbox: Mailbox
) -> None:
    """The insertion is tried for a known address too; what follows is told in the record and by the same job."""
    JobWorker(registry).run_once()
    seen = set()
    for number, name in enumerate(("anna", "new", "carl", "newer", "erik")):
        before = rows()
        with listening() as sent, work() as opened:
            registration.register(
                opened, username=f"somebody{chr(97 + number)}", email=f"{name}@example.com", password=password
            )
        kinds = [statement.split()[0] for statement in sent]
        # The end of the savepoint: kept or taken back.
        kinds = ["END" if kind in {"RELEASE", "ROLLBACK"} else kind for kind in kinds]
        written = [after - former for after, former in zip(rows(), before, strict=True)]
        seen.add((tuple(kinds), tuple(written)))
    assert len(seen) == 1, seen
    with work() as opened:
        known = opened.db.scalars(
            select(User.username)
            .join(SecurityEvent, SecurityEvent.user_id == User.id)
            .where(SecurityEvent.event == "address_used")
            .order_by(User.id)
        ).all()
    assert known == ["anna", "carl", "erik"]
    subjects = {name: str(mailbox.to(f"{name}@example.com")[-1]["Subject"]) for name in ("anna", "carl", "new")}
    assert subjects["anna"] == subjects["carl"] == "[Flasky] You already have an account"
    assert subjects["new"] == "[Flasky] Confirm your address"


@pytest.mark.databases("sqlite")
def test_enu_03_no_address_of_a_stranger_is_kept(work: Any) -> None:
    """What waits for the background names a member or nobody, and never what was typed."""
    for ask, _mails in ASKING.values():
        with work() as opened:
            ask(opened, "stranger@example.com")
    with work() as opened:
        kept = [str(job.arguments) for job in opened.db.scalars(select(BackgroundJob))]
        details = [str(event.details) for event in opened.db.scalars(select(SecurityEvent))]
    assert len(kept) == 3
    assert "stranger" not in str(kept + details)


def test_enu_03_another_address_costs_the_same_whether_or_not_it_is_taken(
    work: Any, member: Any, listening: Any, rows: Any, password: str, registry: Registry
) -> None:
    """A link is made for both and one mail is queued for both; only the free address is sent the link."""
    member("anna")
    member("berta")
    JobWorker(registry).run_once()
    seen = set()
    for address in ("anna@example.com", "new@example.com"):
        before = rows()
        with listening() as sent, work(identity=_Signed(2)) as opened:
            address_change.ask(opened, address, password)
        written = [after - former for after, former in zip(rows(), before, strict=True)]
        # The second voids the link of the first.
        seen.add((tuple(sent), tuple(written[:3])))
    assert len(seen) == 1, seen


class _Signed:
    """As much of an identity as the service asks for."""

    session_id = None

    def __init__(self, user_id: int) -> None:
        self.user_id = user_id


@pytest.mark.databases("sqlite")  # It is about what is declared.
def test_the_mails_that_somebody_waits_for_stand_behind_no_long_job(registry: Registry) -> None:
    assert {"accounts.mail_link", "accounts.after_joining"} <= set(quick_jobs(registry))
