"""What to look at before a site goes public: numbered checks of its configuration (CFG-02).

Each check is a function of the site that returns what is wrong, or an empty text. Production refuses to start with
the worst of them (`flasky.site.production_faults`); these say what is legal and still unwise. A number, once given,
is never given to another check: people write them into their own notes.
"""

from __future__ import annotations

import configparser
import ipaddress
import os
import stat
from collections.abc import Callable, Mapping
from email.utils import parseaddr
from functools import partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from flasky.site import Site, is_switched_on, weak_secret

_HOUR = 3600
_DAY = 24 * _HOUR
_LARGEST_BODY = 16 * 2**20


class Finding(NamedTuple):
    """One thing to put right: the check's number, what is wrong, what to do."""

    id: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.id}: {self.what}. {self.remedy}."


class Check(NamedTuple):
    """A numbered check: `find` returns what is wrong with a site, or an empty text."""

    id: str
    find: Callable[[Site], str]
    remedy: str


def run_checks(site: Site) -> list[Finding]:
    """What the checks find wrong with `site`, in the order of their numbers; an empty list means all is well."""
    return [Finding(check.id, what, check.remedy) for check in CHECKS if (what := check.find(site))]


# --- Secrets -----------------------------------------------------------------------------------------------------


def _environment(site: Site) -> str:
    return "" if site.in_production else f"flasky.environment is {site.environment}"


def _no_secret(site: Site) -> str:
    return "" if site.settings["flasky.secret_key"] else "there is no secret: signatures can be forged by anybody"


def _weak_secret(site: Site) -> str:
    secret = site.settings["flasky.secret_key"]
    return weak_secret(secret) if secret else ""


def _weak_fallback(site: Site) -> str:
    problems = [weak_secret(secret) for secret in site.settings["flasky.secret_key_fallbacks"]]
    return next((f"a former secret is weak: {problem}" for problem in problems if problem), "")


def _needless_fallback(site: Site) -> str:
    settings = site.settings
    same = settings["flasky.secret_key"] in settings["flasky.secret_key_fallbacks"]
    return "the secret stands among the former secrets" if same else ""


def _many_fallbacks(site: Site) -> str:
    count = len(site.settings["flasky.secret_key_fallbacks"])
    return f"{count} former secrets are still accepted" if count > 2 else ""


def _secret_in_readable_file(site: Site) -> str:
    in_file = [item.setting.name for item in site.settings.describe() if item.setting.secret and item.source == "ini"]
    if in_file and _mode(site.ini_file) & (stat.S_IRGRP | stat.S_IROTH):
        return f"{', '.join(in_file)} in {Path(site.ini_file).name} can be read by other users of the machine"
    return ""


def _writable_ini(site: Site) -> str:
    writable = _mode(site.ini_file) & stat.S_IWOTH
    return f"{Path(site.ini_file).name} can be changed by every user of the machine" if writable else ""


# --- Database ----------------------------------------------------------------------------------------------------


def _readable_database(site: Site) -> str:
    readable = _mode(_sqlite_file(site)) & (stat.S_IROTH | stat.S_IWOTH)
    return "the SQLite file can be read by every user of the machine" if readable else ""


def _database_in_temporary_folder(site: Site) -> str:
    path = _sqlite_file(site)
    temporary = path.startswith(("/tmp/", "/var/tmp/", "/dev/shm/"))  # noqa: S108 - looked for, not used
    return "the SQLite file lies in a folder that the system empties" if temporary else ""


def _database_without_tls(site: Site) -> str:
    url = urlsplit(site.settings["sqlalchemy.url"])
    if not url.scheme.startswith("postgresql") or not url.hostname or _is_own_machine(url.hostname):
        return ""
    mode = parse_qs(url.query).get("sslmode", ["prefer"])[-1]
    return (
        "" if mode in {"require", "verify-ca", "verify-full"} else "the database is reached over the network in clear"
    )


