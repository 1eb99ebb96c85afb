"""MAI-03, P30, RED-02, INJ-03: what a mail says, in which language, and where its links lead."""

from __future__ import annotations

import pytest
from jinja2 import UndefinedError
from pyramid.registry import Registry

from flasky.languages import _
from flasky.mail.rendering import RenderedMail, render_mail

LITERALS = [
    "{{7*7}}",
    "{% raw %}",
    "${name}",
    "${site_url}",
    "%(name)s",
    "%s",
    "100%",
    "{0.__class__}",
    "{name}",
    "#{7*7}",
    "<%= 7*7 %>",
    "$name",
    "\\${name}",
]


def _render(registry: Registry, name: str, language: str = "en") -> RenderedMail:
    subject = _("Welcome, ${name}", mapping={"name": name})
    return render_mail(registry, "sample/greeting", subject, {"name": name}, language)


def test_the_text_is_not_escaped_and_the_html_is(registry: Registry) -> None:
    """MAI-03: a member called O'Brien & <b>."""
    mail = _render(registry, "O'Brien & <b>")
    assert mail.text.startswith("Welcome, O'Brien & <b>\nO'Brien & <b>\n")
    assert "<p>Welcome, O&#39;Brien &amp; &lt;b&gt;</p>" in mail.html
    assert '<p title="O&#39;Brien &amp; &lt;b&gt;">' in mail.html
    assert "<b>" not in mail.html
    assert mail.subject == "[Flasky] Welcome, O'Brien & <b>"


@pytest.mark.parametrize("text", LITERALS)
def test_what_a_member_writes_is_never_a_template(registry: Registry, text: str) -> None:
    """INJ-03."""
    mail = _render(registry, text)
    assert f"\n{text}\n" in mail.text
    assert f"Welcome, {text}" in mail.text
    assert f"Welcome, {text}" in mail.subject
    assert "49" not in mail.text


def test_links_lead_to_the_site_s_own_address(make_app) -> None:
    """RED-02: the base URL, not what a browser said."""
    app = make_app(flasky__base_url="https://community.example.com:8443", pyramid__includes="sample_mails")
    mail = _render(app.registry, "Ann")
    assert "\nhttps://community.example.com:8443/\n" in mail.text
    assert 'href="https://community.example.com:8443/"' in mail.html


def test_a_mail_is_in_the_recipient_s_language(registry: Registry) -> None:
    mail = render_mail(registry, "mail/test", _("Test mail"), {}, "zh")
    assert mail.subject == "[Flasky] 测试邮件"
    assert mail.language == "zh"
    assert '<html lang="zh">' in mail.html


def test_a_language_that_the_site_does_not_have_becomes_english(registry: Registry) -> None:
    assert render_mail(registry, "mail/test", _("Test mail"), {}, "xx").subject == "[Flasky] Test mail"


def test_a_value_that_nobody_gave_is_an_error(registry: Registry) -> None:
    with pytest.raises(UndefinedError, match="name"):
        render_mail(registry, "sample/greeting", "Hello", {}, "en")


def test_the_prefix_comes_from_the_settings(make_app) -> None:
    app = make_app(flasky__mail_subject_prefix="[Club 胡同]")
    assert render_mail(app.registry, "mail/test", "Hello", {}, "en").subject == "[Club 胡同] Hello"
