"""What a member says "about" themselves: safe HTML, with the links that other Markdown of the site has."""

from __future__ import annotations

import time

import pytest

from flasky.plugins.accounts.profile import LONGEST_ABOUT, render_about

REL = 'rel="nofollow ugc noopener"'


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("[me](example.com/me)", f'<a href="https://example.com/me" {REL}>me</a>'),
        ("[me](anna@example.com)", f'<a href="mailto:anna@example.com" {REL}>me</a>'),
        ("[me](//example.com)", f'<a href="//example.com" {REL}>me</a>'),
        ("[read](README.md)", f'<a href="README.md" {REL}>read</a>'),
        ("<https://example.com/>", f'<a href="https://example.com/" {REL}>https://example.com/</a>'),
        (
            "See https://example.com/a_b.",
            f'See <a href="https://example.com/a_b" {REL}>https://example.com/a_b</a>.',
        ),
        ("看http://a.com的文章", f'看<a href="http://a.com" {REL}>http://a.com</a>的文章'),
        ("![me](https://e.org/x.png)!", f'<a href="https://e.org/x.png" {REL}>me</a>!'),
        ("[![b](x.png)](http://e.org)", f'<a href="http://e.org" {REL}>b</a>'),
        # None: what leads nowhere, is in a link or code, is of another kind, or is the name of a file or site alone.
        ("http://e.org:99999/x", "http://e.org:99999/x"),
        ("`http://e.org`", "<code>http://e.org</code>"),
        ("ftp://e.org", "ftp://e.org"),
        ("[x](javascript:alert(1))", "[x](javascript:alert(1))"),
        ("notes.md, example.com", "notes.md, example.com"),
    ],
)
def test_xss_01_links_are_those_of_the_rest_of_the_site(source: str, html: str) -> None:
    assert render_about(source).strip() == f"<p>{html}</p>"


@pytest.mark.parametrize("source", ["# a", "a\n===", "a\n\n---", "|a|\n|-|\n|b|", "<b>a</b>", "<div>"])
def test_it_has_no_headings_rules_tables_and_elements(source: str) -> None:
    shown = render_about(source)
    assert not any(f"<{name}" in shown for name in ("h1", "h2", "hr", "table", "b>", "div")), shown


@pytest.mark.parametrize("shape", ["http://a.b ", "[", "![", "> ", "://", "*a_", "[a](b.md) "])
def test_xss_03_every_shape_is_quick(shape: str) -> None:
    source = (shape * LONGEST_ABOUT)[:LONGEST_ABOUT]
    begun = time.process_time()
    render_about(source)
    assert time.process_time() - begun < 1
