"""Settings: each declared once, read from the environment, then the INI file, then its default.

A setting is plain data (`Setting`), so that a plug-in can declare its own without being started, and the
documentation (``docs/settings.md``) is generated from the same declarations. `resolve` reads all of them in
one go and reports every fault together: somebody who has to mend three lines is told three times at once.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import getaddresses
from importlib.util import find_spec
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote_plus, urlsplit

from flasky.ini import CannotStart, line_numbers

ENVIRONMENTS = ("development", "testing", "production")

#: Sections of names that belong to Flasky alone: an unknown key in one of them is a fault, never ignored.
GUARDED_SECTIONS = ("flasky", "mail")

_TRUE = frozenset({"true", "on", "yes", "1"})
_FALSE = frozenset({"false", "off", "no", "0"})

Source = Literal["environment", "ini", "default"]


def parse_folder(value: str) -> str:
    """The path of a folder that is there; empty means none."""
    text = value.strip()
    # A name that is too long, or a folder that may not be looked into, is an error of its own.
    with suppress(OSError):
        if not text or Path(text).is_dir():
            return text
    raise ValueError("expected a folder that is there: make it, or take the line out")


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
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
        raise ValueError("expected a whole number")
    return int(text)


#: Of a token that stands in place of a password.
_LEAST_TOKEN = 32


#: So far from now every date can still be written; who means "for ever" means less.
_MOST_SECONDS = 100 * 365 * 24 * 3600
#: Sockets take no timeout of more than 24 days.
_LONGEST_TIMEOUT = 24 * 3600


def parse_seconds(value: str) -> int:
    """A whole number of seconds, at least 1 and at most 3153600000, which are a hundred years."""
    return _from_one_to(parse_int(value), _MOST_SECONDS, "a hundred years")


def parse_timeout(value: str) -> int:
    """A whole number of seconds to wait, at least 1 and at most 86400, which are a day."""
    return _from_one_to(parse_int(value), _LONGEST_TIMEOUT, "a day")


def _from_one_to(number: int, most: int, which_is: str) -> int:
    if _at_least(number, 1) > most:
        raise ValueError(f"expected a whole number of seconds, at most {most} ({which_is})")
    return number


def parse_count(value: str) -> int:
    """A whole number, at least 0."""
    return _at_least(parse_int(value), 0)


def parse_token(value: str) -> str:
    """A word that cannot be guessed, of at least 32 characters; or nothing."""
    if value and (len(value) < _LEAST_TOKEN or len(set(value)) < _LEAST_TOKEN // 3 or value.split() != [value]):
        raise ValueError(f"expected at least {_LEAST_TOKEN} characters that nobody can guess, without spaces")
    return value


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
    found = getaddresses([text])
    local, at, domain = found[0][1].rpartition("@")
    if len(found) != 1 or not (local and at and domain) or {" ", ","} & set(local + domain) or "@" in local:
        raise ValueError("expected one mail address, as in `Flasky Admin <flasky@example.com>`")
    return text


def parse_sender(value: str) -> str:
    """One mail address, with or without a display name."""
    text = parse_address(value)
    if not text:
        raise ValueError("expected one mail address, as in `Flasky Admin <flasky@example.com>`: each mail has a sender")
    return text


def parse_base_url(value: str) -> str:
    """An absolute http(s) address without path, query or user; empty means none.

    It comes back as browsers write it in `Origin` and `Host`, which are compared with it: scheme and host in lower
    case, letters beyond ASCII encoded (IDNA), without the scheme's own port and without a slash at the end.
    """
    text = value.strip()
    if not text:
        return ""
    scheme, separator, rest = text.partition("://")
    place = _PLACE.fullmatch(rest.rstrip("/"))
    if not separator or scheme.lower() not in _OWN_PORTS or not rest.strip("/"):
        raise ValueError("expected an address such as https://community.example.com")
    if place is None:
        below = " (a site has a host name of its own: it cannot be below a path)" if "/" in rest.strip("/") else ""
        raise ValueError(f"expected only scheme, host and port, as in https://community.example.com{below}")
    scheme, host = scheme.lower(), _host(place["host"])
    port = parse_port(place["port"]) if place["port"] else _OWN_PORTS[scheme]
    return f"{scheme}://{host}" if port == _OWN_PORTS[scheme] else f"{scheme}://{host}:{port}"


#: The ports that an address of each scheme does not say.
_OWN_PORTS = {"http": 80, "https": 443}
#: Host and port of an address; whether the host can be one is `_host`'s to say.
_PLACE = re.compile(r"(?P<host>\[[^\]]*\]|[^\s\\/?#@:]+)(?::(?P<port>[^\s\\/?#@:]*))?")
#: Letters, digits and inner hyphens, between dots (RFC 1123); and underscores, as the names of containers have them.
_NAME = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.(?!\Z)|\Z))+")


def parse_hosts(value: str) -> tuple[str, ...]:
    """Names of hosts, each as `parse_base_url` has its one; with a dot before it, all names below it."""
    return tuple(map(_name_of_host, parse_list(value)))


def _name_of_host(text: str) -> str:
    try:
        return f"{'.' * text.startswith('.')}{_host(text.removeprefix('.'))}"
    except ValueError as error:
        raise ValueError(f"{error}{_meant(text)}") from None


def _meant(text: str) -> str:
    """What whoever wrote `text` for the name of a host meant, as the end of a sentence; empty if nobody knows."""
    with suppress(ValueError):
        return f": write [{IPv6Address(text).compressed}]"
    every = "." * ("*." in text)
    place = _PLACE.match(text.rpartition("://")[2].rpartition("@")[2].replace("*.", "", 1))
    with suppress(ValueError):
        return f": write {every}{_host(place['host'])}" if place else ""
    return ""


def parse_mail_host(value: str) -> str:
    """The name or the IP address of a mail server, without scheme and port."""
    text = value.strip()
    with suppress(ValueError):
        return str(ip_address(text))
    name = _ascii_host(text.lower())
    if _NAME.fullmatch(name) is None:
        raise ValueError("expected the name of a server alone, as in smtp.example.com; its port is mail.port")
    return name


def _host(text: str) -> str:
    """A host as browsers write it: a name, an IPv4 address, or an IPv6 address in brackets; raises ValueError."""
    name = _ascii_host(text).lower()
    with suppress(ValueError):
        if name.startswith("[") and "%" not in name:
            return f"[{IPv6Address(name[1:-1]).compressed}]"
        # Browsers take what ends in a number for an address.
        if name.rpartition(".")[2].isdigit():
            return str(IPv4Address(name))
        if _NAME.fullmatch(name):
            return name
    raise ValueError(f"expected the name of a host, as in community.example.com, not {text!r}")


def _ascii_host(host: str) -> str:
    """A host as browsers and mail servers write it: `münchen.example` is `xn--mnchen-3ya.example`."""
    if host.isascii():
        return host
    written = unicodedata.normalize("NFC", host.lower())
    with suppress(UnicodeError):
        encoded = written.encode("idna")
        # Python knows the rules of 2003, by which ß is ss: browsers go to another host.
        if encoded.decode("idna") == written:
            return encoded.decode("ascii")
    raise ValueError(f"expected {host!r} in the ASCII letters that browsers send for it, as xn--mnchen-3ya.example")


def parse_database_url(value: str) -> str:
    """The URL of an SQLite file by its absolute path, or of a PostgreSQL database."""
    text = value.strip()
    scheme, separator, rest = text.partition("://")
    backend, _, driver = scheme.partition("+")
    if not separator or backend not in {"sqlite", "postgresql"}:
        raise ValueError("expected sqlite:////absolute/path.sqlite or postgresql+psycopg://user:password@host/name")
    if backend == "postgresql":
        if driver not in {"", "psycopg"}:
            raise ValueError("expected postgresql+psycopg://… as psycopg is the driver that Flasky uses")
        if find_spec("psycopg") is None:
            raise ValueError("PostgreSQL needs its driver: pip install 'flasky[postgresql]'")
        _check_address(rest)
    elif "?" in rest or rest.startswith("/file:"):
        # Flasky opens the file in its own way, so that nothing of it would take effect.
        raise ValueError(
            "expected the path of a file and nothing else, as in sqlite:////srv/flasky/data.sqlite: "
            "neither ?… after it nor file: before it"
        )
    elif rest.strip("/") not in {"", ":memory:"} and not rest.startswith("//"):
        # It would be another database in every folder that somebody starts a command in.
        raise ValueError(
            "expected an absolute path, with four slashes: sqlite:////srv/flasky/data.sqlite "
            "(in an INI file sqlite:///%(here)s/data.sqlite is the file beside it)"
        )
    return text


def _check_address(address: str) -> None:
    """Refuse what stands after `postgresql://` when its password seems to end too early, at a sign that stands bare."""
    authority = re.split("[/?#]", address, maxsplit=1)[0]
    path, _, query = address[len(authority) :].partition("?")
    names = [parameter.partition("=")[0] for parameter in query.split("&")]
    # A value in the query, as a password there, may have an @; what is before it must then say where the server is, or
    # that it is this machine's own: nothing at all, and in the query nothing but names with their values.
    whole = not authority and all(re.match("[^=]+=", parameter) for parameter in query.split("&"))
    somewhere = whole or authority.rpartition("@")[2] or "host" in names
    torn = "@" in path or any("@" in name for name in names) or ("@" in query and not somewhere)
    try:
        _ = urlsplit(f"//{address}").port
    except ValueError:
        torn = True
    if torn:
        raise ValueError(
            "expected postgresql+psycopg://user:password@host:port/name; "
            "in a password @ is written %40, : %3A, / %2F, ? %3F, # %23 and % %25"
        )


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


class Setting(NamedTuple):
    """The declaration of one setting.

    `type` is str, bool, int, list (a tuple of words) or a function from text to value that raises ValueError
    with a sentence beginning "expected". `env` names the environment variable that overrides the INI file; a
    mapping chooses the variable by `flasky.environment`. `required` is True, or the environments in which the
    setting must be set to something: there the default does not count. `default` is given as INI text and goes
    through the same coercion.
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


