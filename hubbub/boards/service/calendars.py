"""The link by which somebody's calendar reads what they have to do: a secret, kept hashed, that they can withdraw."""

import secrets
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from hubbub.boards.models import calendars
from hubbub.kernel.caller import Caller
from hubbub.kernel.clock import format_optional_time, format_time
from hubbub.kernel.commands import Answer, command
from hubbub.kernel.errors import Conflict
from hubbub.kernel.seal import Seal
from hubbub.kernel.transaction import Transaction
from hubbub.people.models import users
from hubbub.people.tokens import hash_token

SECRET_BYTES = 32


def link_url(base_url: str, secret: str) -> str:
    return f"{base_url}/calendar/{secret}.ics"


@command("calendar.make_link", seal=True)
def make_link(tx: Transaction, caller: Caller, *, _base_url: str) -> Answer:
    """Makes a new link, and ends the older one; answers `url` and `created_at`."""
    created_at = format_time(tx.now)
    # First of all, since it locks one's own stream: of two at once, the later one stands.
    tx.append(caller.id, "calendar.changed", caller.id, {"created_at": created_at})
    tx.execute(delete(calendars).where(calendars.c.user == caller.id))
    secret = secrets.token_urlsafe(SECRET_BYTES)
    tx.execute(
        insert(calendars),
        {
            "user": caller.id,
            "secret_hash": hash_token(secret),
            "sealed": tx.seal(secret.encode()).decode(),
            "created_at": tx.now,
        },
    )
    return Answer({"url": link_url(_base_url, secret), "created_at": created_at}, status=201)


@command("calendar.revoke_link")
def revoke_link(tx: Transaction, caller: Caller) -> None:
    """Ends one's link, if there is one."""
    if tx.execute(delete(calendars).where(calendars.c.user == caller.id)).rowcount:
        tx.append(caller.id, "calendar.changed", caller.id, {"created_at": None})


def read_link(
    connection: Connection, caller: Caller, *, seal: Seal, base_url: str
) -> dict[str, Any]:
    """One's link: `url` and `created_at`, both None without one; `url` also when it cannot be decrypted any more."""
    row = connection.execute(
        select(calendars.c.sealed, calendars.c.created_at).where(calendars.c.user == caller.id)
    ).one_or_none()
    if row is None:
        return {"url": None, "created_at": None}
    try:
        url = link_url(base_url, seal.unseal(row.sealed.encode()).decode())
    except Conflict:
        url = None
    return {"url": url, "created_at": format_optional_time(row.created_at)}


def find_owner(connection: Connection, secret: str) -> Caller | None:
    """Whose link this is, while they are active; None for any other."""
    row = connection.execute(
        select(users.c.id, users.c.role)
        .join(calendars, calendars.c.user == users.c.id)
        .where(calendars.c.secret_hash == hash_token(secret), users.c.active)
    ).one_or_none()
    return None if row is None else Caller(row.id, row.role)
