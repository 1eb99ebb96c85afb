"""Links in the Markdown that members write: the same wherever on the site they write it.

The parser and the cleaner are imported when a text is rendered, not at the start (docs/decisions/0072-quick-start.md):
whoever needs this module imports it then, too.
"""

from __future__ import annotations

import re
from functools import cache
from html import escape
from typing import TYPE_CHECKING

from flasky.addresses import with_beginning
from flasky.languages.scripts import UNSPACED_CHARACTERS

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import StateInline
    from nh3 import Cleaner

#: What an address may begin with, and what each link says of itself (XSS-01); for whoever cleans the HTML.
SCHEMES = {"http", "https", "mailto"}
REL = "nofollow ugc noopener"


def linking_parser(most_nested: int) -> MarkdownIt:
    """A parser of CommonMark without HTML: its own, so that more rules can be added.

    An address within the text is a link, a picture is one to where it is, and the address of a link may lack its
    beginning (`addresses`). What is nested deeper than `most_nested` is dropped.
    """
    from markdown_it import MarkdownIt  # noqa: PLC0415 - not at the start, see above

    class Parser(MarkdownIt):
        """Takes the address of a link as it was meant."""

        def normalizeLink(self, url: str) -> str:  # noqa: N802 - the parser calls it so
            return super().normalizeLink(with_beginning(url))

    parser = Parser("commonmark", {"html": False, "breaks": True, "maxNesting": most_nested})
    # A picture of another site would tell that site who reads the page, and the site's policy forbids it (HDR-01).
    parser.disable("image")
    parser.inline.ruler.before("link", "picture", _picture)
    parser.inline.ruler.before("link", "address", _address)
    return parser


def _picture(state: StateInline, silent: bool) -> bool:
    """`![text](address)`: a link to the picture, without the exclamation mark; only its text within another link."""
    start, number = state.pos, len(state.tokens)
    if not state.src.startswith("![", start):
        return False
    from markdown_it.rules_inline import link  # noqa: PLC0415 - not at the start, see above

    state.pos += 1
    if not link(state, silent):
        state.pos = start
        return False
    if silent:
        return True
    # In front of it is what was pending.
    opening, closing = next(token for token in state.tokens[number:] if token.type == "link_open"), state.tokens[-1]
    for token in (opening, closing) if state.linkLevel else ():
        # Not taken out: other marks are remembered by their places.
        token.type, token.tag, token.nesting, token.attrs = "text", "", 0, {}
    return True


def _address(state: StateInline, silent: bool) -> bool:
    """`https://example.com/` is a link to itself; what ends a sentence there does not belong to it.

    Here, and not in the text that is left in the end: `__init__` in an address is not strong.
    """
    if state.linkLevel or not state.src.startswith("://", state.pos):
        return False
    # First, as it looks at six characters: what comes is read only where it can be an address.
    scheme = _SCHEME.search(state.src, max(state.pos - 6, 0), state.pos)
    if scheme is None or not (silent or state.pending.endswith(scheme[0])):
        return False
    # So much, and the name of the site alone: of what is no link all is read again at the next scheme within it.
    match = _ADDRESS.match(state.src, state.pos, min(state.posMax, state.pos + _LONGEST_ADDRESS + 1))
    if match is None or len(match[0]) > _LONGEST_ADDRESS:
        return False
    address = scheme[0] + _without_end(match[0])
    if not _leads(state.md.normalizeLink(_BEHIND_SITE.split(address, maxsplit=1)[0])):
        return False
    if not silent:
        state.pending = state.pending[: -len(scheme[0])]
        state.push("link_open", "a", 1).attrs = {"href": state.md.normalizeLink(address)}
        state.push("text", "", 0).content = address
        state.push("link_close", "a", -1)
    state.pos += len(address) - len(scheme[0])
    return True


def _leads(href: str) -> bool:
    """Whether an address can be one at all: `http://a:99999/` would stay a link in the HTML, but one to nothing."""
    return "href" in _cleaner().clean(f'<a href="{escape(href)}">')


@cache
def _cleaner() -> Cleaner:
    from nh3 import Cleaner  # noqa: PLC0415 - not at the start, see above

    return Cleaner(tags={"a"}, attributes={"a": {"href"}}, url_schemes=SCHEMES, link_rel=None)


def _without_end(address: str) -> str:
    """An address without the punctuation at its end, and without brackets there that open before it."""
    too_many = address.count(")") - address.count("(")
    end = len(address)
    while address[end - 1] in _ENDS or (address[end - 1] == ")" and too_many > 0):
        too_many -= address[end - 1] == ")"
        end -= 1
    return address[:end]


_SCHEME = re.compile(r"(?<![A-Za-z0-9])https?\Z", re.IGNORECASE)
_BEHIND_SITE = re.compile(r"(?<![:/])[/?#]")
#: Characters from the colon on.
_LONGEST_ADDRESS = 2000
#: What is in no address: a blank, a quotation mark, brackets that no address has, punctuation of scripts that are
#: written without blanks.
_NEVER = r"\s<>\"`\[\]{}|\\^\u2018-\u201f\u2026\u3000-\u303f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
#: From the colon on: a letter or digit, the rest of the site's name, and the path. Text in a script that is written
#: without blanks goes on behind an address, and is part of a name only where a part of it begins so (例子.中国).
#: In a path, which browsers copy percent-encoded, it never is.
_ADDRESS = re.compile(
    rf"://(?=[^\W_])(?:(?:(?<=//)|(?<=[^.]\.))[{UNSPACED_CHARACTERS}][\w-]*|[^/?#{_NEVER}{UNSPACED_CHARACTERS}])*"
    rf"(?:[/?#][^{_NEVER}{UNSPACED_CHARACTERS}]*)?"
)
_ENDS = ".,;:!?'*_~("
