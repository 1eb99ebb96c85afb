"""Tags: how they are written, and which post has which."""

from __future__ import annotations

import re
import unicodedata

from sqlalchemy import delete, select, update

from flasky.languages import _
from flasky.plugins.accounts.services import Fault, Work
from flasky.plugins.blog import limits
from flasky.plugins.blog.models import Post, PostTag, Tag
from flasky.plugins.blog.storage import add_unless_there, changed

_SEPARATORS = re.compile(r"[\s,，、;；#＃]+")
_NAME = re.compile(r"[^\W_](?:[\w.+-]*[\w+])?")


def parse_tags(text: str) -> list[str]:
    """The tags that somebody typed, with blanks, commas or # between them, in the order of the alphabet.

    Raises Fault for the field `tags` when there are too many, or one is too long or no word.
    """
    names = sorted({canonical(part) for part in _SEPARATORS.split(text) if part})
    if len(names) > limits.MOST_TAGS:
        raise Fault("tags", _("At most ${most} tags.", mapping={"most": limits.MOST_TAGS}))
    for name in names:
        if len(name) > limits.LONGEST_TAG:
            raise Fault("tags", _("A tag has at most ${most} characters.", mapping={"most": limits.LONGEST_TAG}))
        if not _NAME.fullmatch(name):
            raise Fault("tags", _("“${tag}” cannot be a tag: use letters and digits.", mapping={"tag": name}))
    return names


def canonical(name: str) -> str:
    """The one form of a tag: `Python` and `ＰＹＴＨＯＮ` are `python`."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def set_tags(work: Work, post: Post, names: list[str]) -> None:
    """Give a stored post, whose row names them already, exactly these tags."""
    for name in names:
        add_unless_there(work.db, Tag, name=name)
    ids = list(work.db.scalars(select(Tag.id).where(Tag.name.in_(names)))) if names else []
    changed(work.db, delete(PostTag).where(PostTag.post_id == post.id, PostTag.tag_id.not_in(ids)))
    for tag_id in ids:
        add_unless_there(work.db, PostTag, post_id=post.id, tag_id=tag_id, listed_at=post.listed_at)


def relist(work: Work, post: Post) -> None:
    """Let the tags' pages show the post where lists show it, or not at all."""
    changed(work.db, update(PostTag).where(PostTag.post_id == post.id).values(listed_at=post.listed_at))
