"""A member's tokens, for its owner to take along, and to take leave of (`config.add_personal_data`)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete

from flasky.plugins.accounts.models import User
from flasky.plugins.accounts.services import Work
from flasky.plugins.api import tokens
from flasky.plugins.api.models import AccessToken


def export(work: Work, user: User) -> dict[str, Any]:
    """Which tokens the member has; what they are is not known here."""
    own = [{name: value for name, value in row._asdict().items() if name != "id"} for row in tokens.own(work, user.id)]
    return {"tokens": own}


def erase(work: Work, user: User) -> None:
    """Nothing of them stays."""
    work.db.execute(delete(AccessToken).where(AccessToken.user_id == user.id))
