"""`flasky blog`: sample life for a new site, and making stored HTML and search words anew."""

from __future__ import annotations

import click

from flasky.cli.context import Context, pass_context
from flasky.cli.numbers import counted


@click.group()
def blog() -> None:
    """Fill and look after the blog."""


@blog.command()
@click.option("--all", "everything", is_flag=True, help="Those too that this version made.")
@pass_context
def rebuild(context: Context, everything: bool) -> None:
    """Make the HTML and the search words of posts and comments of another version anew from what their authors wrote.

    Needed after an update that changes how Markdown is rendered, which the check `blog.pipeline` of /health/ready and
    the log tell. It begins with the newest, can be stopped at any time, and goes on where it was when it is run again.
    """
    from flasky.plugins.blog.rebuilding import rebuild_all  # noqa: PLC0415 - commands are listed without SQLAlchemy

    posts, comments = rebuild_all(context.registry, everything=everything)
    click.echo(f"Rebuilt {counted(posts, 'post')} and {counted(comments, 'comment')}.")


@blog.command()
@click.option("--users", default=100, show_default=True, type=click.IntRange(1, 1_000_000), help="Members to add.")
@click.option("--posts", default=2000, show_default=True, type=click.IntRange(0, 5_000_000), help="Posts to add.")
@click.option("--force", is_flag=True, help="Also on a site that is not for development.")
@pass_context
def seed(context: Context, users: int, posts: int, *, force: bool) -> None:
    """Add made-up members, posts, comments and follows, in English and Chinese. Nobody can sign in as one of them."""
    from flasky.plugins.blog.seeding import fill  # noqa: PLC0415 - commands are listed without SQLAlchemy

    context.refuse_made_up_data(force=force)
    made = fill(context.registry, users=users, posts=posts)
    click.echo(", ".join(counted(made[f"{thing}s"], thing) for thing in ("member", "post", "comment", "follow")))


@blog.command("digest")
@pass_context
def send_digest(context: Context) -> None:
    """Mail each member who asked for it what happened in a day, now; the job `blog.digest` does so every hour."""
    from flasky.plugins.blog.digests import send_digests  # noqa: PLC0415 - commands are listed without SQLAlchemy

    click.echo(f"Queued {counted(send_digests(context.registry), 'mail')}.")