def _weak_database_password(site: Site) -> str:
    url = urlsplit(site.settings["sqlalchemy.url"])
    if not url.hostname or url.password is None:
        return ""
    guessed = url.password in {"", url.username, "postgres", "password", "flasky"}
    return "the password of the database is the first that anybody tries" if guessed else ""


# --- Addresses ---------------------------------------------------------------------------------------------------


def _default_address(site: Site) -> str:
    default = site.settings.values_by_name["flasky.base_url"].source == "default"
    return "flasky.base_url is not set: links in mails lead to the reader's own machine" if default else ""


def _plain_address(site: Site) -> str:
    plain = not site.settings["flasky.base_url"].startswith("https://")
    return "flasky.base_url is not https: passwords and cookies travel in clear" if plain else ""


def _local_address(site: Site) -> str:
    host = urlsplit(site.settings["flasky.base_url"]).hostname or ""
    local = _is_own_machine(host) or _is_address(host) or "." not in host
    return f"flasky.base_url names {host or 'nothing'}, which the public cannot reach by that name" if local else ""


def _example_address(site: Site) -> str:
    return "flasky.base_url is an example" if _is_example(urlsplit(site.settings["flasky.base_url"]).hostname) else ""


def _wide_host(site: Site) -> str:
    wide = [host for host in site.settings["flasky.hosts"] if host.startswith(".") and host.count(".") < 2]
    return f"flasky.hosts holds {wide[0]!a}, which is everybody's" if wide else ""


def _local_host(site: Site) -> str:
    local = [host for host in site.settings["flasky.hosts"] if _is_own_machine(host)]
    return f"flasky.hosts holds {local[0]!a}" if local else ""


# --- Mail --------------------------------------------------------------------------------------------------------


def _no_owner(site: Site) -> str:
    return "" if site.settings["flasky.admin"] else "flasky.admin is not set: nobody is told of new members"


def _example_owner(site: Site) -> str:
    return "flasky.admin is an example" if _is_example(_domain(site.settings["flasky.admin"])) else ""


def _example_sender(site: Site) -> str:
    example = _is_example(_domain(site.settings["flasky.mail_sender"]))
    return "flasky.mail_sender is an example: mails from it are thrown away" if example else ""


def _mail_in_clear(site: Site) -> str:
    settings = site.settings
    protected = settings["mail.tls"] or settings["mail.ssl"] or _is_own_machine(settings["mail.host"])
    return "" if protected else "mails, with their links for new passwords, go to mail.host in clear"


def _password_in_clear(site: Site) -> str:
    settings = site.settings
    shown = settings["mail.password"] and not (settings["mail.tls"] or settings["mail.ssl"])
    return "mail.password is sent in clear" if shown else ""


def _both_kinds_of_tls(site: Site) -> str:
    both = site.settings["mail.tls"] and site.settings["mail.ssl"]
    return "mail.tls and mail.ssl are both on" if both else ""


def _port_of_other_kind(site: Site) -> str:
    settings = site.settings
    wrong = {465: not settings["mail.ssl"], 587: settings["mail.ssl"], 25: settings["mail.ssl"]}
    port = settings["mail.port"]
    return f"mail.port {port} does not go with mail.ssl = {_word(settings['mail.ssl'])}" if wrong.get(port) else ""


def _half_an_account(site: Site) -> str:
    settings = site.settings
    half = bool(settings["mail.username"]) != bool(settings["mail.password"])
    return "only one of mail.username and mail.password is set" if half else ""


def _no_mail_server(site: Site) -> str:
    settings = site.settings
    default = settings.values_by_name["mail.host"].source == "default" and not settings["mail.username"]
    return "mail.host is the default and there is no account for it" if default else ""


def _missing_authority(site: Site) -> str:
    path = site.settings["mail.ca_file"]
    return f"mail.ca_file {path} does not exist" if path and not Path(path).is_file() else ""


def _impatient_mail(site: Site) -> str:
    age = site.settings["flasky.mail_max_age"]
    return "" if _HOUR <= age <= 14 * _DAY else f"flasky.mail_max_age is {age} seconds"


# --- Server ------------------------------------------------------------------------------------------------------


