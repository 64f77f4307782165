"""What leaves in one turn of the event loop.

Events of a room are kept in a `Batch` that all its members share: a member is touched once, at the
first event of the turn, and later events cost the same whether the room has ten members or ten
thousand. As soon as one member has been sent anything else, the batch is sealed, so that every
socket gets its packets in the order in which they were emitted. At the end of the turn each
session writes once; those with nothing but the batch all write the very same ``bytes``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import Protocol

from .loops import NO_SOCKET, flush, park, touch

logger = logging.getLogger("hubbub.gateway")

TURN_LIMIT = 1_000_000  # bytes emitted before they are handed on without waiting for the turn's end


class Batch:
    """Frames for one set of receivers, which may grow while ``open``."""

    __slots__ = ("fanout", "frames", "open", "owner")

    def __init__(self, frame: bytes, fanout: int, owner: BatchOwner | None) -> None:
        self.frames = [frame]
        self.fanout = fanout
        self.owner = owner
        self.open = owner is not None

    def seal(self) -> None:
        """Later events of the owner get a new batch."""
        if self.open:
            self.open = False
            if self.owner is not None:
                self.owner.batch = None
                self.owner = None

    def join(self) -> bytes:
        """All frames as one object, the same for every caller."""
        self.seal()
        if len(self.frames) > 1:
            self.frames = [b"".join(self.frames)]
        return self.frames[0]


class BatchOwner(Protocol):
    """A room: it knows its open batch."""

    batch: Batch | None


Queue = bytes | Batch | list[bytes | Batch] | None


class Stream(Protocol):
    """The part of an asyncio transport that is written to."""

    def write(self, data: bytes, /) -> None: ...

    def get_write_buffer_size(self) -> int: ...


class Receiver(Protocol):
    """A session, as the outbox sees it. It must be a `Target` as well."""

    queue: Queue
    direct: int
    stream: Stream | None  # None while bytes must be held back

    def hold(self, data: bytes) -> None: ...

    def fail(self) -> None: ...


class Outbox:
    """Collects frames per receiver and hands them on once per turn of the event loop."""

    __slots__ = ("_batches", "_dirty", "_pending", "_scheduled", "bytes_out", "deliveries")

    def __init__(self) -> None:
        self.deliveries = 0
        self.bytes_out = 0
        self._dirty: list[Receiver] = []
        self._batches: list[Batch] = []
        self._pending = 0
        self._scheduled = False

    def send(self, receiver: Receiver, frames: bytes) -> None:
        """Queue ``frames`` for one receiver."""
        if receiver.queue is None:
            receiver.queue = frames
            self._dirty.append(receiver)
        else:
            enqueue(self._dirty, receiver, frames)
        self._grow(len(frames))

    def publish(
        self, owner: BatchOwner, members: Iterable[Receiver], count: int, frames: bytes
    ) -> None:
        """Queue ``frames`` for all ``members`` of ``owner``, of which there are ``count``."""
        batch = owner.batch
        if batch is None:
            batch = owner.batch = Batch(frames, count, owner)
            self._batches.append(batch)
            touch(batch, members, self._dirty, enqueue)
        else:
            batch.frames.append(frames)
        self.deliveries += count
        self._grow(len(frames))

    def publish_once(self, members: Sequence[Receiver], frames: bytes) -> None:
        """Queue ``frames`` for an ad-hoc set of receivers."""
        touch(Batch(frames, len(members), None), members, self._dirty, enqueue)
        self.deliveries += len(members)
        self._grow(len(frames))

    def _grow(self, size: int) -> None:
        self._pending += size
        if self._pending > TURN_LIMIT:
            self.flush()
        elif not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._end_of_turn)

    def _end_of_turn(self) -> None:
        self._scheduled = False
        self.flush()

    def flush(self) -> None:
        """Hand everything queued to the receivers' streams, one write each."""
        dirty = self._dirty
        batches = self._batches
        self._dirty = []
        self._batches = []
        self._pending = 0
        for batch in batches:
            batch.seal()
        self.bytes_out += flush(dirty, join_queue, write)

    def take(self, receiver: Receiver) -> bytes:
        """Everything queued for ``receiver``, taken out of the turn."""
        queue = receiver.queue
        receiver.queue = None
        data = join_queue(queue)
        self.bytes_out += len(data)
        return data


def enqueue(dirty: list[Receiver], receiver: Receiver, part: bytes | Batch) -> None:
    """Queue ``part`` for a receiver that may have something queued already."""
    queue = receiver.queue
    if queue is None:
        receiver.queue = part
        dirty.append(receiver)
    elif type(queue) is list:
        tail = queue[-1]
        if type(tail) is Batch:
            tail.seal()
        queue.append(part)
    else:
        if type(queue) is Batch:
            queue.seal()
        receiver.queue = [queue, part]  # type: ignore[list-item]


def write(receiver: Receiver, data: bytes) -> None:
    """Give ``data`` to the receiver's stream, or have it held back."""
    stream = receiver.stream
    try:
        if stream is None:
            receiver.hold(data)
            return
        stream.write(data)
        direct = receiver.direct
        if direct != NO_SOCKET and (direct >= 0) == (stream.get_write_buffer_size() > 0):
            # What the stream could not write yet must go first; after that, back to the socket.
            receiver.direct = park(direct)
    except Exception:
        # One broken transport must not keep the others waiting.
        logger.exception("writing to a socket failed")
        receiver.fail()


def join_queue(queue: Queue) -> bytes:
    """The bytes of a receiver's queue."""
    if queue is None:
        return b""
    if isinstance(queue, bytes):
        return queue
    if isinstance(queue, Batch):
        return queue.join()
    return b"".join([part if isinstance(part, bytes) else part.join() for part in queue])


def queue_size(queue: Queue) -> int:
    """The number of bytes in a receiver's queue, leaving it as it is."""
    if queue is None:
        return 0
    if isinstance(queue, bytes):
        return len(queue)
    if isinstance(queue, Batch):
        return sum(map(len, queue.frames))
    return sum(map(queue_size, queue))
