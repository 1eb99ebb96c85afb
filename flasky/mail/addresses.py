"""Mail addresses: what the site takes for one, and the one form in which it keeps it (MAI-02).

An address goes into an SMTP command as it stands. `clean_address` lets through exactly one addr-spec in ASCII,
so that nothing in it can end the command, name a second recipient or be taken for an order. A domain in another
script is encoded (IDNA 2008); a local part in another script is refused, as few servers deliver to one.
"""

from __future__ import annotations

import unicodedata
from email.utils import parseaddr

from translationstring import TranslationString

from flasky.languages import _

#: RFC 5321, 4.5.3.1.3: a path has 256 octets, two of them are the angle brackets.
LONGEST_ADDRESS = 254

#: What old mail programs take for an option, a program or a file when an address begins with it.
_ORDERS = "-|/"


class InvalidAddress(ValueError):
    """An address that the site does not send to. `reason` is a sentence for whoever typed it, translatable."""

    def __init__(self, reason: TranslationString) -> None:
        self.reason = reason
        super().__init__(reason.interpolate())


def clean_address(text: object) -> str:
    """The address in the form in which it is stored and sent to; raises InvalidAddress.

    Only syntax is judged, no DNS is asked. What comes back is ASCII with a lower-case domain, at most 254
    characters, and is its own clean form.
    """
    if not isinstance(text, str):
        raise InvalidAddress(_("Enter one mail address, such as name@example.com."))
    if any(character.isspace() or unicodedata.category(character)[0] == "C" for character in text):
        raise InvalidAddress(_("A mail address has no spaces and no invisible characters."))
    if text.startswith(tuple(_ORDERS)):
        raise InvalidAddress(_("A mail address cannot begin with ${character}", mapping={"character": text[0]}))
    if len(text) > LONGEST_ADDRESS:
        raise InvalidAddress(_too_long())
    local, at, domain = text.rpartition("@")
    if not (local and at and domain) or any(character in text for character in ',;:<>()[]"\\'):
        raise InvalidAddress(_("Enter one mail address, such as name@example.com."))
    if not local.isascii():
        raise InvalidAddress(_("The part before the @ can hold only a to z, digits and signs such as . _ + -"))
    cleaned = f"{local}@{_ascii_domain(text)}"
    if len(cleaned) > LONGEST_ADDRESS:
        raise InvalidAddress(_too_long())
    return cleaned


def split_sender(text: str) -> tuple[str, str]:
    """The display name and the clean address of ``Name <name@example.com>``; raises InvalidAddress."""
    name, address = parseaddr(text)
    return " ".join(name.split()), clean_address(address)


def _too_long() -> TranslationString:
    return _("A mail address has at most ${count} characters.", mapping={"count": LONGEST_ADDRESS})


def _ascii_domain(text: str) -> str:
    # Imported when the first address is looked at: it costs a third of what the whole kernel does to start.
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415 - see above

    try:
        valid = validate_email(text, check_deliverability=False, allow_smtputf8=False, strict=True)
    except EmailNotValidError as error:
        raise InvalidAddress(_("Enter one mail address, such as name@example.com.")) from error
    return valid.ascii_domain.lower()
