"""What moderators can do about all that a member wrote: find it, whatever became of the member, and hide it at once."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from blog_portions import alert, do_next
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from flasky.database import utc_now
from flasky.jobs.models import BackgroundJob
from flasky.plugins.accounts.errors import Fault, Refused
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.work import open_work
from flasky.plugins.blog import comments, digests, events, hiding, moderation, notices, portions, posts
from flasky.plugins.blog.errors import NotAllowed
from flasky.plugins.blog.models import Comment, Decision, Notice, Post, PostTag, Report
from flasky.testing.mailbox import Mailbox, html_of, text_of


@pytest.fixture
def people(member: Any) -> dict[str, int]:
    return {"anna": member("anna"), "bob": member("bob"), "mona": member("mona", role="Moderator")}


def shut_out(registry: Any, user_id: int) -> None:
    with open_work(registry) as work:
        work.db.get(User, user_id).disabled_at = utc_now()


def send(page: Any, **values: Any) -> Any:
    form = next(form for form in page.forms.values() if "reason" in form.fields)
    for name, value in values.items():
        form[name] = value
    return form.submit()


def test_acl_02_the_posts_of_who_is_shut_out_are_listed_to_moderators_only(
    people: Any, member: Any, write: Any, client: Any, registry: Any
) -> None:
    path = f"/people/{people['bob']}/posts"
    post = write(people["bob"], "buy pills")
    shut_out(registry, people["bob"])
    mona = client(people["mona"])
    page = mona.get(path)
    assert "buy pills" in page
    assert "disabled, or about to leave" in alert(page)
    assert f"/people/{people['bob']}/followers" not in page
    assert f"/feed/people/{people['bob']}" not in page
    # From the post, and from where one decides about it.
    for there in (f"/post/{post}", f"/post/{post}/hide"):
        assert "buy pills" in mona.get(there).click("More of theirs")
    for other in (None, people["anna"]):
        client(other).get(path, status=404)
        assert "More of theirs" not in client(other).get(f"/post/{post}")
    # Whoever never confirmed an address has no name that is shown anywhere.
    with open_work(registry) as work:
        work.db.get(User, people["bob"]).confirmed_at = None
    for unknown in (people["bob"], 4711):
        for page in ("posts", "hide"):
            mona.get(f"/people/{unknown}/{page}", status=404)


def test_all_of_a_member_is_hidden_with_one_reason_and_one_notice(
    people: Any, write: Any, comment: Any, work_as: Any, client: Any, registry: Any, db: Session, statements: Any
) -> None:
    spam = [write(people["bob"], f"buy pills {number}", tags="pills") for number in range(3)]
    draft = write(people["bob"], "a draft", draft=True)
    other = write(people["anna"], "of anna", tags="pills")
    kept = comment(people["anna"], other, "said by anna")
    said = [comment(people["bob"], post, f"pills! {post}") for post in (other, other, spam[0])]
    with work_as(people["mona"]) as work:
        moderation.hide(work, posts.find(work, spam[2]), "the first")
    for module, number in ((posts, spam[0]), (comments, said[0]), (comments, kept)):
        with work_as(people["mona"]) as work:
            moderation.report(work, module.find(work, number), "look")
    heard: list[str] = []

    def hear(event: Any) -> None:
        thing = event.post if isinstance(event, events.PostEvent) else event.comment
        heard.append(f"{type(event).__name__} {thing.id} {thing.hidden_reason}")

    kinds = (events.PostHidden, events.CommentHidden)
    for kind in kinds:
        registry.registerHandler(hear, (kind,))
    mona = client(people["mona"])
    page = mona.get(f"/people/{people['bob']}/posts").click("Hide all of it")
    assert [item.get_text() for item in page.html.select("main dd")] == ["2", "3"]
    page = send(page, reason="<b>advertising")
    number = len(statements())
    page = page.follow()
    for kind in kinds:
        registry.unregisterHandler(hear, (kind,))
    assert number <= 30
    assert "Hidden – posts: 2, comments: 3." in alert(page)
    assert [row.get_text() for row in page.html.select(".report-reason")] == ["look"]
    for path in ("/", f"/people/{people['bob']}/posts", "/tag/pills", f"/post/{other}"):
        assert "buy pills" not in client().get(path)
        assert "pills!" not in client().get(path)
    client().get(f"/post/{spam[0]}", status=404)
    assert "said by anna" in client().get(f"/post/{other}")
    hidden = db.execute(select(Post.id, Post.hidden_reason, Post.listed_at, Post.version).order_by(Post.id)).all()
    assert hidden[0] == (spam[0], "<b>advertising", None, 1)
    assert [row.hidden_reason for row in hidden] == ["<b>advertising", "<b>advertising", "the first", "", ""]
    assert db.scalar(select(Post.comment_count).where(Post.id == other)) == 1
    assert db.scalar(select(Post.comment_count).where(Post.id == spam[0])) == 0
    assert db.scalar(select(func.count()).select_from(PostTag).where(PostTag.listed_at.is_not(None))) == 1
    assert list(db.scalars(select(Report.comment_id).where(Report.resolved_at.is_(None)))) == [kept]
    assert db.scalar(select(Post.hidden_at).where(Post.id == draft)) is None
    told = db.execute(select(Notice.post_id, Notice.reason).where(Notice.user_id == people["bob"])).all()
    assert told == [(spam[2], "the first"), (None, "<b>advertising")]
    db.rollback()
    assert heard == [
        *(f"PostHidden {number} <b>advertising" for number in (spam[0], spam[1])),
        *(f"CommentHidden {number} <b>advertising" for number in said),
    ]
    # Each is shown again on its own.
    with work_as(people["mona"]) as work:
        moderation.show(work, posts.find(work, spam[0]))
        moderation.show(work, comments.find(work, said[2]))
    assert "buy pills 0" in client().get("/tag/pills")
    assert "1 comment" in client().get("/")


@pytest.mark.databases("sqlite")
def test_a_portion_is_hidden_at_once_and_the_rest_by_a_job_but_nothing_that_came_since(
    people: Any, write: Any, comment: Any, work_as: Any, client: Any, registry: Any, db: Session,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(portions, "AT_ONCE", 2)
    post = write(people["anna"])
    for number in range(5):
        write(people["bob"], f"pills {number}")
        comment(people["bob"], post, f"pills {number}")
    page = send(client(people["mona"]).get(f"/people/{people['bob']}/hide"), reason="spam").follow()
    assert "posts: 2, comments: 2." in alert(page)
    assert "The rest follows" in alert(page)
    late = write(people["bob"], "written since"), comment(people["bob"], post, "said since")
    while do_next(registry, db):
        pass
    shown = [
        list(db.scalars(select(model.id).filter_by(author_id=people["bob"], hidden_at=None)))
        for model in (Post, Comment)
    ]
    assert shown == [[late[0]], [late[1]]]
    assert db.scalar(select(Post.comment_count).where(Post.id == post)) == 1
    assert db.scalar(select(func.count()).select_from(Notice).where(Notice.kind == "hidden")) == 1
    db.rollback()


@pytest.mark.databases("sqlite")
def test_a_job_of_the_version_before_is_done_and_known_as_one(
    people: Any, write: Any, work_as: Any, registry: Any, db: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says when the member joined, too."""
    monkeypatch.setattr(portions, "AT_ONCE", 1)
    for number in range(3):
        write(people["bob"], f"pills {number}")
    with work_as(people["mona"]) as work:
        hiding.hide_all(work, work.db.get(User, people["bob"]), "spam")
    job = db.scalars(select(BackgroundJob).where(BackgroundJob.name == "blog.hide_all")).one()
    job.arguments = {**job.arguments, "joined": 1}
    db.commit()
    with work_as(people["mona"]) as work:
        assert hiding.hide_all(work, work.db.get(User, people["bob"]), "spam").more
    while do_next(registry, db):
        pass
    assert db.scalar(select(func.count()).select_from(Post).where(Post.hidden_at.is_(None))) == 0


