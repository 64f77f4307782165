"""What runs once per delivery.

`_flush.c` has the same in C, and sends most things itself, without the transport. Which of the two
is used is settled here: the compiled one, unless it was not built or ``HUBBUB_PURE_PYTHON`` is set.
"""

from __future__ import annotations

import asyncio
import os
import socket as sockets
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

NO_SOCKET = -1  # as `Target.direct`: everything goes through the stream


class Target:
    """The part of a receiver that a delivery touches."""

    __slots__ = ("direct", "queue", "stream")

    queue: Any
    stream: Any
    # The file descriptor of a socket whose transport has nothing waiting, which may be written to
    # directly; that of any other as `park` gives it; or NO_SOCKET.
    direct: int


def touch(
    batch: object,
    members: Iterable[Any],
    dirty: list[Any],
    enqueue: Callable[[list[Any], Any, Any], None],
) -> None:
    """Queue ``batch`` for ``members``, with ``enqueue`` for those who have something queued."""
    for member in members:
        if member.queue is None:
            member.queue = batch
            dirty.append(member)
        else:
            enqueue(dirty, member, batch)


def flush(
    dirty: list[Any], join: Callable[[Any], bytes], write: Callable[[Any, bytes], None]
) -> int:
    """Empty the queues of all ``dirty`` receivers; returns how many bytes were in them.

    ``join`` makes bytes of a queue. ``write`` gets those that were not sent directly; from the
    compiled loop also a ``memoryview`` of the rest, when a socket took only some of them.
    """
    total = 0
    for receiver in dirty:
        queue = receiver.queue
        if queue is not None:
            receiver.queue = None
            data = join(queue)
            total += len(data)
            write(receiver, data)
    return total


def read_data_frame(
    data: bytes | bytearray,  # noqa: ARG001
    at: int,  # noqa: ARG001
    limit: int,  # noqa: ARG001
) -> tuple[int, bytes, int] | None:
    """What `frames.read_frame` gives, for the usual frame: all there, of text or bytes, unbroken
    and not over 64 KB. None for any other; the compiled one alone knows any."""
    return None


COMPILED = False
if not TYPE_CHECKING and not os.environ.get("HUBBUB_PURE_PYTHON"):
    try:
        from ._flush import Target, flush, read_data_frame, touch  # noqa: F401
    except ImportError:
        pass
    else:
        COMPILED = True


def park(direct: int) -> int:
    """The same descriptor, no longer to be written to; or again, if it was parked."""
    return -2 - direct


def find_socket(transport: asyncio.Transport) -> int:
    """What a new `Target.direct` should be: parked, since the transport may have a rest to write.

    Only plain TCP sockets of the compiled loop are written to directly.
    """
    if not COMPILED or transport.get_extra_info("sslcontext") is not None:
        return NO_SOCKET
    found = transport.get_extra_info("socket")
    if found is None or found.family not in (sockets.AF_INET, sockets.AF_INET6):
        return NO_SOCKET
    descriptor: int = found.fileno()
    return park(descriptor) if descriptor >= 0 else NO_SOCKET
