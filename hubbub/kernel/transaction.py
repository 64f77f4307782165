"""The transaction a command runs in."""

from collections.abc import Callable
from typing import Any

import orjson
from sqlalchemy import Connection, CursorResult, Executable

from hubbub.kernel import log
from hubbub.kernel.log import Entry


class Transaction:
    """One database transaction, shared by the commands of a batch.

    `now` is its one time, in milliseconds since the epoch. `key` is the running command's idempotency key: the
    first entry it appends carries it. `last_seq` is the seq of that first entry. `subject` is the id of what the
    command's answer tells of.
    """

    __slots__ = (
        "_reserved",
        "connection",
        "entries",
        "key",
        "last_seq",
        "now",
        "seal",
        "subject",
        "unseal",
    )

    def __init__(
        self,
        connection: Connection,
        now: int,
        seal: Callable[[bytes], bytes],
        unseal: Callable[[bytes], bytes],
    ) -> None:
        self.connection = connection
        self.now = now
        self.seal = seal
        self.unseal = unseal
        self.entries: list[Entry] = []
        self.key: str | None = None
        self.last_seq: int | None = None
        self.subject: str | None = None
        self._reserved: dict[str, int] = {}

    def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        return self.connection.execute(statement, parameters)

    def begin_command(self) -> None:
        self.key = None
        self.last_seq = None
        self.subject = None
        self._reserved.clear()

    def end_command(self) -> None:
        """Raises RuntimeError when places were reserved and not filled: the log would have a hole."""
        if self._reserved:
            raise RuntimeError(f"reserved and not appended: {self._reserved}")

    def create_stream(self, stream: str, kind: str) -> None:
        log.create_stream(self.connection, stream, kind, self.now)

    def reserve(self, stream: str, count: int = 1) -> int:
        """Takes the next `count` places of the stream; each must be filled by `append`.

        For entries whose data contains their own seq. Answers the first place. Raises LookupError.
        """
        first = log.reserve(self.connection, stream, count, self.now)
        self._reserved[stream] = self._reserved.get(stream, 0) + count
        return first

    def append(
        self, stream: str, kind: str, actor: str, data: Any, *, seq: int | None = None
    ) -> Entry:
        """Appends one entry, at a reserved place if `seq` says so, with the command's key if it is the first."""
        if seq is None:
            seq = self.reserve(stream)
        entry = Entry(stream, seq, kind, actor, self.now, self.key, orjson.dumps(data))
        self.append_entries([entry])
        if self.last_seq is None:
            self.last_seq = seq
            self.key = None
        return entry

    def append_entries(self, batch: list[Entry]) -> None:
        """Appends entries at places reserved before."""
        for entry in batch:
            left = self._reserved[entry.stream] - 1
            if left:
                self._reserved[entry.stream] = left
            else:
                del self._reserved[entry.stream]
        log.insert_entries(self.connection, batch)
        self.entries.extend(batch)