@pytest.mark.databases("sqlite")
def test_what_a_moderator_shows_again_meanwhile_the_job_does_not_hide_again(
    people: Any, write: Any, comment: Any, work_as: Any, registry: Any, db: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portions, "AT_ONCE", 2)
    spam = [write(people["bob"], f"pills {number}") for number in range(5)]
    for number in (0, 1, 3, 4):
        with work_as(people["anna"]) as work:
            moderation.report(work, posts.find(work, spam[number]), "look")
    said = [comment(people["bob"], spam[0], f"pills {number}") for number in range(3)]
    with work_as(people["mona"]) as work:
        hiding.hide_all(work, work.db.get(User, people["bob"]), "spam")
    answered = select(Decision.reports).where(Decision.about == "all")
    assert db.scalar(answered) == 2
    db.rollback()
    with work_as(people["mona"]) as work:
        moderation.show(work, posts.find(work, spam[1]))
        moderation.show(work, comments.find(work, said[0]))
    while do_next(registry, db):
        pass
    for model, shown in ((Post, spam[1]), (Comment, said[0])):
        assert list(db.scalars(select(model.id).where(model.hidden_at.is_(None)))) == [shown]
    # The decision says how many reports were answered by all of it.
    assert db.scalar(answered) == 4
    db.rollback()


