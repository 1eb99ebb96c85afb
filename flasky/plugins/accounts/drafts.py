"""What was typed into a form that could not be taken yet: it survives signing in, proving oneself and an old page.

The typed fields travel in a hidden field of the page that is shown instead, signed and good for an hour: nothing is
kept on the server for visitors who never come back, and nobody can make a draft that this site did not. Passwords,
codes, tokens and files are left out; the form asks for them again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from pyramid.request import Request
from wtforms import BooleanField, HiddenField, SelectField
from wtforms.fields.core import UnboundField

from flasky.errors.report import is_secret_name
from flasky.forms import RequestForm
from flasky.plugins.accounts.work import work_of
from flasky.redirects import current_path
from flasky.security.keys import Signer

#: The hidden field.
FIELD = "draft"
_LIFETIME = 3600
#: Characters: with the signature and its encoding it stays well below the size of a body.
_LONGEST = 300_000


class Draft(NamedTuple):
    """A form that waits: where it is posted to, and its fields in order."""

    path: str
    fields: tuple[tuple[str, str], ...]

    def typed(self) -> Iterator[tuple[Any, str]]:
        """What was typed, as label (to be translated) and text: no buttons, no choices, nothing that a form carries.

        Where the page was too old, no view read the form. So the labels are those of the form that has most of these
        fields and the fewest others.
        """
        names = {name for name, _text in self.fields}
        labels = max(map(_labels, _forms(RequestForm)), key=lambda known: (len(names & set(known)), -len(known)))
        for name, text in self.fields:
            if text and (label := labels.get(name)) is not None:
                yield label, text


#: What nobody types into.
_NOT_TYPED = (HiddenField, SelectField, BooleanField)


def keep(request: Request) -> str:
    """The form that `request` posts, for the hidden field; empty when there is nothing to keep or too much."""
    if request.method != "POST":
        return ""
    fields = [(name, value) for name, value in request.POST.items() if isinstance(value, str) and _may_be_kept(name)]
    now = int(work_of(request).now().timestamp())
    text = json.dumps([now, current_path(request), fields], ensure_ascii=False)
    return _signer(request).sign(text) if len(text) <= _LONGEST else ""


def read(request: Request, text: object) -> Draft | None:
    """The draft behind the hidden field; None for anything that this site did not sign within the last hour."""
    signed = _signer(request).verify(text) if isinstance(text, str) else None
    if signed is None:
        return None
    made, path, fields = json.loads(signed)
    if not 0 <= work_of(request).now().timestamp() - made < _LIFETIME:
        return None
    return Draft(path, tuple((name, value) for name, value in fields))


def _forms(kind: type[RequestForm]) -> Iterator[type[RequestForm]]:
    """A form and all that were made from it, whatever plug-in they are of."""
    yield kind
    for form in kind.__subclasses__():
        yield from _forms(form)


def _labels(form: type[RequestForm]) -> dict[str, Any]:
    """The fields of a form by their names, each with its label; None for what nobody types into."""
    fields = ((name, getattr(form, name)) for name in dir(form))
    return {name: _label(name, field) for name, field in fields if isinstance(field, UnboundField)}


def _label(name: str, field: UnboundField) -> Any:
    if issubclass(field.field_class, _NOT_TYPED):
        return None
    return field.kwargs.get("label") or next(iter(field.args), None) or name


def _may_be_kept(name: str) -> bool:
    return name != FIELD and not is_secret_name(name)


def _signer(request: Request) -> Signer:
    return Signer(request.registry, "accounts.draft")
