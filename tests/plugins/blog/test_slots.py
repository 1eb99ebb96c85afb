"""The places in a post that other plug-ins fill."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pytest
from made_plugins import make_plugin

pytestmark = [pytest.mark.usefixtures("signed"), pytest.mark.databases("sqlite")]


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A plug-in that says something above and below each post."""
    folder = tmp_path_factory.mktemp("installed")
    package = make_plugin(
        folder,
        "signed",
        """
        config.add_jinja2_search_path("flasky_signed:templates", name=".jinja2")
        config.add_slot("blog.post_header", "flasky_signed.above")
        config.add_slot("blog.post_footer", "signed/below.jinja2")
        """,
        top="""
        def above(request, post):
            return f"above {post.id} of {post.username} <{post.title}>"
        """,
        declaration='requires=("blog",)',
    )
    (package / "templates" / "signed").mkdir(parents=True)
    (package / "templates" / "signed" / "below.jinja2").write_text(
        "<p>below {{ post.id }}: {{ post.tag_names }}, {{ post.author_id }}, {{ post.hidden_reason }}</p>"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        importlib.invalidate_caches()
        yield
    importlib.invalidate_caches()


@pytest.fixture
def app_settings() -> dict[str, Any]:
    return {
        "flasky.plugins": "main accounts blog signed",
        "accounts.argon2_memory_kib": "64",
        "accounts.argon2_time_cost": "1",
    }


def test_slots_above_and_below_a_post_are_given_the_post(member: Any, write: Any, client: Any, statements: Any) -> None:
    anna = member("anna")
    post, draft = write(anna, "words", title="A <walk>", tags="hike"), write(anna, "not yet", draft=True)
    page = client().get(f"/post/{post}")
    assert len(statements()) == 2
    above, words, below = (page.text.index(text) for text in ("above ", "words</p>", "<p>below"))
    assert above < words < below
    assert f"above {post} of anna &lt;A &lt;walk&gt;&gt;" in page
    assert f"<p>below {post}: hike, {anna}, </p>" in page
    assert "below" not in client().get("/")
    # Its author sees a draft as it will be.
    page = client(anna).get(f"/post/{draft}")
    assert f"above {draft} of anna" in page
    assert "not yet" in page
