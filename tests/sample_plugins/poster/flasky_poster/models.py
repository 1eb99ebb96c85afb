"""Posters of notices."""

from __future__ import annotations

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from flasky.database import Base


class Poster(Base):
    """A poster that shows a notice."""

    __tablename__ = "posters"

    id: Mapped[int] = mapped_column(primary_key=True)
    notice_id: Mapped[int] = mapped_column(ForeignKey("board_notices.id", ondelete="CASCADE"))
