"""Rubbish for the gateway's parsers, and for a gateway in a process of its own, while the time lasts.

A second of each with every `make test`; `make chaos` gives them more: HUBBUB_CHAOS_SECONDS. What case
number N of a run sent follows from HUBBUB_CHAOS_SEED and N alone: HUBBUB_CHAOS_CASE=N sends just that.
"""

import asyncio
import contextlib
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from hubbub.gateway.errors import FrameError, InvalidPacket
from hubbub.gateway.frames import CLOSE, decode_close, read_frame
from hubbub.gateway.handshake import Refusal, Request, check_origin, check_upgrade
from hubbub.gateway.packets import decode_packet, decode_payload, fill_placeholders
from tests.chaos.rubbish import Rubbish, read_number
from tests.gateway.support import RawSocket, Target, running

pytestmark = pytest.mark.anyio

SECONDS = read_number("HUBBUB_CHAOS_SECONDS", 1)
SEED = int(os.environ.get("HUBBUB_CHAOS_SEED", str(random.randrange(2**32))))
CASE = os.environ.get("HUBBUB_CHAOS_CASE", "")
AT_ONCE = 16
MAX_PAYLOAD = 100_000
PATIENCE = 60.0
EXPECTED = ("Invalid HTTP request received.", "Unsupported upgrade request.")


def cases() -> Iterator[tuple[int, Rubbish]]:
    """Numbered cases until the time is up."""
    print(f"HUBBUB_CHAOS_SEED={SEED}")
    numbers: Iterator[int] = iter([int(CASE)]) if CASE else iter(range(2**62))
    end = time.monotonic() + SECONDS
    for number in numbers:
        if time.monotonic() > end and not CASE:
            print(f"{number} cases")
            return
        yield number, Rubbish(random.Random(f"{SEED}:{number}"))


def parse_frames(rubbish: Rubbish) -> None:
    data = rubbish.stream()
    at, fragmented = 0, False
    while (frame := read_frame(data, at, MAX_PAYLOAD, fragmented)) is not None:
        first, payload, end = frame
        assert at < end <= len(data)
        assert len(payload) <= MAX_PAYLOAD
        at = end
        opcode = first & 0x0F
        if opcode == CLOSE:
            decode_close(payload)
        elif opcode < 8:
            fragmented = not first & 0x80
    # Incomplete: the head may not announce what would never be accepted.
    assert len(data) - at < MAX_PAYLOAD + 14


def parse_packet(rubbish: Rubbish) -> None:
    packet = decode_packet(rubbish.text().removeprefix("4"))
    if packet.attachments:
        fill_placeholders(packet.data, [b"x"] * min(packet.attachments, 10))


def parse_payload(rubbish: Rubbish) -> None:
    decode_payload(rubbish.payload())


def parse_request(rubbish: Rubbish) -> None:
    request = Request.parse(rubbish.request(), ("127.0.0.1", 1))
    check_upgrade(request, request.headers)
    check_origin(request.headers, ())
    assert isinstance(request.query, dict)


@pytest.mark.parametrize(
    ("parse", "documented"),
    [
        (parse_frames, FrameError),
        (parse_packet, InvalidPacket),
        (parse_payload, InvalidPacket),
        (parse_request, Refusal),
    ],
)
def test_parsers_raise_what_they_say_they_raise(parse: object, documented: type[Exception]) -> None:
    assert callable(parse)
    refused = number = 0
    for number, rubbish in cases():
        try:
            parse(rubbish)
        except documented:
            refused += 1
        except Exception as error:
            raise AssertionError(f"HUBBUB_CHAOS_SEED={SEED} HUBBUB_CHAOS_CASE={number}") from error
    # It is neither all rubbish nor none at all.
    assert CASE or number / 50 < refused < number


