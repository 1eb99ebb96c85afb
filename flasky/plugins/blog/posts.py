"""Writing posts: make, edit, publish and delete them.

The services flush and never commit. Who may do what is decided here, with the identity of `work`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Integer, bindparam, delete, select
from sqlalchemy.orm import joinedload

from flasky.languages import _
from flasky.plugins.accounts.services import Fault, Identity, Limit, Work
from flasky.plugins.blog import limits, markdown, mentions, notices, outlines, pace, search, submissions, tags
from flasky.plugins.blog.errors import NotAllowed, NotThere, SentBefore, Stale
from flasky.plugins.blog.events import PostDeleted, PostEdited, PostPublished
from flasky.plugins.blog.models import Post
from flasky.plugins.blog.outlines import Outline
from flasky.plugins.blog.reading import Bounds, Part, part
from flasky.plugins.blog.storage import changed, hold_members, holding, lists_changed, looking, note_published
from flasky.plugins.blog.submissions import DRAFT, POST, Sent
from flasky.plugins.blog.words import is_blank, unturned

#: Drafts and hidden posts on a page.
_PAGE = 20

#: Holds whoever asks, and the author of a post (`storage.hold_members`).
AUTHOR = holding(
    select(bindparam("me", type_=Integer())).union(select(Post.author_id).where(Post.id == bindparam("post")))
)
_POST = select(Post).where(Post.id == bindparam("id")).options(joinedload(Post.author))


@dataclass(frozen=True)
class Writing:
    """What an author typed: the title (may be empty), the body as Markdown, the tags as one text, draft or not."""

    body: str
    title: str = ""
    tags: str = ""
    draft: bool = False


def create(work: Work, writing: Writing, *, key: str = "", again: bool = False) -> Post:
    """Store a new post of whoever asks. Raises Fault, TooManyTries.

    `key` is the random text of the form: sent a second time, it returns the post that the first time made (CON-03).
    Raises SentBefore where that was another text, or is gone, and where another form of theirs has just sent the same
    text; `again` allows the last.
    """
    author = who(work)
    _check(writing)
    names = tags.parse_tags(writing.tags)
    title = title_of(writing.title)
    sent = Sent(key, DRAFT if writing.draft else POST, (POST, title, writing.body, *names))
    was_sent = submissions.was_sent(work, author.user_id, sent, again=again)
    rendered = None if was_sent else _render(work, writing, pace.POSTS)
    made = submissions.claim(work, author.user_id, sent, again=again)
    if made is not None:
        try:
            return submissions.own(author.user_id, sent, find(work, made))
        except NotThere:
            raise SentBefore(sent.kind, None, same_form=True) from None
    pace.of_member(work, pace.POSTS)
    post = Post(author_id=author.user_id, created_at=work.now())
    # What was sent before can be deleted just then.
    mentioned = _fill(post, writing, names, rendered or render(work, writing.body))
    if not writing.draft:
        post.published_at = post.listed_at = work.now()
    work.db.add(post)
    work.db.flush()
    submissions.note_made(work, author.user_id, key, post.id)
    tags.set_tags(work, post, names)
    search.index(work.db, post, author.username, author.name)
    if not post.is_draft:
        _published(work, post, author.user_id, mentioned)
    return post


def edit(work: Work, post: Post, writing: Writing, *, version: int) -> Post:
    """Change one's own post, which was looked up or found; returns it as it is then.

    What is stored already is no edit, whichever version it is: who presses twice has saved. Raises Fault, NotAllowed,
    TooManyTries, and Stale when `version` is not the stored one (CON-02).
    """
    author = who(work)
    if post.author_id != author.user_id:
        raise NotAllowed
    _check(writing)
    names = tags.parse_tags(writing.tags)
    if _is_done(post, writing, names, version):
        return post
    rendered = _render(work, writing, pace.EDITS)
    # Whoever saves at the same time waits here, and sees then what was stored.
    post = find(work, post.id, lock=True)
    if _is_done(post, writing, names, version):
        return post
    pace.of_member(work, pace.EDITS)
    was_draft, before = post.is_draft, post.html
    mentioned = _fill(post, writing, names, rendered)
    if was_draft and not writing.draft:
        post.published_at = work.now()
        post.listed_at = None if post.hidden_at else post.published_at
    elif not was_draft:
        post.edited_at = work.now()
    work.db.flush()
    tags.set_tags(work, post, names)
    search.index(work.db, post, author.username, author.name)
    if was_draft and not post.is_draft:
        tags.relist(work, post)
        _published(work, post, author.user_id, mentioned)
    elif post.listed_at is not None:
        notices.tell_newly_mentioned(work, mentioned, before, post)
        work.registry.notify(PostEdited(work, post))
        lists_changed(work.db)
    elif not post.is_draft:
        notices.tell_moderators(work, post, author.user_id)
    return post


def remove(work: Work, post: Post) -> None:
    """Delete one's own post with its comments. Raises NotAllowed."""
    if post.author_id != who(work).user_id:
        raise NotAllowed
    work.registry.notify(PostDeleted(work, post))
    was_listed = post.listed_at is not None
    submissions.forget(work, post.author_id, (POST, DRAFT), post.id)
    # Not through the session: the row goes whatever version it has, and what hangs on it goes by its foreign keys.
    changed(work.db, delete(Post).where(Post.id == post.id))
    work.db.expunge(post)
    if was_listed:
        lists_changed(work.db)


def find(work: Work, post_id: int, *, lock: bool = False) -> Post:
    """The post for whoever asks, with its author. Raises NotThere when there is none that they may see.

    `lock` keeps others from changing it until the transaction ends.
    """
    statement = _POST
    if lock:
        hold_members(work.db, AUTHOR, {"me": who(work).user_id, "post": post_id})
        statement = statement.with_for_update(of=Post).execution_options(populate_existing=True)
    return _seen(work, work.db.scalars(statement, {"id": post_id}).one_or_none())


