"""Finding posts by their words, the same on SQLite and PostgreSQL."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from sqlalchemy import delete, event, select, update
from sqlalchemy.orm import Session

from flasky.background import background_request
from flasky.database import get_database, utc_now
from flasky.jobs.models import BackgroundJob
from flasky.jobs.worker import JobWorker
from flasky.plugins.accounts import leaving, people, profile
from flasky.plugins.accounts.events import ProfileChanged
from flasky.plugins.accounts.leaving import erase
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.work import open_work
from flasky.plugins.blog import limits, moderation, posts, rebuilding, search, words
from flasky.plugins.blog.models import PostWords
from flasky.plugins.blog.posts import Writing
from flasky.plugins.blog.reading import Bounds


@pytest.fixture
def found(registry: Any) -> Any:
    """A function that returns the ids of the posts that a text finds."""

    def ids(text: str, **options: Any) -> list[int]:
        with get_database(registry).read_engine.connect() as connection:
            return [item.id for item in search.find(connection, text, **options).rows]

    return ids


@pytest.mark.parametrize(
    "text",
    ["胡同文化", "同文", "化", "老胡同文化", "カタカナ", "ｶﾀｶﾅ", "서울", "ПРИВЕТ", "Straße", "STRASSE", "naïve", "ﬁne"],
)
def test_words_of_many_scripts_are_found(text: str, member: Any, write: Any, found: Any) -> None:
    post = write(member(), "北京的老胡同文化 カタカナ 서울 привет strasse naive fine")
    assert found(text) == [post]


def test_a_single_letter_is_a_word_and_not_the_beginning_of_one(member: Any, write: Any, found: Any) -> None:
    """RTE-02: each letter that is the beginning of any word would be a search through the whole index."""
    anna = member()
    with_x = write(anna, "plan x of the Éclair")
    write(anna, "xylophone and planet")
    assert found("x") == [with_x]
    assert found("X plan") == [with_x]
    assert found("é") == []
    assert search.mark("x xy ax X", "x") == "<mark>x</mark> xy ax <mark>X</mark>"
    letters = " ".join("abcdefghijklmnopqrstuvwxyz")
    assert words.query(letters).whole == tuple("abcdefghij")


def test_long_text_without_blanks_is_looked_for_whole(member: Any, write: Any, found: Any) -> None:
    """Its end, too; and the pair of characters that is the beginning of no other word is looked for as one."""
    text = "北京的老胡同文化今天还很安静街上几乎没有人"
    post = write(member(), f"我说{text}。")
    assert found(text) == [post]
    assert found(f"{text[:-1]}猫") == []
    assert found("老胡同 同文 化今天 安静") == [post]
    assert found(" ".join([*text, "猫"])[: limits.LONGEST_QUERY]) == [post]


@pytest.mark.databases("sqlite")  # the words are made before it is asked
def test_the_page_says_which_words_were_not_looked_for(member: Any, write: Any, client: Any) -> None:
    write(member(), "w0 w1 w2 w3 w4 w5 w6 w7 w8 w9")
    page = client().get("/search", {"q": "w0 w1 w2 w3 w4 w5 w6 w7 w8 W9 Élodie 胡同 w1 <b>"})
    said = page.html.find(id="q-left-out").get_text()
    assert said == "A search looks for at most 10 words. Not looked for: Élodie 胡同 b"
    assert "<mark>w9</mark>" in page
    assert page.html.find(id="q")["aria-describedby"] == "q-left-out"
    long = "老胡同文化今天还很安静街上几乎没有人"
    page = client().get("/search", {"q": f"{long} {' '.join('1234567890')}"}, headers={"Accept-Language": "zh"})
    assert page.html.find(id="q-left-out").get_text() == "一次搜索最多查找 10 个词。未查找的词： 0"
    assert client().get("/search", {"q": long}).html.find(id="q-left-out") is None


@pytest.mark.databases("sqlite")
def test_words_are_found_across_marks_within_a_line(member: Any, write: Any, found: Any, client: Any) -> None:
    post = write(member(), "老城的**胡同**还很安静，un**believ**able `co`de\n\none\n\ntwo")
    for text in ("的胡同", "胡同还", "老城的胡同还很安静", "unbelievable", "code"):
        assert found(text) == [post], text
    assert found("onetwo") == []
    assert "老城<mark>的胡同</mark>还很安静，unbelievable" in client().get("/search", {"q": "的胡同"})


@pytest.mark.parametrize(
    "text", ["文胡", "同胡", "文同化", "海", "ive", "rasse", "北化", "u0", "u0531", "u05316", "U080E1", "u08001u080e1"]
)
def test_what_was_not_written_is_not_found(text: str, member: Any, write: Any, found: Any) -> None:
    write(member(), "北京的老胡同文化 привет strasse naive")
    assert found(text) == []


def test_words_that_look_as_others_are_spelt_are_found_as_themselves(member: Any, write: Any, found: Any) -> None:
    """RTE-02: what is not ASCII is spelt `u05316…` in the index, and what begins so would be all of that."""
    anna = member()
    code, name = write(anna, "the code U05316a1 of 文化"), write(anna, "u0 U2 u235 and union, u053160")
    for text in ("u05316a1", "u05316a", "code u05316"):
        assert found(text) == [code], text
    for text in ("u0", "u2", "U235", "uni", "u053160"):
        assert found(text) == [name], text
    for text in ("u", "u1", "u23", "u0531"):
        assert found(text) == [], text
    assert found("u05316") == [name, code]
    assert found("化") == [code]
    assert search.mark("u2 u235 U05316a1 化", "u2 u05316") == "<mark>u2</mark> u235 <mark>U05316</mark>a1 化"


def test_titles_tags_and_authors_are_found_and_markup_and_addresses_are_not(
    member: Any, write: Any, found: Any
) -> None:
    post = write(
        member("小明", email="ming@example.com"),
        "a [**text**](https://hidden.example/secret)",
        title="Heading",
        tags="garden",
    )
    for text in ("heading", "GARDEN", "小明", "text", "heading garden"):
        assert found(text) == [post], text
    for text in ("strong", "href", "secret", "nofollow", "heading kitchen"):
        assert found(text) == [], text


@pytest.mark.parametrize(
    "text", ["cat OR dog", "cat | dog", "cat* bird", "NOT cat", "cat NEAR dog", "c_t", "c%t", "words:cat"]
)
def test_inj_01_operators_and_wildcards_are_words(text: str, member: Any, write: Any, found: Any) -> None:
    write(member(), "a cat")
    assert found("cat") != []
    assert found(text) == []


def test_inj_01_text_of_nothing_but_signs_finds_nothing(member: Any, write: Any, found: Any) -> None:
    write(member(), "a % b _ c * d \" e ' f")
    for text in ("", "%", "_", "***", '"', "'", "()", "-", "__", "\u200b", "🙂"):
        assert found(text) == [], text


def test_the_index_follows_edits_drafts_and_moderation(member: Any, write: Any, found: Any, work_as: Any) -> None:
    anna, mona = member("anna"), member("mona", role="Moderator")
    post = write(anna, "apple", draft=True)
    assert found("apple") == []
    with work_as(anna) as work:
        posts.edit(work, posts.find(work, post), Writing("banana"), version=1)
    assert found("apple") == []
    assert found("banana") == [post]
    with work_as(mona) as work:
        moderation.hide(work, posts.find(work, post), "no fruit")
    assert found("banana") == []
    with work_as(mona) as work:
        moderation.show(work, posts.find(work, post))
    assert found("banana") == [post]
    with work_as(anna) as work:
        posts.remove(work, posts.find(work, post))
    assert found("banana") == []


def test_a_deleted_post_leaves_no_words_behind(member: Any, write: Any, work_as: Any, db: Session) -> None:
    anna = member()
    post = write(anna, "apple")
    with work_as(anna) as work:
        posts.remove(work, posts.find(work, post))
    assert db.scalars(select(PostWords.post_id)).all() == []


def test_results_come_newest_first_and_go_on_behind_the_last(member: Any, write: Any, registry: Any) -> None:
    anna = member()
    ids = [write(anna, f"apple number {number}") for number in range(5)]
    with get_database(registry).read_engine.connect() as connection:
        first = search.find(connection, "apple", limit=2)
        second = search.find(connection, "apple", Bounds(below=first.on), limit=2)
        last = search.find(connection, "apple", Bounds(below=second.on), limit=2)
        back = search.find(connection, "apple", Bounds(above=last.back), limit=2)
        again = search.find(connection, "apple", Bounds(above=back.back), limit=2)
    assert [[item.id for item in found.rows] for found in (first, second, last)] == [ids[:2:-1], ids[2:0:-1], ids[:1]]
    assert (first.back, last.on) == (None, None)
    assert back == second
    # Whether there is more towards the beginning only the next step tells; the page goes to the beginning then.
    assert (again.rows, again.back) == (first.rows, None)


@pytest.mark.databases("sqlite")
def test_beginnings_of_words_stand_in_the_index(db: Session) -> None:
    """RTE-02: otherwise it would join the posts of all words that begin so, however few are shown."""
    options = (
        db.connection().exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'post_words_fts'").scalar_one()
    )
    prefixes = re.search("prefix='([0-9 ]+)'", options)
    assert prefixes is not None
    for asked in ("th", "the", "that", "canal", "camera", "kitchen", "tomatoes", "化"):
        for begun in words.query(asked).begun:
            assert str(len(begun)) in prefixes[1].split(), asked


@pytest.mark.databases("postgresql")
def test_posts_of_a_rare_word_are_looked_up_where_the_next_posts_are_not_enough(
    member: Any, write: Any, registry: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same come in the same order, wherever the window ends, and what nobody may see fills no page."""
    anna = member()
    ids = []
    for number in range(12):
        post = write(anna, f"apple {number}" if number % 3 else f"pear {number}", draft=number in {4, 10})
        if number % 3 and number not in {4, 10}:
            ids.insert(0, post)
    with get_database(registry).read_engine.connect() as connection:
        for window in (1, 2, 3, 5, 11, 12, 50):
            monkeypatch.setattr(search, "_WINDOW", window)
            part = search.find(connection, "apple", limit=2)
            onwards = [part]
            while part.on is not None:
                part = search.find(connection, "apple", Bounds(below=part.on), limit=2)
                onwards.append(part)
            assert [[item.id for item in part.rows] for part in onwards] == [ids[:2], ids[2:4], ids[4:]], window
            back = search.find(connection, "apple", Bounds(above=onwards[-1].back), limit=2)
            assert [item.id for item in back.rows] == ids[2:4], window
            assert back.back == ids[2]
            assert search.find(connection, "apple", Bounds(above=ids[0])).rows == []


