"""Markdown: what members write becomes HTML that is safe to show as it is (XSS-01), in linear time (XSS-03).

The result is stored beside the source; `PIPELINE` is stored with it, and `flasky blog rebuild` makes anew what an
earlier pipeline made. Pages need what is stored, and it is read here. The parser is in `pipeline`: only who writes
needs it, so it is imported when the first text is rendered (docs/decisions/0072-quick-start.md).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape, unescape
from typing import NamedTuple

from flasky.plugins.blog.words import is_blank

#: Raise it with every change that makes other HTML of the same source.
PIPELINE = 14

#: How many members one text can call by their names.
MOST_MENTIONED = 10
#: Characters of a name, as it can stand behind an @.
LONGEST_NAME = 64
#: How many beginnings of what follows an @ can be a member's name in one text: all those of so many members.
MOST_NAMES = MOST_MENTIONED * LONGEST_NAME
#: Marks within a line: around a part of a word, they end no word.
_INLINE_TAG = re.compile(r"</?(?:a|code|del|em|s|strong)(?: [^>]*)?>")
_TAG = re.compile(r"<[^>]*>")
#: How the link of a mention begins in stored HTML; `placed` puts in where the members' pages are.
PEOPLE = "/member/"
_MENTIONED = f'<a class="mention" href="{PEOPLE}'
_CALLED = re.compile(re.escape(_MENTIONED) + "([0-9]+)")


class Called(NamedTuple):
    """A member whom a text calls: their id, and when they joined, in whole seconds of POSIX time.

    Both stand in the link: an older copy of the database that was put back gives numbers again.
    """

    id: int
    since: int


#: Finds members by the names that a text calls; returns those there are.
Members = Callable[[list[str]], Mapping[str, Called]]


@dataclass(frozen=True)
class Rendered:
    """What a source became: the whole as HTML, its beginning for lists, and whether that leaves something out.

    `mentioned` are the ids of the members whom it calls.
    """

    html: str
    summary: str
    is_long: bool
    mentioned: tuple[int, ...] = ()


def render(source: str, *, above: int = 1, members: Members | None = None) -> Rendered:
    """Render Markdown. Takes any text; the HTML is safe in the body of a page.

    `above` is the level of the page's heading above the text: the text's own begin one below it, and those of the
    summary, which stands below the title in a list, one lower still. `members` is asked once, for all that can be names
    behind an @, if there are any: at each the one with the longest name is meant, and the first ten who are called are
    linked, where the text calls them first.
    """
    from flasky.plugins.blog.pipeline import render as render_by  # noqa: PLC0415 - not at the start, see above

    return render_by(source, above=above, members=members)


def placed(html: str, people: str) -> str:
    """HTML that `render` made, with the links of mentions below the address `people` of this site and reader.

    Where the blog is depends on the settings and on the server in front; what is stored must not.
    """
    return html if people == PEOPLE else html.replace(_MENTIONED, f'<a class="mention" href="{escape(people)}')


def called_in(html: str) -> set[int]:
    """The ids of the members whom HTML that `render` made calls."""
    return {int(number) for number in _CALLED.findall(html)}


def before_call(html: str, user_id: int) -> str:
    """What stands in front of the call of a member in HTML that `render` made; nothing where it does not call them."""
    found = re.search(f"{re.escape(_MENTIONED)}{user_id}(?![0-9])", html)
    return html[: found.start()] if found else ""


def text_of(html: str) -> str:
    """The words of HTML that `render` made, with blanks where a block, a line or a cell of a table ends."""
    return unescape(_TAG.sub(" ", _INLINE_TAG.sub("", html)))


def shows_nothing(html: str) -> bool:
    """Whether nobody would see anything of HTML that `render` made of references, marks and blanks, if of anything."""
    return "<hr" not in html and is_blank(text_of(html))


def surely_shows(source: str) -> bool:
    """Whether a look at a text is enough to know that `shows_nothing` is false; most texts begin with a letter.

    Where nothing defines a reference, a paragraph that begins with one shows it.
    """
    return "]:" not in source and _SHOWS.search(source) is not None


#: Behind a blank line nothing goes on that began before it. The last are letters that show nothing.
_SHOWS = re.compile(r"(?:\A|\n\r?\n)\u3000*(?:#{1,6} |\*{1,2}|@)?(?![\u115f\u1160\u3164\uffa0])[^\W\d_]")
