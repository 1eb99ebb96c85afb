"""Forms: WTForms with what Flasky asks of every form.

A form speaks the visitor's language, refuses text that no database can keep, and takes a field that was sent twice
for a fault instead of choosing one of its values. A line ends with one character, not with the two that browsers send.
`forms.jinja2` renders the fields.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pyramid.request import Request
from webob.multidict import MultiDict
from wtforms import Field, FieldList, FileField, Form, MultipleFileField, SelectMultipleField
from wtforms.i18n import get_translations
from wtforms.validators import Length, ValidationError

from flasky.courtesy import give_way
from flasky.languages import _

#: Fields that may be sent more than once.
_SEVERAL = (SelectMultipleField, MultipleFileField, FieldList)
_FILES = (FileField, MultipleFileField)

#: So much, as browsers count, can be sent in one field: a Chinese character is sent as nine bytes, and a body has 1 MiB
#: (`max_body`). Nothing is left of a longer text, as its answer is made before a form is read.
_FITS = 100_000
_LINE_END = re.compile("\r\n?")

_SENT_TWICE = _("This field was sent more than once.")
_NOT_TEXT = _("This field holds something that is not text.")
_CANNOT_BE_KEPT = _("This field holds characters that cannot be stored.")
_TOO_LONG = _("At most ${most} characters; these are ${length}.")


class RequestForm(Form):  # type: ignore[misc]
    """A form that is filled from a request.

    On GET it shows `obj` or `data`; on unsafe methods it takes what was posted. `validate()` answers whether all is
    well; each field's `errors` say what is not, and the first such field gets the focus.
    """

    def __init__(
        self, request: Request, obj: object = None, data: Mapping[str, Any] | None = None, prefix: str = ""
    ) -> None:
        self.request = request
        self._refused: dict[str, str] = {}
        posted = request.POST if request.method in {"POST", "PUT", "PATCH"} else None
        translations = _translations(request.locale_name)
        super().__init__(posted, obj, prefix, data=data, meta={"get_translations": lambda _form: translations})

    def process(self, formdata: MultiDict | None = None, *arguments: Any, **options: Any) -> None:
        """Fill the fields; what was refused is shown again as far as it can be, and never passes `validate`."""
        if formdata is not None:
            formdata = self._without_hostile_input(formdata)
        super().process(formdata, *arguments, **options)

    def validate(self, extra_validators: Mapping[str, Any] | None = None) -> bool:
        """Whether every field holds what it may."""
        give_way()
        valid = bool(super().validate(extra_validators))
        for name, fault in self._refused.items():
            self._fields[name].errors = [fault]
        faulty = next((field for field in self if field.errors), None)
        if faulty is not None:
            faulty.render_kw = {**(faulty.render_kw or {}), "autofocus": True}
        return valid and not self._refused

    def _without_hostile_input(self, posted: MultiDict) -> MultiDict:
        clean = MultiDict()
        for key, value in posted.items():
            owner = self._owner(key)
            if owner is None:
                continue
            name, field = owner
            if key == field.name and key in clean and not isinstance(field, _SEVERAL):
                self._refused[name] = _SENT_TWICE
            elif isinstance(field, _FILES):
                clean.add(key, value)
            elif not isinstance(value, str):
                self._refused[name] = _NOT_TEXT
            else:
                kept = storable(value)
                if kept != value:
                    self._refused[name] = _CANNOT_BE_KEPT
                clean.add(key, _LINE_END.sub("\n", kept))
        return clean

    def _owner(self, key: str) -> tuple[str, Field] | None:
        """The field that takes the posted `key`: its own name, or one that begins with it (lists, nested forms)."""
        for name, field in self._fields.items():
            if key == field.name or key.startswith(f"{field.name}-"):
                return name, field
        return None


def storable(text: str) -> str:
    """`text` without NUL and lone surrogates, which PostgreSQL and UTF-8 refuse (INP-01)."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode()


def length(most: int, least: int = -1) -> Length:
    """A validator: at most `most` characters, and at least `least`."""
    return _Length(min=least, max=most)


class _Length(Length):  # type: ignore[misc]
    """With a `maxlength` far beyond the bound: browsers cut there what is pasted without a word, an emoji is two."""

    def __init__(self, **bounds: int) -> None:
        super().__init__(**bounds)
        self.field_flags["maxlength"] = max(_FITS, 2 * self.max)

    def __call__(self, form: Form, field: Field) -> None:
        size = len(field.data or "")
        if size > self.max:
            raise ValidationError(_(_TOO_LONG, mapping={"most": self.max, "length": size}))
        super().__call__(form, field)


@lru_cache(maxsize=8)
def _translations(language: str) -> Any:
    """WTForms' own messages, from the catalogs that come with it."""
    return get_translations([language])
