"""The pipeline that makes HTML of Markdown (`markdown.render`).

Two fences, each enough alone: the parser knows no raw HTML, and what it makes passes a list of allowed elements,
attributes and schemes. Another HTML of the same source is another `markdown.PIPELINE`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from html import escape
from itertools import accumulate, takewhile
from operator import is_not

import nh3
from markdown_it import MarkdownIt
from markdown_it.parser_block import ParserBlock
from markdown_it.ruler import Ruler
from markdown_it.rules_block import StateBlock, blockquote, fence, heading, hr, list_block
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline, emphasis
from markdown_it.token import Token

from flasky.languages.scripts import UNSPACED_CHARACTERS
from flasky.markdown_links import REL, SCHEMES, linking_parser
from flasky.plugins.blog.markdown import (
    LONGEST_NAME,
    MOST_MENTIONED,
    MOST_NAMES,
    PEOPLE,
    Called,
    Members,
    Rendered,
    text_of,
)
from flasky.plugins.blog.words import UNSPACED, is_blank

#: Characters after which a summary ends, where a block ends.
_SUMMARY_LENGTH = 500
#: Up to so many a block stays whole; of a longer one the beginning is shown, so many characters at least.
_LONGEST_SUMMARY = 800
_LEAST_OF_BLOCK = 200
#: As how many characters a line, an item and a row count, however short they are.
_LINE = 20
#: As what a block or a mark counts beside its words: on the page it has a line, be it empty. A quotation counts as half
#: a line, so that thirty in one another, with which all of a summary may begin, leave room for words.
_BEGINNING = {
    "list_item_open": _LINE, "tr_open": _LINE, "hr": _LINE, "softbreak": _LINE, "hardbreak": _LINE, "fence": _LINE,
    "code_block": _LINE, "blockquote_open": _LINE // 2,
}  # fmt: skip
#: Characters of HTML of a summary. What weighs little can be longer by its marks, links and titles: then its words are
#: shown alone, so that no page of twenty posts is one of megabytes.
_LONGEST_SUMMARY_HTML = 10_000
#: Characters of HTML that a text may become, and more for each of its own. A table of letters becomes eleven times as
#: long; what becomes longer than this, as empty lists and quotations in turn do, is shown as it was written.
_LEAST_HTML, _HTML_OF_CHARACTER = 2000, 13
#: How deep quotations and lists may be in one another: a list counts twice, with its items. Deeper marks are text.
_MOST_NESTED = 30
_MOST_NESTED_IN_LINE = 10
_LONGEST_WORD = 40
_LONGEST_TITLE = 200
#: As how many characters of HTML a link counts beside its address and title, and how many those that are repeated may
#: make in a text however short it is.
_LINK = 42
_LEAST_REPEATED = 2000
#: So many cells may be filled in where the rows of tables are shorter than their heads, and one more for so many
#: characters of the text. GFM has no such bound, and a text would become three hundred times as long.
_LEAST_FILLED, _CHARACTERS_FOR_FILLED = 200, 3
#: So many quotations and lists may begin within others, and one more for so many characters of the text: thirty marks
#: are as many elements, in each line anew. Further marks are text.
_LEAST_WITHIN, _CHARACTERS_FOR_WITHIN = 50, 6
#: So many lines quotations may take and give back, and one more for each character of the text. A quotation takes all
#: lines that could go on with its last paragraph, before it is known whether its last block is one: below code or a
#: heading it gives them back, and the next one, within those, takes them anew. Quotations so close to each other are
#: rare. Further lines without its mark belong to no quotation.
_LEAST_GIVEN_BACK = 10_000

_TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s",
    "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
_ATTRIBUTES = {"a": {"href", "title", "class"}, "ol": {"start"}, "code": {"class"}}
#: Wide code and tables: who has no mouse can only scroll what can have the focus. Lists and quotations: bullets and the
#: line beside a quotation stand where its own text begins, whatever the direction of the text around it.
_GIVEN = {
    "pre": {"tabindex": "0"}, "table": {"tabindex": "0"},
    "ul": {"dir": "auto"}, "ol": {"dir": "auto"}, "blockquote": {"dir": "auto"},
}  # fmt: skip
_LANGUAGE = re.compile(r"language-[A-Za-z0-9+#-]{1,30}")
#: Stands for an @ that was escaped (`\@anna`, `&#64;anna`) while mentions are looked for: its writer wants to call
#: nobody, and for the words beside it it is an @ like any other. The parser lets no NUL of a source through.
_ESCAPED_AT = "\0"
#: An @ and what can be a name: an address has a letter or a dot before its @, but in a script that is written without
#: blanks any word can stand there. A name has blanks and signs in it, but for some (`accounts.usernames`).
_NEVER_IN_NAME = r"@\0\\?#%\n"
_MENTION = re.compile(
    rf"(?:(?<![\w@\0./])|(?<=[{UNSPACED_CHARACTERS}]))@(?=\S)([^{_NEVER_IN_NAME}]{{1,{LONGEST_NAME}}})"
)
_LETTER = rf"[^\W{UNSPACED_CHARACTERS}]"
#: Behind a letter: another of the same word, or of the same address (`@anna.example`, `@anna-marie`, and
#: `@anna@social.example`, by which other sites name their members). Behind what is written without blanks, with which a
#: word ends anywhere, only such an address: `@小明@bob` calls both.
_SAME_WORD = re.compile(rf"(?<={_LETTER})[.@\0-]?{_LETTER}|[@\0](?:{_LETTER}|-){{1,63}}\.{_LETTER}")


def render(source: str, *, above: int, members: Members | None) -> Rendered:
    """As `markdown.render` says."""
    tokens, mentioned = _tokens(source, members)
    has_headings = _level_headings(tokens, above)
    html = _html(tokens)
    if len(html) > _LEAST_HTML + _HTML_OF_CHARACTER * len(source):
        tokens, mentioned, has_headings = _as_written(source), (), False
        html = _html(tokens)
    beginning = list(_beginning(tokens))
    summary = _html(beginning) if _differ(beginning, tokens) else html
    is_long = summary != html
    if has_headings and _lower_headings(beginning):
        summary = _html(beginning)
    if len(summary) > _LONGEST_SUMMARY_HTML:
        summary, is_long = _html(_words_alone(summary)), True
    return Rendered(html, summary, is_long, mentioned)


def _tokens(source: str, members: Members | None) -> tuple[list[Token], tuple[int, ...]]:
    """What the source becomes, and the ids of the members whom it calls."""
    tokens = _bounded(_parser().parse(source), source)
    names = _names(tokens) if members is not None and "@" in source else []
    people = members(names) if members is not None and names else {}
    mentioned = _link_mentions(tokens, people) if people else ()
    _unmark_escaped_at(tokens)
    return _with_words(tokens), mentioned


def _as_written(source: str) -> list[Token]:
    """The source with its marks, as code is shown: at most six times as long."""
    return [Token("code_block", "code", 0, content=source)]


def _words_alone(html: str) -> list[Token]:
    """A paragraph of the first words of `html`."""
    words = " ".join(text_of(html).split()).removesuffix(" …")
    shown = words if len(words) <= _SUMMARY_LENGTH else _first_words(words, _SUMMARY_LENGTH)
    inline = Token("inline", "", 0, children=[Token("text", "", 0, content=f"{shown} …")])
    return [Token("paragraph_open", "p", 1, block=True), inline, Token("paragraph_close", "p", -1, block=True)]


def _bounded(tokens: list[Token], source: str) -> list[Token]:
    """`tokens` with titles cut that are too long, and links that repeat others while there is room for them.

    A reference is written once and can be used at every third character: all its uses would be half a thousand
    characters for each one of a long text. First titles go, then links become text.
    """
    room = _Room(_LEAST_REPEATED + 2 * len(source))
    for token in tokens:
        if token.children and any(child.type == "link_open" for child in token.children):
            token.children = list(_bounded_links(token.children, room))
    return tokens


class _Room:
    """How much HTML the links of a text may still make of what was there before."""

    def __init__(self, left: int) -> None:
        self.left = left
        self._lengths: dict[tuple[str, str], int] = {}

    def has(self, href: str, title: str) -> bool:
        """Take the room for a link, if it is there; the first with this address and title needs none."""
        length = self._lengths.get((href, title))
        if length is None:
            # A link without words shows its address.
            self._lengths[href, title] = _LINK + 2 * len(escape(href)) + len(escape(title))
            return True
        if length > self.left:
            return False
        self.left -= length
        return True


def _bounded_links(children: list[Token], room: _Room) -> Iterator[Token]:
    """What stands in a line; of a link without room only its text."""
    is_kept = True
    for child in children:
        if child.type == "link_open":
            is_kept = _fits(child, room)
        # No link is within another.
        if is_kept or child.type not in {"link_open", "link_close"}:
            yield child


def _fits(link: Token, room: _Room) -> bool:
    href, title = str(link.attrGet("href") or ""), str(link.attrGet("title") or "")
    if len(title) > _LONGEST_TITLE:
        title = title[: _LONGEST_TITLE - 1] + "…"
        link.attrSet("title", title)
    if room.has(href, title):
        return True
    link.attrs.pop("title", None)
    return bool(title) and room.has(href, "")


def _with_words(tokens: list[Token]) -> list[Token]:
    """`tokens` without headings that say nothing, and with words in every link; what says nothing is no table's head.

    Who hears a page goes through its links and its headings.
    """
    kept = list[Token]()
    for token in tokens:
        if token.children and any(child.tag == "a" for child in token.children):
            token.children = list(_with_words_of_links(token.children))
        if token.nesting < 0 and kept[-1].type == "inline" and _says_nothing(kept[-1]):
            if token.type == "heading_close":
                del kept[-2:]
                continue
            if token.tag == "th":
                kept[-2].tag = token.tag = "td"
        kept.append(token)
    return kept


def _with_words_of_links(children: list[Token]) -> Iterator[Token]:
    """What stands in a line; a link without words shows its address."""
    opening: Token | None = None
    for child in children:
        if child.type == "link_open":
            opening = child
        elif child.type == "link_close" and opening is not None:
            yield Token("text", "", 0, content=str(opening.attrGet("href") or "…"))
        elif not is_blank(child.content):
            opening = None
        yield child


def _says_nothing(inline: Token) -> bool:
    return all(is_blank(child.content) for child in inline.children or ())


def _names(tokens: list[Token]) -> list[str]:
    """What can be members' names behind an @, outside of code and links, each once; from the beginning of the text."""
    found: dict[str, None] = {}
    for token in tokens:
        for child, in_link in _texts(token):
            for match in () if in_link else _MENTION.finditer(child.content):
                found.update(dict.fromkeys(_names_at(match)))
                if len(found) >= MOST_NAMES:
                    return list(found)[:MOST_NAMES]
    return list(found)


