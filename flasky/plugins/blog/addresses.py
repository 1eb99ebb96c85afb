"""What members type as the address of a link where they leave out how it begins: `example.com`, `me@example.com`.

A browser takes it for a page beside the one where the link stands, which this site does not have.
"""

from __future__ import annotations

import re

#: Kinds of endings of which a name of a site has one, beside those of countries, which have two letters.
_ENDINGS = {
    "com", "net", "org", "edu", "gov", "mil", "int", "info", "biz", "name", "pro", "aero", "asia", "coop", "museum",
    "app", "art", "blog", "cloud", "club", "design", "dev", "live", "news", "online", "page", "shop", "site", "space",
    "store", "tech", "top", "wiki", "world", "xyz",
    "中国", "中國", "公司", "网络", "網絡", "网址", "网站", "香港", "台湾", "台灣", "한국", "みんな", "рф", "укр",
}  # fmt: skip
_LABEL = r"[^\W_](?:(?:[^\W_]|-)*[^\W_])?"
#: The name of a site up to its end, a port, or what stands behind both; the group is its ending.
_SITE = rf"(?:{_LABEL}\.)+(xn--[a-z0-9-]+|[^\W\d_]{{2,}})"
_ON_A_SITE = re.compile(rf"{_SITE}(?::[0-9]{{1,5}})?(?=[/?#]|\Z)", re.IGNORECASE)
_OF_A_PERSON = re.compile(rf"[^\s@/?#:]+@{_SITE}\Z", re.IGNORECASE)


def with_beginning(address: str) -> str:
    """`address` with `https://` where it begins with a site's name, with `mailto:` where it is somebody's, or as it is.

    Like programs that make links of bare names, it knows the endings that names have, and takes `notes.md` for one.
    """
    for pattern, beginning in ((_ON_A_SITE, "https://"), (_OF_A_PERSON, "mailto:")):
        match = pattern.match(address)
        if match is not None and _is_known(match[1].lower()):
            return beginning + address
    return address


def _is_known(ending: str) -> bool:
    return ending in _ENDINGS or ending.startswith("xn--") or (len(ending) == 2 and ending.isascii())
