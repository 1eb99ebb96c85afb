"""Made-up life for a new site: members, posts, comments and follows, in English and Chinese, in bulk.

A post's HTML is made by the site's own Markdown, once for each of a few thousand texts; a million posts are then only
rows, and up to so many each has a text of its own. Nothing made here can sign in: members have neither address nor
password.
"""

from __future__ import annotations

import contextlib
import random
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from itertools import accumulate, count
from typing import Any, NamedTuple

from pyramid.registry import Registry
from pyramid.request import Request
from sqlalchemy import func, insert, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from flasky.database import Base, utc_now
from flasky.plugins.accounts.models import Role, User
from flasky.plugins.accounts.services import open_work
from flasky.plugins.blog import markdown
from flasky.plugins.blog.models import BlogMember, Comment, Follow, Post, PostTag, PostWords, Tag
from flasky.plugins.blog.storage import add_unless_there, lists_changed, note_published
from flasky.plugins.blog.words import words_of

_AT_ONCE = 5000
#: Texts that are rendered of each language: of more posts, some have the same.
_TEXTS = 1500
_FOLLOWED_BY_EACH = 10
#: Comments on a post, and how many posts of a hundred have so many: one for two posts, most of them on few.
_COMMENTS = {0: 76, 1: 12, 2: 6, 3: 3, 5: 2, 8: 1}
#: The share of comments in the language of the post.
_SAME_LANGUAGE = 0.9
#: How much is written in each hour of a day (UTC): least before dawn, most in the evening.
_HOURS = (3, 1, 1, 0.5, 0.5, 1, 3, 6, 9, 9, 8, 8, 9, 8, 7, 7, 8, 9, 11, 13, 14, 12, 8, 5)
#: Days that the posts are spread over: at least and at most, and posts of a day in between.
_LEAST_DAYS, _MOST_DAYS, _POSTS_OF_A_DAY = 120, 1095, 50
#: Seconds from a post to a comment on it: at least, and the factor that the slowest takes.
_QUICKEST, _SLOWEST = 120, 3600


class _Topic(NamedTuple):
    """What posts of one language and tag are put together from."""

    tag: str
    titles: Sequence[str]
    openings: Sequence[str]
    middles: Sequence[str]


class _Language(NamedTuple):
    """What is written in a language, by whom, and how it is put together."""

    topics: Sequence[_Topic]
    endings: Sequence[str]
    comments: Sequence[str]
    body: str
    between: str
    #: A tag beside that of the topic.
    other: str


