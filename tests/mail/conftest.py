"""What the tests of the mail room share: an application with a page that sends mails."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def app_settings() -> dict[str, Any]:
    return {"pyramid.includes": "sample_mails", "flasky.plugins": "main"}
