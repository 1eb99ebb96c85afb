"""Forms that were sent: one makes one thing, however often it is sent, and loses no other text (CON-03).

A browser that goes back fetches the form anew, with another key, and puts in what was typed: the key alone would let
the same text be stored twice. So a member's equal texts of the last minutes count as one, unless they insist.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Integer, String, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from flasky.database import UTCDateTime
from flasky.plugins.accounts.services import Work
from flasky.plugins.blog.errors import SentBefore
from flasky.plugins.blog.models import Comment, Post, Submission
from flasky.plugins.blog.storage import changed

Made = TypeVar("Made", Post, Comment)

POST, DRAFT, COMMENT = "post", "draft", "comment"
#: How long the keys of a member are kept, and how long an equal text counts as the same one.
_KEPT, _EQUAL_FOR = timedelta(days=7), timedelta(minutes=10)

_USER, _FORM = bindparam("user", type_=Integer()), bindparam("form", type_=String())
_KIND, _DIGEST = bindparam("kind", type_=String()), bindparam("digest", type_=String())
_NOW, _SINCE = bindparam("now", type_=UTCDateTime()), bindparam("since", type_=UTCDateTime())

_OLD = delete(Submission).where(
    Submission.user_id == _USER, Submission.created_at < bindparam("before", type_=UTCDateTime())
)
_OF_KEY = (Submission.user_id == _USER) & (Submission.key == _FORM)
#: Of what its author deleted there may be an equal one.
_EQUAL = (
    (Submission.user_id == _USER)
    & (Submission.digest == _DIGEST)
    & (Submission.created_at > _SINCE)
    & Submission.made_id.is_not(None)
)
_BEFORE = (
    select(Submission.key, Submission.kind, Submission.digest, Submission.made_id)
    .where(_OF_KEY | _EQUAL)
    .order_by((Submission.key == _FORM).desc(), Submission.created_at.desc())
    .limit(1)
)
_NOTE_MADE = update(Submission).where(_OF_KEY).values(made_id=bindparam("made"))


class Sent(NamedTuple):
    """What a form sends: its key, the kind of thing that it makes, and all that was typed with what it is about."""

    key: str
    kind: str
    content: Sequence[str]

    @property
    def digest(self) -> str:
        """What names the content."""
        return hashlib.sha256(json.dumps(list(self.content)).encode()).hexdigest()


def was_sent(work: Work, user_id: int, sent: Sent, *, again: bool) -> bool:
    """Whether `claim` would most likely find that the form, or the same text, was sent before; nothing is locked.

    The text need not be rendered then.
    """
    if not sent.key:
        return False
    with work.reading() as connection:
        return connection.execute(_BEFORE, _values(work, user_id, sent, again=again)).first() is not None


def claim(work: Work, user_id: int, sent: Sent, *, again: bool) -> int | None:
    """Take the key of a form, which belongs to this member.

    Returns the id of what the form made of the same content before, or None: now it is taken, as it is for a form
    without a key. Raises SentBefore when the form sent something else before, or what it made is gone; and, unless
    `again`, when another form made something of the same content in the last ten minutes. Two forms that send it in
    the same moment are not noticed: going back takes a person longer.
    """
    if not sent.key:
        return None
    now = work.now()
    values = _values(work, user_id, sent, again=again)
    work.db.flush()
    connection = work.db.connection()
    taken = connection.execute(_claim(connection.dialect.name), {**values, "kind": sent.kind, "now": now})
    if taken.first() is not None:
        changed(work.db, _OLD, {"user": user_id, "before": now - _KEPT})
        return None
    before = connection.execute(_BEFORE, values).first()
    if before is None:
        # Deleted since the statement before this one.
        raise SentBefore(sent.kind, None, same_form=False)
    if not before.kind:
        # From before the kinds were kept: its number may be that of a post or of a comment.
        raise SentBefore(sent.kind, None, same_form=True)
    if before.key == sent.key and before.made_id and (before.kind, before.digest) == (sent.kind, sent.digest):
        made_id: int = before.made_id
        return made_id
    raise SentBefore(before.kind, before.made_id, same_form=before.key == sent.key)


def _values(work: Work, user_id: int, sent: Sent, *, again: bool) -> dict[str, Any]:
    # Nothing is later than NULL. The present moment would not do: on SQLite one writes after the other, and what the
    # first noted is later than when the next began.
    since = None if again else work.now() - _EQUAL_FOR
    return {"user": user_id, "form": sent.key, "digest": sent.digest, "since": since}


def own(user_id: int, sent: Sent, made: Made) -> Made:
    """What a form of this member made. Raises SentBefore when it is another's.

    An older copy of the database that was put back gives numbers again.
    """
    if made.author_id != user_id:
        raise SentBefore(sent.kind, None, same_form=True)
    return made


@cache
def _claim(dialect: str) -> Any:
    """Look for an equal text and take the key: one statement, as each comment sends it."""
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    row = select(_USER, _FORM, _KIND, _DIGEST, _NOW).where(~select(Submission.key).where(_EQUAL).exists())
    names = ("user_id", "key", "kind", "digest", "created_at")
    return insert(Submission).from_select(names, row).on_conflict_do_nothing().returning(Submission.key)


def note_made(work: Work, user_id: int, key: str, made_id: int) -> None:
    """Remember what was made with a key that was taken."""
    if key:
        changed(work.db, _NOTE_MADE, {"user": user_id, "form": key, "made": made_id})


def forget(work: Work, user_id: int | None, kinds: Sequence[str], made_id: int) -> None:
    """Remember that what a form made is deleted.

    Not of the comments that go with a post: their content says when that post was begun (`comments.add`).
    """
    gone = update(Submission).where(
        Submission.user_id == user_id, Submission.kind.in_(kinds), Submission.made_id == made_id
    )
    changed(work.db, gone.values(made_id=None))