def _open_server(site: Site) -> str:
    server = _server(site)
    places = f"{server.get('listen', '')} {server.get('host', '')}".split()
    everywhere = [place for place in places if place.startswith(("*", "0.0.0.0", "[::]", "::"))]  # noqa: S104
    https = site.settings["flasky.base_url"].startswith("https://")
    return f"[server:main] listens on {everywhere[0]}: the site is there in clear too" if everywhere and https else ""


def _no_trusted_proxy(site: Site) -> str:
    server = _server(site)
    needed = bool(server) and site.settings["flasky.base_url"].startswith("https://")
    if not needed or server.get("trusted_proxy") or server.get("url_scheme") == "https":
        return ""
    return "[server:main] trusts no proxy: every visitor has the proxy's address, and limits hit all of them together"


def _every_proxy(site: Site) -> str:
    everybody = _server(site).get("trusted_proxy", "").strip() == "*"
    return "[server:main] believes everybody who says to be a proxy" if everybody else ""


def _unnamed_proxy_headers(site: Site) -> str:
    server = _server(site)
    words = set(server.get("trusted_proxy_headers", "").lower().split())
    wanted = {"x-forwarded-for", "x-forwarded-proto"}
    missing = server.get("trusted_proxy") and not wanted <= words and "forwarded" not in words
    return "[server:main] has a trusted_proxy but does not read address and scheme from it" if missing else ""


def _shown_tracebacks(site: Site) -> str:
    shown = is_switched_on(_server(site).get("expose_tracebacks", ""))
    return "[server:main] shows tracebacks to visitors" if shown else ""


def _named_server(site: Site) -> str:
    return "[server:main] tells everybody which server this is" if _server(site).get("ident") else ""


def _large_bodies(site: Site) -> str:
    size = _server(site).get("max_request_body_size", "0")
    large = size.isdecimal() and int(size) > _LARGEST_BODY
    return f"[server:main] takes in {size} bytes from anybody" if large else ""


def _logged_statements(site: Site) -> str:
    for name, section in _sections(site).items():
        levels = section.get("level", "").upper() in {"INFO", "DEBUG"}
        if name.startswith("logger_") and section.get("qualname", "").startswith("sqlalchemy") and levels:
            return f"[{name}] writes every statement with its values to the log"
    return ""


def _development_switch(prefix: str, site: Site) -> str:
    application = _sections(site).get("app:main", {})
    found = [key for key, value in application.items() if key.startswith(prefix) and is_switched_on(value)]
    variables = [name for name, value in os.environ.items() if is_switched_on(value)]
    found += [name for name in variables if name.startswith(prefix.upper().replace(".", "_"))]
    return f"{found[0]} is for development" if found else ""


def _toolbar(site: Site) -> str:
    included = _sections(site).get("app:main", {}).get("pyramid.includes", "")
    return "the debug toolbar is included" if "debugtoolbar" in included else ""


# --- Reading -----------------------------------------------------------------------------------------------------


def _sections(site: Site) -> dict[str, Mapping[str, str]]:
    if not site.ini_file or not Path(site.ini_file).is_file():
        return {}
    parser = configparser.RawConfigParser(strict=False)
    parser.read(site.ini_file, encoding="utf-8")
    return {name: parser[name] for name in parser.sections()}


def _server(site: Site) -> Mapping[str, str]:
    return _sections(site).get("server:main", {})


def _mode(path: str) -> int:
    """The permission bits of a file; 0 when there is none."""
    try:
        return stat.S_IMODE(Path(path).stat().st_mode) if path else 0
    except OSError:
        return 0


def _sqlite_file(site: Site) -> str:
    scheme, _, path = site.settings["sqlalchemy.url"].partition(":///")
    return path.partition("?")[0] if scheme.startswith("sqlite") else ""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _is_own_machine(host: str) -> bool:
    name = host.strip("[]").lower()
    if name == "localhost" or name.endswith((".localhost", ".local")):
        return True
    return _is_address(name) and ipaddress.ip_address(name).is_loopback