def look_up(work: Work, post_id: int) -> Post:
    """As `find`, for what is looked at before anything is locked: a post of no session, and perhaps not the latest."""
    with looking(work) as session:
        return _seen(work, session.scalars(_POST, {"id": post_id}).one_or_none())


def _seen(work: Work, post: Post | None) -> Post:
    if post is None or not may_see(work.identity, post):
        raise NotThere
    return post


def outline(work: Work, post_id: int) -> Outline:
    """What `find` finds, in outline. It only reads: whoever changes something has to see that it is still so."""
    with work.reading() as connection:
        post = outlines.read(connection, post_id)
    if post is None or not may_see(work.identity, post):
        raise NotThere
    return post


def may_see(identity: Identity | None, post: Post | Outline) -> bool:
    """Whether a post is shown: a draft to its author alone, a hidden post to its author and to moderators."""
    if post.listed_at is not None:
        return True
    if identity is None:
        return False
    return post.author_id == identity.user_id or (not post.is_draft and "blog.moderate" in identity.permissions)


def unlisted(work: Work, bounds: Bounds, limit: int = _PAGE) -> Part:
    """The posts of whoever asks that nobody else finds, drafts and hidden ones, newest first. It only reads."""
    statement = select(
        Post.id, Post.title, Post.summary, Post.is_long, Post.created_at, Post.published_at, Post.hidden_at,
        Post.hidden_reason,
    ).where(Post.author_id == who(work).user_id, Post.listed_at.is_(None))  # fmt: skip
    with work.reading() as connection:
        return part(connection, statement, Post.id, bounds, limit)


def who(work: Work) -> Identity:
    """Whoever asks. Raises NotAllowed when nobody is signed in."""
    if work.identity is None:
        raise NotAllowed
    return work.identity


def check_text(field: str, text: str, most: int) -> None:
    """Raise Fault for `field` unless there is text that somebody sees, and no more than `most` characters."""
    if len(text) > most:
        raise Fault(field, _("At most ${most} characters; these are ${length}.", mapping=_sizes(text, most)))
    if is_blank(text):
        raise Fault(field, _("Write something first."))


def render_checked(
    work: Work, text: str, limits: tuple[Limit, ...], render: Callable[[Work, str], markdown.Rendered]
) -> markdown.Rendered:
    """What `render` makes of a body that is about to be stored: once, and before anything is locked or claimed.

    Who reached one of the `limits` is refused before. Raises TooManyTries, and Fault when nobody would see anything of
    it: who has to be told so by rendering alone has had a preview, and it counts as one.
    """
    pace.check_member(work, limits)
    if markdown.surely_shows(text):
        return render(work, text)
    pace.of_member(work, pace.PREVIEWS)
    rendered = render(work, text)
    if markdown.shows_nothing(rendered.html):
        raise Fault("body", _("Write something first."))
    return rendered


def _render(work: Work, writing: Writing, limits: tuple[Limit, ...]) -> markdown.Rendered:
    return render_checked(work, writing.body, limits, render)


def _check(writing: Writing) -> None:
    if len(writing.title) > limits.LONGEST_TITLE:
        text = _("At most ${most} characters; these are ${length}.")
        raise Fault("title", _(text, mapping=_sizes(writing.title, limits.LONGEST_TITLE)))
    check_text("body", writing.body, limits.LONGEST_BODY)


def title_of(typed: str) -> str:
    """A title as it is stored: in lists, notices and mails it stands in a line with other text."""
    title = " ".join(unturned(typed).split())
    # Nobody would see the link to the post.
    return "" if is_blank(title) else title


def _is_done(post: Post, writing: Writing, names: list[str], version: int) -> bool:
    """Whether there is nothing to be changed. Raises Stale where there is, and `version` is not the stored one."""
    if _is_stored(post, writing, names):
        return True
    if post.version != version:
        raise Stale(post)
    return False


def _is_stored(post: Post, writing: Writing, names: list[str]) -> bool:
    typed = (title_of(writing.title), " ".join(names))
    is_as_public = writing.draft or not post.is_draft
    return is_as_public and (post.title, post.tag_names) == typed and is_equal(post.body, writing.body)


def is_equal(stored: str, typed: str) -> bool:
    """Whether a text that comes from a form is what is stored: forms end a line with one character, others may not."""
    return stored.replace("\r\n", "\n") == typed.replace("\r\n", "\n")


def _sizes(text: str, most: int) -> dict[str, int]:
    return {"most": most, "length": len(text)}


def _fill(post: Post, writing: Writing, names: list[str], rendered: markdown.Rendered) -> tuple[int, ...]:
    """Put what was typed into the row; returns the ids of those whom the text calls."""
    # The tags' names too: stored later, they would count as a second edit.
    post.tag_names = " ".join(names)
    post.title = title_of(writing.title)
    post.body = writing.body
    post.html, post.summary, post.is_long = rendered.html, rendered.summary, rendered.is_long
    post.pipeline = markdown.PIPELINE
    return rendered.mentioned


def render(work: Work, body: str, written_at: datetime | None = None) -> markdown.Rendered:
    """What a post's Markdown becomes, with links to the members whom it calls; at most one statement.

    `written_at` is for a text from before: it calls who was a member then.
    """
    return markdown.render(body, members=mentions.members_of(work, written_at))


def _published(work: Work, post: Post, author_id: int, mentioned: tuple[int, ...]) -> None:
    note_published(work.db, {author_id: post.published_at or work.now()})
    notices.tell_mentioned(work, mentioned, post)
    work.registry.notify(PostPublished(work, post))
    lists_changed(work.db)