@pytest.mark.databases("postgresql")
def test_a_search_reads_the_whole_table_for_no_word(db: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """RTE-02: a word that none has, or few, is looked up in the index of words; a common one stops behind a page."""
    connection = db.connection()
    numbers = "FROM generate_series(1, 3000) AS n"
    columns = "id, body, html, summary, pipeline, created_at, published_at, listed_at, version"
    kind = "CASE WHEN mod(n, 1000) = 5 THEN 'few odd' WHEN mod(n, 2) = 0 THEN 'even' ELSE 'odd' END"
    for statement in (
        f"INSERT INTO posts ({columns}) SELECT n, '', '', '', 1, now(), now(), now(), 1 {numbers}",
        f"INSERT INTO post_words (post_id, words) SELECT n, CAST('all ' || {kind} AS tsvector) {numbers}",
        "ANALYZE posts, post_words",
        # So small a table is read whole sooner than an index.
        "SET LOCAL enable_seqscan = off",
    ):
        connection.exec_driver_sql(statement)
    monkeypatch.setattr(search, "_WINDOW", 100)
    sent: list[tuple[str, Any]] = []

    def remember(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_others: Any) -> None:
        sent.append((statement, parameters))

    for asked, bounds, number in (
        ("all", Bounds(), 1),
        ("all", Bounds(below=1500), 1),
        ("all", Bounds(above=1500), 1),
        ("none", Bounds(), 2),
        ("none", Bounds(below=1500), 2),
        ("none", Bounds(above=1500), 2),
        ("few", Bounds(), 2),
        ("even odd", Bounds(), 2),
    ):
        sent.clear()
        event.listen(connection, "before_cursor_execute", remember)
        search.find(connection, asked, bounds)
        event.remove(connection, "before_cursor_execute", remember)
        assert len(sent) == number, asked
        for statement, parameters in sent:
            rows = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, TIMING OFF) {statement}", parameters)
            plan = "\n".join(rows.scalars())
            read = map(int, re.findall(r"Rows Removed by Filter: ([0-9]+)", plan))
            assert max(read, default=0) <= 100, plan
            assert ("ix_post_words_words" in plan) == (statement != sent[0][0]), plan


