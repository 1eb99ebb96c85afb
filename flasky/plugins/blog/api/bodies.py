"""What programs send: the fields of a JSON object, each of its kind, and no others (ACL-04, INP-08)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any, NamedTuple

from pyramid.httpexceptions import HTTPConflict, HTTPPreconditionFailed
from pyramid.request import Request

from flasky.errors.exceptions import RefusedFields, RefusedInput
from flasky.languages import _
from flasky.plugins.accounts.services import Fault
from flasky.plugins.blog import limits
from flasky.plugins.blog.errors import SentBefore, Stale
from flasky.plugins.blog.tags import parse_tags
from flasky.security.json_body import read_json

#: Of names that nobody knows so many are told, and so much of each: a body holds a hundred thousand.
_MOST_NAMES, _LONGEST_NAME = 20, 40
_LINE_END = "\r\n?"
_KEY = rf'("?)([A-Za-z0-9_-]{{1,{limits.LONGEST_KEY}}})\1'

_UNKNOWN = _("There is no such field here.")
_NEEDED = _("This field is needed.")


class Kind(NamedTuple):
    """What a field holds, and what is said where it holds something else."""

    fits: Callable[[Any], bool]
    expected: str


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


TEXT = Kind(_is_text, _("Send a text."))
TEXTS = Kind(_are_texts, _("Send a list of texts."))
FLAG = Kind(_is_flag, _("Send true or false."))


def read_fields(request: Request, fields: Mapping[str, Kind], *, needed: Collection[str] = ()) -> dict[str, Any]:
    """Those of `fields` that the body of `request` holds. Raises RefusedFields, and what `read_json` raises.

    A line of a text ends with one character, as in forms.
    """
    sent = read_json(request)
    unknown = islice((name for name in sent if name not in fields), _MOST_NAMES)
    errors = {name[:_LONGEST_NAME]: [_UNKNOWN] for name in unknown}
    for name, kind in fields.items():
        if name not in sent:
            errors |= {name: [_NEEDED]} if name in needed else {}
        elif not kind.fits(sent[name]):
            errors[name] = [kind.expected]
    if errors:
        raise RefusedFields(errors)
    return {name: re.sub(_LINE_END, "\n", value) if isinstance(value, str) else value for name, value in sent.items()}


def tags_as_typed(names: list[str]) -> str:
    """Tags as one text, as a form sends them. Raises Fault for one that would be several, and for too much."""
    text = " ".join(names)
    if len(text) > limits.LONGEST_TAGS:
        sizes = {"most": limits.LONGEST_TAGS, "length": len(text)}
        raise Fault("tags", _("At most ${most} characters; these are ${length}.", mapping=sizes))
    for name in names:
        if len(parse_tags(name)) != 1:
            raise Fault("tags", _("“${tag}” cannot be a tag: use letters and digits.", mapping={"tag": name}))
    return text


def idempotency_key(request: Request) -> str:
    """The header `Idempotency-Key`, with which the same request sent again makes nothing more; empty without one.

    Raises RefusedInput for what no form would have as its key.
    """
    header = request.environ.get("HTTP_IDEMPOTENCY_KEY", "").strip()
    match = re.fullmatch(_KEY, header)
    if header and match is None:
        raise RefusedInput(
            seen=f"Idempotency-Key: {ascii(header[:50])[1:-1]}",
            expected=_("1 to ${most} letters, digits, - and _", mapping={"most": limits.LONGEST_KEY}),
        )
    return match[2] if match else ""


@contextmanager
def told() -> Iterator[None]:
    """Turn what a service refuses into the answers that programs get: 422, 412 and 409."""
    try:
        yield
    except Fault as fault:
        raise RefusedFields({fault.field: [fault.reason]}) from fault
    except Stale as stale:
        raise HTTPPreconditionFailed from stale
    except SentBefore as before:
        raise HTTPConflict(
            _("This Idempotency-Key was sent before, with something else, or what it made is gone.")
        ) from before
