"""What a token looks like: `flasky_`, 43 random characters, and 6 by which a program can tell that it is whole.

Whoever looks for leaked tokens finds them by the beginning, and no token that was cut or mistyped is asked for in the
database.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib

_PREFIX = "flasky_"
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_CHECKED = 6
_FORM = re.compile(rf"{_PREFIX}[A-Za-z0-9_-]{{43}}[0-9A-Za-z]{{{_CHECKED}}}")


def new_token() -> str:
    """A token that nobody can guess: 256 random bits."""
    body = _PREFIX + secrets.token_urlsafe(32)
    return body + _checksum(body)


def fingerprint(token: str) -> str | None:
    """What the database keeps of a token; None for a text that cannot be one."""
    if not _FORM.fullmatch(token) or _checksum(token[:-_CHECKED]) != token[-_CHECKED:]:
        return None
    # 256 random bits need neither salt nor a slow hash.
    return hashlib.sha256(token.encode()).hexdigest()


def _checksum(text: str) -> str:
    """The CRC-32 of `text`, as six digits of base 62."""
    number, digits = zlib.crc32(text.encode()), ""
    for _place in range(_CHECKED):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
