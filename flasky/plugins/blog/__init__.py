"""The plug-in `blog`: posts, comments, following, notices and moderation."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from flasky.languages import _
from flasky.plugin import Plugin
from flasky.plugins.blog.limits import RATES
from flasky.settings import Setting, parse_count

if TYPE_CHECKING:
    from pyramid.config import Configurator


def parse_mails(value: str) -> int:
    """A number of mails in an hour, 1 to 1000."""
    number = parse_count(value)
    if not 1 <= number <= 1000:
        raise ValueError("expected a number from 1 to 1000")
    return number


def parse_days(value: str) -> int:
    """A number of days, 1 to 36500."""
    number = parse_count(value)
    if not 1 <= number <= 36_500:
        raise ValueError("expected a number of days from 1 to 36500")
    return number


def parse_page_size(value: str) -> int:
    """A number of posts on a page, 1 to 100."""
    number = parse_count(value)
    if not 1 <= number <= 100:
        raise ValueError("expected a number from 1 to 100")
    return number


def parse_rate(value: str) -> int:
    """How often something may be done, 1 to 100000."""
    number = parse_count(value)
    if not 1 <= number <= 100_000:
        raise ValueError("expected a number from 1 to 100000")
    return number


_COUNTED = {
    "posts": "posts of one member, drafts too,",
    "comments": "comments of one member",
    "edits": "edits of posts and comments by one member",
    "follows": "members whom one member begins to follow",
    "reports": "reports of one member",
    "previews": "previews of one member",
    "searches": "searches of one member, or from one address,",
}


def _rate(name: str, amount: int) -> Setting:
    what, _per, unit = name.partition("_per_")
    help_text = f"At most so many {_COUNTED[what]} in {'an' if unit == 'hour' else 'a'} {unit}, 1 to 100000."
    return Setting(f"blog.{name}", parse_rate, default=str(amount), help=help_text)


plugin = Plugin(
    name="blog",
    requires=("main", "accounts"),
    description="Posts, comments, following and moderation.",
    models="flasky.plugins.blog.models",
    commands="flasky.plugins.blog.cli:blog",
    settings=(
        Setting("blog.posts_per_page", parse_page_size, default="20", help="How many posts a list shows, 1 to 100."),
        Setting("blog.comments_per_page", parse_page_size, default="50", help="How many comments a page shows."),
        Setting(
            "blog.notice_mails_per_hour",
            parse_mails,
            default="20",
            help="How many notices of an hour a member who wants them by mail at once gets so, 1 to 1000. What comes "
            "beyond that is in the next daily digest.",
        ),
        Setting(
            "blog.notices_kept",
            parse_days,
            default="90",
            help="Days that a notice is kept once it was read, 1 to 36500. Unread ones are kept until they are read.",
        ),
        *(_rate(name, amount) for name, amount in RATES.items()),
        Setting(
            "blog.keep_lists",
            bool,
            default="true",
            help="Whether the lists that anonymous visitors see are kept in memory. Each visit compares them with the "
            "database, so they are never old.",
        ),
    ),
)


def includeme(config: Configurator) -> None:
    """Register everything; nothing is connected."""
    # Commands read the declaration without Pyramid and SQLAlchemy.
    from pyramid.security import NO_PERMISSION_REQUIRED  # noqa: PLC0415 - see above

    from flasky.plugins.blog import edition, kept  # noqa: PLC0415 - see above

    config.add_jinja2_search_path("flasky.plugins.blog:templates", name=".jinja2")
    config.add_static_files("blog", "flasky.plugins.blog:static")
    config.add_translation_dirs("flasky.plugins.blog:locale")
    config.declare_permission("blog.write", _("Write posts"))
    config.declare_permission("blog.comment", _("Comment, and report what breaks the rules"))
    config.declare_permission("blog.follow", _("Follow members"))
    config.declare_permission("blog.moderate", _("Hide posts and comments, answer reports"), roles=("Moderator",))
    for name in ("Post", "Comment", "Follow", "Tag"):
        config.add_shell_name(name, f"flasky.plugins.blog.models.{name}")
    config.add_personal_data(
        "blog", export="flasky.plugins.blog.members.export", erase="flasky.plugins.blog.members.erase"
    )
    config.include("flasky.plugins.blog.routes")
    config.include("flasky.plugins.blog.api")
    config.add_request_method("flasky.plugins.blog.reading.shown_html", "blog_html")
    config.include("flasky.plugins.blog.mails")
    config.add_job("blog.digest", "flasky.plugins.blog.digests.mail_due")
    config.add_health_check("blog.pipeline", "flasky.plugins.blog.rebuilding.rebuild_is_due", vital=False)
    config.add_job("blog.hide_all", "flasky.plugins.blog.hiding.go_on")
    config.add_job("blog.names", "flasky.plugins.blog.rebuilding.index_posts_of")
    config.add_job("blog.forget_names", "flasky.plugins.blog.rebuilding.forget_names")
    config.add_subscriber("flasky.plugins.blog.rebuilding.name_changed", "flasky.plugins.accounts.events.NameChanged")
    config.add_subscriber(
        "flasky.plugins.blog.rebuilding.profile_changed", "flasky.plugins.accounts.events.ProfileChanged"
    )
    config.add_seed("blog.examples", "flasky.plugins.blog.examples.examples")
    config.add_schedule("blog.digest", every=timedelta(hours=1))
    config.add_job("blog.forget_notices", "flasky.plugins.blog.notices.forget_read_job")
    config.add_schedule("blog.forget_notices", every=timedelta(days=1))
    config.add_job("blog.catch_up", "flasky.plugins.blog.absence.catch_up")
    config.add_schedule("blog.catch_up", every=timedelta(hours=1))
    config.set_home(
        "flasky.plugins.blog.views.lists.home",
        renderer="blog/home.jinja2",
        permission=NO_PERMISSION_REQUIRED,
        # The list, and for "those I follow" up to four before it, where one follows many (`timeline`: MOST_STATEMENTS).
        # Without a visitor's cookie: the version of the lists, and the list itself when it has changed.
        statements=5,
    )
    config.add_slot("profile", "flasky.plugins.blog.views.lists.on_profile", order=50)
    config.add_slot("profile.head", "blog/profile_head.jinja2")
    config.add_slot("accounts.delete", "blog/what_stays.jinja2")
    config.add_slot("accounts.profile", "blog/on_account.jinja2")
    config.add_navigation("blog.search", _("Search"), order=20)
    config.add_navigation("blog.write", _("Write"), permission="blog.write", order=30)
    config.add_navigation(
        "blog.moderate",
        _("Moderation"),
        permission="blog.moderate",
        order=40,
        badge="flasky.plugins.blog.waiting.badge",
    )
    config.add_identity_value("blog.following", "flasky.plugins.blog.following.number_followed_by")
    config.add_identity_value("blog.unread", "flasky.plugins.blog.unread.unread_of")
    config.add_identity_value("blog.waiting", "flasky.plugins.blog.waiting.waiting_for")
    config.add_navigation(
        "blog.notices",
        _("Notices"),
        permission="accounts.take_part",
        order=10,
        area="account",
        badge="flasky.plugins.blog.unread.badge",
    )
    config.add_navigation("blog.drafts", _("Drafts"), permission="blog.write", order=15, area="account")
    kept.prepare(config.registry)
    edition.prepare(config.registry)
    config.add_subscriber(
        "flasky.plugins.blog.members.profile_changed", "flasky.plugins.accounts.events.ProfileChanged"
    )
    config.add_subscriber(kept.forget, "flasky.testing.reset.SiteReset")
    config.scan("flasky.plugins.blog.views")
