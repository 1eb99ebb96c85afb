"""How a moderator learns that something was reported, and is led back to what is left to decide."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from flasky.database import utc_now
from flasky.plugins.accounts import registration, roles
from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.work import open_work
from flasky.plugins.blog import comments, moderated, moderation, posts, waiting
from flasky.plugins.blog.members import export
from flasky.plugins.blog.reading import Bounds


@pytest.fixture
def people(member: Any) -> dict[str, int]:
    return {"anna": member("anna"), "bob": member("bob"), "mona": member("mona", role="Moderator")}


@pytest.fixture
def report(work_as: Any) -> Callable[..., None]:
    """A function that has a member report a post or comment."""

    def do(who: int, module: Any, number: int, reason: str = "bad") -> None:
        with work_as(who) as work:
            moderation.report(work, module.find(work, number), reason)

    return do


def badge_on(page: Any) -> tuple[str, str] | None:
    """What stands beside "Moderation", and what is read out instead; None when nothing does."""
    link = re.search(r'<a [^>]*href="/moderate"[^>]*>(.*?)</a>', page.text, re.DOTALL)
    assert link is not None
    found = re.search(r'aria-hidden="true">([^<]*)</span> <span class="visually-hidden">([^<]*)<', link[1])
    return (found[1], found[2]) if found else None


def test_moderators_see_on_every_page_how_many_reports_are_open_without_a_statement_more(
    people: Any, member: Any, write: Any, comment: Any, report: Any, work_as: Any, client: Any, statements: Any
) -> None:
    member("nora", role="Moderator")
    post = write(people["anna"])
    made = comment(people["mona"], post)
    mona = client(people["mona"])
    assert badge_on(mona.get("/")) is None
    report(people["bob"], posts, post)
    # Who does not decide about their own is not told by a number that it was reported.
    report(people["bob"], comments, made)
    for path in ("/", "/search", "/auth"):
        assert badge_on(mona.get(path)) == ("1", "open reports: 1")
        for other in (None, people["bob"]):
            assert "open reports" not in client(other).get(path, status="*")
    mona.get("/")
    assert len(statements()) == 2
    with work_as(people["mona"]) as work:
        moderation.resolve(work, posts.find(work, post))
    assert badge_on(mona.get("/")) is None
    for number in range(10):
        report(people["bob"], posts, write(people["anna"], f"post {number}"))
    zh = mona.get("/", headers={"Accept-Language": "zh"})
    assert badge_on(zh) == ("9+", "超过 9 条举报待处理")


def test_who_alone_moderates_is_told_of_reports_about_their_own_too_and_the_list_has_as_many(
    people: Any, member: Any, write: Any, comment: Any, report: Any, client: Any, statements: Any, registry: Any
) -> None:
    """Whoever else could decide is looked for by the same rules: a role that may, and a profile."""
    post = write(people["mona"], "mine")
    made = comment(people["mona"], write(people["anna"], "hers"), "said by me")
    report(people["bob"], posts, post)
    report(people["bob"], comments, made)
    report(people["bob"], posts, write(people["anna"], "of another"))
    mona = client(people["mona"])

    def told() -> int:
        """What the badge says and the list has."""
        page = mona.get("/moderate")
        assert len(statements()) <= 4
        number, _said = badge_on(page)
        assert number == str(len(page.html.select("li.post")))
        with open_work(registry) as work:
            work.identity = SimpleNamespace(user_id=people["mona"])
            assert (number == "1") == roles.others_may(work, "blog.moderate")
        return int(number)

    def decide(name: str, *, granted: bool) -> None:
        with open_work(registry) as work:
            roles.decide(work, registration.find_role(work, name), "blog.moderate", granted=granted)

    def change(user_id: int, **values: Any) -> None:
        with open_work(registry) as work:
            for name, value in values.items():
                setattr(work.db.get(User, user_id), name, value)

    assert told() == 3
    nora = member("nora", role="Moderator", confirmed=False)
    assert told() == 3
    change(nora, confirmed_at=utc_now())
    assert told() == 1
    for shut_out in ("disabled_at", "deletion_due_at"):
        change(nora, **{shut_out: utc_now()})
        assert told() == 3
        change(nora, **{shut_out: None})
        assert told() == 1
    # She asks as who moderates by another role now, and that one's moderators may not any more.
    with open_work(registry) as work:
        roles.create_role(work, "Helper")
    decide("Helper", granted=True)
    with open_work(registry) as work:
        roles.assign(work, work.db.get(User, people["mona"]), registration.find_role(work, "Helper"))
    assert told() == 1
    decide("Moderator", granted=False)
    assert told() == 3
    decide("User", granted=True)
    assert told() == 1
    decide("User", granted=False)
    assert told() == 3
    # Whatever is decided about the role, an administrator may.
    member("olga", role="Administrator")
    assert told() == 1


def test_however_many_reports_there_are_few_are_looked_at(db: Session) -> None:
    """By the index of what is open."""
    number = select(waiting.waiting_for(User.id)).where(User.id == 1)
    if db.get_bind().dialect.name == "sqlite":
        compiled = number.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
        plan = " ".join(row[3] for row in db.execute(text(f"EXPLAIN QUERY PLAN {compiled}")))
        assert "SEARCH reports USING INDEX ix_reports_resolved_at_id (resolved_at=?)" in plan, plan
        assert "B-TREE" not in plan, plan
    else:
        # The tables are empty here: reading them whole would be right.
        db.execute(text("SET LOCAL enable_seqscan = off"))
        compiled = number.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})
        plan = " ".join(row[0] for row in db.execute(text(f"EXPLAIN {compiled}")))
        assert "ix_reports_resolved_at_id" in plan, plan
    assert f"{waiting.LOOKED_AT}" in str(compiled)


def decide(page: Any, do: str | None = None, **values: Any) -> Any:
    form = next(form for form in page.forms.values() if "version" in form.fields)
    for name, value in values.items():
        form[name] = value
    return form.submit("do" if do else None, value=do, status=303).follow()


@pytest.mark.databases("sqlite")
def test_after_a_decision_the_next_of_the_list_is_there_and_a_link_to_the_text(
    people: Any, write: Any, comment: Any, report: Any, client: Any
) -> None:
    post = write(people["anna"], title="First")
    made = comment(people["anna"], post, "rude")
    for module, number in ((posts, post), (comments, made)):
        report(people["bob"], module, number)
    mona = client(people["mona"])
    for decided, path in (({"reason": "off topic"}, f"/post/{post}"), ({"do": "keep"}, f"/comment/{made}")):
        page = decide(mona.get("/moderate").click("Decide", index=0), **decided)
        assert page.request.path == "/moderate"
        assert page.html.find(class_="alert").find("a")["href"] == path
    assert "No reports are open" in page
    # From a list of what is hidden back to that list.
    hidden = mona.get("/moderate", {"show": "posts"})
    page = decide(hidden, "show")
    assert page.request.path_qs == "/moderate?show=posts"
    assert page.html.find(class_="alert").find("a")["href"] == f"/post/{post}"
    # A form with another version comes back and leads there all the same.
    decide(mona.get(f"/post/{post}/hide"), reason="no")
    hidden = mona.get("/moderate", {"show": "posts"})
    form = next(form for form in hidden.forms.values() if "version" in form.fields)
    form["version"] = "7"
    page = decide(form.submit("do", value="show", status=409), "show")
    assert page.request.path_qs == "/moderate?show=posts"


@pytest.mark.databases("sqlite")
def test_who_alone_moderates_decides_about_their_own_from_the_newest_comments_too(
    people: Any, member: Any, write: Any, comment: Any, client: Any
) -> None:
    made = comment(people["mona"], write(people["anna"]))
    mona = client(people["mona"])
    assert mona.get("/moderate", {"show": "newest"}).click("Decide").request.path == f"/comment/{made}/hide"
    member("nora", role="Moderator")
    assert "Decide" not in mona.get("/moderate", {"show": "newest"})


@pytest.mark.databases("sqlite")
def test_a_list_that_no_decision_comes_from_is_no_place_to_go_on_to(people: Any, write: Any, client: Any) -> None:
    mona, post = client(people["mona"]), write(people["anna"])
    form = next(form for form in mona.get(f"/post/{post}/hide").forms.values() if "version" in form.fields)
    form["reason"], form.action = "no", f"/post/{post}/hide?back=//evil.example"
    assert form.submit(status=303).location == "http://localhost/moderate"


@pytest.mark.databases("sqlite")
def test_the_list_of_reports_says_what_is_hidden_already(
    people: Any, write: Any, comment: Any, report: Any, work_as: Any, client: Any
) -> None:
    post = write(people["anna"])
    made = comment(people["anna"], post)
    for module, number in ((comments, made), (posts, post)):
        with work_as(people["mona"]) as work:
            moderation.hide(work, module.find(work, number), f"<i>{module.__name__[-5:]}")
        report(people["mona"], module, number)
    report(people["bob"], posts, write(people["anna"], "shown"))
    rows = [
        " ".join(row.get_text().split())
        for row in client(people["mona"]).get("/moderate").html.select(".posts li.post")
    ]
    assert ["It is hidden already. The reason: <i>" in row for row in rows] == [True, True, False]
    assert "<i>ments" in rows[0]
    assert "<i>posts" in rows[1]


@pytest.fixture
def hide(work_as: Any) -> Callable[..., None]:
    """A function that has a moderator hide a post or comment."""

    def do(who: int, module: Any, number: int, reason: str = "rude") -> None:
        with work_as(who) as work:
            moderation.hide(work, module.find(work, number), reason)

    return do


@pytest.fixture
def mend(client: Any) -> Callable[..., Any]:
    """A function that has a member change what they wrote, in its form."""

    def do(who: int, module: Any, number: int, body: str) -> Any:
        page = client(who).get(f"/{module.__name__.rpartition('.')[2][:-1]}/{number}/edit")
        form = next(form for form in page.forms.values() if "body" in form.fields)
        form["body"] = body
        return form.submit(status=303)

    return do


def waiting_in(page: Any) -> list[str]:
    """What the list of reports has; the number in the navbar is that of the same."""
    rows = [" ".join(row.get_text(" ").split()) for row in page.html.select(".posts li.post")]
    assert badge_on(page) == ((str(len(rows)), f"open reports: {len(rows)}") if rows else None)
    return rows


def press(page: Any, do: str) -> Any:
    form = next(form for form in page.forms.values() if "do" in form.fields)
    return form.submit("do", value=do, status=303)


@pytest.mark.parametrize("module", [posts, comments])
def test_what_its_author_changed_while_it_is_hidden_waits_until_a_moderator_decides_again(
    module: Any, people: Any, write: Any, comment: Any, hide: Any, mend: Any, client: Any, work_as: Any
) -> None:
    anna, mona = people["anna"], client(people["mona"])
    made = write(anna, "bad words")
    if module is comments:
        made = comment(anna, made, "bad words")
    hide(people["mona"], module, made)
    assert waiting_in(mona.get("/moderate")) == []
    mend(anna, module, made, "bad words")
    assert waiting_in(mona.get("/moderate")) == []
    for text_now in ("good words", "better words"):
        mend(anna, module, made, text_now)
        (row,) = waiting_in(mona.get("/moderate"))
        for said in (text_now, "It is hidden already. The reason: rude", "Its author changed it since"):
            assert said in row
        assert "report" not in row
    page = mona.get("/moderate").click("Decide")
    assert "better words" in page
    mend(anna, module, made, "other words")
    late = page.forms["text"].submit("do", value="keep", status=409)
    assert "other words" in late
    assert len(waiting_in(mona.get("/moderate"))) == 1
    press(late, "keep")
    done = mona.get("/moderate")
    assert "It stays hidden." in done
    assert waiting_in(done) == []
    assert "other words" in mona.get(f"/moderate?show={module.__name__.rpartition('.')[2]}")
    decided = mona.get("/moderate?show=decisions").html.select("li.post")[0].get_text()
    assert "was left as it is" in decided
    assert "answered" not in decided
    for number, where in enumerate(("/moderate", f"/moderate?show={module.__name__.rpartition('.')[2]}")):
        mend(anna, module, made, f"words {number}")
        assert len(waiting_in(mona.get("/moderate"))) == 1
        page = mona.get(where)
        press(page.click("Decide") if where == "/moderate" else page, "show")
        assert waiting_in(mona.get("/moderate")) == []
        hide(people["mona"], module, made)
        assert waiting_in(mona.get("/moderate")) == []
    mend(anna, module, made, "the last words")
    with work_as(anna) as work:
        module.remove(work, module.find(work, made))
    assert waiting_in(mona.get("/moderate")) == []


def test_reports_of_what_its_author_changed_while_it_is_hidden_are_told_and_counted_without_that(
    people: Any, write: Any, report: Any, hide: Any, mend: Any, client: Any, work_as: Any
) -> None:
    post, mona = write(people["anna"]), client(people["mona"])
    hide(people["mona"], posts, post)
    mend(people["anna"], posts, post, "mended")
    report(people["mona"], posts, post, "still bad")
    (row,) = [row.get_text() for row in mona.get("/moderate").html.select(".posts li.post")]
    assert "1 report:" in row
    assert "still bad" in row
    page = mona.get("/moderate").click("Decide")
    assert len(page.html.select(".reports li")) == 1
    press(page, "show")
    # What somebody said of it is still to be answered.
    (row,) = waiting_in(mona.get("/moderate"))
    assert "1 report:" in row
    assert "hidden already" not in row
    press(mona.get("/moderate").click("Decide"), "keep")
    assert "1 report answered" in mona.get("/moderate?show=decisions")
    with work_as(people["anna"]) as work:
        assert export(work, work.db.get(User, people["anna"]))["reports"] == []


def test_acl_02_what_a_moderator_changed_of_their_own_waits_for_another_one(
    people: Any, member: Any, write: Any, hide: Any, mend: Any, client: Any, registry: Any
) -> None:
    nora = member("nora", role="Moderator")
    post = write(people["mona"])
    hide(nora, posts, post)
    mend(people["mona"], posts, post, "mended")
    assert waiting_in(client(people["mona"]).get("/moderate")) == []
    assert len(waiting_in(client(nora).get("/moderate"))) == 1
    with open_work(registry) as work:
        work.db.get(User, nora).disabled_at = utc_now()
    assert len(waiting_in(client(people["mona"]).get("/moderate"))) == 1


def test_what_was_changed_while_hidden_and_what_was_reported_go_on_in_both_directions(
    people: Any, write: Any, report: Any, hide: Any, mend: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moderated.reports, "__defaults__", (Bounds(), 2))
    made = [write(people["anna"], f"post {number}", title=f"Title-{number}.") for number in range(5)]
    for number, post in enumerate(made):
        if number % 2:
            report(people["bob"], posts, post)
        else:
            hide(people["mona"], posts, post)
            mend(people["anna"], posts, post, f"mended {number}")
    pages = [client(people["mona"]).get("/moderate")]
    for way in ("Later", "Later", "Earlier"):
        pages.append(pages[-1].click(way))
    assert [re.findall(r">Title-(\d)\.", page.text) for page in pages] == [["0", "1"], ["2", "3"], ["4"], ["2", "3"]]
    assert badge_on(pages[0]) == ("5", "open reports: 5")
