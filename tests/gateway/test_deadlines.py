"""Who keeps a connection open and asks for nothing: a real process, and time limits made short."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.gateway.support import PATIENCE, Poller, RawSocket, Target, running

pytestmark = pytest.mark.anyio

POLLING = b"/socket.io/?EIO=4&transport=polling"


# Each has only those limits short that its tests are about: a client that does all it should is late on a busy machine.


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """Waits neither long for a request nor for an upgrade."""
    log = tmp_path_factory.mktemp("target") / "log"
    limits = {"request_timeout": 1.5, "upgrade_timeout": 0.4, "close_timeout": 0.4}
    with running(log, keep_alive=PATIENCE, **limits) as target:
        yield target
    assert log.read_text() == ""


@pytest.fixture(scope="module")
def idle_target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """Waits not long for those that are connected and do nothing."""
    log = tmp_path_factory.mktemp("idle") / "log"
    with running(log, keep_alive=1, connect_timeout=1.5, close_timeout=0.4) as target:
        yield target
    assert log.read_text() == ""


async def all_of(raw: RawSocket) -> bytes:
    """Everything until the server hangs up, which it must."""
    async with asyncio.timeout(PATIENCE):
        try:
            return await raw.reader.read()
        except ConnectionError:
            return b""


async def test_a_connection_that_sends_nothing(target: Target) -> None:
    async with await RawSocket.dial(target.port) as raw:
        assert await all_of(raw) == b""


@pytest.mark.parametrize("before", [b"", b"GET /stats HTTP/1.1\r\nHost: h\r\n\r\n"])
async def test_half_a_request_head(target: Target, before: bytes) -> None:
    async with await RawSocket.dial(target.port) as raw:
        if before:  # on a connection that was used already, too
            raw.writer.write(before)
            await raw.reader.readuntil(b"0\r\n\r\n")
        raw.writer.write(b"GET " + POLLING + b" HTTP/1.1\r\nHost: h\r\nX-Thing: ")
        assert (await all_of(raw)).startswith(b"HTTP/1.1 408 ")


async def test_a_request_head_that_comes_bit_by_bit(target: Target) -> None:
    async with await RawSocket.dial(target.port) as raw:
        raw.writer.write(b"GET " + POLLING + b" HTTP/1.1\r\n")

        async def trickle() -> None:
            while True:
                raw.writer.write(b"X-A: b\r\n")
                await asyncio.sleep(0.1)

        trickling = asyncio.create_task(trickle())
        assert (await all_of(raw))[:12] in (b"HTTP/1.1 408", b"")
        trickling.cancel()


async def test_a_request_head_without_an_end(target: Target) -> None:
    async with await RawSocket.dial(target.port) as raw:
        raw.writer.write(b"GET " + POLLING + b" HTTP/1.1\r\nHost: h\r\n")

        async def pour() -> None:
            while not raw.writer.is_closing():
                raw.writer.write(b"X-A: " + b"b" * 1000 + b"\r\n")
                await raw.writer.drain()

        pouring = asyncio.gather(pour(), return_exceptions=True)
        # The answer may be lost: what the server has not read makes its goodbye a reset.
        assert (await all_of(raw))[:12] in (b"HTTP/1.1 431", b"")
        raw.writer.transport.abort()
        await pouring


async def test_a_body_that_does_not_come(target: Target) -> None:
    async with (
        httpx2.AsyncClient(timeout=PATIENCE) as http,
        await RawSocket.dial(target.port) as raw,
    ):
        poller = Poller(http, target.polling_url)
        await poller.open()
        await poller.post("40")
        raw.writer.write(
            b"POST " + POLLING + b"&sid=" + poller.sid.encode() + b" HTTP/1.1\r\nHost: h\r\n"
            b"Content-Length: 100\r\n\r\n42["
        )
        assert await all_of(raw) == b""
        await target.until(sessions=0)


async def test_a_slow_body_that_does_come(target: Target) -> None:
    async with (
        httpx2.AsyncClient(timeout=PATIENCE) as http,
        await RawSocket.dial(target.port) as raw,
    ):
        poller = Poller(http, target.polling_url)
        await poller.open()
        await poller.post("40")
        body = b'42["echo","' + b"x" * 15_000 + b'"]'
        raw.writer.write(
            b"POST " + POLLING + b"&sid=" + poller.sid.encode() + b" HTTP/1.1\r\nHost: h\r\n"
            b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        # Faster than `least_rate`, but longer than `request_timeout`.
        for at in range(0, len(body), 5_000):
            raw.writer.write(body[at : at + 5_000])
            await asyncio.sleep(0.6)
        assert (await all_of(raw)).endswith(b"\r\n\r\nok")
        await poller.post("1")
        await target.until(sessions=0)


async def test_an_idle_connection_between_requests(idle_target: Target) -> None:
    async with await RawSocket.dial(idle_target.port) as raw:
        raw.writer.write(b"GET /stats HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (await all_of(raw)).endswith(b"0\r\n\r\n")


async def test_a_long_poll_is_not_late(target: Target) -> None:
    async with httpx2.AsyncClient(timeout=PATIENCE) as http:
        poller = Poller(http, target.polling_url)
        await poller.open()
        await poller.post("40")
        assert (await poller.poll())[0].startswith("40")
        polling = asyncio.create_task(poller.poll())
        await asyncio.sleep(1.7)
        assert not polling.done()
        await poller.post('42["echo",1]')
        assert await polling == ['42["echo",1]']
        await poller.post("1")
        await target.until(sessions=0)


async def test_a_websocket_is_not_late(idle_target: Target) -> None:
    async with await idle_target.enter() as raw:
        await asyncio.sleep(1.7)
        raw.send('421["echo"]')
        assert await raw.text() == '42["echo"]'
        assert await raw.text() == "431[]"
    await idle_target.until(sessions=0)


async def test_a_session_that_never_connects_to_a_namespace(idle_target: Target) -> None:
    async with (
        httpx2.AsyncClient(timeout=PATIENCE) as http,
        await RawSocket.dial(idle_target.port) as raw,
    ):
        await raw.upgrade("/socket.io/?EIO=4&transport=websocket")
        poller = Poller(http, idle_target.polling_url)
        await poller.open()  # and never comes back
        waiting = Poller(http, idle_target.polling_url)
        await waiting.open()
        assert await waiting.poll() == ["1"]
        assert await raw.close_code() == 1000
        # Nothing is left of them, and nothing waits for them.
        await idle_target.until(sessions=0, waiting=0)


async def test_an_upgrade_that_is_not_completed(target: Target) -> None:
    async with httpx2.AsyncClient(timeout=PATIENCE) as http:
        poller = Poller(http, target.polling_url)
        await poller.open()
        await poller.post("40")
        for begun in ("", "2probe"):
            async with await RawSocket.dial(target.port) as raw:
                await raw.upgrade(f"/socket.io/?EIO=4&transport=websocket&sid={poller.sid}")
                if begun:
                    raw.send(begun)
                assert await raw.close_code() == 1008
        await poller.post("1")
        await target.until(sessions=0)


async def test_a_full_node_says_when_to_come_back(tmp_path: Path) -> None:
    with running(tmp_path / "log", max_sockets=2, retry_after=9) as target:
        async with httpx2.AsyncClient(timeout=PATIENCE) as http, await target.enter() as one:
            poller = Poller(http, target.polling_url)
            await poller.open()
            async with await RawSocket.dial(target.port) as raw:
                status, headers = await raw.upgrade("/socket.io/?EIO=4&transport=websocket")
                assert (status, headers["retry-after"]) == (503, "9")
                assert await all_of(raw) == b"No room for another session"
            answer = await http.get(target.polling_url)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "9")
            assert (await target.stats())["refused"] == {"full": 2}
            # Those who are in are served, and a place that is left is given away.
            one.send('42["echo",1]')
            assert await one.text() == '42["echo",1]'
            await poller.post("1")
            await target.until(sessions=1)
            (await target.enter()).close()


async def test_more_clients_than_files_may_be_open(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with running(log, max_sockets=1000, files=(100, 200)) as target:
        clients = [await target.enter() for _ in range(200 - 64)]
        for _ in range(100):
            async with await RawSocket.dial(target.port) as raw:
                status, _ = await raw.upgrade("/socket.io/?EIO=4&transport=websocket")
                assert status == 503
        assert (await target.stats())["sessions"] == len(clients)
        for raw in clients:
            raw.close()
        await target.until(sessions=0)
    assert log.read_text() == ""
