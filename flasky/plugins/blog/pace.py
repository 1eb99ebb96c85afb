"""How often one member, or one address, may do what others have to read, to carry or to wait for (RTE-02).

Counted where the services decide, so that no page, command or API of another plug-in comes round it: by the member, who
may come from many addresses, and for visitors by the address. Work outside of requests, such as an import, that is done
for nobody is not counted.
"""

from __future__ import annotations

from flasky.plugins.accounts.services import Limit, Work, allows, allows_all, check, pace, peer_key, spend
from flasky.plugins.blog.limits import RATES

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


def _of(what: str) -> tuple[Limit, ...]:
    """The limits of `RATES` for something, each called as the setting that says how much it is."""
    rates = ((name, name.rpartition("_")[2], amount) for name, amount in RATES.items())
    return tuple(Limit(f"blog.{name}", amount, _SECONDS[unit]) for name, unit, amount in rates if name.startswith(what))


POSTS, COMMENTS, EDITS, FOLLOWS, REPORTS = map(_of, ("posts", "comments", "edits", "follows", "reports"))
#: Each costs as much as storing the text.
PREVIEWS = _of("previews")
SEARCHES = _of("searches")

#: Mails at once that one member can cause: with what they may write in an hour it could be two thousand.
MAILS_BY = Limit("blog.notice_mails_by", 100, _SECONDS["hour"])


def of_member(work: Work, limits: tuple[Limit, ...]) -> None:
    """Count what whoever asks does now. Raises TooManyTries, which is recorded, when they did it too often."""
    if work.identity is not None:
        user_id = work.identity.user_id
        spend(work, *((limit, str(user_id)) for limit in _of_site(work, limits)), user_id=user_id)


def check_member(work: Work, limits: tuple[Limit, ...]) -> None:
    """Raise TooManyTries, which is recorded, when whoever asks did something too often already; nothing is counted.

    For what costs much and comes before it is known whether it counts: `of_member` does that then.
    """
    if work.identity is not None:
        user_id = work.identity.user_id
        check(work, *((limit, str(user_id)) for limit in _of_site(work, limits)), user_id=user_id)


def allows_preview(work: Work) -> bool:
    """Count a preview that nobody asked for; False when whoever asks had so many, and the page does without."""
    key = str(work.identity.user_id) if work.identity is not None else ""
    return all(allows(work, limit, key) for limit in _of_site(work, PREVIEWS))


def of_reader(work: Work, limits: tuple[Limit, ...]) -> None:
    """Count what a member or a visitor does now. Raises TooManyTries, which is not recorded: it comes often."""
    key = f"user {work.identity.user_id}" if work.identity is not None else peer_key(work)
    if key:
        pace(work, *((limit, key) for limit in _of_site(work, limits)))


def _of_site(work: Work, limits: tuple[Limit, ...]) -> list[Limit]:
    """The limits with the amounts that the site has set; one that is no setting, as of another plug-in, as it is."""
    return [limit._replace(amount=work.settings.get(limit.name, limit.amount)) for limit in limits]


def allows_notice_mail(work: Work, user_id: int, by: int | None) -> bool:
    """Count a mail at once to a member about a notice; False when they had so many in the last hour: it can wait.

    So it can when `by` caused so many, the id of a member; None for a moderator's decision. Then it is not counted.

    Mails are counted and no notices: these go with a comment or post, and whoever writes and deletes by turns would
    fill a mailbox. A mail whose transaction failed counts as well: at worst one more notice waits for the digest.
    """
    limit = Limit("blog.notice_mails", work.settings["blog.notice_mails_per_hour"], _SECONDS["hour"])
    limits = [(limit, str(user_id)), *([(MAILS_BY, str(by))] if by is not None else [])]
    return allows_all(work, *limits)
