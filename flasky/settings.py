"""Settings: each declared once, read from the environment, then the INI file, then its default.

A setting is plain data (`Setting`), so that a plug-in can declare its own without being started, and the
documentation (``docs/settings.md``) is generated from the same declarations. `resolve` reads all of them in
one go and reports every fault together: somebody who has to mend three lines is told three times at once.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from flasky.ini import CannotStart

ENVIRONMENTS = ("development", "testing", "production")

#: Sections of names that belong to Flasky alone: an unknown key in one of them is a fault, never ignored.
GUARDED_SECTIONS = ("flasky", "mail")

_TRUE = frozenset({"true", "on", "yes", "1"})
_FALSE = frozenset({"false", "off", "no", "0"})

Source = Literal["environment", "ini", "default"]


def parse_str(value: str) -> str:
    """Take the text as it stands, without surrounding white space."""
    return value.strip()


def parse_bool(value: str) -> bool:
    """Accept true/on/yes/1 and false/off/no/0 in any case; raise ValueError for anything else."""
    word = value.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError("expected true, on, yes, 1, false, off, no or 0")


def parse_int(value: str) -> int:
    """Accept ASCII digits with an optional minus; raise ValueError for `1_000`, `１２`, `1e3` and the like."""
    text = value.strip()
    digits = text[1:] if text.startswith("-") else text
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
        raise ValueError("expected a whole number")
    return int(text)


def parse_seconds(value: str) -> int:
    """A whole number of seconds, at least 1."""
    return _at_least(parse_int(value), 1)


def parse_count(value: str) -> int:
    """A whole number, at least 0."""
    return _at_least(parse_int(value), 0)


def parse_port(value: str) -> int:
    """A TCP port, 1 to 65535."""
    number = parse_int(value)
    if not 1 <= number <= 65535:
        raise ValueError("expected a port from 1 to 65535")
    return number


def parse_list(value: str) -> tuple[str, ...]:
    """Words separated by white space or commas."""
    return tuple(value.replace(",", " ").split())


def parse_address(value: str) -> str:
    """One mail address, with or without a display name; empty means none."""
    text = value.strip()
    if not text:
        return ""
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise ValueError("expected one mail address without control characters")
    _, address = parseaddr(text)
    local, at, domain = address.rpartition("@")
    if not (local and at and domain) or " " in address or "," in address:
        raise ValueError("expected one mail address, as in `Flasky Admin <flasky@example.com>`")
    return text


def parse_base_url(value: str) -> str:
    """An absolute http(s) address without path, query or user; empty means none. No trailing slash."""
    text = value.strip().rstrip("/")
    if not text:
        return ""
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("expected an address such as https://community.example.com")
    if parts.path or parts.query or parts.fragment or parts.username:
        raise ValueError("expected only scheme, host and port, as in https://community.example.com")
    return text


def parse_environment(value: str) -> str:
    """One of development, testing and production."""
    text = value.strip()
    if text not in ENVIRONMENTS:
        raise ValueError(f"expected one of {', '.join(ENVIRONMENTS)}")
    return text


def _at_least(number: int, least: int) -> int:
    if number < least:
        raise ValueError(f"expected a whole number of at least {least}")
    return number


#: How the plain Python types that a declaration may name are read.
_PARSERS: dict[Any, Callable[[str], Any]] = {
    str: parse_str,
    bool: parse_bool,
    int: parse_int,
    list: parse_list,
}


@dataclass(frozen=True)
class Setting:
    """The declaration of one setting.

    `type` is str, bool, int, list (a tuple of words) or a function from text to value that raises ValueError
    with a sentence beginning "expected". `env` names the environment variable that overrides the INI file; a
    mapping chooses the variable by `flasky.environment`. `required` is True, or the environments in which the
    setting must have a value. `default` is given as INI text and goes through the same coercion.
    """

    name: str
    type: Any = str
    default: str = ""
    env: str | Mapping[str, str] | None = None
    required: bool | tuple[str, ...] = False
    secret: bool = False
    help: str = ""

    @property
    def parser(self) -> Callable[[str], Any]:
        """The function that turns text into this setting's value."""
        parser: Callable[[str], Any] = _PARSERS.get(self.type, self.type)
        return parser

    @property
    def type_name(self) -> str:
        """The type's name for people: `port`, `bool`, `list`, …"""
        name: str = self.type.__name__
        return name.removeprefix("parse_")

    def variable(self, environment: str) -> str | None:
        """The environment variable that overrides this setting in `environment`, or None."""
        if self.env is None or isinstance(self.env, str):
            return self.env
        return self.env.get(environment)

    def is_required(self, environment: str) -> bool:
        """Whether the setting must have a value in `environment`."""
        return self.required if isinstance(self.required, bool) else environment in self.required


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with the configuration: where it stands, what is wrong, what to do."""

    where: str
    problem: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}" + (f". {self.remedy}" if self.remedy else "")


class ConfigurationFaults(CannotStart):
    """Everything that keeps the site from starting, found in one go."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__(str(self))

    def __str__(self) -> str:
        count = len(self.faults)
        head = f"Flasky cannot start: {count} fault{'s' if count != 1 else ''} in the configuration"
        return "\n".join([head, *(f"  {number}. {fault}" for number, fault in enumerate(self.faults, 1))])