def test_the_page_goes_on_too_and_keeps_what_was_asked(client: Any, member: Any, write: Any, registry: Any) -> None:
    anna = member()
    for number in range(3):
        write(anna, f"胡同 & apple{number}")
    registry.settings["blog.posts_per_page"] = 2
    try:
        page = client().get("/search", {"q": "胡同 &"})
        assert "apple2" in page
        assert "apple0" not in page
        page = page.click("Older")
        assert "apple0" in page
        assert "apple2" not in page
        assert 'value="胡同 &amp;"' in page
        # Back at the beginning, it is the page that one gets for asking.
        again = page.click("Newer").follow()
        assert "apple2" in again
        assert 'value="胡同 &amp;"' in again
        beyond = client().get("/search", {"q": "胡同", "before": "1"})
        assert "The list ends here" in beyond
        assert "apple2" in beyond.click("To the newest")
    finally:
        registry.settings["blog.posts_per_page"] = 20


def test_a_text_that_is_too_long_is_refused_and_none_is_no_search(client: Any, statements: Any) -> None:
    for language, said in (
        ("en", "A search has at most 100 characters; these are 101."),
        ("zh", "搜索内容最多 100 个字符；现在有 101 个。"),
    ):
        page = client().get("/search", {"q": "a" * 101}, headers={"Accept-Language": language}, status=400)
        assert page.html.find(id="q-fault").get_text() == said
        # No browser cuts it, and it comes back.
        field = page.html.find(id="q")
        assert (field["value"], field["aria-describedby"]) == ("a" * 101, "q-fault")
        assert not field.has_attr("maxlength")
    page = client().get("/search")
    assert "Nothing was found" not in page
    assert statements() == []
    assert "Nothing was found" in client().get("/search", {"q": "a" * 100})


