"""Accounts and guests: signing up, changing who one is, roles."""

import hashlib
import hmac
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, func, insert, select, update

from hubbub.kernel import log
from hubbub.kernel.caller import SYSTEM, Caller
from hubbub.kernel.commands import Answer, command
from hubbub.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from hubbub.kernel.ids import new_id
from hubbub.kernel.kernel import Kernel
from hubbub.kernel.transaction import Transaction
from hubbub.people.hooks import hooks
from hubbub.people.models import sessions, users, workspaces
from hubbub.people.passwords import check_password, passwords
from hubbub.people.schemas import NewAccount
from hubbub.people.service.announce import announce_user, find_workspace
from hubbub.people.service.invitations import use_invitation
from hubbub.people.service.sessions import begin_session, end_sessions
from hubbub.people.shapes import user_shape
from hubbub.people.visibility import access_user


def prove(kernel: Kernel, password: str) -> str:
    """Tells whether a repeated key came with the same password, without keeping it."""
    return hmac.new(kernel.secrets[0].encode(), password.encode(), hashlib.sha256).hexdigest()


def new_user(
    tx: Transaction,
    *,
    name: str,
    role: str,
    email: str | None = None,
    password_hash: str | None = None,
) -> str:
    """Makes the person and their stream. Raises Conflict when the address is taken."""
    if email is not None:
        taken = tx.connection.execute(select(users.c.id).where(users.c.email == email)).scalar()
        if taken is not None:
            raise Conflict("There is an account with this address already. Sign in instead.")
    user = new_id()
    tx.create_stream(user, "person")
    tx.connection.execute(
        insert(users),
        {
            "id": user,
            "name": name,
            "email": email,
            "password_hash": password_hash,
            "role": role,
            "created_at": tx.now,
        },
    )
    return user


def found_workspace(tx: Transaction, name: str) -> None:
    """Makes the workspace; the singleton constraint refuses a second one."""
    workspace = new_id()
    tx.create_stream(workspace, "workspace")
    tx.connection.execute(insert(workspaces), {"id": workspace, "name": name, "created_at": tx.now})


def admit(tx: Transaction, caller: Caller, user: str, role: str, room: str | None) -> Any:
    """Puts a new person where they belong and tells everybody; answers the row."""
    for place in hooks.on_joined:
        place(tx, caller, user, role, room)
    return announce_user(tx, user, user)


@command("account.sign_up", target="email", seal=True)
def sign_up(
    tx: Transaction,
    caller: Caller,
    *,
    name: str,
    email: str,
    proof: str,  # noqa: ARG001 - part of the request's fingerprint
    token_in_body: bool,  # noqa: ARG001 - part of the request's fingerprint
    invite: str | None,
    workspace: str | None,
    _open_to_all: bool,
    _lives_ms: int,
    _password_hash: str,
    _user_agent: str,
) -> Answer:
    """Makes an account and its first session. The first person founds the workspace and owns it."""
    room = None
    if find_workspace(tx.connection) is None:
        found_workspace(tx, workspace or f"{name}'s workspace")
        role = "owner"
    elif invite is not None:
        invitation = use_invitation(tx, invite, email)
        role, room = invitation.role, invitation.room
        if role == "guest":
            raise Forbidden("This invitation is for a guest: no account is needed.")
    elif _open_to_all:
        role = "member"
    else:
        raise Forbidden("This workspace is by invitation. Ask a colleague for a link.")
    user = new_user(tx, name=name, role=role, email=email, password_hash=_password_hash)
    row = admit(tx, caller, user, role, room)
    session = begin_session(
        tx, user, user_agent=_user_agent, address=caller.address, lives_ms=_lives_ms
    )
    return Answer({"user": user_shape(row, email=True), "at": tx.now, **session}, 201)


