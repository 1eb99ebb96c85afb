"""Taking one's data along, and leaving."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from PIL import Image
from pyramid.registry import Registry
from sqlalchemy import func, select, update

from flasky.database import utc_now
from flasky.plugins.accounts import leaving, profile, registration, roles
from flasky.plugins.accounts.authentication import sign_in
from flasky.plugins.accounts.errors import Fault, Faults, Refused
from flasky.plugins.accounts.events import Deleted
from flasky.plugins.accounts.housekeeping import clear_away
from flasky.plugins.accounts.models import Avatar, Invitation, Role, SecurityEvent, Token, User, UserSession
from flasky.plugins.accounts.work import open_work
from flasky.testing.mailbox import Mailbox, text_of


class Somebody:
    def __init__(self, user_id: int, role: str = "User") -> None:
        self.user_id, self.role, self.session_id = user_id, role, 0


def contents(data: bytes) -> dict[str, Any]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {
            name: json.loads(archive.read(name)) if name.endswith(".json") else archive.read(name)
            for name in archive.namelist()
        }


def leave(work: Any, user_id: int, password: str, **options: Any) -> Any:
    with work(identity=Somebody(user_id), **options) as opened:
        return leaving.ask_to_leave(opened, password)


def test_the_export_holds_what_the_site_knows_and_no_secret(work: Any, member: Any, get: Any, password: str) -> None:
    user_id = member("胡同", email="hu@example.com")
    with work() as opened:
        sign_in(opened, "胡同", password)
        opened.db.add(Avatar(user_id=user_id, media_type="image/webp", image=b"picture"))
    with work() as opened:
        found = contents(leaving.export(opened, get(opened, user_id)))
    assert found["accounts/account.json"]["username"] == "胡同"
    assert found["accounts/account.json"]["role"] == "User"
    assert found["accounts/sessions.json"][0]["agent"] == "Test/1.0"
    assert [event["event"] for event in found["accounts/events.json"]] == ["registered", "signed_in"]
    assert found["accounts/picture.webp"] == b"picture"
    assert "argon2" not in str(found)
    assert "digest" not in str(found)


def test_other_plug_ins_add_their_part(make_app: Any) -> None:
    app = make_app()
    parts = {part.name: part for part in leaving.personal_data(app.registry)}
    assert parts["accounts"].erase is leaving.erase_account


def test_leaving_has_days_of_grace(work: Any, registry: Registry, member: Any, get: Any, password: str) -> None:
    user_id = member("anna")
    with work() as opened:
        sign_in(opened, "anna", password)
    with work(identity=Somebody(user_id)) as opened, pytest.raises(Fault):
        leaving.ask_to_leave(opened, "wrong password")
    due = leave(work, user_id, password)
    assert timedelta(days=13, hours=23) < due - utc_now() <= timedelta(days=14)
    with work() as opened:
        assert opened.db.scalar(select(func.count()).select_from(UserSession)) == 0
    assert leaving.erase_due(registry) == 0
    with work() as opened:
        # Signing in is still possible: only so can they change their mind.
        sign_in(opened, "anna", password)
        leaving.stay(opened, get(opened, user_id))
    with work() as opened:
        assert get(opened, user_id).deletion_due_at is None


def test_what_stays_after_the_days_of_grace_is_anonymous(
    work: Any, registry: Registry, member: Any, password: str, mailbox: Mailbox
) -> None:
    user_id = member("anna")
    with work() as opened:
        sign_in(opened, "anna", password)
    leave(work, user_id, password)
    heard: list[str] = []

    def hear(event: Deleted) -> None:
        heard.append(event.user.username)

    registry.registerHandler(hear, (Deleted,))
    try:
        with work() as opened:
            opened.db.get(User, user_id).deletion_due_at = utc_now() - timedelta(seconds=1)
        assert clear_away(registry) == 1
        assert clear_away(registry) == 0
    finally:
        registry.unregisterHandler(hear, (Deleted,))
    assert heard == ["anna"]
    with work() as opened:
        for model in (User, UserSession, Token):
            assert opened.db.scalar(select(func.count()).select_from(model)) == 0
        events = opened.db.scalars(select(SecurityEvent)).all()
        # Of the account itself it says which parts took leave of it, and nothing else.
        parts = {part.name: True for part in leaving.personal_data(registry)}
        assert {(event.user_id, event.actor_id, event.address_hash) for event in events} == {(None, None, "")}
        assert all(event.details == ({"parts": parts} if event.event == "erased" else {}) for event in events)
        assert "signed_in" in {event.event for event in events}


def test_no_address_of_who_left_stays_anywhere(
    work: Any, member: Any, get: Any, mailbox: Mailbox, password: str
) -> None:
    """Neither in invitations and who sent them, nor in the record, nor on mails; what is others' stays."""
    inviter, carl = member("bob"), "Carl@example.com"
    with work(identity=Somebody(inviter)) as opened:
        registration.invite(opened, carl)
        registration.invite(opened, "dora@example.com")
    secret = text_of(mailbox.to(carl)[0]).split("/auth/invitation/")[1].split()[0]
    with work() as opened:
        user_id = registration.register(
            opened, username="carl", email=carl, password=password, invitation=secret
        ).user.id
    with work(identity=Somebody(user_id)) as opened:
        registration.invite(opened, "erik@example.com")
    with work() as opened:
        sign_in(opened, "carl", password)
        exported = contents(leaving.export(opened, get(opened, user_id)))
        assert [row["email"] for row in exported["accounts/invitations.json"]] == ["erik@example.com"]
        leaving.erase(opened, get(opened, user_id))
    assert mailbox.to(carl) == []
    assert mailbox.to("dora@example.com")
    with work() as opened:
        assert opened.db.scalars(select(Invitation.email)).all() == ["dora@example.com"]
        details = str(opened.db.scalars(select(SecurityEvent.details)).all()).lower()
        assert "dora@example.com" in details
        assert "carl" not in details
        assert "erik" not in details


