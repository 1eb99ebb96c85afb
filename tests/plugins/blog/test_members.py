"""What a member takes along of their part in the blog."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from pyramid.registry import Registry
from sqlalchemy import event, select, update
from sqlalchemy.orm import Session

from flasky.database import get_database, utc_now
from flasky.jobs.contracts import schedules
from flasky.jobs.services import enqueue
from flasky.jobs.worker import JobWorker
from flasky.plugins.accounts import leaving, security_log
from flasky.plugins.accounts.models import SecurityEvent, User
from flasky.plugins.accounts.work import open_work
from flasky.plugins.blog import comments, following, members, moderation, notices, posts, reading, search
from flasky.plugins.blog.models import BlogMember, Comment, Follow, Notice, Post


@pytest.mark.databases("sqlite")
def test_who_deletes_their_account_reads_before_what_stays_and_what_goes(
    member: Any, write: Any, comment: Any, client: Any, registry: Registry
) -> None:
    anna = member("anna")
    draft, post = write(anna, "unfinished", draft=True), write(anna, "for all")
    comment(anna, post, "also for all")
    page = client(anna).get("/auth/delete")
    for said in ("Your drafts go.", "stay, without your name"):
        assert said in page
    with open_work(registry) as work:
        leaving.erase(work, work.db.get(User, anna))
    with open_work(registry) as work:
        assert work.db.get(Post, draft) is None
        kept = [*work.db.scalars(select(Post)), *work.db.scalars(select(Comment))]
        assert [(item.body, item.author_id) for item in kept] == [("for all", None), ("also for all", None)]


def test_who_was_erased_while_the_blog_was_switched_off_is_taken_leave_of_when_it_is_back(
    member: Any,
    write: Any,
    work_as: Any,
    registry: Registry,
    db: Session,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    anna, bob, carl = member("anna"), member("bob"), member("carl")
    with open_work(registry) as work:
        work.db.get(User, bob).name = "Robert Visible"
    draft, posted = write(bob, "unfinished", draft=True), write(bob, "for all")
    kept = write(anna, "mine", draft=True)
    for follower, followed in ((anna, bob), (bob, anna), (bob, carl), (anna, carl)):
        with work_as(follower) as work:
            following.follow(work, work.db.get(User, followed))
    parts = [part for part in leaving.personal_data(registry) if part.name != "blog"]
    with monkeypatch.context() as switched_off, open_work(registry) as work:
        switched_off.setattr(leaving, "personal_data", lambda _registry: parts)
        leaving.erase(work, work.db.get(User, bob))
    # However long it was switched off.
    with open_work(registry) as work:
        work.db.execute(update(SecurityEvent).values(at=utc_now() - timedelta(days=10_000)))
        security_log.forget_old(work)
    version = db.scalar(reading.LIST_VERSION)

    def catch_up() -> None:
        enqueue(registry, db, "blog.catch_up")
        db.commit()
        JobWorker(registry).run_once()
        db.expire_all()

    with open_work(registry) as work, work.reading() as connection:
        assert search.find(connection, "visible").rows != []
    catch_up()
    assert [post.id for post in db.scalars(select(Post).order_by(Post.id))] == [posted, kept]
    assert draft not in (posted, kept)
    counted = select(BlogMember.user_id, BlogMember.follower_count, BlogMember.following_count)
    assert db.execute(counted.order_by(BlogMember.user_id)).all() == [(anna, 0, 1), (carl, 1, 0)]
    # Of what bob did nothing is told any more, of what anna did it is.
    assert db.scalars(select(Notice.actor_id)).all() == [anna]
    for word in ("bob", "visible"):
        with open_work(registry) as work, work.reading() as connection:
            assert search.find(connection, word).rows == []
    with open_work(registry) as work, work.reading() as connection:
        assert [found.id for found in search.find(connection, "for all").rows] == [posted]
    assert db.scalar(reading.LIST_VERSION) > version
    db.rollback()
    # Once is enough, and who is erased while the blog is there needs none of it.
    with open_work(registry) as work:
        leaving.erase(work, work.db.get(User, carl))
        assert leaving.erased_without(work, "blog") == []
    version = db.scalar(reading.LIST_VERSION)
    catch_up()
    assert db.scalar(reading.LIST_VERSION) == version
    assert schedules(registry)["blog.catch_up"].shown == "every 1:00:00"


def test_erasing_costs_the_same_statements_however_much_they_wrote_and_however_many_they_follow(
    member: Any, write: Any, comment: Any, work_as: Any, registry: Registry, db: Session
) -> None:
    """On SQLite nobody else writes meanwhile: the long part, words without the name, is a job's."""
    others = [member(f"friend{number}") for number in range(4)]

    def erased(name: str, number: int) -> list[str]:
        """The statements of erasing a member with so many posts, drafts, comments, followers and followed."""
        user_id = member(name)
        for other in others[:number]:
            write(user_id, "said", tags="walk")
            comment(user_id, write(user_id, "also said"))
            write(user_id, "unfinished", draft=True)
            for follower, followed in ((user_id, other), (other, user_id)):
                with work_as(follower) as work:
                    following.follow(work, work.db.get(User, followed))
        sent: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
            sent.append(statement)

        engine = get_database(registry).engine
        event.listen(engine, "before_cursor_execute", note)
        try:
            with open_work(registry) as work:
                leaving.erase(work, work.db.get(User, user_id))
        finally:
            event.remove(engine, "before_cursor_execute", note)
        return sent

    with work_as(others[0]) as work:
        following.follow(work, work.db.get(User, others[1]))
    few, many = erased("anna", 1), erased("bob", 4)
    assert many == few
    # Nobody but who is left follows or is followed, and the counters say so.
    counted = select(BlogMember.user_id, BlogMember.follower_count, BlogMember.following_count)
    assert db.execute(counted.order_by(BlogMember.user_id)).all() == [
        (others[0], 0, 1),
        (others[1], 1, 0),
        (others[2], 0, 0),
        (others[3], 0, 0),
    ]
    assert db.execute(select(Follow.follower_id, Follow.followed_id)).all() == [(others[0], others[1])]
    assert set(db.scalars(select(Post.body))) == {"said", "also said"}


