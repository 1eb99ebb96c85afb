"""The command `flasky jobs`: see what became of background jobs, try them again, and do them."""

# ruff: noqa: PLC0415 - Pyramid and SQLAlchemy are imported when a command needs the site, not to list commands.

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from flasky.cli.context import Context, pass_context
from flasky.cli.numbers import ID, LIMIT
from flasky.cli.table import show_table

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from flasky.jobs.models import BackgroundJob

_STATUSES = ("queued", "running", "done", "failed")
_SHOWN = (
    "id",
    "name",
    "status",
    "arguments",
    "scheduled",
    "attempts",
    "created_at",
    "due_at",
    "next_attempt_at",
    "claimed_until",
    "finished_at",
    "last_error",
    "request_id",
)


@click.group()
def jobs() -> None:
    """See, retry and do background jobs."""


@jobs.command()
@click.option("--once", is_flag=True, help="Do what is due now, and end; for cron.")
@pass_context
def run(context: Context, *, once: bool) -> None:
    """Do background jobs until the process is told to end.

    For a site whose server has flasky.jobs_run = false. Any number of these can run at once, beside the server too.
    Quick jobs are done beside the others. SIGTERM and Ctrl-C end it after the job that is being done; a job that is
    cut off is done again later.
    """
    from flasky.jobs.contracts import other_jobs
    from flasky.jobs.worker import POLL_SECONDS, JobWorker, start_quick_worker
    from flasky.queues.worker import until_told
    from flasky.statistics.sharing import numbers_told

    # Before it says anything: who reads that may end it at once.
    stop, wake = until_told()
    if once:
        tally = JobWorker(context.registry).run_once(stop)
        click.echo(f"{tally.done} done, {tally.postponed} to be tried again, {tally.given_up} given up.")
        return
    click.echo(f"Doing jobs; what is due is looked for every {POLL_SECONDS:.0f} seconds. Ctrl-C ends it.")
    quick = start_quick_worker(context.registry)
    with numbers_told(context.registry):
        JobWorker(context.registry, other_jobs(context.registry)).run(stop, wake)
        quick.tell()
        quick.join()
    click.echo("No longer doing jobs.")


@jobs.command("list")
@click.option("--status", type=click.Choice(_STATUSES), help="Only jobs with this status.")
@click.option("--name", help="Only jobs of this name.")
@click.option("--limit", default=50, show_default=True, type=LIMIT, help="How many, newest first.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, one object for each job.")
@pass_context
def list_jobs(context: Context, status: str | None, name: str | None, limit: int, *, as_json: bool) -> None:
    """List jobs, newest first."""
    from sqlalchemy import select

    from flasky.jobs.models import BackgroundJob

    wanted = select(BackgroundJob).order_by(BackgroundJob.id.desc()).limit(limit)
    if status is not None:
        wanted = wanted.where(BackgroundJob.status == status)
    if name is not None:
        wanted = wanted.where(BackgroundJob.name == name)
    with context.session() as db:
        found = [_as_dict(context, item) for item in db.scalars(wanted)]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
    elif found:
        heads = ("ID", "Status", "Job", "Plug-in", "Queued (UTC)", "Attempts", "Last error")
        show_table(heads, map(_row, found))
    else:
        click.echo("There is no such job." if status or name else "There is no job.")


@jobs.command()
@click.argument("job_id", metavar="ID", type=ID)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@pass_context
def show(context: Context, job_id: int, *, as_json: bool) -> None:
    """Show one job: what it was given, where it stands, and what its last attempt ended with."""
    with context.session() as db:
        found = _as_dict(context, _find(db, job_id))
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    for name, value in found.items():
        shown = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | bool) else value
        click.echo(f"{name + ':':17}{'-' if shown in (None, '') else shown}")
    if not found["plugin"]:
        click.echo("\nNo enabled plug-in declares this job: it waits until one does.")
    if found["request_id"]:
        click.echo(f"\nWhat the log says about its last attempt: `flasky log {found['request_id']}`")


@jobs.command()
@click.argument("job_id", metavar="[ID]", type=ID, required=False)
@click.option("--failed", is_flag=True, help="All jobs that failed.")
@pass_context
def retry(context: Context, job_id: int | None, *, failed: bool) -> None:
    """Queue a job once more that was given up."""
    from sqlalchemy import select

    from flasky.jobs import services
    from flasky.jobs.models import BackgroundJob, Status

    if failed == (job_id is not None):
        raise click.UsageError("Say which: flasky jobs retry ID, or flasky jobs retry --failed.")
    with context.session() as db:
        if job_id is not None:
            found = [_find(db, job_id)]
            if found[0].status != Status.FAILED:
                raise click.ClickException(f"Job {job_id} is {found[0].status}: only failed jobs can be retried.")
        else:
            found = list(db.scalars(select(BackgroundJob).where(BackgroundJob.status == Status.FAILED)))
        for item in found:
            services.retry(db, item)
        db.commit()
    click.echo(f"{len(found)} queued. {_who(context)}")


@jobs.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON, one object for each schedule.")
@pass_context
def schedules(context: Context, *, as_json: bool) -> None:
    """List what comes round by the clock: when, for which interval it ran last, and when it comes next."""
    from sqlalchemy import select

    from flasky.database import utc_now
    from flasky.jobs import contracts
    from flasky.jobs.models import BackgroundSchedule

    with context.session() as db:
        begun = dict(db.execute(select(BackgroundSchedule.name, BackgroundSchedule.begun_at)).all())
    found = [
        {
            "name": item.name,
            "plugin": _plugin(context, item.name),
            "when": item.shown,
            "last_interval": _text(begun.get(item.name)),
            "next": _text(item.begun(utc_now()) + item.interval),
        }
        for item in contracts.schedules(context.registry).values()
    ]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
    elif found:
        rows = ([value or "-" for value in item.values()] for item in found)
        show_table(("Job", "Plug-in", "When", "Last interval", "Next"), rows)
    else:
        click.echo("There is no schedule.")


def _who(context: Context) -> str:
    from flasky.site import get_site

    if get_site(context.registry).settings["flasky.jobs_run"]:
        return "The running server, or `flasky jobs run`, does them within a few seconds."
    return "flasky.jobs_run is false: `flasky jobs run` does them."


def _find(db: Session, job_id: int) -> BackgroundJob:
    from flasky.jobs.models import BackgroundJob

    item = db.get(BackgroundJob, job_id)
    if item is None:
        raise click.ClickException(f"There is no job {job_id}: `flasky jobs list` shows the newest.")
    return item


def _as_dict(context: Context, item: BackgroundJob) -> dict[str, Any]:
    values = {name: getattr(item, name) for name in _SHOWN}
    shown = {name: _text(value) if isinstance(value, datetime) else value for name, value in values.items()}
    return {**shown, "plugin": _plugin(context, item.name)}


def _plugin(context: Context, name: str) -> str:
    """The plug-in whose job this is; empty when it is nobody's."""
    from flasky.jobs import contracts
    from flasky.ownership import owner_of_module

    job = contracts.jobs(context.registry).get(name)
    return owner_of_module(context.registry, job.package)[0] if job else ""


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


def _row(item: dict[str, Any]) -> tuple[object, ...]:
    error = "" if item["status"] == "done" else item["last_error"] or ""
    when = item["created_at"][:16].replace("T", " ")
    return (item["id"], item["status"], item["name"], item["plugin"] or "-", when, item["attempts"], error)
