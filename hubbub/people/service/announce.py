"""Tells everybody who sees a person how they are now."""

from typing import Any

from sqlalchemy import Connection, select

from hubbub.kernel.transaction import Transaction
from hubbub.people.hooks import hooks
from hubbub.people.models import users, workspaces
from hubbub.people.shapes import user_shape


def find_workspace(connection: Connection) -> Any:
    """The workspace's row, None before the first sign-up."""
    return connection.execute(select(workspaces)).one_or_none()


def announce_user(tx: Transaction, actor: str, user: str) -> Any:
    """Appends `user.changed` to every stream that shows the person; answers the row."""
    row = tx.connection.execute(select(users).where(users.c.id == user)).one()
    tx.append(user, "user.changed", actor, user_shape(row, email=True))
    workspace = find_workspace(tx.connection)
    shape = user_shape(row)
    others = sorted(stream for stream, _ in hooks.streams_of(tx.connection, [user]))
    for stream in [workspace.id, *others]:
        tx.append(stream, "user.changed", actor, shape)
    return row