def _names_at(match: re.Match[str]) -> Iterator[str]:
    """The names that can be meant where an @ was found, the longest first: text without blanks may go on behind one."""
    text, start = match.string, match.start(1)
    for end in range(match.end(1), start, -1):
        if not (text[end - 1].isspace() or _goes_on(text, end)):
            yield text[start:end]


def _goes_on(text: str, place: int) -> bool:
    """Whether `place` is within a word of letters: nobody is called by a part of one."""
    before, after = text[place - 1], text[place : place + 1]
    if _SAME_WORD.match(text, place):
        return True
    # An accent, or a vowel of an Indian script, that is a character of its own.
    return _is_mark(after) or (_is_mark(before) and after.isalnum() and not UNSPACED.match(after))


def _is_mark(character: str) -> bool:
    return not character.isascii() and unicodedata.category(character)[0] == "M"


def _texts(token: Token) -> Iterator[tuple[Token, bool]]:
    """The children of a token that are text, and all others as `in_link`: nothing in them is a mention."""
    depth = 0
    for child in token.children or ():
        depth += child.nesting if child.tag == "a" else 0
        yield child, depth > 0 or child.type != "text"


def _link_mentions(tokens: list[Token], people: Mapping[str, Called]) -> tuple[int, ...]:
    """Make links of the mentions of `people`; returns the ids of whom the text calls, in its order."""
    called = dict[Called, None]()
    for token in tokens:
        if token.children:
            token.children = [
                piece
                for child, in_link in _texts(token)
                for piece in (
                    [child] if in_link or "@" not in child.content else _linked(child.content, people, called)
                )
            ]
    return tuple(dict.fromkeys(person.id for person in called))


