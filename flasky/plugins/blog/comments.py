"""Comments: write, edit and delete one's own. The count in the post's row changes in the same transaction (CON-04)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Integer, and_, bindparam, delete, insert, select, union_all, update
from sqlalchemy.orm import Session, aliased, joinedload, make_transient_to_detached

from flasky.plugins.accounts.services import Work
from flasky.plugins.blog import limits, markdown, mentions, notices, pace, submissions
from flasky.plugins.blog.errors import NotAllowed, NotThere, SentBefore, Stale
from flasky.plugins.blog.events import CommentAdded, CommentDeleted, CommentEdited
from flasky.plugins.blog.models import Comment, Post
from flasky.plugins.blog.outlines import Outline
from flasky.plugins.blog.posts import AUTHOR, check_text, is_equal, may_see, render_checked, who
from flasky.plugins.blog.reading import Bounds, Part, Rows, part
from flasky.plugins.blog.storage import changed, hold_members, holding, lists_changed, looking
from flasky.plugins.blog.submissions import COMMENT, Sent
from flasky.plugins.blog.titles import OPENING

#: The post that was read before, if everybody sees it still; an older copy that was put back gives numbers again.
_ONE_MORE = (
    update(Post)
    .where(Post.id == bindparam("post"), Post.created_at == bindparam("begun"), Post.listed_at.is_not(None))
    .values(comment_count=Post.comment_count + 1)
)
_COMMENT = (
    select(Comment).where(Comment.id == bindparam("id")).options(joinedload(Comment.author), joinedload(Comment.post))
)
_THIS = Comment.id == bindparam("comment")
_ITS_POST = select(Comment.post_id).where(_THIS).scalar_subquery()
#: Holds whoever asks, the author of a comment and that of its post (`storage.hold_members`).
_AUTHORS = holding(
    select(bindparam("me", type_=Integer())).union(
        select(Comment.author_id).where(_THIS), select(Post.author_id).where(Post.id == _ITS_POST)
    )
)
_LOCK_POST = select(Post.id).where(Post.id == _ITS_POST).with_for_update(key_share=True)
_INSERT = insert(Comment).returning(Comment.id)
#: The columns of a new comment of which there is nothing to say yet.
_NEW = {"edited_at": None, "hidden_at": None, "hidden_by_id": None, "hidden_reason": "", "version": 1}
#: The posts among which hidden ones are looked for.
_HIDDEN = aliased(Post)
_COUNT = (
    update(Post).where(Post.id == bindparam("post")).values(comment_count=Post.comment_count + bindparam("difference"))
)


def add(
    work: Work,
    post: Post | Outline,
    body: str,
    *,
    key: str = "",
    again: bool = False,
    seen: tuple[int, int] | None = None,
) -> Comment:
    """Comment on a post that whoever asks can see, or could when it was read.

    Raises Fault, TooManyTries, and NotThere when it cannot be.

    `key` and `again` are as in `posts.create`, which says when SentBefore is raised. `seen` are the first and the last
    comment that its author had in front of them (`notices.mark_seen`), if any.
    """
    author = who(work)
    if post.listed_at is None:
        raise NotThere
    check_text("body", body, limits.LONGEST_COMMENT)
    # When the post was begun: an older copy of the database that was put back gives numbers again.
    sent = Sent(key, COMMENT, (COMMENT, str(post.id), post.created_at.isoformat(), body))
    was_sent = submissions.was_sent(work, author.user_id, sent, again=again)
    rendered = None if was_sent else render_checked(work, body, pace.COMMENTS, render)
    made = submissions.claim(work, author.user_id, sent, again=again)
    if made is not None:
        try:
            return submissions.own(author.user_id, sent, find(work, made))
        except NotThere:
            raise SentBefore(COMMENT, None, same_form=True) from None
    pace.of_member(work, pace.COMMENTS)
    # What was sent before can be deleted just then.
    rendered = rendered or render(work, body)
    # The post's author is told; who comments on the same post waits for its row, and nobody for somebody who waits.
    hold_members(work.db, AUTHOR, {"me": author.user_id, "post": post.id})
    if not changed(work.db, _ONE_MORE, {"post": post.id, "begun": post.created_at}):
        raise NotThere
    comment = _store(
        work.db,
        post_id=post.id,
        author_id=author.user_id,
        body=body,
        html=rendered.html,
        pipeline=markdown.PIPELINE,
        created_at=work.now(),
    )
    submissions.note_made(work, author.user_id, key, comment.id)
    notices.tell_of_comment(work, rendered.mentioned, post, comment)
    if seen is not None:
        notices.mark_seen(work, comment, *seen)
    work.registry.notify(CommentAdded(work, comment))
    lists_changed(work.db)
    return comment


def _store(db: Session, **values: object) -> Comment:
    """Insert a comment; the session knows it as if it had been flushed, which takes three times the CPU time."""
    values = {**_NEW, **values}
    comment = Comment(id=db.connection().execute(_INSERT, values).scalar_one(), **values)
    make_transient_to_detached(comment)
    db.add(comment)
    return comment


def edit(work: Work, comment: Comment, body: str, *, version: int) -> Comment:
    """Change one's own comment, which was looked up or found; returns it as it is then.

    What is stored already is no edit, whichever version it is. Raises Fault, NotAllowed, Stale, TooManyTries.
    """
    if comment.author_id != who(work).user_id:
        raise NotAllowed
    check_text("body", body, limits.LONGEST_COMMENT)
    if _is_done(comment, body, version):
        return comment
    rendered = render_checked(work, body, pace.EDITS, render)
    # Whoever saves at the same time waits here, and sees then what was stored.
    comment = find(work, comment.id, lock=True, own_too=True)
    if _is_done(comment, body, version):
        return comment
    pace.of_member(work, pace.EDITS)
    before = comment.html
    comment.body, comment.html = body, rendered.html
    comment.pipeline, comment.edited_at = markdown.PIPELINE, work.now()
    work.db.flush()
    if comment.hidden_at is not None:
        notices.tell_moderators(work, comment, who(work).user_id)
    elif comment.post.listed_at is not None:
        notices.tell_newly_mentioned(work, rendered.mentioned, before, comment.post, comment)
        work.registry.notify(CommentEdited(work, comment))
    return comment


def _is_done(comment: Comment, body: str, version: int) -> bool:
    """Whether there is nothing to be changed. Raises Stale where there is, and `version` is not the stored one."""
    if is_equal(comment.body, body):
        return True
    if comment.version != version:
        raise Stale(comment)
    return False


def remove(work: Work, comment: Comment) -> None:
    """Delete one's own comment. Raises NotAllowed."""
    if comment.author_id != who(work).user_id:
        raise NotAllowed
    work.registry.notify(CommentDeleted(work, comment))
    was_shown = comment.hidden_at is None
    submissions.forget(work, comment.author_id, (COMMENT,), comment.id)
    # Deleted twice at once, it is counted once.
    if changed(work.db, delete(Comment).where(Comment.id == comment.id)) and was_shown:
        count(work, comment.post_id, -1)
    work.db.expunge(comment)
    lists_changed(work.db)


