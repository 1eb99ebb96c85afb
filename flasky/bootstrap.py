"""Bootstrap's files, from the installed package, made to fit a strict Content-Security-Policy.

Bootstrap's style sheet holds its small pictures as ``data:`` addresses, which ``img-src 'self'`` refuses, and it is
dark only where a script says so. Both are put right here, once, when the first file is asked for: each picture
becomes a file beside the style sheet, and the rules of the dark scheme are repeated for browsers that prefer it.
So every part of Bootstrap works in every plug-in, in both schemes, without a script and without an exception.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import distribution
from pathlib import Path
from urllib.parse import unquote

_PICTURE = re.compile(r"""url\((["'])data:image/svg\+xml,(.*?)\1\)""")
_SOURCE_MAP = "# sourceMappingURL="
_DARK = "[data-bs-theme=dark]"
#: The page as a whole, unless somebody chose its scheme by attribute.
_PREFERRED = ":root:not([data-bs-theme])"


def files() -> Mapping[str, bytes]:
    """The style sheet, its pictures and the script, by path."""
    # The package has no __init__.py: imported by name, any folder called "bootstrap" would pass for it.
    folder = Path(str(distribution("bootstrap-wrapper").locate_file("bootstrap")))
    css = (folder / "css" / "bootstrap.min.css").read_text(encoding="utf-8")
    js = (folder / "js" / "bootstrap.bundle.min.js").read_text(encoding="utf-8")
    css, pictures = without_data_addresses(without_source_map(css))
    return {
        "bootstrap.min.css": (css + dark_by_preference(css)).encode(),
        "bootstrap.bundle.min.js": without_source_map(js).encode(),
        "LICENSE": (folder / "LICENSE").read_bytes(),
        **pictures,
    }


def without_source_map(text: str) -> str:
    """Without the comment at the end, which names a file that is not published."""
    # Not by a pattern: it would be tried at each of the 300,000 letters before that comment.
    begin = text.rfind(_SOURCE_MAP) - len("//")
    comment = text[max(begin, 0) :].rstrip()
    # The word may stand in the code too, and code behind it: only a comment that ends the file is cut off.
    ends_it = {"/*": comment.find("*/") == len(comment) - 2, "//": "\n" not in comment}
    return f"{text[:begin].rstrip()}\n" if begin >= 0 and ends_it.get(comment[:2], False) else text


def without_data_addresses(css: str) -> tuple[str, dict[str, bytes]]:
    """The style sheet `css` with each ``data:`` picture named as a file, and those files."""
    pictures: dict[str, bytes] = {}

    def to_file(found: re.Match[str]) -> str:
        svg = unquote(found[2]).encode()
        name = f"{hashlib.sha256(svg).hexdigest()[:12]}.svg"
        pictures[name] = svg
        return f"url({name})"

    return _PICTURE.sub(to_file, css), pictures


def dark_by_preference(css: str) -> str:
    """The rules of `css` for the dark scheme, for a browser that prefers dark.

    Rules about a part that is always dark (``.navbar[data-bs-theme=dark]``) stand as they are.
    """
    rules = []
    for selectors, body in _dark_rules(css):
        chosen = [item for item in selectors.split(",") if item.strip().startswith(_DARK)]
        if chosen:
            rules.append(",".join(item.replace(_DARK, _PREFERRED) for item in chosen) + "{" + body + "}")
    return "\n@media (prefers-color-scheme:dark){" + "".join(rules) + "}\n"


def _dark_rules(css: str) -> Iterator[tuple[str, str]]:
    """Selectors and body of each rule that names the dark scheme.

    From word to word: a pattern for a whole rule is tried at every letter of the style sheet, at each start.
    """
    end = 0
    while (found := css.find(_DARK, end)) >= 0:
        begin = max(css.rfind(mark, end, found) for mark in "{}@;") + 1 or end
        opening = css.index("{", found)
        end = css.index("}", opening)
        yield css[begin:opening], css[opening + 1 : end]
