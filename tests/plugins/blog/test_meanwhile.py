"""What a member writes and may do while others delete and hide what it is about, or take their rights."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from flasky.plugins.accounts.models import RolePermission, User
from flasky.plugins.accounts.work import open_work
from flasky.plugins.blog import comments, moderation, posts
from flasky.plugins.blog.models import Comment, Post, Submission

pytestmark = pytest.mark.databases("sqlite")


@pytest.fixture
def people(member: Any) -> dict[str, int]:
    return {"anna": member("anna"), "bob": member("bob"), "mona": member("mona", role="Moderator")}


def form_of(page: Any) -> Any:
    return next(form for form in page.forms.values() if "body" in form.fields)


def button_of(page: Any) -> Any:
    return next(form for form in page.forms.values() if "/language" not in form.action)


def remove(work_as: Any, who: int, module: Any, number: int) -> None:
    with work_as(who) as work:
        module.remove(work, module.find(work, number))


def hide(work_as: Any, who: int, module: Any, number: int, reason: str = "no") -> None:
    with work_as(who) as work:
        moderation.hide(work, module.find(work, number), reason)


@pytest.mark.parametrize("is_hidden", [True, False])
def test_a_comment_on_what_is_deleted_or_hidden_meanwhile_is_given_back(
    is_hidden: bool, people: Any, write: Any, work_as: Any, client: Any, db: Session
) -> None:
    """ACL-02: which of the two it was is not told."""
    post, browser = write(people["anna"], "x", title="A title"), client(people["bob"])
    form = form_of(browser.get(f"/post/{post}"))
    if is_hidden:
        hide(work_as, people["mona"], posts, post)
    else:
        remove(work_as, people["anna"], posts, post)
    form["body"] = "my long & thoughtful comment"
    for do in ("preview", None):
        page = form.submit("do" if do else None, value=do, status=404)
        assert page.html.find("textarea", id="typed").get_text().strip() == "my long & thoughtful comment"
        assert "its author has deleted it, or a moderator has hidden it" in page
        assert "A title" not in page
    form["body"] = ""
    assert "typed" not in form.submit(status=404)
    assert db.scalar(select(func.count()).select_from(Submission)) == 0


def test_the_language_is_switched_also_where_the_text_is_gone(
    people: Any, write: Any, comment: Any, work_as: Any, client: Any, db: Session
) -> None:
    """What was typed comes back in the new language, which stays: in the browser, and as the member's setting."""
    anna, bob = people["anna"], people["bob"]
    post, gone = write(anna), write(bob)
    made = comment(bob, post)
    browser = client(bob)
    paths = (f"/comment/{made}/edit", f"/post/{gone}/edit", f"/post/{post}/report", f"/post/{post}")
    pages = [browser.get(path) for path in paths]
    for who, number in ((anna, post), (bob, gone)):
        remove(work_as, who, posts, number)
    for page in pages:
        with work_as(bob) as work:
            work.db.get(User, bob).language = None
        form = page.forms["text"]
        form["reason" if "reason" in form.fields else "body"] = "typed words"
        there = form.submit("language", value="zh", status=404)
        assert "typed words" in there
        assert there.html.html["lang"] == there.headers["Content-Language"] == "zh"
        assert "language=zh;" in there.headers["Set-Cookie"]
        assert db.scalar(select(User.language).where(User.id == bob)) == "zh"
        db.rollback()
    # Who typed nothing reads in their new language that the post is gone.
    form["body"] = ""
    assert form.submit("language", value="zh", status=303).follow(status=404).html.html["lang"] == "zh"


def test_a_comment_on_ones_own_hidden_post_is_given_back(people: Any, write: Any, work_as: Any, client: Any) -> None:
    post, browser = write(people["anna"]), client(people["anna"])
    form = form_of(browser.get(f"/post/{post}"))
    hide(work_as, people["mona"], posts, post)
    form["body"] = "said"
    assert "said" in form.submit(status=404)


