"""Profiles, people, roles, leaving, and the first administrator."""

from __future__ import annotations

import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from PIL import Image
from pyramid.registry import Registry
from sqlalchemy import Select, insert, select, update
from webtest import TestApp, Upload

from flasky.database import utc_now
from flasky.plugins.accounts import ownership, registration
from flasky.plugins.accounts.models import Role, RolePermission, SecondFactor, User
from flasky.plugins.accounts.profile import LARGEST_VERSION
from flasky.plugins.accounts.work import open_work
from flasky.testing.mailbox import Mailbox, PromptMailbox

PASSWORD = "correct horse battery staple"

Client = Callable[..., TestApp]
Stored = Callable[[Any], list[Any]]


@pytest.fixture
def app_settings() -> dict[str, Any]:
    return {"accounts.argon2_memory_kib": "64", "accounts.argon2_time_cost": "1"}


@pytest.fixture
def mailbox(registry: Registry) -> Mailbox:
    """The mails, those of the jobs that are queued among them."""
    return PromptMailbox(registry)


@pytest.fixture
def stored(registry: Registry) -> Stored:
    """A function that runs a statement in a transaction of its own and returns the first column of its rows."""

    def run(statement: Any) -> list[Any]:
        with open_work(registry) as work:
            result = work.db.execute(statement)
            return [row[0] for row in result] if isinstance(statement, Select) else []

    return run


@pytest.fixture
def client(app: Any, registry: Registry) -> Client:
    """A function that makes a browser of its own in which a new member of that name and role is signed in."""

    def make(username: str, role: str = "User") -> TestApp:
        made = TestApp(app, extra_environ={"HTTP_HOST": "localhost", "REMOTE_ADDR": "192.0.2.1"})
        with open_work(registry) as work:
            registration.create(
                work, username=username, email=None, password=PASSWORD, role=role
            ).confirmed_at = work.now()
        sign_in(made, username)
        return made

    return make


def sign_in(browser: TestApp, username: str) -> None:
    form = browser.get("/auth/login").forms[0]
    form["login"], form["password"] = username, PASSWORD
    assert form.submit().status_int == 303


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 30)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, "red").save(buffer, kind)
    return buffer.getvalue()


def assert_drawn(answer: Any) -> None:
    """That it is a picture which browsers draw when it is opened by itself: XML, in the namespace of SVG."""
    assert answer.content_type == "image/svg+xml"
    assert ET.fromstring(answer.body).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 - the site made it


def bomb() -> bytes:
    """A small file that says to be 50 megapixels large."""
    head = b"IHDR" + struct.pack(">IIBBBBB", 8000, 6300, 8, 2, 0, 0, 0)
    return picture()[:8] + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head)) + picture()[33:]


def test_a_profile_for_everybody(client: Client, testapp: TestApp, statements: Callable[[], list[str]]) -> None:
    """XSS-01, XSS-02: what a member says of themselves, sanitised; nothing of it that only they know (ACL-05)."""
    name = "<b>胡同</b>/x & 'y'"
    browser = client(name)
    path = "/user/%3Cb%3E%E8%83%A1%E5%90%8C%3C/b%3E/x%20&%20'y'"
    form = browser.get(f"{path}/edit").forms[0]
    form["name"], form["location"] = "<i>Hu</i>", "北京"
    form["about"] = "**bold** <script>alert(1)</script> [x](javascript:alert(1))"
    form["timezone"], form["language"] = "Asia/Shanghai", "zh"
    form.submit().follow()
    page = testapp.get(path)
    assert len(statements()) == 1
    assert page.html.h1.get_text() == "<i>Hu</i>"
    about = page.html.select_one(".about")
    assert about.strong.get_text() == "bold"
    assert not about.select("script, [href^=javascript]")
    assert "<b>胡同" not in page.text
    assert "个人" in browser.get(path).text or "编辑" in browser.get(path).text
    assert testapp.get("/user/nobody", status=404)
    assert client("berta").get(f"{path}/edit", status=404)


def test_a_refused_profile_comes_back_as_it_was_typed(client: Client) -> None:
    """INP-07"""
    browser = client("anna")
    form = browser.get("/user/anna/edit").forms[0]
    form["name"], form["about"] = "x" * 65, "y" * 2001
    page = form.submit(expect_errors=True)
    assert page.status_int == 422
    assert page.forms[0]["name"].value == "x" * 65
    assert page.html.select_one("#name[autofocus]")
    assert page.html.select_one("#about-fault")
    form["name"], form["about"] = "x" * 64, "y" * 2000
    assert form.submit().status_int == 303


