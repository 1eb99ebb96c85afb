"""The plug-in `faulty`: everything that a plug-in can hook in, each failing when a request tells it to."""

from __future__ import annotations

from typing import Any

from flasky.plugin import Plugin

plugin = Plugin(name="faulty", after=("main", "accounts", "board"))


def includeme(config: Any) -> None:
    """Register everything."""
    config.add_jinja2_search_path("flasky_faulty:templates", name=".jinja2")
    config.add_tween("flasky_faulty.hooks.tween", under="pyramid.tweens.excview_tween_factory")
    config.add_subscriber("flasky_faulty.hooks.on_request", "pyramid.events.NewRequest")
    config.add_subscriber("flasky_faulty.hooks.on_response", "pyramid.events.NewResponse")
    config.add_subscriber("flasky_faulty.hooks.on_written", "flasky_faulty.hooks.Written")
    config.add_subscriber("flasky_faulty.hooks.on_chosen", "flasky.languages.LanguageChosen")
    config.add_slot("footer", "flasky_faulty.hooks.fill")
    config.add_health_check("faulty", "flasky_faulty.hooks.check", vital=False)
    config.add_job("faulty.work", "flasky_faulty.hooks.work")
    config.add_mail("mail/faulty", "A mail", sample={"number": 1})
    for name in ("view", "template", "deep", "mail", "fine", "write", "form"):
        config.add_route(f"faulty.{name}", f"/faulty/{name}")
    config.scan("flasky_faulty.views")
