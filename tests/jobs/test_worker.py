"""The worker: what becomes of a job, who holds it meanwhile, and what is seen of a failure."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from flasky.database import get_database, utc_now
from flasky.jobs.contracts import other_jobs, quick_jobs
from flasky.jobs.models import BackgroundJob, Status
from flasky.jobs.services import NoJob, commit_part_of_request, quick_wake_event, wake_event
from flasky.jobs.worker import JobWorker, Tally, start_worker
from flasky.queues.claims import FIRST_PAUSE
from flasky.server import _workers
from flasky.statistics.meter import JOB, Total, get_meter
from flasky.testing.waiting import wait_until

#: What does not differ between the databases.
one_database = pytest.mark.databases("sqlite")
ELSEWHERE = {"status": Status.RUNNING, "claimed_by": "elsewhere:1:1:x"}


def test_a_job_is_done_once_and_in_its_own_transaction(queued, worker, row, mailbox) -> None:
    job_id = queued("sample.send", to="ann@example.com", name="胡同")
    assert worker.run_once() == Tally(done=1)
    assert worker.run_once() == Tally()
    (message,) = mailbox.messages
    assert message["Subject"] == "[Flasky] Hello 胡同"
    job = row(job_id)
    assert (job.status, job.attempts, job.claimed_by, job.last_error) == (Status.DONE, 1, None, None)
    assert job.finished_at is not None


@one_database
def test_a_job_is_counted_with_its_time_for_its_plugin(queued, worker, registry) -> None:
    """The sample is no plug-in: its module is its own owner."""
    before = get_meter(registry).totals().get(("sample_jobs", JOB), Total(0, 0.0, 0))
    queued("sample.send", to="ann@example.com", name="Ann")
    worker.run_once()
    after = get_meter(registry).totals()["sample_jobs", JOB]
    assert after.runs == before.runs + 1
    assert after.seconds > before.seconds


def test_a_job_that_fails_takes_back_what_it_did_and_waits_longer_each_time(
    queued, worker, row, change, mailbox, caplog
) -> None:
    job_id = queued("sample.fail", to="ann@example.com")
    assert worker.run_once() == Tally(postponed=1)
    assert mailbox.messages == []
    job = row(job_id)
    assert (job.status, job.attempts, job.last_error) == (Status.QUEUED, 1, "RuntimeError: the poll is stuck")
    assert FIRST_PAUSE * 0.7 < (job.next_attempt_at - utc_now()).total_seconds() < FIRST_PAUSE * 1.3
    assert worker.run_once() == Tally()
    change(job_id, next_attempt_at=utc_now())
    worker.run_once()
    assert (row(job_id).next_attempt_at - utc_now()).total_seconds() > FIRST_PAUSE * 1.4
    change(job_id, next_attempt_at=utc_now())
    assert worker.run_once() == Tally(given_up=1)
    job = row(job_id)
    assert (job.status, job.attempts) == (Status.FAILED, 3)
    assert job.last_error == "given up after 3 attempts; at last: RuntimeError: the poll is stuck"
    assert "given up after 3 attempts" in caplog.text


@one_database
def test_a_failure_is_logged_with_whose_it_is_and_found_by_its_id(queued, worker, row, caplog) -> None:
    job_id = queued("sample.fail")
    worker.run_once()
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert f"the job sample.fail ({job_id}) failed: RuntimeError: the poll is stuck" in record.getMessage()
    assert "sample_jobs" in record.getMessage()
    assert "it is tried again" in record.getMessage()
    assert record.exc_info
    assert len(row(job_id).request_id) == 16


@one_database
def test_the_others_go_on_after_a_failure(queued, worker, mailbox) -> None:
    queued("sample.fail")
    queued("sample.send", to="ann@example.com")
    assert worker.run_once() == Tally(done=1, postponed=1)
    assert len(mailbox.messages) == 1


@one_database
def test_a_job_has_what_a_view_has(queued, worker, row, registry) -> None:
    job_id = queued("sample.look")
    worker.run_once()
    seen = registry["sample.seen"]
    assert seen == {
        "id": row(job_id).request_id,
        "url": "http://localhost/sample/jobs",
        "language": "en",
        "identity": None,
        "settings": "testing",
    }


@one_database
def test_a_job_can_queue_the_next_one(queued, worker, mailbox) -> None:
    queued("sample.chain")
    assert worker.run_once() == Tally(done=2)
    assert mailbox.last["To"] == "next@example.com"


def test_a_job_that_is_held_is_left_alone(queued, worker, registry, mailbox) -> None:
    other, found = JobWorker(registry), []
    registry["sample.meanwhile"] = lambda _request: found.append(other.run_once())
    queued("sample.meet")
    assert worker.run_once() == Tally(done=1)
    assert found == [Tally()]


def test_a_lease_that_ran_out_is_taken_up_and_one_that_has_not_is_respected(queued, worker, row, change) -> None:
    over, held = queued("sample.look"), queued("sample.look")
    change(over, claimed_until=utc_now() - timedelta(seconds=1), **ELSEWHERE)
    change(held, claimed_until=utc_now() + timedelta(seconds=50), **ELSEWHERE)
    assert worker.run_once() == Tally(done=1)
    assert (row(over).status, row(over).attempts) == (Status.DONE, 2)
    assert row(held).status == Status.RUNNING


def test_whoever_overstays_the_limit_stores_nothing(queued, worker, row, change, registry, mailbox, caplog) -> None:
    """The other one does the work: together they must not do it twice."""
    taken = {}

    def overstay(request) -> None:
        # On SQLite the job writes only after this: its own transaction would keep the other out.
        change(taken["id"], claimed_by="somebody else")
        request.send_mail("ann@example.com", "Hello", "mail/test")

    registry["sample.meanwhile"] = overstay
    taken["id"] = queued("sample.meet")
    assert worker.run_once() == Tally(postponed=1)
    assert mailbox.messages == []
    assert (row(taken["id"]).status, row(taken["id"]).claimed_by) == (Status.RUNNING, "somebody else")
    assert "took too long" in caplog.text


def test_the_lease_of_a_long_job_is_renewed_while_it_runs(
    queued, worker, row, change, registry, mailbox, monkeypatch
) -> None:
    """Its lease is over already; who looks a moment later does not get it."""
    monkeypatch.setattr("flasky.jobs.worker.RENEW_SECONDS", 0.01)
    other, found, number = JobWorker(registry), [], []

    def take_long(request) -> None:
        change(number[0], claimed_until=utc_now() - timedelta(seconds=1))
        wait_until(lambda: row(number[0]).claimed_until > utc_now(), "the lease to be renewed")
        found.append(other.run_once())
        request.send_mail("ann@example.com", "Hello", "mail/test")

    registry["sample.meanwhile"] = take_long
    number.append(queued("sample.meet"))
    assert worker.run_once() == Tally(done=1)
    assert (found, len(mailbox.messages)) == ([Tally()], 1)
    assert (row(number[0]).status, row(number[0]).attempts) == (Status.DONE, 1)


class Limit:
    """The time that the lease of a job sees; whoever renews it looks there first, every hundredth of a second."""

    def __init__(self) -> None:
        self.now = 0.0
        self.looks = 0

    def __call__(self) -> float:
        self.looks += 1
        return self.now

    def run_over(self) -> None:
        """Let the limit of a job (an hour) be over, and return when whoever renews has seen it and gone on."""
        self.now += 3601.0
        before = self.looks
        wait_until(lambda: self.looks >= before + 2, "two more looks at the limit")


@pytest.fixture
def limit(monkeypatch) -> Limit:
    shown = Limit()
    monkeypatch.setattr("flasky.jobs.worker.RENEW_SECONDS", 0.01)
    monkeypatch.setattr("flasky.jobs.worker.monotonic", shown)
    return shown


@one_database
def test_a_job_that_has_hung_for_its_limit_is_held_no_longer(queued, worker, row, registry, limit, monkeypatch) -> None:
    """Nobody has to wait for a job that waits for something that never comes."""
    monkeypatch.setattr("flasky.jobs.worker.LEASE", timedelta(milliseconds=1))
    held = []

    def hang(_request) -> None:
        limit.run_over()
        wait_until(lambda: row(number).claimed_until < utc_now(), "the lease to run out")
        held.append(JobWorker(registry).run_once())

    # Whoever takes it then does nothing.
    registry["sample.meanwhile"] = lambda request: (registry.update({"sample.meanwhile": print}), hang(request))
    number = queued("sample.meet")
    assert worker.run_once() == Tally(postponed=1)
    assert held == [Tally(done=1)]


@one_database
def test_a_late_part_has_the_lease_renewed_again(queued, worker, row, change, registry, limit) -> None:
    """The limit was over, nobody took the job, and it commits a part after all: from here on it is held as before."""
    renewed = []

    def come_late(request) -> None:
        limit.run_over()
        request.commit_part()
        change(number, claimed_until=utc_now() - timedelta(seconds=1))
        wait_until(lambda: row(number).claimed_until > utc_now(), "the lease to be renewed")
        renewed.append(True)

    registry["sample.meanwhile"] = come_late
    number = queued("sample.meet")
    assert worker.run_once() == Tally(done=1)
    assert renewed == [True]


def test_a_job_can_commit_in_parts(queued, worker, row, registry, mailbox) -> None:
    """What was committed stays when it fails later, and between two parts others can write."""
    other = []

    def parts(request) -> None:
        request.send_mail("first@example.com", "Hello", "mail/test")
        request.commit_part()
        other.append(queued("sample.look"))
        request.send_mail("second@example.com", "Hello", "mail/test")
        request.commit_part()
        request.send_mail("third@example.com", "Hello", "mail/test")
        raise RuntimeError("stuck")

    registry["sample.meanwhile"] = parts
    job_id = queued("sample.meet")
    assert worker.run_once() == Tally(done=1, postponed=1)
    assert [message["To"] for message in mailbox.messages] == ["first@example.com", "second@example.com"]
    assert row(other[0]).status == Status.DONE
    assert (row(job_id).status, row(job_id).attempts) == (Status.QUEUED, 1)


def test_a_part_is_not_committed_by_who_lost_the_job(queued, worker, row, change, registry, mailbox, caplog) -> None:
    def parts(request) -> None:
        request.send_mail("first@example.com", "Hello", "mail/test")
        request.commit_part()
        change(number, claimed_by="somebody else")
        request.send_mail("second@example.com", "Hello", "mail/test")
        request.commit_part()

    registry["sample.meanwhile"] = parts
    number = queued("sample.meet")
    assert worker.run_once() == Tally(postponed=1)
    assert [message["To"] for message in mailbox.messages] == ["first@example.com"]
    assert "took too long: another worker has it now" in caplog.text
    assert (row(number).status, row(number).claimed_by) == (Status.RUNNING, "somebody else")


@one_database
def test_reading_keeps_nobody_out_and_a_part_renews_the_lease(queued, worker, row, change, registry) -> None:
    """On SQLite a job that reads through `request.read` holds no lock; others write while it runs."""
    seen = []

    def read(request) -> None:
        request.read.execute(select(func.count()).select_from(BackgroundJob)).scalar_one()
        change(number, claimed_until=utc_now() - timedelta(seconds=1))
        request.commit_part()
        seen.append(row(number).claimed_until > utc_now())

    registry["sample.meanwhile"] = read
    number = queued("sample.meet")
    assert worker.run_once() == Tally(done=1)
    assert seen == [True]


@one_database
def test_a_view_is_committed_as_a_whole(dummy_request) -> None:
    with pytest.raises(NoJob, match="what a view does is committed as a whole"):
        commit_part_of_request(dummy_request)


def test_two_workers_share_the_jobs(queued, registry, row, mailbox) -> None:
    first, second = JobWorker(registry), JobWorker(registry)
    numbers = [queued("sample.send", to=f"ann{number}@example.com") for number in range(6)]
    found: list[Tally] = []
    registry["sample.meanwhile"] = lambda _request: found.append(second.run_once())
    queued("sample.meet")
    first.run_once()
    assert len(mailbox.messages) == 6
    assert {row(number).status for number in numbers} == {Status.DONE}


def test_a_job_of_a_plug_in_that_is_off_waits(queued, worker, row, change) -> None:
    job_id = queued("sample.look")
    change(job_id, name="gone.thing")
    assert worker.run_once() == Tally()
    assert row(job_id).status == Status.QUEUED


@one_database
def test_nothing_is_written_when_nothing_is_due(queued, worker, registry, db) -> None:
    """An idle worker must not take SQLite's write lock every few seconds."""
    worker.run_once()
    database = get_database(registry)
    before = database.engine.pool.checkedout()
    checked_out: list[int] = []
    from sqlalchemy import event  # noqa: PLC0415 - only here

    event.listen(database.engine, "begin", lambda _connection: checked_out.append(1))
    worker.run_once()
    assert (checked_out, before) == ([], 0)