def _linked(text: str, people: Mapping[str, Called], called: dict[Called, None]) -> Iterator[Token]:
    """A text as tokens, with links where it calls one of `people` who is not `called` yet, and is from then on."""
    position = 0
    for match in _MENTION.finditer(text):
        # Each once: a link is twenty times as long as a short name, and a text may call it at every third character.
        if len(called) >= MOST_MENTIONED:
            break
        name = next((name for name in _names_at(match) if name in people), None)
        if name is None or people[name] in called:
            continue
        person = people[name]
        called[person] = None
        end = match.start(1) + len(name)
        yield Token("text", "", 0, content=text[position : match.start()])
        href = f"{PEOPLE}{person.id}?since={person.since}"
        yield Token("link_open", "a", 1, attrs={"class": "mention", "href": href})
        yield Token("text", "", 0, content=text[match.start() : end])
        yield Token("link_close", "a", -1)
        position = end
    yield Token("text", "", 0, content=text[position:])


def _html(tokens: list[Token]) -> str:
    parser = _parser()
    return _fence().clean(parser.renderer.render(tokens, parser.options, {}))


@cache
def _fence() -> nh3.Cleaner:
    """Keeps what is allowed. Made once: to read the lists took longer than to clean a comment."""
    return nh3.Cleaner(
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=_filter,
        url_schemes=SCHEMES,
        link_rel=REL,
        set_tag_attribute_values=_GIVEN,
    )


