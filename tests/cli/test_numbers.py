"""How commands say numbers."""

from __future__ import annotations

import pytest

from flasky.cli.numbers import counted


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 posts"), (1, "1 post"), (2, "2 posts"), (11, "11 posts"), (21, "21 posts")]
)
def test_one_thing_is_not_said_as_several(number: int, said: str) -> None:
    assert counted(number, "post") == said


def test_a_plural_that_takes_more_than_an_s_is_given() -> None:
    assert [counted(number, "process", "processes") for number in (0, 1, 2)] == [
        "0 processes",
        "1 process",
        "2 processes",
    ]
