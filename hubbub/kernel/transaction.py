"""The transaction a command runs in."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson
from pydantic import BaseModel
from sqlalchemy import Connection, CursorResult, Executable

from hubbub.kernel import log
from hubbub.kernel.bulk import Rows, Statement, look_up, write
from hubbub.kernel.ids import new_id
from hubbub.kernel.jobs.registry import ATTEMPTS
from hubbub.kernel.jobs.table import ENQUEUE
from hubbub.kernel.log import Entry

LARGEST_ARGUMENTS = 64_000


class Transaction:
    """One database transaction, shared by the commands of a batch.

    `now` is its one time, in milliseconds since the epoch. `key` is the running command's idempotency key: the
    first entry it appends carries it. `last_seq` is the seq of that first entry. `subject` is the id of what the
    command's answer tells of.

    Commands for many requests look up with `look_up`, and write with `take`, `put` and `append_entries`, which
    wait for `flush`: a batch of them costs one round trip for all that is read and one for all that is written.
    `careful` tells whether each command has a savepoint; without one, whatever fails is run again with one.
    """

    __slots__ = (
        "_changes",
        "_enqueued_before",
        "_heads",
        "_moved",
        "_reserved",
        "_unlocked",
        "careful",
        "connection",
        "enqueued",
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
        lock: Iterable[str] = (),
        *,
        careful: bool = True,
    ) -> None:
        self.connection = connection
        self.now = now
        self.seal = seal
        self.unseal = unseal
        self.careful = careful
        self.entries: list[Entry] = []
        self.key: str | None = None
        self.last_seq: int | None = None
        self.subject: str | None = None
        # Jobs to start at once after the commit, and how many there were before the running command.
        self.enqueued: list[str] = []
        self._enqueued_before = 0
        self._reserved: dict[str, int] = {}
        # Streams to lock before anything is read; then the heads of those that are locked.
        self._unlocked = list(lock)
        self._heads: dict[str, int] = {}
        # What `flush` writes: the heads that moved, and rows for each statement in the order of first use.
        self._moved: set[str] = set()
        self._changes: dict[Statement, list[Sequence[Any]]] = {}

    def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        return self.connection.execute(statement, parameters)

    def begin_command(self) -> None:
        """Locks what is to be locked and writes what waits, so that a command sees it."""
        self.look_up()
        self.flush()
        self.begin_group()

    def begin_group(self) -> None:
        self.key = None
        self.last_seq = None
        self.subject = None
        self._enqueued_before = len(self.enqueued)
        self._reserved.clear()

    def end_command(self) -> None:
        """Raises RuntimeError when places were reserved and not filled: the log would have a hole."""
        if self._reserved:
            raise RuntimeError(f"reserved and not appended: {self._reserved}")

    def undo_command(self, mark: int) -> None:
        """Forgets what a command left behind whose changes were undone in the database."""
        del self.entries[mark:]
        del self.enqueued[self._enqueued_before :]
        self._changes.clear()
        self._moved.clear()
        self._heads.clear()

    def look_up(self, *lookups: tuple[Statement, Rows]) -> list[list[Any]]:
        """The rows each statement finds, in one round trip; what is to be locked is locked before."""
        if not self._unlocked:
            return look_up(self.connection, lookups) if lookups else []
        lock = (log.LOCK, log.lock_rows(self._unlocked))
        heads, *found = look_up(self.connection, [lock, *lookups])
        self._unlocked.clear()
        self._heads = dict(heads)
        return found

    def hold(self, heads: Mapping[str, int]) -> None:
        """Notes the heads of streams that a look-up of one's own has locked, so that `take` knows them."""
        self._heads = {**heads, **self._heads}

    def put(self, statement: Statement, rows: Rows) -> None:
        """Writes rows with the next `flush`."""
        if rows:
            self._changes.setdefault(statement, []).extend(rows)

    def flush(self, *, commit: bool = False) -> None:
        """Writes what waits, in one round trip, on PostgreSQL with the commit."""
        changes: list[tuple[Statement, Rows]] = []
        if self._moved:
            heads = [(stream, self._heads[stream], self.now) for stream in sorted(self._moved)]
            changes.append((log.ADVANCE, heads))
        changes += self._changes.items()
        if changes:
            write(self.connection, changes, commit=commit)
            self._moved.clear()
            self._changes.clear()

    def create_stream(self, stream: str, kind: str) -> None:
        log.create_stream(self.connection, stream, kind, self.now)

    def reserve(self, stream: str, count: int = 1) -> int:
        """Takes the next `count` places of the stream; each must be filled by `append`.

        For entries whose data contains their own seq. Answers the first place. Raises LookupError.
        """
        if stream in self._moved:
            self.flush()
        first = log.reserve(self.connection, stream, count, self.now)
        if stream in self._heads:
            self._heads[stream] = first + count - 1
        self._reserved[stream] = self._reserved.get(stream, 0) + count
        return first

    def take(self, stream: str, count: int) -> int:
        """As `reserve`, without a statement of its own if the transaction holds the stream's lock."""
        if stream not in self._heads:
            return self.reserve(stream, count)
        first = self._heads[stream] + 1
        self._heads[stream] += count
        self._moved.add(stream)
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
        self.flush()
        if self.last_seq is None:
            self.last_seq = seq
            self.key = None
        return entry

    def append_entries(self, batch: Sequence[Entry]) -> None:
        """Appends entries at places reserved or taken before, with the next `flush`."""
        for entry in batch:
            left = self._reserved[entry.stream] - 1
            if left:
                self._reserved[entry.stream] = left
            else:
                del self._reserved[entry.stream]
        self.put(log.INSERT, log.entry_rows(batch))
        self.entries.extend(batch)

    def enqueue(
        self,
        kind: str,
        arguments: BaseModel | dict[str, Any] | None = None,
        *,
        run_at: int | None = None,
        key: str | None = None,
        most_attempts: int = ATTEMPTS,
    ) -> None:
        """Orders a job, which exists if and only if this transaction commits.

        `run_at` in milliseconds since the epoch; None is at once. While a job with the same `key` waits or runs,
        no other is made. Raises ValueError when the arguments are larger than a job may carry.
        """
        given = arguments.model_dump(mode="json") if isinstance(arguments, BaseModel) else arguments
        packed = orjson.dumps(given or {}).decode()
        if len(packed) > LARGEST_ARGUMENTS:
            raise ValueError(f"a job of kind {kind} would carry {len(packed)} characters")
        job = new_id()
        self.put(ENQUEUE, [(job, kind, packed, key, run_at or 0, most_attempts)])
        if run_at is None:
            self.enqueued.append(job)