def _filter(tag: str, name: str, value: str) -> str | None:
    # The class says in which language a block of code is, and that a link is a mention (which the parser gives to
    # nothing that a member writes), and nothing else: a member cannot dress as the site.
    if name == "class":
        good = value == "mention" if tag == "a" else _LANGUAGE.fullmatch(value)
        return value if good else None
    return value


def _beginning(tokens: list[Token]) -> Iterator[Token]:
    """The tokens of the first blocks until there is enough; the last of them is cut if it is long."""
    weight, block = 0, list[Token]()
    for token in tokens:
        block.append(token)
        if token.level == 0 and token.nesting <= 0:
            before, weight = weight, _weight_of(block, weight)
            if weight > _LONGEST_SUMMARY:
                yield from _cut(block, max(_SUMMARY_LENGTH - before, _LEAST_OF_BLOCK))
                return
            yield from block
            block = []
            if weight >= _SUMMARY_LENGTH:
                return


def _differ(beginning: list[Token], tokens: list[Token]) -> bool:
    """Whether these are other tokens: what had to be cut is made of new ones."""
    return len(beginning) != len(tokens) or any(map(is_not, beginning, tokens))


def _weight_of(tokens: list[Token], weight: int) -> int:
    """`weight` and that of tokens; beyond what the longest summary has, it is not looked by how much."""
    for token in tokens:
        if weight > _LONGEST_SUMMARY:
            break
        weight += _weight(token)
    return weight


def _weight(token: Token) -> int:
    """As how many characters a token counts: a list of a hundred short items is long, too."""
    if token.children is not None:
        return _weight_of(token.children, _LINE)
    lines = token.content.count("\n") * _LINE + _BEGINNING.get(token.type, 0)
    # Addresses and titles are not seen, but a page of nothing but long ones would be long.
    unseen = sum(len(str(token.attrGet(name) or "")) for name in ("href", "title"))
    return len(token.content) + lines + unseen // 4


def _cut(block: list[Token], room: int) -> list[Token]:
    """The first tokens of a block that have room; the last text is cut, and what is open is closed."""
    kept, opened = list[Token](), list[Token]()
    for token in block:
        if token.nesting < 0:
            opened.pop()
        elif room <= 0:
            break
        weight = _weight(token)
        kept.append(_cut_token(token, room) if weight > room else token)
        room -= weight
        if token.nesting > 0:
            opened.append(token)
    _drop_part_of_row(kept, opened)
    return _closed(kept, opened)


def _drop_part_of_row(kept: list[Token], opened: list[Token]) -> None:
    """Leave out a row of a table that is not whole, but for the first."""
    rows = [place for place, token in enumerate(kept) if token.type == "tr_open"]
    if len(rows) > 1 and kept[rows[-1]] in opened:
        del opened[opened.index(kept[rows[-1]]) :]
        del kept[rows[-1] :]


def _cut_token(token: Token, room: int) -> Token:
    """A token of text of which there is room for a part only; code is cut where a line ends."""
    if token.type == "inline":
        children = _cut_children(token.children or [], room)
        return token if children is token.children else token.copy(children=children)
    if token.type not in {"fence", "code_block"}:
        return token
    lines = token.content.splitlines()
    weights = accumulate(len(line) + 1 + _LINE for line in lines)
    number = sum(1 for _weight in takewhile(lambda weight: weight <= room, weights))
    if number == len(lines):
        # It is its beginning alone for which there was no room, or there is nothing in it.
        return token
    shown = lines[:number] or [lines[0][:room]]
    return token.copy(content="\n".join([*shown, "…", ""]))


