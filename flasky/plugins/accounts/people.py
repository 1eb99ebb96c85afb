"""Members as others see and look after them: finding, listing, disabling. `emptying` is about their profiles."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.orm import contains_eager, joinedload

from flasky.languages import _
from flasky.plugins.accounts import roles, sessions
from flasky.plugins.accounts.errors import Refused
from flasky.plugins.accounts.events import ProfileChanged
from flasky.plugins.accounts.grants import ADMINISTRATOR
from flasky.plugins.accounts.models import Role, User
from flasky.plugins.accounts.security_log import Event, record
from flasky.plugins.accounts.usernames import canonical
from flasky.plugins.accounts.work import Work


class Member(NamedTuple):
    """A member in a list."""

    id: int
    username: str
    name: str
    avatar_version: int
    key: str


class Page(NamedTuple):
    """Some of the members in the order of their names; `after` continues the list, None at its end."""

    members: list[Member]
    after: str | None


def find(work: Work, name_or_address: str) -> User | None:
    """The member with that name, however it is typed, or with that address; with their role. It only reads."""
    text = name_or_address.strip()
    if "\x00" in text or any(0xD800 <= ord(character) <= 0xDFFF for character in text):
        return None
    by_name = User.username_key == canonical(text)
    query = select(User).where(or_(by_name, User.email_key == text.lower()) if "@" in text else by_name)
    return work.db.scalars(query.options(joinedload(User.role))).one_or_none()


def find_profile(work: Work, username: str) -> User | None:
    """The member whose public profile is asked for, if they have one. It only reads."""
    user = find(work, username) if "@" not in username else None
    return user if user is not None and user.has_profile else None


def members(work: Work, *, after: str = "", limit: int = 50) -> Page:
    """The members in the order of their names, from behind the key `after`. It only reads.

    Every page costs the same: the list is continued by the key, which has an index, and never counted.
    """
    query = (
        select(User.id, User.username, User.name, User.avatar_version, User.username_key.label("key"))
        .where(User.username_key > after, User.has_profile)
        .order_by(User.username_key)
        .limit(limit + 1)
    )
    rows = [Member(*row) for row in work.db.execute(query)]
    more = len(rows) > limit
    return Page(rows[:limit], rows[limit - 1].key if more else None)


def newest(work: Work, role: str | None = None, limit: int = 1000) -> list[User]:
    """Members with their roles, the newest first; all, or those with the role of that name. It only reads."""
    query = select(User).join(User.role).options(contains_eager(User.role)).order_by(User.id.desc()).limit(limit)
    if role is not None:
        query = query.where(Role.name == role)
    return list(work.db.scalars(query))


def disable(work: Work, user: User) -> None:
    """Keep a member out from their next request on. Raises Refused for the last administrator."""
    keep_administrators_apart(work, user)
    if user.role_id == roles.lock_administrators(work).id:
        roles.keep_an_administrator(work, user)
    user.disabled_at = work.now()
    sessions.end_sessions(work, user.id)
    record(work, Event.DISABLED, user.id)
    work.db.flush()
    work.registry.notify(ProfileChanged(work, user))


def enable(work: Work, user: User) -> None:
    """Let a disabled member in again."""
    keep_administrators_apart(work, user)
    user.disabled_at = None
    record(work, Event.ENABLED, user.id)
    work.db.flush()
    work.registry.notify(ProfileChanged(work, user))


def end_sessions_of(work: Work, user: User) -> int:
    """End every session of a member; returns how many there were (SES-05)."""
    keep_administrators_apart(work, user)
    return sessions.end_sessions(work, user.id)


def keep_administrators_apart(work: Work, user: User) -> None:
    """Raise Refused where somebody who is no administrator would do something to one (ACL-03)."""
    identity = work.identity
    if identity is None or identity.role == ADMINISTRATOR:
        return
    if user.role_id == roles.lock_administrators(work).id:
        raise Refused(_("Only an administrator can do this to an administrator."))