class Fault(NamedTuple):
    """One thing that is wrong with the configuration: where it stands, what is wrong, what to do, whose it is."""

    where: str
    problem: str
    remedy: str = ""
    plugin: str = ""

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


class Value(NamedTuple):
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


#: Parameters of a URL that say a password, or where one stands (libpq has password, passfile, sslpassword and more).
_HIDDEN_PARAMETER = r"(?i)pass|pwd|secret|token|_key$"
_PARAMETER = r"([?&])([^?&=]*)=([^&]*)"


def is_secret_parameter(name: str) -> bool:
    """Whether the parameter `name` of a URL's query holds what must not be shown, as `password` does."""
    return re.search(_HIDDEN_PARAMETER, name) is not None


def redact_url(url: str) -> str:
    """Replace the passwords of a URL, before the host and in the query, so that it can be shown."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    # The query first, as an @ that somebody left bare in a password there ends no credentials.
    rest = re.sub(_PARAMETER, _redact_parameter, rest)
    if "@" not in rest:
        return f"{scheme}://{rest}"
    credentials, _, host = rest.rpartition("@")
    user, colon, _ = credentials.partition(":")
    return f"{scheme}://{user}{':(hidden)' if colon else ''}@{host}"


def _redact_parameter(match: re.Match[str]) -> str:
    mark, name, value = match.groups()
    return f"{mark}{name}={'(hidden)' if value and is_secret_parameter(unquote_plus(name)) else value}"


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
        "flasky.templates",
        parse_folder,
        help="A folder of templates that override those of Flasky and its plug-ins by name. If nothing is said, the "
        "folder `templates` beside the INI file, if there is one.",
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
        parse_database_url,
        env={
            "development": "DEV_DATABASE_URL",
            "testing": "TESTING_DATABASE_URL",
            "production": "PRODUCTION_DATABASE_URL",
        },
        required=True,
        help="The database: sqlite:////absolute/path.sqlite, or postgresql+psycopg://user:password@host/name. "
        "A path must be absolute: in an INI file `%(here)s` is its folder, and a % of the password is written %%; "
        "in the environment variable it stays %.",
    ),
    Setting(
        "flasky.base_url",
        parse_base_url,
        default="http://localhost:6543",
        env="FLASKY_BASE_URL",
        required=("production",),
        help="The public address of the site; links in mails, feeds and canonical addresses begin with it. If nothing "
        "is said, host and port of `[server:main]` in the INI file.",
    ),
    Setting(
        "flasky.hsts_preload",
        bool,
        default="false",
        help="Let browsers be shipped with the knowledge that the domain and everything below it is on https only: "
        "the word that https://hstspreload.org asks for. Years pass until it is forgotten again.",
    ),
    Setting(
        "flasky.hosts",
        parse_hosts,
        env="FLASKY_HOSTS",
        help="Host names, between spaces or commas, that the site answers to besides the one of flasky.base_url; "
        "`.example.com` stands for every name below example.com.",
    ),
    Setting(
        "flasky.admin",
        parse_address,
        env="FLASKY_ADMIN",
        help="The owner's mail address.",
    ),
    Setting(
        "flasky.measure",
        bool,
        default="true",
        env="FLASKY_MEASURE",
        help="Whether to measure what each plug-in costs (docs/operations/statistics.md).",
    ),
    Setting(
        "flasky.statistics",
        default="run",
        env="FLASKY_STATISTICS",
        help="The folder in which each server tells its numbers for `flasky plugin stats`, beside the INI file, with a "
        "folder for each INI file in it; or an absolute one, of one site; empty for none.",
    ),
    Setting(
        "flasky.metrics_token",
        parse_token,
        env="FLASKY_METRICS_TOKEN",
        secret=True,
        help="Who sends this token may read /metrics (docs/operations/statistics.md); without one there is no page.",
    ),
    Setting(
        "flasky.mail_sender",
        parse_sender,
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
    Setting(
        "flasky.mail_keep",
        parse_seconds,
        default="2592000",
        env="FLASKY_MAIL_KEEP",
        help="Seconds that a sent mail stays in the list (30 days). In production its body goes when it is sent.",
    ),
    Setting(
        "flasky.jobs_run",
        bool,
        default="true",
        env="FLASKY_JOBS_RUN",
        help="Whether the server process does background jobs itself. Off when `flasky jobs run` runs beside it.",
    ),
    Setting(
        "flasky.jobs_keep",
        parse_seconds,
        default="604800",
        env="FLASKY_JOBS_KEEP",
        help="Seconds that a job stays in the list when it is done (7 days).",
    ),
    Setting("mail.host", parse_mail_host, default="smtp.qq.com", env="MAIL_SERVER", help="The SMTP server."),
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
        parse_timeout,
        default="30",
        env="MAIL_TIMEOUT",
        help="Seconds after which the delivery of one mail is cut off, whatever the server does. Only for its answer "
        "to the whole mail there are ten minutes.",
    ),
    Setting(
        "mail.ca_file",
        env="MAIL_CA_FILE",
        help="A file of certificates to trust beside the system's, for an SMTP server with a private authority.",
    ),
)


class Place:
    """Where things stand in an INI file, for the people who have to mend them."""

    def __init__(self, ini_file: str = "") -> None:
        """`ini_file` is its path; empty for a site that was made in Python."""
        self.name = Path(ini_file).name or "settings"
        self._lines = line_numbers(ini_file) if ini_file else {}

    def key(self, name: str) -> str:
        """`production.ini line 7, key mail.port`; without the line when the key does not stand there."""
        line = self._lines.get(name)
        return f"{self.name}{f' line {line}' if line else ''}, key {name}"


def resolve(
    declared: Iterable[Setting],
    ini: Mapping[str, Any],
    environ: Mapping[str, str],
    ini_file: str = "",
    sections: Iterable[str] = (),
) -> tuple[Settings, list[Fault]]:
    """Read every declared setting from the environment, then `ini`, then its default.

    Returns the settings that could be read, and the faults; an empty list means that all is well. `ini_file` is
    the file's path, which the faults name. `sections` are further beginnings of names (the enabled plug-ins) in
    which an unknown key is a fault. Text goes through the setting's parser wherever it came from; a value that is
    not text (an application made in Python may pass a bool) is taken as it is. An empty environment variable
    counts as none; a key that stands empty in the INI file is an empty value, not the default.
    """
    settings = tuple(declared)
    place = Place(ini_file)
    environment = str(ini.get("flasky.environment", "development")).strip()
    faults: list[Fault] = []
    values: dict[str, Value] = {}
    for setting in settings:
        value, fault = _read(setting, ini, environ, environment, place)
        if fault is not None:
            faults.append(fault)
        if value is not None:
            values[setting.name] = value
    faults.extend(_unknown(settings, ini, place, {*GUARDED_SECTIONS, *sections}))
    return Settings(values, ini_file=ini_file), faults


def _read(
    setting: Setting, ini: Mapping[str, Any], environ: Mapping[str, str], environment: str, place: Place
) -> tuple[Value | None, Fault | None]:
    variable = setting.variable(environment)
    source: Source
    raw: Any
    if variable and environ.get(variable):
        raw, source, where = environ[variable], "environment", f"environment variable {variable}"
    elif setting.name in ini:
        raw, source, where = ini[setting.name], "ini", place.key(setting.name)
    else:
        raw, source, where = setting.default, "default", "default"
    missing = source == "default" or (isinstance(raw, str) and not raw.strip())
    if missing and setting.is_required(environment):
        return None, _required(setting, variable, environment, place)
    if not isinstance(raw, str):
        return Value(setting, raw, source, where), None
    if not _is_text(raw):
        remedy = "Write what is no text as hexadecimal digits or base64"
        return None, Fault(where, "this is not UTF-8 (the value is not shown)", remedy)
    try:
        return Value(setting, setting.parser(raw), source, where), None
    except ValueError as error:
        where = f"the declared default of {setting.name}" if source == "default" else where
        return None, Fault(where, f"{error}{_got(setting, raw)}", f"Mend {setting.name}" if source == "ini" else "")
    except Exception as error:  # noqa: BLE001 - a plug-in's own parser may raise anything; the fault names its setting
        problem = f"the parser of {setting.name} failed with {type(error).__name__}"
        return None, Fault(where, problem, "A parser must raise ValueError for a wrong value")


def _is_text(raw: str) -> bool:
    """Whether `raw` can be signed, sent and stored: bytes of the environment that are not UTF-8 can not."""
    return not any("\ud800" <= character <= "\udfff" for character in raw)


def _required(setting: Setting, variable: str | None, environment: str, place: Place) -> Fault:
    key = f"{setting.name} in {place.name}"
    remedy = f"Set the environment variable {variable}, or {key}" if variable else f"Set {key}"
    return Fault(place.key(setting.name), f"a value is required in {environment} and there is none", remedy)


def _got(setting: Setting, raw: str) -> str:
    if setting.secret:
        return " (the value is not shown: it is a secret)"
    if setting.type is parse_database_url:
        return " (the value is not shown: it may hold a password)"
    return f", got {redact_url(raw.strip())[:80]!r}"


def _unknown(settings: tuple[Setting, ...], ini: Mapping[str, Any], place: Place, sections: set[str]) -> list[Fault]:
    known = {setting.name for setting in settings}
    faults = []
    for key in ini:
        section, dot, _ = key.partition(".")
        if dot and section in sections and key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
            remedy = f"Did you mean {near[0]}?" if near else "`flasky settings` lists every name"
            faults.append(Fault(place.key(key), "there is no such setting", remedy))
    return faults
