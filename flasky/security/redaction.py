"""What must not stand in a log: taken out of each record before it is written (LOG-01).

Nobody means to log a password; it gets there inside of a URL, a header dump, an exception's text. The filter knows
the names under which secrets travel, and the site's own secrets by their value.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Iterable, Iterator
from functools import cache
from urllib.parse import unquote, unquote_plus, urlsplit

from pyramid.config import Configurator
from pyramid.events import ApplicationCreated

from flasky.settings import is_secret_parameter
from flasky.site import Site, get_site

HIDDEN = "(hidden)"

#: Shorter values are not looked for: they would blot out ordinary words.
_LEAST_LENGTH = 6

#: Atomic: what comes after a name is looked for once, however often a long word has "password" in it.
_PASSWORDS = r"(?>\w*?passw(?:or)?d\w*)|passphrase|pwd|(?>\w*?token\b)|api_?key"
_NAMES = rf"{_PASSWORDS}|passfile|secret\w*"
#: Text in quotes, which may hold escaped ones; what was cut off has no end. None of these patterns goes back far.
_QUOTED = r"""b?(?:'(?:[^'\\\n]|\\.)*+'?|"(?:[^"\\\n]|\\.)*+"?)"""
#: A list, a dictionary or the like, and others in it: over several lines, or, cut off, to the end of one. What follows
#: a bracket in the source code of a traceback is no secret.
_INNER = rf"""[\[({{](?:{_QUOTED}|[^\[\](){{}}'"]++){{0,50}}+[\])}}]"""
_INNER_CUT = rf"""[\[({{](?:{_QUOTED}|[^\[\](){{}}'"\n]++)*+[\])}}]?"""
_NESTED = (
    rf"""(?:[\[({{](?:{_QUOTED}|{_INNER}|[^\[\](){{}}'"]++){{0,50}}+[\])}}]"""
    rf"""|[\[({{](?:{_QUOTED}|{_INNER_CUT}|[^\[\](){{}}'"\n]++)*+[\])}}]?)"""
)


@cache
def _rules() -> tuple[tuple[re.Pattern[str], str], ...]:
    """What is looked for, and what stands in its place.

    Compiled for the first line that is logged: it takes longer than most modules take to be imported.
    """
    return (
        # A header in a dump: to the end of the line or of the quoted text.
        (
            re.compile(
                r"(?i)\b((?:http_)?(?:proxy[-_])?authorization|(?:http_)?(?:set-)?cookie|(?:http_)?x[-_]csrf[-_]token)"
                r"(['\"]?\s*[:=]\s*['\"]?|['\"]\s*,\s*b?['\"])[^\r\n'\"]+"
            ),
            rf"\1\2{HIDDEN}",
        ),
        # name=value, as in a query or a form.
        (re.compile(rf"(?i)\b({_NAMES})([ \t]*=[ \t]*)({_QUOTED}|[^\s&,;)}}\]'\"]+)"), rf"\1\2{HIDDEN}"),
        # name: value, but not what is said of a setting (`key mail.password: …`) or of a variable.
        (
            re.compile(rf"(?i)(?<![\w.])(?<!variable )({_PASSWORDS})([ \t]*:[ \t]*)({_QUOTED}|[^\s&,;)}}\]'\"]+)"),
            rf"\1\2{HIDDEN}",
        ),
        # 'name': 'value' and ('name', 'value'), as in a dictionary or a list of pairs; in JSON in JSON, too.
        (re.compile(rf"(?i)(\\['\"](?:{_NAMES})\\['\"]\s*:\s*)\\(['\"])(?:(?!\\\2).)*"), rf"\1\\\2{HIDDEN}"),
        (re.compile(rf"(?i)(['\"](?:{_NAMES})['\"]\s*[:,]\s*)({_QUOTED}|{_NESTED}|-?\d[\d.]*)"), rf"\1{HIDDEN}"),
        # scheme://user:password@host
        (re.compile(r"(?i)(?<![a-z0-9+.-])([a-z0-9+.-]++://[^\s:/@]*:)[^\s@/]+@"), rf"\1{HIDDEN}@"),
        (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{6,}"), rf"\1 {HIDDEN}"),
    )


def site_secrets(site: Site) -> tuple[str, ...]:
    """The values of the site's secret settings, and the passwords of its database, as written and as sent."""
    values: list[str] = []
    for item in site.settings.describe():
        if item.setting.secret:
            values.extend([item.value] if isinstance(item.value, str) else item.value)
    values.extend(_database_secrets(str(site.settings["sqlalchemy.url"])))
    return tuple(sorted({value for value in values if len(value) >= _LEAST_LENGTH}, key=len, reverse=True))


def _database_secrets(url: str) -> Iterator[str]:
    parts = urlsplit(url)
    yield parts.password or ""
    yield unquote(parts.password or "")
    for pair in parts.query.split("&"):
        name, _, value = pair.partition("=")
        if is_secret_parameter(unquote_plus(name)):
            yield value
            yield unquote_plus(value)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without the values of `secrets` and without what stands after a secret's name."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    for pattern, replacement in _rules():
        text = pattern.sub(replacement, text)
    return text


class RedactingFilter(logging.Filter):
    """A filter for handlers: message, traceback and stack of each record are redacted. Lets every record pass."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self._secrets = tuple(secrets)

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record in place; one that holds nothing secret stays as it is."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):
            # The handler reports a message that does not fit its arguments; it still must not show them.
            message = str(record.msg)
            record.args = None
        if (clean := redact(message, self._secrets)) != message:
            record.msg, record.args = clean, None
        if record.exc_info and record.exc_info[1] is not None:
            text = "".join(traceback.format_exception(record.exc_info[1])).rstrip("\n")
            if (clean := redact(text, self._secrets)) != text:
                record.exc_text, record.exc_info = clean, None
        elif record.exc_text:
            record.exc_text = redact(record.exc_text, self._secrets)
        if record.stack_info:
            record.stack_info = redact(record.stack_info, self._secrets)
        return True


def protect_logs(event: ApplicationCreated) -> None:
    """Put the filter, with the secrets of the site, on the handlers that the INI file names; twice is once.

    Only on handlers of the standard library and of Flasky: a test tool's own must see records as they were made.
    """
    secrets = site_secrets(get_site(event.app.registry))
    for handler in logging.getLogger().handlers:
        if type(handler).__module__.partition(".")[0] not in {"logging", "flasky"}:
            continue
        for old in [item for item in handler.filters if isinstance(item, RedactingFilter)]:
            handler.removeFilter(old)
        handler.addFilter(RedactingFilter(secrets))


def includeme(config: Configurator) -> None:
    """Protect the logs as soon as there is an application that could write to them."""
    config.add_subscriber(protect_logs, ApplicationCreated)