@pytest.mark.databases("sqlite")
def test_the_export_has_all_that_is_the_members_and_of_others_what_they_see(
    member: Any, write: Any, comment: Any, work_as: Any, registry: Registry
) -> None:
    anna, bob, mona, gone = member("anna"), member("bob"), member("mona", role="Moderator"), member("gone")
    post, hers = write(bob, "of bob"), write(anna, "mine", tags="walk")
    said = comment(anna, post, "said")
    answered = comment(bob, hers, "words of bob")
    with work_as(anna) as work:
        comments.edit(work, comments.find(work, said), "said otherwise", version=1)
        moderation.report(work, posts.find(work, post), "boring")
        following.follow(work, work.db.get(User, bob))
        following.follow(work, work.db.get(User, gone))
    for follower in (bob, gone):
        with work_as(follower) as work:
            following.follow(work, work.db.get(User, anna))
    with work_as(mona) as work:
        moderation.hide(work, posts.find(work, hers), "off topic")
        moderation.hide(work, comments.find(work, said), "be kind")
    with open_work(registry) as work:
        work.db.get(User, gone).disabled_at = utc_now()
        notices.choose_mail(work, anna, "daily")
    with open_work(registry) as work:
        taken = members.export(work, work.db.get(User, anna))
    chosen = {"notices_by_mail", "notices_of_answers"}
    assert set(taken) == {"posts", "comments", "following", "followers", "notices", "reports", "decisions"} | chosen
    ((own,), (answer,), (told,)) = taken["posts"], taken["comments"], taken["reports"]
    assert (own["body"], own["hidden_reason"]) == ("mine", "off topic")
    assert own["hidden_at"] is not None
    assert (answer["body"], answer["hidden_reason"], answer["post_id"]) == ("said otherwise", "be kind", post)
    assert None not in (answer["hidden_at"], answer["edited_at"])
    assert (told["reason"], told["post_id"], told["comment_id"]) == ("boring", post, None)
    assert (taken["following"], taken["followers"], taken["notices_by_mail"]) == (["bob"], ["bob"], "daily")
    # Bob's comment stands below a post of theirs that is hidden now: they read it there.
    assert [(item["kind"], item["username"], item["comment_id"]) for item in taken["notices"]] == [
        ("comment", "bob", answered),
        ("follow", "bob", None),
        ("follow", "gone", None),
        ("hidden", None, None),
        ("hidden", None, said),
    ]
    everything = json.dumps(taken, default=str)
    for other in ("of bob", "words of bob", "mona"):
        assert other not in everything


def test_acl_05_the_export_has_no_report_decision_or_hidden_notice_of_somebody_else(
    member: Any, write: Any, comment: Any, work_as: Any, registry: Registry
) -> None:
    anna, bob = member("anna"), member("bob")
    mona, nora = (member(name, role="Moderator") for name in ("mona", "nora"))
    post, calls = write(anna), write(bob, "@anna", title="A call")
    said = comment(bob, post, "rude")
    for reporter, reason in ((anna, "of anna"), (nora, "of nora")):
        with work_as(reporter) as work:
            moderation.report(work, comments.find(work, said), reason)
    for decides, module, number in ((mona, comments, said), (nora, posts, calls)):
        with work_as(decides) as work:
            moderation.hide(work, module.find(work, number), f"by {decides}")
    reports = {anna: ["of anna"], nora: ["of nora"]}
    decisions = {mona: [f"by {mona}"], nora: [f"by {nora}"]}
    for user_id in (anna, bob, mona, nora):
        with open_work(registry) as work:
            taken = members.export(work, work.db.get(User, user_id))
        assert [report["reason"] for report in taken["reports"]] == reports.get(user_id, [])
        assert [decision["reason"] for decision in taken["decisions"]] == decisions.get(user_id, [])
        # Anna was told of the comment and of the post, both hidden now; Bob is told why.
        told = {bob: [("hidden", said, f"by {mona}"), ("hidden", None, f"by {nora}")]}.get(user_id, [])
        assert [(item["kind"], item["comment_id"], item["reason"]) for item in taken["notices"]] == told
