"""What other features add to people, without people knowing them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from hubbub.kernel.caller import Caller
from hubbub.kernel.transaction import Transaction

OnJoined = Callable[[Transaction, Caller, str, str, str | None], None]
"""(tx, caller, user, role, room of the invitation): a new person is put where they belong."""


StreamsOf = Callable[[Connection, Sequence[str]], list[tuple[str, str]]]
"""The streams beside the workspace's that show any of these people, as pairs (stream, person)."""


def no_room(_connection: Connection, _caller: Caller, room: str) -> str:
    raise LookupError(room)


@dataclass(slots=True)
class Hooks:
    """Filled once by the composition root."""

    on_joined: list[OnJoined] = field(default_factory=list)
    check_invitation_room: Callable[[Connection, Caller, str], str] = no_room
    room_name: Callable[[Connection, str], str | None] = lambda connection, room: None
    visible_people: Callable[[Connection, Caller], set[str] | None] = lambda connection, caller: (
        None
    )
    streams_of: StreamsOf = lambda connection, users: []


hooks = Hooks()


def register(
    *,
    on_joined: OnJoined,
    check_invitation_room: Callable[[Connection, Caller, str], str],
    room_name: Callable[[Connection, str], str | None],
    visible_people: Callable[[Connection, Caller], set[str] | None],
    streams_of: StreamsOf,
) -> None:
    """Sets the hooks; registering the same again changes nothing."""
    if on_joined not in hooks.on_joined:
        hooks.on_joined.append(on_joined)
    hooks.check_invitation_room = check_invitation_room
    hooks.room_name = room_name
    hooks.visible_people = visible_people
    hooks.streams_of = streams_of
