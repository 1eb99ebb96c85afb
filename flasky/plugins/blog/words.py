"""The words by which a text is found, the same on every database.

Words of letters are lower-case and without accents. Chinese, Japanese and Korean are written without blanks, so each
pair of neighbouring characters is a word there (and the last character of a run alone): 胡同文化 becomes 胡同, 同文,
文化, 化, and a search for any part of it of one character or more finds it. What is not ASCII is spelt in hexadecimal
digits: no database then has an opinion of its own on where a word ends.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain, pairwise
from typing import NamedTuple

from flasky.languages.scripts import UNSPACED_CHARACTERS

_RUNS = re.compile(r"[^\W_]+")
UNSPACED = re.compile(f"[{UNSPACED_CHARACTERS}]+")
_PIECES = re.compile(f"[{UNSPACED_CHARACTERS}]+|[^{UNSPACED_CHARACTERS}]+")
#: Where a word of letters begins and ends: at what is no letter or digit, and where the script changes.
_BEGINS_A_WORD = rf"(?:(?<![^\W_])|(?<=[{UNSPACED_CHARACTERS}]))"
_ENDS_A_WORD = rf"(?=[\W_{UNSPACED_CHARACTERS}]|\Z)"
#: Categories of characters that show nothing by themselves, and characters that show nothing whatever theirs is.
_UNSEEN = {"Cc", "Cf", "Cs", "Mn", "Me", "Zl", "Zp", "Zs"}
_EMPTY = "\u115f\u1160\u2800\u3164\uffa0"
#: Characters that turn the direction of the text behind them, also behind the text that they stand in.
_TURNS = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])
_LONGEST_WORD = 40
#: How the spelling of what is not ASCII begins, and what begins like it: letters have numbers up to U+3FFFF.
_SPELLING = re.compile("u[0-3][0-9a-f]{4}")
_BEGINS_LIKE_A_SPELLING = re.compile("u[0-3][0-9a-f]{0,3}")
#: How many words of a query are looked for.
MOST_WORDS = 10


def is_blank(text: str) -> bool:
    """Whether nobody sees anything of `text`: it has blanks, joiners, fillers and lone accents, if anything."""
    return all(character in _EMPTY or unicodedata.category(character) in _UNSEEN for character in text)


def unturned(text: str) -> str:
    """`text` without the characters that turn the direction of what stands behind it on a line (U+202A to U+2069).

    An element around it is not enough: one of them ends what the element begins. Marks that turn nothing else stay.
    """
    return text.translate(_TURNS)


def words_of(text: str) -> str:
    """The words of `text` with blanks between them, each once, in order; for the index."""
    return " ".join(dict.fromkeys(_words(text, indexed=True)))


class Query(NamedTuple):
    """What a text asks for: words that all have to be found, as such or as the beginnings of words.

    `left_out` are those for which nobody looks, as they were typed.
    """

    whole: tuple[str, ...]
    begun: tuple[str, ...]
    left_out: tuple[str, ...]


def query(text: str) -> Query:
    """What `text` asks for: its first ten words.

    What is written without blanks counts as one, of however many pairs: few of them, and the last would be left out of
    a short sentence. They are cheap, each a word of the index, and the text is not long (`limits.LONGEST_QUERY`).
    """
    places = _places_of_pieces(_folded(text))
    asked, beyond = list(places)[:MOST_WORDS], list(places)[MOST_WORDS:]
    words = dict.fromkeys(chain.from_iterable(_asked(piece) for piece in asked))
    return Query(
        tuple(word for word, is_whole in words if is_whole),
        tuple(word for word, is_whole in words if not is_whole),
        tuple(_typed(text, places[piece]) or piece for piece in beyond),
    )


def _places_of_pieces(folded_text: str) -> dict[str, slice]:
    """The words of letters and the runs without blanks, each once, with their first places."""
    places = dict[str, slice]()
    for run in _RUNS.finditer(folded_text):
        for piece in _PIECES.finditer(run[0]):
            places.setdefault(piece[0], slice(run.start() + piece.start(), run.start() + piece.end()))
    return places


def _asked(piece: str) -> Iterator[tuple[str, bool]]:
    """The words of a piece of a query, and whether each is only found as a whole word: pairs are.

    So is what stands alone.
    """
    for word in _words(piece, indexed=False):
        yield word, _stands_alone(piece) or (len(piece) > 1 and UNSPACED.match(piece) is not None)


def _stands_alone(piece: str) -> bool:
    """Whether words that begin so are not asked for: with a single letter, or `u0`, as what is not ASCII is spelt.

    A letter is the beginning of a twentieth of all words, and each of those in a query would be a search through the
    whole index; `u0` would be the beginning of each Chinese word.
    """
    return piece.isascii() and (len(piece) == 1 or _BEGINS_LIKE_A_SPELLING.fullmatch(piece) is not None)


def _typed(text: str, place: slice) -> str:
    """What stands in `text` at a place in the folded text; nothing where its characters do not say so each alone."""
    folded_text, text = _folded(text), unicodedata.normalize("NFC", text)
    shown, places = folded(text)
    return text[span(text, places, place.start, place.stop)] if shown == folded_text else ""


@lru_cache(maxsize=64)
def pattern_of(text: str) -> re.Pattern[str] | None:
    """What finds, in a text that is `folded`, the words of a query where `words_of` has them; None without words."""
    pieces = [piece for run in _RUNS.findall(_folded(text)) for piece in _PIECES.findall(run)]
    pairs = [first + second for piece in pieces if UNSPACED.match(piece) for first, second in pairwise(piece)]
    # Of two that begin at the same place the longer one.
    terms = sorted(dict.fromkeys(pieces + pairs), key=len, reverse=True)
    unspaced = [term for term in terms if UNSPACED.match(term)]
    alone = [term for term in terms if _stands_alone(term)]
    begins = [term for term in terms if not _stands_alone(term) and term not in unspaced]
    if not terms:
        return None
    # Most places are passed by at their first character; where a word begins and ends is asked once for all words.
    first = "".join(dict.fromkeys(term[0] for term in terms))
    words = [*begins, *([f"(?:{'|'.join(alone)}){_ENDS_A_WORD}"] if alone else [])]
    patterns = [*unspaced, *([f"{_BEGINS_A_WORD}(?:{'|'.join(words)})"] if words else [])]
    return re.compile(f"(?=[{first}])(?:{'|'.join(patterns)})")


def folded(text: str) -> tuple[str, Sequence[int]]:
    """`text` as its words are compared, and for each of its characters the place in `text` that it comes from."""
    if text.isascii():
        return text.lower(), range(len(text))
    pieces = list(map(_folded_character, text))
    return "".join(pieces), [place for place, piece in enumerate(pieces) for _character in piece]


def span(text: str, places: Sequence[int], start: int, end: int) -> slice:
    """Where in `text` stands what the text that is `folded` has from `start` to `end`, with the accents behind it."""
    first, behind = places[start], places[end - 1] + 1
    # An accent that is a character of its own belongs to the one in front of it.
    while behind < len(text) and unicodedata.combining(text[behind]):
        behind += 1
    return slice(first, behind)


@lru_cache(maxsize=8192)
def _folded_character(character: str) -> str:
    return _folded(character)


def _words(text: str, *, indexed: bool) -> Iterator[str]:
    for run in _RUNS.findall(_folded(text)):
        position = 0
        for match in UNSPACED.finditer(run):
            if match.start() > position:
                yield _spelt(run[position : match.start()])
            yield from _pairs(match[0], indexed=indexed)
            position = match.end()
        if position < len(run):
            yield _spelt(run[position:])


def _pairs(run: str, *, indexed: bool) -> Iterator[str]:
    for first, second in pairwise(run):
        yield _spelt(first + second)
    # Asked for, the last character is in the pair already.
    if indexed or len(run) == 1:
        yield _spelt(run[-1])


def _folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(character for character in decomposed if not unicodedata.combining(character))
    return unicodedata.normalize("NFC", bare)


def _spelt(word: str) -> str:
    """The word as databases have it; in digits also where a word looks like others that are spelt in them."""
    word = word[:_LONGEST_WORD]
    if word.isascii() and not _SPELLING.match(word):
        return word
    return "".join(f"u{ord(character):05x}" for character in word)