def test_xss_04_pictures(client: Client, testapp: TestApp) -> None:
    """Drawn from the name or encoded again; never what was uploaded, never active, small."""
    browser = client("anna")
    drawn = testapp.get("/avatar/1/0")
    assert_drawn(drawn)
    form = browser.get("/user/anna/edit").forms[1]
    polyglot = b"GIF89a/*<script>alert(1)</script>*/=1;"
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    for name, content in (
        ("a.svg", svg),
        ("a.png", svg),
        ("a.gif", polyglot),
        ("bomb.png", bomb()),
        ("empty.png", b""),
        ("large.png", b"x" * (1024 * 1024 + 1)),
        ("cut.png", picture()[:40]),
    ):
        form["avatar"] = Upload(name, content)
        page = form.submit(expect_errors=True)
        assert page.status_int == 422, name
        assert page.html.select_one("#avatar-fault").get_text(strip=True), name
    marked = picture("PNG") + b"<script>alert(1)</script>"
    form["avatar"] = Upload("wrong.jpg", marked)
    assert form.submit().status_int == 303
    address = browser.get("/user/anna").html.select_one(".profile img")["src"]
    answer = testapp.get(address)
    assert answer.content_type == "image/webp"
    assert b"script" not in answer.body
    assert Image.open(io.BytesIO(answer.body)).size == (256, 256)
    # Whatever number stands for the picture.
    assert testapp.get(f"/avatar/1/{LARGEST_VERSION}").content_type == "image/webp"
    for shown in (drawn, answer):
        assert "sandbox" in shown.headers.getall("Content-Security-Policy")[0]
        assert shown.headers["X-Content-Type-Options"] == "nosniff"
    browser.get("/user/anna/edit").forms[2].submit("action")
    assert_drawn(testapp.get("/avatar/1/0"))
    assert testapp.get("/avatar/999/0", status=404)


@pytest.mark.parametrize(
    "state",
    [{"disabled_at": utc_now()}, {"deletion_due_at": utc_now() + timedelta(days=3)}, {"confirmed_at": None}],
    ids=lambda state: next(iter(state)),
)
def test_acl_02_pictures_of_who_has_no_profile_are_for_them_and_who_looks_after_members(
    state: dict[str, Any], client: Client, testapp: TestApp, stored: Stored, statements: Callable[[], list[str]]
) -> None:
    """ACL-02, XSS-04: as their profile, for others it is as if there were no account; no cache may keep it."""
    carl, bob, boss = client("carl"), client("bob"), client("boss", "Administrator")
    form = carl.get("/user/carl/edit").forms[1]
    form["avatar"] = Upload("a.png", picture())
    form.submit()
    address = carl.get("/user/carl").html.select_one(".profile img")["src"]
    answer = testapp.get(address)
    assert (answer.headers["Cache-Control"], len(statements())) == ("public, max-age=300", 1)
    stored(update(User).where(User.username == "carl").values(state))
    for path in (address, "/avatar/1/0"):
        for browser in (testapp, bob):
            refused, absent = browser.get(path, status=404), browser.get("/avatar/999/0", status=404)
            assert refused.headers.get("Cache-Control") == absent.headers.get("Cache-Control") != answer.cache_control
            assert shown(refused) == shown(absent)
        seeing = boss.get(path)
        assert seeing.content_type == "image/webp"
        assert seeing.headers["Cache-Control"] == "no-store"
        assert "sandbox" in seeing.headers.getall("Content-Security-Policy")[0]
        assert len(statements()) == 2
        # Who is disabled is signed in nowhere.
        own = carl.get(path, status=404 if "disabled_at" in state else 200)
        assert own.headers["Cache-Control"] != answer.headers["Cache-Control"]
    assert boss.get("/people/1").html.select_one(f'#emptying img[src="{address}"]')
    assert "carl" not in boss.get("/people").html.select_one(".people").get_text()
    stored(update(User).values(disabled_at=None, deletion_due_at=None, confirmed_at=utc_now()))
    assert testapp.get(address).headers["Cache-Control"] == "public, max-age=300"


def shown(page: Any) -> str:
    """The text of a page, without the number of its request."""
    return re.sub("[0-9a-f]{16}", "", page.html.main.get_text(" ", strip=True))


def test_the_members_in_pages(client: Client, registry: Registry, statements: Callable[[], list[str]]) -> None:
    """Every page is two statements, and continues where the one before ended."""
    with open_work(registry) as work:
        role = registration.find_role(work, "User")
        work.db.add_all(
            User(username=f"member {number:03}", role=role, confirmed_at=work.now()) for number in range(120)
        )
    browser = client("anna")
    seen, path = [], "/people"
    while path:
        page = browser.get(path)
        assert len(statements()) == 2
        seen += [link.get_text() for link in page.html.select(".people a")]
        following = page.html.select_one("a[rel=next]")
        path = following["href"] if following else ""
    assert seen == ["anna", *(f"member {number:03}" for number in range(120))]
    assert browser.get("/people", {"after": "\U0010ffff" * 999}).status_int == 200


