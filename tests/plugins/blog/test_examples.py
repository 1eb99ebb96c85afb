"""`flasky seed blog`: some life for a new site, and none for one that lives already."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flasky.plugins.blog.models import Post
from flasky.seeds import seeds, sow
from flasky.testing.seeds import assert_seeds_can_run_again


def test_a_new_site_comes_to_life_once(registry: Any, db: Session) -> None:
    assert_seeds_can_run_again(registry, "blog")
    assert db.scalar(select(func.count()).select_from(Post)) == 40
    # Nothing on the first page, which has both languages, is there twice.
    first = list(db.scalars(select(Post).order_by(Post.listed_at.desc()).limit(20)))
    assert len({post.body for post in first}) == 20
    for is_chinese in (False, True):
        sentences = [part for post in first for part in re.split(r"[:：;；。.\n]+ *", post.body) if part.strip()]
        spoken = [part for part in sentences if bool(re.search("[\u4e00-\u9fff]", part)) is is_chinese]
        assert len(spoken) > 10
        assert max(Counter(spoken).values()) <= 3


def test_a_site_with_a_post_is_left_alone(registry: Any, db: Session, member: Any, write: Any) -> None:
    write(member("anna"))
    ((_owner, seed),) = seeds(registry, ["blog"])
    assert sow(registry, seed) is None
    assert db.scalar(select(func.count()).select_from(Post)) == 1
