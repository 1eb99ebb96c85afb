"""The tables of the blog: posts, their tags and comments, who follows whom, notices and reports.

What a list shows stands in the row of the post itself, so that a page of posts is one statement: its summary as HTML,
its tags as one text, the number of its comments. What is deleted with a member and what stays without a name is
said by each foreign key.
"""

# Annotations are not postponed: SQLAlchemy would evaluate the text of each, twice (docs/decisions/0072-quick-start.md).

from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column, relationship

from flasky.database import Base, UTCDateTime, utc_now
from flasky.plugins.accounts.models import User
from flasky.plugins.blog import limits

_CASCADE = "CASCADE"
_SET_NULL = "SET NULL"
#: SQLite would give the number of the newest one, once it is deleted, to the next: forms, links and feeds that name it
#: would mean another text.
_NUMBERS = {"sqlite_autoincrement": True}
_HIDDEN, _SHOWN = text("hidden_at IS NOT NULL"), text("hidden_at IS NULL")
_UNREAD = text("read_at IS NULL")
_UNREAD_ANSWER = text("kind = 'answer' AND read_at IS NULL")


class Post(Base):
    """A post: what its author wrote, and what was made of it."""

    __tablename__ = "posts"
    __table_args__ = (
        # The author, so that those whom a member follows are found without reading every post (`reading`).
        Index("ix_posts_listed_at_id_author_id", "listed_at", "id", "author_id"),
        Index("ix_posts_author_id_listed_at_id", "author_id", "listed_at", "id"),
        # The few that are hidden, for moderators.
        Index("ix_posts_hidden_at_id", "hidden_at", "id", sqlite_where=_HIDDEN, postgresql_where=_HIDDEN),
        _NUMBERS,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    #: None when its author left the site.
    author_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete=_SET_NULL))
    title: Mapped[str] = mapped_column(String(limits.LONGEST_TITLE), default="", server_default="")
    body: Mapped[str] = mapped_column(String(limits.LONGEST_BODY))
    html: Mapped[str] = mapped_column(Text)
    #: The beginning as HTML, for lists; `is_long` says that there is more.
    summary: Mapped[str] = mapped_column(Text)
    is_long: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: The version of the Markdown pipeline that made `html` and `summary`; negative while the words of the post still
    #: have the name of an author who left: no search finds it then (`rebuilding.forget_author`).
    pipeline: Mapped[int]
    #: The names of its tags with blanks between them, in the order of the alphabet.
    tag_names: Mapped[str] = mapped_column(String(limits.LONGEST_TAGS), default="", server_default="")
    #: Comments that everybody sees.
    comment_count: Mapped[int] = mapped_column(default=0, server_default="0")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
    #: None while it is a draft.
    published_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    #: Where it stands in lists: when it was published; None for a draft and while it is hidden.
    listed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    edited_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    hidden_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    hidden_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete=_SET_NULL), index=True)
    hidden_reason: Mapped[str] = mapped_column(String(limits.LONGEST_REASON), default="", server_default="")
    #: Counts edits: a form that was filled from an earlier version overwrites nothing (CON-02).
    version: Mapped[int] = mapped_column()

    author: Mapped[User | None] = relationship(foreign_keys=[author_id])

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own form

    @property
    def is_draft(self) -> bool:
        """Whether only its author sees it."""
        return self.published_at is None

    def __repr__(self) -> str:
        return f"<Post {self.id} of user {self.author_id}>"


class Tag(Base):
    """A tag that some post has or had."""

    __tablename__ = "tags"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(limits.LONGEST_TAG), unique=True)


