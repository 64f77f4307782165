"""The committer: many commands, one transaction (group commit).

Commands that arrive in one turn of the loop, and those that arrive while the previous batch is being committed,
share one transaction and one fsync. Each command stands inside its own savepoint, so one that fails takes nothing
with it; kinds that come by the thousand do without, and if such a group fails, the batch is rolled back and run
again with savepoints. After the commit every caller gets its answer and the entries go to the bus.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby, islice
from typing import Any

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from hubbub.kernel import log
from hubbub.kernel.caller import Caller
from hubbub.kernel.clock import Clock
from hubbub.kernel.commands import Command, Outcome, Request, run_single
from hubbub.kernel.database import Database
from hubbub.kernel.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Problem,
    Unavailable,
)
from hubbub.kernel.log import Entry
from hubbub.kernel.postgresql import DATABASE_ERRORS, delays, is_connection_lost
from hubbub.kernel.transaction import Transaction

logger = logging.getLogger("hubbub.committer")

BATCH = 256
WAITING = 10_000
WAIT_SECONDS = 10.0
"""A command that could not be started in this time is refused: it has not been written."""
COMMIT_SECONDS = 10.0
"""For so long a batch whose connection was lost is tried again."""
LOOK = "The database was lost while this was being written; look before repeating it."

Result = Outcome | Exception


Done = Callable[[Result], None]
Waiting = tuple[Request, Done, float]
"""A command, whom to tell, and when it came by the loop's clock."""