def test_an_edit_of_what_is_deleted_meanwhile_is_given_back(
    people: Any, write: Any, comment: Any, work_as: Any, client: Any, db: Session
) -> None:
    anna, browser = people["anna"], client(people["anna"])
    post = write(anna, "x", title="A title", tags="walk")
    made = comment(anna, write(people["bob"]))
    comment_form, post_form = (form_of(browser.get(path)) for path in (f"/comment/{made}/edit", f"/post/{post}/edit"))
    remove(work_as, anna, comments, made)
    remove(work_as, anna, posts, post)
    comment_form["body"], post_form["body"] = "edited comment", "edited post"
    assert "edited comment" in comment_form.submit(status=404).html.find("textarea", id="typed").get_text()
    for do in ("draft", "preview", None):
        page = post_form.submit("do" if do else None, value=do, status=404)
        assert "You can publish it as a new post" in page
    # What was typed is one button away from being a post again.
    there = form_of(page).submit(status=303).follow()
    assert "edited post" in there
    assert db.execute(select(Post.title, Post.tag_names).where(Post.body == "edited post")).one() == ("A title", "walk")


def test_hdr_07_what_is_hidden_meanwhile_is_shown_by_no_cache(
    people: Any, write: Any, comment: Any, client: Any
) -> None:
    """A cache that is told nothing, and one in front of the site, would go on showing it."""
    post = write(people["anna"], "apple", tags="walk")
    made = comment(people["bob"], post)
    paths = ("/", f"/post/{post}", "/tag/walk", "/search?q=apple", "/user/anna", "/feed", "/sitemap.xml",
             f"/comment/{made}", "/tag/WALK", f"/post/{post + 1}", "/api/posts", f"/api/posts/{post}",
             f"/api/posts/{post}/comments", f"/api/comments/{made}")  # fmt: skip
    said = {path: client().get(path, status="*").headers["Cache-Control"] for path in paths}
    assert {value for path, value in said.items() if path != f"/post/{post + 1}"} == {"no-cache"}, said
    assert said[f"/post/{post + 1}"] == "no-store"


