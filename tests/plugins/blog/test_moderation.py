"""Moderation: reports, the queue, hiding with a reason, and what others see of it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import event, func, select, text
from sqlalchemy.orm import Session

from flasky.database import utc_now
from flasky.plugins.accounts.errors import Fault, Refused
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.work import open_work
from flasky.plugins.blog import comments, limits, moderated, moderation, posts
from flasky.plugins.blog.errors import NotAllowed, NotThere
from flasky.plugins.blog.models import Comment, Post, Report
from flasky.plugins.blog.posts import Writing
from flasky.plugins.blog.reading import Bounds, Cursor, Way


@pytest.fixture
def people(member: Any) -> dict[str, int]:
    return {
        "anna": member("anna"),
        "bob": member("bob"),
        "mona": member("mona", role="Moderator"),
    }


def send(page: Any, do: str | None = None, **values: Any) -> Any:
    form = next(form for form in page.forms.values() if "reason" in form.fields or "do" in form.fields)
    for name, value in values.items():
        form[name] = value
    return form.submit("do" if do else None, value=do)


def open_reports(db: Session) -> int:
    number = db.scalar(select(func.count()).select_from(Report).where(Report.resolved_at.is_(None)))
    db.rollback()
    return number or 0


def test_nobody_reports_their_own(
    people: Any, write: Any, comment: Any, work_as: Any, client: Any, db: Session
) -> None:
    post = write(people["anna"])
    made = comment(people["anna"], post, "mine")
    with work_as(people["anna"]) as work, pytest.raises(Refused):
        moderation.report(work, posts.find(work, post), "mine")
    browser = client(people["anna"])
    page = browser.get(f"/post/{post}")
    assert "/report" not in page
    token = next(form["csrf_token"].value for form in page.forms.values() if "body" in form.fields)
    for thing, there in ((f"/post/{post}", f"/post/{post}"), (f"/comment/{made}", f"/post/{post}#comment-{made}")):
        # Before one has typed a reason for nothing.
        answers = [browser.get(f"{thing}/report", status=303)]
        for reason in ("mine", ""):
            values = {"csrf_token": token, "reason": reason}
            answers.append(browser.post(f"{thing}/report", values, status=303))
        for answer in answers:
            assert answer.location.removeprefix("http://localhost") == there
        assert "This is your own: edit or delete it." in answers[0].follow()
    assert open_reports(db) == 0


@pytest.mark.databases("sqlite")
def test_acl_02_a_draft_is_neither_reported_nor_hidden(people: Any, write: Any, work_as: Any, client: Any) -> None:
    """Not its author's own either: hidden, other moderators would read it."""
    draft = write(people["mona"], "not for others", draft=True)
    browser = client(people["mona"])
    token = next(form["csrf_token"].value for form in browser.get("/write").forms.values() if "body" in form.fields)
    for path in ("report", "hide"):
        browser.get(f"/post/{draft}/{path}", status=404)
        for values in ({"reason": "r"}, {"reason": ""}, {"do": "keep"}, {"do": "show"}):
            browser.post(f"/post/{draft}/{path}", {"csrf_token": token, **values}, status=404)
    for act in (moderation.hide, moderation.report):
        with work_as(people["mona"]) as work, pytest.raises(NotThere):
            act(work, posts.find(work, draft), "r")
    assert "not for others" not in browser.get("/moderate?show=posts")


def test_members_who_do_not_moderate_decide_and_see_nothing(
    people: Any, write: Any, comment: Any, work_as: Any, client: Any
) -> None:
    post = write(people["anna"])
    made = comment(people["anna"], post)
    for shown in ("reports", "posts", "comments"):
        client(people["anna"]).get("/moderate", {"show": shown}, status=403)
    for who in ("anna", "bob"):
        for act in (
            lambda work: moderation.hide(work, posts.find(work, post), "no"),
            lambda work: moderation.show(work, posts.find(work, post)),
            lambda work: moderation.resolve(work, posts.find(work, post)),
            lambda work: moderation.hide(work, comments.find(work, made), "no"),
            moderated.reports,
            lambda work: moderated.hidden(work, Post, Way.FIRST, None),
            lambda work: moderated.reports_about(work, posts.find(work, post)),
        ):
            with work_as(people[who]) as work, pytest.raises(NotAllowed):
                act(work)


