"""The plug-in `api`: access tokens, with which a member's programs use the API."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from flasky.plugin import Plugin
from flasky.settings import Setting, parse_count

if TYPE_CHECKING:
    from pyramid.config import Configurator


def parse_rate(value: str) -> int:
    """A number of requests in a minute, 1 to 100000."""
    number = parse_count(value)
    if not 1 <= number <= 100_000:
        raise ValueError("expected a number from 1 to 100000")
    return number


plugin = Plugin(
    name="api",
    requires=("accounts",),
    description="Access tokens for programs.",
    models="flasky.plugins.api.models",
    commands="flasky.plugins.api.cli:api",
    fixtures="flasky.plugins.api.fixtures",
    settings=(
        Setting(
            "api.requests_per_minute",
            parse_rate,
            default="300",
            help="How many requests a program may send with one access token in a minute, 1 to 100000.",
        ),
    ),
)


def includeme(config: Configurator) -> None:
    """Register everything; nothing is connected."""
    from flasky.languages import _  # noqa: PLC0415 - brings Pyramid, which reading the declaration must not cost

    config.add_translation_dirs("flasky.plugins.api:locale")
    config.declare_permission("api.tokens", _("Have access tokens, with which programs act for oneself"))
    config.add_credential("Bearer", "flasky.plugins.api.credential.identify")
    config.add_job("api.clear_away", "flasky.plugins.api.uses.clear_away_job")
    config.add_schedule("api.clear_away", every=timedelta(days=1))
    config.add_jinja2_search_path("flasky.plugins.api:templates", name=".jinja2")
    config.add_personal_data(
        "api", export="flasky.plugins.api.members.export", erase="flasky.plugins.api.members.erase"
    )
    config.include("flasky.plugins.api.uses")
    config.include("flasky.plugins.api.documents")
    config.include("flasky.plugins.api.views")
