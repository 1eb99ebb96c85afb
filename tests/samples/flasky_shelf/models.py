"""Shelves, and the books on them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import DynamicMapped, Mapped, mapped_column, relationship

from flasky.database import Base, UTCDateTime


class Shelf(Base):
    """A shelf; `number` is counted up by concurrent tests."""

    __tablename__ = "shelves"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(20), unique=True)
    number: Mapped[int] = mapped_column(default=0)
    built_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    books: Mapped[list[Book]] = relationship(back_populates="shelf", order_by="Book.id")
    many_books: DynamicMapped[Book] = relationship(viewonly=True, lazy="dynamic")


class Book(Base):
    """A book on a shelf."""

    __tablename__ = "books"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(64), index=True)
    shelf_id: Mapped[int] = mapped_column(ForeignKey("shelves.id", ondelete="CASCADE"))
    shelf: Mapped[Shelf] = relationship(back_populates="books")
