"""The tables as an author of a small Flask or FastAPI application would map them with SQLAlchemy."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, DynamicMapped, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    """The base of the models."""


class User(Base):
    """A member."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str]
    email: Mapped[str | None]
    name: Mapped[str]
    location: Mapped[str]
    created_at: Mapped[datetime]


class Post(Base):
    """A post; its author is loaded, and its comments are counted, when they are asked for."""

    __tablename__ = "posts"

    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    title: Mapped[str]
    body: Mapped[str]
    summary: Mapped[str]
    tag_names: Mapped[str]
    listed_at: Mapped[datetime]

    author: Mapped[User] = relationship()
    comments: DynamicMapped[Comment] = relationship()


class Comment(Base):
    """A comment."""

    __tablename__ = "comments"

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id"))
