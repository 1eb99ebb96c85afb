"""What a post is called where a line names it: by its title, or by the beginning of its text where it has none."""

from __future__ import annotations

from functools import lru_cache

from sqlalchemy import case

from flasky.plugins.blog.markdown import text_of
from flasky.plugins.blog.models import Post
from flasky.plugins.blog.words import is_blank, unturned

#: Characters of a text that stand for its title.
_LONGEST = 60
#: Characters of HTML whose opening is kept: nearly every summary has less, and what is kept stays below some megabytes.
_LONGEST_KEPT = 2000

#: For a statement whose rows are named: what `name_of` needs of a post without a title, and nothing of the others.
OPENING = case((Post.title == "", Post.summary), else_="").label("opening")


def name_of(post_id: int, title: str, html: str) -> str:
    """What a post is called: its title, else how its text begins, else its number; `html` is its summary or all of it.

    It is text, to be escaped where it is shown.
    """
    opening = _kept_opening if len(html) <= _LONGEST_KEPT else _opening
    return title or opening(html) or f"#{post_id}"


def opening_of(text: str) -> str:
    """The beginning of a text in one line, without what turns the line around it; empty where nobody sees any of it."""
    words = unturned(" ".join(text.split()))
    opening = words if len(words) <= _LONGEST else f"{words[:_LONGEST].rstrip()}…"
    return "" if is_blank(opening) else opening


def _opening(html: str) -> str:
    # From a template it comes as Markup, of which a part is Markup again: unescaped here, it would be shown as HTML.
    return opening_of(text_of(str(html)))


_kept_opening = lru_cache(maxsize=512)(_opening)