def test_invitations_are_forgotten_when_they_expire(work: Any, registry: Registry) -> None:
    with work() as opened:
        registration.invite(opened, "dora@example.com")
    clear_away(registry)
    with work() as opened:
        assert opened.db.scalar(select(func.count(Invitation.id))) == 1
        opened.db.execute(update(Invitation).values(expires_at=utc_now()))
    clear_away(registry)
    with work() as opened:
        assert opened.db.scalar(select(func.count(Invitation.id))) == 0


def test_erasing_at_once_in_two_processes_is_once(work: Any, registry: Registry, member: Any, at_once: Any) -> None:
    user_id = member("anna")
    with work() as opened:
        opened.db.get(User, user_id).deletion_due_at = utc_now() - timedelta(seconds=1)
    assert sorted(at_once(4, lambda _number: leaving.erase_due(registry))) == [0, 0, 0, 1]


def test_acl_03_the_last_administrator_cannot_leave_nor_two_together(
    work: Any, member: Any, password: str, at_once: Any
) -> None:
    only = member("anna", role="Administrator")
    with pytest.raises(Refused, match="last administrator"):
        leave(work, only, password)
    ids = [only, member("bob", role="Administrator")]
    results = at_once(2, lambda number: leave(work, ids[number], password))
    assert sum(isinstance(result, Refused) for result in results) == 1, results
    with work() as opened:
        assert opened.db.scalar(select(func.count()).select_from(roles.administrators().subquery())) == 1


