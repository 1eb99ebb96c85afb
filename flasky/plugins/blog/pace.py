"""How often one member, or one address, may do what others have to read, to carry or to wait for (RTE-02).

Counted where the services decide, so that no page, command or API of another plug-in comes round it: by the member, who
may come from many addresses, and for visitors by the address. Work outside of requests, such as an import, that is done
for nobody is not counted.
"""

from __future__ import annotations

from flasky.plugins.accounts.services import Limit, Work, allows, pace, peer_key, spend

_HOUR, _DAY = 3600, 86400

POSTS = (Limit("blog.posts", 30, _HOUR), Limit("blog.posts_of_day", 100, _DAY))
COMMENTS = (Limit("blog.comments", 60, _HOUR), Limit("blog.comments_of_day", 300, _DAY))
EDITS = (Limit("blog.edits", 120, _HOUR),)
FOLLOWS = (Limit("blog.follows", 60, _HOUR), Limit("blog.follows_of_day", 300, _DAY))
REPORTS = (Limit("blog.reports", 20, _HOUR),)
#: Each costs as much as storing the text.
PREVIEWS = (Limit("blog.previews", 30, 60),)
SEARCHES = (Limit("blog.searches", 5, 1),)


def of_member(work: Work, limits: tuple[Limit, ...]) -> None:
    """Count what whoever asks does now. Raises TooManyTries, which is recorded, when they did it too often."""
    if work.identity is not None:
        user_id = work.identity.user_id
        spend(work, *((limit, str(user_id)) for limit in limits), user_id=user_id)


def of_reader(work: Work, limits: tuple[Limit, ...]) -> None:
    """Count what a member or a visitor does now. Raises TooManyTries, which is not recorded: it comes often."""
    key = f"user {work.identity.user_id}" if work.identity is not None else peer_key(work)
    if key:
        pace(work, *((limit, key) for limit in limits))


def allows_notice_mail(work: Work, user_id: int) -> bool:
    """Count a mail at once to a member about a notice; False when they had so many in the last hour: it can wait.

    Mails are counted and no notices: these go with a comment or post, and whoever writes and deletes by turns would
    fill a mailbox. A mail whose transaction failed counts as well: at worst one more notice waits for the digest.
    """
    limit = Limit("blog.notice_mails", work.settings["blog.notice_mails_per_hour"], _HOUR)
    return allows(work, limit, str(user_id))
