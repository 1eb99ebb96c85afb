"""The plug-in `board`: a sample with one contribution of every kind.

But for a way to sign in, and for what a site can have only one of: its home page, and how it knows who asks.
"""

from __future__ import annotations

from flasky.languages import _
from flasky.plugin import Plugin
from flasky.settings import Fault, Setting, parse_count

plugin = Plugin(
    name="board",
    description="A board with notices.",
    requires=("accounts",),
    requires_flasky=">=0.1",
    models="flasky_board.models",
    migrations="flasky_board:migrations",
    commands="flasky_board.cli:board",
    prefix="/board",
    fixtures="flasky_board.fixtures",
    settings=(Setting("board.shown", parse_count, default="3", help="Notices on the home page."),),
)


def includeme(config):
    """Register everything: what is seen, who may do what, what runs beside the pages, and what others build on."""
    config.add_jinja2_search_path("flasky_board:templates", name=".jinja2")
    config.add_static_files("board", "flasky_board:static")
    config.add_translation_dirs("flasky_board:locale")
    config.add_csp_source("img-src", "https://images.example.com")
    config.add_route("board.index", "", inherit_slash=True)
    config.add_route("board.manage", "/manage")
    config.add_route("board.api", "/api")
    config.add_route("board.broken", "/broken/{how}")
    config.add_navigation("board.index", _("Board"))
    config.add_slot("home", "board/latest.jinja2")
    config.add_slot("footer", "flasky_board.views.footer")
    config.scan("flasky_board.views")

    config.declare_permission("board.pin", _("Pin notices"))
    config.declare_permission("board.manage", _("Look after the board"), roles=("Administrator",))
    config.add_admin_screen("board.manage", _("Board"), permission="board.manage")
    config.add_identity_value("board.has_pinned", "flasky_board.members.has_pinned")
    config.add_personal_data("board", export="flasky_board.members.export", erase="flasky_board.members.erase")
    config.add_api_schema("BoardNotice", {"type": "object", "properties": {"text": {"type": "string"}}})
    config.add_api_resource("board.api", {"get": {"summary": "Notices", "responses": {"200": _notices()}}})

    config.add_mail("mail/board_notice", _("A notice: ${text}"), sample={"text": "Milk is out"})
    config.add_job("board.tidy", "flasky_board.background.tidy")
    config.include("flasky_board.background")
    config.add_seed("board.examples", "flasky_board.background.examples")
    config.add_health_check("board", "flasky_board.background.check", vital=False)
    config.add_metric("board_notices", "Notices on the board.", "flasky_board.background.count")
    config.add_subscriber("flasky_board.hooks.note", "pyramid.events.NewRequest")
    config.add_tween("flasky_board.hooks.tween", under="pyramid.tweens.excview_tween_factory")
    config.add_shell_name("Notice", "flasky_board.models.Notice")
    config.add_start_check(check)
    config.include("flasky_board.kinds")


def check(registry):
    """More than a hundred notices are no home page's."""
    if registry.settings["board.shown"] > 100:
        return [Fault("the INI file, key board.shown", "expected at most 100", "Show fewer", "board")]
    return []


def _notices():
    listed = {"type": "array", "items": {"$ref": "#/components/schemas/BoardNotice"}}
    return {"description": "All notices", "content": {"application/json": {"schema": listed}}}