_ENGLISH = _Language(
    topics=(
        _Topic(
            "walks",
            (
                "A walk before breakfast",
                "Along the canal",
                "The long way round",
                "Shoes off",
                "No map",
                "To the mill",
                "",
            ),
            (
                "This morning I took the long way round",
                "On Sunday we walked to the mill and back",
                "It rained, and I went out",
                "My sister visited, and wanted to see the canal",
                "I left the bus two stops early",
            ),
            (
                "the path along the water is open again, after *two* years",
                "we met the man with the three dogs, who knows everybody",
                "on the way back the light was so low that every stone had a shadow",
                "I counted eleven kinds of gates and liked the **green** one best",
                "the *old* market was still asleep, and the first tram had **not** come yet",
                "nobody had told us that the bridge was closed, so we learned something",
                "a heron stood in the shallow water and did not mind us",
                "there is a bench behind the church that no map knows",
            ),
        ),
        _Topic(
            "kitchen",
            (
                "Notes from the kitchen",
                "Bread, at last",
                "Soup for a cold day",
                "Burnt",
                "Salt",
                "My aunt's recipe",
                "",
            ),
            (
                "After three attempts it came out right",
                "Somebody asked me last week how I make it",
                "I have baked again",
                "There were six guests and four plates",
                "The oven is repaired",
            ),
            (
                "an onion that is fried slowly needs *no* sugar",
                "one cup of yesterday's tea makes the sauce dark",
                "we ate it cold on the stairs, and it was **better** so",
                "my aunt never measured anything, and wrote `a little` beside each line",
                "the dough needs [a little patience](https://example.com/patience) and a warm kitchen",
                "half of the salt is enough, whatever the book says",
                "I wrote down `flour: 500 g, water: 350 g` and nothing else",
                "the crust sang when it came out of the oven",
            ),
        ),
        _Topic(
            "books",
            (
                "What I am reading",
                "A book that I had forgotten",
                "From the library",
                "Page 212",
                "Lent and returned",
                "",
            ),
            (
                "Yesterday I finished a book that I had begun twice",
                "The library sold old books",
                "I read it in one night",
                "On the train I had nothing else with me",
                "A friend returned what I lent her in spring",
            ),
            (
                "the map in front is *wrong*, and the story knows it",
                "the second chapter is told by the dog",
                "I skipped the letters and regretted it on the last page",
                "there is an old [catalogue](https://example.com/catalogue) of all its editions",
                "the first fifty pages are *slow*, and then one cannot stop",
                "somebody had written a date and a name on the last page",
                "the translator deserves **half** of the praise",
                "it is about a lighthouse, and about waiting",
            ),
        ),
        _Topic(
            "garden",
            ("The garden in spring", "Tomatoes", "What the snails left", "Rain", "The neighbour's ladder", "Beans", ""),
            (
                "This weekend we finally put the garden in order",
                "A small note before I forget",
                "The beans are up",
                "After the rain I went out to look",
                "There was frost once more",
            ),
            (
                "the compost is **warm**, even in the morning",
                "a blackbird sits on the spade as soon as I put it down",
                "I sowed `radish, row 3` and found it in row 5",
                "the apple tree has *one* blossom, which is one more than last year",
                "my neighbour lent me her ladder and her opinion",
                "we carried the tomatoes inside before the rain",
                "the snails left us **two** of twelve lettuces",
                "what looked dead in March is as tall as I am now",
            ),
        ),
    ),
    endings=(
        "Next time I will bring a camera.",
        "If you know a better way, tell me.\n\n- patience\n- time\n- a good friend",
        "That is all for today.",
        "> Slow is smooth, and smooth is fast.\n\nSo they say.",
        "More about it when I know more.",
        "1. look\n2. wait\n3. look again",
        "Tomorrow it goes on.",
    ),
    comments=(
        "I like this.",
        "Thank you for writing it down!",
        "How long did it take?",
        "I tried the same last year, with less luck.",
        "Is there a picture of it?",
        "This made my morning.",
        "I know the place. It was *never* that quiet when I was there.",
        "Tell us how it went on.",
        "My grandmother used to say the same.",
        "Now I am hungry.",
        "That is just what I needed to read today.",
        "Was it not cold?",
        "I had to laugh at the end.",
        "Good to know, thank you.",
    ),
    body="{opening}: {middles}.\n\n{ending}",
    between="; ",
    other="life",
)
_CHINESE = _Language(
    topics=(
        _Topic(
            "胡同",
            ("胡同散步", "清晨", "绕远路回家", "灰墙", "没带地图", "早起一小时", ""),
            ("清晨的胡同还很安静", "昨天我们去了老城", "有人问我为什么喜欢走路", "早下了两站车", "雨停了，我出了门"),
            (
                "河边的小路又开了，等了*两年*",
                "回来的时候太阳很低，每块石头都有影子",
                "遇见了遛三条狗的大叔，他谁都认识",
                "数了十一种门，最喜欢**绿色**的那扇",
                "阳光照在**灰色**的砖墙上，几位老人在下棋",
                "走得慢，才看得见墙角的猫",
                "卖豆浆的大爷说，这条街*三十年*没有变过",
                "桥封了，只好从河边绕过去",
            ),
        ),
        _Topic(
            "做饭",
            ("厨房笔记", "第一次做面条", "冬天的汤", "糊了", "外婆的菜谱", "少放盐", ""),
            ("最近在学做面条", "试了三次，终于成功了", "上周有人问我这道菜怎么做", "来了六位客人", "烤箱修好了"),
            (
                "洋葱慢慢炒，就*不用*放糖",
                "昨天剩的茶可以让汤汁变深",
                "我们坐在楼梯上吃凉的，反而**更好吃**",
                "外婆从来不称重，每一行都写着 `少许`",
                "水和面粉的比例要[慢慢试](https://example.com/noodles)",
                "盐放一半就够了，别信菜谱",
                "我只记下了 `面粉 500 克，水 350 克`",
                "出锅的时候，整个楼道都是香味",
            ),
        ),
        _Topic(
            "读书",
            ("最近在读的书", "旧书店", "一夜读完", "第二百一十二页", "借出去的书", "火车上", ""),
            (
                "昨天我们去了老城的书店",
                "这本书我读了两次才读完",
                "图书馆在卖旧书",
                "火车上只带了这一本",
                "朋友把书还给了我",
            ),
            (
                "前面的地图是*错的*，而故事知道这一点",
                "第二章是一只狗讲的",
                "我跳过了那些信，到最后一页才后悔",
                "网上有一份所有版本的[目录](https://example.com/catalogue)",
                "老板泡了一壶茶，讲起*三十年前*的事",
                "前五十页很慢，后面就停不下来了",
                "最后一页上有人写了日期和名字",
                "译者有**一半**的功劳",
            ),
        ),
        _Topic(
            "花园",
            ("阳台上的花园", "番茄", "周末", "雨后", "邻居的梯子", "蜗牛", ""),
            ("这个周末终于把花园整理好了", "豆子发芽了", "趁还没忘，记一笔", "雨后我出去看了看", "又下了一次霜"),
            (
                "堆肥早上也是**热**的",
                "我一放下铲子，就有一只鸟落在上面",
                "萝卜种在 `第三行`，却长在第五行",
                "苹果树开了*一朵*花，比去年多一朵",
                "下雨以前把番茄都搬进了屋里",
                "邻居借给我梯子，还有她的意见",
                "十二棵生菜，蜗牛只给我们留了**两棵**",
                "三月里看着像枯了，现在长得比我还高",
            ),
        ),
    ),
    endings=(
        "下次一定带上相机。",
        "大家有什么建议吗？\n\n1. 慢一点\n2. 再慢一点",
        "今天就写到这里。",
        "> 不怕慢，只怕站。\n\n老话说得对。",
        "等我知道得更多，再接着写。",
        "1. 看\n2. 等\n3. 再看",
        "明天继续。",
    ),
    comments=(
        "写得真好！",
        "我也想去看看。",
        "谢谢分享！",
        "花了多长时间？",
        "有照片吗？",
        "去年我也试过，没有你做得好。",
        "这个地方我知道，以前*可没有*这么安静。",
        "后来怎么样了？",
        "我奶奶也常这么说。",
        "看饿了。",
        "今天正需要读到这个。",
        "不冷吗？",
        "最后一句让我笑了。",
        "学到了，谢谢。",
    ),
    body="{opening}：{middles}。\n\n{ending}",
    between="；",
    other="生活",
)
_LANGUAGES = (_ENGLISH, _CHINESE)
_TAGS = tuple(name for language in _LANGUAGES for name in (*(topic.tag for topic in language.topics), language.other))
#: First names in turn, each with the place of its language: whoever has it writes in that.
_FIRST = (
    ("anna", 0),
    ("小明", 1),
    ("bo", 0),
    ("carla", 0),
    ("阿梅", 1),
    ("dmitri", 0),
    ("emil", 0),
    ("小红", 1),
    ("fatima", 0),
    ("gus", 0),
    ("老王", 1),
    ("hana", 0),
    ("ida", 0),
    ("jun", 0),
)