@pytest.mark.parametrize("reason", ["", "  \n", "x" * (limits.LONGEST_REASON + 1)])
def test_a_reason_is_needed_and_short(
    reason: str, people: Any, write: Any, work_as: Any, client: Any, db: Session
) -> None:
    post = write(people["anna"])
    with work_as(people["mona"]) as work, pytest.raises(Fault):
        moderation.hide(work, posts.find(work, post), reason)
    for who, path in (("mona", "hide"), ("bob", "report")):
        answer = send(client(people[who]).get(f"/post/{post}/{path}"), reason=reason)
        assert answer.status_int == 200
        field = answer.html.select_one("[name=reason]")
        assert answer.html.select_one(f"#{field['aria-describedby'].split()[0]}").get_text(strip=True)
    assert open_reports(db) == 0
    assert db.get(Post, post).hidden_at is None


def test_a_report_of_a_comment_is_answered_when_it_is_left_as_it_is(
    people: Any, write: Any, comment: Any, client: Any, db: Session
) -> None:
    made = comment(people["anna"], write(people["anna"]), "a **word**")
    page = send(client(people["bob"]).get(f"/comment/{made}/report"), reason="<b>bad</b>")
    assert f"#comment-{made}" in page.location
    moderator = client(people["mona"])
    queue = moderator.get("/moderate")
    assert "&lt;b&gt;bad" in queue
    assert "a word" in queue.html.find(class_="preview").get_text()
    page = queue.click("Decide")
    assert "<strong>word</strong>" in page
    send(page, "keep")
    assert open_reports(db) == 0
    assert "No reports are open" in moderator.get("/moderate")
    assert "word" in client().get("/post/1")


def test_a_report_after_an_answer_opens_it_again(
    people: Any, write: Any, comment: Any, work_as: Any, db: Session
) -> None:
    post = write(people["anna"])
    for kind, number in ((posts, post), (comments, comment(people["anna"], post))):
        for reason, answered in (("first", False), ("again", True), ("", False), ("third", False)):
            with work_as(people["mona"]) as work:
                if answered:
                    moderation.resolve(work, kind.find(work, number))
            with work_as(people["bob"]) as work:
                if reason:
                    moderation.report(work, kind.find(work, number), reason)
        with work_as(people["mona"]) as work:
            (item,) = moderated.reports(work).rows
            assert item.number == 1
            (told,) = item.told
            assert (told.reason, told.username) == ("third", "bob")
            moderation.resolve(work, kind.find(work, number))


def test_a_report_that_is_told_again_after_an_answer_waits_behind_those_of_others(
    people: Any, write: Any, work_as: Any
) -> None:
    ids = [write(people["anna"]) for _number in range(2)]

    def report(post: int) -> None:
        with work_as(people["bob"]) as work:
            moderation.report(work, posts.find(work, post), "look")

    for post in ids:
        report(post)
    with work_as(people["mona"]) as work:
        moderation.resolve(work, posts.find(work, ids[0]))
    report(ids[0])
    with work_as(people["mona"]) as work:
        assert [item.about.post_id for item in moderated.reports(work).rows] == [ids[1], ids[0]]


def test_hiding_twice_and_showing_twice_counts_once(
    people: Any, write: Any, comment: Any, work_as: Any, db: Session
) -> None:
    post = write(people["anna"])
    made = comment(people["bob"], post)
    for act, expected in ((moderation.hide, 0), (moderation.hide, 0), (moderation.show, 1), (moderation.show, 1)):
        with work_as(people["mona"]) as work:
            act(work, comments.find(work, made), *(["no"] if act is moderation.hide else []))
        assert db.scalar(select(Post.comment_count)) == expected
        db.rollback()


