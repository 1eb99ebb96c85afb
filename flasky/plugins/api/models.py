"""The table of access tokens."""

# Annotations are not postponed: SQLAlchemy would evaluate the text of each, twice (docs/decisions/0072-quick-start.md).

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from flasky.database import Base, UTCDateTime, utc_now

LONGEST_NAME = 64


class AccessToken(Base):
    """What lets a member's program act for them: `digest` is the fingerprint of the token, which nobody keeps here."""

    __tablename__ = "api_tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    credentials_version: Mapped[int]
    #: What its owner calls it.
    name: Mapped[str] = mapped_column(String(LONGEST_NAME))
    #: The names of what it may do, as words: read with each request, and only as a whole.
    permissions: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
    #: The day counts; it is stored once a day.
    last_used_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    def __repr__(self) -> str:
        return f"<AccessToken {self.id} of user {self.user_id}>"
