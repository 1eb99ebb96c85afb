"""What other plug-ins can subscribe to: `config.add_subscriber(function, PostPublished)`.

Each is published in the transaction of the change, before it commits: a subscriber that refuses undoes the change
(`flasky.plugins.accounts.events` says how), one that fails is undone alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.services import Work
from flasky.plugins.blog.models import Comment, Post


@dataclass(frozen=True)
class BlogEvent:
    """Something happened in the blog; `work` holds the session, the registry and who is asking."""

    work: Work

    @property
    def session(self) -> Session:
        """The session that holds the transaction of the change."""
        return self.work.db


@dataclass(frozen=True)
class PostEvent(BlogEvent):
    """Something happened to `post`."""

    post: Post


class PostPublished(PostEvent):
    """A post can be read by everybody."""


class PostEdited(PostEvent):
    """The author changed a post that everybody can read."""


class PostDeleted(PostEvent):
    """A post is being deleted, with its comments; it may have been a draft, or hidden."""


class PostHidden(PostEvent):
    """A moderator hid a post: only its author and moderators see it now. `post.hidden_reason` says why."""


class PostShown(PostEvent):
    """A moderator shows a hidden post again, as it is now: its author may have edited it meanwhile."""


@dataclass(frozen=True)
class CommentEvent(BlogEvent):
    """Something happened to `comment`."""

    comment: Comment


class CommentAdded(CommentEvent):
    """Somebody commented."""


class CommentEdited(CommentEvent):
    """The author changed a comment that everybody can read."""


class CommentDeleted(CommentEvent):
    """A comment is being deleted by its author; it may have been hidden. With a post its comments go without it."""


class CommentHidden(CommentEvent):
    """A moderator hid a comment. `comment.hidden_reason` says why."""


class CommentShown(CommentEvent):
    """A moderator shows a hidden comment again, as it is now."""


@dataclass(frozen=True)
class Followed(BlogEvent):
    """A member follows another now."""

    follower_id: int
    followed: User


@dataclass(frozen=True)
class Unfollowed(BlogEvent):
    """A member no longer follows another, because they said so; when one of the two leaves, there is no such event."""

    follower_id: int
    unfollowed: User