def test_a_hidden_comment_that_is_deleted_is_not_counted_again(
    people: Any, write: Any, comment: Any, work_as: Any, db: Session
) -> None:
    post = write(people["anna"])
    kept, made = comment(people["anna"], post), comment(people["bob"], post)
    with work_as(people["mona"]) as work:
        moderation.hide(work, comments.find(work, made), "no")
    with work_as(people["bob"]) as work:
        comments.remove(work, comments.find(work, made))
    assert db.scalar(select(Post.comment_count)) == 1
    db.rollback()
    with work_as(people["anna"]) as work:
        comments.remove(work, comments.find(work, kept))
    db.rollback()
    assert db.scalar(select(Post.comment_count)) == 0


def test_acl_02_what_is_hidden_is_there_for_its_author_and_moderators_only(
    people: Any, write: Any, comment: Any, work_as: Any, client: Any
) -> None:
    post = write(people["anna"], "a post")
    made = comment(people["bob"], post, "rude words")
    with work_as(people["mona"]) as work:
        moderation.hide(work, comments.find(work, made), "be kind")
    for who in (None, "anna"):
        page = client(people.get(who)).get(f"/post/{post}")
        assert "rude words" not in page
        assert "be kind" not in page
    for who in ("bob", "mona"):
        page = client(people[who]).get(f"/post/{post}")
        assert "rude words" in page
        assert "be kind" in page
    client(people["anna"]).get(f"/comment/{made}/report", status=404)
    with work_as(people["mona"]) as work:
        moderation.hide(work, posts.find(work, post), "off topic")
    for who in (None, "bob"):
        client(people.get(who)).get(f"/post/{post}", status=404)
    for who in ("anna", "mona"):
        page = client(people[who]).get(f"/post/{post}")
        assert "off topic" in page
        assert 'content="noindex"' in page


def test_a_hidden_post_takes_no_comments_and_an_edit_does_not_show_it(
    people: Any, write: Any, work_as: Any, client: Any
) -> None:
    post = write(people["anna"], "bad", tags="walk")
    with work_as(people["mona"]) as work:
        moderation.hide(work, posts.find(work, post), "no")
    with work_as(people["anna"]) as work, pytest.raises(NotThere):
        comments.add(work, posts.find(work, post), "hello")
    author = client(people["anna"])
    page = author.get(f"/post/{post}/edit")
    form = next(form for form in page.forms.values() if "body" in form.fields)
    form["body"], form["tags"] = "better", "walk talk"
    form.submit(status=303)
    visitor = client()
    for path in ("/", "/tag/walk", "/tag/talk", f"/people/{people['anna']}/posts"):
        assert "better" not in visitor.get(path, expect_errors=True), path
    with work_as(people["mona"]) as work:
        moderation.show(work, posts.find(work, post))
    for path in ("/", "/tag/walk", "/tag/talk", f"/people/{people['anna']}/posts"):
        assert "better" in visitor.get(path), path


def test_the_moderators_page_shows_the_reason_and_shows_again(people: Any, write: Any, client: Any) -> None:
    post = write(people["anna"], "words")
    moderator = client(people["mona"])
    assert "its author sees the reason" in send(moderator.get(f"/post/{post}/hide"), reason="too long").follow()
    page = moderator.get(f"/post/{post}/hide")
    assert "too long" in page
    assert "shown again" in send(page, "show").follow()
    assert "words" in client().get(f"/post/{post}")


@pytest.mark.databases("sqlite")
def test_a_report_of_what_is_hidden_is_answered_without_showing_it(
    people: Any, write: Any, work_as: Any, client: Any, db: Session
) -> None:
    """Moderators see it, and so may report it."""
    post, moderator = write(people["anna"], "words"), client(people["mona"])
    with work_as(people["mona"]) as work:
        moderation.hide(work, posts.find(work, post), "no")
    assert "Leave it hidden" not in moderator.get(f"/post/{post}/hide")
    tell(work_as, people["mona"], posts, post, "worse than I thought")
    page = moderator.get("/moderate").click("Decide")
    assert "Leave it hidden" in page
    send(page, "keep")
    assert open_reports(db) == 0
    client().get(f"/post/{post}", status=404)


def tell(work_as: Any, who: int, module: Any, number: int, reason: str) -> None:
    with work_as(who) as work:
        moderation.report(work, module.find(work, number), reason)