def test_the_name_of_who_left_finds_nothing_at_once_and_their_words_do_when_the_job_has_run(
    member: Any, write: Any, registry: Any, found: Any, db: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna, left = member("anna"), member("wanderer")
    kept, *posts_left = write(anna, "cat"), write(left, "a cat", title="Whiskers", tags="pets"), write(left, "cat 2")
    assert found("wanderer") == posts_left[::-1]
    with open_work(registry) as work:
        erase(work, work.db.get(User, left))
    assert [found(text) for text in ("wanderer", "cat", "pets")] == [[], [kept], []]
    # What is shown is as it was made.
    assert rebuilding.rebuild_is_due(registry) is None
    monkeypatch.setattr(rebuilding, "_AT_ONCE", 1)
    with background_request(registry) as request:
        request.db.execute(delete(BackgroundJob))
        rebuilding.forget_names(request)
    assert found("cat") == [posts_left[1], kept]
    # It queued another for what was left.
    JobWorker(registry).run_once()
    assert found("wanderer") == []
    for text in ("cat", "whiskers", "pets"):
        assert posts_left[0] in found(text), text


@pytest.mark.databases("sqlite")
def test_posts_of_who_left_are_found_as_well_when_they_are_rebuilt(
    member: Any, write: Any, registry: Any, found: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = write(member("wanderer"), "a cat")
    with open_work(registry) as work:
        erase(work, work.db.scalars(select(User).where(User.username == "wanderer")).one())
    words_of_post = search.words_of_post

    def meanwhile(row: Any, *author: str) -> str:
        monkeypatch.setattr(search, "words_of_post", words_of_post)
        assert rebuilding.rebuild_all(registry) == (1, 0)
        return "wrong"

    # In the middle of the job.
    monkeypatch.setattr(search, "words_of_post", meanwhile)
    JobWorker(registry).run_once()
    assert (found("cat"), found("wanderer"), found("wrong")) == ([post], [], [])


def test_an_author_is_found_by_the_name_they_show_and_no_more_by_one_they_had(
    member: Any, write: Any, registry: Any, found: Any, client: Any, work_as: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = member("anna")
    ids = [write(anna, f"cat {number}", tags="pets") for number in range(3)]

    def rename(name: str) -> None:
        with open_work(registry) as work:
            user = work.db.get_one(User, anna)
            profile.update(work, user, name=name, location="", about="", language="", timezone="")
        JobWorker(registry).run_once()

    # The job goes on with another.
    monkeypatch.setattr(rebuilding, "_AT_ONCE", 2)
    rename("王小明")
    assert found("小明 cat") == ids[::-1]
    page = client().get("/search", {"q": "王小明 anna pets"})
    assert "><bdi><mark>anna</mark></bdi></a> (<bdi><mark>王小明</mark></bdi>)" in page
    assert 'rel="tag">#<mark>pets</mark></a>' in page
    assert "王小明" not in client().get("/search", {"q": "cat"})
    ids.append(write(anna, "cat 3"))
    assert found("王小明") == ids[::-1]
    rename("")
    assert found("王小明") == []
    assert found("anna") == ids[::-1]


@pytest.fixture
def rename(registry: Any) -> Any:
    """A function that gives a member the name that they show, and leaves the jobs where they are."""

    def change(user_id: int, name: str) -> None:
        with open_work(registry) as work:
            user = work.db.get_one(User, user_id)
            profile.update(work, user, name=name, location="", about="", language="", timezone="")

    return change


def jobs_of(db: Session) -> list[dict[str, Any]]:
    waiting = select(BackgroundJob.arguments).where(
        BackgroundJob.name == "blog.names", BackgroundJob.status == "queued"
    )
    found = list(db.scalars(waiting))
    db.rollback()
    return found


def test_a_new_name_is_indexed_so_many_characters_at_a_time(
    member: Any, write: Any, rename: Any, registry: Any, found: Any, db: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CON-01: of long texts one transaction takes few, of any at least one."""
    anna = member("anna")
    ids = [write(anna, "cat " + "x" * length) for length in (10, 30, 10, 10)]
    rename(anna, "Wang")
    monkeypatch.setattr(rebuilding, "_CHARACTERS", 30)
    lowest = limits.LARGEST_ID
    for expected in (ids[2:], ids[1:], ids):
        with background_request(registry) as request:
            request.db.execute(delete(BackgroundJob))
            rebuilding.index_posts_of(request, anna, lowest)
        assert sorted(found("wang")) == expected
        lowest = next((job["highest"] for job in jobs_of(db)), 0)
    assert lowest == 0


def test_of_a_member_one_job_waits_however_often_they_change_their_name(
    member: Any, write: Any, rename: Any, registry: Any, found: Any, db: Session
) -> None:
    anna, bob = member("anna"), member("bob")
    post = write(anna, "cat")
    for name in ("Wang", "Li", "Zhao"):
        rename(anna, name)
    rename(bob, "Wang")
    assert sorted(job["user_id"] for job in jobs_of(db)) == [anna, bob]
    # The one that goes on further down begins again.
    with open_work(registry) as work:
        work.db.execute(update(BackgroundJob).values(arguments={"user_id": anna, "highest": post - 1}))
    rename(anna, "Sun")
    assert {"user_id": anna} in jobs_of(db)
    JobWorker(registry).run_once()
    assert found("sun") == [post]
    assert found("zhao") == []


@pytest.mark.parametrize("field", ["disabled_at", "deletion_due_at"])
def test_who_has_no_profile_is_found_by_the_user_name_alone(
    field: str, member: Any, write: Any, rename: Any, registry: Any, found: Any
) -> None:
    """ACL-05: no page shows their name, so no search may tell it letter by letter; until they are back."""
    carl, bob = member("carl"), member("bob")
    posts_of, others = [write(carl, "cat"), write(carl, "cat")], write(bob, "cat")
    rename(carl, "Zebulon Realname")
    rename(bob, "Zebra")
    JobWorker(registry).run_once()

    def set_field(moment: Any) -> None:
        with open_work(registry) as work:
            user = work.db.get_one(User, carl)
            setattr(user, field, moment)
            rebuilding.profile_changed(ProfileChanged(work, user))
        JobWorker(registry).run_once()

    def rebuild() -> None:
        assert rebuilding.rebuild_all(registry, everything=True) == (3, 0)

    assert found("zeb") == [others, *posts_of[::-1]]
    set_field(utc_now())
    for again in (lambda: None, rebuild):
        again()
        assert (found("zeb"), found("realname")) == ([others], [])
        assert found("carl cat") == posts_of[::-1]
    set_field(None)
    for again in (lambda: None, rebuild):
        again()
        assert found("zebulon realname") == posts_of[::-1]


@pytest.mark.parametrize("way", ["disabled", "leaving"])
def test_acl_05_the_name_of_who_is_shut_out_or_leaving_cannot_be_asked_out_of_searches(
    way: str, member: Any, write: Any, rename: Any, registry: Any, client: Any, db: Session
) -> None:
    """ACL-05: as the services and pages do it; the posts stay, and the user name beside them."""
    carl = member("carl")
    post = write(carl, "cat")
    rename(carl, "Zebulon Realname")
    JobWorker(registry).run_once()

    def ids(text: str) -> list[int]:
        return [item["id"] for item in client().get("/api/search", {"q": text}).json["posts"]]

    assert ids("zeb") == [post]
    with open_work(registry) as work:
        user = work.db.get_one(User, carl)
        people.disable(work, user) if way == "disabled" else leaving.leave_on(work, user, utc_now() + timedelta(days=3))
    assert jobs_of(db) == [{"user_id": carl}]
    home = client().get("/").headers["ETag"]
    JobWorker(registry).run_once()
    assert client().get("/").headers["ETag"] == home
    assert [ids(text) for text in ("zeb", "realname", "carl", "cat")] == [[], [], [post], [post]]
    assert "Nothing was found" in client().get("/search", {"q": "zeb"})
    with open_work(registry) as work:
        user = work.db.get_one(User, carl)
        people.enable(work, user) if way == "disabled" else leaving.stay(work, user)
    JobWorker(registry).run_once()
    assert ids("zebulon") == [post]


def test_of_a_member_one_job_waits_however_often_their_profile_goes_and_comes(
    member: Any, write: Any, rename: Any, registry: Any, db: Session
) -> None:
    anna, plain = member("anna"), member("plain")
    write(anna, "cat")
    write(plain, "cat")

    def tell(user_id: int) -> None:
        with open_work(registry) as work:
            rebuilding.profile_changed(ProfileChanged(work, work.db.get_one(User, user_id)))

    rename(anna, "Wang")
    tell(anna)
    assert jobs_of(db) == [{"user_id": anna}]
    JobWorker(registry).run_once()
    tell(anna)
    tell(anna)
    assert jobs_of(db) == [{"user_id": anna}]
    # Whose posts are found by no other name than before.
    tell(plain)
    assert jobs_of(db) == [{"user_id": anna}]


def test_whoever_writes_does_not_wait_for_words_and_what_is_edited_meanwhile_is_taken_again(
    member: Any,
    write: Any,
    rename: Any,
    registry: Any,
    found: Any,
    work_as: Any,
    db: Session,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    anna = member("anna")
    ids = [write(anna, "cat"), write(anna, "dog")]
    rename(anna, "Wang")
    words_of_post = search.words_of_post
    stored: list[str] = []

    def meanwhile(post: Any, *author: str) -> str:
        monkeypatch.setattr(search, "words_of_post", words_of_post)
        with work_as(anna) as work:
            stored_post = posts.find(work, ids[0])
            posts.edit(work, stored_post, Writing("bird"), version=stored_post.version)
        return words_of_post(post, *author)

    monkeypatch.setattr(search, "words_of_post", meanwhile)
    with background_request(registry) as request:
        request.db.execute(delete(BackgroundJob))
    with background_request(registry) as request:
        rebuilding.index_posts_of(request, anna)
    assert found("cat") == []
    assert found("bird wang") == ids[:1]
    assert jobs_of(db) == [{"user_id": anna, "highest": ids[0]}]
    # What has these words already is not written.
    store = search.store
    monkeypatch.setattr(search, "store", lambda *given: (stored.append(given[2]), store(*given)))
    JobWorker(registry).run_once()
    assert stored == []
    assert jobs_of(db) == []


def test_highlights_are_escaped_around_and_within(member: Any, write: Any, client: Any) -> None:
    write(member(), "before `<script>alert(1)</script>` & after", title='<b onclick="x">script</b>')
    page = client().get("/search", {"q": "script"})
    assert "&lt;<mark>script</mark>&gt;alert(1)" in page
    assert "&lt;b onclick=&#34;x&#34;&gt;<mark>script</mark>" in page
    assert "<script>alert" not in page
    # An entity is not taken apart by a search for its name.
    assert "&<mark>amp" not in client().get("/search", {"q": "amp after"})


@pytest.mark.parametrize(
    ("text", "asked", "marked"),
    [
        ("Apple & pineapple", "apple", ["Apple"]),
        ("ab abc", "ab abc", ["ab", "abc"]),
        ("Café, cafés", "cafe", ["Café", "café"]),
        ("Cafe\u0301 cafe", "café", ["Cafe\u0301", "cafe"]),
        ("a cat, concat, catapult", "cat", ["cat", "cat"]),
        ("python 胡同 文化", "python胡同", ["python", "胡同"]),
        ("学python的", "PYTHON", ["python"]),
        ("老胡同文化 同文", "同文化", ["同文化", "同文"]),
        ("Straße, STRASSE", "strasse", ["Straße", "STRASSE"]),
        ("ﬁne Ｐython ｶﾀｶﾅ", "fine python カタカナ", ["ﬁne", "Ｐython", "ｶﾀｶﾅ"]),
        ("a an x_a", "a", ["a", "a"]),
        ("u0 u0a x_u0", "u0", ["u0", "u0"]),
        ("ß", "s", []),
        ("<i>", "?", []),
    ],
)
def test_marks_stand_where_the_words_are_found(text: str, asked: str, marked: list[str]) -> None:
    html = search.mark(text, asked)
    assert re.findall("<mark>(.*?)</mark>", html) == marked
    assert unescape(html.replace("<mark>", "").replace("</mark>", "")) == text


def test_marks_are_in_html() -> None:
    assert search.mark("Apple & <i>", "apple") == "<mark>Apple</mark> &amp; &lt;i&gt;"


def test_an_excerpt_is_around_the_first_word_that_was_found() -> None:
    html = f"<p>{'x ' * 200}needle {'y ' * 200}</p>"
    piece = search.excerpt(html, "needle")
    assert piece.startswith("… ")
    assert piece.endswith(" …")
    assert "<mark>needle</mark>" in piece
    assert len(piece) < 300
    assert search.excerpt("<p>short &amp; sweet</p>", "") == "short &amp; sweet"
    assert search.excerpt(html, "*").startswith("x x")


def test_a_word_is_looked_for_in_the_beginning_of_a_text_for_its_excerpt() -> None:
    """A page shows twenty texts of up to 30,000 characters each: none is read to its end."""
    for filler in ("é x ", "胡同 "):
        late = f"<p>{filler * 2000} needle</p>"
        assert search.excerpt(late, "needle").startswith(filler * 3)
        assert "mark" not in search.excerpt(late, "needle")
        near = f"<p>{filler * 700} needle</p>"
        assert "<mark>needle</mark>" in search.excerpt(near, "needle")


def test_words_are_the_same_for_the_index_and_for_who_asks() -> None:
    for text in ("胡同文化", "ABC胡同123", "Été", "a_b", "x" * 60, "胡", "İstanbul", "ß"):
        known = words.words_of(text).split()
        asked = words.query(text)
        assert set(asked.whole) <= set(known), text
        assert all(any(word.startswith(begun) for word in known) for begun in asked.begun), text


def test_what_nobody_sees_is_blank() -> None:
    for blank in (
        "",
        " \t\r\n\u00a0\u3000",
        "\u200b\u200d\u2060\ufeff",
        "\u3164\u115f\u2800",
        "\u202e",
        "\ufe0f\u0301",
        "\ud800",
    ):
        assert words.is_blank(blank), ascii(blank)
    for text in ("a", ".", "\u200b胡", "🙂", "¨", "\u093f", "\u200b-"):
        assert not words.is_blank(text), ascii(text)


def test_words_are_plain_and_few() -> None:
    asked = words.query("Привет 胡同 ² 🙂 a:b' \\ é 胡")
    assert all(word.isascii() and word.isalnum() for word in asked.whole + asked.begun)
    assert (len(asked.whole), len(asked.begun)) == (5, 2)
    many = words.query(" ".join(f"W{number}" for number in range(50)))
    assert (len(many.begun), many.left_out[0], len(many.left_out)) == (10, "W10", 40)
    assert words.query("same Same SAME") == ((), ("same",), ())
    # Where accents are characters of their own, and letters of Hangul, as some systems write them.
    rest = words.query("a b c d e f g h i j Cafe\u0301 \u1112\u1161\u11ab Straße").left_out
    assert rest == ("Café", "\ud55c", "Straße")
