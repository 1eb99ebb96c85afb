"""`flasky seed blog`: some life for a new site, and none for one that lives already."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flasky.plugins.blog.models import Post
from flasky.seeds import seeds, sow
from flasky.testing.seeds import assert_seeds_can_run_again


def test_a_new_site_comes_to_life_once(registry: Any, db: Session) -> None:
    assert_seeds_can_run_again(registry, "blog")
    assert db.scalar(select(func.count()).select_from(Post)) == 40


def test_a_site_with_a_post_is_left_alone(registry: Any, db: Session, member: Any, write: Any) -> None:
    write(member("anna"))
    ((_owner, seed),) = seeds(registry, ["blog"])
    assert sow(registry, seed) is None
    assert db.scalar(select(func.count()).select_from(Post)) == 1