def rows_of(page: Any) -> list[str]:
    return [row.get_text(" ", strip=True) for row in page.html.find_all("li", class_="post")]


def test_the_queue_has_one_place_for_each_thing_with_all_that_members_say(
    people: Any, member: Any, write: Any, comment: Any, work_as: Any, client: Any, statements: Any
) -> None:
    post = write(people["anna"], "long\n\n" * 400, title="<b>A walk")
    made = comment(people["bob"], post, "said " * 200)
    other = write(people["bob"], "fine", title="Another")
    for who, module, number, reason in (
        ("bob", posts, post, "bad"),
        ("anna", comments, made, "rude"),
        ("anna", posts, other, "boring"),
        ("mona", posts, post, "<i>worse"),
    ):
        tell(work_as, people[who], module, number, reason)
    for number in range(4):
        tell(work_as, member(f"friend{number}"), posts, post, f"reason {number}.")
    page = client(people["mona"]).get("/moderate")
    assert len(statements()) <= 4
    first, second, third = rows_of(page)
    for words in (
        "<b>A walk",
        "A post",
        "anna",
        "6 reports:",
        "bad",
        "bob",
        "<i>worse",
        "mona",
        "The oldest are shown",
    ):
        assert words in first, words
    assert "reason 3." not in first
    for words in ("<b>A walk", "A comment", "bob", "1 report:", "rude", "anna", "said said …"):
        assert words in second, words
    assert "Another" in third
    # The summary and not the whole, which is where the links lead to.
    assert len(page.text) < 20_000
    assert 'id="comment-' in page.click("&lt;b&gt;A walk", index=1).follow()
    decision = page.click("Decide", index=0)
    for words in ("A walk", "anna", "6 reports:", "reason 3.", "friend3", "long"):
        assert words in decision, words
    assert "reason 3." not in client(people["bob"]).get(f"/comment/{made}/report", expect_errors=True)
    send(decision, reason="enough")
    assert [row.split()[0] for row in rows_of(client(people["mona"]).get("/moderate"))] == ["<b>A", "Another"]


def test_the_queue_goes_on_in_both_directions(
    people: Any, write: Any, work_as: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moderated.reports, "__defaults__", (Bounds(), 2))
    made = [write(people["anna"], f"post {number}", title=f"Title-{number}.") for number in range(5)]
    for number, post in enumerate(made):
        tell(work_as, people["bob"], posts, post, f"reason {number}")
    # Told again by another, it keeps its place.
    tell(work_as, people["mona"], posts, made[0], "too")
    pages = [client(people["mona"]).get("/moderate")]
    for way in ("Later", "Later", "Earlier"):
        pages.append(pages[-1].click(way))
    assert [re.findall(r">Title-(\d)\.", page.text) for page in pages] == [["0", "1"], ["2", "3"], ["4"], ["2", "3"]]


def test_what_is_hidden_is_listed_with_who_when_and_why_and_shown_again(
    people: Any, write: Any, comment: Any, work_as: Any, client: Any, statements: Any
) -> None:
    post, shown = write(people["anna"], "words", title="<b>Mine"), write(people["anna"], "other", title="Shown")
    made = comment(people["bob"], shown, "rude **words**")
    moderator = client(people["mona"])
    assert "Nothing is hidden" in moderator.get("/moderate").click("Hidden posts")
    for module, number, reason in ((posts, post, "<i>off topic"), (comments, made, "be kind")):
        with work_as(people["mona"]) as work:
            moderation.hide(work, module.find(work, number), reason)
    page = moderator.get("/moderate").click("Hidden posts")
    assert len(statements()) <= 3
    (row,) = rows_of(page)
    for words in ("<b>Mine", "anna", "Hidden by", "mona", "<i>off topic", "words"):
        assert words in row, words
    assert page.html.find("li", class_="post").find_all("time")
    (row,) = rows_of(page.click("Hidden comments"))
    assert len(statements()) <= 3
    for words in ("Shown", "bob", "mona", "be kind", "rude words"):
        assert words in row, words
    assert "changed it since" not in row
    with work_as(people["anna"]) as work:
        posts.edit(work, posts.find(work, post), Writing("better words"), version=work.db.get(Post, post).version)
    page = page.click("Hidden posts")
    assert "Its author changed it since" in page
    assert "better words" in page
    assert "shown again" in send(page, "show").follow()
    assert "Nothing is hidden" in moderator.get("/moderate", {"show": "posts"})
    assert "words" in client().get(f"/post/{post}")