def _cut_children(children: list[Token], room: int) -> list[Token]:
    """The first of what stands in a line, as far as there is room; what is open is closed."""
    kept, opened = list[Token](), list[Token]()
    for child in children:
        if child.nesting < 0:
            opened.pop()
        weight = _weight(child)
        if weight > room:
            if child.nesting == 0:
                kept.append(child.copy(content=_first_words(child.content, room)))
            break
        kept.append(child)
        room -= weight
        if child.nesting > 0:
            opened.append(child)
    else:
        return children
    return [*_closed(kept, opened), Token("text", "", 0, content=" …")]


def _first_words(text: str, room: int) -> str:
    """The first words of `text`; scripts without blanks, and very long words, are cut anywhere."""
    end = max(text.rfind(" ", 0, room + 1), text.rfind("\n", 0, room + 1))
    return text[: end if end > room - _LONGEST_WORD else room].rstrip()


def _closed(tokens: list[Token], opened: list[Token]) -> list[Token]:
    """`tokens` without what opens at their end, and with what closes the rest of `opened`."""
    while tokens and tokens[-1].nesting > 0:
        tokens.pop()
        opened.pop()
    closing = [token.copy(type=token.type.replace("_open", "_close"), nesting=-1, attrs={}) for token in opened]
    return [*tokens, *reversed(closing)]


@cache
def _parser() -> MarkdownIt:
    """The parser; it keeps nothing of what it parses."""
    # It drops the blocks that reach its own bound without a word: none may.
    parser = _parser_up_to(_MOST_NESTED + 2)
    parser.core.ruler.at("inline", _lines)
    # Behind it nobody knows what was escaped.
    parser.core.ruler.before("text_join", "escaped_at", _mark_escaped_at)
    return parser


def _lines(state: StateCore) -> None:
    """Parse what stands in the lines of blocks, with a bound of its own: by it, brackets in brackets cost more."""
    parser = _parser_of_lines()
    for token in state.tokens:
        if token.type == "inline":
            token.children = []
            # Cells of tables are empty by the thousand.
            if token.content:
                parser.inline.parse(token.content, parser, state.env, token.children)


def _mark_escaped_at(state: StateCore) -> None:
    """Let each escaped @ be told from others in the text that it is joined with."""
    for child in _children(state.tokens):
        if child.type == "text_special" and child.content == "@":
            child.content = _ESCAPED_AT


def _unmark_escaped_at(tokens: list[Token]) -> None:
    for child in _children(tokens):
        if _ESCAPED_AT in child.content:
            child.content = child.content.replace(_ESCAPED_AT, "@")


def _children(tokens: list[Token]) -> Iterator[Token]:
    return (child for token in tokens for child in token.children or ())


@cache
def _parser_of_lines() -> MarkdownIt:
    return _parser_up_to(_MOST_NESTED_IN_LINE)


def _parser_up_to(most: int) -> MarkdownIt:
    parser = linking_parser(most)
    parser.block = _Blocks(parser.block.ruler)
    for name, rule, ends in _ENDING:
        parser.block.ruler.at(name, rule, {"alt": ends})
    parser.block.ruler.push("end", _ends_block, {"alt": ["blockquote"]})
    parser.enable(["table", "strikethrough"])
    # Blocks of HTML are none here; the rule would be asked at every line of every quotation all the same.
    parser.disable("html_block")
    parser.inline.ruler.at("emphasis", _emphasis)
    return parser


class _Blocks(ParserBlock):
    """Counts the lines that quotations give back."""

    def __init__(self, ruler: Ruler[_BlockRule]) -> None:
        self.ruler = ruler

    def tokenize(self, state: StateBlock, startLine: int, endLine: int) -> None:  # noqa: N803 - the parser's names
        """Make tokens of lines, as far as they belong together."""
        is_quotation = state.parentType == "blockquote"
        super().tokenize(state, startLine, endLine)
        if is_quotation:
            state.env["given_back"] = state.env.get("given_back", 0) + endLine - state.line


def _bounded_quotation(state: StateBlock, begin: int, end: int, silent: bool) -> bool:
    return state.level < _MOST_NESTED and _if_there_is_room(blockquote, state, begin, end, silent)


def _bounded_list(state: StateBlock, begin: int, end: int, silent: bool) -> bool:
    return state.level < _MOST_NESTED - 1 and _if_there_is_room(list_block, state, begin, end, silent)