class _Text(NamedTuple):
    """A text that was rendered, with the words that it is found by."""

    body: str
    title: str
    tags: tuple[int, ...]
    rendered: markdown.Rendered
    words: str


def fill(registry: Registry, *, users: int, posts: int) -> dict[str, int]:
    """Add members and posts, one comment for two posts or so, and ten follows for each member; returns the numbers.

    A text, its tags and most of its comments are of one language, its author's. The posts are spread over months and
    over the hours at which people write; the last was written a moment ago, and no comment is from later.

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
    with opened() as db:
        people = _people(db, users)
    with opened() as db:
        tags = _tags(db)
    life = _Life.of(chance, people, tags, posts)
    comments = 0
    for first in range(0, posts, _AT_ONCE):
        with opened() as db:
            comments += _posts(db, chance, life, range(first, min(first + _AT_ONCE, posts)))
            # With each portion: whoever visits meanwhile, or after it was stopped, sees what is there.
            lists_changed(db)
    with opened() as db:
        follows = _follows(db, chance, people)
    return {"members": len(people), "posts": posts, "comments": comments, "follows": follows}


class _Calendar:
    """When posts are written: one after the other, by day and less by night, the last just now."""

    def __init__(self, posts: int, now: datetime) -> None:
        """`posts` is how many there are to be."""
        self.now = now
        self._posts = posts
        self._until = tuple(accumulate(_HOURS, initial=0.0))
        days = max(_LEAST_DAYS, min(_MOST_DAYS, posts // _POSTS_OF_A_DAY))
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        self._begin = midnight - timedelta(days=days)
        self._length = days + self._share(now - midnight)

    def _share(self, time_of_day: timedelta) -> float:
        hour, part = divmod(time_of_day / timedelta(hours=1), 1)
        return (self._until[int(hour)] + part * _HOURS[int(hour)]) / self._until[-1]

    def moment(self, number: int, chance: random.Random) -> datetime:
        """When the post of this number, from 0, is written."""
        day, share = divmod((number + chance.random()) / self._posts * self._length, 1)
        written = share * self._until[-1]
        hour = min(bisect_right(self._until, written), len(_HOURS)) - 1
        return self._begin + timedelta(days=day, hours=hour + (written - self._until[hour]) / _HOURS[hour])

    def later(self, moment: datetime, chance: random.Random) -> datetime:
        """When somebody answers what was written at `moment`: most within hours, nobody later than now."""
        wait = timedelta(seconds=_QUICKEST * _SLOWEST ** chance.random())
        left = self.now - moment
        return moment + (wait if wait < left else left * chance.random())


class _Deck:
    """Pieces that are dealt one after the other and come again only when all were: neighbours have others."""

    def __init__(self, pieces: Sequence[Any], chance: random.Random) -> None:
        self._pieces, self._chance = pieces, chance
        self._left: list[Any] = []

    def deal(self, number: int) -> list[Any]:
        """So many pieces, none of them twice; no more than there are."""
        dealt: list[Any] = []
        while len(dealt) < number:
            if not self._left:
                self._left = self._chance.sample(self._pieces, len(self._pieces))
            piece = self._left.pop()
            if piece not in dealt:
                dealt.append(piece)
        return dealt

    def one(self) -> Any:
        """The next piece."""
        return self.deal(1)[0]


class _Writer:
    """Writes the texts of one language: each is another, up to so many; then they come again."""

    def __init__(self, language: _Language, chance: random.Random) -> None:
        self._language, self._chance = language, chance
        self._topics = _Deck(language.topics, chance)
        self._endings = _Deck(language.endings, chance)
        self._pieces = {
            topic.tag: [_Deck(pieces, chance) for pieces in (topic.titles, topic.openings, topic.middles)]
            for topic in language.topics
        }
        self._written: dict[str, _Text] = {}
        self._again: _Deck | None = None

    def text(self) -> _Text:
        """The text of the next post."""
        if len(self._written) < _TEXTS:
            return self._new_text()
        self._again = self._again or _Deck(list(self._written.values()), self._chance)
        again: _Text = self._again.one()
        return again

    def _new_text(self) -> _Text:
        language = self._language
        while True:
            topic = self._topics.one()
            titles, openings, middles = self._pieces[topic.tag]
            body = language.body.format(
                opening=openings.one(),
                middles=language.between.join(middles.deal(self._chance.choice((1, 2, 2, 3)))),
                ending=self._endings.one(),
            )
            if body not in self._written:
                break
        names = self._chance.choice(((), (topic.tag,), (topic.tag,), (topic.tag, language.other)))
        title, tags = titles.one(), tuple(sorted(_TAGS.index(name) for name in names))
        rendered = markdown.render(body)
        words = words_of(f"{title} {markdown.text_of(rendered.html)} {' '.join(names)}")
        text = self._written[body] = _Text(body, title, tags, rendered, words)
        return text


class _Life(NamedTuple):
    """What posts are made of: members and texts by language, all members with the place of theirs, and tags by id."""

    people: Sequence[Sequence[int]]
    authors: Sequence[tuple[int, int]]
    writers: Sequence[_Writer]
    comments: Sequence[Sequence[tuple[str, str]]]
    tags: Sequence[int]
    numbers: Sequence[int]
    calendar: _Calendar

    @classmethod
    def of(cls, chance: random.Random, people: Sequence[int], tags: Sequence[int], posts: int) -> _Life:
        """The life of so many posts by these members."""
        authors = [(user_id, _FIRST[place % len(_FIRST)][1]) for place, user_id in enumerate(people)]
        spoken = [[user_id for user_id, speaks in authors if speaks == place] for place in range(len(_LANGUAGES))]
        writers = [_Writer(language, chance) for language in _LANGUAGES]
        said = [[(body, markdown.render(body, above=2).html) for body in language.comments] for language in _LANGUAGES]
        # Nobody answers themselves: with one member alone there are no comments.
        numbers = [number for number, weight in _COMMENTS.items() for _ in range(weight)] if len(people) > 1 else [0]
        # Where nobody speaks a language, or one alone, everybody does.
        by_language = [some if len(some) > 1 else people for some in spoken]
        return cls(by_language, authors, writers, said, tags, numbers, _Calendar(posts, utc_now()))


def _people(db: Session, number: int) -> list[int]:
    role = db.scalars(select(Role.id).where(Role.name == "User")).one()
    first = (db.scalar(select(func.max(User.id))) or 0) + 1
    numbers = count(first)
    now = utc_now()
    table = Base.metadata.tables[User.__tablename__]
    made = insert(table).returning(table.c.id, sort_by_parameter_order=True)
    people: list[int] = []
    for places in _portions(range(number)):
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
            for user in _named(db, [_FIRST[place % len(_FIRST)][0] for place in places], numbers)
        ]
        # Not by looking for them afterwards: others join meanwhile.
        people += db.scalars(made, rows)
    return people


def _named(db: Session, names: Sequence[str], numbers: Iterator[int]) -> list[User]:
    """Members with these first names, each with a number that makes a name which nobody has."""
    users = [User(username=f"{name}-{next(numbers)}") for name in names]
    while taken := _taken(db, users):
        users = [
            User(username=f"{name}-{next(numbers)}") if {user.username_key, user.username_skeleton} & taken else user
            for name, user in zip(names, users, strict=True)
        ]
    return users


def _taken(db: Session, users: Sequence[User]) -> set[str]:
    """The keys and skeletons of these members that others have."""
    taken: set[str] = set()
    for column in (User.username_key, User.username_skeleton):
        wanted = [getattr(user, column.key) for user in users]
        taken.update(db.scalars(select(column).where(column.in_(wanted))))
    return taken


def _tags(db: Session) -> list[int]:
    for name in _TAGS:
        add_unless_there(db, Tag, name=name)
    found = {tag.name: tag.id for tag in db.scalars(select(Tag).where(Tag.name.in_(_TAGS)))}
    return [found[name] for name in _TAGS]


def _posts(db: Session, chance: random.Random, life: _Life, numbers: range) -> int:
    rows, chosen, languages = [], [], []
    for number in numbers:
        author, language = chance.choice(life.authors)
        text = life.writers[language].text()
        moment = life.calendar.moment(number, chance)
        chosen.append(text)
        languages.append(language)
        rows.append(_row(text, author, moment, comments=chance.choice(life.numbers)))
    ids = _reserve_ids(db, len(rows))
    for post_id, row in zip(ids, rows, strict=True):
        row["id"] = post_id
    _insert(db, Post, rows)
    # In the order of time: of each author the last counts.
    note_published(db, {row["author_id"]: row["published_at"] for row in rows})
    names = _words_of_names(db, {row["author_id"] for row in rows})
    words = [
        {"post_id": post_id, "words": f"{text.words} {names[row['author_id']]}"}
        for post_id, text, row in zip(ids, chosen, rows, strict=True)
    ]
    _insert(db, PostWords, words)
    listed = [
        {"post_id": post_id, "tag_id": life.tags[tag], "listed_at": row["listed_at"]}
        for post_id, text, row in zip(ids, chosen, rows, strict=True)
        for tag in text.tags
    ]
    _insert(db, PostTag, listed)
    return _comment_on(db, chance, life, zip(ids, rows, languages, strict=True))


def _insert(db: Session, model: type[Base], rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, all with the same columns. Into the table: the mapper would look at each row by itself."""
    if rows:
        db.execute(insert(Base.metadata.tables[model.__tablename__]), rows)


