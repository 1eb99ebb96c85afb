"""The plug-in `accounts`: members, their roles, and how they prove to be themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flasky.plugin import Command, Plugin
from flasky.settings import Setting, parse_count, parse_seconds

if TYPE_CHECKING:
    from pyramid.config import Configurator


def parse_registration(value: str) -> str:
    """One of open, invitation and closed."""
    text = value.strip()
    if text not in {"open", "invitation", "closed"}:
        raise ValueError("expected open, invitation or closed")
    return text


def parse_password_least(value: str) -> int:
    """A number of characters, 8 to 64 (PWD-01)."""
    number = parse_count(value)
    if not 8 <= number <= 64:
        raise ValueError("expected a number of characters from 8 to 64")
    return number


def parse_breach_service(value: str) -> str:
    """Nothing, or the beginning of an https address; http only to this machine."""
    text = value.strip()
    parts = urlsplit(text)
    local = parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost", "::1"}
    if text and not ((parts.scheme == "https" and parts.hostname) or local):
        raise ValueError("expected an address that begins with https://, or nothing")
    return text


plugin = Plugin(
    name="accounts",
    description="Members and their roles.",
    models="flasky.plugins.accounts.models",
    fixtures="flasky.plugins.accounts.fixtures",
    commands=(
        Command("user", "flasky.plugins.accounts.cli:user", "Make, find and look after members."),
        Command("role", "flasky.plugins.accounts.cli:role", "See roles, and what each may do."),
    ),
    settings=(
        Setting(
            "accounts.registration",
            parse_registration,
            default="open",
            help="Who may join: open to everybody, by invitation (`flasky user invite ADDRESS`), or closed.",
        ),
        Setting(
            "accounts.password_least",
            parse_password_least,
            default="10",
            help="The least number of characters of a password, from 8 to 64.",
        ),
        Setting(
            "accounts.breach_check",
            parse_breach_service,
            default="",
            help="A service that knows passwords from breaches, for example `https://api.pwnedpasswords.com/range/`: "
            "it is told the first five digits of a new password's SHA-1 and never which password. Empty: nobody is "
            "asked. When it does not answer within a second, the password is taken and the log says so.",
        ),
        Setting(
            "accounts.argon2_memory_kib",
            parse_count,
            default="19456",
            help="KiB of memory that hashing a password takes (19 MiB). Raised, each member's password is hashed "
            "again when they next sign in.",
        ),
        Setting("accounts.argon2_time_cost", parse_count, default="2", help="Passes over that memory."),
        Setting("accounts.argon2_parallelism", parse_count, default="1", help="Lanes of that memory."),
        Setting(
            "accounts.hash_wait",
            parse_seconds,
            default="5",
            help="Seconds that checking a password waits while two others are being checked, before the answer is 503.",
        ),
        Setting(
            "accounts.session_idle",
            parse_seconds,
            default="43200",
            help="Seconds without use after which a session ends (12 hours).",
        ),
        Setting(
            "accounts.session_lifetime",
            parse_seconds,
            default="604800",
            help="Seconds after which a session ends however much it is used (7 days).",
        ),
        Setting(
            "accounts.remember_idle",
            parse_seconds,
            default="2592000",
            help="Seconds without use after which a session with `remember me` ends (30 days).",
        ),
        Setting(
            "accounts.remember_lifetime",
            parse_seconds,
            default="7776000",
            help="Seconds after which a session with `remember me` ends however much it is used (90 days).",
        ),
        Setting(
            "accounts.limits_storage",
            default="memory://",
            env="ACCOUNTS_LIMITS_STORAGE",
            secret=True,
            help="Where tries are counted: memory:// (each process for itself), or redis://host:6379/0 when there "
            "are several (needs `pip install flasky[redis]`). Secret, as the address may hold a password.",
        ),
        Setting(
            "accounts.two_factor_required",
            bool,
            default="false",
            help="Whether administrators need a second factor; until they have one they may do what a User may.",
        ),
        Setting(
            "accounts.issuer",
            default="Flasky",
            help="The name of the site in a member's authenticator app.",
        ),
        Setting(
            "accounts.announcements_per_hour",
            parse_count,
            default="20",
            help="How many mails about new members flasky.admin gets in an hour; the rest comes as one list.",
        ),
        Setting(
            "accounts.deletion_grace",
            parse_count,
            default="14",
            help="Days between asking for one's account to be deleted and its deletion.",
        ),
        Setting(
            "accounts.events_kept",
            parse_count,
            default="365",
            help="Days that the record of security events is kept. That an account was deleted, and when, stays in it"
            " for plug-ins that were switched off: without name and address.",
        ),
    ),
)


def includeme(config: Configurator) -> None:
    """Register what the other plug-ins and the pages stand on."""
    from flasky.languages import _  # noqa: PLC0415 - brings Pyramid, which reading the declaration must not cost

    config.include("flasky.plugins.accounts.leaving")
    config.add_shell_name("Role", "flasky.plugins.accounts.models.Role")
    config.add_shell_name("User", "flasky.plugins.accounts.models.User")
    config.declare_permission("accounts.signed_in", _("Confirm the address, change it, sign out"))
    config.declare_permission("accounts.take_part", _("Have a profile, sessions and a second factor"))
    config.declare_permission("accounts.see_people", _("See the list of members"))
    config.declare_permission(
        "accounts.manage_people",
        _("Disable members, end their sessions, empty their profiles"),
        roles=("Moderator",),
    )
    config.declare_permission(
        "accounts.manage_roles", _("Give roles, and permissions to roles"), roles=("Administrator",)
    )
    config.add_jinja2_search_path("flasky.plugins.accounts:templates", name=".jinja2")
    config.include("flasky.plugins.accounts.identity_values")
    config.include("flasky.plugins.accounts.sign_in_methods")
    config.include("flasky.plugins.accounts.routes")
    config.include("flasky.plugins.accounts.mails")
    config.include("flasky.plugins.accounts.later_mails")
    config.include("flasky.plugins.accounts.wiring")
    config.include("flasky.plugins.accounts.pages")