@pytest.mark.databases("sqlite")  # PostgreSQL plans by what is in the table, of which a test has nothing.
def test_every_page_of_the_members_is_read_from_the_index_of_names(
    client: Client, statements: Callable[[], list[str]], registry: Registry
) -> None:
    """Else each page would read and sort all members."""
    client("anna").get("/people", {"after": "a"})
    listing = next(text for text in statements() if "username_key >" in text)
    with open_work(registry) as work:
        plan = work.db.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {listing}", ("a", 51, 0)).all()
    assert "username_key>" in str(plan)
    assert "TEMP B-TREE" not in str(plan)


def test_the_language_in_the_footer_is_kept_for_members(client: Client, stored: Stored) -> None:
    browser = client("anna")
    page = browser.get("/")
    page.forms[0].submit("language")
    assert stored(select(User.language)) == ["zh"]
    assert "我的账号" in browser.get("/").text


def test_everything_of_a_member_as_a_zip_and_their_end(client: Client, stored: Stored, registry: Registry) -> None:
    """Export, deletion with days of grace, and the change of mind."""
    browser = client("anna")
    answer = browser.get("/auth/export").forms[0].submit()
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        account = json.loads(archive.read("accounts/account.json"))
        assert "accounts/sessions.json" in archive.namelist()
    assert account["username"] == "anna"
    assert "password_hash" not in account
    form = browser.get("/auth/delete").forms[0]
    form["password"] = "wrong password"
    assert form.submit(expect_errors=True).html.select_one("#password-fault")
    form["password"] = PASSWORD
    assert "will be deleted" in form.submit().follow().text
    assert stored(select(User.deletion_due_at))[0]
    sign_in(browser, "anna")
    assert browser.get("/people").location.endswith("/auth/delete")
    browser.get("/auth/delete").forms[0].submit("action")
    assert browser.get("/people").status_int == 200


def test_acl_03_roles_and_people(client: Client, stored: Stored, registry: Registry) -> None:
    """Moderators cannot touch administrators, only administrators give roles, the last one stays."""
    administrator, moderator, berta = client("root1", "Administrator"), client("mod1", "Moderator"), client("berta")
    ids = dict(zip(stored(select(User.username)), stored(select(User.id)), strict=True))

    def act(browser: TestApp, target: str, status: int = 303, **fields: str) -> Any:
        token = browser.get("/auth/logout").forms[0]["csrf_token"].value
        path = f"/people/{ids[target]}"
        return browser.post(path, {"csrf_token": token, **fields}, status=status)

    act(berta, "mod1", 403, action="disable")
    act(moderator, "berta", 422, action="role", role="Moderator")
    for action in ("disable", "end_sessions"):
        assert "administrator" in act(moderator, "root1", 422, action=action).text
    act(moderator, "berta", action="end_sessions")
    assert berta.get("/people").status_int == 303
    assert "last administrator" in act(administrator, "root1", 422, action="role", role="User").text
    assert "last administrator" in act(administrator, "root1", 422, action="disable").text
    act(administrator, "berta", action="role", role="Administrator")
    act(administrator, "berta", 422, action="role", role="No such role")
    act(administrator, "mod1", action="disable")
    assert moderator.get("/people").status_int == 303
    act(administrator, "mod1", action="enable")
    # Somebody lost their phone and their codes.
    with open_work(registry) as work:
        work.db.add(SecondFactor(user_id=ids["berta"], secret="x", confirmed_at=work.now()))
    sign_in(moderator, "mod1")
    act(moderator, "berta", 422, action="second_factor")
    assert stored(select(SecondFactor.user_id)) == [ids["berta"]]
    act(administrator, "berta", action="second_factor")
    assert stored(select(SecondFactor.user_id)) == []
    # Demoted: effective with the next request (SES-06).
    act(administrator, "root1", action="role", role="User")
    assert administrator.get("/roles", status=403)
    assert stored(select(User.username).join(Role).where(Role.name == "Administrator")) == ["berta"]