class PostTag(Base):
    """A tag of a post; `listed_at` is the post's, so that a tag's page is read from one index."""

    __tablename__ = "post_tags"
    __table_args__ = (Index("ix_post_tags_tag_id_listed_at_post_id", "tag_id", "listed_at", "post_id"),)

    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id", ondelete=_CASCADE), primary_key=True)
    tag_id: Mapped[int] = mapped_column(ForeignKey("tags.id", ondelete=_CASCADE), primary_key=True)
    listed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class Comment(Base):
    """What somebody says about a post."""

    __tablename__ = "comments"
    __table_args__ = (
        Index("ix_comments_post_id_id", "post_id", "id"),
        # What everybody sees below a post, and of a member, with none of the hidden ones between them; then the hidden
        # ones of a member, below a post and all of them. With `hidden_at` SQLite reads nothing else, and so takes these
        # where another index has the same columns (`reading.found_comments`).
        Index(
            "ix_comments_shown_post_id_id", "post_id", "id", "hidden_at", sqlite_where=_SHOWN, postgresql_where=_SHOWN
        ),
        Index("ix_comments_shown_author_id_id", "author_id", "id", sqlite_where=_SHOWN, postgresql_where=_SHOWN),
        Index(
            "ix_comments_hidden_author_id_post_id_id",
            "author_id",
            "post_id",
            "id",
            "hidden_at",
            sqlite_where=_HIDDEN,
            postgresql_where=_HIDDEN,
        ),
        Index("ix_comments_hidden_author_id_id", "author_id", "id", sqlite_where=_HIDDEN, postgresql_where=_HIDDEN),
        Index("ix_comments_hidden_at_id", "hidden_at", "id", sqlite_where=_HIDDEN, postgresql_where=_HIDDEN),
        # A member's, below posts that are hidden (`comments.unseen`).
        Index("ix_comments_author_id_post_id", "author_id", "post_id"),
        _NUMBERS,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id", ondelete=_CASCADE))
    author_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete=_SET_NULL))
    body: Mapped[str] = mapped_column(String(limits.LONGEST_COMMENT))
    html: Mapped[str] = mapped_column(Text)
    pipeline: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
    edited_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    hidden_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    hidden_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete=_SET_NULL), index=True)
    hidden_reason: Mapped[str] = mapped_column(String(limits.LONGEST_REASON), default="", server_default="")
    version: Mapped[int] = mapped_column()

    author: Mapped[User | None] = relationship(foreign_keys=[author_id])
    post: Mapped[Post] = relationship()

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's own form

    def __repr__(self) -> str:
        return f"<Comment {self.id} on post {self.post_id}>"


class Follow(Base):
    """Somebody follows somebody else; nobody follows themselves."""

    __tablename__ = "follows"
    __table_args__ = (
        CheckConstraint("follower_id <> followed_id", name="not_oneself"),
        Index("ix_follows_followed_id_follower_id", "followed_id", "follower_id"),
    )

    follower_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete=_CASCADE), primary_key=True)
    followed_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete=_CASCADE), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)


class BlogMember(Base):
    """What the blog remembers of a member; there is a row once there is something to remember."""

    __tablename__ = "blog_members"
    __table_args__ = (CheckConstraint("mail IN ('never', 'at_once', 'daily')", name="mail"),)

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete=_CASCADE), primary_key=True)
    follower_count: Mapped[int] = mapped_column(default=0, server_default="0")
    following_count: Mapped[int] = mapped_column(default=0, server_default="0")
    #: Whether notices are mailed: never, at_once, or daily.
    mail: Mapped[str] = mapped_column(String(10), default="never", server_default="never")
    #: Whether they are told of comments on a post after their own.
    answers: Mapped[bool] = mapped_column(default=True, server_default=true())


class BlogAuthor(Base):
    """When a member last published a post, be it hidden or gone since: no post of theirs in any list is newer.

    Beside the rows of those one follows it says which few of them can have written what is asked for (`timeline`).
    """

    __tablename__ = "blog_authors"
    # Many are read at a time, and nothing but this index.
    __table_args__ = (PrimaryKeyConstraint("user_id", postgresql_include=["published_at"]),)

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete=_CASCADE))
    published_at: Mapped[datetime] = mapped_column(UTCDateTime)


class Notice(Base):
    """Something that a member is told.

    A comment on their post, or on one on which they commented before (an answer), a mention, a new follower, a
    moderator's decision.
    """

    __tablename__ = "notices"
    __table_args__ = (
        CheckConstraint("kind IN ('comment', 'answer', 'mention', 'follow', 'hidden', 'shown')", name="kind"),
        Index("ix_notices_user_id_id", "user_id", "id"),
        # The number beside the link on every page, and who is told of answers once (`notices`).
        Index("ix_notices_unread_user_id_id", "user_id", "id", sqlite_where=_UNREAD, postgresql_where=_UNREAD),
        Index(
            "ix_notices_unread_answer_post_id_user_id",
            "post_id",
            "user_id",
            sqlite_where=_UNREAD_ANSWER,
            postgresql_where=_UNREAD_ANSWER,
        ),
        Index("ix_notices_mail_due_user_id", "mail_due", "user_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete=_CASCADE))
    kind: Mapped[str] = mapped_column(String(10))
    #: None when whoever caused it left the site: what happened stays, as a moderator's decision does.
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete=_SET_NULL), index=True)
    post_id: Mapped[int | None] = mapped_column(ForeignKey("posts.id", ondelete=_CASCADE), index=True)
    comment_id: Mapped[int | None] = mapped_column(ForeignKey("comments.id", ondelete=_CASCADE), index=True)
    #: Why a moderator decided so, as it was told then: a later decision has another.
    reason: Mapped[str] = mapped_column(String(limits.LONGEST_REASON), default="", server_default="")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
    read_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    #: When it is to be in a digest; None when it is not.
    mail_due: Mapped[datetime | None] = mapped_column(UTCDateTime)


