"""Markdown takes linear time, whatever its shape (XSS-03, P27)."""

from __future__ import annotations

import time

import pytest
from blog_vectors import SHAPES

from flasky.plugins.blog import limits, markdown


@pytest.mark.parametrize("name", SHAPES)
def test_xss_03_p27_every_shape_is_linear(name: str) -> None:
    """A hundred times the text takes at most about a hundred times as long; what a form takes is within a second."""
    shape = SHAPES[name]
    markdown.render(shape(1000))
    bound = 25 * max(seconds(shape(10_000), 0), 0.02)
    assert seconds(shape(100_000), bound) < bound
    assert seconds(shape(limits.LONGEST_BODY), 1) < 1


def seconds(source: str, enough: float) -> float:
    """The processor time to render `source`: the least of up to three tries, as what else runs slows each down."""
    least = float("inf")
    for _try in range(3):
        begin = time.process_time()
        markdown.render(source)
        least = min(least, time.process_time() - begin)
        if least < enough:
            break
    return least