def test_a_plug_in_that_cannot_erase_keeps_the_account(
    work: Any, registry: Registry, member: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is half erased; it is tried again, and the log says so."""
    user_id = member("anna")
    with work() as opened:
        opened.db.get(User, user_id).deletion_due_at = utc_now() - timedelta(seconds=1)

    def fail(opened: Any, _user: User) -> None:
        opened.db.add(Role(name="User"))
        opened.db.flush()

    registry["accounts.personal_data"]["polls"] = leaving.PersonalData("polls", lambda _work, _user: {}, fail)
    try:
        assert leaving.erase_due(registry) == 0
    finally:
        del registry["accounts.personal_data"]["polls"]
    assert f"the account {user_id} is due and could not be erased" in caplog.text
    assert leaving.erase_due(registry) == 1


def test_a_part_of_any_name_can_take_leave_then_or_later(work: Any, registry: Registry, member: Any, get: Any) -> None:
    names = ("event", "parts", "role", "user_id", "work")
    with work() as opened:
        leaving.erase(opened, get(opened, member("anna")))
    parts = registry["accounts.personal_data"]
    parts.update(
        {name: leaving.PersonalData(name, lambda _work, _user: {}, lambda _work, _user: None) for name in names}
    )
    try:
        with work() as opened:
            leaving.erase(opened, get(opened, member("bob")))
    finally:
        for name in names:
            del parts[name]
    with work() as opened:
        first, second = opened.db.scalars(select(SecurityEvent.id).where(SecurityEvent.event == "erased")).all()
        assert leaving.erased_without(opened, "another") == [first, second]
        for name in names:
            assert leaving.erased_without(opened, name) == [first]
            leaving.note_erased(opened, name, [first])
    with work() as opened:
        # What others noted is still there.
        assert [leaving.erased_without(opened, name) for name in (*names, "accounts")] == [[]] * 6


def test_a_part_notes_any_number_of_those_who_left_without_it(
    work: Any, member: Any, get: Any, monkeypatch: pytest.MonkeyPatch, listening: Any
) -> None:
    """A statement of PostgreSQL's has at most 65,535 parameters: they are noted in portions."""
    monkeypatch.setattr(leaving, "_PORTION", 2)
    ids = [member(name) for name in ("anna", "bob", "carl", "dora", "erik")]
    with work() as opened:
        for user_id in ids:
            leaving.erase(opened, get(opened, user_id))
    with work() as opened:
        missed = leaving.erased_without(opened, "polls")
        assert len(missed) == 5
        with listening() as sent:
            leaving.note_erased(opened, "polls", missed[:-1])
        lists = [statement.split(" IN (")[1].partition(")\n")[0] for statement in sent if " IN (" in statement]
        assert [ids.count(",") + 1 for ids in lists] == [2, 2], sent
    with work() as opened:
        assert leaving.erased_without(opened, "polls") == missed[-1:]
        assert leaving.erased_without(opened, "accounts") == []


def test_inp_07_a_profile_has_limits_and_safe_html(work: Any, member: Any, get: Any) -> None:
    user_id = member("anna")
    good = {"name": " Ann  Example ", "location": "北京", "about": "", "language": "zh", "timezone": "Asia/Shanghai"}
    with work() as opened:
        profile.update(opened, get(opened, user_id), **good)
        assert get(opened, user_id).name == "Ann Example"
    bad = {"name": "x" * 65, "location": "a\u202eb", "about": "x" * 2001, "language": "xx", "timezone": "Mars/Base"}
    with work() as opened:
        user = get(opened, user_id)
        with pytest.raises(Faults) as raised:
            profile.update(opened, user, **bad)
    assert set(raised.value.reasons) == set(bad)
    html = profile.render_about(
        "[a](javascript:alert(1)) <script>x</script> **b** ![i](http://e/x.png) [c](https://e/)"
    )
    assert "<strong>b</strong>" in html
    assert "<script" not in html
    assert "<img" not in html
    assert "javascript:" not in html.replace("[a](javascript:alert(1))", "")
    assert 'rel="nofollow ugc noopener"' in html


class TestPicture:
    """XSS-04."""

    @pytest.fixture
    def picture(self) -> Any:
        def make(kind: str = "PNG", size: tuple[int, int] = (40, 20)) -> io.BytesIO:
            buffer = io.BytesIO()
            Image.new("RGB", size, "red").save(buffer, kind)
            buffer.seek(0)
            return buffer

        return make

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
    def test_is_encoded_again(self, work: Any, member: Any, get: Any, picture: Any, kind: str) -> None:
        user_id = member("anna")
        data = picture(kind).getvalue() + b"<script>alert(1)</script>"
        with work() as opened:
            profile.set_avatar(opened, get(opened, user_id), io.BytesIO(data))
        with work() as opened:
            stored = profile.find_picture(opened, user_id)
            assert stored.media_type == "image/webp"
            assert stored.image[:4] == b"RIFF"
            assert b"<script>" not in stored.image
            assert get(opened, user_id).avatar_version > 0
            profile.remove_avatar(opened, get(opened, user_id))
        with work() as opened:
            assert profile.find_picture(opened, user_id).image is None
            assert profile.find_picture(opened, user_id + 1) is None

    def test_what_is_none_is_refused(self, work: Any, member: Any, get: Any, picture: Any) -> None:
        user_id = member("anna")
        bad = [
            b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"GIF89a", b"%PDF-1.4", picture().getvalue()[:60],
            b"x" * (profile.LARGEST_UPLOAD + 1), picture(size=(7100, 7100)).getvalue(), picture("TIFF").getvalue(),
        ]  # fmt: skip
        for data in bad:
            with work() as opened, pytest.raises(Fault) as raised:
                profile.set_avatar(opened, get(opened, user_id), io.BytesIO(data))
            assert raised.value.field == "avatar"

    def test_is_drawn_from_the_name(self) -> None:
        for name in ("anna", "胡同", "<b>胡同</b>", "ß", "\ud800"):
            drawn = profile.drawn_avatar(name)
            assert drawn.startswith("<svg")
            assert "style" not in drawn
        assert ">胡<" in profile.drawn_avatar("胡同")


def test_open_work_undoes_what_raised(registry: Registry) -> None:
    def fail() -> None:
        with open_work(registry) as opened:
            opened.db.add(Role(name="Ghost"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with open_work(registry) as opened:
        assert "Ghost" not in opened.db.scalars(select(Role.name)).all()