class Attack:
    """Clients that send rubbish to a target."""

    def __init__(self, target: Target, http: httpx2.AsyncClient) -> None:
        self.target = target
        self.http = http

    async def run(self, number: int, rubbish: Rubbish) -> None:
        """One case; what the server answers does not matter here, but it has to end."""
        ways = (self.websocket, self.websocket, self.websocket, self.polling, self.handshake)
        way = rubbish.chance.choice(ways)
        try:
            async with asyncio.timeout(PATIENCE):
                await way(rubbish)
        except Exception as error:
            hung_up = (asyncio.IncompleteReadError, OSError, httpx2.TransportError)
            if not isinstance(error, hung_up) or isinstance(error, TimeoutError):
                case = f"HUBBUB_CHAOS_SEED={SEED} HUBBUB_CHAOS_CASE={number}"
                raise AssertionError(f"{way.__name__}: {case}") from error

    async def websocket(self, rubbish: Rubbish) -> None:
        raw = await RawSocket.dial(self.target.port)
        try:
            await raw.upgrade("/socket.io/?EIO=4&transport=websocket")
            if rubbish.chance.random() < 0.8:
                raw.send("40")
            await self.pour(raw, rubbish)
        finally:
            raw.writer.transport.abort()

    async def pour(self, raw: RawSocket, rubbish: Rubbish) -> None:
        """Send a stream, then leave in one of the ways one can leave."""
        for piece in rubbish.pieces(rubbish.stream()):
            raw.write(piece)
            await asyncio.sleep(0)
        leave = rubbish.chance.randrange(3)
        if leave == 0:
            raw.finish()
            await raw.ended()
        elif leave == 1:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.02):
                    await raw.ended()

    async def polling(self, rubbish: Rubbish) -> None:
        url = self.target.polling_url
        answer = await self.http.get(url)
        assert answer.status_code == 200, answer.text
        url += "&sid=" + answer.text.split('"sid":"')[1].split('"')[0]
        polls = []
        if rubbish.chance.random() < 0.8:
            await self.http.post(url, content=b"40")
        for _ in range(rubbish.chance.randrange(1, 5)):
            if rubbish.chance.random() < 0.4:
                polls.append(asyncio.create_task(self.poll(url)))
            body = rubbish.payload()
            answer = await self.http.post(url, content=body)
            assert answer.status_code in (200, 400), answer.text
        if rubbish.chance.random() < 0.3:
            raw = await RawSocket.dial(self.target.port)
            try:
                sid = url.rpartition("=")[2]
                await raw.upgrade(f"/socket.io/?EIO=4&transport=websocket&sid={sid}")
                for probe in rubbish.chance.choice([["2probe", "5"], ["5"], ["2probe"], []]):
                    raw.send(probe)
                await self.pour(raw, rubbish)
            finally:
                raw.writer.transport.abort()
        for poll in polls:
            if rubbish.chance.random() < 0.5:
                poll.cancel()
        if rubbish.chance.random() < 0.5:
            with contextlib.suppress(httpx2.TransportError):
                await self.http.post(url, content=b"1")
        await asyncio.gather(*polls, return_exceptions=True)

    async def poll(self, url: str) -> None:
        with contextlib.suppress(httpx2.TransportError):
            assert (await self.http.get(url)).status_code in (200, 400)

    async def handshake(self, rubbish: Rubbish) -> None:
        raw = await RawSocket.dial(self.target.port)
        try:
            for piece in rubbish.pieces(rubbish.request()):
                raw.write(piece)
                await asyncio.sleep(0)
            raw.finish()
            await raw.ended()
        finally:
            raw.writer.transport.abort()


async def test_a_gateway_outlives_whatever_it_is_sent(tmp_path: Path) -> None:
    log = tmp_path / "log"
    options = {
        "max_payload": MAX_PAYLOAD,
        "ping_interval": 1.0,
        "ping_timeout": 0.5,
        "connect_timeout": 1.0,
        "upgrade_timeout": 0.5,
        "close_timeout": 0.3,
        "request_timeout": 1.0,
        "max_sockets": 10_000,
    }
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=50)
    with running(log, **options) as target:
        async with httpx2.AsyncClient(timeout=None, limits=limits) as http:
            attack = Attack(target, http)
            ahead = cases()

            async def attacker() -> None:
                for number, rubbish in ahead:
                    await attack.run(number, rubbish)

            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(attacker())

        # Nothing is left of anybody, and somebody new is served.
        await target.until(sessions=0, sockets=0, rooms=0, waiting=0)
        async with await target.enter() as raw:
            raw.send('421["echo","alive"]')
            assert await raw.text() == '42["echo","alive"]'
            assert await raw.text() == '431["alive"]'
        await target.until(sessions=0)
    lines = log.read_text().splitlines()
    assert [line for line in lines if not line.endswith(EXPECTED)] == []
