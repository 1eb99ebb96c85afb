"""The pages of the plug-in `main`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pyramid.request import Request


def index(_request: Request) -> dict[str, Any]:
    """The greeting, and the time at which it was made."""
    return {"now": datetime.now(UTC)}
