"""Markdown takes linear time, whatever its shape (XSS-03, P27)."""

from __future__ import annotations

import time
from html.parser import HTMLParser

import blog_vectors
import pace
import pytest
from pace import Stopwatch

from flasky.plugins.blog import limits, markdown

#: Quotations whose last block no line without their mark goes on with, and such a line.
GIVEN_BACK = {
    "headings given back": "> # a\nb\n",
    "code given back": "> ```\na\n",
    "indented code given back": ">     a\nb\n",
    "rules given back": "> ---\nb\n",
    "items given back": "> - \na\n",
    "definitions given back": "> [a]: b\na\n",
    "tables given back": "> |a|\n> |-|\nb\n",
    "quotes given back within quotes": "> > # a\n> b\n",
}
SHAPES = blog_vectors.SHAPES | {
    name: lambda size, piece=piece: (piece * (size // len(piece) + 1))[:size] for name, piece in GIVEN_BACK.items()
}
#: Go the same way through the parser as others that are tried at 100,000 characters: here up to what a form takes.
LIKE_OTHERS = {
    "brackets": "image brackets",
    "pictures in pictures": "image brackets",
    "addresses of nothing": "addresses",
    "addresses within words": "addresses without a scheme",
    "addresses in marks": "addresses in 中文",
    "empty links": "open links",
    "strong": "alternating",
    "marks beside 中文": "alternating",
    "long references used": "references used",
    "pictures by reference": "references used",
    "references without words": "references used",
    "quoted references used": "references used",
    "marks below quotes": "lines below quotes",
    "lines below quoted lists": "lines below quotes",
    "quotes anew": "lines below quotes",
    "lists anew": "bullets",
    "short rows": "tables",
    "letters in rows": "tables",
    "empty code in quotes": "empty quotes",
    "empty code in quotes within quotes": "empty quotes",
    "empty code below quotes": "empty quotes",
    "lists and quotes": "lists in turn",
    "lists and quotes below a quote": "lists in turn",
    "letters in strong marks": "alternating",
    "different titles": "different links",
} | {name: "definitions given back" for name in GIVEN_BACK if name != "definitions given back"}


def everybody(names: list[str]) -> dict[str, markdown.Called]:
    """A site where everybody is a member, so that each mention could be a link."""
    return {name: markdown.Called(number, since=0) for number, name in enumerate(names, 1)}


@pytest.mark.parametrize("name", SHAPES)
def test_xss_03_p27_every_shape_is_linear(name: str) -> None:
    """A hundred times the text takes at most about a hundred times as long; what a form takes is within a second."""
    shape = SHAPES[name]
    render(shape(1000))
    longest = limits.LONGEST_BODY if name in LIKE_OTHERS else 100_000
    bound = longest / 4000 * max(seconds(shape(10_000), 1), 0.02)
    spent = seconds(shape(longest), bound)
    assert spent < bound
    # What takes so long with more text need not be tried again.
    assert spent < 1 or seconds(shape(limits.LONGEST_BODY), 1) < 1


def test_xss_03_25_shapes_are_tried_at_full_length() -> None:
    assert len(SHAPES) - len(LIKE_OTHERS) >= 25
    assert set(LIKE_OTHERS.values()) <= set(SHAPES) - set(LIKE_OTHERS)


@pytest.mark.parametrize("size", [1000, limits.LONGEST_BODY])
@pytest.mark.parametrize("name", SHAPES)
def test_xss_03_no_shape_makes_a_long_page_or_a_long_list(name: str, size: int) -> None:
    """Of each character at most thirteen, and a little more for a short text; a list shows ten thousand of them."""
    rendered = render(SHAPES[name](size))
    assert len(rendered.html) <= 13 * size + 2000
    assert len(rendered.summary) <= 10_000
    assert rendered.is_long or len(rendered.html) <= 10_000
    assert left_open(rendered.html) == left_open(rendered.summary) == []


class Stack(HTMLParser):
    """Notes what is open, and what is closed that was not opened last."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"br", "hr"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open[-1:] == [tag]:
            self.open.pop()
        else:
            self.open.append(f"/{tag}")


def left_open(html: str) -> list[str]:
    stack = Stack()
    stack.feed(html)
    stack.close()
    return stack.open


@pytest.mark.parametrize("name", [name for name in SHAPES if "reference" in name])
def test_xss_03_what_is_written_once_and_used_often_makes_no_long_page(name: str) -> None:
    rendered = render(SHAPES[name](limits.LONGEST_BODY))
    assert len(rendered.html) < 8 * limits.LONGEST_BODY
    assert len(rendered.summary) < limits.LONGEST_BODY


def render(source: str) -> markdown.Rendered:
    return markdown.render(source, members=everybody)


def seconds(source: str, enough: float) -> float:
    """The processor time to render `source`: the least of up to three tries, as what else runs slows each down."""
    least = float("inf")
    for _try in range(3):
        with Stopwatch() as watch:
            render(source)
        least = min(least, watch.seconds)
        if least < enough:
            break
    return least


def test_a_machine_that_is_busy_only_during_the_work_is_no_slower(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bounds above: what else runs need not be there behind what is measured."""
    busy: list[bool] = []
    monkeypatch.setattr(pace, "yardstick", lambda: (2 if busy else 1) * pace.QUIET)
    begun = time.thread_time()
    with Stopwatch() as watch:
        busy.append(True)
        # Its timer is late on a machine that is really busy.
        while time.thread_time() - begun < 0.12 or not watch._within:
            render("word")
        busy.clear()
    assert watch.seconds < 0.75 * (time.thread_time() - begun)