def find(work: Work, comment_id: int, *, lock: bool = False, own_too: bool = False) -> Comment:
    """The comment for whoever asks, with its author and post. Raises NotThere.

    A hidden comment is there for its author and for moderators; below a hidden post, one's own only with `own_too`,
    where nothing of the post is shown.
    """
    statement = _COMMENT
    if lock:
        _lock_above(work, comment_id)
        statement = statement.with_for_update(of=Comment).execution_options(populate_existing=True)
    return _seen(work, work.db.scalars(statement, {"id": comment_id}).one_or_none(), own_too=own_too)


def look_up(work: Work, comment_id: int, *, own_too: bool = False) -> Comment:
    """As `find`, for what is looked at before anything is locked: of no session, and perhaps not the latest."""
    with looking(work) as session:
        return _seen(work, session.scalars(_COMMENT, {"id": comment_id}).one_or_none(), own_too=own_too)


def _seen(work: Work, comment: Comment | None, *, own_too: bool) -> Comment:
    if comment is None:
        raise NotThere
    is_own = work.identity is not None and comment.author_id == work.identity.user_id
    if not (own_too and is_own) and not (may_see(work.identity, comment.post) and _is_shown(work, comment)):
        raise NotThere
    return comment


def unseen(work: Work, below: int, limit: int = 20) -> Part:
    """The comments of whoever asks that others do not see, newest first, from one's id on (0: from the first).

    Each has been hidden itself, or `is_below_hidden`, a post of somebody else of which nothing may be told then. It
    only reads, and of one's other comments, however many they are, nothing.
    """
    me = who(work).user_id
    with work.reading() as connection:
        return part(connection, _unseen(me, below, limit + 1), Comment.id, Bounds(below=below), limit)