class Report(Base):
    """A member tells the moderators about a post or a comment; or its author has changed it while it is hidden."""

    __tablename__ = "reports"
    __table_args__ = (
        CheckConstraint("(post_id IS NULL) <> (comment_id IS NULL)", name="one_thing"),
        UniqueConstraint("reporter_id", "post_id"),
        UniqueConstraint("reporter_id", "comment_id"),
        Index("ix_reports_resolved_at_id", "resolved_at", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    reporter_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete=_SET_NULL))
    post_id: Mapped[int | None] = mapped_column(ForeignKey("posts.id", ondelete=_CASCADE), index=True)
    comment_id: Mapped[int | None] = mapped_column(ForeignKey("comments.id", ondelete=_CASCADE), index=True)
    #: Empty for an author's (`notices.tell_moderators`).
    reason: Mapped[str] = mapped_column(String(limits.LONGEST_REASON))
    #: When it was told, or told again: an answer is to what was said at this moment (`moderation.Read`).
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
    resolved_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    resolved_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete=_SET_NULL), index=True)


class Decision(Base):
    """What a moderator decided about a post, a comment, or all that a member wrote; it stays when that is gone."""

    __tablename__ = "blog_decisions"
    __table_args__ = (
        CheckConstraint("kind IN ('hidden', 'shown', 'left')", name="kind"),
        CheckConstraint("about IN ('post', 'comment', 'all')", name="about"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    #: It was hidden, shown again, or left as it is, its reports answered.
    kind: Mapped[str] = mapped_column(String(10))
    about: Mapped[str] = mapped_column(String(10))
    moderator_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete=_SET_NULL), index=True)
    #: Who wrote it.
    author_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete=_SET_NULL), index=True)
    post_id: Mapped[int | None] = mapped_column(ForeignKey("posts.id", ondelete=_SET_NULL), index=True)
    comment_id: Mapped[int | None] = mapped_column(ForeignKey("comments.id", ondelete=_SET_NULL), index=True)
    reason: Mapped[str] = mapped_column(String(limits.LONGEST_REASON), default="", server_default="")
    #: How many reports it answered.
    reports: Mapped[int] = mapped_column(default=0, server_default="0")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)


class Submission(Base):
    """A form that was sent, by the key that stood in it: sent twice, it makes one thing (CON-03)."""

    __tablename__ = "submissions"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete=_CASCADE), primary_key=True)
    key: Mapped[str] = mapped_column(String(limits.LONGEST_KEY), primary_key=True)
    #: What it made: post, draft, comment. Empty, like the digest, for one from before they were kept.
    kind: Mapped[str] = mapped_column(String(10), default="", server_default="")
    #: SHA-256, in hexadecimal digits, of all that was typed and what it is about (`submissions`).
    digest: Mapped[str] = mapped_column(String(64), default="", server_default="")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
    #: The id of what the first of them made; None when its author deleted that.
    made_id: Mapped[int | None]


class ListVersion(Base):
    """One row that counts the changes of what lists show: a list that was kept is compared with it."""

    __tablename__ = "blog_list_version"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int]


class PostWords(Base):
    """The words by which a post is found (`search`): on SQLite an FTS5 table reads them, on PostgreSQL an index."""

    __tablename__ = "post_words"
    __table_args__ = (
        Index("ix_post_words_words", "words", postgresql_using="gin", info={"dialect": "postgresql"}).ddl_if(
            dialect="postgresql"
        ),
    )

    post_id: Mapped[int] = mapped_column(ForeignKey("posts.id", ondelete=_CASCADE), primary_key=True)
    words: Mapped[str] = mapped_column(Text().with_variant(TSVECTOR(), "postgresql"))