@pytest.mark.parametrize("model", [Post, Comment])
def test_what_is_hidden_goes_on_in_both_directions(
    model: Any, people: Any, write: Any, comment: Any, work_as: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moderated.hidden, "__defaults__", (2,))
    first = write(people["anna"], "the post")
    for number in range(5):
        module = posts if model is Post else comments
        text = f"x-{number}."
        made = write(people["anna"], text, title="T") if model is Post else comment(people["bob"], first, text)
        with work_as(people["mona"]) as work:
            moderation.hide(work, module.find(work, made), "no")
    pages = [client(people["mona"]).get("/moderate", {"show": "posts" if model is Post else "comments"})]
    for way in ("Older", "Older", "Newer"):
        pages.append(pages[-1].click(way))
    assert [re.findall(r"x-(\d)\.", page.text) for page in pages] == [["4", "3"], ["2", "1"], ["0"], ["2", "1"]]


@pytest.mark.databases("sqlite")
def test_names_of_those_without_a_profile_are_no_links(
    people: Any, member: Any, write: Any, work_as: Any, client: Any, registry: Any
) -> None:
    posted = [write(people["anna"], f"post {number}") for number in range(2)]
    tell(work_as, people["bob"], posts, posted[0], "bad")
    with work_as(people["mona"]) as work:
        moderation.hide(work, posts.find(work, posted[1]), "no")
    other = client(member("other", role="Moderator"))
    pages = ("/moderate", "/moderate?show=posts")
    assert [len(other.get(page).html.select("main a.post-author")) for page in pages] == [1, 2]
    with open_work(registry) as work:
        for name in ("anna", "mona"):
            work.db.get(User, people[name]).disabled_at = utc_now()
    for page in pages:
        found = other.get(page)
        assert "anna" in found
        assert found.html.select("main a.post-author") == []


@pytest.mark.parametrize("way", Way)
def test_what_is_hidden_is_read_from_its_index(way: Way, db: Session) -> None:
    """Not from a table of a million posts."""
    connection = db.connection()
    explain = "EXPLAIN QUERY PLAN "
    if connection.dialect.name == "postgresql":
        explain = "EXPLAIN "
        # The tables are empty here: reading them whole would be right.
        connection.execute(text("SET LOCAL enable_seqscan = off"))

    def explained(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_others: Any) -> Any:
        return explain + statement, parameters

    event.listen(connection, "before_cursor_execute", explained, retval=True)
    cursor = {} if way is Way.FIRST else Cursor(utc_now(), 7)._asdict()
    for model in (Post, Comment):
        found = connection.execute(moderated._hidden(model, way), {"limit": 21, "own": 0, **cursor})
        plan = str(found.cursor.fetchall())
        assert f"ix_{model.__tablename__}_hidden_at_id" in plan, plan


@pytest.mark.databases("sqlite")
def test_older_reports_of_the_same_are_found_by_index(db: Session) -> None:
    """Not among all open reports, once for each of them."""
    compiled = moderated._reported().compile()
    plan = str(db.execute(text(f"EXPLAIN QUERY PLAN {compiled}"), {**compiled.params, "own": 7}).all())
    assert "INDEX ix_reports_post_id (post_id=?" in plan, plan
    assert "INDEX ix_reports_comment_id (comment_id=?" in plan, plan


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("query", ["show=all", "show=posts&older=x", "after=x", "show=comments&newer=1"])
def test_inj_01_a_list_that_no_link_names_is_refused(query: str, people: Any, client: Any) -> None:
    client(people["mona"]).get(f"/moderate?{query}", status=400)


