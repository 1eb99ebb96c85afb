"""The plug-in `board`: a sample with one contribution of every kind."""

from __future__ import annotations

from flasky.languages import _
from flasky.plugin import Plugin
from flasky.settings import Setting, parse_count

plugin = Plugin(
    name="board",
    description="A board with notices.",
    requires=("accounts",),
    requires_flasky=">=0.1",
    models="flasky_board.models",
    migrations="flasky_board:migrations",
    commands="flasky_board.cli:board",
    settings=(Setting("board.shown", parse_count, default="3", help="Notices on the home page."),),
)


def includeme(config):
    """Register everything."""
    config.add_jinja2_search_path("flasky_board:templates", name=".jinja2")
    config.add_static_files("board", "flasky_board:static")
    config.declare_permission("board.pin", "Pin notices")
    config.add_navigation("board.index", "Board")
    config.add_shell_name("Notice", "flasky_board.models.Notice")
    config.add_translation_dirs("flasky_board:locale")
    config.add_mail("mail/board_notice", _("A notice: ${text}"), sample={"text": "Milk is out"})
    config.add_slot("home", "board/latest.jinja2")
    config.add_slot("footer", "flasky_board.views.footer")
    config.add_subscriber("flasky_board.views.note", "pyramid.events.NewRequest")
    config.add_route("board.index", "/board")
    config.add_route("board.broken", "/board/broken/{how}")
    config.scan("flasky_board.views")
