"""Languages: which there are, which one a visitor gets, and how a text is marked for translation."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, cast

from translationstring import TranslationStringFactory

from flasky.cookies import cookie_name

# Every plug-in's declaration imports this module, and commands that only list things read declarations: Pyramid
# itself is not imported here.
if TYPE_CHECKING:
    from pyramid.config import Configurator
    from pyramid.events import NewResponse
    from pyramid.request import Request

    from flasky.security.policy import Identity

#: The one gettext domain of the kernel and of every plug-in.
DOMAIN = "flasky"

#: The languages that are complete, with their own names. The first is for visitors who ask for none of them.
LANGUAGES = {"en": "English", "zh": "中文"}

#: Marks a text for translation: ``_("Welcome, ${name}", mapping={"name": name})``.
_ = TranslationStringFactory(DOMAIN)

COOKIE = "language"
_DEFAULT = next(iter(LANGUAGES))
_LONGEST_HEADER = 1000
#: Browsers send a few different ones between them.
_HEADERS_REMEMBERED = 256
_ASKING = "flasky_asking_identity"
#: What an answer's language depended on, and the headers that say it.
_DEPENDS_ON = ("Accept-Language", "Cookie")
_SAID = frozenset({"content-language", "vary"})


class LanguageChosen(NamedTuple):
    """An event: somebody who is signed in chose a language in the footer. Who keeps members' settings may keep it."""

    request: Request
    language: str


def known_identity(request: Request) -> Identity | None:
    """Who is signed in, if that can be known without a risk to the page that asks.

    Who sends no cookie is nobody here, and an error page takes what is known already: looking somebody up asks the
    database, which may be what failed.
    """
    loaded = request.__dict__.get("flasky_identity")
    if loaded is not None or getattr(request, "exception", None) is not None:
        return cast("Identity | None", loaded)
    if "HTTP_COOKIE" not in request.environ:
        return None
    if _ASKING in request.__dict__:
        raise RuntimeError(
            "whoever knows who sends a request asked for the visitor's language, which depends on who that is: "
            "ask for request.locale_name and request.localizer after the identity is known"
        )
    request.__dict__[_ASKING] = True
    try:
        return cast("Identity | None", request.identity)
    finally:
        del request.__dict__[_ASKING]


def negotiate(request: Request) -> str:
    """The visitor's language: the member's setting, else the one chosen in this browser, else what it asks for."""
    environ = request.environ
    if "HTTP_COOKIE" not in environ:
        return preferred(environ.get("HTTP_ACCEPT_LANGUAGE", ""))
    identity = known_identity(request)
    if identity is not None and identity.language in LANGUAGES:
        return identity.language
    chosen = request.cookies.get(cookie_name(request, COOKIE))
    if chosen in LANGUAGES:
        return cast("str", chosen)
    return preferred(environ.get("HTTP_ACCEPT_LANGUAGE", ""))


def preferred(header: str) -> str:
    """The first of our languages by the weights of an Accept-Language header; every zh-… is zh.

    The header is a stranger's: what cannot be read is passed over.
    """
    return _preferred(header[:_LONGEST_HEADER])


@lru_cache(maxsize=_HEADERS_REMEMBERED)
def _preferred(header: str) -> str:
    best, best_weight = _DEFAULT, 0.0
    for item in header.split(","):
        tag, _semicolon, parameter = item.partition(";")
        language = tag.strip().partition("-")[0].lower()
        weight = _weight(parameter)
        if language == "*":
            language = _DEFAULT
        if language in LANGUAGES and weight > best_weight:
            best, best_weight = language, weight
    return best


def _weight(parameter: str) -> float:
    name, equals, number = parameter.strip().partition("=")
    if not equals:
        return 1.0
    digits = number.strip()
    # RFC 9110: at most three decimals. float() alone would also take "nan", "1e9" and "1_0".
    if (
        name.strip().lower() != "q"
        or len(digits) > 5
        or not (digits.isascii() and digits.replace(".", "", 1).isdecimal())
    ):
        return 0.0
    return min(float(digits), 1.0)


def say_language(event: NewResponse) -> None:
    """Say the language of an answer, and what it depended on, where a language was chosen at all."""
    language = event.request.__dict__.get("locale_name")
    if language is None:
        return
    response = event.response
    if not _SAID.intersection([name.lower() for name, _value in response.headerlist]):
        # Most answers: WebOb's headers would look through the list for each of them.
        response.headerlist += [("Content-Language", language), ("Vary", ", ".join(_DEPENDS_ON))]
        return
    headers = response.headers
    headers.setdefault("Content-Language", language)
    known = headers.get("Vary", "")
    missing = [name for name in _DEPENDS_ON if name.lower() not in known.lower()]
    headers["Vary"] = ", ".join(([known] if known else []) + missing)


def includeme(config: Configurator) -> None:
    """Choose the visitor's language, load the catalogs, and offer the switch."""
    config.add_translation_dirs("flasky:locale")
    config.set_locale_negotiator(negotiate)
    config.add_subscriber(say_language, "pyramid.events.NewResponse")
    config.add_route("flasky.language", "/language")
    config.scan("flasky.languages.views")
