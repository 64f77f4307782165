"""The socket side of chat: the commands it accepts and what its entries mean for followers."""

import orjson

from hubbub.chat.access import followable_rooms, shared_rooms, visible_people
from hubbub.chat.schemas import (
    DeleteCommand,
    EditCommand,
    PostCommand,
    ReactCommand,
    ReadCommand,
    TypingSignal,
)
from hubbub.chat.service import messages, rooms
from hubbub.gateway import Namespace, Socket
from hubbub.kernel.bus import Signal
from hubbub.kernel.delivery import Delivery
from hubbub.kernel.kernel import Kernel
from hubbub.kernel.log import Entry
from hubbub.kernel.sockets import (
    count_command,
    parse_input,
    register_command,
    require_connection,
)
from hubbub.people import hooks


def register_hooks() -> None:
    """Tells `people` what only chat knows."""
    hooks.register(
        on_joined=rooms.welcome_person,
        check_invitation_room=rooms.check_invitation_room,
        room_name=rooms.read_room_name,
        visible_people=visible_people,
        streams_of=shared_rooms,
    )


def left_person(entry: Entry) -> str:
    """Whose right to follow a room ends with `member.left`."""
    user: str = orjson.loads(entry.data)["user"]
    # On the person's own stream the same kind tells the person; it takes nothing from anybody.
    return "" if entry.stream == user else user


def register_events(kernel: Kernel, namespace: Namespace, delivery: Delivery) -> None:
    """Registers chat's socket commands, its kind of stream, and the entries that end a right."""
    kernel.stream_access["room"] = followable_rooms
    delivery.withdraws["member.left"] = left_person
    delivery.withdraws["room.deleted"] = lambda entry: (
        None if orjson.loads(entry.data)["id"] == entry.stream else ""
    )
    register_command(
        kernel,
        namespace,
        "message.post",
        PostCommand,
        messages.post_message,
        shows="message",
        fields=lambda given: {
            "room": given.room,
            "body": given.body,
            "reply_to": given.reply_to,
        },
    )
    register_command(
        kernel,
        namespace,
        "message.edit",
        EditCommand,
        messages.edit_message,
        shows="message",
        fields=lambda given: {"message": given.message, "body": given.body},
    )
    register_command(
        kernel,
        namespace,
        "message.delete",
        DeleteCommand,
        messages.delete_message,
        fields=lambda given: {"message": given.message},
    )
    for event, command in (
        ("message.react", messages.add_reaction),
        ("message.unreact", messages.remove_reaction),
    ):
        register_command(
            kernel,
            namespace,
            event,
            ReactCommand,
            command,
            shows="message",
            fields=lambda given: {"message": given.message, "emoji": given.emoji},
        )
    register_command(
        kernel,
        namespace,
        "room.read",
        ReadCommand,
        messages.move_read_mark,
        fields=lambda given: {"room": given.room, "seq": given.seq},
    )

    @namespace.on("typing")
    def typing(socket: Socket, *arguments: object) -> None:
        connection = require_connection(socket)
        count_command(connection, enabled=kernel.settings.rate_limits)
        room = parse_input(TypingSignal, arguments).room
        if room in connection.following:
            kernel.bus.signal(Signal(room, "typing", connection.caller.id, {}))