def _is_example(domain: str | None) -> bool:
    name = (domain or "").lower()
    return any(name == example or name.endswith(f".{example}") for example in ("example.com", "example.org", "example"))


def _domain(address: str) -> str:
    return parseaddr(address)[1].rpartition("@")[2]


def _word(value: bool) -> str:
    return "true" if value else "false"


CHECKS: tuple[Check, ...] = (
    Check("F101", _environment, "Set flasky.environment = production"),
    Check("F102", _no_secret, "Set the environment variable SECRET_KEY"),
    Check("F103", _weak_secret, "Make a new one as docs/settings.md says"),
    Check("F104", _weak_fallback, "Take it out of flasky.secret_key_fallbacks; what it signed is void then"),
    Check("F105", _needless_fallback, "Take it out of flasky.secret_key_fallbacks"),
    Check("F106", _many_fallbacks, "Take the oldest out of flasky.secret_key_fallbacks"),
    Check("F107", _secret_in_readable_file, "Use environment variables, or chmod 600 the file"),
    Check("F108", _writable_ini, "chmod o-w the file"),
    Check("F202", _readable_database, "chmod 600 the file"),
    Check("F203", _database_in_temporary_folder, "Move the file, with the server stopped"),
    Check("F204", _database_without_tls, "Add ?sslmode=verify-full to sqlalchemy.url"),
    Check("F205", _weak_database_password, "Change it in the database and in sqlalchemy.url"),
    Check("F301", _default_address, "Set FLASKY_BASE_URL to what visitors type"),
    Check("F302", _plain_address, "Put a proxy with TLS in front and write https:// (docs/operations/running.md)"),
    Check("F303", _local_address, "Write the site's public name"),
    Check("F304", _example_address, "Write the site's public name"),
    Check("F306", _wide_host, "Name the site's own domain"),
    Check("F307", _local_host, "Take it out: behind a proxy it is what strangers send"),
    Check("F401", _no_owner, "Set FLASKY_ADMIN"),
    Check("F402", _example_owner, "Set FLASKY_ADMIN to an address that somebody reads"),
    Check("F403", _example_sender, "Set FLASKY_MAIL_SENDER to an address of the site's domain"),
    Check("F404", _mail_in_clear, "Set mail.tls = true, or mail.ssl = true for port 465"),
    Check("F405", _password_in_clear, "Set mail.tls = true, or mail.ssl = true for port 465"),
    Check("F406", _both_kinds_of_tls, "Set mail.tls = false for port 465, mail.ssl = false for the others"),
    Check("F407", _port_of_other_kind, "465 goes with mail.ssl, 587 and 25 with mail.tls"),
    Check("F408", _half_an_account, "Set MAIL_USERNAME and MAIL_PASSWORD, or neither"),
    Check("F409", _no_mail_server, "Set MAIL_SERVER, MAIL_USERNAME and MAIL_PASSWORD"),
    Check("F410", _missing_authority, "Write the path of a file in PEM format"),
    Check("F411", _impatient_mail, "Let it be between an hour and two weeks"),
    Check("F501", _open_server, "Set host = localhost and let the proxy in front listen to the world"),
    Check("F502", _no_trusted_proxy, "Set trusted_proxy and trusted_proxy_headers (docs/operations/running.md)"),
    Check("F503", _every_proxy, "Set trusted_proxy to the proxy's own address"),
    Check("F504", _unnamed_proxy_headers, "Set trusted_proxy_headers = x-forwarded-for x-forwarded-proto"),
    Check("F505", _shown_tracebacks, "Take expose_tracebacks out"),
    Check("F506", _named_server, "Take ident out"),
    Check("F507", _large_bodies, "Take max_request_body_size out, or let it be 16777216 at most"),
    Check("F508", _logged_statements, "Set its level to WARN"),
    Check("F601", partial(_development_switch, "pyramid.debug_"), "Switch it off"),
    Check("F602", partial(_development_switch, "pyramid.reload_"), "Switch it off"),
    Check("F603", _toolbar, "Take it out of pyramid.includes"),
)
