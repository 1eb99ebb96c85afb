"""Taking leave of members whose accounts were erased while the blog was switched off.

The database took what its foreign keys say. Who they were nobody knows any more, so it is found by what they left.
"""

from __future__ import annotations

from pyramid.request import Request
from sqlalchemy import delete

from flasky.plugins.accounts.services import erased_without, note_erased, work_of
from flasky.plugins.blog import following
from flasky.plugins.blog.models import Notice, Post
from flasky.plugins.blog.storage import changed, lists_changed, lock

_PART = "blog"


def catch_up(request: Request) -> None:
    """The job `blog.catch_up`: what `members.erase` would have done; one statement where there is nothing to do.

    Names go from the words of posts by the job `blog.names`, a portion at a time.
    """
    work = work_of(request)
    missed = erased_without(work, _PART)
    if not missed:
        return
    # Of no author and in no list are few: the index has them together.
    drafts = Post.author_id.is_(None) & Post.listed_at.is_(None) & Post.published_at.is_(None)
    lock(work.db, drafts, Post.id)
    changed(work.db, delete(Post).where(drafts))
    changed(work.db, delete(Notice).where(Notice.actor_id.is_(None), Notice.kind == "follow"))
    following.recount(work)
    request.enqueue("blog.names", user_id=None)
    note_erased(work, _PART, missed)
    # Browsers may have pages with their names.
    lists_changed(work.db)
