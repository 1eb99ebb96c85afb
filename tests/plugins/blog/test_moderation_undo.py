"""What was hidden at once of a member, by mistake, is shown again at once: what that decision hid, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from blog_portions import alert, do_next
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from flasky.database import utc_now
from flasky.jobs.models import BackgroundJob, Status
from flasky.plugins.accounts.errors import Refused
from flasky.plugins.accounts.leaving import erase
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.work import open_work
from flasky.plugins.blog import comments, digests, events, hiding, moderated, moderation, portions, posts, showing
from flasky.plugins.blog.errors import NotAllowed, NotThere
from flasky.plugins.blog.models import Comment, Decision, Notice, Post, PostTag
from flasky.plugins.blog.posts import Writing
from flasky.testing.mailbox import Mailbox, html_of, text_of


@pytest.fixture
def people(member: Any) -> dict[str, int]:
    return {"anna": member("anna"), "bob": member("bob"), "mona": member("mona", role="Moderator")}


@pytest.fixture
def decide(work_as: Any) -> Callable[..., Any]:
    """A function that has a moderator do something about a text: `decide(mona, moderation.hide, posts, 1, "spam")`."""

    def do(who: int, act: Any, module: Any, number: int, *values: Any) -> Any:
        with work_as(who) as work:
            return act(work, module.find(work, number, lock=True), *values)

    return do


@pytest.fixture
def hide_all(work_as: Any, db: Session) -> Callable[..., int]:
    """A function that hides all of a member; returns the id of the decision."""

    def do(who: int, whose: int, reason: str = "spam") -> int:
        with work_as(who) as work:
            hiding.hide_all(work, work.db.get(User, whose), reason)
        return last_decision(db)

    return do


@pytest.fixture
def show_again(work_as: Any) -> Callable[..., portions.Number]:
    """A function that has a moderator show again what a decision hid."""

    def do(who: int, whose: int, decision: int) -> portions.Number:
        with work_as(who) as work:
            return showing.show_again(work, work.db.get(User, whose), decision)

    return do


def last_decision(db: Session) -> int:
    number: int = db.scalar(select(func.max(Decision.id)).where(Decision.about == "all"))
    db.rollback()
    return number


def hidden(db: Session, model: Any) -> list[int]:
    found = list(db.scalars(select(model.id).where(model.hidden_at.is_not(None)).order_by(model.id)))
    db.rollback()
    return found


def test_what_a_decision_hid_is_shown_again_but_not_what_another_hid_before_or_since(
    people: Any, write: Any, comment: Any, decide: Any, hide_all: Any, client: Any, registry: Any, db: Session,
    statements: Any,
) -> None:  # fmt: skip
    mona, bob = people["mona"], people["bob"]
    spam = [write(bob, f"buy pills {number}", tags="pills") for number in range(4)]
    other = write(people["anna"], "of anna", tags="pills")
    said = [comment(bob, post, f"pills! {post}") for post in (other, other, spam[0], other)]
    decide(mona, moderation.hide, posts, spam[3], "spam")
    decide(mona, moderation.hide, comments, said[3], "spam")
    hide_all(mona, bob)
    # Shown again and hidden by a decision of its own, with the same words; and shown, and so it stays.
    decide(mona, moderation.show, posts, spam[2])
    decide(mona, moderation.hide, posts, spam[2], "spam")
    decide(mona, moderation.show, comments, said[1])
    late = write(bob, "late pills")
    hide_all(mona, bob)
    heard: list[str] = []

    def hear(event: Any) -> None:
        thing = event.post if isinstance(event, events.PostEvent) else event.comment
        heard.append(f"{type(event).__name__} {thing.id} {thing.hidden_at}")

    kinds = (events.PostShown, events.CommentShown)
    for kind in kinds:
        registry.registerHandler(hear, (kind,))
    browser = client(mona)
    listed = browser.get("/moderate", {"show": "decisions"})
    # The last of them is the first that hid all of it.
    page = listed.click("Show all of it again", index=1)
    # It comes first. What was hidden since is a decision of its own.
    assert [[dd.get_text() for dd in row.select("dd")] for row in page.html.select("li[id^=decision-]")] == [
        ["2", "2"],
        ["1", "1"],
    ]
    assert "mona" in page.html.select("li[id^=decision-]")[0].get_text()
    form = next(form for form in page.forms.values() if "decision" in form.fields)
    page = form.submit("do", value="show")
    number = len(statements())
    for kind in kinds:
        registry.unregisterHandler(hear, (kind,))
    assert number <= 25
    page = page.follow()
    assert "Shown again – posts: 2, comments: 2." in alert(page)
    assert "What was hidden at once was shown again" in page.html.select("li.post")[0].get_text()
    assert heard == [f"PostShown {number} None" for number in spam[:2]] + [
        f"CommentShown {number} None" for number in (said[0], said[2])
    ]
    # The second decision hid the comment that a moderator had shown.
    assert hidden(db, Post) == [spam[2], spam[3], late]
    assert hidden(db, Comment) == [said[1], said[3]]
    shown = db.execute(
        select(Post.hidden_by_id, Post.hidden_reason, Post.listed_at == Post.published_at, Post.version).where(
            Post.id.in_(spam[:2])
        )
    )
    assert [tuple(row) for row in shown] == [(None, "", True, 1)] * 2
    assert db.scalar(select(Post.comment_count).where(Post.id == other)) == 1
    assert db.scalar(select(Post.comment_count).where(Post.id == spam[0])) == 1
    listed_tags = select(PostTag.post_id).where(PostTag.listed_at.is_not(None)).order_by(PostTag.post_id)
    assert list(db.scalars(listed_tags)) == [*spam[:2], other]
    moments = select(PostTag.listed_at == Post.listed_at).join(Post, Post.id == PostTag.post_id)
    assert set(db.scalars(moments.where(Post.listed_at.is_not(None)))) == {True}
    db.rollback()
    for path in ("/", f"/people/{bob}/posts", "/tag/pills"):
        page = client().get(path)
        assert "buy pills 0" in page
        assert "buy pills 3" not in page
    assert f"pills! {other}" in client().get(f"/post/{other}")
    # Sent once more there is nothing left of it, and its place on the page is gone.
    assert "Nothing of it is hidden by that decision any more." in alert(form.submit("do", value="show").follow())
    page = browser.get(f"/people/{bob}/hide")
    assert [dd.get_text() for dd in page.html.select("li[id^=decision-] dd")] == ["1", "1"]
    listed = browser.get("/moderate", {"show": "decisions"})
    assert len(statements()) <= 3
    assert [row.get_text().count("Show all of it again") for row in listed.html.select("li.post")][:2] == [0, 1]
    assert listed.text.count("Show all of it again") == 1


@pytest.mark.databases("sqlite")
def test_a_portion_is_shown_at_once_and_the_rest_by_a_job_but_nothing_that_was_decided_since(
    people: Any, write: Any, comment: Any, decide: Any, hide_all: Any, client: Any, registry: Any, db: Session,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(portions, "AT_ONCE", 2)
    mona, bob = people["mona"], people["bob"]
    post = write(people["anna"])
    spam = [write(bob, f"pills {number}") for number in range(5)]
    said = [comment(bob, post, f"pills {number}") for number in range(5)]
    decision = hide_all(mona, bob)
    while do_next(registry, db):
        pass
    assert hidden(db, Post) == spam
    page = client(mona).get(f"/people/{bob}/hide")
    form = next(form for form in page.forms.values() if "decision" in form.fields)
    page = form.submit("do", value="show").follow()
    assert "posts: 2, comments: 2." in alert(page)
    assert "The rest follows" in alert(page)
    assert (hidden(db, Post), hidden(db, Comment)) == (spam[2:], said[2:])
    # Twice is once while the rest is to be done.
    assert "The rest follows" in alert(form.submit("do", value="show").follow())
    for number in (spam[0], spam[4]):
        if number == spam[4]:
            decide(mona, moderation.show, posts, number)
        decide(mona, moderation.hide, posts, number, "spam")
    while do_next(registry, db):
        pass
    assert (hidden(db, Post), hidden(db, Comment)) == ([spam[0], spam[4]], [])
    assert db.scalar(select(Post.comment_count).where(Post.id == post)) == 5
    decided = select(Decision.kind).where(Decision.about == "all").order_by(Decision.id)
    assert list(db.scalars(decided)) == ["hidden", "shown"]
    assert decision == db.scalar(select(func.min(Decision.id)))
    db.rollback()


@pytest.mark.databases("sqlite")
def test_what_one_decision_hid_is_not_shown_while_the_rest_of_another_is_to_be_done(
    people: Any, write: Any, work_as: Any, hide_all: Any, show_again: Any, client: Any, registry: Any, db: Session,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(portions, "AT_ONCE", 2)
    mona, bob = people["mona"], people["bob"]
    for number in range(3):
        write(bob, f"pills {number}")
    first = hide_all(mona, bob)
    page = client(mona).get(f"/people/{bob}/hide")
    form = next(form for form in page.forms.values() if "decision" in form.fields)
    for status in (Status.QUEUED, Status.RUNNING):
        db.execute(update(BackgroundJob).where(BackgroundJob.name == "blog.hide_all").values(status=status))
        db.commit()
        assert "is still being done. Try again in a few minutes." in alert(form.submit("do", value="show").follow())
    assert len(hidden(db, Post)) == 2
    while do_next(registry, db):
        pass
    for number in range(3):
        write(bob, f"more pills {number}")
    second = hide_all(mona, bob, "more spam")
    while do_next(registry, db):
        pass
    assert show_again(mona, bob, first) == (2, 0, True)
    # Neither what else was hidden is shown now, nor anything hidden once more.
    with pytest.raises(Refused):
        show_again(mona, bob, second)
    with pytest.raises(Refused):
        hide_all(mona, bob)
    assert show_again(mona, bob, first) == (0, 0, True)
    # About another member it is.
    write(people["anna"], "pills")
    hide_all(mona, people["anna"])
    # A job that was given up stands in nobody's way: the moderator goes on.
    db.execute(update(BackgroundJob).where(BackgroundJob.name == "blog.hide_all").values(status=Status.FAILED))
    db.commit()
    assert show_again(mona, bob, first) == (1, 0, False)
    assert show_again(mona, bob, second) == (2, 0, True)


@pytest.mark.databases("postgresql")  # SQLite lets one transaction write at a time: nothing can come between there
def test_con_03_who_shows_again_and_who_hides_all_at_once_do_so_one_after_the_other(
    people: Any, write: Any, work_as: Any, hide_all: Any, db: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portions, "AT_ONCE", 2)
    mona, bob = people["mona"], people["bob"]
    for number in range(2):
        write(bob, f"pills {number}")
    decision = hide_all(mona, bob)
    for number in range(3):
        write(bob, f"more pills {number}")
    waiting = select(func.count()).select_from(text("pg_locks")).where(text("NOT granted"))
    results: list[Any] = []

    def show() -> None:
        try:
            with work_as(mona) as work:
                results.append(showing.show_again(work, work.db.get(User, bob), decision))
        except Refused as refusal:
            results.append(refusal)

    deciding = threading.Thread(target=show)
    with work_as(mona) as work:
        assert hiding.hide_all(work, work.db.get(User, bob), "more") == (2, 0, True)
        deciding.start()
        while deciding.is_alive() and not db.scalar(waiting):
            db.rollback()
        db.rollback()
    deciding.join()
    assert [type(result) for result in results] == [Refused]
    assert len(hidden(db, Post)) == 4


def at_once(*tasks: Callable[[], Any]) -> list[Any]:
    """Run tasks in threads that begin together: what each raised that is no refusal."""
    barrier, raised = threading.Barrier(len(tasks)), []

    def run(task: Callable[[], Any]) -> None:
        barrier.wait()
        try:
            task()
        except (NotThere, Refused):
            return
        except Exception as error:  # noqa: BLE001 - it is the result
            raised.append(error)

    threads = [threading.Thread(target=run, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


@pytest.mark.databases("postgresql")  # as above
@pytest.mark.parametrize("leaves", [False, True])
def test_con_04_what_goes_while_it_is_shown_again_is_counted_once_and_nobody_waits_for_each_other(
    people: Any, member: Any, write: Any, comment: Any, work_as: Any, hide_all: Any, show_again: Any, decide: Any,
    registry: Any, db: Session, leaves: bool,
) -> None:  # fmt: skip
    mona = people["mona"]

    def leave(whose: int) -> None:
        with open_work(registry) as work:
            erase(work, work.db.scalars(select(User).where(User.id == whose).with_for_update(of=User)).one())

    def remove(whose: int, made: int) -> None:
        with work_as(whose) as work:
            comments.remove(work, comments.find(work, made, lock=True, own_too=True))

    def show(whose: int, decision: int) -> None:
        with work_as(mona) as work:
            user = work.db.get(User, whose)
            if user is not None:
                showing.show_again(work, user, decision)

    for number in range(4):
        bob = member(f"bob{number}")
        own, other = write(bob, tags="pills"), write(people["anna"])
        said = [comment(bob, post) for post in (own, other, own, other)]
        decision = hide_all(mona, bob)
        raised = at_once(
            partial(remove, bob, said[1]),
            partial(decide, mona, moderation.show, comments, said[3]),
            partial(show, bob, decision),
            partial(leave, bob) if leaves else partial(show, bob, decision),
        )
        assert raised == []
        for post in (own, other):
            shown = select(func.count()).where(Comment.post_id == post, Comment.hidden_at.is_(None))
            assert db.scalar(select(Post.comment_count).where(Post.id == post)) == db.scalar(shown)
        db.rollback()


@pytest.mark.databases("postgresql")  # as above
def test_con_04_what_a_moderator_is_just_deciding_about_is_waited_for_and_stays_as_they_decide(
    people: Any, write: Any, comment: Any, work_as: Any, hide_all: Any, show_again: Any, db: Session
) -> None:
    mona, bob = people["mona"], people["bob"]
    spam, other = write(bob, "pills"), write(people["anna"])
    said = comment(bob, other)
    decision = hide_all(mona, bob)
    waiting = select(func.count()).select_from(text("pg_locks")).where(text("NOT granted"))
    results: list[portions.Number] = []
    showing_again = threading.Thread(target=lambda: results.append(show_again(mona, bob, decision)))
    with work_as(mona) as work:
        for thing in (posts.find(work, spam, lock=True), comments.find(work, said, lock=True)):
            moderation.show(work, thing)
            moderation.hide(work, thing, "of its own")
        showing_again.start()
        while showing_again.is_alive() and not db.scalar(waiting):
            db.rollback()
        db.rollback()
    showing_again.join()
    assert results == [(0, 0, False)]
    assert (hidden(db, Post), hidden(db, Comment)) == ([spam], [said])


def test_whom_it_calls_since_it_was_edited_is_told_once_as_when_it_is_shown_on_its_own(
    people: Any, member: Any, write: Any, comment: Any, work_as: Any, decide: Any, hide_all: Any, show_again: Any,
    db: Session,
) -> None:  # fmt: skip
    anna, bob, mona = people["anna"], people["bob"], people["mona"]
    carl, dora = member("carl"), member("dora")
    post, below_hidden, of_anna = write(bob, "for @dora"), write(anna, "hers"), write(anna, "hers, too")
    said = {name: comment(who, where) for name, who, where in (
        ("by bob", bob, of_anna), ("below a hidden one", bob, below_hidden), ("by anna", anna, post),
    )}  # fmt: skip
    hide_all(mona, bob)
    decide(mona, moderation.hide, posts, below_hidden, "off topic")
    with work_as(bob) as work:
        posts.edit(work, posts.find(work, post), Writing("for @dora and @carl"), version=1)
    for name, whose in (("by bob", bob), ("below a hidden one", bob), ("by anna", anna)):
        with work_as(whose) as work:
            made = comments.find(work, said[name], own_too=True)
            comments.edit(work, made, f"{name}: @carl", version=1)

    def told(user_id: int) -> list[Any]:
        called = select(Notice.actor_id, Notice.comment_id).where(Notice.user_id == user_id, Notice.kind == "mention")
        found = [tuple(row) for row in db.execute(called.order_by(Notice.id))]
        db.rollback()
        return found

    assert (told(carl), told(dora)) == ([], [(bob, None)])
    assert show_again(mona, bob, last_decision(db)) == (1, 2, False)
    assert told(carl) == [(bob, None), (anna, said["by anna"]), (bob, said["by bob"])]
    assert told(dora) == [(bob, None)]
    # Once more they are not told again; and of the comment below the hidden post with that post.
    hide_all(mona, bob)
    show_again(mona, bob, last_decision(db))
    decide(mona, moderation.show, posts, below_hidden)
    assert told(carl)[3:] == [(bob, said["below a hidden one"])]


def test_what_its_author_changed_meanwhile_waits_for_nobody_once_it_is_shown_again_with_the_rest(
    people: Any, write: Any, comment: Any, work_as: Any, decide: Any, hide_all: Any, show_again: Any, client: Any
) -> None:
    mona, bob = people["mona"], people["bob"]
    post, other = write(bob, "one"), write(bob, "two")
    said = comment(bob, write(people["anna"]), "three")
    decide(mona, moderation.hide, posts, other, "rude")
    decision = hide_all(mona, bob)
    with work_as(bob) as work:
        for number in (post, other):
            posts.edit(work, posts.find(work, number), Writing("mended"), version=1)
        comments.edit(work, comments.find(work, said), "mended", version=1)
    browser = client(mona)
    assert len(browser.get("/moderate").html.select("li.post")) == 3
    show_again(mona, bob, decision)
    (row,) = browser.get("/moderate").html.select("li.post")
    assert "The reason: rude" in row.get_text()


@pytest.mark.databases("sqlite")
def test_acl_02_who_does_not_moderate_shows_nothing_again_and_nobody_their_own_where_another_may(
    people: Any, member: Any, write: Any, work_as: Any, hide_all: Any, decide: Any, show_again: Any, client: Any,
    registry: Any, db: Session,
) -> None:  # fmt: skip
    mona, bob = people["mona"], people["bob"]
    post, own = write(bob, "pills"), write(mona, "mine")
    single = write(people["anna"], "off topic")
    decide(mona, moderation.hide, posts, single, "off topic")
    about_one = db.scalar(select(Decision.id))
    db.rollback()
    decision, about_own = hide_all(mona, bob), hide_all(mona, mona)
    with pytest.raises(NotAllowed):
        show_again(people["anna"], bob, decision)
    with work_as(people["anna"]) as work, pytest.raises(NotAllowed):
        showing.decisions_about(work, work.db.get(User, bob))
    page = client(mona).get(f"/people/{bob}/hide")
    form = next(form for form in page.forms.values() if "decision" in form.fields)
    # No such decision, one about another member, one about a single text, and what is no number.
    for unknown in ("4711", str(about_own), str(about_one), "x", ""):
        form["decision"].force_value(unknown)
        form.submit("do", value="show", status=404)
    member("nora", role="Moderator")
    with pytest.raises(Refused):
        show_again(mona, mona, about_own)
    form.action = f"/people/{mona}/hide"
    assert "another moderator decides" in alert(form.submit("do", value="show").follow())
    assert hidden(db, Post) == [post, own, single]
    # Who decided may be gone.
    with open_work(registry) as work:
        erase(work, work.db.get(User, mona))
    nora = db.scalar(select(User.id).where(User.username == "nora"))
    db.rollback()
    page = client(nora).get(f"/people/{bob}/hide")
    assert "a former member" in page.html.select_one("li[id^=decision-]").get_text()
    assert show_again(nora, bob, decision) == (1, 0, False)


@pytest.mark.databases("sqlite")
def test_an_edit_is_kept_and_so_is_the_switch_of_languages_which_decides_nothing(
    people: Any, write: Any, work_as: Any, hide_all: Any, client: Any, db: Session
) -> None:
    mona, bob = people["mona"], people["bob"]
    post = write(bob, "pills")
    hide_all(mona, bob)
    with work_as(bob) as work:
        posts.edit(work, posts.find(work, post), Writing("flowers"), version=1)
    browser = client(mona)
    page = browser.get(f"/people/{bob}/hide")
    form = next(form for form in page.forms.values() if "decision" in form.fields)
    values = [*form.submit_fields(), ("do", "show")]
    assert browser.post(form.action or page.request.path, [*values, ("language", "zh")]).status_int == 200
    assert hidden(db, Post) == [post]
    browser.post(page.request.path, values, status=303)
    assert "flowers" in client().get("/")


@pytest.mark.parametrize("model", [Post, Comment])
def test_what_a_decision_hid_is_found_by_its_moment_however_much_else_is_hidden(db: Session, model: Any) -> None:
    which = portions.is_hidden_by(model, 1, utc_now(), "spam")
    wanted = select(model.id).where(which, model.id > 5).order_by(model.id).limit(101)
    if db.get_bind().dialect.name == "postgresql":
        # The tables are empty here: reading them whole would be right.
        db.execute(text("SET LOCAL enable_seqscan = off"))
        explained = text(f"EXPLAIN {wanted.compile(db.get_bind(), compile_kwargs={'literal_binds': True})}")
        plan = " ".join(row[0] for row in db.execute(explained))
    else:
        explained = text(f"EXPLAIN QUERY PLAN {wanted.compile(db.get_bind(), compile_kwargs={'literal_binds': True})}")
        plan = " ".join(row[3] for row in db.execute(explained))
        assert "B-TREE" not in plan, plan
    assert f"ix_{model.__tablename__}_hidden_at_id" in plan, plan


@pytest.mark.databases("sqlite")
def test_the_author_is_told_once_in_the_notice_the_mail_and_the_digest_and_not_who_did_it(
    people: Any, write: Any, hide_all: Any, show_again: Any, client: Any, registry: Any, mailbox: Mailbox, db: Session,
    choose: Any, monkeypatch: pytest.MonkeyPatch, pressed: Any,
) -> None:  # fmt: skip
    monkeypatch.setattr(portions, "AT_ONCE", 2)
    mona, bob = people["mona"], people["bob"]
    for choice in ("at_once", "daily"):
        for number in range(3):
            write(bob, f"flowers {number}")
        choose(bob, "never")
        decision = hide_all(mona, bob)
        while do_next(registry, db):
            pass
        choose(bob, choice)
        show_again(mona, bob, decision)
        while do_next(registry, db):
            pass
    assert db.scalar(select(func.count()).select_from(Notice).where(Notice.kind == "shown")) == 2
    db.rollback()
    page = client(bob).get("/notices")
    said = "A moderator has shown your posts and comments again"
    assert [notice.get_text().count(said) for notice in page.html.select("li.notice-new")] == [1, 0, 1, 0]
    told = page.html.find(class_="notices").get_text()
    assert "mona" not in told
    assert "None" not in told
    # Where it is read.
    assert pressed(page, said).request.path == "/user/bob"
    (mail,) = mailbox.messages
    with open_work(registry) as work:
        work.db.query(Notice).filter_by(kind="shown").update({"read_at": None, "mail_due": utc_now()})
    digests.send_digests(registry)
    for sent in (mail, mailbox.last):
        for body in (text_of(sent), html_of(sent)):
            assert "moderator has shown your posts and comments again" in " ".join(body.split())
            assert "http://localhost/user/bob" in body
            assert "mona" not in body
            assert "reason" not in body


def test_an_older_decision_leads_to_its_own_button(
    people: Any, write: Any, hide_all: Any, client: Any, registry: Any
) -> None:
    """The page has the last five, and that one."""
    mona, bob = people["mona"], people["bob"]
    decisions = []
    for reason in ("one", "two", "three", "four", "five", "six"):
        write(bob, reason)
        decisions.append(hide_all(mona, bob, reason))
    browser = client(mona)
    listed = browser.get("/moderate?show=decisions").html
    links = [link["href"] for link in listed.find_all("a") if f"/people/{bob}/hide" in link["href"]]
    assert [link.rpartition("#decision-")[2] for link in links] == [str(number) for number in reversed(decisions)]
    page = browser.get(links[-1].partition("#")[0])
    offered = [form["decision"].value for form in page.forms.values() if "decision" in form.fields]
    assert offered == [str(number) for number in (decisions[0], *reversed(decisions[2:]))]
    browser.get(f"/people/{bob}/hide?decision=x", status=400)


@pytest.mark.databases("postgresql")
def test_the_list_of_decisions_reads_no_whole_table(people: Any, db: Session) -> None:
    """Asked whether there is one, for each of many decisions, PostgreSQL would make a table of all that is hidden."""
    post = text(
        "INSERT INTO posts (author_id, body, html, summary, pipeline, created_at, version, hidden_at, hidden_reason)"
        " SELECT :bob, 'x', 'x', 'x', 1, now(), 1, CASE WHEN n % 100 = 0 THEN now() END, 'spam'"
        " FROM generate_series(1, 20000) AS n"
    )
    decision = text(
        "INSERT INTO blog_decisions (kind, about, author_id, moderator_id, reason, created_at)"
        " SELECT 'hidden', 'all', :bob, :mona, 'spam', now() FROM generate_series(1, 5000)"
    )
    values = {"bob": people["bob"], "mona": people["mona"]}
    for statement in (post, decision, text("ANALYZE posts"), text("ANALYZE blog_decisions")):
        db.execute(statement, values if ":bob" in statement.text else {})
    asked = moderated._decisions().order_by(Decision.id.desc()).limit(20)
    plan = asked.params(**dict.fromkeys(asked.compile().params, 0)).compile(dialect=db.get_bind().dialect)
    found = db.connection().exec_driver_sql(f"EXPLAIN {plan}", {**plan.params})
    assert "Seq Scan on posts" not in "\n".join(row[0] for row in found)
