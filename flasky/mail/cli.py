"""The command `flasky mail`: see what became of the site's mails, send them, and try the SMTP server."""

from __future__ import annotations

import email
import json
from datetime import datetime
from email import policy
from typing import Any

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from flasky.cli.context import Context, pass_context
from flasky.cli.numbers import ID, LIMIT
from flasky.cli.table import show_table
from flasky.languages import LANGUAGES
from flasky.mail.addresses import InvalidAddress
from flasky.mail.declarations import TEST_MAIL, declared_mail
from flasky.mail.deliverer import POLL_SECONDS, Deliverer
from flasky.mail.models import OutgoingMail, Status
from flasky.mail.services import retry as queue_again
from flasky.mail.services import send_mail
from flasky.queues.worker import until_told
from flasky.site import get_site
from flasky.statistics.sharing import numbers_told

_LISTED = (
    "id",
    "status",
    "created_at",
    "recipient",
    "subject",
    "template",
    "language",
    "attempts",
    "next_attempt_at",
    "sent_at",
    "last_error",
    "message_id",
)


@click.group()
def mail() -> None:
    """See, send and test mails."""


@mail.command()
@pass_context
def deliver(context: Context) -> None:
    """Deliver mails until the process is told to end.

    For a site whose server has flasky.mail_deliver = false. Any number of these can run at once, beside the server
    too. SIGTERM and Ctrl-C end it after the mail that is being sent; a mail that is cut off is sent later.
    """
    # Before it says anything: who reads that may end it at once.
    stop, wake = until_told()
    settings = get_site(context.registry).settings
    click.echo(
        f"Delivering mails through {settings['mail.host']} port {settings['mail.port']}; "
        f"the outbox is looked at every {POLL_SECONDS:.0f} seconds. Ctrl-C ends it."
    )
    with numbers_told(context.registry):
        Deliverer(context.registry).run(stop, wake)
    click.echo("No longer delivering mails.")


@mail.command("list")
@click.option("--status", type=click.Choice([str(status) for status in Status]), help="Only mails with this status.")
@click.option("--limit", default=50, show_default=True, type=LIMIT, help="How many, newest first.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, one object for each mail.")
@pass_context
def list_mails(context: Context, status: str | None, limit: int, *, as_json: bool) -> None:
    """List mails, newest first."""
    wanted = select(OutgoingMail).order_by(OutgoingMail.id.desc()).limit(limit)
    if status is not None:
        wanted = wanted.where(OutgoingMail.status == status)
    with context.session() as db:
        mails = db.scalars(wanted).all()
        if as_json:
            click.echo(json.dumps([_as_dict(item) for item in mails], ensure_ascii=False, indent=2))
        elif mails:
            show_table(("ID", "Status", "Queued (UTC)", "Recipient", "Subject", "Last error"), map(_row, mails))
        else:
            click.echo("There is no mail." if status is None else f"There is no mail with the status {status}.")


@mail.command()
@click.argument("mail_id", metavar="ID", type=ID)
@pass_context
def show(context: Context, mail_id: int) -> None:
    """Show one mail: where it stands, its headers and its text.

    The text can hold a link that signs somebody in. In production it is forgotten once the mail is sent.
    """
    with context.session() as db:
        item = _find(db, mail_id)
        for name, value in _as_dict(item).items():
            click.echo(f"{name + ':':17}{'-' if value is None else value}")
        click.echo()
        click.echo(_readable(item.raw))


@mail.command()
@click.argument("mail_id", metavar="[ID]", type=ID, required=False)
@click.option("--failed", is_flag=True, help="All mails that are failed or parked.")
@pass_context
def retry(context: Context, mail_id: int | None, *, failed: bool) -> None:
    """Queue a mail once more that was given up."""
    if failed == (mail_id is not None):
        raise click.UsageError("Say which: flasky mail retry ID, or flasky mail retry --failed.")
    given_up = (Status.FAILED, Status.PARKED)
    with context.session() as db:
        if mail_id is not None:
            mails = [_find(db, mail_id)]
            if mails[0].status not in given_up:
                raise click.ClickException(
                    f"Mail {mail_id} is {mails[0].status}: only failed and parked mails can be retried."
                )
        else:
            mails = list(db.scalars(select(OutgoingMail).where(OutgoingMail.status.in_(given_up))))
        for item in mails:
            queue_again(db, item)
        db.commit()
    click.echo(f"{len(mails)} queued. {_what_next(context)}")


@mail.command()
@click.argument("address")
@click.option("--language", default="en", show_default=True, type=click.Choice(list(LANGUAGES)), help="Its language.")
@pass_context
def test(context: Context, address: str, language: str) -> None:
    """Queue a test mail to ADDRESS and say what happens next."""
    with context.session() as db:
        try:
            subject = declared_mail(context.registry, TEST_MAIL).subject
            item = send_mail(context.registry, db, address, subject, TEST_MAIL, language=language)
        except InvalidAddress as error:
            raise click.ClickException(f"{error} Got {address!r}.") from error
        db.commit()
        click.echo(f"Mail {item.id} to {item.recipient} is queued. {_what_next(context)}")
        click.echo(f"`flasky mail show {item.id}` tells what became of it.")


def _what_next(context: Context) -> str:
    settings = get_site(context.registry).settings
    server = f"{settings['mail.host']} port {settings['mail.port']}"
    if settings["flasky.mail_deliver"]:
        who = "The running server, or `flasky mail deliver`,"
    else:
        who = "flasky.mail_deliver is false: `flasky mail deliver`"
    return (
        f"{who} hands it to {server} within {POLL_SECONDS:.0f} seconds; "
        "while that cannot be reached the mail is kept and tried again."
    )


def _find(db: Session, mail_id: int) -> OutgoingMail:
    item = db.get(OutgoingMail, mail_id)
    if item is None:
        raise click.ClickException(f"There is no mail {mail_id}: `flasky mail list` shows the newest.")
    return item


def _as_dict(item: OutgoingMail) -> dict[str, Any]:
    values = {name: getattr(item, name) for name in _LISTED}
    return {
        name: value.isoformat(timespec="seconds") if isinstance(value, datetime) else value
        for name, value in values.items()
    }


def _row(item: OutgoingMail) -> tuple[object, ...]:
    error = "" if item.status == Status.SENT else item.last_error or ""
    return (item.id, item.status, f"{item.queued_at:%Y-%m-%d %H:%M}", item.recipient, item.subject, error)


def _readable(raw: bytes) -> str:
    if not raw:
        return "(the body is forgotten, as the mail is sent)"
    message = email.message_from_bytes(raw, policy=policy.default)
    headers = "\n".join(f"{name}: {value}" for name, value in message.items())
    part = message.get_body(("plain",))
    return f"{headers}\n\n{part.get_content() if part else ''}".rstrip()
