"""The seed `blog.examples`; its texts, which no other site needs, are read when somebody asks for it."""

from __future__ import annotations

from pyramid.request import Request


def examples(request: Request) -> str | None:
    """Some members and posts, where there is no post yet."""
    from flasky.plugins.blog.seeding import examples as make  # noqa: PLC0415 - not at the start, see above

    return make(request)
