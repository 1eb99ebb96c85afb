"""`flasky blog`: sample life, rebuilding, and digests, on a real site."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from flasky.cli import main
from flasky.cli.context import Context
from flasky.database import get_database, utc_now
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.work import open_work
from flasky.plugins.blog import digests, following, markdown, notices, posts, rebuilding, search, seeding
from flasky.plugins.blog.models import BlogAuthor, BlogMember, Comment, Follow, Notice, Post, PostTag, PostWords
from flasky.plugins.blog.posts import Writing
from flasky.testing.mailbox import Mailbox
from flasky.wsgi import Application


@pytest.fixture
def flasky(
    ini_file: Callable[..., Path],
    app: Application,
    database_url: str,
    app_settings: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Result]:
    """A function that runs `flasky …` for the site whose database the test looks into: with the application that was
    started for it, where each command would start one of the same settings."""
    monkeypatch.setattr(Context, "application", app)
    monkeypatch.delenv("FLASKY_INI", raising=False)
    settings = {name.replace(".", "__"): value for name, value in app_settings.items()}
    ini = ini_file(sqlalchemy__url=database_url, **settings)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["--ini", str(ini), *arguments], prog_name="flasky")

    return run


def number_of(db: Session, model: Any, *conditions: Any) -> int:
    """How many rows there are; on SQLite the lock for writing is kept until the test ends its transaction."""
    return db.scalar(select(func.count()).select_from(model).where(*conditions)) or 0


def found(registry: Any, text: str) -> list[int]:
    with get_database(registry).read_engine.connect() as connection:
        return [item.id for item in search.find(connection, text, limit=100).rows]


def test_seeding_makes_what_it_says_and_counts_it_right(
    flasky: Callable[..., Result], db: Session, registry: Any, client: Any
) -> None:
    result = flasky("blog", "seed", "--users", "12", "--posts", "30", "--force")
    assert result.exit_code == 0, result.output
    made = number_of(db, Comment)
    assert result.output.strip() == f"12 members, 30 posts, {made} comments, 120 follows"
    assert (number_of(db, Post), number_of(db, Follow)) == (30, 120)
    assert number_of(db, Follow, Follow.follower_id == Follow.followed_id) == 0
    for post in db.scalars(select(Post)):
        assert post.comment_count == number_of(db, Comment, Comment.post_id == post.id)
        assert len(post.tag_names.split()) == number_of(db, PostTag, PostTag.post_id == post.id)
    for standing in db.scalars(select(BlogMember)):
        assert standing.follower_count == number_of(db, Follow, Follow.followed_id == standing.user_id)
        assert standing.following_count == number_of(db, Follow, Follow.follower_id == standing.user_id)
    published = select(Post.author_id, func.max(Post.published_at)).group_by(Post.author_id)
    remembered = select(BlogAuthor.user_id, BlogAuthor.published_at)
    assert set(db.execute(remembered)) == set(db.execute(published))
    newest = db.scalars(select(Post).order_by(Post.listed_at.desc())).first()
    assert newest.listed_at <= utc_now()
    page = client().get("/")
    assert f"/post/{newest.id}" in page
    assert newest.id in found(registry, newest.author.username)


@pytest.mark.databases("sqlite")  # nothing is asked of it
def test_a_site_that_is_not_for_development_is_not_filled(flasky: Callable[..., Result], db: Session) -> None:
    result = flasky("blog", "seed", "--users", "1", "--posts", "1")
    assert result.exit_code == 1
    assert "This site is for testing: made-up data does not belong here. --force adds it anyway." in result.output
    assert number_of(db, User) == 0


def test_one_thing_is_not_said_as_several(
    flasky: Callable[..., Result], registry: Any, db: Session, member: Any, write: Any, comment: Any
) -> None:
    result = flasky("blog", "seed", "--users", "1", "--posts", "0", "--force")
    assert result.output.strip() == "1 member, 0 posts, 0 comments, 0 follows"
    reader, author = member("bob"), member("anna")
    with open_work(registry) as work:
        notices.choose_mail(work, reader, "daily")
    comment(author, write(author, "@bob"), "pear")
    db.execute(update(Notice).values(mail_due=utc_now() - timedelta(minutes=1)))
    db.commit()
    assert flasky("blog", "rebuild", "--all").output.strip() == "Rebuilt 1 post and 1 comment."
    assert flasky("blog", "digest").output.strip() == "Queued 1 mail."


def test_seeding_leaves_names_out_that_members_have(registry: Any, db: Session, member: Any) -> None:
    member("anna-3", email="anna@example.com")
    # The same name, too.
    member("BO-5", email="bo@example.com")
    assert seeding.fill(registry, users=3, posts=1)["members"] == 3
    names = set(db.scalars(select(User.username))) - {"anna-3", "BO-5"}
    assert {name.partition("-")[0] for name in names} == {"anna", "小明", "bo"}
    assert len({name.partition("-")[2] for name in names}) == 3


@pytest.mark.databases("postgresql")  # on SQLite nobody else writes meanwhile
def test_who_joins_while_members_are_made_up_is_none_of_them(
    registry: Any, db: Session, member: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    joined, look = [], seeding._taken

    def meanwhile(*arguments: Any) -> Any:
        if not joined:
            joined.append(member("mia"))
        return look(*arguments)

    monkeypatch.setattr(seeding, "_taken", meanwhile)
    made = seeding.fill(registry, users=12, posts=40)
    assert (made["members"], made["follows"]) == (12, 120)
    for column in (Post.author_id, Comment.author_id, Follow.follower_id, Follow.followed_id, BlogMember.user_id):
        assert number_of(db, column.class_, column == joined[0]) == 0
    # Each writes in the language of their name.
    names = {post.author.username.partition("-")[0]: languages_in(post.body) for post in db.scalars(select(Post))}
    assert names["anna"] == {"en"}
    assert names["小明"] == {"zh"}


def test_a_member_follows_made_up_ones_while_the_rest_is_made(
    registry: Any, db: Session, member: Any, work_as: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each portion is seen once it is committed."""
    mia, calendar = member("mia"), seeding._Calendar

    def meanwhile(*arguments: Any) -> Any:
        with work_as(mia) as work:
            for user_id in work.db.scalars(select(User.id).where(User.id != mia)).all():
                following.follow(work, following.find(work, user_id))
        return calendar(*arguments)

    monkeypatch.setattr(seeding, "_Calendar", meanwhile)
    assert seeding.fill(registry, users=3, posts=2)["follows"] == 6
    standings = {one.user_id: (one.follower_count, one.following_count) for one in db.scalars(select(BlogMember))}
    assert standings.pop(mia) == (0, 3)
    assert list(standings.values()) == [(3, 2)] * 3


