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

_BETWEEN = re.compile(r"[\s,、;]+")
#: A # begins a tag, or stands around one (#胡同#); where none begins it, it is part of a single letter (C#).
_BEGINNINGS = re.compile(r"(?:(?<!(?<!\w)[A-Za-z])#|#(?=\w))+")
_NAME = re.compile(r"[^\W_](?:[\w.+-]*[\w+])?#?")
_DOTTED = re.compile("i\u0307+")
#: Letters and marks that show nothing: with one of them, a tag would look like another. They are taken out, and
#: refused where nothing else is there.
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")


def parse_tags(text: str) -> list[str]:
    """The tags that somebody typed, with blanks, commas or # between them, in the order of the alphabet.

    Raises Fault for the field `tags` when there are too many, or one is too long or no word.
    """
    # Commas of full width are commas then.
    words = _BETWEEN.split(unicodedata.normalize("NFKC", text))
    names = sorted({canonical(_UNSEEN.sub("", part) or part) for word in words for part in _parts(word) if part})
    if len(names) > limits.MOST_TAGS:
        raise Fault("tags", _("At most ${most} tags.", mapping={"most": limits.MOST_TAGS}))
    for name in names:
        if len(name) > limits.LONGEST_TAG:
            raise Fault("tags", _("A tag has at most ${most} characters.", mapping={"most": limits.LONGEST_TAG}))
        if not _is_name(name):
            raise Fault("tags", _("“${tag}” cannot be a tag: use letters and digits.", mapping={"tag": name}))
    return names


def _parts(word: str) -> list[str]:
    """The tags of one word; what begins with a # ends with one: `#a#b#` is `a` and `b`."""
    return word.split("#") if word.startswith("#") else _BEGINNINGS.split(word)


def canonical(name: str) -> str:
    """The one form of a tag: `Python` and `ＰＹＴＨＯＮ` are `python`, and `İ` is the small `i`, which has its dot."""
    folded = _DOTTED.sub("i", unicodedata.normalize("NFKC", name).casefold())
    return unicodedata.normalize("NFKC", folded)


def _is_name(name: str) -> bool:
    """Whether a tag is a word: behind its letters may be the vowels and accents that are characters of their own."""
    bare = ""
    for character in name:
        if not (unicodedata.category(character) in {"Mn", "Mc"} and bare[-1:].isalnum()):
            bare += character
    return _NAME.fullmatch(bare) is not None and _UNSEEN.search(name) is None


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