def test_a_report_leaves_with_what_it_is_about(people: Any, write: Any, work_as: Any, client: Any, db: Session) -> None:
    post = write(people["anna"])
    with work_as(people["bob"]) as work:
        moderation.report(work, posts.find(work, post), "bad")
    with work_as(people["anna"]) as work:
        posts.remove(work, posts.find(work, post))
    assert open_reports(db) == 0
    assert "No reports are open" in client(people["mona"]).get("/moderate")


def edit(work_as: Any, who: int, module: Any, number: int, body: str) -> None:
    with work_as(who) as work:
        thing = module.find(work, number)
        new = Writing(body, title=thing.title) if module is posts else body
        module.edit(work, thing, new, version=thing.version)


def alert(page: Any) -> str:
    return " ".join(found.get_text(" ", strip=True) for found in page.html.select(".alert"))


def test_a_decision_answers_the_reports_that_were_shown_and_no_others(
    people: Any, member: Any, write: Any, comment: Any, work_as: Any, client: Any, db: Session
) -> None:
    """Not one that came since, nor one that was said otherwise or told again since, whatever its number."""
    cyd, moderator = member("cyd"), client(people["mona"])
    post = write(people["anna"])
    made = comment(people["anna"], post)
    for module, number, path in ((posts, post, f"/post/{post}/hide"), (comments, made, f"/comment/{made}/hide")):
        tell(work_as, people["bob"], module, number, "spam")
        page = moderator.get(path)
        tell(work_as, cyd, module, number, "and my address")
        page = send(page, "keep").follow()
        assert "not on your page" in alert(page)
        assert page.request.path == path
        assert [row.get_text() for row in page.html.select(".report-reason")] == ["and my address"]
        tell(work_as, cyd, module, number, "and my telephone number")
        assert open_reports(db) == 1
        page = send(page, "keep").follow()
        assert "and my telephone number" in page
        with work_as(people["mona"]) as work:
            moderation.resolve(work, module.find(work, number))
        tell(work_as, cyd, module, number, "and my telephone number")
        page = send(page, reason="enough").follow()
        assert "not on your page" in alert(page)
        assert "It is hidden. The reason: enough" in " ".join(page.html.get_text().split())
        assert "Leave it hidden" in page
        assert "not on your page" not in alert(send(page, "keep").follow())
        assert open_reports(db) == 0
        with work_as(people["mona"]) as work:
            moderation.show(work, module.find(work, number))


@pytest.mark.databases("sqlite")
def test_reports_beyond_what_a_page_shows_stay_open(
    people: Any, member: Any, write: Any, work_as: Any, client: Any, db: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moderated, "MOST_SHOWN", 1)
    post = write(people["anna"])
    for who, reason in ((people["bob"], "first"), (member("cyd"), "second")):
        tell(work_as, who, posts, post, reason)
    page = send(client(people["mona"]).get(f"/post/{post}/hide"), "keep").follow()
    assert [row.get_text() for row in page.html.select(".report-reason")] == ["second"]
    # A form that names nothing, or nonsense, answers nothing.
    form = next(form for form in page.forms.values() if "seen" in form.fields)
    for seen in ("", "x", "1-1", "9" * 400):
        form["seen"] = seen
        form.submit("do", value="keep", status=303)
        assert open_reports(db) == 1


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("kind", ["post", "comment"])
def test_con_02_nobody_decides_about_a_text_that_they_have_not_read(
    kind: str, people: Any, write: Any, comment: Any, work_as: Any, client: Any, db: Session
) -> None:
    post = write(people["anna"], "words")
    module, number = (posts, post) if kind == "post" else (comments, comment(people["anna"], post, "words"))
    path, moderator = f"/{kind}/{number}/hide", client(people["mona"])
    tell(work_as, people["bob"], module, number, "bad")
    page = moderator.get(path)
    assert "changed it since" not in page
    edit(work_as, people["anna"], module, number, "other words")
    for changed in (moderator.get("/moderate"), moderator.get(path)):
        assert "Its author changed it since" in changed
    for do in ("keep", None):
        form = next(form for form in page.forms.values() if "reason" in form.fields)
        form["reason"] = "typed by me"
        answer = form.submit("do" if do else None, value=do, status=409)
        assert "changed it meanwhile" in alert(answer)
        for said in ("other words", "typed by me", "bad"):
            assert said in answer, said
    assert open_reports(db) == 1
    # From the page with the text as it is now, it goes.
    form = next(form for form in answer.forms.values() if "reason" in form.fields)
    form.submit(status=303)
    hidden = moderator.get("/moderate", {"show": f"{kind}s"})
    edit(work_as, people["anna"], module, number, "worse words")
    (listed,) = (form for form in hidden.forms.values() if form.action == path)
    answer = listed.submit("do", value="show", status=409)
    assert "worse words" in answer
    assert "Its author changed it since" in answer
    assert "worse words" not in client().get(f"/post/{post}", expect_errors=True)
    assert "shown again" in send(answer, "show").follow()
    assert "worse words" in client().get(f"/post/{post}")


