"""Who is who: the people of Trello's board and those of the workspace."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from hubbub.boards.access import Right, right_of
from hubbub.boards.trello.export import Export, Member
from hubbub.boards.trello.texts import to_plain
from hubbub.kernel.caller import Caller
from hubbub.kernel.errors import Forbidden, Invalid, NotFound
from hubbub.people.models import users
from hubbub.people.roles import COLLEAGUES

RIGHTS: dict[str, Right] = {"admin": "manage", "normal": "edit", "observer": "view"}


@dataclass(frozen=True, slots=True)
class Match:
    """Somebody of Trello and who they are here; `right` is what they get on the board."""

    member: str
    shown: str
    user: str | None = None
    name: str = ""
    how: str = ""
    right: Right | None = None
    # Whether they may be given tasks.
    sees: bool = False


def show_member(member: Member) -> str:
    full, username = to_plain(member.full_name), to_plain(member.username)
    if full and username:
        return f"{full} (@{username})"
    return full or (f"@{username}" if username else "somebody without a name")


def find_caller(connection: Connection, email: str | None) -> Caller:
    """The person with this address, or the first owner. Raises NotFound, and Forbidden for who may not make boards."""
    found = select(users).where(users.c.active).order_by(users.c.created_at, users.c.id).limit(1)
    if email is None:
        row = connection.execute(found.where(users.c.role == "owner")).one_or_none()
        if row is None:
            raise NotFound("There is no workspace yet: `hubbub user add` makes it.")
    else:
        row = connection.execute(found.where(users.c.email == email.lower())).one_or_none()
        if row is None:
            raise NotFound(f"There is no active account with the address {email}.")
    if row.role not in COLLEAGUES:
        raise Forbidden("Only members of the workspace may make boards.")
    return Caller(row.id, row.role)


def match_people(
    connection: Connection, export: Export, given: Mapping[str, str], shown_to: str
) -> dict[str, Match]:
    """Everybody the export names, by their id there: by `given` addresses of usernames, otherwise by equal names.

    Raises Invalid for a username or an address that nobody has.
    """
    people = export.people()
    addresses = {username.removeprefix("@").lower(): email for username, email in given.items()}
    strangers = addresses.keys() - {member.username.lower() for member in people.values()}
    if strangers:
        raise Invalid(f"Nobody on this board is called @{min(strangers)} in Trello.")
    rows = connection.execute(select(users).where(users.c.sample.is_(False))).all()
    by_email = {user.email: user for user in rows if user.email is not None}
    by_name: dict[str, list[Any]] = {}
    for user in rows:
        if user.role != "guest":
            by_name.setdefault(to_plain(user.name).casefold(), []).append(user)
    rights = {one.id_member: RIGHTS.get(one.member_type, "edit") for one in export.memberships}
    matches = {}
    for identifier, member in people.items():
        email = addresses.get(member.username.lower()) if member.username else None
        same = by_name.get(to_plain(member.full_name).casefold(), [])
        if email is not None and email.lower() not in by_email:
            raise Invalid(f"There is no account with the address {email}.")
        row: Any = same[0] if len(same) == 1 else None
        if email is not None:
            row = by_email[email.lower()]
        shown = show_member(member)
        if row is None:
            how = "several accounts have this name" if same else "no account has this name"
            matches[identifier] = Match(identifier, shown, how=how)
            continue
        right = rights.get(identifier) if row.active else None
        if right in ("edit", "manage") and row.role not in COLLEAGUES:
            right = "comment"
        sees = row.active and right_of(row.role, shown_to, right) is not None
        how = "as given" if email else "by name"
        matches[identifier] = Match(identifier, shown, row.id, row.name, how, right, sees)
    return matches
