"""The forms of the blog."""

from __future__ import annotations

import secrets

from wtforms import BooleanField, HiddenField, RadioField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Regexp

from flasky.forms import RequestForm, length
from flasky.languages import _
from flasky.plugins.blog import limits


class _Once(RequestForm):
    """A form that makes something once, however often it is sent (CON-03)."""

    key = HiddenField(validators=[Regexp(rf"[A-Za-z0-9_-]{{0,{limits.LONGEST_KEY}}}\Z")])

    #: "1" once its sender was told that the same text was sent before, and what to do about it.
    again = HiddenField(validators=[Regexp(r"1?\Z")])

    #: "1" once its sender was told that another version was stored meanwhile.
    conflict = HiddenField(validators=[Regexp(r"1?\Z")])

    def renew(self) -> None:
        """Give the form a key, when it has none yet."""
        self.key.data = self.key.data or secrets.token_urlsafe(16)

    def ask_again(self) -> None:
        """Give the form a key of another: sent again, it makes another thing."""
        self.key.data, self.again.data = secrets.token_urlsafe(16), "1"


class PostForm(_Once):
    """Writing and editing a post. `version` is that of the post which the form was filled from."""

    title = StringField(
        _("Title"), [length(limits.LONGEST_TITLE)], default="", render_kw={"autocomplete": "off", "dir": "auto"}
    )
    body = TextAreaField(
        _("Your text"),
        [InputRequired(), length(limits.LONGEST_BODY)],
        description=_(
            "Markdown: **bold**, *italic*, [a link](https://example.com), lists, `code`. @name calls a member. "
            "A picture becomes a link: shown here, it would tell its site who reads."
        ),
        render_kw={"rows": 14, "dir": "auto"},
    )
    tags = StringField(
        _("Tags"),
        [length(limits.LONGEST_TAGS)],
        description=_("Up to five, with blanks between them."),
        default="",
        render_kw={"autocomplete": "off", "dir": "auto"},
    )
    version = HiddenField(validators=[Regexp(r"[0-9]{0,9}\Z")])


class CommentForm(_Once):
    """Writing and editing a comment."""

    body = TextAreaField(
        _("Comment"), [InputRequired(), length(limits.LONGEST_COMMENT)], render_kw={"rows": 5, "dir": "auto"}
    )
    version = HiddenField(validators=[Regexp(r"[0-9]{0,9}\Z")])
    #: The first and the last comment above the form.
    shown = HiddenField(validators=[Regexp(r"([0-9]{1,9}-[0-9]{1,9})?\Z")])

    @property
    def seen(self) -> tuple[int, int] | None:
        """The ids of the first and the last comment that stood above the form; None for a page without them."""
        first, _dash, last = (self.shown.data or "").partition("-")
        return (int(first), int(last)) if last else None


class ReasonForm(RequestForm):
    """Saying why something is reported or hidden."""

    reason = TextAreaField(
        _("Reason"), [InputRequired(), length(limits.LONGEST_REASON)], render_kw={"rows": 3, "dir": "auto"}
    )


class DecisionForm(ReasonForm):
    """Deciding as a moderator, by the `version` of the text and the reports that were shown (`moderated.Reported`)."""

    version = HiddenField()
    seen = HiddenField()


class MailForm(RequestForm):
    """What one is told, and how it comes by mail."""

    mail = RadioField(
        _("Notices by mail"),
        choices=[
            SelectChoice("never", _("Never")),
            SelectChoice("at_once", _("At once")),
            SelectChoice("daily", _("Once a day, all in one")),
        ],
    )
    answers = BooleanField(_("Tell me when somebody comments on a post after me"))
