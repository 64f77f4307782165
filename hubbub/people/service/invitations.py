"""Invitations: a code that lets somebody in, for a role, perhaps into a room."""

import secrets
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from hubbub.kernel.caller import Caller
from hubbub.kernel.clock import format_time
from hubbub.kernel.commands import Answer, command
from hubbub.kernel.errors import Conflict, Forbidden, Gone, Invalid, NotFound
from hubbub.kernel.transaction import Transaction
from hubbub.people.hooks import hooks
from hubbub.people.models import invitations, users, workspaces

DAY_S = 86_400
DEFAULT_S = {"guest": 30 * DAY_S}
SHORTEST_S, LONGEST_S = 300, 90 * DAY_S
KEPT_MS = 30 * DAY_S * 1000
LISTED = 200
COLLEAGUES = ("owner", "admin", "member")
INVITERS = {"admin": ("owner",)}
"""Who may invite for a role; for the others COLLEAGUES, within the rules of `check_may_invite`."""

UNKNOWN = "There is no such invitation."


def invitation_shape(connection: Connection, row: Any, base_url: str) -> dict[str, Any]:
    """An invitation as wire.ts shows it, to its maker and to whom it invites."""
    inviter = connection.execute(select(users.c.name).where(users.c.id == row.inviter)).scalar()
    page = "guest" if row.role == "guest" else "join"
    return {
        "code": row.code,
        "url": f"{base_url}/{page}/{row.code}",
        "role": row.role,
        "room": row.room,
        "room_name": hooks.room_name(connection, row.room) if row.room else None,
        "workspace": connection.execute(select(workspaces.c.name)).scalar(),
        "inviter": inviter,
        "email": row.email,
        "uses_left": row.uses_left,
        "expires_at": format_time(row.expires_at),
    }


def check_may_invite(
    connection: Connection, caller: Caller, role: str, room: str | None, email: str | None
) -> None:
    """Who may invite whom: the owner everybody; admins all but admins; members clients and guests to their rooms."""
    if caller.role not in COLLEAGUES:
        raise Forbidden("Only members of the workspace may invite.")
    if caller.role not in INVITERS.get(role, COLLEAGUES):
        raise Forbidden("Only the owner may invite admins.")
    if caller.role == "member" and (role not in ("client", "guest") or room is None):
        raise Forbidden("Members may invite clients and guests to rooms they are in.")
    if role == "guest" and room is None:
        raise Invalid.field("room", "A guest is invited to a room.")
    if role == "guest" and email is not None:
        raise Invalid.field("email", "A guest has no address: whoever has the link may come.")
    if room is not None:
        hooks.check_invitation_room(connection, caller, room)


@command("invitation.create", target="role", seal=True)
def create_invitation(
    tx: Transaction,
    caller: Caller,
    *,
    role: str,
    room: str | None,
    email: str | None,
    expires_in: int | None,
    uses: int | None,
    _base_url: str,
) -> Answer:
    """Makes an invitation. `expires_in` in seconds; `uses` None means any number until it expires."""
    check_may_invite(tx.connection, caller, role, room, email)
    lives = expires_in if expires_in is not None else DEFAULT_S.get(role, 7 * DAY_S)
    code = secrets.token_urlsafe(18)
    tx.connection.execute(
        insert(invitations),
        {
            "code": code,
            "role": role,
            "room": room,
            "email": email,
            "uses_left": uses,
            "inviter": caller.id,
            "created_at": tx.now,
            "expires_at": tx.now + lives * 1000,
        },
    )
    row = tx.connection.execute(select(invitations).where(invitations.c.code == code)).one()
    return Answer(invitation_shape(tx.connection, row, _base_url), 201)


def find_invitation(connection: Connection, code: str, now: int) -> Any:
    """The invitation, if it can still be used. Raises NotFound or Gone."""
    row = connection.execute(
        select(invitations, users.c.active, users.c.role.label("inviter_role"))
        .join(users, users.c.id == invitations.c.inviter)
        .where(invitations.c.code == code)
    ).one_or_none()
    if row is None:
        raise NotFound(UNKNOWN)
    # Whoever may no longer invite leaves no way in behind.
    may_invite = row.active and row.inviter_role in INVITERS.get(row.role, COLLEAGUES)
    if row.withdrawn_at is not None or not may_invite:
        raise Gone("This invitation was withdrawn.")
    if row.expires_at <= now:
        raise Gone("This invitation has expired. Ask for a new one.")
    if row.uses_left == 0:
        raise Gone("This invitation was used already. Ask for a new one.")
    if row.room is not None and hooks.room_name(connection, row.room) is None:
        raise Gone("The room of this invitation is no longer there.")
    return row


def read_invitation(connection: Connection, code: str, now: int, base_url: str) -> dict[str, Any]:
    return invitation_shape(connection, find_invitation(connection, code, now), base_url)


def use_invitation(tx: Transaction, code: str, email: str | None) -> Any:
    """Takes one use of the invitation; answers its row. Raises NotFound, Gone or Conflict."""
    row = find_invitation(tx.connection, code, tx.now)
    if row.email is not None and row.email != email:
        raise Forbidden("This invitation is for another address.")
    if row.uses_left is not None:
        taken = tx.connection.execute(
            update(invitations)
            .where(invitations.c.code == code, invitations.c.uses_left > 0)
            .values(uses_left=invitations.c.uses_left - 1)
        ).rowcount
        if not taken:
            raise Conflict("Somebody else used this invitation at the same moment.")
    return row


def list_invitations(
    connection: Connection, caller: Caller, now: int, base_url: str
) -> dict[str, Any]:
    """Invitations that can still be used: one's own, for owners and admins all; at most LISTED."""
    query = (
        select(invitations)
        .where(invitations.c.withdrawn_at.is_(None), invitations.c.expires_at > now)
        .where((invitations.c.uses_left.is_(None)) | (invitations.c.uses_left > 0))
        .order_by(invitations.c.created_at.desc())
        .limit(LISTED)
    )
    if caller.role not in ("owner", "admin"):
        query = query.where(invitations.c.inviter == caller.id)
    rows = connection.execute(query).all()
    return {"items": [invitation_shape(connection, row, base_url) for row in rows], "next": None}


@command("invitation.withdraw", target="code")
def withdraw_invitation(tx: Transaction, caller: Caller, *, code: str) -> None:
    """Withdraws one's own invitation; owners and admins any. Raises NotFound."""
    row = tx.connection.execute(select(invitations).where(invitations.c.code == code)).one_or_none()
    mine = row is not None and (row.inviter == caller.id or caller.role in ("owner", "admin"))
    if row is None or not mine or row.withdrawn_at is not None:
        raise NotFound(UNKNOWN)
    tx.connection.execute(
        update(invitations).where(invitations.c.code == code).values(withdrawn_at=tx.now)
    )


@command("invitation.sweep", audited=False)
def sweep_invitations(tx: Transaction, _caller: Caller) -> None:
    tx.connection.execute(delete(invitations).where(invitations.c.expires_at < tx.now - KEPT_MS))