@dataclass(frozen=True)
class Value:
    """What a setting came to: the declaration, the coerced value and where it was found."""

    setting: Setting
    value: Any
    source: Source
    where: str

    @property
    def shown(self) -> str:
        """The value for people: `(hidden)` for a secret that is set."""
        if self.setting.secret and self.value:
            return "(hidden)"
        if isinstance(self.value, bool):
            return "true" if self.value else "false"
        if isinstance(self.value, tuple):
            return " ".join(self.value)
        text = str(self.value)
        return redact_url(text) if "://" in text else text


@dataclass
class Settings(Mapping[str, Any]):
    """The resolved settings: a mapping from name to coerced value, with the declaration and source of each."""

    values_by_name: dict[str, Value]
    ini_file: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.values_by_name[name].value

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)

    def describe(self) -> list[Value]:
        """Every setting with its source, in the order of declaration."""
        return list(self.values_by_name.values())


def redact_url(url: str) -> str:
    """Replace the password of a URL, if it has one, so that it can be shown."""
    scheme, separator, rest = url.partition("://")
    if not separator or "@" not in rest:
        return url
    credentials, _, host = rest.rpartition("@")
    user, colon, _ = credentials.partition(":")
    return f"{scheme}://{user}{':(hidden)' if colon else ''}@{host}"


KERNEL_SETTINGS: tuple[Setting, ...] = (
    Setting(
        "flasky.environment",
        parse_environment,
        default="development",
        help="Which of the three environments this file describes: development, testing or production.",
    ),
    Setting(
        "flasky.plugins",
        list,
        help="The plug-ins that are switched on, by name. What is installed but not listed here stays off.",
    ),
    Setting(
        "flasky.secret_key",
        env="SECRET_KEY",
        required=("production",),
        secret=True,
        help="The one secret of the site, at least 32 characters. A key for each purpose is derived from it. "
        'Make one with: python -c "import secrets; print(secrets.token_urlsafe(48))"',
    ),
    Setting(
        "flasky.secret_key_fallbacks",
        list,
        env="SECRET_KEY_FALLBACKS",
        secret=True,
        help="Former secrets that are still accepted while the secret is being changed.",
    ),
    Setting(
        "sqlalchemy.url",
        env={
            "development": "DEV_DATABASE_URL",
            "testing": "TESTING_DATABASE_URL",
            "production": "PRODUCTION_DATABASE_URL",
        },
        required=True,
        help="The database: sqlite:////absolute/path.sqlite, or "
        "postgresql+psycopg://user:password@host/name. In an INI file a % is written %%.",
    ),
    Setting(
        "flasky.base_url",
        parse_base_url,
        default="http://localhost:6543",
        env="FLASKY_BASE_URL",
        required=("production",),
        help="The public address of the site; links in mails, feeds and canonical addresses begin with it.",
    ),
    Setting(
        "flasky.hosts",
        list,
        env="FLASKY_HOSTS",
        help="Host names that the site answers to besides the one of flasky.base_url; "
        "`.example.com` stands for every name below example.com.",
    ),
    Setting(
        "flasky.admin",
        parse_address,
        env="FLASKY_ADMIN",
        help="The owner's mail address.",
    ),
    Setting(
        "flasky.mail_sender",
        parse_address,
        default="Flasky Admin <flasky@example.com>",
        env="FLASKY_MAIL_SENDER",
        help="Who the site's mails come from.",
    ),
    Setting(
        "flasky.mail_subject_prefix",
        default="[Flasky]",
        env="FLASKY_MAIL_SUBJECT_PREFIX",
        help="What each mail's subject begins with; a space follows it.",
    ),
    Setting(
        "flasky.mail_deliver",
        bool,
        default="true",
        env="FLASKY_MAIL_DELIVER",
        help="Whether the server process delivers mails itself. Off when `flasky mail deliver` runs beside it.",
    ),
    Setting(
        "flasky.mail_max_age",
        parse_seconds,
        default="345600",
        env="FLASKY_MAIL_MAX_AGE",
        help="Seconds after which a mail that cannot be delivered is given up (4 days).",
    ),
    Setting("mail.host", default="smtp.qq.com", env="MAIL_SERVER", help="The SMTP server."),
    Setting("mail.port", parse_port, default="587", env="MAIL_PORT", help="The SMTP server's port."),
    Setting(
        "mail.tls",
        bool,
        default="true",
        env="MAIL_USE_TLS",
        help="Whether to require STARTTLS, with a verified certificate.",
    ),
    Setting(
        "mail.ssl",
        bool,
        default="false",
        env="MAIL_USE_SSL",
        help="Whether to speak TLS from the first byte (port 465), with a verified certificate.",
    ),
    Setting("mail.username", env="MAIL_USERNAME", help="The account at the SMTP server, if it asks for one."),
    Setting("mail.password", env="MAIL_PASSWORD", secret=True, help="The password of that account."),
    Setting(
        "mail.timeout",
        parse_seconds,
        default="30",
        env="MAIL_TIMEOUT",
        help="Seconds after which the delivery of one mail is cut off, whatever the server does.",
    ),
    Setting(
        "mail.ca_file",
        env="MAIL_CA_FILE",
        help="A file of certificates to trust beside the system's, for an SMTP server with a private authority.",
    ),
)


