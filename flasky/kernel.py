"""What every site includes before its plug-ins, and the settings that make the libraries behave.

The kernel knows no feature: this list does not grow when a plug-in is added.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flasky.languages import DOMAIN
from flasky.site import Site

#: The libraries that extend Pyramid.
LIBRARIES = ("pyramid_jinja2", "pyramid_retry", "pyramid_tm", "pyramid_mailer")

#: The kernel's rooms, in the order in which they are included.
ROOMS = (
    "flasky.directives",
    "flasky.extension_points",
    "flasky.permissions",
    "flasky.languages",
    "flasky.database",
    "flasky.statistics",
    "flasky.hooks",
    "flasky.failpoints",
    "flasky.migrations",
    "flasky.security",
    "flasky.errors",
    "flasky.templating",
    "flasky.tracing",
    "flasky.mail",
    "flasky.health",
    "flasky.jobs",
    "flasky.admin_screens",
    "flasky.api_resources",
    "flasky.seeds",
    "flasky.prefixes",
)

#: Settings of the libraries below that no site should have to know (P7, P8, P30).
_LIBRARY_SETTINGS: Mapping[str, Any] = {
    "tm.manager_hook": "pyramid_tm.explicit_manager",
    "tm.commit_veto": "pyramid_tm.default_commit_veto",
    "tm.activate_hook": "flasky.database.session.changes_are_possible",
    # True would look the member up above the exception views: with the database down even the 503 page fails.
    "tm.annotate_user": False,
    "retry.attempts": 3,
    "jinja2.i18n.domain": DOMAIN,
    "jinja2.trim_blocks": True,
    "jinja2.lstrip_blocks": True,
}


def pyramid_settings(site: Site, ini: Mapping[str, Any]) -> dict[str, Any]:
    """The INI file's text settings for the libraries, with every declared setting as its coerced value."""
    return {
        **_LIBRARY_SETTINGS,
        # A template that asks for what nobody gave it fails in development and tests; visitors get a blank.
        "jinja2.undefined": "" if site.in_production else "strict",
        **ini,
        **site.settings,
    }