@pytest.mark.databases("sqlite")
def test_con_03_hidden_twice_it_is_one_decision_and_one_notice_while_the_rest_is_to_be_done(
    people: Any, write: Any, client: Any, registry: Any, db: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portions, "AT_ONCE", 2)
    for number in range(5):
        write(people["bob"], f"pills {number}")
    mona = client(people["mona"])
    form = mona.get(f"/people/{people['bob']}/hide")
    send(form, reason="spam").follow()
    assert "The rest follows" in alert(send(form, reason="spam").follow())
    for model, number in ((BackgroundJob, 1), (Decision, 1), (Notice, 1)):
        about = (model.name == "blog.hide_all") if model is BackgroundJob else (model.kind == "hidden")
        assert db.scalar(select(func.count()).select_from(model).where(about)) == number, model
    while do_next(registry, db):
        pass
    assert db.scalar(select(func.count()).select_from(Post).where(Post.hidden_at.is_(None))) == 0
    db.rollback()
    # The rest is done: what came since is another decision.
    write(people["bob"], "more pills")
    assert "posts: 1, comments: 0" in alert(send(form, reason="spam").follow())


@pytest.mark.databases("postgresql")  # SQLite lets one transaction write at a time: nothing can come between there
def test_con_03_two_who_hide_all_of_a_member_at_once_do_so_one_after_the_other(
    people: Any, member: Any, write: Any, work_as: Any, db: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portions, "AT_ONCE", 2)
    for number in range(5):
        write(people["bob"], f"pills {number}")
    waiting = select(func.count()).select_from(text("pg_locks")).where(text("NOT granted"))
    results: list[hiding.Number] = []

    def second(moderator: int = member("nora", role="Moderator")) -> None:
        with work_as(moderator) as work:
            results.append(hiding.hide_all(work, work.db.get(User, people["bob"]), "spam"))

    deciding = threading.Thread(target=second)
    with work_as(people["mona"]) as work:
        hiding.hide_all(work, work.db.get(User, people["bob"]), "spam")
        deciding.start()
        while deciding.is_alive() and not db.scalar(waiting):
            db.rollback()
        db.rollback()
    deciding.join()
    assert results == [(0, 0, True)]
    assert db.scalar(select(func.count()).select_from(BackgroundJob).where(BackgroundJob.name == "blog.hide_all")) == 1
    db.rollback()


