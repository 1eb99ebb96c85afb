"""What the board does beside its pages: it tidies up, and tells how it is."""

from __future__ import annotations

from datetime import time

from sqlalchemy import delete, func, select

from flasky.database import get_database
from flasky_board.models import Notice


def tidy(request):
    """The job: take down what says nothing."""
    request.db.execute(delete(Notice).where(Notice.text == ""))


def examples(request):
    """The seed: a first notice."""
    if request.db.scalar(select(Notice.id).limit(1)) is None:
        request.db.add(Notice(text="Milk is out"))
        return "a notice"
    return None


def count(registry):
    """The metric: how many there are."""
    with get_database(registry).read_engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(Notice))


def check(registry):
    """The health check: a board that nobody can read is ill."""
    return None if count(registry) < 100_000 else "the board is full"


def includeme(config):
    """Let the job come round at night."""
    config.add_schedule("board.tidy", daily_at=time(3, 30))
