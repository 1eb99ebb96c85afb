"""Following: who reads whom. Counters stand with each member and change with the row (CON-04)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ScalarSelect, bindparam, case, delete, func, select, update
from sqlalchemy.orm import aliased

from flasky.languages import _
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.services import Refused, Work
from flasky.plugins.blog import notices, pace
from flasky.plugins.blog.errors import NotThere
from flasky.plugins.blog.events import Followed, Unfollowed
from flasky.plugins.blog.models import BlogMember, Follow
from flasky.plugins.blog.posts import who
from flasky.plugins.blog.reading import Bounds, Part, part
from flasky.plugins.blog.storage import add_unless_there, changed, count, lock


@dataclass(frozen=True)
class Standing:
    """How a member stands: how many follow them and they follow, and whether whoever asks does, or is followed."""

    followers: int
    following: int
    is_followed: bool
    follows_me: bool


#: What `request.identity.values` calls the number of members whom one follows; None for who never did.
FOLLOWING = "blog.following"
_BEGINNING = Bounds()
#: Those of two members who are there, and whose accounts nobody erases before the transaction ends.
_BOTH = (
    select(User.id)
    .where(User.id.in_((bindparam("me"), bindparam("other"))))
    .order_by(User.id)
    .with_for_update(read=True, key_share=True)
)
#: Counters that one statement puts right.
_AT_ONCE = 500


def find(work: Work, user_id: int, *, left_too: bool = False) -> User:
    """The member to be followed; with `left_too` also one who has no profile now. Raises NotThere."""
    user = work.db.get(User, user_id)
    if user is None or not (left_too or user.has_profile):
        raise NotThere
    return user


def follow(work: Work, user: User) -> bool:
    """Follow a member; returns False when one did already.

    Raises Refused for oneself, TooManyTries, and NotThere for one whose account was erased meanwhile.
    """
    me = who(work).user_id
    if user.id == me:
        raise Refused(_("You cannot follow yourself."))
    pace.of_member(work, pace.FOLLOWS)
    if user.id not in set(work.db.scalars(_BOTH, {"me": me, "other": user.id})):
        raise NotThere
    if not add_unless_there(work.db, Follow, follower_id=me, followed_id=user.id, created_at=work.now()):
        return False
    _count_both(work, me, user.id, 1)
    notices.tell_followed(work, user)
    work.registry.notify(Followed(work, me, user))
    return True


def unfollow(work: Work, user: User) -> bool:
    """Follow a member no longer; returns False when one did not."""
    me = who(work).user_id
    if not changed(work.db, delete(Follow).where(Follow.follower_id == me, Follow.followed_id == user.id)):
        return False
    _count_both(work, me, user.id, -1)
    work.registry.notify(Unfollowed(work, me, user))
    return True


def _count_both(work: Work, follower: int, followed: int, difference: int) -> None:
    # In the order of the ids, whoever follows whom: two who follow each other at once do not wait for each other.
    for user_id in sorted((follower, followed)):
        if user_id == follower:
            count(work.db, user_id, following=difference)
        else:
            count(work.db, user_id, followers=difference)


def leave(work: Work, user_id: int) -> None:
    """Let a member who is being erased follow nobody and be followed by nobody: the counters of the others go down.

    The same few statements, however many these are.
    """
    is_theirs = (Follow.follower_id == user_id) | (Follow.followed_id == user_id)
    followed = select(Follow.followed_id).where(Follow.follower_id == user_id)
    followers = select(Follow.follower_id).where(Follow.followed_id == user_id)
    # In the order in which whoever unfollows them locks: the row, and then the counters by their ids.
    lock(work.db, is_theirs, Follow.follower_id, Follow.followed_id)
    others = BlogMember.user_id.in_(followed.union(followers))
    lock(work.db, others, BlogMember.user_id)
    # Both by one statement: a second change of a row would wait for its member, who may leave as well
    # (`storage.hold_members`).
    was_followed = followed.where(Follow.followed_id == BlogMember.user_id).exists()
    was_follower = followers.where(Follow.follower_id == BlogMember.user_id).exists()
    fewer = {
        "follower_count": BlogMember.follower_count - case((was_followed, 1), else_=0),
        "following_count": BlogMember.following_count - case((was_follower, 1), else_=0),
    }
    changed(work.db, update(BlogMember).where(others).values(fewer))
    changed(work.db, delete(Follow).where(is_theirs))


def recount(work: Work) -> None:
    """Put right the counters that are not the number of rows; nobody else's is touched or waited for."""
    followers = select(func.count()).where(Follow.followed_id == BlogMember.user_id).scalar_subquery()
    following = select(func.count()).where(Follow.follower_id == BlogMember.user_id).scalar_subquery()
    differ = (BlogMember.follower_count != followers) | (BlogMember.following_count != following)
    with work.reading() as connection:
        wrong = list(connection.scalars(select(BlogMember.user_id).where(differ).order_by(BlogMember.user_id)))
    for first in range(0, len(wrong), _AT_ONCE):
        some = BlogMember.user_id.in_(wrong[first : first + _AT_ONCE])
        # Locked by a statement of its own: one that counts sees nothing of what it has waited for.
        lock(work.db, some, BlogMember.user_id)
        changed(work.db, update(BlogMember).where(some).values(follower_count=followers, following_count=following))