class Committer:
    """Runs commands in order of arrival.

    Up to `lanes` batches are under way at once. Two of them never write to the same stream, so each stream has its
    commands in their order; a command that does not say which stream it writes to is in a batch that runs alone.

    `publish` is called on the loop after each commit with its entries, `on_enqueued` in the writing thread with
    the ids of the jobs to start. `seal` and `unseal` encrypt answers with secrets. At most WAITING commands wait,
    for WAIT_SECONDS at most; others are refused with 503.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        publish: Callable[[list[Entry]], None],
        seal: Callable[[bytes], bytes],
        unseal: Callable[[bytes], bytes],
    ) -> None:
        self._database = database
        self._clock = clock
        self._publish = publish
        self._seal = seal
        self._unseal = unseal
        self._queue: deque[Waiting] = deque()
        self._under_way: list[Batch] = []
        self._scheduled = False
        self._expiry: asyncio.TimerHandle | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self.on_enqueued: Callable[[list[str]], None] = lambda jobs: None
        self.batches = 0
        self.commands = 0

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def submit(self, request: Request, done: Done) -> None:
        """Queues a command; `done` is called on the loop with its result after the commit.

        Raises Unavailable at once when the queue is full.
        """
        if len(self._queue) >= WAITING:
            raise Unavailable("Too many changes wait to be written.", retry_after=1)
        loop = asyncio.get_running_loop()
        self._queue.append((request, done, loop.time()))
        self._idle.clear()
        if self._expiry is None:
            self._expiry = loop.call_later(WAIT_SECONDS, self._expire)
        if len(self._under_way) < self._database.lanes:
            self._schedule()

    def _schedule(self) -> None:
        """Starts what can be started at the end of the turn, so that what arrives in it comes along."""
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._start)

    def _start(self) -> None:
        """Hands the writing threads what waits and may run beside what is under way."""
        self._scheduled = False
        while self._queue and len(self._under_way) < self._database.lanes:
            batch = take_batch(self._queue, self._under_way, single=self._database.lanes == 1)
            if not batch.waiting:
                break
            self._under_way.append(batch)
            requests = [request for request, _, _ in batch.waiting]
            try:
                self._database.start_writer(
                    partial(self.commit, requests), partial(self._finish, batch)
                )
            except RuntimeError as error:
                # The database was closed.
                self._finish(batch, error)

    def _finish(
        self, batch: "Batch", outcome: tuple[list[Result], list[Entry]] | Exception
    ) -> None:
        """Answers a batch, then starts the next one.

        Only then: two threads that both have work take the interpreter from each other, which costs more than it
        gains. Another lane meanwhile waits for the database, as a rule.
        """
        self._under_way.remove(batch)
        if isinstance(outcome, Exception):
            logger.error("a batch failed", exc_info=outcome)
            outcome = [outcome] * len(batch.waiting), []
        results, committed = outcome
        self.batches += 1
        self.commands += len(batch.waiting)
        try:
            for (_, done, _), result in zip(batch.waiting, results, strict=True):
                done(result)
            if committed:
                self._publish(committed)
        finally:
            if self._queue:
                self._schedule()
            elif not self._under_way:
                self._idle.set()

    def _expire(self) -> None:
        """Refuses what has waited for too long: the batches under way wait for the database."""
        self._expiry = None
        loop = asyncio.get_running_loop()
        while self._queue and self._queue[0][2] <= loop.time() - WAIT_SECONDS:
            _, done, _ = self._queue.popleft()
            done(Unavailable("The database does not answer.", retry_after=2))
        if self._queue:
            self._expiry = loop.call_at(self._queue[0][2] + WAIT_SECONDS, self._expire)
        elif not self._under_way:
            self._idle.set()

    async def drain(self) -> None:
        """Waits until every queued command has been committed and answered."""
        while not self._idle.is_set():
            await self._idle.wait()

    def commit(self, requests: Sequence[Request]) -> tuple[list[Result], list[Entry]]:
        """Runs the requests in one transaction, in the calling thread; answers each one's result.

        When its connection is lost it is run again, for COMMIT_SECONDS, except for requests without a key whose
        commit may have happened: those are told so. When it fails otherwise (a deadlock, a lock not given), each
        request is tried once more by itself.
        """
        results: dict[int, Result] = {}
        entries: list[Entry] = []
        groups = [list(range(len(requests)))]
        alone: set[int] = set()
        deadline = time.monotonic() + COMMIT_SECONDS
        pauses = delays(COMMIT_SECONDS, longest=1.0)
        while groups:
            group = groups.pop(0)
            committing = [False]
            try:
                done, appended = self._commit_group([requests[n] for n in group], committing, alone)
            except DATABASE_ERRORS as error:
                lost = is_connection_lost(error)
                logger.warning("a batch of %d did not commit: %s", len(group), error)
            else:
                results |= zip(group, done, strict=True)
                entries += appended
                continue
            if lost and committing[0]:
                results |= {
                    n: Unavailable(LOOK, retry_after=2) for n in group if not requests[n].key
                }
                group = [n for n in group if requests[n].key]
                if not group:
                    continue
            pause = next(pauses, None) if lost else 0.0
            if pause is None or time.monotonic() > deadline:
                groups.insert(0, group)
                break
            time.sleep(pause)
            if lost:
                groups.insert(0, group)
            else:
                # Once more, each alone; who was alone has failed.
                groups[:0] = [[n] for n in group if n not in alone]
                alone.update(group)
        for place in range(len(requests)):
            if place not in results:
                results[place] = Unavailable("The database does not answer.", retry_after=2)
        return [results[place] for place in range(len(requests))], entries

    def _commit_group(
        self, requests: Sequence[Request], committing: list[bool], alone: set[int]
    ) -> tuple[list[Result], list[Entry]]:
        """One transaction, freely at first, carefully where that fails."""
        if alone:
            return self._commit_once(requests, committing, careful=True)
        try:
            return self._commit_once(requests, committing)
        except GroupError as error:
            # A repeated key, as a rule.
            logger.info("a batch of %d is run again: %r", len(requests), error.__cause__)
            committing[0] = False
            return self._commit_once(requests, committing, careful=True)

    def _commit_once(
        self, requests: Sequence[Request], committing: list[bool], *, careful: bool = False
    ) -> tuple[list[Result], list[Entry]]:
        """One transaction. Not `careful`, it raises GroupError for what savepoints would have contained."""
        streams = {
            str(request.arguments[request.command.stream])
            for request in requests
            if request.command.stream
        }
        with self._database.writing() as connection:
            tx = Transaction(
                connection, self._clock(), self._seal, self._unseal, streams, careful=careful
            )
            results: list[Result] = []
            for command, group in groupby(requests, key=lambda request: request.command):
                run = run_group if careful else run_group_freely
                results += run(tx, command, list(group))
            write_audit(tx, requests, results)
            committing[0] = True
            try:
                tx.flush(commit=True)
            except (IntegrityError, DataError) as error:
                raise GroupError from error
        if tx.enqueued:
            self.on_enqueued(tx.enqueued)
        return results, tx.entries


@dataclass(slots=True, eq=False)
class Batch:
    """Commands of one transaction, and the streams they write to; None when that is not known."""

    waiting: list[Waiting]
    streams: set[str] | None


def take_batch(queue: deque[Waiting], under_way: Sequence[Batch], *, single: bool) -> Batch:
    """Takes from the queue what may run beside the batches under way; perhaps nothing.

    What waits for a stream in use stays, in its order, and so does everything behind a command that must be alone.
    A second batch is not worth its round trips before it has half as many commands as the first.
    """
    if single or (not under_way and stream_of(queue[0][0]) is None):
        return Batch([queue.popleft() for _ in range(min(BATCH, len(queue)))], None)
    in_use: set[str] = set()
    least = 1
    for batch in under_way:
        if batch.streams is None:
            return Batch([], None)
        in_use |= batch.streams
        least = max(least, len(batch.waiting) // 2)
    if len(queue) < least:
        return Batch([], None)
    places: list[int] = []
    streams: set[str] = set()
    for place, (request, _, _) in enumerate(islice(queue, BATCH)):
        stream = stream_of(request)
        if stream is None:
            break
        if stream not in in_use:
            streams.add(stream)
            places.append(place)
    if len(places) < least:
        return Batch([], None)
    taken = [queue[place] for place in places]
    for place in reversed(places):
        del queue[place]
    return Batch(taken, streams)


def stream_of(request: Request) -> str | None:
    """The one stream a command writes to, None if it might write to any."""
    command = request.command
    if command.many is None or command.stream is None:
        return None
    return str(request.arguments[command.stream])


class GroupError(Exception):
    """Requests that ran together without a savepoint failed; the cause says why. Nothing was committed."""


def run_group_freely(tx: Transaction, command: Command, requests: list[Request]) -> list[Result]:
    """Runs requests of one command; those of a kind for many without a savepoint. Raises GroupError."""
    if command.many is None:
        return run_group(tx, command, requests)
    try:
        tx.begin_group()
        results = list(command.many(tx, requests))
        tx.end_command()
    except Exception as error:
        if is_lost(error):
            raise
        raise GroupError from error
    return results


def run_group(tx: Transaction, command: Command, requests: list[Request]) -> list[Result]:
    """Runs requests of one command: together if it can, else (or if that fails) one by one."""
    if command.many is not None:
        many = command.many
        whole = attempt(tx, lambda: list(many(tx, requests)))
        if isinstance(whole, list):
            return whole
        if len(requests) == 1:
            return [whole]
        logger.warning("%s: a group of %d fell apart: %r", command.name, len(requests), whole)
        return [run_group(tx, command, [request])[0] for request in requests]
    return [
        attempt(tx, lambda request=request: run_single(tx, request))  # type: ignore[misc]
        for request in requests
    ]


def is_lost(error: Exception) -> bool:
    """Whether an error concerns the whole batch: one of the connection itself, not of what was written."""
    return isinstance(error, DBAPIError) and not isinstance(error, IntegrityError | DataError)


def attempt(tx: Transaction, work: Callable[[], Any]) -> Any:
    """What `work` answers, or the exception it raised with all its changes undone.

    Errors of the connection itself are raised: they concern the whole batch.
    """
    try:
        tx.begin_command()
    except (IntegrityError, DataError) as error:
        raise GroupError from error
    mark = len(tx.entries)
    savepoint = tx.connection.begin_nested()
    try:
        answer = work()
        tx.end_command()
        tx.flush()
        savepoint.commit()
    except Exception as error:
        if is_lost(error):
            raise
        savepoint.rollback()
        tx.undo_command(mark)
        if isinstance(error, IntegrityError):
            logger.info("a constraint refused a change: %s", error.orig)
            return Conflict("Somebody else changed this at the same moment, or it exists already.")
        if isinstance(error, DataError):
            logger.info("the database refused a value: %s", error.orig)
            return Invalid("A value is not one the database can hold.")
        if not isinstance(error, Problem):
            logger.exception("a command failed")
        return error
    return answer


def write_audit(tx: Transaction, requests: Sequence[Request], results: Sequence[Result]) -> None:
    """One row for each change made and each one denied, in the same transaction."""
    rows = []
    for request, result in zip(requests, results, strict=True):
        if not request.command.audited:
            continue
        if isinstance(result, Outcome):
            if result.replayed:
                continue
            outcome, detail = "done", ""
        elif isinstance(result, Forbidden | NotFound):
            outcome, detail = "denied", result.detail
        else:
            continue
        rows.append(
            audit_row(tx.now, request.caller, request.command.name, request.target, outcome, detail)
        )
    tx.put(log.AUDIT, rows)


def audit_row(
    now: int, caller: Caller, action: str, target: str, outcome: str, detail: str
) -> tuple[Any, ...]:
    return (now, caller.id, action, target[:200], caller.address[:60], outcome, detail[:500])