def test_a_report_of_ones_own_that_is_open_can_be_said_otherwise(
    people: Any, write: Any, comment: Any, work_as: Any, client: Any, db: Session
) -> None:
    made = comment(people["anna"], write(people["anna"]))
    browser, path = client(people["bob"]), f"/comment/{made}/report"
    page = browser.get(path)
    assert "You reported this" not in page
    send(page, reason="rude")
    page = browser.get(path)
    assert "You reported this" in page
    form = next(form for form in page.forms.values() if "reason" in form.fields)
    assert form["reason"].value == "rude"
    form["reason"] = "x" * (limits.LONGEST_REASON + 1)
    assert "You reported this" in form.submit(status=200)
    form["reason"] = "rude, and my telephone number"
    assert "The moderators will look at it" in form.submit().follow()
    assert "rude, and my telephone number" in client(people["mona"]).get("/moderate")
    told = db.execute(select(Report.reason, Report.created_at)).all()
    db.rollback()
    assert [row.reason for row in told] == ["rude, and my telephone number"]
    # The same once more is nothing new: a form that is sent twice.
    form.submit(status=303)
    assert db.execute(select(Report.reason, Report.created_at)).all() == told
    db.rollback()
    with work_as(people["mona"]) as work:
        moderation.resolve(work, comments.find(work, made))
    assert "You reported this" not in browser.get(path)


@pytest.mark.databases("sqlite")
def test_con_04_of_two_moderators_the_second_reads_what_the_first_decided(
    people: Any, member: Any, write: Any, work_as: Any, client: Any, db: Session
) -> None:
    post, nora = write(people["anna"]), client(member("nora", role="Moderator"))
    mona = client(people["mona"])
    tell(work_as, people["bob"], posts, post, "bad")
    pages = [browser.get(f"/post/{post}/hide") for browser in (mona, nora)]
    assert "its author sees the reason" in send(pages[0], reason="Advertising").follow()
    # One's own form sent twice is no other decision.
    assert "its author sees the reason" in send(pages[0], reason="Advertising").follow()
    form = next(form for form in pages[1].forms.values() if "reason" in form.fields)
    form["reason"] = "Insults, I think"
    page = form.submit(status=409)
    assert "has hidden it already" in alert(page)
    assert "The reason: Advertising" in " ".join(page.html.get_text().split())
    assert "Insults, I think" in page.html.find(id="typed").get_text()
    assert db.scalar(select(Post.hidden_reason)) == "Advertising"
    db.rollback()
    pages = [browser.get(f"/post/{post}/hide") for browser in (mona, nora)]
    assert "It is shown again" in send(pages[0], "show").follow()
    assert "has shown it again already" in alert(send(pages[1], "show").follow())


