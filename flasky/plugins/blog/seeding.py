"""Made-up life for a new site: members, posts, comments and follows, in English and Chinese, in bulk.

A post's HTML is made by the site's own Markdown, once for each of a few hundred texts; a million posts are then only
rows. Nothing made here can sign in: members have neither address nor password.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from pyramid.registry import Registry
from pyramid.request import Request
from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from flasky.database import Base, utc_now
from flasky.plugins.accounts.models import Role, User
from flasky.plugins.accounts.services import open_work
from flasky.plugins.blog import markdown
from flasky.plugins.blog.models import BlogMember, Comment, Follow, Post, PostTag, PostWords, Tag
from flasky.plugins.blog.storage import add_unless_there, lists_changed
from flasky.plugins.blog.words import words_of

_AT_ONCE = 5000
_TEXTS = 400
_FOLLOWED_BY_EACH = 10
#: Seconds between two posts.
_PAUSE = 97

_OPENINGS = (
    "This morning I took the long way round",
    "Yesterday we finally finished it",
    "A small note before I forget",
    "Somebody asked me last week how this works",
    "After three attempts it came out right",
    "清晨的胡同还很安静",
    "昨天我们去了老城的书店",
    "最近在学做面条",
    "有人问我为什么喜欢走路",
    "这个周末终于把花园整理好了",
)
_MIDDLES = (
    "the *old* market was still asleep, and the first tram had **not** come yet",
    "it needs [a little patience](https://example.com/patience) and a warm kitchen",
    "I wrote down `what --helped` and what did not",
    "nobody had told us that the bridge was closed, so we learned something",
    "my neighbour lent me her ladder and her opinion",
    "阳光照在**灰色**的砖墙上，几位老人在下棋",
    "老板泡了一壶茶，讲起 *三十年前* 的事",
    "水和面粉的比例要[慢慢试](https://example.com/noodles)",
    "走得慢，才看得见墙角的猫",
    "下雨以前把番茄都搬进了屋里",
)
_ENDINGS = (
    "Next time I will bring a camera.",
    "If you know a better way, tell me.\n\n- patience\n- flour\n- time",
    "That is all for today.",
    "> Slow is smooth, and smooth is fast.\n\nSo they say.",
    "下次一定带上相机。",
    "大家有什么建议吗？\n\n1. 慢一点\n2. 再慢一点",
    "今天就写到这里。",
)
_TITLES = ("A walk", "Notes from the kitchen", "What I learned", "Sunday", "", "", "胡同散步", "厨房笔记", "周末", "")
_TAGS = ("walks", "kitchen", "books", "garden", "胡同", "生活", "读书", "做饭")
_COMMENTS = ("I like this.", "Thank you for writing it down!", "How long did it take?", "写得真好！", "我也想去看看。")
_FIRST = (
    "anna",
    "bo",
    "carla",
    "dmitri",
    "emil",
    "fatima",
    "gus",
    "hana",
    "ida",
    "jun",
    "小明",
    "小红",
    "阿梅",
    "老王",
)


class _Text(NamedTuple):
    """A text that was rendered, with the words that it is found by."""

    body: str
    title: str
    tags: tuple[int, ...]
    rendered: markdown.Rendered
    words: str


def fill(registry: Registry, *, users: int, posts: int) -> dict[str, int]:
    """Add members and posts, a comment for every second post, and ten follows for each member; returns the numbers.

    Each portion is a transaction of its own: a million posts are more than one can hold.
    """

    @contextlib.contextmanager
    def opened() -> Iterator[Session]:
        with open_work(registry) as work:
            yield work.db

    return _fill(opened, users, posts)


def examples(request: Request) -> str | None:
    """The seed `blog.examples`: some members and posts, where there is no post yet."""
    if request.db.scalar(select(Post.id).limit(1)) is not None:
        return None
    made = _fill(lambda: contextlib.nullcontext(request.db), users=10, posts=40)
    return ", ".join(f"{number} {name}" for name, number in made.items())


def _fill(opened: Callable[[], AbstractContextManager[Session]], users: int, posts: int) -> dict[str, int]:
    chance = random.Random(users * 31 + posts)  # noqa: S311 - made-up content, the same every time
    texts = [_text(chance) for _ in range(min(_TEXTS, max(posts, 1)))]
    with opened() as db:
        people = _people(db, users)
    with opened() as db:
        tags = _tags(db)
    comments = 0
    begin = utc_now() - timedelta(seconds=_PAUSE * posts)
    for first in range(0, posts, _AT_ONCE):
        with opened() as db:
            some = range(first, min(first + _AT_ONCE, posts))
            comments += _posts(db, chance, texts, tags, people, begin, some)
    with opened() as db:
        follows = _follows(db, chance, people)
        lists_changed(db)
    return {"members": len(people), "posts": posts, "comments": comments, "follows": follows}


def _text(chance: random.Random) -> _Text:
    middles = chance.sample(_MIDDLES, chance.choice((1, 2, 3)))
    body = f"{chance.choice(_OPENINGS)}: {'; '.join(middles)}.\n\n{chance.choice(_ENDINGS)}"
    title, tags = chance.choice(_TITLES), tuple(sorted(chance.sample(range(len(_TAGS)), chance.choice((0, 1, 2)))))
    rendered = markdown.render(body)
    names = " ".join(_TAGS[tag] for tag in tags)
    return _Text(body, title, tags, rendered, words_of(f"{title} {markdown.text_of(rendered.html)} {names}"))


def _people(db: Session, number: int) -> list[int]:
    role = db.scalars(select(Role.id).where(Role.name == "User")).one()
    first = (db.scalar(select(func.max(User.id))) or 0) + 1
    now = utc_now()
    names = [f"{_FIRST[index % len(_FIRST)]}-{first + index}" for index in range(number)]
    for some in _portions(names):
        # The model knows how a name's keys are made.
        rows = [
            {
                "username": user.username,
                "username_key": user.username_key,
                "username_skeleton": user.username_skeleton,
                "role_id": role,
                "confirmed_at": now,
                "created_at": now,
            }
            for user in (User(username=name) for name in some)
        ]
        _insert(db, User, rows)
    return list(db.scalars(select(User.id).where(User.id >= first).order_by(User.id)))


def _tags(db: Session) -> list[int]:
    for name in _TAGS:
        add_unless_there(db, Tag, name=name)
    found = {tag.name: tag.id for tag in db.scalars(select(Tag).where(Tag.name.in_(_TAGS)))}
    return [found[name] for name in _TAGS]


def _posts(
    db: Session,
    chance: random.Random,
    texts: Sequence[_Text],
    tags: Sequence[int],
    people: Sequence[int],
    begin: datetime,
    numbers: range,
) -> int:
    rows, chosen = [], []
    for number in numbers:
        text = chance.choice(texts)
        moment = begin + timedelta(seconds=_PAUSE * number, microseconds=chance.randrange(1_000_000))
        chosen.append(text)
        rows.append(_row(text, chance.choice(people), moment, comments=number % 2))
    ids = _reserve_ids(db, len(rows))
    for post_id, row in zip(ids, rows, strict=True):
        row["id"] = post_id
    _insert(db, Post, rows)
    names = _words_of_names(db, {row["author_id"] for row in rows})
    words = [
        {"post_id": post_id, "words": f"{text.words} {names[row['author_id']]}"}
        for post_id, text, row in zip(ids, chosen, rows, strict=True)
    ]
    _insert(db, PostWords, words)
    listed = [
        {"post_id": post_id, "tag_id": tags[tag], "listed_at": row["listed_at"]}
        for post_id, text, row in zip(ids, chosen, rows, strict=True)
        for tag in text.tags
    ]
    _insert(db, PostTag, listed)
    return _comment_on(db, chance, people, ids[1 - numbers.start % 2 :: 2], rows[1 - numbers.start % 2 :: 2])


def _insert(db: Session, model: type[Base], rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, all with the same columns. Into the table: the mapper would look at each row by itself."""
    if rows:
        db.execute(insert(Base.metadata.tables[model.__tablename__]), rows)


