"""The Cookie header, cut down to cookies before WebOb reads it (SES-08).

WebOb looks for cookies with a pattern that takes quadratic time on text that holds none: 20 kB of one letter keep a
thread busy for many seconds. It also lets the last of two cookies with one name win, which lets a sub-domain choose
whose session a visitor has. So what is no cookie by RFC 6265 is dropped, and so is a name that comes twice: both mean
that nobody is signed in.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import MutableMapping
from typing import Any

#: A browser keeps 4096 bytes of a cookie.
_LONGEST = 4096
#: As many as browsers keep for one site.
_MOST = 200

_COOKIE = re.compile(
    r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,256})=([\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*|"
    r'"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")'
)


def clean_cookies(environ: MutableMapping[str, Any]) -> None:
    """Keep of the Cookie header what is a cookie and comes once."""
    header = environ.get("HTTP_COOKIE")
    if header is None:
        return
    pairs = [pair.strip(" \t") for pair in header.split(";", _MOST)[:_MOST]]
    cookies = [(match[1], pair) for pair in pairs if len(pair) <= _LONGEST and (match := _COOKIE.fullmatch(pair))]
    times = Counter(name for name, _ in cookies)
    environ["HTTP_COOKIE"] = "; ".join(pair for name, pair in cookies if times[name] == 1)
