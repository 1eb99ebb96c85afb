"""What the shipped migrations do with the rows that are there, up and down."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError
from workshop import Workshop

from flasky.testing.ini import REPOSITORY

MEMBER = (
    "INSERT INTO users (id, username, username_key, username_skeleton, role_id, created_at)"
    " SELECT {0}, 'name{0}', 'name{0}', 'name{0}', min(id), '2026-01-01' FROM roles"
)
NOTICE = "INSERT INTO notices (id, user_id, actor_id, kind, created_at) VALUES ({}, 1, 1, '{}', '2026-01-01')"


def test_notices_of_decisions_come_with_0006_and_go_with_it(workshop: Workshop) -> None:
    """The kinds stand in a constraint: the others keep their rows, and nothing else goes."""
    workshop.scripts = REPOSITORY / "alembic"
    workshop.enable("accounts", "blog")
    workshop.alembic("upgrade", "0005")
    workshop.sql(
        "INSERT INTO users (id, username, username_key, username_skeleton, role_id, created_at)"
        " SELECT 1, 'anna', 'anna', 'anna', min(id), '2026-01-01' FROM roles",
        NOTICE.format(1, "follow"),
    )
    with pytest.raises(IntegrityError):
        workshop.sql(NOTICE.format(2, "hidden"))
    workshop.alembic("upgrade", "head")
    workshop.sql(NOTICE.format(2, "hidden"), NOTICE.format(3, "shown"), NOTICE.format(4, "mention"))
    with pytest.raises(IntegrityError):
        workshop.sql(NOTICE.format(5, "other"))
    assert "No new upgrade operations detected" in workshop.alembic("check")
    workshop.alembic("downgrade", "0005")
    assert workshop.sql("SELECT id, kind FROM notices ORDER BY id") == [(1, "follow"), (4, "mention")]
    with pytest.raises(IntegrityError):
        workshop.sql(NOTICE.format(2, "hidden"))


def test_0007_keeps_the_reasons_that_notices_tell_and_the_notices_of_who_left(workshop: Workshop) -> None:
    """Only of the last decision: what the others were about is not known any more."""
    workshop.scripts = REPOSITORY / "alembic"
    workshop.enable("accounts", "blog")
    workshop.alembic("upgrade", "0006")
    notice = (
        "INSERT INTO notices (id, user_id, actor_id, kind, post_id, created_at)"
        " VALUES ({}, 1, 2, '{}', {}, '2026-01-01')"
    )
    workshop.sql(
        *(MEMBER.format(number) for number in (1, 2)),
        "INSERT INTO posts (id, author_id, body, html, summary, pipeline, created_at, version, hidden_at,"
        " hidden_reason) VALUES (1, 1, 'x', 'x', 'x', 1, '2026-01-01', 1, '2026-01-02', 'off topic')",
        "INSERT INTO submissions (user_id, key, created_at, made_id) VALUES (1, 'k', '2026-01-01', 1)",
        *(notice.format(*row) for row in ((1, "hidden", 1), (2, "shown", 1), (3, "hidden", 1), (4, "follow", "NULL"))),
    )
    workshop.alembic("upgrade", "head")
    assert "No new upgrade operations detected" in workshop.alembic("check")
    assert workshop.sql("SELECT id, reason FROM notices ORDER BY id") == [(1, ""), (2, ""), (3, "off topic"), (4, "")]
    assert workshop.sql("SELECT key, kind, digest, made_id FROM submissions") == [("k", "", "", 1)]
    workshop.sql("UPDATE notices SET actor_id = NULL WHERE id = 3")
    workshop.alembic("downgrade", "0006")
    assert workshop.sql("SELECT id, actor_id FROM notices ORDER BY id") == [(1, 2), (2, 2), (4, 2)]


def test_notices_of_answers_come_with_0009_and_go_with_it(workshop: Workshop) -> None:
    """Who had a choice of mails keeps it, and is told of answers until they say otherwise."""
    workshop.scripts = REPOSITORY / "alembic"
    workshop.enable("accounts", "blog")
    workshop.alembic("upgrade", "0008")
    workshop.sql(
        "INSERT INTO users (id, username, username_key, username_skeleton, role_id, created_at)"
        " SELECT 1, 'anna', 'anna', 'anna', min(id), '2026-01-01' FROM roles",
        "INSERT INTO blog_members (user_id, mail) VALUES (1, 'daily')",
        NOTICE.format(1, "comment"),
    )
    workshop.alembic("upgrade", "0009")
    workshop.sql(NOTICE.format(2, "answer"), NOTICE.format(3, "shown"))
    with pytest.raises(IntegrityError):
        workshop.sql(NOTICE.format(4, "other"))
    assert workshop.sql("SELECT mail FROM blog_members WHERE answers") == [("daily",)]
    workshop.alembic("upgrade", "head")
    assert "No new upgrade operations detected" in workshop.alembic("check")
    workshop.alembic("downgrade", "0008")
    assert workshop.sql("SELECT id, kind FROM notices ORDER BY id") == [(1, "comment"), (3, "shown")]
    assert workshop.sql("SELECT mail FROM blog_members") == [("daily",)]


@pytest.mark.databases("sqlite")
def test_words_from_before_0011_are_found_with_it_and_without(workshop: Workshop) -> None:
    """The index is made anew from the words, and goes on following them."""
    workshop.scripts = REPOSITORY / "alembic"
    workshop.enable("accounts", "blog")
    workshop.alembic("upgrade", "0010")
    post = (
        "INSERT INTO posts (id, body, html, summary, pipeline, created_at, version)"
        " VALUES ({}, 'x', 'x', 'x', 1, '2026-01-01', 1)"
    )
    words = "INSERT INTO post_words (post_id, words) VALUES ({}, '{}')"
    found = "SELECT rowid FROM post_words_fts WHERE post_words_fts MATCH '\"st\"*' ORDER BY rowid DESC"
    workshop.sql(*map(post.format, (1, 2, 3)), words.format(1, "stone u05316"), words.format(2, "wood stairs"))
    workshop.alembic("upgrade", "0011")
    assert workshop.sql(found) == [(2,), (1,)]
    workshop.sql(words.format(3, "stage"), "DELETE FROM post_words WHERE post_id = 1")
    assert workshop.sql(found) == [(3,), (2,)]
    workshop.alembic("downgrade", "0010")
    assert workshop.sql(found) == [(3,), (2,)]


def test_0013_remembers_when_each_last_published(workshop: Workshop) -> None:
    """What is hidden counts; drafts do not, nor what has no author any more."""
    workshop.scripts = REPOSITORY / "alembic"
    workshop.enable("accounts", "blog")
    workshop.alembic("upgrade", "0012")
    post = (
        "INSERT INTO posts (author_id, body, html, summary, pipeline, created_at, version, published_at, listed_at)"
        " VALUES ({}, 'x', 'x', 'x', 1, '2026-01-09', 1, {}, {})"
    )
    day = "'2026-01-0{} 00:00:00.000000'"
    workshop.sql(
        *(MEMBER.format(number) for number in (1, 2, 3)),
        post.format(1, day.format(3), day.format(3)),
        post.format(1, day.format(4), "NULL"),
        post.format(1, day.format(2), day.format(2)),
        post.format(2, "NULL", "NULL"),
        post.format("NULL", day.format(7), day.format(7)),
        post.format(3, day.format(1), day.format(1)),
    )
    workshop.alembic("upgrade", "head")
    found = workshop.sql("SELECT user_id, published_at FROM blog_authors ORDER BY user_id")
    assert [(user_id, str(moment)[:10]) for user_id, moment in found] == [(1, "2026-01-04"), (3, "2026-01-01")]
    assert "No new upgrade operations detected" in workshop.alembic("check")
    workshop.alembic("downgrade", "0012")


@pytest.mark.databases("sqlite")  # PostgreSQL makes no table anew.
def test_0014_and_0016_leave_the_triggers_and_views_of_plug_ins_as_they_are(workshop: Workshop) -> None:
    workshop.scripts = REPOSITORY / "alembic"
    workshop.enable("accounts", "blog")
    workshop.alembic("upgrade", "0013")
    workshop.sql(
        "CREATE TABLE badges (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users (id), said TEXT)",
        "CREATE TRIGGER joined AFTER INSERT ON users"
        " BEGIN INSERT INTO badges (user_id, said) VALUES (new.id, 'new'); END",
        "CREATE TRIGGER said AFTER UPDATE ON badges BEGIN UPDATE users SET name = new.said WHERE id = new.user_id; END",
        "CREATE VIEW shown_badges AS SELECT username, said FROM badges JOIN users ON users.id = badges.user_id",
        "CREATE VIEW written AS SELECT count(*) AS number FROM posts",
    )
    schema = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name IN ('joined', 'said', 'shown_badges')"
    before = sorted(workshop.sql(schema))
    for number, (where, revision) in enumerate((("upgrade", "head"), ("downgrade", "0013"), ("upgrade", "head")), 1):
        workshop.alembic(where, revision)
        assert sorted(workshop.sql(schema)) == before
        workshop.sql(MEMBER.format(number), "UPDATE badges SET said = 'old'")
        assert workshop.sql("SELECT username, said FROM shown_badges")[-1] == (f"name{number}", "old")
        assert workshop.sql("SELECT name FROM users") == [("old",)] * number
    workshop.sql("DELETE FROM badges WHERE user_id = 3", "DELETE FROM users WHERE id = 3")
    assert workshop.sql("SELECT seq FROM sqlite_sequence WHERE name = 'users'") == [(3,)]
