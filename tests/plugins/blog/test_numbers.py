"""The number of a post or comment is never given again: forms, links and feeds that name it mean no other text."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flasky.plugins.blog import comments, posts
from flasky.plugins.blog.models import Post, Report


def test_the_number_of_what_was_deleted_goes_to_nothing_else(
    member: Any, write: Any, comment: Any, work_as: Any
) -> None:
    anna = member("anna")
    kept, gone = write(anna), write(anna)
    said = [comment(anna, kept), comment(anna, gone), comment(anna, kept)]
    with work_as(anna) as work:
        comments.remove(work, comments.find(work, said[-1]))
        posts.remove(work, posts.find(work, gone))
    assert write(anna) not in {kept, gone}
    assert comment(anna, kept) not in said


def test_con_02_forms_of_what_was_deleted_change_nothing_else(
    member: Any, write: Any, work_as: Any, client: Any, db: Session
) -> None:
    """To edit, delete, hide and report: they come too late."""
    anna, bob = member("anna"), member("bob")
    mona = client(member("mona", role="Moderator"))
    post = write(bob, "spam")
    theirs, others = client(bob), client(anna)
    browsers = {"edit": theirs, "delete": theirs, "hide": mona, "report": others}
    forms = {path: browser.get(f"/post/{post}/{path}").forms[0] for path, browser in browsers.items()}
    with work_as(bob) as work:
        posts.remove(work, posts.find(work, post))
    write(bob, "worth reading")
    forms["edit"]["body"] = "spam again"
    forms["hide"]["reason"] = forms["report"]["reason"] = "spam"
    assert [forms[path].submit("do", status="*").status_int for path in forms] == [404] * 4
    after = db.execute(select(Post.body, Post.listed_at)).all()
    assert [(row.body, row.listed_at is not None) for row in after] == [("worth reading", True)]
    assert db.scalar(select(func.count()).select_from(Report)) == 0
