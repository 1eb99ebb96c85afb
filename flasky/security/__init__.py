"""Security by default: closed views, CSRF and origin checks, hostile input, hosts, headers, keys."""

from __future__ import annotations

from pyramid.config import Configurator


def includeme(config: Configurator) -> None:
    """Switch every default on; a plug-in has to say so where it wants less."""
    config.include("flasky.security.keys")
    config.include("flasky.security.policy")
    config.include("flasky.security.credentials")
    config.include("flasky.security.csrf")
    config.include("flasky.security.hosts")
    config.include("flasky.security.methods")
    config.include("flasky.security.sanity")
    config.include("flasky.security.headers")
    config.include("flasky.security.redaction")
