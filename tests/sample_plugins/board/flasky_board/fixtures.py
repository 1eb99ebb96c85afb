"""For the tests of plug-ins that require the board."""

from __future__ import annotations

import pytest


@pytest.fixture
def board_notice(db):
    """A function that pins a notice and returns its id."""
    from flasky_board.models import Notice  # noqa: PLC0415 - pytest loads this module wherever the board is installed

    def pin(text="Milk is out", **values):
        notice = Notice(text=text, **values)
        db.add(notice)
        db.commit()
        return notice.id

    return pin