def _if_there_is_room(rule: _BlockRule, state: StateBlock, begin: int, end: int, silent: bool) -> bool:
    """What a rule says, but False within other blocks once a text has begun too many there."""
    if not state.level:
        return rule(state, begin, end, silent)
    # Before it asks the rule: what is within is asked about first.
    room: int = state.env.setdefault("within", _LEAST_WITHIN + len(state.src) // _CHARACTERS_FOR_WITHIN)
    if room < 1:
        return False
    # First, as what is within counts, too.
    state.env["within"] = room - (not silent)
    if rule(state, begin, end, silent):
        return True
    state.env["within"] = room
    return False


_BlockRule = Callable[[StateBlock, int, int, bool], bool]
#: What ends a quotation whose marks a line does not repeat: by name the rule, and what else it ends.
_ENDING: list[tuple[str, _BlockRule, list[str]]] = [
    ("fence", fence, ["paragraph", "reference", "list"]),
    ("blockquote", _bounded_quotation, ["paragraph", "reference", "list"]),
    ("hr", hr, ["paragraph", "reference", "list"]),
    ("list", _bounded_list, ["paragraph", "reference"]),
    ("heading", heading, ["paragraph", "reference"]),
]


def _ends_block(state: StateBlock, line: int, end: int, silent: bool) -> bool:
    """Whether a line ends a quotation or, at each of its rows once, a table.

    One that goes on with the outer quotation ends none of those within it: each asked anew, a text of short lines below
    thirty quotations took three seconds. The outer one says so by a negative indentation, and paragraphs look at that,
    too.
    """
    if state.sCount[line] < 0 or not silent:
        return False
    if state.parentType == "blockquote" and state.env.get("given_back", 0) > _LEAST_GIVEN_BACK + len(state.src):
        return True
    if any(rule(state, line, end, True) for _name, rule, _ends in _ENDING):
        return True
    return state.parentType == "table" and _has_no_room_for_row(state, line)


def _has_no_room_for_row(state: StateBlock, line: int) -> bool:
    """Whether a line ends a table, as there is no room for the cells that its row lacks: the rest is text."""
    if state.tokens[-1].type == "thead_close":
        heads = takewhile(lambda token: token.type != "tr_open", reversed(state.tokens))
        state.env["columns"] = sum(token.type == "th_open" for token in heads)
    row = state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]].strip(" \t")
    cells = row.count("|") + 1 - row.startswith("|") - row.endswith("|")
    lacking = max(state.env["columns"] - cells, 0) if row else 0
    room: int = state.env.setdefault("room", _LEAST_FILLED + len(state.src) // _CHARACTERS_FOR_FILLED)
    if lacking > room:
        return True
    state.env["room"] = room - lacking
    return False


def _emphasis(state: StateInline, silent: bool) -> bool:
    """`*` and `_`; in `**“中文”**后面` a `*` beside Chinese, Japanese or Korean is as if a blank stood there.

    CommonMark looks for blanks around words to tell an opening from a closing mark beside punctuation.
    """
    start = state.pos
    if not emphasis.tokenize(state, silent):
        return False
    before, after = state.src[start - 1 : start], state.src[state.pos : state.pos + 1]
    if state.src[start] == "*" and before.strip() and after.strip():
        opens, closes = UNSPACED.match(before) is not None, UNSPACED.match(after) is not None
        for delimiter in state.delimiters[start - state.pos :] if opens or closes else ():
            delimiter.open, delimiter.close = delimiter.open or opens, delimiter.close or closes
    return True


def _level_headings(tokens: list[Token], above: int) -> bool:
    """Put headings below the level `above`, never below the sixth; returns whether there are any.

    Of `#` and then `####` the second is one lower than the first: who hears a page looks for what a gap left out.
    """
    outer = list[str]()
    headings = [token for token in tokens if token.type in {"heading_open", "heading_close"}]
    for token in headings:
        if token.nesting > 0:
            while outer and outer[-1] >= token.tag:
                outer.pop()
            outer.append(token.tag)
        token.tag = f"h{min(above + len(outer), 6)}"
    return bool(headings)


def _lower_headings(tokens: list[Token]) -> bool:
    """Put headings that have their level one lower, never below the sixth; returns whether there are any."""
    headings = [token for token in tokens if token.type in {"heading_open", "heading_close"}]
    for token in headings:
        token.tag = f"h{min(int(token.tag[1]) + 1, 6)}"
    return bool(headings)
