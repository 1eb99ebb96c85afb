"""Markdown: what members write becomes HTML that is safe to show as it is (XSS-01), in linear time (XSS-03).

Two fences, each enough alone: the parser knows no raw HTML, and what it makes passes a list of allowed elements,
attributes and schemes. The result is stored beside the source; `PIPELINE` is stored with it, and
`flasky blog rebuild` makes anew what an earlier pipeline made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from html import escape, unescape
from typing import NamedTuple

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

#: Raise it with every change that makes other HTML of the same source.
PIPELINE = 3

#: Characters of text after which a summary ends, at the end of a paragraph.
_SUMMARY_LENGTH = 500
#: Where a paragraph that is longer than this is cut.
_LONGEST_PARAGRAPH = 800
_MOST_NESTED = 20
#: How many members one text can call by their names.
MOST_MENTIONED = 10

_TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s",
    "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
_ATTRIBUTES = {"a": {"href", "title", "class"}, "ol": {"start"}, "code": {"class"}}
_SCHEMES = {"http", "https", "mailto"}
_REL = "nofollow ugc noopener"
_LANGUAGE = re.compile(r"language-[A-Za-z0-9+#-]{1,30}")
_MENTION = re.compile(r"(?<![\w@./])@([\w][\w.-]{0,63})")
_TAG = re.compile(r"<[^>]*>")
#: How the link of a mention begins in stored HTML; `placed` puts in where the members' pages are.
_PEOPLE = "/member/"
_MENTIONED = f'<a class="mention" href="{_PEOPLE}'


class Called(NamedTuple):
    """A member whom a text calls: their id, and when they joined, in whole seconds of POSIX time.

    Both stand in the link: SQLite gives the number of the last member, once they left, to the next who joins.
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
    summary, which stands below the title in a list, one lower still. `members` is asked once, for the first ten names
    that follow an @, if there are any: who is found is linked, where the text calls them first.
    """
    tokens = _parser().parse(source)
    names = _names(tokens) if members is not None and "@" in source else []
    people = members(names) if members is not None and names else {}
    if people:
        _link_mentions(tokens, people)
    mentioned = tuple(dict.fromkeys(person.id for person in people.values()))
    has_headings = _lower_headings(tokens, above)
    html = _html(tokens)
    beginning = list(_beginning(tokens))
    # The same tokens: a paragraph that had to be cut is made of new ones.
    is_long = bool(tokens) and (len(beginning) != len(tokens) or beginning[-1] is not tokens[-1])
    if not is_long and not has_headings:
        return Rendered(html, html, is_long=False, mentioned=mentioned)
    _lower_headings(beginning, 1)
    return Rendered(html, _html(beginning), is_long, mentioned)


def placed(html: str, people: str) -> str:
    """HTML that `render` made, with the links of mentions below the address `people` of this site and reader.

    Where the blog is depends on the settings and on the server in front; what is stored must not.
    """
    return html if people == _PEOPLE else html.replace(_MENTIONED, f'<a class="mention" href="{escape(people)}')


def text_of(html: str) -> str:
    """The words of HTML that `render` made."""
    return unescape(_TAG.sub(" ", html))


def _names(tokens: list[Token]) -> list[str]:
    """The first names that follow an @ outside of code and links, each once, in their order."""
    found: dict[str, None] = {}
    for token in tokens:
        for child, in_link in _texts(token):
            if not in_link:
                found.update(dict.fromkeys(_name(match) for match in _MENTION.finditer(child.content)))
                if len(found) >= MOST_MENTIONED:
                    return list(found)[:MOST_MENTIONED]
    return list(found)


def _name(match: re.Match[str]) -> str:
    # What ends a sentence does not belong to the name.
    return match[1].rstrip(".-")


def _texts(token: Token) -> Iterator[tuple[Token, bool]]:
    """The children of a token that are text, and all others as `in_link`: nothing in them is a mention."""
    depth = 0
    for child in token.children or ():
        depth += child.nesting if child.tag == "a" else 0
        yield child, depth > 0 or child.type != "text"


def _link_mentions(tokens: list[Token], people: Mapping[str, Called]) -> None:
    # Each once: a link is twenty times as long as a short name, and a text may call it at every third character.
    left = set(people.values())
    for token in tokens:
        if not left:
            return
        if token.children:
            token.children = [
                piece
                for child, in_link in _texts(token)
                for piece in ([child] if in_link or "@" not in child.content else _linked(child.content, people, left))
            ]


def _linked(text: str, people: Mapping[str, Called], left: set[Called]) -> Iterator[Token]:
    """A text as tokens, with links where it calls one of `people` who is `left`, who then is no longer."""
    position = 0
    for match in _MENTION.finditer(text) if left else ():
        name = _name(match)
        person = people.get(name)
        if person in left:
            left.discard(person)
            end = match.start(1) + len(name)
            yield Token("text", "", 0, content=text[position : match.start()])
            href = f"{_PEOPLE}{person.id}?since={person.since}"
            yield Token("link_open", "a", 1, attrs={"class": "mention", "href": href})
            yield Token("text", "", 0, content=text[match.start() : end])
            yield Token("link_close", "a", -1)
            position = end
    yield Token("text", "", 0, content=text[position:])


def _html(tokens: list[Token]) -> str:
    parser = _parser()
    raw = parser.renderer.render(tokens, parser.options, {})
    return nh3.clean(
        raw,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=_filter,
        url_schemes=_SCHEMES,
        link_rel=_REL,
    )


def _filter(tag: str, name: str, value: str) -> str | None:
    # The class says in which language a block of code is, and that a link is a mention (which the parser gives to
    # nothing that a member writes), and nothing else: a member cannot dress as the site.
    if name == "class":
        good = value == "mention" if tag == "a" else _LANGUAGE.fullmatch(value)
        return value if good else None
    return value


def _beginning(tokens: list[Token]) -> Iterable[Token]:
    """The tokens of the first blocks until there is enough text; the tokens of the last are cut if it is long."""
    length, block = 0, list[Token]()
    for token in tokens:
        block.append(token)
        length += len(token.content) if token.type in {"inline", "fence", "code_block"} else 0
        if token.level == 0 and token.nesting <= 0:
            if length > _LONGEST_PARAGRAPH:
                yield from _cut(block, _SUMMARY_LENGTH)
                return
            yield from block
            block = []
            if length >= _SUMMARY_LENGTH:
                return


def _cut(block: list[Token], length: int) -> list[Token]:
    """One paragraph with the first `length` characters of the text of `block`."""
    words = " ".join(token.content for token in block if token.content)[: length + 1]
    text = Token("text", "", 0, content=(words[:length].rsplit(None, 1) or [""])[0].rstrip() + " …")
    inline = Token("inline", "", 0, content=text.content, children=[text], level=1, block=True)
    return [Token("paragraph_open", "p", 1, block=True), inline, Token("paragraph_close", "p", -1, block=True)]


@cache
def _parser() -> MarkdownIt:
    """The parser; it keeps nothing of what it parses."""
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True, "maxNesting": _MOST_NESTED})
    parser.enable(["table", "strikethrough"])
    # A picture of another site would tell that site who reads the page, and the site's policy forbids it (HDR-01).
    parser.disable("image")
    return parser


def _lower_headings(tokens: list[Token], by: int) -> bool:
    """Put headings so many levels lower, never below the sixth; returns whether there are any."""
    headings = [token for token in tokens if token.type in {"heading_open", "heading_close"}]
    for token in headings:
        token.tag = f"h{min(int(token.tag[1]) + by, 6)}"
    return bool(headings)