def _reserve_ids(db: Session, number: int) -> Sequence[int]:
    """Ids for so many posts, in their order: to ask for each after its insert takes as long as the insert."""
    if db.get_bind().dialect.name == "postgresql":
        sequence = func.nextval(func.pg_get_serial_sequence("posts", "id"))
        return db.scalars(select(sequence).select_from(func.generate_series(1, number))).all()
    # Nobody else writes while this transaction is open. SQLite notes the last one that it gave.
    first = (db.scalar(text("SELECT seq FROM sqlite_sequence WHERE name = 'posts'")) or 0) + 1
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
    db: Session, chance: random.Random, life: _Life, posts: Iterable[tuple[int, dict[str, Any], int]]
) -> int:
    comments = []
    for post_id, row, language in posts:
        number = row["comment_count"]
        if not number:
            continue
        written, author = row["created_at"], row["author_id"]
        # Of each language as many as can be needed: nobody says what somebody said before.
        said = [chance.sample(texts, number) for texts in life.comments]
        for moment in sorted(life.calendar.later(written, chance) for _ in range(number)):
            spoken = language if chance.random() < _SAME_LANGUAGE else 1 - language
            body, html = said[spoken].pop()
            comments.append(
                {
                    "post_id": post_id,
                    "author_id": _other_than(author, life.people[spoken], chance),
                    "body": body,
                    "html": html,
                    "pipeline": markdown.PIPELINE,
                    "created_at": moment,
                    "version": 1,
                }
            )
    _insert(db, Comment, comments)
    return len(comments)


