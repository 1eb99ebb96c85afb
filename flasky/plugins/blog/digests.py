"""The job that mails daily digests; the clock has it come round every hour."""

from __future__ import annotations

from pyramid.request import Request

from flasky.plugins.accounts.services import work_of
from flasky.plugins.blog.notices import send_digests


def mail_due(request: Request) -> None:
    """Mail those whose oldest notice has waited a day; one transaction takes so many, and the next job goes on."""
    if send_digests(work_of(request)).more:
        request.enqueue("blog.digest")
