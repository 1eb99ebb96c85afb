"""What members type as the address of a link where they leave out how it begins: `example.com`, `me@example.com`.

A browser takes it for a page beside the one where the link stands, which this site does not have.
"""

from __future__ import annotations

import re

#: Kinds of endings of which a name of a site has one, beside those of countries, which have two letters.
_ENDINGS = frozenset(
    # A text, as one of them alone would read as the name of a plug-in, and a list be a page long.
    """
    com net org edu gov mil int info biz name pro aero asia coop museum app art blog cloud club design dev live news
    online page shop site space store tech top wiki world xyz 中国 中國 公司 网络 網絡 网址 网站 香港 台湾 台灣 한국
    みんな рф укр
    """.split()  # noqa: SIM905 - see above
)
#: Endings of two letters that names of files have, some of them a country's: `README.md`, `main.rs`.
_OF_FILES = frozenset({"cs", "db", "go", "gz", "hs", "jl", "js", "kt", "md", "py", "rb", "rs", "sh", "ts", "xz"})
_LABEL = r"[^\W_](?:(?:[^\W_]|-)*[^\W_])?"
#: The name of a site up to its end, a port, or what stands behind both; the group is its ending.
_SITE = rf"(?:{_LABEL}\.)+(xn--[a-z0-9-]+|[^\W\d_]{{2,}})"
_ON_A_SITE = re.compile(rf"{_SITE}(?::[0-9]{{1,5}})?(?=[/?#]|\Z)", re.IGNORECASE)
_WWW = re.compile(r"www\.", re.IGNORECASE)
_OF_A_PERSON = re.compile(rf"[^\s@/?#:]+@{_SITE}\Z", re.IGNORECASE)


def with_beginning(address: str) -> str:
    """`address` with `https://` where it begins with a site's name, with `mailto:` where it is somebody's, or as it is.

    Like programs that make links of bare names, it knows the endings that names have. What ends as a file does is a
    site only with `www.` before it, or a port or a path behind it: `notes.md` would lead to somebody in Moldova.
    """
    site = _ON_A_SITE.match(address)
    if site is not None and _is_known(site[1]) and not _is_a_file(address, site.end(1), site[1]):
        return "https://" + address
    person = _OF_A_PERSON.match(address)
    return "mailto:" + address if person is not None and _is_known(person[1]) else address


def _is_known(ending: str) -> bool:
    ending = ending.lower()
    return ending in _ENDINGS or ending.startswith("xn--") or (len(ending) == 2 and ending.isascii())


def _is_a_file(address: str, end: int, ending: str) -> bool:
    """Whether a name that ends there may well be a file's."""
    return ending.lower() in _OF_FILES and address[end : end + 1] not in {":", "/"} and not _WWW.match(address)
