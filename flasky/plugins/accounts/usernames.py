"""User names: which are taken, and when two of them are the same or look the same (INP-10).

A name has three forms. The *shown* form is what its owner typed, in Unicode's compatible composition (NFKC). The
*canonical* form is what it is found by: NFKC and case folding, so that `Anna` and `ＡＮＮＡ` are one name. The
*skeleton* is what it looks like (Unicode Technical Standard 39): two names with one skeleton cannot be told apart,
so the second is refused. Letters of several scripts in one name are refused as well, except for the mixtures that
Chinese, Japanese and Korean are written in.

Signs are allowed: a member may be called `<b>胡同</b>` or `O'Brien & Söhne`. Pages and mails escape whatever they
show, so nothing is gained by forbidding them, and a rule that a name is harmless is one that templates rely on.
"""

from __future__ import annotations

import unicodedata
from functools import cache

from flasky.languages import _
from flasky.plugins.accounts.errors import Fault

LONGEST_USERNAME = 64
_LONGEST_KEY = 255
_FIELD = "username"

#: Names that would be taken for the site itself, its staff, or one of its addresses; compared by skeleton.
RESERVED = frozenset(
    # A text, as a list of them would be a page long.
    """
    about abuse account accounts admin administration administrator admins api assets auth billing blog bot cdn
    confirm contact delete dev docs edit everybody everyone export feed feedback flasky ftp guest help hostmaster
    imap info login logout mail mailer-daemon me member members moderation moderator moderators news nobody none null
    official operator owner people postmaster privacy register registration reset root rss search security settings
    signin signout signup site sitemap smtp ssl staff static status support sysadmin system team terms undefined
    user users webmaster www you
    管理员 版主 系统 官方 客服
    """.split()  # noqa: SIM905 - see above
)

#: Scripts that are written together (UTS 39, "Highly Restrictive").
_MIXTURES = (
    frozenset({"LATIN", "HAN", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "HAN", "BOPOMOFO"}),
    frozenset({"LATIN", "HAN", "HANGUL"}),
)
#: Characters of every script.
_SCRIPTLESS = frozenset({"COMMON", "INHERITED"})

#: Nobody sees these, though their categories are those of letters, marks and signs.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | frozenset(
    chr(code) for code in (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))
)
#: Addresses contain the first; the others would change where a link to the profile leads.
_FORBIDDEN = frozenset("@\\?#%")
_MOST_MARKS = 2


def check_username(text: str, *, reserved: bool = False) -> str:
    """The shown form of a name that somebody may choose; raises Fault with the reason if they may not.

    The site's owner may take `reserved` ones too.

    Whether the name is still free only the database knows: see `registration`.
    """
    if any(0xD800 <= ord(character) <= 0xDFFF for character in text):
        raise Fault(_FIELD, _("The name contains a character that does not exist."))
    shown = shown_form(text)
    if not shown:
        raise Fault(_FIELD, _("Choose a name."))
    if len(shown) > LONGEST_USERNAME or len(canonical(shown)) > _LONGEST_KEY or len(skeleton(shown)) > _LONGEST_KEY:
        raise Fault(_FIELD, _("The name has more than ${count} characters.", mapping={"count": LONGEST_USERNAME}))
    _check_characters(shown)
    _check_segments(shown)
    if not _is_one_writing(shown):
        raise Fault(_FIELD, _("The name mixes letters of different scripts, which others could not tell apart."))
    if not reserved and (canonical(shown) in RESERVED or skeleton(shown) in _reserved_skeletons()):
        raise Fault(_FIELD, _("This name is reserved. Choose another."))
    return shown


def shown_form(text: str) -> str:
    """The name as it is shown: NFKC, without blanks around it."""
    return unicodedata.normalize("NFKC", text).strip(" ")


def canonical(text: str) -> str:
    """The one form by which a name is found, however it was typed: Unicode's NFKC_Casefold of it."""
    folded = unicodedata.normalize("NFKC", shown_form(text)).casefold()
    # Folding can undo the composition: U+0345 folds to a letter, for one.
    return unicodedata.normalize("NFKC", folded).casefold()


def skeleton(text: str) -> str:
    """What the name looks like: names that can be mistaken for each other have one skeleton (UTS 39, section 4)."""
    # Before folding, as a capital I looks like an l; after it, as folding makes new look-alikes.
    return _resemble(canonical(_resemble(shown_form(text))))


def _resemble(text: str) -> str:
    prototypes = _prototypes()
    decomposed = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFD", "".join(prototypes.get(character, character) for character in decomposed))


def _check_characters(shown: str) -> None:
    marks = 0
    for character in shown:
        category = unicodedata.category(character)
        if category in {"Cc", "Cf", "Cs", "Zl", "Zp"} or character in _INVISIBLE:
            raise Fault(_FIELD, _("The name contains an invisible character."))
        if category in {"Cn", "Co"} or character == "\ufffd":
            raise Fault(_FIELD, _("The name contains a character that does not exist."))
        if character in _FORBIDDEN or (category == "Zs" and character != " "):
            raise Fault(_FIELD, _("A name cannot contain ${character}", mapping={"character": character}))
        marks = marks + 1 if category in {"Mn", "Me", "Mc"} else 0
        if marks > _MOST_MARKS:
            raise Fault(_FIELD, _("The name has too many accents on one letter."))
    if unicodedata.category(shown[0])[0] == "M":
        raise Fault(_FIELD, _("A name cannot begin with an accent."))
    if "  " in shown:
        raise Fault(_FIELD, _("A name has no two blanks in a row."))
    if not any(unicodedata.category(character)[0] in "LN" for character in shown):
        raise Fault(_FIELD, _("A name needs a letter or a digit."))


def _check_segments(shown: str) -> None:
    # Links to the profile end with the name: /user/<name> and /user/<name>/edit.
    segments = shown.split("/")
    if any(segment in {"", ".", ".."} for segment in segments) or (len(segments) > 1 and segments[-1] == "edit"):
        raise Fault(_FIELD, _("A name cannot contain ${character}", mapping={"character": "/"}))


def _is_one_writing(shown: str) -> bool:
    from confusable_homoglyphs import categories  # noqa: PLC0415 - loads a megabyte, needed when somebody joins

    scripts = {categories.alias(character) for character in shown} - _SCRIPTLESS
    return len(scripts) <= 1 or any(scripts <= mixture for mixture in _MIXTURES)


@cache
def _reserved_skeletons() -> frozenset[str]:
    return frozenset(skeleton(name) for name in RESERVED)


@cache
def _prototypes() -> dict[str, str]:
    """For each character that looks like another: which one stands for both.

    The package lists look-alikes in both directions. One that has a single look-alike is the copy (`0` of `O`), one
    that has many is the original; of a pair of two the first in Unicode's order is taken for the original.
    """
    from confusable_homoglyphs import confusables  # noqa: PLC0415 - loads a megabyte, needed when somebody joins

    alike = {
        character: [other["c"].strip("\u200e") for other in others]
        for character, others in confusables.confusables_data.items()
        if len(character) == 1
    }
    prototypes = {}
    for character, others in alike.items():
        original = others[0]
        if len(others) == 1 and not (alike.get(original) == [character] and character < original):
            prototypes[character] = original
    return prototypes