def number_followed_by(user_id: Any) -> ScalarSelect[Any]:
    """The number of members whom a member follows, for `config.add_identity_value`: one row, by its key.

    By it the home page decides how to look for their posts, and needs no statement to know it.
    """
    return select(BlogMember.following_count).where(BlogMember.user_id == user_id).scalar_subquery()


def standing(work: Work, user_id: int) -> Standing:
    """How a member stands; one statement that only reads."""
    me = work.identity.user_id if work.identity else 0
    followed = select(Follow.follower_id).where(Follow.follower_id == me, Follow.followed_id == user_id).exists()
    follows_me = select(Follow.follower_id).where(Follow.follower_id == user_id, Follow.followed_id == me).exists()
    with work.reading() as connection:
        row = connection.execute(
            select(BlogMember.follower_count, BlogMember.following_count, followed, follows_me)
            .select_from(User)
            .outerjoin(BlogMember, BlogMember.user_id == User.id)
            .where(User.id == user_id)
        ).one()
    return Standing(row[0] or 0, row[1] or 0, bool(row[2]), bool(row[3]))


def followers(work: Work, user_id: int, bounds: Bounds = _BEGINNING, limit: int = 50) -> Part:
    """Who follows a member: rows in the order of the ids, each with how one stands to them (`_people`).

    One statement that only reads.
    """
    return _people(work, Follow.follower_id, (Follow.followed_id == user_id) & User.has_profile, bounds, limit)


def following(work: Work, user_id: int, bounds: Bounds = _BEGINNING, limit: int = 50) -> Part:
    """Whom a member follows, as `followers`; for themselves also those who have no profile now, to be unfollowed."""
    condition = Follow.follower_id == user_id
    if work.identity is None or work.identity.user_id != user_id:
        condition &= User.has_profile
    return _people(work, Follow.followed_id, condition, bounds, limit)


def _people(work: Work, key: Any, condition: Any, bounds: Bounds, limit: int) -> Part:
    """Rows with id, username, name, has_profile, avatar_version, since when they are in the list, and whether whoever
    asks follows them."""
    me, own = work.identity.user_id if work.identity else 0, aliased(Follow)
    is_followed = select(own.follower_id).where(own.follower_id == me, own.followed_id == User.id).exists()
    columns = select(
        User.id,
        User.username,
        User.name,
        User.has_profile,
        User.avatar_version,
        Follow.created_at.label("since"),
        is_followed.label("is_followed"),
    )
    statement = columns.join(Follow, key == User.id).where(condition)
    with work.reading() as connection:
        return part(connection, statement, key, bounds, limit, ascending=True)
