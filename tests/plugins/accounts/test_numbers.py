"""Numbers that stand in addresses and forms are never given again: they would mean somebody or something else."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

from PIL import Image
from pyramid.registry import Registry

from flasky.database import utc_now
from flasky.plugins.accounts import leaving, profile
from flasky.plugins.accounts.models import User


def test_the_number_of_who_left_goes_to_nobody_else(work: Any, registry: Registry, member: Any) -> None:
    member("anna")
    gone = member("bob")
    with work() as opened:
        opened.db.get(User, gone).deletion_due_at = utc_now() - timedelta(seconds=1)
    assert leaving.erase_due(registry) == 1
    assert member("carl") > gone


def test_a_picture_behind_one_that_was_removed_has_an_address_of_its_own(work: Any, member: Any, get: Any) -> None:
    """XSS-04: browsers keep what they have seen at an address."""
    anna = member("anna")
    addresses: list[int] = []
    for colour in ("red", "blue"):
        picture = io.BytesIO()
        Image.new("RGB", (9, 9), colour).save(picture, "PNG")
        picture.seek(0)
        with work() as opened:
            profile.set_avatar(opened, get(opened, anna), picture)
            addresses.append(get(opened, anna).avatar_version)
        with work() as opened:
            profile.remove_avatar(opened, get(opened, anna))
            assert get(opened, anna).avatar_version == 0
    assert len(set(addresses)) == 2
