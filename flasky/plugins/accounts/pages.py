"""Puts the pages of this plug-in in their place: views, texts, static files and links."""

from __future__ import annotations

from pyramid.config import Configurator

from flasky.directives import ANONYMOUS, SIGNED_IN
from flasky.languages import LanguageChosen, _
from flasky.plugins.accounts.profile import drawn_avatar
from flasky.plugins.accounts.views.ownership import forget, on_home
from flasky.plugins.accounts.views.profile import keep_language
from flasky.templating import get_environment

#: After Pyramid has made the environment of the templates.
_LATE = 1001


def includeme(config: Configurator) -> None:
    """Register the views and what leads to them."""
    config.add_static_files("accounts", "flasky.plugins.accounts:static")
    config.add_translation_dirs("flasky.plugins.accounts:locale")
    config.include("flasky.plugins.accounts.proof")
    config.include("flasky.plugins.accounts.views.refusals")
    config.include("flasky.plugins.accounts.views.other_methods")
    config.scan("flasky.plugins.accounts.views")
    config.add_subscriber(keep_language, LanguageChosen)
    config.add_navigation("accounts.people", _("People"), permission="accounts.see_people", order=50)
    config.add_admin_screen(
        "accounts.roles",
        _("Roles"),
        permission="accounts.manage_roles",
        description=_("Which roles there are, and what each may do."),
    )
    config.action(
        "accounts.templates",
        lambda: get_environment(config.registry).globals.update(drawn_avatar=drawn_avatar),
        order=_LATE,
    )
    config.add_slot("navbar", "accounts/sign_out_button.jinja2", permission=SIGNED_IN, order=900)
    config.add_slot("footer", "accounts/sign_out_form.jinja2", permission=SIGNED_IN, order=900)
    config.add_slot("home", on_home, permission="accounts.manage_roles", order=10)
    config.add_subscriber(forget, "flasky.testing.reset.SiteReset")
    links = (
        ("accounts.login", _("Sign in"), ANONYMOUS),
        ("accounts.register", _("Join"), ANONYMOUS),
        ("accounts.account", _("My account"), SIGNED_IN),
    )
    for order, (route, title, permission) in enumerate(links):
        config.add_navigation(route, title, permission=permission, order=900 + order, area="account")
