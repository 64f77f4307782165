"""Fetching a person: only if the caller may know of them."""

from typing import Any

from sqlalchemy import Connection, select

from hubbub.kernel.caller import Caller
from hubbub.kernel.errors import NotFound
from hubbub.people.hooks import hooks
from hubbub.people.models import users


def access_user(connection: Connection, caller: Caller, user: str) -> Any:
    """The person's row. Raises NotFound when the caller may not know of them."""
    visible = hooks.visible_people(connection, caller)
    row = connection.execute(select(users).where(users.c.id == user)).one_or_none()
    if row is None or (visible is not None and row.id not in visible):
        raise NotFound("There is no such person.")
    return row
