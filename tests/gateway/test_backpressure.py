"""Readers that stop among readers that do not: a real process, and every byte compared."""

import asyncio
from pathlib import Path

import pytest

from hubbub.gateway.frames import TEXT, encode_close, encode_frame
from tests.gateway.support import RawSocket, Target, mask_frame, running

pytestmark = pytest.mark.anyio

READERS = 200
STUCK = 10
MAX_SEND_BUFFER = 1_000_000
ROUND = 10  # messages sent before everybody is waited for
BODY = "x" * 10_000
MOST_ROUNDS = 400
SLACK = 24_000_000
PATIENCE = 60.0


def said(number: int) -> bytes:
    """What a member of the room gets, to the byte."""
    return encode_frame(TEXT, b'42["said",%d,"%s"]' % (number, BODY.encode()))


class Reader:
    """A member that compares what it gets with what was said."""

    def __init__(self, raw: RawSocket) -> None:
        self.raw = raw
        self.number = 0
        self.rest = b""
        self.end: bytes | None = None  # what came instead of a message

    async def read(self, until: int) -> None:
        """Read up to and including message ``until``, or to what is none."""
        while self.number <= until and self.end is None:
            expected = said(self.number)
            while len(self.rest) < len(expected) and expected.startswith(self.rest):
                chunk = await self.raw.reader.read(1 << 20)
                if not chunk:
                    break
                self.rest += chunk
            if self.rest.startswith(expected):
                self.rest = self.rest[len(expected) :]
                self.number += 1
            else:
                self.end = self.rest


async def member(target: Target) -> RawSocket:
    raw = await target.enter()
    raw.send('42["join","r"]')
    raw.send('421["later"]')
    assert await raw.text() == "431[0]"
    return raw


async def test_readers_that_stop_cost_the_others_nothing(tmp_path: Path) -> None:
    log = tmp_path / "log"
    options = {"ping_interval": 300, "close_timeout": 60, "max_events": 0}
    with running(log, max_send_buffer=MAX_SEND_BUFFER, **options) as target:
        readers = [Reader(await member(target)) for _ in range(READERS)]
        stuck = [Reader(await member(target)) for _ in range(STUCK)]
        for reader in stuck:
            reader.raw.writer.transport.pause_reading()  # type: ignore[attr-defined]
        sender = readers[0].raw
        before = (await target.stats())["resident"]
        peak = before
        number = 0
        for _ in range(MOST_ROUNDS):
            for _ in range(ROUND):
                sender.writer.write(
                    mask_frame(TEXT, b'42["say","r",%d,"%s"]' % (number, BODY.encode()))
                )
                number += 1
            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(*(reader.read(number - 1) for reader in readers))
            assert {reader.number for reader in readers} == {number}
            figures = await target.stats()
            peak = max(peak, figures["resident"])
            if figures["slow_closes"] == STUCK:
                break
        # They were given up, all of them and nobody else, and the room goes on without them.
        assert figures["slow_closes"] == STUCK
        assert figures["sockets"] == READERS
        assert figures["deliveries"] <= number * (READERS + STUCK) + 3 * (READERS + STUCK)
        assert peak - before < STUCK * MAX_SEND_BUFFER + SLACK
        print(f"{number} messages of 10 KB; memory grew by {(peak - before) / 1e6:.1f} MB")

        # Whoever reads again finds the beginning, without a gap, and the code that says: come back.
        for reader in stuck:
            reader.raw.writer.transport.resume_reading()  # type: ignore[attr-defined]
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(reader.read(number) for reader in stuck))
        for reader in stuck:
            assert 0 < reader.number < number
            assert reader.end == encode_close(1013, "cannot keep up")
            reader.raw.close()
        for reader in readers:
            reader.raw.close()
        await target.until(sessions=0)
    assert log.read_text() == ""
