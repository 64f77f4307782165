"""The rig's own judgement: what counts as a failure, and which bars were missed."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from bench.ops.load import Load, merged
from bench.ops.report import OURS, misses, page
from tests.servers import free_port

GOOD: dict[str, Any] = {
    "contestant": OURS,
    "case": "kill-supervisor",
    "hard": 0,
    "stale": 0,
    "dropped": 0,
    "outages": [],
    "survived": 2,
    "adopted": 0.5,
}


def found(**changes: Any) -> dict[str, Any]:
    contestants = [{"name": OURS, "version": "this", "how": "so"}]
    results = [{**GOOD, **changes}]
    return {"machine": "one", "when": "now", "contestants": contestants, "results": results}


def test_a_bar_that_is_missed_is_named_and_marked() -> None:
    assert misses(found()) == []
    assert "Every bar holds." in page(found())
    for changes in ({"hard": 1}, {"stale": 1}, {"dropped": 1}, {"adopted": 2.1}, {"adopted": None}):
        assert len(misses(found(**changes))) == 1
        assert "**" in page(found(**changes))
    assert misses(found(error="it did not start"))


def test_failures_close_together_are_one_outage() -> None:
    assert merged([(0.0, 1.0), (1.2, 1.3), (3.0, 3.1)]) == [(0.0, 1.3), (3.0, 3.1)]


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Awaitable[None]]
OK = b'HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n{"pid": 1, "version": 1}'


async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
    """The second request on each connection is read and never answered."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(OK)
    await reader.readuntil(b"\r\n\r\n")


async def refuse_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, n: int) -> None:
    """The first connection ends without an answer; the others get 500."""
    await reader.readuntil(b"\r\n\r\n")
    if n:
        writer.write(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize(("serve", "stale", "hard"), [(answer_once, 2, 0), (refuse_first, 0, 4)])
def test_stale_is_a_reused_connection_and_hard_is_everything_else(
    tmp_path: Path, serve: Serve, stale: int, hard: int
) -> None:
    async def run() -> Load:
        number = 0
        enough = asyncio.Event()
        load = Load(free_port(), tmp_path / "handled", loops=1, sockets=0)

        async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal number
            number += 1
            await serve(reader, writer, number - 1)
            writer.close()
            if number >= 4:
                enough.set()

        server = await asyncio.start_server(meet, "127.0.0.1", load.port)
        async with server:
            await load.start()
            await asyncio.wait_for(enough.wait(), 30)
            await load.stop()
        return load

    load = asyncio.run(run())
    kinds = [failure.kind for failure in load.failures]
    assert kinds.count("stale") >= stale
    assert kinds.count("hard") >= hard
    assert set(kinds) == ({"stale"} if stale else {"hard"})
