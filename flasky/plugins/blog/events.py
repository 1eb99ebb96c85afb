"""What other plug-ins can subscribe to: `config.add_subscriber(function, PostPublished)`.

Each is published in the transaction of the change, before it commits: a subscriber that raises undoes the change.
"""

from __future__ import annotations

from dataclasses import dataclass

from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.services import Work
from flasky.plugins.blog.models import Comment, Post


@dataclass(frozen=True)
class PostEvent:
    """Something happened to `post`; `work` holds the session, the registry and who is asking."""

    work: Work
    post: Post


class PostPublished(PostEvent):
    """A post can be read by everybody."""


class PostEdited(PostEvent):
    """The author changed a published post."""


class PostDeleted(PostEvent):
    """A post is being deleted, with its comments."""


@dataclass(frozen=True)
class CommentEvent:
    """Something happened to `comment`."""

    work: Work
    comment: Comment


class CommentAdded(CommentEvent):
    """Somebody commented."""


@dataclass(frozen=True)
class Followed:
    """A member follows another now."""

    work: Work
    follower_id: int
    followed: User
