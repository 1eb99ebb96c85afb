"""What holds for the Simplified Chinese texts of the kernel and the shipped plug-ins together."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po
from pyramid.registry import Registry

from flasky.mail.declarations import declared_mails
from flasky.mail.rendering import render_mail, render_sample

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = "main accounts api blog"


@pytest.fixture
def app_settings() -> dict[str, Any]:
    return {"flasky.plugins": PLUGINS}


@pytest.fixture(scope="module")
def messages() -> dict[str, list[Message]]:
    """The translated texts of each catalog by its name."""
    found = {"flasky": ROOT / "flasky", **{name: ROOT / "flasky" / "plugins" / name for name in PLUGINS.split()}}
    paths = {name: package / "locale" / "zh" / "LC_MESSAGES" / "flasky.po" for name, package in found.items()}
    return {name: [item for item in read_po(path.open("rb"), "zh") if item.id] for name, path in paths.items()}


def texts(message: Message) -> tuple[str, ...]:
    """The forms of a translation."""
    return (message.string,) if isinstance(message.string, str) else tuple(message.string)


def test_a_text_has_one_translation_in_all_catalogs(messages: dict[str, list[Message]]) -> None:
    """All are one domain: whichever is read last would win, in the other's pages and mails too."""
    found: dict[Any, dict[tuple[str, ...], str]] = defaultdict(dict)
    for name, catalog in messages.items():
        for message in catalog:
            found[message.context, message.id].setdefault(texts(message), name)
    assert [(key, ways) for key, ways in found.items() if len(ways) > 1] == []


def test_readers_are_addressed_in_one_way(messages: dict[str, list[Message]]) -> None:
    """您 everywhere; 你好 greets the world, and nobody in it."""
    spoken = [(name, text) for name, catalog in messages.items() for item in catalog for text in texts(item)]
    assert [place for place in spoken if "你" in place[1].replace("你好，世界", "")] == []
    assert sum("您" in text for _, text in spoken) > 100


def test_what_moderators_give_is_called_by_one_word(messages: dict[str, list[Message]]) -> None:
    reasons = [item for item in messages["blog"] if "eason" in str(item.id)]
    assert {word for item in reasons for text in texts(item) for word in ("原因", "理由") if word in text} == {"原因"}


@pytest.mark.databases("sqlite")
def test_mails_have_the_signs_and_dates_of_their_language(registry: Registry) -> None:
    for mail in declared_mails(registry):
        chinese = render_sample(registry, mail, "zh")
        for text in (chinese.text, re.sub("<[^>]+>", "", chinese.html)):
            assert re.findall(r".*[\u4e00-\u9fff][:,;!?].*", text) == [], mail.template
    leaving = next(mail for mail in declared_mails(registry) if mail.template == "mail/leaving")
    for language, date in (("en", "January 31, 2030"), ("zh", "2030年1月31日")):
        shown = render_sample(registry, leaving, language)
        assert date in shown.text
        assert date in shown.html
    digest = next(mail for mail in declared_mails(registry) if mail.template == "mail/blog_digest")
    values = digest.sample_values()
    titled = {**values, "entries": [{**values["entries"][0], "title": "<b>胡同 & co"}]}
    shown = render_mail(registry, digest.template, digest.subject, titled, "zh")
    assert "- Bob 评论了您的文章：<b>胡同 & co\n" in shown.text
    assert "Bob 评论了您的文章</a>：&lt;b&gt;胡同 &amp; co" in shown.html