def test_nobody_can_sign_in_as_a_made_up_member(registry: Any, db: Session) -> None:
    seeding.fill(registry, users=3, posts=2)
    for user in db.scalars(select(User)):
        assert user.email is None
        assert user.password_hash is None


def test_seeding_again_adds_and_an_existing_list_shows_it(registry: Any, db: Session, client: Any) -> None:
    assert "There is nothing here yet" in client().get("/")
    for _again in range(2):
        seeding.fill(registry, users=1, posts=3)
    assert (number_of(db, User), number_of(db, Post), number_of(db, Follow)) == (2, 6, 0)
    db.rollback()
    assert "There is nothing here yet" not in client().get("/")
    assert seeding.fill(registry, users=1, posts=0) == {"members": 1, "posts": 0, "comments": 0, "follows": 0}


def test_what_was_seeded_before_it_was_stopped_is_seen_at_once(
    registry: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each portion is there once it is committed: a list that is kept must not be older."""
    monkeypatch.setattr(seeding, "_AT_ONCE", 3)
    browser = client()
    known = browser.get("/").headers["ETag"]

    def stopped(*_arguments: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(seeding, "_follows", stopped)
    with pytest.raises(KeyboardInterrupt):
        seeding.fill(registry, users=2, posts=6)
    page = browser.get("/", headers={"If-None-Match": known}, status=200)
    assert len(page.html.select("article.post, li.post")) == 6
    assert browser.get("/feed", headers={"If-None-Match": known}, status=200)


def test_seeding_in_several_portions_is_the_same_as_in_one(
    registry: Any, db: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seeding, "_AT_ONCE", 4)
    made = seeding.fill(registry, users=6, posts=10)
    assert made == {"members": 6, "posts": 10, "comments": number_of(db, Comment), "follows": 30}
    assert number_of(db, PostWords) == number_of(db, Post) == 10
    for post in db.scalars(select(Post)):
        assert post.comment_count == number_of(db, Comment, Comment.post_id == post.id)


def languages_in(text: str) -> set[str]:
    """The languages that a text has letters of; what stands in code or a link is left out."""
    words = re.sub(r"`[^`]*`|\([^)]*\)", "", text)
    return {name for name, letters in (("en", "[a-z]"), ("zh", "[\u4e00-\u9fff]")) if re.search(letters, words)}


@pytest.mark.databases("sqlite")  # what is written does not depend on it
def test_made_up_life_is_believable(registry: Any, db: Session) -> None:
    """One language in a text, its tags and most comments; by day and by night; uneven; nothing from the future."""
    seeding.fill(registry, users=60, posts=600)
    now = utc_now()
    stored = list(db.scalars(select(Post).order_by(Post.id)))
    spoken = {}
    for post in stored:
        (spoken[post.id],) = languages_in(post.body)
        assert languages_in(f"{post.body} {post.title} {post.tag_names}") == {spoken[post.id]}
    assert 100 < sum(language == "zh" for language in spoken.values()) < 400
    moments = [post.listed_at for post in stored]
    assert moments == sorted(moments)
    assert moments[-1] <= now
    assert now - moments[0] > timedelta(days=90)
    pauses = [later - earlier for earlier, later in pairwise(moments)]
    assert max(pauses) > 20 * min(pauses)
    by_hour = Counter(moment.hour for moment in moments)
    assert sum(by_hour[hour] for hour in range(18, 22)) > 5 * sum(by_hour[hour] for hour in range(1, 5))
    said = list(db.scalars(select(Comment)))
    assert all(stored[0].id <= one.post_id and one.created_at > one.post.listed_at for one in said)
    assert max(one.created_at for one in said) <= utc_now()
    alike = sum(languages_in(one.body) == {spoken[one.post_id]} for one in said)
    assert 0.75 < alike / len(said) < 1
    assert len({post.comment_count for post in stored}) > 3
    # Each text is another, nobody answers themselves, and nobody says what was said before.
    assert len({post.body for post in stored}) == len(stored)
    assert [one.id for one in said if one.author_id == one.post.author_id] == []
    assert len({(one.post_id, one.body) for one in said}) == len(said)
    followers = sorted(db.scalars(select(BlogMember.follower_count)), reverse=True)
    assert followers[0] > 3 * followers[len(followers) // 2] > 0
    db.rollback()


@pytest.mark.databases("sqlite")  # what is written does not depend on it
def test_made_up_life_is_the_same_each_time(registry: Any, db: Session) -> None:
    """In text and counts; when things were written depends on when one asks."""
    seen = []
    for _again in range(2):
        last = db.scalar(select(func.max(Post.id))) or 0
        db.rollback()
        seeding.fill(registry, users=25, posts=40)
        rows = db.execute(select(Post.title, Post.body, Post.comment_count).where(Post.id > last).order_by(Post.id))
        seen.append([tuple(row) for row in rows])
        db.rollback()
    assert seen[0] == seen[1]


def test_made_up_posts_are_found_by_what_others_are_found_by(registry: Any, db: Session) -> None:
    seeding.fill(registry, users=2, posts=12)
    for post in db.scalars(select(Post)):
        author = db.get(User, post.author_id).username
        for text in (author, *post.tag_names.split()):
            assert post.id in found(registry, text), text


def test_numbers_that_make_no_sense_are_refused(flasky: Callable[..., Result]) -> None:
    for options in (("--users", "0"), ("--posts", "-1"), ("--users", "x")):
        assert flasky("blog", "seed", *options).exit_code == 2


def test_rebuilding_makes_html_and_words_anew_and_is_no_edit(
    flasky: Callable[..., Result],
    registry: Any,
    member: Any,
    write: Any,
    comment: Any,
    db: Session,
    monkeypatch: pytest.MonkeyPatch,
    client: Any,
) -> None:
    anna = member("anna")
    post = write(anna, "# Head\n\n**apple**")
    draft, made = write(anna, "pear", draft=True), comment(anna, post, "# Also\n\n*nice*")
    before = [db.get(Post, post).html, db.get(Post, post).summary, db.get(Comment, made).html]
    db.execute(update(Post).values(html="old", summary="old", pipeline=0))
    db.execute(update(Comment).values(html="old", pipeline=0))
    db.execute(PostWords.__table__.delete())
    db.commit()
    assert found(registry, "apple") == []
    monkeypatch.setattr(rebuilding, "_AT_ONCE", 1)
    result = flasky("blog", "rebuild")
    assert result.output.strip() == "Rebuilt 2 posts and 1 comment.", result.output
    db.expire_all()
    assert [db.get(Post, post).html, db.get(Post, post).summary, db.get(Comment, made).html] == before
    assert "pear" in db.get(Post, draft).html
    assert (db.get(Post, post).version, db.get(Post, post).edited_at, db.get(Post, post).pipeline) == (
        1,
        None,
        markdown.PIPELINE,
    )
    assert found(registry, "apple anna") == [post]
    assert found(registry, "pear") == []
    assert "apple" in client().get("/")


def test_rebuilding_keeps_what_nobody_wrote(registry: Any, member: Any, write: Any, db: Session) -> None:
    post = write(member(), "apple")
    db.execute(update(Post).values(author_id=None))
    db.commit()
    assert rebuilding.rebuild_all(registry) == (0, 0)
    assert rebuilding.rebuild_all(registry, everything=True) == (1, 0)
    assert found(registry, "apple") == [post]


def test_rebuilding_keeps_what_is_edited_meanwhile_and_lets_everybody_write(
    registry: Any, member: Any, write: Any, work_as: Any, db: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = member("anna")
    ids = [write(anna, text) for text in ("apple", "pear", "plum")]
    db.execute(update(Post).values(html="old", pipeline=0))
    db.commit()
    render = posts.render

    def meanwhile(work: Any, *arguments: Any) -> Any:
        monkeypatch.setattr(posts, "render", render)
        with work_as(anna) as other:
            post = posts.find(other, ids[1])
            posts.edit(other, post, Writing("cherry"), version=post.version)
        with work_as(anna) as other:
            posts.remove(other, posts.find(other, ids[2]))
        return render(work, *arguments)

    monkeypatch.setattr(posts, "render", meanwhile)
    assert rebuilding.rebuild_all(registry) == (1, 0)
    shown = list(db.scalars(select(Post.html).order_by(Post.id)))
    db.rollback()
    assert [text for text in ("apple", "cherry") if text in "".join(shown)] == ["apple", "cherry"]
    assert [found(registry, text) for text in ("apple", "pear", "cherry", "plum")] == [ids[:1], [], ids[1:2], []]


@pytest.mark.databases("sqlite")
def test_rebuilding_takes_so_many_characters_at_a_time(
    registry: Any, member: Any, write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = member("anna")
    for length in (10, 30, 10, 10):
        write(anna, "x" * length)
    monkeypatch.setattr(rebuilding, "_CHARACTERS", 20)
    store, portions = rebuilding.lists_changed, []
    monkeypatch.setattr(rebuilding, "lists_changed", lambda db: (portions.append(1), store(db)))
    assert rebuilding.rebuild_all(registry, everything=True) == (4, 0)
    assert len(portions) == 3


@pytest.mark.databases("sqlite")
def test_rebuilding_goes_on_where_it_was_stopped_and_the_health_check_says_that_it_is_due(
    flasky: Callable[..., Result],
    registry: Any,
    member: Any,
    write: Any,
    comment: Any,
    db: Session,
    monkeypatch: pytest.MonkeyPatch,
    client: Any,
) -> None:
    anna = member("anna")
    ids = [write(anna, f"apple {number}") for number in range(5)]
    comment(anna, ids[0])
    assert rebuilding.rebuild_is_due(registry) is None
    for model in (Post, Comment):
        db.execute(update(model).values(html="old", pipeline=markdown.PIPELINE - 1))
    db.commit()
    monkeypatch.setattr(rebuilding, "_AT_ONCE", 2)
    render, rendered = posts.render, []

    def stopped(*arguments: Any) -> Any:
        if len(rendered) == 2:
            raise KeyboardInterrupt
        rendered.append(arguments)
        return render(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(posts, "render", stopped)
        with pytest.raises(KeyboardInterrupt):
            rebuilding.rebuild_all(registry)
    old = [post_id for post_id in ids if db.get_one(Post, post_id).html == "old"]
    db.rollback()
    # The newest portion is done; of the second, nothing.
    assert old == ids[:3]
    answer = client().get("/health/ready").json
    assert (answer["status"], answer["checks"]["blog.pipeline"]) == ("warning", "failed")
    assert "flasky blog rebuild" in (rebuilding.rebuild_is_due(registry) or "")
    assert flasky("blog", "rebuild").output.strip() == "Rebuilt 3 posts and 1 comment."
    assert rebuilding.rebuild_is_due(registry) is None
    assert flasky("blog", "rebuild").output.strip() == "Rebuilt 0 posts and 0 comments."
    assert flasky("blog", "rebuild", "--all").output.strip() == "Rebuilt 5 posts and 1 comment."


def test_digests_are_queued_for_everybody_in_one_run(
    flasky: Callable[..., Result],
    registry: Any,
    member: Any,
    write: Any,
    db: Session,
    mailbox: Mailbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ["bob", "carl", "dora"]
    for name in names:
        user_id = member(name)
        with open_work(registry) as work:
            notices.choose_mail(work, user_id, "daily")
    write(member("anna"), " ".join(f"@{name}" for name in names))
    db.execute(update(Notice).values(mail_due=utc_now() - timedelta(minutes=1)))
    db.commit()
    # More are due than are looked for at once.
    monkeypatch.setattr(digests, "_LISTED", 2)
    assert flasky("blog", "digest").output.strip() == "Queued 3 mails."
    assert len(mailbox.messages) == 3
    assert flasky("blog", "digest").output.strip() == "Queued 0 mails."