def _other_than(author: int, people: Sequence[int], chance: random.Random) -> int:
    while (other := chance.choice(people)) == author:
        pass
    return other


def _follows(db: Session, chance: random.Random, people: Sequence[int]) -> int:
    each = min(_FOLLOWED_BY_EACH, len(people) - 1)
    pairs: list[dict[str, Any]] = []
    followers: dict[int, int] = {}
    for follower in people:
        others = _followed_by(chance, people, follower, each)
        pairs.extend({"follower_id": follower, "followed_id": other, "created_at": utc_now()} for other in others)
        for other in others:
            followers[other] = followers.get(other, 0) + 1
    for some in _portions(pairs):
        _insert(db, Follow, some)
    members = [{"user_id": i, "following_count": each, "follower_count": followers.get(i, 0)} for i in people]
    for some in _portions(members):
        db.execute(_counting(db.get_bind().dialect.name), some)
    return len(pairs)


def _counting(dialect: str) -> Any:
    """Count follows in: members may follow those who are made up as soon as they are there."""
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    table = Base.metadata.tables[BlogMember.__tablename__]
    statement = insert(table)
    counted = {name: table.c[name] + statement.excluded[name] for name in ("following_count", "follower_count")}
    return statement.on_conflict_do_update(index_elements=["user_id"], set_=counted)


def _followed_by(chance: random.Random, people: Sequence[int], follower: int, number: int) -> Sequence[int]:
    """So many others, the first members much more often than the last: few have many followers, and most have some."""
    if len(people) <= _FOLLOWED_BY_EACH * 2:
        return [other for other in chance.sample(people, number + 1) if other != follower][:number]
    chosen: dict[int, None] = {}
    while len(chosen) < number:
        other = people[int(len(people) * chance.random() ** 2)]
        if other != follower:
            chosen[other] = None
    return list(chosen)


def _portions(rows: Sequence[Any]) -> Iterator[Any]:
    for first in range(0, len(rows), _AT_ONCE):
        yield rows[first : first + _AT_ONCE]
