"""What members tell about themselves, and the picture beside their name."""

from __future__ import annotations

import hashlib
import io
import secrets
import unicodedata
import zoneinfo
from collections.abc import Callable
from functools import cache, lru_cache
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from markupsafe import Markup
from sqlalchemy import delete, select
from translationstring import TranslationString

from flasky.languages import LANGUAGES, _
from flasky.plugins.accounts.errors import Fault, Faults
from flasky.plugins.accounts.events import NameChanged
from flasky.plugins.accounts.models import LONGEST_LOCATION, LONGEST_NAME, Avatar, User
from flasky.plugins.accounts.work import Work

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

LONGEST_ABOUT = 2000
#: Bytes, and pixels, of a picture that may be uploaded; a small file can unpack to gigabytes.
LARGEST_UPLOAD = 1024 * 1024
_MOST_PIXELS = 16_000_000
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
_SIDE = 256
#: The address takes so many digits.
LARGEST_VERSION = 999_999_999

_TAGS = {"a", "blockquote", "br", "code", "em", "li", "ol", "p", "pre", "strong", "ul"}

#: Pairs with enough contrast for white letters on them.
_COLOURS = ("#7a3e9d", "#1f6f54", "#9a3412", "#1d4ed8", "#a21caf", "#0f766e", "#b91c1c", "#4d5b1e")


class Picture(NamedTuple):
    """What is known of a member's picture; `image` and its type are None where they uploaded none."""

    username: str
    has_profile: bool
    media_type: str | None
    image: bytes | None


def update(work: Work, user: User, *, name: str, location: str, about: str, language: str, timezone: str) -> None:
    """Store what the member says of themselves; empty texts mean nothing, or the browser's language and time zone.

    Raises Faults. `about` is Markdown.
    """
    name, location = " ".join(name.split()), " ".join(location.split())
    checks: dict[str, tuple[bool, Callable[[], TranslationString]]] = {
        "name": (_is_line(name, LONGEST_NAME), lambda: _too_long(LONGEST_NAME)),
        "location": (_is_line(location, LONGEST_LOCATION), lambda: _too_long(LONGEST_LOCATION)),
        "about": (len(about) <= LONGEST_ABOUT and "\x00" not in about, lambda: _too_long(LONGEST_ABOUT)),
        "language": (language in {"", *LANGUAGES}, lambda: _("There is no such language here.")),
        "timezone": (timezone == "" or timezone in timezones(), lambda: _("There is no such time zone.")),
    }
    if faults := {field: reason() for field, (good, reason) in checks.items() if not good}:
        raise Faults(faults)
    renamed = name != user.name
    user.name, user.location = name, location
    user.about_source, user.about_html = about, render_about(about)
    user.timezone = timezone or None
    # Who leaves the field alone has chosen nothing. Who chooses that of the browser has: it is not None any more.
    if language != (user.language or ""):
        user.language = language
    work.db.flush()
    if renamed:
        work.registry.notify(NameChanged(work, user))


def render_about(source: str) -> str:
    """Markdown as HTML that is safe to show (XSS-01): the parser knows no raw HTML, and what it makes is sanitised.

    Links are those of all Markdown on the site; there are no headings, rules and tables.
    """
    # Pages show what is stored: a start does without the parser (docs/decisions/0072-quick-start.md).
    import nh3  # noqa: PLC0415 - see above

    from flasky.markdown_links import REL, SCHEMES  # noqa: PLC0415 - see above

    return nh3.clean(
        _parser().render(source),
        tags=_TAGS,
        attributes={"a": {"href"}},
        url_schemes=SCHEMES,
        link_rel=REL,
    )


@cache
def timezones() -> frozenset[str]:
    """The names of the time zones that can be chosen."""
    return frozenset(zoneinfo.available_timezones())


def set_avatar(work: Work, user: User, upload: BinaryIO) -> None:
    """Store a picture as the member's, encoded again, square and small (XSS-04). Raises Fault for `avatar`."""
    data = upload.read(LARGEST_UPLOAD + 1)
    if len(data) > LARGEST_UPLOAD:
        raise Fault("avatar", _("The picture is larger than 1 MiB."))
    work.db.merge(Avatar(user_id=user.id, media_type="image/webp", image=_encode_again(data)))
    # By chance: it would begin again behind a picture that was removed, at an address that browsers have kept.
    user.avatar_version = 1 + secrets.randbelow(LARGEST_VERSION)
    work.db.flush()


def remove_avatar(work: Work, user: User) -> None:
    """Forget the uploaded picture; the drawn one is shown again."""
    work.db.execute(delete(Avatar).where(Avatar.user_id == user.id))
    user.avatar_version = 0
    work.db.flush()


def find_picture(work: Work, user_id: int) -> Picture | None:
    """The picture of the member with that id, whoever may see it, or None. One statement, which only reads."""
    columns = (User.username, User.has_profile, Avatar.media_type, Avatar.image)
    statement = select(*columns).outerjoin(Avatar, Avatar.user_id == User.id).where(User.id == user_id)
    found = work.db.execute(statement).one_or_none()
    return Picture(*found) if found is not None else None


@lru_cache(maxsize=2048)
def drawn_avatar(username: str, size: int = 40) -> Markup:
    """A picture drawn from the name: its first letter on a colour of its own, `size` pixels wide."""
    colour = _COLOURS[hashlib.sha256(username.encode("utf-8", "replace")).digest()[0] % len(_COLOURS)]
    letters = [character for character in username if unicodedata.category(character)[0] in "LN"]
    # Attributes and no style: the site's policy forbids styles in pages (HDR-02).
    return Markup(
        '<svg class="avatar" width="{size}" height="{size}" viewBox="0 0 40 40" aria-hidden="true" focusable="false">'
        '<rect width="40" height="40" rx="20" fill="{colour}"/>'
        '<text x="20" y="27" text-anchor="middle" font-size="20" fill="#ffffff">{letter}</text></svg>'
    ).format(size=size, colour=colour, letter=(letters[0].upper() if letters else "?")[:1])


def _encode_again(data: bytes) -> bytes:
    from PIL import Image, ImageOps  # noqa: PLC0415 - loads codecs, needed when somebody uploads a picture

    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
            # Only the header was read so far: nothing was unpacked.
            if picture.width * picture.height > _MOST_PIXELS:
                raise Fault("avatar", _("The picture has too many pixels."))
            small = ImageOps.fit(ImageOps.exif_transpose(picture).convert("RGB"), (_SIDE, _SIDE))
    except Fault:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, MemoryError) as error:
        raise Fault("avatar", _("This is not a picture in the format PNG, JPEG, WebP or GIF.")) from error
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=85)
    return buffer.getvalue()


def _is_line(text: str, longest: int) -> bool:
    return len(text) <= longest and text.isprintable()


def _too_long(longest: int) -> TranslationString:
    return _(
        "At most ${count} characters, none of them control characters.",
        mapping={"count": longest},
    )


@cache
def _parser() -> MarkdownIt:
    from flasky.markdown_links import linking_parser  # noqa: PLC0415 - as `nh3`

    parser = linking_parser(20)
    parser.disable(["heading", "lheading", "hr"])
    return parser