def test_done_jobs_are_forgotten_after_a_while(queued, registry, db, change) -> None:
    old, new, failed = (queued("sample.look") for _ in range(3))
    JobWorker(registry).run_once()
    change(old, finished_at=utc_now() - timedelta(days=8))
    change(failed, status=Status.FAILED, finished_at=None, created_at=utc_now() - timedelta(days=80))
    JobWorker(registry).run_once()
    assert set(db.scalars(select(BackgroundJob.id))) == {new, failed}


@one_database
def test_a_commit_is_done_at_once_by_the_thread(queued, registry, db, monkeypatch) -> None:
    """It is woken by the commit, and does not wait for its next look."""
    monkeypatch.setattr("flasky.jobs.worker.POLL_SECONDS", 60.0)
    thread = start_worker(registry)
    done = select(func.count()).where(BackgroundJob.status == Status.DONE)
    try:
        wait_until(lambda: not wake_event(registry).is_set(), "the worker's first look")
        queued("sample.look")

        def is_done() -> bool:
            number = db.scalar(done)
            # On SQLite an open transaction of this session keeps the worker out.
            db.rollback()
            return number == 1

        wait_until(is_done, "the job to be done")
    finally:
        assert thread.stop(10)


@one_database
def test_a_quick_job_waits_for_none_that_takes_long(queued, registry, row, jobs_run, monkeypatch) -> None:
    """In the server, by its two threads; the commit of a quick job wakes the one that does it."""
    monkeypatch.setattr("flasky.jobs.worker.POLL_SECONDS", 60.0)
    jobs_run(True)
    begun, go_on = threading.Event(), threading.Event()
    registry["sample.meanwhile"] = lambda _request: (begun.set(), go_on.wait(20))
    with _workers(registry):
        try:
            long = queued("sample.meet")
            assert begun.wait(20)
            wait_until(lambda: not quick_wake_event(registry).is_set(), "the first look of who does quick ones")
            quick = queued("sample.quick", to="ann@example.com")
            wait_until(lambda: row(quick).status == Status.DONE, "the quick job to be done")
            assert row(long).status == Status.RUNNING
        finally:
            go_on.set()