@pytest.mark.databases("sqlite")
def test_the_author_reads_what_happened_in_the_notice_the_mail_and_the_digest_and_not_who_did_it(
    people: Any, write: Any, work_as: Any, client: Any, registry: Any, mailbox: Mailbox, db: Session
) -> None:
    bob = client(people["bob"])
    for choice in ("at_once", "daily"):
        with open_work(registry) as work:
            notices.choose_mail(work, people["bob"], choice)
        write(people["bob"], f"pills {choice}")
        with work_as(people["mona"]) as work:
            hiding.hide_all(work, work.db.get(User, people["bob"]), "<i>spam")
    assert "A moderator has hidden all your posts and comments" in bob.get("/notices")
    (_second, first) = bob.get("/notices").html.select("li.notice-new")
    assert "<i>spam" in first.get_text()
    # It is about no post, and names none.
    assert "None" not in first.get_text()
    form = next(form for form in bob.get("/notices").forms.values() if "open" in form.fields)
    newest = str(db.scalar(select(func.max(Notice.id))))
    db.rollback()
    page = form.submit("open", value=newest).follow()
    assert page.request.path == "/drafts"
    assert "mona" not in bob.get("/notices").html.find(class_="notices").get_text()
    (mail,) = mailbox.messages
    with open_work(registry) as work:
        work.db.query(Notice).update({"read_at": None, "mail_due": utc_now()})
    digests.send_digests(registry)
    for sent in (mail, mailbox.last):
        for said in (text_of(sent), html_of(sent)):
            assert "hidden all your posts and comments" in " ".join(said.split())
            assert "http://localhost/drafts" in said
            assert "mona" not in said
    assert "<i>spam" in text_of(mail)
    assert "The reason: <i>spam" in text_of(mailbox.last)


@pytest.mark.databases("sqlite")
def test_acl_02_who_does_not_moderate_hides_nobody_and_nobody_all_their_own_where_another_may(
    people: Any, member: Any, write: Any, work_as: Any, client: Any, db: Session
) -> None:
    path = f"/people/{people['mona']}/hide"
    post = write(people["mona"], "mine")
    assert "Hide all of it" not in client(people["anna"]).get(f"/people/{people['mona']}/posts")
    client(people["anna"]).get(path, status=403)
    client().get(path, status=303)
    for who, refused in (("anna", NotAllowed), ("mona", None)):
        with work_as(people[who]) as work:
            if refused:
                with pytest.raises(refused):
                    hiding.hide_all(work, work.db.get(User, people["mona"]), "no")
            else:
                with pytest.raises(Fault):
                    hiding.hide_all(work, work.db.get(User, people["mona"]), " ")
    member("nora", role="Moderator")
    with work_as(people["mona"]) as work, pytest.raises(Refused):
        hiding.hide_all(work, work.db.get(User, people["mona"]), "no")
    mona = client(people["mona"])
    assert "Hide all of it" not in mona.get(f"/people/{people['mona']}/posts")
    assert "another moderator decides" in alert(mona.get(path).follow())
    assert db.scalar(select(Post.hidden_at).where(Post.id == post)) is None
    db.rollback()
    # A reason that cannot be stored comes back; nothing to hide is said.
    page = send(mona.get(f"/people/{people['anna']}/hide"), reason="x" * 5000)
    assert page.status_int == 200
    assert "x" * 5000 in page
    assert "nothing that others see" in alert(send(page, reason="no").follow())


@pytest.mark.databases("sqlite")
def test_from_a_report_and_from_the_profile_it_is_a_step_or_two(
    people: Any, write: Any, work_as: Any, client: Any
) -> None:
    post = write(people["bob"], "pills")
    with work_as(people["anna"]) as work:
        moderation.report(work, posts.find(work, post), "spam")
    mona = client(people["mona"])
    pages = [mona.get("/moderate").click("More of theirs").click("Hide all of it"), mona.get("/user/bob")]
    send(pages[0], reason="spam")
    pages += [mona.get("/moderate", {"show": "posts"}).click("More of theirs")]
    for page in pages[1:]:
        assert "Hide all that bob wrote" in page.click("Hide all of it")
    for other in (None, people["bob"], people["anna"]):
        assert "Hide all of it" not in client(other).get("/user/bob")