def _unseen(me: int, below: int, limit: int) -> Rows:
    """Two halves, each by indexes of its own: with "or" all comments of `me` would be read, each with its post."""
    theirs = select(Comment.id).where(Comment.author_id == me)
    if below:
        theirs = theirs.where(Comment.id < below)
    hidden = theirs.where(Comment.hidden_at.is_not(None)).order_by(Comment.id.desc()).limit(limit)
    # The post again for its author, of those that are found: the index of hidden posts has none.
    below_hidden = (
        theirs.join(Post, Post.id == Comment.post_id)
        .where(Comment.post_id.in_(select(_HIDDEN.id).where(_HIDDEN.hidden_at.is_not(None))))
        .where(Comment.hidden_at.is_(None), Post.author_id.is_distinct_from(me))
        # Not in the order of an index: to find few, all comments of `me` would be gone through in it.
        .order_by((Comment.id + 0).desc())
        .limit(limit)
    )
    found = union_all(*(select(half.subquery().c.id) for half in (hidden, below_hidden))).subquery("found")
    is_below_hidden = and_(Post.hidden_at.is_not(None), Post.author_id.is_distinct_from(me))
    return (
        select(
            Comment.id, Comment.html, Comment.created_at, Comment.hidden_at, Comment.hidden_reason,
            is_below_hidden.label("is_below_hidden"), Comment.post_id, Post.title, OPENING,
        )
        .select_from(found)
        .join(Comment, Comment.id == found.c.id)
        .join(Post, Post.id == Comment.post_id)
    )  # fmt: skip


def _lock_above(work: Work, comment_id: int) -> None:
    """Lock what is locked before a comment (`hold_members`): who asks, its author, its post's author, and the post."""
    hold_members(work.db, _AUTHORS, {"me": who(work).user_id, "comment": comment_id})
    work.db.connection().execute(_LOCK_POST, {"comment": comment_id})


def render(work: Work, body: str, written_at: datetime | None = None) -> markdown.Rendered:
    """What a comment's Markdown becomes, for its place below the heading of the comments; at most one statement.

    `written_at` is for a text from before: it calls who was a member then.
    """
    return markdown.render(body, above=2, members=mentions.members_of(work, written_at))


def count(work: Work, post_id: int, difference: int) -> bool:
    """Change the number of comments that everybody sees; False when the post is gone."""
    return bool(changed(work.db, _COUNT, {"post": post_id, "difference": difference}))


def count_each(work: Work, differences: Mapping[int, int]) -> None:
    """Change the numbers of comments that everybody sees of several posts (their ids), in the order of the ids."""
    work.db.flush()
    values = [{"post": post_id, "difference": differences[post_id]} for post_id in sorted(differences)]
    work.db.connection().execute(_COUNT, values)


def _is_shown(work: Work, comment: Comment) -> bool:
    if comment.hidden_at is None:
        return True
    identity = work.identity
    if identity is None:
        return False
    return comment.author_id == identity.user_id or "blog.moderate" in identity.permissions
