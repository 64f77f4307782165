"""Sessions: begun at sign-in, carried on by rotating refresh tokens, ended everywhere at once."""

from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from hubbub.kernel.caller import Caller
from hubbub.kernel.commands import Answer, command
from hubbub.kernel.errors import NotFound
from hubbub.kernel.ids import new_id
from hubbub.kernel.transaction import Transaction
from hubbub.people.models import sessions, spent_tokens, users
from hubbub.people.shapes import session_shape
from hubbub.people.tokens import hash_token, new_refresh_token

LEEWAY_MS = 15_000
"""A token that was rotated away this lately is accepted again: its answer was lost on the way."""

KEPT_MS = 7 * 86_400_000


def begin_session(
    tx: Transaction, user: str, *, user_agent: str, address: str, lives_ms: int
) -> dict[str, str]:
    """A new session: {session, refresh_token}."""
    token, session = new_refresh_token(), new_id()
    tx.connection.execute(
        insert(sessions),
        {
            "id": session,
            "user": user,
            "refresh_hash": hash_token(token),
            "user_agent": user_agent[:200],
            "address": address[:60],
            "created_at": tx.now,
            "last_used_at": tx.now,
            "expires_at": tx.now + lives_ms,
        },
    )
    return {"session": session, "refresh_token": token}


@command("session.begin", target="user")
def sign_in(
    tx: Transaction, caller: Caller, *, user: str, user_agent: str, lives_ms: int
) -> dict[str, str]:
    """After the password was right."""
    return begin_session(tx, user, user_agent=user_agent, address=caller.address, lives_ms=lives_ms)


@command("session.refresh", target="session")
def rotate_token(
    tx: Transaction, caller: Caller, *, token_hash: str, lives_ms: int, guest_idle_ms: int
) -> dict[str, Any]:
    """Exchanges a refresh token for a new one: {user, role, session, refresh_token}, or {refused}.

    A token that was exchanged before ends its session (OAuth 2.0 Security BCP, RFC 9700, section 4.14.2).
    """
    found = tx.connection.execute(
        select(sessions).where(sessions.c.refresh_hash == token_hash).with_for_update()
    ).one_or_none()
    if found is None:
        spent = tx.connection.execute(
            select(spent_tokens).where(spent_tokens.c.hash == token_hash)
        ).one_or_none()
        if spent is None:
            return {"refused": "unknown"}
        found = tx.connection.execute(
            select(sessions).where(sessions.c.id == spent.session).with_for_update()
        ).one()
        if tx.now - spent.spent_at > LEEWAY_MS:
            if found.ended_at is None:
                end_sessions(tx, found.user, found.user, [found.id])
            return {"refused": "reused", "user": found.user, "session": found.id}
    user = tx.connection.execute(select(users).where(users.c.id == found.user)).one()
    if found.ended_at is not None or found.expires_at <= tx.now or not user.active:
        return {"refused": "ended"}
    token = new_refresh_token()
    if found.refresh_hash != token_hash:
        # The answer to the first exchange was lost; what it carried is spent as well.
        spend(tx, found.refresh_hash, found.id)
    else:
        spend(tx, token_hash, found.id)
    tx.connection.execute(
        update(sessions)
        .where(sessions.c.id == found.id)
        .values(
            refresh_hash=hash_token(token),
            last_used_at=tx.now,
            expires_at=tx.now + (guest_idle_ms if user.role == "guest" else lives_ms),
            address=caller.address[:60],
        )
    )
    return {"user": user.id, "role": user.role, "session": found.id, "refresh_token": token}


def spend(tx: Transaction, token_hash: str, session: str) -> None:
    tx.connection.execute(
        insert(spent_tokens), {"hash": token_hash, "session": session, "spent_at": tx.now}
    )


@command("session.touch", audited=False)
def touch_session(tx: Transaction, caller: Caller, *, guest_idle_ms: int) -> None:
    """Notes that a session is in use; a guest's lives on from here."""
    values: dict[str, int] = {"last_used_at": tx.now}
    if caller.role == "guest":
        values["expires_at"] = tx.now + guest_idle_ms
    tx.connection.execute(
        update(sessions)
        .where(sessions.c.id == caller.session, sessions.c.ended_at.is_(None))
        .values(**values)
    )


def end_sessions(tx: Transaction, actor: str, user: str, ids: list[str] | None = None) -> None:
    """Ends the sessions (None: all of the person's); `session.ended` closes their sockets on every node."""
    query = update(sessions).where(sessions.c.user == user, sessions.c.ended_at.is_(None))
    if ids is not None:
        query = query.where(sessions.c.id.in_(ids))
    tx.connection.execute(query.values(ended_at=tx.now))
    for session in ids if ids is not None else [None]:
        tx.append(user, "session.ended", actor, {"session": session})


@command("session.end", target="session")
def end_session(tx: Transaction, caller: Caller, *, session: str) -> None:
    """Ends one of the caller's own sessions. Raises NotFound."""
    found = tx.connection.execute(
        select(sessions.c.id).where(
            sessions.c.id == session,
            sessions.c.user == caller.id,
            sessions.c.ended_at.is_(None),
        )
    ).scalar()
    if found is None:
        raise NotFound("There is no such session.")
    end_sessions(tx, caller.id, caller.id, [session])


@command("session.sign_out")
def sign_out(tx: Transaction, _caller: Caller, *, token_hash: str) -> Answer:
    """Ends the session a refresh token belongs to; an unknown token changes nothing."""
    found = tx.connection.execute(
        select(sessions.c.id, sessions.c.user).where(
            sessions.c.refresh_hash == token_hash, sessions.c.ended_at.is_(None)
        )
    ).one_or_none()
    if found is not None:
        end_sessions(tx, found.user, found.user, [found.id])
    return Answer(None)


def list_sessions(connection: Connection, caller: Caller, now: int) -> dict[str, Any]:
    rows = connection.execute(
        select(sessions)
        .where(
            sessions.c.user == caller.id,
            sessions.c.ended_at.is_(None),
            sessions.c.expires_at > now,
        )
        .order_by(sessions.c.last_used_at.desc())
        .limit(200)
    )
    return {"items": [session_shape(row, caller.session) for row in rows]}


@command("session.sweep", audited=False)
def sweep_sessions(tx: Transaction, caller: Caller) -> Answer:
    """Ends sessions whose time is over, puts guests without one to rest, drops what ended long ago."""
    over = tx.connection.execute(
        select(sessions.c.id, sessions.c.user, users.c.role)
        .join(users, users.c.id == sessions.c.user)
        .where(sessions.c.ended_at.is_(None), sessions.c.expires_at <= tx.now)
        .order_by(sessions.c.user)
        .limit(500)
    ).all()
    for row in over:
        end_sessions(tx, caller.id, row.user, [row.id])
    guests = {row.user for row in over if row.role == "guest"}
    if guests:
        alive = select(sessions.c.user).where(sessions.c.ended_at.is_(None))
        tx.connection.execute(
            update(users)
            .where(users.c.id.in_(guests), users.c.id.not_in(alive))
            .values(active=False)
        )
    tx.connection.execute(delete(sessions).where(sessions.c.ended_at < tx.now - KEPT_MS))
    return Answer({"ended": len(over)})