def test_each_worker_leaves_the_jobs_of_the_other(queued, registry, row) -> None:
    """Also what the other one holds, or has left behind."""
    long, quick = queued("sample.look"), queued("sample.quick", to="ann@example.com")
    assert JobWorker(registry, quick_jobs(registry)).run_once() == Tally(done=1)
    assert (row(long).status, row(quick).status) == (Status.QUEUED, Status.DONE)
    quick = queued("sample.quick", to="ann@example.com")
    assert JobWorker(registry, other_jobs(registry)).run_once() == Tally(done=1)
    assert (row(long).status, row(quick).status) == (Status.DONE, Status.QUEUED)


@one_database
def test_a_commit_wakes_only_who_does_such_jobs(queued, registry) -> None:
    def are_set() -> tuple[bool, bool]:
        found = wake_event(registry), quick_wake_event(registry)
        states = found[0].is_set(), found[1].is_set()
        for event in found:
            event.clear()
        return states

    # What is left of the tests before.
    are_set()
    queued("sample.look")
    assert are_set() == (True, False)
    queued("sample.quick", to="ann@example.com")
    assert are_set() == (False, True)


@one_database
def test_the_stop_comes_between_two_jobs(queued, worker, row, registry) -> None:
    stop = threading.Event()
    registry["sample.meanwhile"] = lambda _request: stop.set()
    first, second = queued("sample.meet"), queued("sample.look")
    assert worker.run_once(stop) == Tally(done=1)
    assert (row(first).status, row(second).status) == (Status.DONE, Status.QUEUED)


@one_database
def test_the_error_of_the_database_is_kept_without_what_was_sent(queued, worker, row, registry) -> None:
    from sqlalchemy import text  # noqa: PLC0415 - only here

    registry["sample.meanwhile"] = lambda request: request.db.execute(
        text("INSERT INTO nobodys_table VALUES (:secret)"), {"secret": "canary"}
    )
    job_id = queued("sample.meet")
    worker.run_once()
    assert "nobodys_table" in row(job_id).last_error
    assert "canary" not in row(job_id).last_error
