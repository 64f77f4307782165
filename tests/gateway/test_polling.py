"""Long-polling: payloads, limits, origins, and the change to a WebSocket."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx2
import pytest

from hubbub.gateway import Gateway, Socket
from tests.gateway.support import PATIENCE, Poller, Served, serving

pytestmark = pytest.mark.anyio


def counting_gateway(**options: object) -> Gateway:
    gateway = Gateway(**options)  # type: ignore[arg-type]

    @gateway.namespace("/").on("echo")
    def echo(socket: Socket, *args: object) -> None:
        socket.emit("echo", *args)

    return gateway


@asynccontextmanager
async def polling(gateway: Gateway) -> AsyncIterator[tuple[Served, Poller]]:
    async with serving(gateway) as served, httpx2.AsyncClient(timeout=PATIENCE) as http:
        poller = Poller(http, served.polling_url)
        await poller.open()
        yield served, poller


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.005)


async def enter(poller: Poller) -> None:
    await poller.post("40")
    (packet,) = await poller.poll()
    assert packet.startswith('40{"sid":')


async def begin_poll(served: Served, poller: Poller) -> asyncio.Task[list[str]]:
    """A poll that has arrived and waits for something to answer."""
    (session,) = served.gateway.engine.sessions.values()
    transport = session.polling
    assert transport is not None
    waiting = asyncio.create_task(poller.poll())
    await until(lambda: transport.waiter is not None)
    return waiting


async def test_packets_of_a_turn_come_in_one_answer() -> None:
    async with polling(counting_gateway()) as (_, poller):
        await enter(poller)
        await poller.post(*(f'42["echo",{i}]' for i in range(20)))
        assert await poller.poll() == [f'42["echo",{i}]' for i in range(20)]


async def test_a_waiting_poll_is_answered_at_once() -> None:
    gateway = counting_gateway()
    async with polling(gateway) as (served, poller):
        await enter(poller)
        waiting = await begin_poll(served, poller)
        gateway.namespace().emit("news", b"\x01\x02\x03\x04")
        assert await waiting == ['451-["news",{"_placeholder":true,"num":0}]', "bAQIDBA=="]


async def test_attachments_in_base64() -> None:
    async with polling(counting_gateway()) as (_, poller):
        await enter(poller)
        await poller.post('451-["echo",{"_placeholder":true,"num":0}]', "bAQIDBA==")
        assert await poller.poll() == ['451-["echo",{"_placeholder":true,"num":0}]', "bAQIDBA=="]


@pytest.mark.parametrize("body", [b"bA*", b"\xff", b"", b"\x1e", b"42[", b"4", b'42["a"]\x1ex'])
async def test_bad_bodies_close_the_session(body: bytes) -> None:
    async with polling(counting_gateway()) as (served, poller):
        await enter(poller)
        assert (await poller.http.post(poller.url, content=body)).status_code == 400
        assert (await poller.http.get(poller.url)).status_code == 400
        assert served.gateway.stats().sessions == 0


async def test_bodies_are_bounded() -> None:
    async with polling(counting_gateway(max_payload=1000)) as (served, poller):
        answer = await poller.http.post(poller.url, content=b"4" * 1001)
        assert answer.status_code == 413
        assert served.gateway.stats().sessions == 0

        await (chunked := Poller(poller.http, served.polling_url)).open()

        async def endless() -> AsyncIterator[bytes]:
            for _ in range(1000):
                yield b"4" * 100

        answer = await poller.http.post(chunked.url, content=endless())
        assert answer.status_code == 413


async def test_a_second_post_at_the_same_time_closes() -> None:
    async with polling(counting_gateway()) as (served, poller):
        refused = asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            yield b"4"
            await refused.wait()
            yield b"0"

        first = asyncio.create_task(poller.http.post(poller.url, content=slowly()))
        (session,) = served.gateway.engine.sessions.values()
        transport = session.polling
        assert transport is not None
        await until(lambda: transport.posting)
        assert (await poller.http.post(poller.url, content=b"40")).status_code == 400
        refused.set()
        await first
        assert (await poller.http.get(poller.url)).status_code == 400


async def test_origins_and_cors() -> None:
    gateway = Gateway(allowed_origins=["https://app.example"])
    async with serving(gateway) as served, httpx2.AsyncClient(timeout=PATIENCE) as http:
        allowed = {"Origin": "https://app.example"}
        answer = await http.get(served.polling_url, headers=allowed)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert answer.headers["vary"] == "Origin"
        preflight = await http.options(served.polling_url, headers=allowed)
        assert preflight.status_code == 204
        assert "POST" in preflight.headers["access-control-allow-methods"]
        assert (await http.get(served.polling_url)).status_code == 200
        own = {"Origin": served.url}
        assert (await http.get(served.polling_url, headers=own)).status_code == 200
        other = await http.get(served.polling_url, headers={"Origin": "https://evil.example"})
        assert other.status_code == 403
        assert "access-control-allow-origin" not in other.headers


async def test_other_paths_and_full_nodes() -> None:
    gateway = Gateway(max_sockets=0, retry_after=3)
    async with serving(gateway) as served, httpx2.AsyncClient(timeout=PATIENCE) as http:
        assert (await http.get(f"{served.url}/other")).status_code == 404
        answer = await http.get(served.polling_url)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "3")


async def test_what_waits_for_a_poll_is_bounded() -> None:
    gateway = counting_gateway(max_send_buffer=10_000)
    reasons: asyncio.Queue[str] = asyncio.Queue()
    gateway.namespace().on_disconnect(lambda _socket, reason: reasons.put_nowait(reason))
    async with polling(gateway) as (_, poller):
        await enter(poller)
        for _ in range(30):
            gateway.namespace().emit("news", "x" * 1000)
            await asyncio.sleep(0)
        assert await asyncio.wait_for(reasons.get(), PATIENCE) == "send buffer full"
        assert gateway.stats().slow_closes == 1
        assert (await poller.http.get(poller.url)).status_code == 400


async def test_the_last_words_wait_for_the_next_poll() -> None:
    gateway = counting_gateway()
    async with polling(gateway) as (_, poller):
        await enter(poller)
        (socket,) = gateway.namespace().sockets
        socket.emit("goodbye")
        socket.disconnect(close=True)
        assert gateway.stats().sockets == 0
        assert await poller.poll() == ['42["goodbye"]', "41", "1"]
        assert (await poller.http.get(poller.url)).status_code == 400


async def test_draining_ends_a_waiting_poll() -> None:
    gateway = counting_gateway()
    async with polling(gateway) as (served, poller):
        await enter(poller)
        waiting = await begin_poll(served, poller)
        await gateway.drain()
        assert await waiting == ["1"]
        assert gateway.stats().sessions == 0


async def test_nothing_is_lost_or_doubled_by_an_upgrade() -> None:
    gateway = counting_gateway()
    async with polling(gateway) as (served, poller):
        await enter(poller)
        namespace = gateway.namespace()
        numbers = iter(range(10_000))
        received: list[str] = []

        def news(count: int = 1) -> None:
            for _ in range(count):
                namespace.emit("n", next(numbers))

        news(3)
        waiting = asyncio.create_task(poller.poll())
        await asyncio.sleep(0.02)
        news()
        received += await waiting
        raw = await served.connect(f"EIO=4&transport=websocket&sid={poller.sid}")
        raw.send("2probe")
        assert await raw.text() == "3probe"
        news(2)
        received += await poller.poll()
        news(2)
        # The client stops polling and changes over; what is emitted meanwhile waits.
        raw.send("5")
        news(3)
        raw.send('42["echo","over"]')
        while received[-1] != '42["echo","over"]':
            received.append(await raw.text())
        (socket,) = namespace.sockets
        assert socket.transport_name == "websocket"
        sent = [packet for packet in received if packet.startswith('42["n"')]
        assert sent == [f'42["n",{i}]' for i in range(next(numbers))]
        assert (await poller.http.get(poller.url)).status_code == 400
        raw.close()


async def test_a_probe_lets_a_waiting_poll_return() -> None:
    async with polling(counting_gateway()) as (served, poller):
        await enter(poller)
        waiting = await begin_poll(served, poller)
        raw = await served.connect(f"EIO=4&transport=websocket&sid={poller.sid}")
        assert not waiting.done()
        raw.send("2probe")
        assert await asyncio.wait_for(waiting, PATIENCE) == ["6"]
        raw.close()


async def test_an_upgrade_that_is_not_completed_leaves_polling_alone() -> None:
    gateway = counting_gateway(upgrade_timeout=0.1)
    async with polling(gateway) as (served, poller):
        await enter(poller)
        for packet in ("2probe", "2wrong", ""):
            raw = await served.connect(f"EIO=4&transport=websocket&sid={poller.sid}")
            if packet:
                raw.send(packet)
            assert await raw.close_code() in (1002, 1008)
            raw.close()
        await poller.post('42["echo",1]')
        packets = await poller.poll()
        assert packets in (['42["echo",1]'], ["6"])
        if packets == ["6"]:
            assert await poller.poll() == ['42["echo",1]']


async def test_busy_handlers_hold_back_a_post() -> None:
    gateway = Gateway(max_handlers=2)
    started: list[int] = []
    done = asyncio.Event()

    @gateway.namespace().on("work")
    async def work(_socket: Socket, number: int) -> None:
        started.append(number)
        await done.wait()

    async with polling(gateway) as (_, poller):
        await enter(poller)
        post = asyncio.create_task(poller.post(*(f'42["work",{i}]' for i in range(5))))
        await until(lambda: len(started) >= 2)
        await asyncio.sleep(0.05)
        assert started == [0, 1]
        assert not post.done()
        done.set()
        await asyncio.wait_for(post, PATIENCE)
        await until(lambda: len(started) >= 5)
        assert started == [0, 1, 2, 3, 4]
