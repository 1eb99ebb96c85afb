"""How posts, comments and members are told to programs: plain values, the same names everywhere.

What is not there is null, moments are ISO 8601 in UTC, addresses are whole. Whoever has no profile is named without a
number and an address, as pages name them without a link.
"""

from __future__ import annotations

import re
from datetime import datetime
from html import unescape
from typing import Any
from urllib.parse import urljoin

from markupsafe import escape
from pyramid.request import Request

from flasky.plugins.accounts.models import User
from flasky.plugins.blog.following import Standing
from flasky.plugins.blog.models import Comment, Post
from flasky.plugins.blog.reading import Look, moment_of

Shape = dict[str, Any]

#: The address of a link in HTML that `markdown` made; within a value there is no plain quotation mark.
_LINK = r'(<a(?: [a-z]+="[^"]*")*? href=")([^"]*)'
_SCHEME = "[A-Za-z][A-Za-z0-9+.-]*:"


class Shapes:
    """What is told, with addresses of the site as this request came to it."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._look = Look(request)
        self._base: str = request.host_url

    def listed(self, row: Any) -> Shape:
        """A post of a list (a row of `reading.FOR_PROGRAMS`): its beginning."""
        return {
            "id": row.id,
            "url": self._base + self._look.post(row.id),
            "title": row.title,
            "summary": self._html(row.summary, self._look.post(row.id)),
            "is_long": row.is_long,
            "tags": row.tag_names.split(),
            "author": self._by(row.author_id, row.byline),
            "comment_count": row.comment_count,
            "published_at": _moment(moment_of(row.listed_at)),
            "edited_at": _moment(row.edited_at),
            "version": row.version,
        }

    def post(self, post: Post) -> Shape:
        """A whole post, with what its author typed."""
        path = self._look.post(post.id)
        return {
            "id": post.id,
            "url": self._base + path,
            "title": post.title,
            "summary": self._html(post.summary, path),
            "is_long": post.is_long,
            "tags": post.tag_names.split(),
            "author": self._member(post.author),
            "comment_count": post.comment_count,
            "published_at": _moment(post.published_at),
            "edited_at": _moment(post.edited_at),
            "version": post.version,
            "html": self._html(post.html, path),
            "body": post.body,
            "draft": post.is_draft,
            "hidden": _hidden(post),
        }

    def unlisted(self, row: Any) -> Shape:
        """A draft or hidden post of whoever asks (a row of `posts.unlisted`)."""
        path = self._look.post(row.id)
        return {
            "id": row.id,
            "url": self._base + path,
            "title": row.title,
            "summary": self._html(row.summary, path),
            "is_long": row.is_long,
            "created_at": _moment(row.created_at),
            "published_at": _moment(row.published_at),
            "draft": row.published_at is None,
            "hidden": _hidden(row),
        }

    def comment(self, comment: Any, post_id: int) -> Shape:
        """A comment of a list (a row of `reading.comments_for_programs`)."""
        return self._comment(comment, post_id, self._author(comment.author_id, comment.username, comment.has_profile))

    def whole_comment(self, comment: Comment) -> Shape:
        """A comment with what its author typed."""
        shape = self._comment(comment, comment.post_id, self._member(comment.author))
        return {**shape, "body": comment.body}

    def _comment(self, comment: Any, post_id: int, author: Shape | None) -> Shape:
        return {
            "id": comment.id,
            "url": self._base + self._request.route_path("blog.to_comment", id=comment.id),
            "post_id": post_id,
            "author": author,
            "html": self._html(comment.html, self._look.post(post_id)),
            "created_at": _moment(comment.created_at),
            "edited_at": _moment(comment.edited_at),
            "version": comment.version,
            "hidden": _hidden(comment),
        }

    def person(self, row: Any) -> Shape:
        """Somebody of a list of people; who has no profile now is in no list but one's own."""
        shown = self._author(row.id, row.username, row.has_profile) or {}
        return {**shown, "id": row.id, "name": row.name if row.has_profile else ""}

    def member(self, row: Any, standing: Standing) -> Shape:
        """A member who has a profile (a row of `reading.member`), and how they stand to whoever asks."""
        return {
            "id": row.id,
            "username": row.username,
            "name": row.name,
            "url": self._base + self._look.profile(row.username),
            "created_at": _moment(row.created_at),
            "follower_count": standing.followers,
            "following_count": standing.following,
            "is_followed": standing.is_followed,
            "follows_me": standing.follows_me,
        }

    def _by(self, user_id: int | None, byline: str | None) -> Shape | None:
        if byline is None:
            return None
        # A blank in front says that there is no profile (`reading`).
        return self._author(user_id, byline.lstrip(), not byline.startswith(" "))

    def _member(self, user: User | None) -> Shape | None:
        return None if user is None else self._author(user.id, user.username, user.has_profile)

    def _author(self, user_id: int | None, username: str | None, has_profile: bool) -> Shape | None:
        if username is None:
            return None
        if not has_profile:
            return {"id": None, "username": username, "url": None}
        return {"id": user_id, "username": username, "url": self._base + self._look.profile(username)}

    def _html(self, stored: str, path: str) -> str:
        """HTML as it stands on the page at `path`, with whole addresses: a program shows it elsewhere."""
        page = self._base + path

        def whole(found: re.Match[str]) -> str:
            address = unescape(found[2])
            return found[0] if re.match(_SCHEME, address) else f"{found[1]}{escape(_joined(page, address))}"

        return re.sub(_LINK, whole, self._look.html(stored))


def _joined(page: str, address: str) -> str:
    try:
        return urljoin(page, address)
    except ValueError:
        # As `//[`: it leads nowhere on the page either.
        return address


def _hidden(thing: Any) -> Shape | None:
    """When and why a moderator hid it; only its author and moderators get to see what is hidden."""
    return {"at": _moment(thing.hidden_at), "reason": thing.hidden_reason} if thing.hidden_at else None


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else Look.moment(moment)
