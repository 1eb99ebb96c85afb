"""Answers: those who commented on a post before, and are told of a later comment on it."""

from __future__ import annotations

from sqlalchemy import Integer, bindparam, func, literal_column, select, true

from flasky.plugins.accounts.services import Work
from flasky.plugins.blog.models import BlogMember, Comment, Notice

#: How many members are told of one comment, those who commented last; and in how many comments before it, hidden or
#: not, they are looked for, so that a comment on a post with ten thousand of them reads no more than one on a post with
#: some.
MOST_TOLD = 50
LOOKED_AT = 200

_POST = bindparam("post", type_=Integer())
_BEFORE = (
    select(Comment.id, Comment.author_id, Comment.hidden_at)
    .where(Comment.post_id == _POST, Comment.id < bindparam("comment", type_=Integer()))
    .order_by(Comment.id.desc())
    .limit(LOOKED_AT)
    .subquery("before")
)
_LAST = func.max(_BEFORE.c.id)
_AUTHORS = (
    select(_BEFORE.c.author_id.label("id"), _LAST.label("last"))
    # Hidden ones are left out here: within the limit they would not count, and any number of them be read.
    .where(_BEFORE.c.author_id.is_not(None), _BEFORE.c.hidden_at.is_(None))
    .group_by(_BEFORE.c.author_id)
    .order_by(_LAST.desc())
    .limit(MOST_TOLD)
    .subquery("authors")
)
#: One that tells of a hidden comment is not shown, and so says nothing of what came behind it.
_UNREAD = (
    select(Notice.id)
    .join(Comment, Comment.id == Notice.comment_id)
    .where(Notice.post_id == _POST, Notice.user_id == _AUTHORS.c.id, Comment.hidden_at.is_(None))
    # Spelt out: SQLite takes an index of some rows only where it sees that no others are asked for.
    .where(Notice.kind == literal_column("'answer'"), Notice.read_at.is_(None))
    .correlate(_AUTHORS)
)
_WAITING = (
    select(_AUTHORS.c.id)
    .outerjoin(BlogMember, BlogMember.user_id == _AUTHORS.c.id)
    .where(func.coalesce(BlogMember.answers, true()), ~_UNREAD.exists())
    .order_by(_AUTHORS.c.last.desc())
)


def answered(work: Work, comment: Comment) -> list[int]:
    """Who commented on the same post before and is to be told, who commented last first. One statement.

    Not who has still to read of another answer below that post: the notice leads to the first of them. And not who
    wants none of these notices.
    """
    values = {"post": comment.post_id, "comment": comment.id}
    return list(work.db.connection().execute(_WAITING, values).scalars())
