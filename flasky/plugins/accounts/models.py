"""The tables of the members: who they are, what they may do, and how they prove to be themselves.

What a thief of the database could use is not in it: passwords are hashed with Argon2id, identifiers of sessions
and tokens only as fingerprints, the secret of the second factor encrypted with a key that the database does not
hold.
"""

# Annotations are not postponed: SQLAlchemy would evaluate the text of each, twice (docs/decisions/0072-quick-start.md).

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ColumnElement, ForeignKey, Index, LargeBinary, String, Text, and_, false
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import DynamicMapped, Mapped, mapped_column, relationship, validates

from flasky.database import Base, UTCDateTime, names_contributions, utc_now
from flasky.plugins.accounts import usernames

#: The limits of the texts that forms and services share with the columns (INP-07).
LONGEST_NAME = 64
LONGEST_LOCATION = 64
LONGEST_ROLE_NAME = 64
_DIGEST = String(64)
_ADDRESS = String(254)


class Role(Base):
    """A role: everybody has exactly one, and it decides what they may do."""

    __tablename__ = "roles"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(LONGEST_ROLE_NAME), unique=True)
    description: Mapped[str] = mapped_column(String(255), default="", server_default="")
    # A query, as a role may have a million members: role.users.filter_by(…), role.users.count().
    users: DynamicMapped["User"] = relationship(back_populates="role", lazy="dynamic", passive_deletes="all")

    def __repr__(self) -> str:
        return f"<Role {self.name!r}>"


class RolePermission(Base):
    """What the administrators decided about one permission of one role, where it differs from the declaration.

    A permission without a row is held by the roles that its plug-in names
    (docs/decisions/0050-permissions-of-roles.md).
    """

    __tablename__ = "role_permissions"

    role_id: Mapped[int] = mapped_column(ForeignKey("roles.id", ondelete="CASCADE"), primary_key=True)
    permission: Mapped[str] = mapped_column(String(100), primary_key=True, info=names_contributions())
    granted: Mapped[bool]


class User(Base):
    """A member of the site.

    A name and a role are enough for a row; somebody without address and password cannot sign in.
    """

    __tablename__ = "users"
    #: SQLite would give the number of the newest one, once they have left, to the next: forms, feeds and pages that
    #: name it would mean somebody else.
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    #: As it is shown. Its two keys are derived from it whenever it is set.
    username: Mapped[str] = mapped_column(String(usernames.LONGEST_USERNAME), unique=True, index=True)
    #: What the name is found by: `usernames.canonical`.
    username_key: Mapped[str] = mapped_column(String(255), unique=True)
    #: What makes two names look alike: `usernames.skeleton`.
    username_skeleton: Mapped[str] = mapped_column(String(255), unique=True)
    role_id: Mapped[int] = mapped_column(ForeignKey("roles.id"), index=True)
    email: Mapped[str | None] = mapped_column(_ADDRESS)
    email_key: Mapped[str | None] = mapped_column(_ADDRESS, unique=True)
    password_hash: Mapped[str | None] = mapped_column(String(255))
    #: Counts changes of password and address: sessions and tokens of an earlier count are void (SES-04, TOK-02).
    credentials_version: Mapped[int] = mapped_column(default=1, server_default="1")
    confirmed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    #: When the account is erased, once its owner has asked for that.
    deletion_due_at: Mapped[datetime | None] = mapped_column(UTCDateTime, index=True)
    #: Whether the site's owner has still to be told that this member joined, and when they were told.
    announcement_due: Mapped[bool] = mapped_column(default=False, server_default=false(), index=True)
    announced_at: Mapped[datetime | None] = mapped_column(UTCDateTime, index=True)
    name: Mapped[str] = mapped_column(String(LONGEST_NAME), default="", server_default="")
    location: Mapped[str] = mapped_column(String(LONGEST_LOCATION), default="", server_default="")
    about_source: Mapped[str] = mapped_column(Text, default="", server_default="")
    about_html: Mapped[str] = mapped_column(Text, default="", server_default="")
    #: None until it is known: signing in keeps that of the page. Empty for who chose that of their browser.
    language: Mapped[str | None] = mapped_column(String(16))
    timezone: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
    last_seen_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    #: Another number with each upload of the picture, which stands in its address, so that browsers fetch the new one;
    #: 0: none.
    avatar_version: Mapped[int] = mapped_column(default=0, server_default="0")

    role: Mapped[Role] = relationship(back_populates="users")

    @hybrid_property
    def has_profile(self) -> bool:
        """Whether others see the member's profile: confirmed, not disabled, not leaving. A condition in statements."""
        return self.confirmed_at is not None and self.disabled_at is None and self.deletion_due_at is None

    @has_profile.inplace.expression
    @classmethod
    def _has_profile(cls) -> ColumnElement[bool]:
        return and_(
            cls.confirmed_at.is_not(None),
            cls.disabled_at.is_(None),
            # Written so that SQLite does not take the index of this column, in which nearly all members are equal, in
            # place of another: it would read and sort everybody for each page of a list.
            cls.deletion_due_at.is_(None).is_(True),
        )

    @validates("username")
    def _derive_keys(self, _attribute: str, username: str) -> str:
        shown = usernames.shown_form(username)
        self.username_key = usernames.canonical(shown)
        self.username_skeleton = usernames.skeleton(shown)
        return shown

    @validates("email")
    def _derive_email_key(self, _attribute: str, email: str | None) -> str | None:
        self.email_key = None if email is None else email.lower()
        return email

    @validates("role")
    def _refuse_unknown_role(self, _attribute: str, role: Any) -> Role:
        # Said here and not by the database: a failed flush leaves a session that has to be rolled back.
        if not isinstance(role, Role):
            raise ValueError(
                f"{role!r} is not a role. Take one of those that exist, for example "
                'db.scalars(select(Role).filter_by(name="User")).one()'
            )
        return role

    def __repr__(self) -> str:
        return f"<User {self.username!r}>"