def resolve(
    declared: Iterable[Setting],
    ini: Mapping[str, Any],
    environ: Mapping[str, str],
    ini_file: str = "",
) -> tuple[Settings, list[Fault]]:
    """Read every declared setting from the environment, then `ini`, then its default.

    Returns the settings that could be read, and the faults; an empty list means that all is well. `ini_file`
    is only named in the faults. Text goes through the setting's parser wherever it came from; a value that is
    not text (an application made in Python may pass a bool) is taken as it is.
    """
    settings = tuple(declared)
    place = ini_file or "settings"
    environment = str(ini.get("flasky.environment", "development")).strip()
    faults: list[Fault] = []
    values: dict[str, Value] = {}
    for setting in settings:
        value, fault = _read(setting, ini, environ, environment, place)
        if fault is not None:
            faults.append(fault)
        if value is not None:
            values[setting.name] = value
    faults.extend(_unknown(settings, ini, place))
    return Settings(values, ini_file=ini_file), faults


def _read(
    setting: Setting, ini: Mapping[str, Any], environ: Mapping[str, str], environment: str, place: str
) -> tuple[Value | None, Fault | None]:
    variable = setting.variable(environment)
    source: Source
    raw: Any
    if variable and environ.get(variable):
        raw, source, where = environ[variable], "environment", f"environment variable {variable}"
    elif setting.name in ini and ini[setting.name] != "":
        raw, source, where = ini[setting.name], "ini", f"{place}, key {setting.name}"
    else:
        raw, source, where = setting.default, "default", "default"
    if raw == "" and setting.is_required(environment):
        remedy = f"Set {setting.name} in the INI file" + (
            f" or the environment variable {variable}" if variable else ""
        )
        problem = f"a value is required in the {environment} environment and none is set"
        return None, Fault(f"{place}, key {setting.name}", problem, remedy)
    if not isinstance(raw, str):
        return Value(setting, raw, source, where), None
    try:
        return Value(setting, setting.parser(raw), source, where), None
    except ValueError as error:
        got = "the value is hidden because it is a secret" if setting.secret else f"got {raw.strip()[:80]!r}"
        return None, Fault(where, f"{error}; {got}", f"Mend {setting.name}" if source == "ini" else "")


def _unknown(settings: tuple[Setting, ...], ini: Mapping[str, Any], place: str) -> list[Fault]:
    known = {setting.name for setting in settings}
    sections = {*GUARDED_SECTIONS, *(name.partition(".")[0] for name in known)} - {"sqlalchemy"}
    faults = []
    for key in ini:
        section, dot, _ = key.partition(".")
        if dot and section in sections and key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
            remedy = f"Did you mean {near[0]}?" if near else "docs/settings.md lists every name"
            faults.append(Fault(f"{place}, key {key}", "there is no such setting", remedy))
    return faults