@pytest.mark.databases("sqlite", "postgresql")
def test_an_edit_of_what_is_deleted_while_it_is_rendered_is_given_back(
    people: Any, write: Any, comment: Any, work_as: Any, client: Any, db: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is locked until the text is rendered, which may take a while."""
    anna, browser = people["anna"], client(people["anna"])
    post = write(anna, "x", title="A title")
    made = comment(anna, write(people["bob"]))
    comment_form, post_form = (form_of(browser.get(path)) for path in (f"/comment/{made}/edit", f"/post/{post}/edit"))
    comment_form["body"], post_form["body"] = "edited comment", "edited post"

    def meanwhile(module: Any, number: int) -> None:
        render = module.render

        def rendered(*arguments: Any) -> Any:
            monkeypatch.setattr(module, "render", render)
            remove(work_as, anna, module, number)
            return render(*arguments)

        monkeypatch.setattr(module, "render", rendered)

    meanwhile(comments, made)
    there = comment_form.submit(status=404)
    assert "edited comment" in there.html.find("textarea", id="typed").get_text()
    meanwhile(posts, post)
    there = post_form.submit(status=404)
    assert "You can publish it as a new post" in there
    assert db.scalars(select(Post.id).where(Post.id == post)).all() == []
    db.rollback()
    assert "edited post" in form_of(there).submit(status=303).follow()


def test_ones_own_comment_below_a_hidden_post_is_found_edited_and_deleted(
    people: Any, write: Any, comment: Any, work_as: Any, client: Any, db: Session
) -> None:
    """ACL-02: nothing of the post is shown."""
    post = write(people["anna"], "secret body", title="Secret title")
    first, second = (comment(people["bob"], post, f"words {number}") for number in range(2))
    other = comment(people["mona"], post, "of mona")
    browser = client(people["bob"])
    assert "others do not see" not in browser.get("/drafts")
    hide(work_as, people["mona"], comments, second)
    hide(work_as, people["mona"], posts, post)
    found = browser.get("/drafts")
    assert "of mona" not in found
    assert "words 1" in found
    pages = [found, browser.get(f"/comment/{first}").follow(), browser.get(f"/comment/{first}/delete")]
    form = form_of(pages[1])
    form["body"] = "other words"
    pages += [form.submit("do", value="preview"), form.submit(status=303).follow()]
    assert "other words" in pages[-1]
    for page in pages:
        assert "ecret" not in page
    assert button_of(pages[2]).submit(status=303).follow(status=200)
    browser.get(f"/comment/{first}/report", status=404)
    for who in ("anna", None):
        client(people.get(who)).get(f"/comment/{other}/edit", status="4*" if who else "3*")
    client(people["anna"]).get(f"/comment/{second}/edit", status=404)
    assert db.scalars(select(Comment.id).order_by(Comment.id)).all() == [second, other]
    assert db.get(Post, post).comment_count == 1


def test_ones_own_comments_below_hidden_posts_go_on_page_by_page(
    people: Any, write: Any, comment: Any, work_as: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comments.unseen, "__defaults__", (2,))
    post = write(people["anna"])
    for number in range(3):
        comment(people["bob"], post, f"words {number}")
    hide(work_as, people["mona"], posts, post)
    browser = client(people["bob"])
    page = browser.get("/drafts")
    assert [f"words {number}" in page for number in range(3)] == [False, True, True]
    page = page.click("Older comments")
    assert [f"words {number}" in page for number in range(3)] == [True, False, False]
    assert "Older comments" not in page
    assert "words 2" in page.click("To the newest")
    browser.get("/drafts?comments_before=x", status=400)


def test_of_ones_other_comments_nothing_is_read(db: Session) -> None:
    """Not each of a hundred thousand with its post, to find those that others do not see."""
    connection = db.connection()

    def explained(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_others: Any) -> Any:
        return f"EXPLAIN QUERY PLAN {statement}", parameters

    event.listen(connection, "before_cursor_execute", explained, retval=True)
    asked = comments._unseen(7, 9, 21).order_by(Comment.id.desc()).limit(21)
    plan = " ".join(row[3] for row in connection.execute(asked).cursor.fetchall())
    searches = set(re.findall(r"SEARCH comments USING .*?\)", plan))
    assert searches == {
        "SEARCH comments USING INDEX ix_comments_hidden_author_id_id (author_id=? AND id<?)",
        "SEARCH comments USING INDEX ix_comments_author_id_post_id (author_id=? AND post_id=? AND rowid<?)",
        "SEARCH comments USING INTEGER PRIMARY KEY (rowid=?)",
    }, plan
    assert "SEARCH posts_1 USING COVERING INDEX ix_posts_hidden_at_id" in plan
    assert "SCAN comments" not in plan


def test_who_may_not_comment_any_more_reads_their_comment_below_a_hidden_post(
    people: Any, write: Any, comment: Any, work_as: Any, client: Any, registry: Any
) -> None:
    post = write(people["anna"])
    first, second = (comment(people["bob"], post, f"words {number}") for number in range(2))
    hide(work_as, people["mona"], posts, post)
    with open_work(registry) as work:
        role = work.db.get(User, people["bob"]).role_id
        for permission in ("blog.write", "blog.comment"):
            work.db.add(RolePermission(role_id=role, permission=permission, granted=False))
    browser = client(people["bob"])
    page = browser.get(f"/comment/{first}").follow(status=200)
    assert "words 0" in page
    assert "words 1" not in page
    assert "words 1" in browser.get(f"/comment/{second}").follow(status=200)
    for path in (f"/comment/{first}/edit", f"/comment/{first}/delete", "/write"):
        assert f'"{path}"' not in page, path


def test_acl_01_who_may_not_write_or_comment_any_more_has_no_button_for_it(
    people: Any, write: Any, comment: Any, client: Any, registry: Any
) -> None:
    post = write(people["anna"])
    made = comment(people["anna"], post)
    browser = client(people["anna"])
    paths = [f"/{kind}/{number}/{what}" for kind, number in (("post", post), ("comment", made))
             for what in ("edit", "delete")]  # fmt: skip
    page = browser.get(f"/post/{post}")
    assert [f'"{path}"' in page for path in paths] == [True] * 4
    with open_work(registry) as work:
        role = work.db.get(User, people["anna"]).role_id
        for permission in ("blog.write", "blog.comment"):
            work.db.add(RolePermission(role_id=role, permission=permission, granted=False))
    page = browser.get(f"/post/{post}")
    assert [f'"{path}"' in page for path in paths] == [False] * 4
    assert "/report" not in page


def test_the_address_of_a_preview_leads_to_the_post(people: Any, write: Any, client: Any) -> None:
    post, browser = write(people["anna"]), client(people["bob"])
    there = browser.get(f"/post/{post}/comment")
    assert there.location.endswith(f"/post/{post}#comments")
    there.follow(status=200)