class Avatar(Base):
    """The picture that a member uploaded, as it was encoded again here."""

    __tablename__ = "avatars"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    media_type: Mapped[str] = mapped_column(String(40))
    image: Mapped[bytes] = mapped_column(LargeBinary)


class UserSession(Base):
    """One browser in which a member is signed in; its cookie holds what `digest` is the fingerprint of."""

    __tablename__ = "sessions"

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(_DIGEST, unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    credentials_version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
    last_used_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
    #: When its owner last proved to be themselves in this browser.
    proven_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
    #: The end that no use postpones.
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
    remember: Mapped[bool] = mapped_column(default=False)
    #: The password was right and the code of the second factor is still missing: nobody is signed in yet.
    awaits_code: Mapped[bool] = mapped_column(default=False)
    #: Partly masked, for its owner to recognise.
    address: Mapped[str] = mapped_column(String(64), default="")
    agent: Mapped[str] = mapped_column(String(255), default="")

    user: Mapped[User] = relationship()

    def __repr__(self) -> str:
        return f"<UserSession {self.id} of user {self.user_id}>"


class Token(Base):
    """A link that was mailed: for one purpose, one member, one use."""

    __tablename__ = "tokens"
    __table_args__ = (Index("ix_tokens_user_id_purpose", "user_id", "purpose"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(_DIGEST, unique=True)
    purpose: Mapped[str] = mapped_column(String(32))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    #: The address that it was mailed to.
    email: Mapped[str] = mapped_column(_ADDRESS)
    credentials_version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
    used_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    user: Mapped[User] = relationship()

    def __repr__(self) -> str:
        return f"<Token {self.id} {self.purpose} of user {self.user_id}>"


class SecondFactor(Base):
    """The authenticator app of a member."""

    __tablename__ = "second_factors"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    #: Encrypted with a key derived from the site's secret.
    secret: Mapped[str] = mapped_column(String(255))
    #: The number of the last 30 seconds in which a code was taken: none is taken twice (TOK-06).
    last_step: Mapped[int] = mapped_column(BigInteger, default=0)
    #: None until its owner has typed a first code.
    confirmed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class RecoveryCode(Base):
    """A code that stands in for the authenticator app, once."""

    __tablename__ = "recovery_codes"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    digest: Mapped[str] = mapped_column(_DIGEST)
    used_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class Invitation(Base):
    """Somebody was asked by mail to join."""

    __tablename__ = "invitations"

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(_DIGEST, unique=True)
    email: Mapped[str] = mapped_column(_ADDRESS)
    invited_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class SecurityEvent(Base):
    """Something about an account that its owner and the administrators may want to look up (LOG-02)."""

    __tablename__ = "security_events"
    __table_args__ = (Index("ix_security_events_user_id_at", "user_id", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now, index=True)
    event: Mapped[str] = mapped_column(String(40))
    #: Whose account it is about, and who did it; None when nobody is known, or once they have left.
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    request_id: Mapped[str] = mapped_column(String(64), default="")
    #: A keyed fingerprint of the address that the request came from: equal for equal addresses, never the address.
    address_hash: Mapped[str] = mapped_column(String(64), default="")
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)

    def __repr__(self) -> str:
        return f"<SecurityEvent {self.event} of user {self.user_id}>"
