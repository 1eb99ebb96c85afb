"""Roles and members in the shell (PARITY rows 8 and 19)."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from flasky.plugins.accounts.models import Role, User


def test_the_three_roles_exist_after_the_migrations(db: Session) -> None:
    assert list(db.scalars(select(Role.name).order_by(Role.id))) == ["User", "Moderator", "Administrator"]


def test_a_name_and_a_role_make_a_member(db: Session) -> None:
    role = Role(name="Friend")
    db.add_all([role, User(username="anna", role=role)])
    db.commit()
    anna = db.scalars(select(User).filter_by(username="anna")).one()
    assert anna.role.name == "Friend"
    assert anna.password_hash is None
    assert role.users.all() == [anna]
    assert role.users.count() == 1
    assert role.users.filter_by(username="bob").all() == []


def test_an_unknown_role_is_told_before_the_database_is_asked(db: Session) -> None:
    with pytest.raises(ValueError, match=r"'Boss' is not a role.*filter_by\(name="):
        User(username="anna", role="Boss")
    with pytest.raises(ValueError, match="None is not a role"):
        User(username="anna", role=db.scalars(select(Role).filter_by(name="Boss")).first())


@pytest.mark.parametrize("twin", ["anna", "ANNA", "Ａnna", "аnnа"])
def test_a_duplicate_name_leaves_a_session_that_works_after_rollback(db: Session, twin: str) -> None:
    role = db.scalars(select(Role).filter_by(name="User")).one()
    db.add(User(username="anna", role=role))
    db.commit()
    db.add(User(username=twin, role=role))
    with pytest.raises(IntegrityError):
        db.commit()
    db.rollback()
    assert role.users.count() == 1
    db.add(User(username="bob", role=role))
    db.commit()


def test_chinese_names_come_out_as_they_went_in(db: Session) -> None:
    role = db.scalars(select(Role).filter_by(name="User")).one()
    db.add(User(username="胡同", role=role))
    db.commit()
    db.expire_all()
    assert db.scalars(select(User.username).filter_by(username_key="胡同")).one() == "胡同"
