"""A kernel on a fresh database, with commands of its own and no feature."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from hubbub.kernel.caller import Caller
from hubbub.kernel.commands import Answer, command
from hubbub.kernel.database import Database, metadata
from hubbub.kernel.errors import Forbidden
from hubbub.kernel.ids import new_id
from hubbub.kernel.kernel import Kernel
from hubbub.kernel.transaction import Transaction
from hubbub.settings import Settings

ANN = Caller("ann", "member", "s1", "127.0.0.1")
BOB = Caller("bob", "member", "s2", "127.0.0.1")


class FakeClock:
    """Milliseconds that move only when told to."""

    def __init__(self) -> None:
        self.now = 1_790_000_000_000

    def __call__(self) -> int:
        return self.now


@command("note.write", target="stream", stream="stream")
def write_note(tx: Transaction, caller: Caller, *, stream: str, text: str) -> Answer:
    if text == "forbidden":
        raise Forbidden("Not this word.")
    if text == "broken":
        tx.append(stream, "note.written", caller.id, {"text": text})
        raise ZeroDivisionError
    if text == "hole":
        tx.reserve(stream)
        return Answer(None)
    entry = tx.append(stream, "note.written", caller.id, {"text": text})
    return Answer({"text": text, "seq": entry.seq})


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def kernel(database_url: str, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Kernel]:
    settings = Settings(database_url=database_url, data_dir=tmp_path, hubbub_env="development")
    made = Kernel(settings, ["a secret of forty characters, for tests."], clock=clock)
    with made.database.writing() as connection:
        metadata.create_all(
            connection,
            tables=[metadata.tables[n] for n in ("streams", "entries", "audit", "replies")],
        )
    yield made
    await made.close()


@pytest.fixture
def new_stream(kernel: Kernel) -> Callable[[], str]:
    def make() -> str:
        from hubbub.kernel import log

        stream = new_id()
        with kernel.database.writing() as connection:
            log.create_stream(connection, stream, "notes", kernel.clock())
        return stream

    return make


def all_entries(database: Database, stream: str) -> list[Any]:
    from hubbub.kernel import log

    with database.reading() as connection:
        return log.read_entries(connection, stream, 0, 10**9, 100_000)