@command("guest.join", target="invite", seal=True)
def join_as_guest(
    tx: Transaction,
    caller: Caller,
    *,
    invite: str,
    name: str,
    token_in_body: bool,  # noqa: ARG001 - part of the request's fingerprint
    _idle_ms: int,
    _user_agent: str,
) -> Answer:
    """A guest of the invitation's room, with a session that ends some time after its last use."""
    invitation = use_invitation(tx, invite, None)
    if invitation.role != "guest":
        raise Forbidden("This invitation is for an account. Sign up with it.")
    user = new_user(tx, name=name, role="guest")
    row = admit(tx, caller, user, "guest", invitation.room)
    session = begin_session(
        tx, user, user_agent=_user_agent, address=caller.address, lives_ms=_idle_ms
    )
    return Answer({"user": user_shape(row, email=True), "at": tx.now, **session}, 201)


@command("user.update", target="name")
def update_me(
    tx: Transaction, caller: Caller, *, name: str | None, title: str | None
) -> dict[str, Any]:
    """Changes one's own name or title; None stays."""
    values = {k: v for k, v in (("name", name), ("title", title)) if v is not None}
    if values:
        tx.connection.execute(update(users).where(users.c.id == caller.id).values(**values))
        announce_user(tx, caller.id, caller.id)
    row = tx.connection.execute(select(users).where(users.c.id == caller.id)).one()
    return user_shape(row, email=True)


@command("user.change", target="user")
def change_user(
    tx: Transaction, caller: Caller, *, user: str, role: str | None, active: bool | None
) -> dict[str, Any]:
    """Changes somebody's role, or lets them in or out. There is always an active owner."""
    if caller.role not in ("owner", "admin"):
        raise Forbidden("Only the owner and admins may change other people.")
    # The workspace's stream is locked first: two owners cannot demote each other at once.
    log.lock_streams(tx.connection, [find_workspace(tx.connection).id])
    row = access_user(tx.connection, caller, user)
    if row.sample:
        raise Conflict("People of the sample workspace go with it.")
    if caller.role != "owner" and {"owner", "admin"} & {row.role, role}:
        raise Forbidden("Only an owner may change owners and admins.")
    if role is not None and "guest" in (row.role, role) and row.role != role:
        raise Conflict("A guest stays a guest: invite the person to an account instead.")
    if row.role == "guest" and active and not row.active:
        raise Conflict("A guest whose visit ended comes back by a new link.")
    values: dict[str, Any] = {}
    if role is not None and role != row.role:
        values["role"] = role
    if active is not None and active != row.active:
        values["active"] = active
    if not values:
        return user_shape(row, email=True)
    leaves = row.role == "owner" and (values.get("role") or values.get("active") is False)
    if leaves and count_owners(tx.connection) == 1:
        raise Conflict("This is the only owner. Make somebody else an owner first.")
    tx.connection.execute(update(users).where(users.c.id == user).values(**values))
    changed = announce_user(tx, caller.id, user)
    if values.get("active") is False:
        end_sessions(tx, caller.id, user)
    return user_shape(changed, email=True)


def count_owners(connection: Connection) -> int:
    query = select(func.count()).where(users.c.role == "owner", users.c.active)
    return int(connection.execute(query).scalar_one())


@command("account.password", target="user")
def change_password(
    tx: Transaction,
    caller: Caller,
    *,
    user: str,
    keep: str | None,
    proof: str,  # noqa: ARG001 - part of the request's fingerprint
    _password_hash: str,
) -> None:
    """Sets the password; every session but `keep` ends."""
    tx.connection.execute(
        update(users).where(users.c.id == user).values(password_hash=_password_hash)
    )
    if keep is None:
        end_sessions(tx, caller.id, user)
    else:
        end_other_sessions(tx, user, keep)


@command("account.rehash", audited=False)
def rehash_password(
    tx: Transaction, _caller: Caller, *, user: str, _old_hash: str, _password_hash: str
) -> None:
    """Keeps the same password in the hasher's present parameters, unless it was changed meanwhile."""
    tx.connection.execute(
        update(users)
        .where(users.c.id == user, users.c.password_hash == _old_hash)
        .values(password_hash=_password_hash)
    )