def test_acl_02_nobody_decides_about_their_own_where_somebody_else_may(
    people: Any, member: Any, write: Any, comment: Any, work_as: Any, client: Any, registry: Any, db: Session,
    statements: Any,
) -> None:  # fmt: skip
    mona, post = client(people["mona"]), write(people["mona"], "mine", title="Mine")
    made = comment(people["mona"], post, "said by me")
    for module, number in ((posts, post), (comments, made)):
        tell(work_as, people["bob"], module, number, "abuse of office")
    # Alone, one has to.
    assert "abuse of office" in mona.get(f"/post/{post}/hide")
    assert len(rows_of(mona.get("/moderate"))) == 2
    page = mona.get(f"/comment/{made}/hide")
    nora = member("nora", role="Moderator")
    for ask in (
        lambda: send(page, "keep"),
        lambda: send(page, reason="no"),
        lambda: send(page, "show"),
        lambda: mona.get(f"/post/{post}/hide"),
    ):
        shown = ask().follow()
        assert "another moderator decides" in alert(shown)
        assert "bob" not in shown.html.find("main").get_text()
    assert open_reports(db) == 2
    assert "No reports are open" in mona.get("/moderate")
    assert len(statements()) <= 4
    assert len(rows_of(client(nora).get("/moderate"))) == 2
    for act in (moderation.resolve, moderation.show, moderated.reports_about):
        with work_as(people["mona"]) as work, pytest.raises(Refused):
            act(work, posts.find(work, post))
    with work_as(nora) as work:
        moderation.hide(work, posts.find(work, post), "not so")
    assert "Nothing is hidden" in mona.get("/moderate", {"show": "posts"})
    assert "not so" in client(nora).get("/moderate", {"show": "posts"})
    # Who was shut out decides no more.
    with open_work(registry) as work:
        work.db.get(User, nora).disabled_at = utc_now()
    assert "not so" in mona.get("/moderate", {"show": "posts"})
    assert "said by me" in mona.get("/moderate")


@pytest.mark.databases("sqlite")
def test_p6_what_was_typed_about_something_that_vanished_comes_back(
    people: Any, write: Any, comment: Any, work_as: Any, client: Any
) -> None:
    post = write(people["anna"])
    made = comment(people["anna"], post)
    sent = [
        (client(people[who]), form)
        for path in (f"/post/{post}", f"/comment/{made}")
        for who, do in (("bob", "report"), ("mona", "hide"))
        # One that has an id is there twice.
        for form in set(client(people[who]).get(f"{path}/{do}").forms.values())
        if "reason" in form.fields
    ]
    assert len(sent) == 4
    with work_as(people["anna"]) as work:
        posts.remove(work, posts.find(work, post))
    for _browser, form in sent:
        form["reason"] = "considered for long"
        page = form.submit(status=404)
        assert "is not there any more" in alert(page)
        assert page.html.find(id="typed").get_text().strip() == "considered for long"
        if "/hide" in form.action or "seen" in form.fields:
            form["reason"] = ""
            page = form.submit("do", value="keep", status=404)
            assert "is not there any more" in alert(page)
            assert page.html.find(id="typed") is None


@pytest.mark.databases("sqlite")
def test_inj_01_what_turns_the_direction_of_text_turns_nothing_else(
    people: Any, write: Any, work_as: Any, client: Any, db: Session
) -> None:
    """It is taken out of titles and reasons, and what stands in a line with other text is set apart from it."""
    turning = "".join(map(chr, [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]))
    post = write(people["anna"], "words", title=f"A{turning[4:]} walk{turning[:4]}")
    assert db.scalar(select(Post.title)) == "A walk"
    db.rollback()
    tell(work_as, people["bob"], posts, post, f"ru{turning}de")
    assert db.scalar(select(Report.reason)) == "rude"
    db.rollback()
    mona = client(people["mona"])
    assert {"rude", "bob", "anna"} <= {found.get_text() for found in mona.get("/moderate").html.select("bdi")}
    page = mona.get(f"/post/{post}/hide")
    assert {"rude", "bob", "anna"} <= {found.get_text() for found in page.html.select("bdi")}
    send(page, reason=f"off{turning} topic")
    found = mona.get("/moderate", {"show": "posts"}).html.select("bdi")
    assert {"anna", "mona"} <= {item.get_text() for item in found}
    (notice,) = client(people["anna"]).get("/notices").html.select(".notices li")
    assert [item.get_text() for item in notice.select("bdi")] == ["A walk", "off topic"]
    assert "hidden your post A walk off topic" in " ".join(notice.get_text().split())
