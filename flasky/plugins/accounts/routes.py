"""Where the pages of this plug-in are."""

from __future__ import annotations

from pyramid.config import Configurator

#: Each route's name and pattern, in the order in which they are tried.
ROUTES = (
    ("accounts.account", "/auth"),
    ("accounts.register", "/auth/register"),
    ("accounts.login", "/auth/login"),
    ("accounts.code", "/auth/code"),
    ("accounts.logout", "/auth/logout"),
    ("accounts.prove", "/auth/prove"),
    ("accounts.confirm", "/auth/confirm/{token}"),
    ("accounts.unconfirmed", "/auth/unconfirmed"),
    ("accounts.resend", "/auth/resend"),
    ("accounts.reset", "/auth/reset"),
    ("accounts.reset_token", "/auth/reset/{token}"),
    ("accounts.link", "/auth/link"),
    ("accounts.link_token", "/auth/link/{token}"),
    ("accounts.change_password", "/auth/change-password"),
    ("accounts.change_email", "/auth/change-email"),
    ("accounts.change_email_token", "/auth/change-email/{token}"),
    ("accounts.invitation", "/auth/invitation/{token}"),
    ("accounts.claim", "/auth/claim/{token}"),
    ("accounts.sessions", "/auth/sessions"),
    ("accounts.events", "/auth/events"),
    ("accounts.two_factor", "/auth/two-factor"),
    ("accounts.export", "/auth/export"),
    ("accounts.delete", "/auth/delete"),
    ("accounts.first_steps", "/auth/first-steps"),
    ("accounts.people", "/people"),
    ("accounts.invite", "/people/invite"),
    ("accounts.member", "/people/{user_id:[0-9]{1,9}}"),
    ("accounts.roles", "/roles"),
    ("accounts.role", "/roles/{role_id:[0-9]{1,9}}"),
    ("accounts.avatar", "/avatar/{user_id:[0-9]{1,9}}/{version:[0-9]{1,9}}"),
    # A name may hold a slash: <b>Ann</b> is one. None ends with /edit (`usernames`).
    ("accounts.edit_profile", "/user/{username:.+}/edit"),
    ("accounts.profile", "/user/{username:.+}"),
)


def includeme(config: Configurator) -> None:
    """Declare every route."""
    for name, pattern in ROUTES:
        config.add_route(name, pattern)