def end_other_sessions(tx: Transaction, user: str, keep: str) -> None:
    others = tx.connection.execute(
        select(sessions.c.id).where(
            sessions.c.user == user, sessions.c.ended_at.is_(None), sessions.c.id != keep
        )
    )
    ids = list(others.scalars())
    if ids:
        end_sessions(tx, user, user, ids)


@command("account.add", target="email")
def add_user(
    tx: Transaction, caller: Caller, *, name: str, email: str, role: str, _password_hash: str
) -> dict[str, Any]:
    """Adds an account from the command line; the first one founds the workspace and owns it."""
    if find_workspace(tx.connection) is None:
        found_workspace(tx, f"{name}'s workspace")
        role = "owner"
    user = new_user(tx, name=name, role=role, email=email, password_hash=_password_hash)
    return user_shape(admit(tx, caller, user, role, None), email=True)


async def add_account(
    kernel: Kernel, *, name: str, email: str, password: str, role: str
) -> dict[str, Any]:
    """As the command line does it. Raises Problem."""
    try:
        given = NewAccount(name=name, email=email)
    except ValidationError as error:
        first = error.errors()[0]
        raise Invalid(f"{first['loc'][0]}: {first['msg']}.") from None
    name, email = given.name, given.email
    check_password(password, name, email)
    hashed = await passwords.hash(password)
    await kernel.write(add_user, SYSTEM, name=name, email=email, role=role, _password_hash=hashed)

    def read(connection: Connection) -> dict[str, Any]:
        row = connection.execute(select(users).where(users.c.email == email)).one()
        return user_shape(row, email=True)

    return await kernel.read(read)


async def reset_password(kernel: Kernel, *, email: str, password: str) -> None:
    """Sets a password from the command line and ends every session of the account. Raises Problem."""
    email = email.strip().lower()
    check_password(password, email)

    def find(connection: Connection) -> str | None:
        return connection.execute(select(users.c.id).where(users.c.email == email)).scalar()

    user = await kernel.read(find)
    if user is None:
        raise NotFound(f"There is no account with the address {email}.")
    hashed = await passwords.hash(password)
    await kernel.write(
        change_password,
        SYSTEM,
        user=user,
        keep=None,
        proof=prove(kernel, password),
        _password_hash=hashed,
    )


def find_credentials(connection: Connection, email: str) -> Any:
    return connection.execute(
        select(users).where(users.c.email == email, users.c.active)
    ).one_or_none()


def list_users(
    connection: Connection, caller: Caller, *, limit: int, cursor: str | None
) -> dict[str, Any]:
    """People the caller may know of, by id: {items, next}."""
    visible = hooks.visible_people(connection, caller)
    query = select(users).order_by(users.c.id).limit(limit + 1)
    if visible is not None:
        query = query.where(users.c.id.in_(visible))
    if cursor:
        query = query.where(users.c.id > cursor)
    rows = connection.execute(query).all()
    shows = caller.role in ("owner", "admin")
    items = [user_shape(row, email=shows or row.id == caller.id) for row in rows[:limit]]
    return {"items": items, "next": items[-1]["id"] if len(rows) > limit else None}


def read_user(connection: Connection, caller: Caller, user: str) -> dict[str, Any]:
    row = access_user(connection, caller, user)
    shows = caller.role in ("owner", "admin") or row.id == caller.id
    return user_shape(row, email=shows)


def read_setup(connection: Connection) -> dict[str, Any]:
    """Whether there is a workspace, and its name."""
    found = find_workspace(connection)
    return {"first_run": found is None, "workspace": found.name if found else None}


def read_credentials(connection: Connection, user: str) -> Any:
    """The row of a person who exists."""
    return connection.execute(select(users).where(users.c.id == user)).one()
