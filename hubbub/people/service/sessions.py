"""Sessions: begun at sign-in, carried on by rotating refresh tokens, ended everywhere at once."""

from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from hubbub.kernel import log
from hubbub.kernel.caller import Caller
from hubbub.kernel.commands import Answer, command
from hubbub.kernel.committer import audit_row
from hubbub.kernel.errors import NotFound
from hubbub.kernel.ids import new_id
from hubbub.kernel.transaction import Transaction
from hubbub.people.models import sessions, spent_tokens, users
from hubbub.people.service.announce import announce_user
from hubbub.people.shapes import session_shape
from hubbub.people.tokens import hash_token, new_refresh_token

LEEWAY_MS = 15_000
"""A token that was exchanged this lately is answered once more: the first answer was lost on the way."""

KEPT_MS = 7 * 86_400_000
SPENT_KEPT_MS = 30 * 86_400_000


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


@command("session.refresh", audited=False)
def rotate_token(
    tx: Transaction,
    caller: Caller,
    *,
    token_hash: str,
    lives_ms: int,
    guest_idle_ms: int,
    _next_token: str,
) -> dict[str, Any]:
    """Exchanges a refresh token for `_next_token`: {user, role, session, refresh_token}, or {refused}.

    A token that was exchanged before ends its session (OAuth 2.0 Security BCP, RFC 9700, section 4.14.2), unless
    that was just now and for this very `_next_token`: then the answer was lost, or two tabs asked at once.
    """
    found = tx.connection.execute(
        select(sessions).where(sessions.c.refresh_hash == token_hash).with_for_update()
    ).one_or_none()
    first_time = found is not None
    if found is None:
        spent = tx.connection.execute(
            select(spent_tokens).where(spent_tokens.c.hash == token_hash)
        ).one_or_none()
        if spent is None:
            record(tx, caller, "session.refresh", "", denied="unknown token")
            return {"refused": "unknown"}
        found = tx.connection.execute(
            select(sessions).where(sessions.c.id == spent.session).with_for_update()
        ).one()
        repeated = found.refresh_hash == hash_token(_next_token)
        if not repeated or tx.now - spent.spent_at > LEEWAY_MS:
            owner = Caller(found.user, "", found.id, caller.address)
            record(tx, owner, "session.refresh", found.id, denied="token reused")
            if found.ended_at is None:
                end_sessions(tx, found.user, found.user, [found.id])
            return {"refused": "reused", "session": found.id}
    user = tx.connection.execute(select(users).where(users.c.id == found.user)).one()
    owner = Caller(user.id, user.role, found.id, caller.address)
    if found.ended_at is not None or found.expires_at <= tx.now or not user.active:
        record(tx, owner, "session.refresh", found.id, denied="the session has ended")
        return {"refused": "ended"}
    values: dict[str, Any] = {
        "last_used_at": tx.now,
        "expires_at": tx.now + (guest_idle_ms if user.role == "guest" else lives_ms),
        "address": caller.address[:60],
    }
    if first_time:
        spend(tx, token_hash, found.id)
        values["refresh_hash"] = hash_token(_next_token)
    tx.connection.execute(update(sessions).where(sessions.c.id == found.id).values(**values))
    record(tx, owner, "session.refresh", found.id)
    return {"user": user.id, "role": user.role, "session": found.id, "refresh_token": _next_token}


def spend(tx: Transaction, token_hash: str, session: str) -> None:
    """Remembers a token that was exchanged; what was exchanged long ago is only unknown."""
    old = spent_tokens.c.spent_at < tx.now - SPENT_KEPT_MS
    tx.connection.execute(delete(spent_tokens).where(spent_tokens.c.session == session, old))
    tx.connection.execute(
        insert(spent_tokens), {"hash": token_hash, "session": session, "spent_at": tx.now}
    )


def record(tx: Transaction, actor: Caller, action: str, target: str, *, denied: str = "") -> None:
    """The audit row of a command whose actor is known only once it runs."""
    row = audit_row(tx.now, actor, action, target, "denied" if denied else "done", denied)
    tx.put(log.AUDIT, [row])


@command("session.touch", audited=False)
def touch_sessions(
    tx: Transaction, _caller: Caller, *, members: list[str], guests: list[str], guest_idle_ms: int
) -> None:
    """Notes that sessions are in use; guests' live on from here."""
    for ids, values in (
        (members, {"last_used_at": tx.now}),
        (guests, {"last_used_at": tx.now, "expires_at": tx.now + guest_idle_ms}),
    ):
        if ids:
            tx.connection.execute(
                update(sessions)
                .where(sessions.c.id.in_(ids), sessions.c.ended_at.is_(None))
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
    retire_guest(tx, actor, user)


def retire_guest(tx: Transaction, actor: str, user: str) -> None:
    """A guest without a session cannot come back: they are no longer active."""
    alive = select(sessions.c.user).where(sessions.c.user == user, sessions.c.ended_at.is_(None))
    retired = tx.connection.execute(
        update(users)
        .where(users.c.id == user, users.c.role == "guest", users.c.active, ~alive.exists())
        .values(active=False)
    ).rowcount
    if retired:
        announce_user(tx, actor, user)


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


@command("session.sign_out", audited=False)
def sign_out(tx: Transaction, caller: Caller, *, token_hash: str) -> dict[str, str | None]:
    """Ends the session a refresh token belongs to; an unknown token changes nothing."""
    found = tx.connection.execute(
        select(sessions.c.id, sessions.c.user).where(
            sessions.c.refresh_hash == token_hash, sessions.c.ended_at.is_(None)
        )
    ).one_or_none()
    if found is None:
        return {"session": None}
    end_sessions(tx, found.user, found.user, [found.id])
    owner = Caller(found.user, "", found.id, caller.address)
    record(tx, owner, "session.sign_out", found.id)
    return {"session": found.id}


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
    """Ends sessions whose time is over, and with them the visits of guests."""
    over = tx.connection.execute(
        select(sessions.c.id, sessions.c.user)
        .where(sessions.c.ended_at.is_(None), sessions.c.expires_at <= tx.now)
        .order_by(sessions.c.user)
        .limit(500)
    ).all()
    for row in over:
        end_sessions(tx, caller.id, row.user, [row.id])
    return Answer({"ended": len(over)})


@command("session.drop", audited=False)
def drop_sessions(tx: Transaction, _caller: Caller) -> None:
    """Forgets sessions that ended long ago."""
    tx.connection.execute(delete(sessions).where(sessions.c.ended_at < tx.now - KEPT_MS))
