"""What a test needs and this machine may not have: skipped with the reason for a person, a failure in CI."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(what: str, remedy: str) -> NoReturn:
    """Skip the test because `what` is not there; in CI (``CI=true``) fail it, as nothing may be skipped there."""
    reason = f"{what} is not available here. {remedy}"
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
