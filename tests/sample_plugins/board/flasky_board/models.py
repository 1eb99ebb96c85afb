"""Notices on the board."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from flasky.database import Base


class Notice(Base):
    """A notice."""

    __tablename__ = "board_notices"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(String(100))