def test_the_table_of_permissions(client: Client, stored: Stored) -> None:
    administrator, anna = client("root1", "Administrator"), client("anna")
    page = administrator.get("/roles")
    assert [cell.get_text().split()[0] for cell in page.html.select("thead a")] == [
        "User",
        "Moderator",
        "Administrator",
    ]
    role = administrator.get(page.html.select_one("thead a")["href"])
    assert anna.get("/people").status_int == 200
    form = role.forms[0]
    for box in form.fields["permission"]:
        if box._value == "accounts.see_people":
            box.checked = False
    form.submit().follow()
    assert stored(select(RolePermission.permission)) == ["accounts.see_people"]
    assert anna.get("/people", status=403)

    form = administrator.get("/roles").forms[0]
    form["name"] = "User"
    assert form.submit(expect_errors=True).html.select_one("#name-fault")
    form["name"], form["like"] = "Editors", "Moderator"
    made = form.submit().follow()
    assert made.html.select_one("[value='accounts.manage_people'][checked]")
    made.forms[0].submit("action")
    assert "Editors" not in stored(select(Role.name))
    fixed = administrator.get("/roles").html.select("thead a")[2]["href"]
    assert administrator.get(fixed).forms[0].submit().status_int == 303


def test_pwd_05_the_first_administrator(client: Client, testapp: TestApp, registry: Registry, stored: Stored) -> None:
    """The claim link works once, by a button, and leads to the list of first steps."""
    browser = client("anna")
    with open_work(registry) as work:
        path = (ownership.claim_link(work) or "").removeprefix("http://localhost")
    assert "Join" in testapp.get(path).follow().html.main.get_text()
    page = browser.get(path).follow()
    assert stored(select(Role.name).join(User)) == ["User"]
    before = browser.cookies["session"]
    steps = page.forms[0].submit().follow()
    assert browser.cookies["session"] != before
    assert stored(select(Role.name).join(User)) == ["Administrator"]
    assert len(steps.html.select(".steps .done")) == 2
    assert client("berta").get(path, status=404)


def test_invitations(client: Client, testapp: TestApp, mailbox: Mailbox, stored: Stored) -> None:
    """The invited join with their address confirmed, and are not told to wait for a mail that does not come."""
    moderator = client("mod1", "Moderator")
    form = moderator.get("/people/invite").forms[0]
    form["email"] = "no address"
    assert form.submit(expect_errors=True).html.select_one("#email-fault")
    form["email"] = "new@example.com"
    form.submit().follow()
    path = mailbox.to("new@example.com")[0].get_body(("plain",)).get_content().split("http://localhost")[2].split()[0]
    form = testapp.get(path).follow().forms[0]
    assert form["email"].value == "new@example.com"
    form["username"] = "newcomer"
    form["password"] = form["password_confirm"] = PASSWORD
    joined = form.submit()
    assert joined.location.endswith("/auth/login")
    assert "You have joined" in joined.follow().text
    assert len(mailbox.to("new@example.com")) == 1
    assert stored(select(User.confirmed_at).where(User.username == "newcomer"))[0]
    assert testapp.get(path, status=404)


def test_the_first_steps_are_on_the_administrators_home_page_until_they_are_done(
    client: Client, stored: Stored, statements: Callable[[], list[str]]
) -> None:
    """They tick themselves, are nobody else's, and cost one statement until all is done, then none."""
    boss = client("boss", "Administrator")
    home = boss.get("/")
    steps = home.html.select(".steps li")
    assert [bool(step.get("class") and "done" in step["class"]) for step in steps] == [True, True, False, False]
    assert len(statements()) == 2
    anna = client("anna")
    assert not anna.get("/").html.select(".steps")
    assert not boss.get("/").html.select(".steps li")[3].find("a")
    stored(insert(SecondFactor).values(user_id=1, secret="x", confirmed_at=utc_now()))
    assert not boss.get("/").html.select(".steps")
    boss.get("/")
    assert len(statements()) == 1


def test_the_first_steps_can_be_put_away(client: Client) -> None:
    """In this browser; their own page stays."""
    boss = client("boss", "Administrator")
    form = next(form for form in boss.get("/").forms.values() if form.action.endswith("/first-steps"))
    assert form.submit().location == "http://localhost/"
    assert not boss.get("/").html.select(".steps")
    assert boss.get("/auth/first-steps").html.select(".steps")


def test_roles_are_described_in_the_visitors_language(client: Client, stored: Stored) -> None:
    """What the migration wrote is translated, what an administrator wrote is shown as it is."""
    boss = client("boss", "Administrator")
    stored(insert(Role).values(name="Editor", description="Whoever edits"))
    descriptions = {name: number for number, name in enumerate(stored(select(Role.name).order_by(Role.id)), 1)}
    assert "Whoever joins" in boss.get(f"/roles/{descriptions['User']}").text
    stored(update(User).values(language="zh"))
    for name in ("User", "Moderator", "Administrator"):
        lead = boss.get(f"/roles/{descriptions[name]}").html.select_one(".lead").get_text()
        assert not re.search("[A-Za-z]", lead), lead
    assert "Whoever edits" in boss.get(f"/roles/{descriptions['Editor']}").text