def _reserve_ids(db: Session, number: int) -> Sequence[int]:
    """Ids for so many posts, in their order: to ask for each after its insert takes as long as the insert."""
    if db.get_bind().dialect.name == "postgresql":
        sequence = func.nextval(func.pg_get_serial_sequence("posts", "id"))
        return db.scalars(select(sequence).select_from(func.generate_series(1, number))).all()
    # Nobody else writes while this transaction is open.
    first = (db.scalar(select(func.max(Post.id))) or 0) + 1
    return range(first, first + number)


def _words_of_names(db: Session, people: Collection[int]) -> dict[int, str]:
    """The words by which each of these members is found."""
    found = db.execute(select(User.id, User.username).where(User.id.between(min(people), max(people))))
    return {user_id: words_of(name) for user_id, name in found if user_id in people}


def _row(text: _Text, author: int, moment: datetime, *, comments: int) -> dict[str, Any]:
    return {
        "author_id": author,
        "title": text.title,
        "body": text.body,
        "html": text.rendered.html,
        "summary": text.rendered.summary,
        "is_long": text.rendered.is_long,
        "pipeline": markdown.PIPELINE,
        "tag_names": " ".join(sorted(_TAGS[tag] for tag in text.tags)),
        "comment_count": comments,
        "created_at": moment,
        "published_at": moment,
        "listed_at": moment,
        "version": 1,
    }


def _comment_on(
    db: Session, chance: random.Random, people: Sequence[int], ids: Sequence[int], rows: Sequence[dict[str, Any]]
) -> int:
    html = {body: markdown.render(body, above=2).html for body in _COMMENTS}
    comments = []
    for post_id, row in zip(ids, rows, strict=True):
        body = chance.choice(_COMMENTS)
        comments.append(
            {
                "post_id": post_id,
                "author_id": chance.choice(people),
                "body": body,
                "html": html[body],
                "pipeline": markdown.PIPELINE,
                "created_at": row["created_at"] + timedelta(minutes=5),
                "version": 1,
            }
        )
    _insert(db, Comment, comments)
    return len(comments)


def _follows(db: Session, chance: random.Random, people: Sequence[int]) -> int:
    each = min(_FOLLOWED_BY_EACH, len(people) - 1)
    pairs: list[dict[str, Any]] = []
    followers: dict[int, int] = {}
    for follower in people:
        others = [other for other in chance.sample(people, each + 1) if other != follower][:each]
        pairs.extend({"follower_id": follower, "followed_id": other, "created_at": utc_now()} for other in others)
        for other in others:
            followers[other] = followers.get(other, 0) + 1
    for some in _portions(pairs):
        _insert(db, Follow, some)
    members = [{"user_id": i, "following_count": each, "follower_count": followers.get(i, 0)} for i in people]
    for some in _portions(members):
        _insert(db, BlogMember, some)
    return len(pairs)


def _portions(rows: Sequence[Any]) -> Iterator[Any]:
    for first in range(0, len(rows), _AT_ONCE):
        yield rows[first : first + _AT_ONCE]
