"""A plug-in in miniature whose pages send mails; included with ``pyramid.includes``."""

from __future__ import annotations

from pathlib import Path

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPBadRequest
from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED

from flasky.languages import _
from flasky.mail.declarations import add_mail

TEMPLATE = "sample/greeting"

#: Where the templates are, and what is declared: template, subject, sample. A test can put its own there.
FOLDER = Path(__file__).parent / "sample_mail_templates"
DECLARED = [(TEMPLATE, _("Welcome, ${name}"), {"name": "O'Brien & <b>"})]


def send(request: Request) -> Response:
    """Send as many mails as are asked for, then answer, or fail if that is asked for."""
    for address in request.params.getall("to"):
        name = request.params.get("name", "Ann")
        subject = request.params.get("subject") or _("Welcome, ${name}", mapping={"name": name})
        request.send_mail(address, subject, TEMPLATE, language=request.params.get("language"), name=name)
    if "fail" in request.params:
        raise HTTPBadRequest
    return Response("sent")


def includeme(config: Configurator) -> None:
    """Register the page and the mail."""
    config.include("pyramid_jinja2")
    config.add_jinja2_search_path(str(FOLDER), name=".jinja2")
    for template, subject, sample in DECLARED:
        add_mail(config, template, subject, sample=sample)
    config.add_route("sample.mail", "/sample/mail")
    for method in ("GET", "POST"):
        config.add_view(
            send,
            route_name="sample.mail",
            request_method=method,
            permission=NO_PERMISSION_REQUIRED,
            require_csrf=False,
            statements=200,
            repeated=("to",),
        )
