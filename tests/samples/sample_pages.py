"""Pages that only tests see: every kind of form field, flash messages, and what Bootstrap draws with pictures."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup
from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPBadRequest, HTTPSeeOther
from pyramid.request import Request
from pyramid.security import NO_PERMISSION_REQUIRED
from wtforms import (
    BooleanField,
    EmailField,
    HiddenField,
    PasswordField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired

from flasky.forms import RequestForm, length
from flasky.languages import _

_TEMPLATES = Path(__file__).parent / "sample_templates"


class SampleForm(RequestForm):
    """One field of each kind."""

    name = StringField(_("Home"), [InputRequired(), length(12, least=2)])
    email = EmailField("Mail", [InputRequired()], description="Nobody else sees it.")
    password = PasswordField("Password", [length(100)])
    about = TextAreaField("About")
    colour = SelectField("Colour", choices=[SelectChoice("r", "Red"), SelectChoice("g", "Green")])
    tags = SelectMultipleField("Tags", choices=[SelectChoice("a", "A"), SelectChoice("b", "B")])
    size = RadioField("Size", choices=[SelectChoice("s", "Small"), SelectChoice("l", "Large")], default="s")
    agree = BooleanField("I agree")
    token = HiddenField()


def form(request: Request) -> dict[str, Any]:
    """Show the form, with its faults after a POST."""
    sample = SampleForm(request)
    if request.method == "POST":
        sample.validate()
    return {"form": sample}


def _flash(request: Request) -> None:
    for message in filter(None, request.params.get("message", "").split("|")):
        text: Any = Markup(message) if "markup" in request.params else message  # noqa: S704 - that is what is tested
        request.flash(text, request.params.get("category", "info"))
    if "translated" in request.params:
        request.flash(_("This field was sent more than once."))


def flash_and_go(request: Request) -> HTTPSeeOther:
    """Leave messages for the home page."""
    _flash(request)
    return HTTPSeeOther("/")


def flash_and_show(request: Request) -> dict[str, Any]:
    """Leave messages for the page that is the answer."""
    _flash(request)
    return times(request)


def flash_and_fail(request: Request) -> None:
    """Announce something, then fail."""
    _flash(request)
    raise HTTPBadRequest


def times(_request: Request) -> dict[str, Any]:
    """A fixed moment in every form."""
    return {"moment": datetime(2026, 3, 1, 22, 5, 6, tzinfo=UTC)}


def includeme(config: Configurator) -> None:
    """Register the pages."""
    for name, view, renderer in (
        ("form", form, str(_TEMPLATES / "sample_form.jinja2")),
        ("times", times, str(_TEMPLATES / "sample_times.jinja2")),
        ("flash-go", flash_and_go, None),
        ("flash-show", flash_and_show, str(_TEMPLATES / "sample_times.jinja2")),
        ("flash-fail", flash_and_fail, None),
    ):
        config.add_route(f"sample.{name}", f"/sample/{name}")
        for method in ("GET", "POST"):
            config.add_view(
                view,
                route_name=f"sample.{name}",
                renderer=renderer,
                request_method=method,
                permission=NO_PERMISSION_REQUIRED,
                require_csrf=False,
            )
