"""Commands: the verbs that write, each run inside a transaction and audited by the committer."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import BigInteger, Column, Connection, Integer, LargeBinary, String, Table, select

from hubbub.kernel.caller import Caller
from hubbub.kernel.database import Id, metadata
from hubbub.kernel.errors import Conflict
from hubbub.kernel.transaction import Transaction

replies = Table(
    "replies",
    metadata,
    Column("actor", Id, primary_key=True),
    Column("operation", String(60), primary_key=True),
    Column("key", String(128), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("seq", BigInteger),
    Column("body", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False, index=True),
    # What the answer tells of, so that erasing it erases the kept answers too.
    Column("subject", Id, index=True),
)


@dataclass(slots=True)
class Answer:
    """What a command says: JSON-able `data`, HTTP `status` (None: the route's), the entry's `seq`."""

    data: Any = None
    status: int | None = None
    seq: int | None = None


@dataclass(slots=True)
class Outcome:
    """An answer as it leaves: `body` is JSON, and the same bytes again when the key is replayed."""

    body: bytes
    status: int | None = None
    seq: int | None = None
    replayed: bool = False


@dataclass(slots=True)
class Request:
    """One command on its way to the committer. `key` makes a retry harmless."""

    command: "Command"
    caller: Caller
    arguments: dict[str, Any]
    key: str | None = None

    @property
    def target(self) -> str:
        return str(self.arguments.get(self.command.target) or "") if self.command.target else ""

    @property
    def fingerprint(self) -> str:
        """Tells whether a repeated key comes with the same input."""
        # What begins with an underscore is not the caller's input: it may differ between two tries.
        given = {name: value for name, value in self.arguments.items() if name[0] != "_"}
        packed = orjson.dumps(given, option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(packed).hexdigest()


Single = Callable[..., Any]
Many = Callable[[Transaction, Sequence[Request]], Sequence[Outcome | Exception]]


@dataclass(slots=True, eq=False)
class Command:
    """A verb that writes.

    `run(tx, caller, **arguments)` answers data, an Answer or None. With `many` the committer hands over all such
    requests that stand next to each other in a batch; `many` then also answers repeated keys itself.
    `target` and `stream` name the arguments that the audit row tells of and whose stream is locked first.
    `seal` marks answers with secrets: they are encrypted where they are kept for a replay.
    """

    name: str
    run: Single
    target: str | None = None
    stream: str | None = None
    seal: bool = False
    many: Many | None = None
    audited: bool = field(default=True)

    def __call__(self, tx: Transaction, caller: Caller, **arguments: Any) -> Any:
        return self.run(tx, caller, **arguments)


def command(
    name: str,
    *,
    target: str | None = None,
    stream: str | None = None,
    seal: bool = False,
    audited: bool = True,
) -> Callable[[Single], Command]:
    """Makes a function a Command; see there."""

    def wrap(function: Single) -> Command:
        return Command(name, function, target, stream, seal, audited=audited)

    return wrap


def find_reply(
    connection: Connection, request: Request, unseal: Callable[[bytes], bytes]
) -> Outcome | None:
    """The first answer to this actor, operation and key. Raises Conflict when the input differs."""
    row = connection.execute(
        select(replies.c.fingerprint, replies.c.status, replies.c.seq, replies.c.body).where(
            replies.c.actor == request.caller.id,
            replies.c.operation == request.command.name,
            replies.c.key == request.key,
        )
    ).one_or_none()
    if row is None:
        return None
    if row.fingerprint != request.fingerprint:
        raise Conflict("This Idempotency-Key was used before with other input.")
    body = unseal(row.body) if request.command.seal else row.body
    return Outcome(body, row.status or None, row.seq, replayed=True)


def keep_reply(tx: Transaction, request: Request, outcome: Outcome) -> None:
    body = tx.seal(outcome.body) if request.command.seal else outcome.body
    tx.connection.execute(
        replies.insert(),
        {
            "actor": request.caller.id,
            "operation": request.command.name,
            "key": request.key,
            "fingerprint": request.fingerprint,
            "status": outcome.status or 0,
            "seq": outcome.seq,
            "body": body,
            "at": tx.now,
            "subject": tx.subject,
        },
    )


def run_single(tx: Transaction, request: Request) -> Outcome:
    """Runs one command, or answers its key's first answer again."""
    if request.key is not None:
        found = find_reply(tx.connection, request, tx.unseal)
        if found is not None:
            return found
        tx.key = request.key
    answer = request.command.run(tx, request.caller, **request.arguments)
    if not isinstance(answer, Answer):
        answer = Answer(answer)
    body = b"" if answer.data is None else orjson.dumps(answer.data)
    outcome = Outcome(body, answer.status, answer.seq if answer.seq is not None else tx.last_seq)
    if request.key is not None:
        keep_reply(tx, request, outcome)
    return outcome
