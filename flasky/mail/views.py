"""The mail viewer of development: every mail in the outbox, and a preview of every mail that the site can send.

In the other environments its routes do not exist. The HTML part of a mail is a page of its own, which its policy
locks up (`sandbox`: no scripts, no forms, no cookies), so that a mail cannot do what the site's own pages can.
"""

from __future__ import annotations

import email
from email import policy
from email.message import EmailMessage
from typing import Any

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPNotFound
from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.view import view_config
from sqlalchemy import select
from sqlalchemy.orm import load_only

from flasky.languages import LANGUAGES, _
from flasky.mail.declarations import DeclaredMail, UndeclaredMail, declared_mail, declared_mails
from flasky.mail.models import OutgoingMail, Status
from flasky.mail.rendering import RenderedMail, render_sample
from flasky.parameters import id_pattern, parse_id

_LISTED = 100
#: Beside the site's own policy, which the outermost layer adds: both hold.
_LOCKED_UP = "sandbox"
_STATUSES = {
    Status.QUEUED: _("queued"),
    Status.SENDING: _("being sent"),
    Status.SENT: _("sent"),
    Status.FAILED: _("given up"),
    Status.PARKED: _("cannot be sent as it is"),
}


def includeme(config: Configurator) -> None:
    """Register the routes and views."""
    config.add_route("mail_viewer.list", "/_mail")
    config.add_route("mail_viewer.preview", "/_mail/preview")
    config.add_route("mail_viewer.sample", "/_mail/preview/{language}/{template:.+}")
    config.add_route("mail_viewer.sample_html", "/_mail/preview-html/{language}/{template:.+}")
    config.add_route("mail_viewer.show", f"/_mail/{id_pattern()}")
    config.add_route("mail_viewer.html", f"/_mail/{id_pattern()}/html")
    config.scan("flasky.mail.views")


@view_config(
    route_name="mail_viewer.list",
    request_method="GET",
    renderer="mail_viewer/list.jinja2",
    permission=NO_PERMISSION_REQUIRED,
    statements=1,
)
def list_mails(request: Request) -> dict[str, Any]:
    """The newest mails of the outbox."""
    columns = (
        OutgoingMail.created_at,
        OutgoingMail.recipient,
        OutgoingMail.subject,
        OutgoingMail.status,
        OutgoingMail.last_error,
    )
    newest = select(OutgoingMail).options(load_only(*columns)).order_by(OutgoingMail.id.desc()).limit(_LISTED)
    return {"mails": request.db.scalars(newest).all(), "limit": _LISTED, "statuses": _statuses(request)}


@view_config(
    route_name="mail_viewer.show",
    request_method="GET",
    renderer="mail_viewer/show.jinja2",
    permission=NO_PERMISSION_REQUIRED,
    statements=1,
)
def show(request: Request) -> dict[str, Any]:
    """One mail: where it stands, its headers, its text, and a link to its HTML."""
    mail = _find(request)
    message = _parse(mail)
    return {
        "mail": mail,
        "headers": list(message.items()),
        "text": _part(message, "plain"),
        "statuses": _statuses(request),
    }


@view_config(route_name="mail_viewer.html", request_method="GET", permission=NO_PERMISSION_REQUIRED, statements=1)
def show_html(request: Request) -> Response:
    """The HTML part of one mail, as a page that is locked up."""
    return _locked_up(_part(_parse(_find(request)), "html"))


@view_config(
    route_name="mail_viewer.preview",
    request_method="GET",
    renderer="mail_viewer/preview.jinja2",
    permission=NO_PERMISSION_REQUIRED,
    statements=0,
)
def preview(request: Request) -> dict[str, Any]:
    """Every mail that the site can send, in each language."""
    return {
        "mails": [
            (mail, [(language, render_sample(request.registry, mail, language)) for language in LANGUAGES])
            for mail in declared_mails(request.registry)
        ],
        "languages": LANGUAGES,
    }


@view_config(
    route_name="mail_viewer.sample",
    request_method="GET",
    renderer="mail_viewer/sample.jinja2",
    permission=NO_PERMISSION_REQUIRED,
    statements=0,
)
def sample(request: Request) -> dict[str, Any]:
    """One mail with its sample values, in one language."""
    mail, rendered = _find_sample(request)
    return {"mail": mail, "rendered": rendered, "languages": LANGUAGES}


@view_config(
    route_name="mail_viewer.sample_html",
    request_method="GET",
    permission=NO_PERMISSION_REQUIRED,
    statements=0,
)
def sample_html(request: Request) -> Response:
    """The HTML part of one mail with its sample values, as a page that is locked up."""
    _mail, rendered = _find_sample(request)
    return _locked_up(rendered.html)


def _statuses(request: Request) -> dict[Status, str]:
    """Each status in words."""
    return {status: request.localizer.translate(text) for status, text in _STATUSES.items()}


def _find(request: Request) -> OutgoingMail:
    mail: OutgoingMail | None = request.db.get(OutgoingMail, parse_id(request.matchdict["id"]))
    if mail is None:
        raise HTTPNotFound
    return mail


def _find_sample(request: Request) -> tuple[DeclaredMail, RenderedMail]:
    language = request.matchdict["language"]
    if language not in LANGUAGES:
        raise HTTPNotFound
    try:
        mail = declared_mail(request.registry, request.matchdict["template"])
    except UndeclaredMail as error:
        raise HTTPNotFound from error
    return mail, render_sample(request.registry, mail, language)


def _parse(mail: OutgoingMail) -> EmailMessage:
    return email.message_from_bytes(mail.raw, policy=policy.default)


def _part(message: EmailMessage, subtype: str) -> str:
    part = message.get_body((subtype,))
    return part.get_content() if part else ""


def _locked_up(html: str) -> Response:
    response = Response(html, content_type="text/html", charset="utf-8")
    response.headers["Content-Security-Policy"] = _LOCKED_UP
    return response
