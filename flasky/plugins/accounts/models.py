"""The tables `roles` and `users`."""

from __future__ import annotations

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import DynamicMapped, Mapped, mapped_column, relationship

from flasky.database import Base


class Role(Base):
    """A role: what its members may do."""

    __tablename__ = "roles"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    # A query, as a role may have a million members: role.users.filter_by(…), role.users.count().
    users: DynamicMapped[User] = relationship(back_populates="role", lazy="dynamic")

    def __repr__(self) -> str:
        return f"<Role {self.name!r}>"


class User(Base):
    """A member of the site."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(64), unique=True, index=True)
    role_id: Mapped[int | None] = mapped_column(ForeignKey("roles.id"))
    role: Mapped[Role | None] = relationship(back_populates="users")

    def __repr__(self) -> str:
        return f"<User {self.username!r}>"
