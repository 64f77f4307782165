"""Clients that send anything at all: never a crash, a stuck session or a growing buffer."""

import asyncio
import gc
import logging
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hubbub.gateway import Gateway, Socket
from hubbub.gateway.connection import Connection
from hubbub.gateway.session import Session
from hubbub.gateway.websocket import WebSocketProtocol
from tests.gateway.support import PATIENCE, RawSocket, Served, mask_frame, serving

pytestmark = pytest.mark.anyio

rubbish = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

FRAGMENTS = st.sampled_from(
    ['42["echo",1]', "40", "41", "40/custom,", '451-["echo",{"_placeholder":true,"num":0}]', "3",
     "2", "6", "5", "1", "2probe", "42", '4210["later"]', "43", '430[]', "4", "b", "\x1e", '44{"message":""}']
)  # fmt: skip
FRAMES = st.builds(
    mask_frame,
    st.integers(0, 15),
    st.one_of(
        st.binary(max_size=200), FRAGMENTS.map(str.encode), st.text(max_size=50).map(str.encode)
    ),
    st.booleans(),
)
PLAUSIBLE = st.builds(mask_frame, st.just(1), FRAGMENTS.map(str.encode))
STREAMS = st.one_of(
    st.lists(st.one_of(PLAUSIBLE, PLAUSIBLE, FRAMES), max_size=20).map(b"".join),
    st.binary(max_size=2000),
)


class Watch(logging.Handler):
    """Collects what the gateway, uvicorn and the event loop complain about."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record.getMessage())


def gateway_under_fire() -> Gateway:
    gateway = Gateway(
        allowed_origins="*", close_timeout=0.05, upgrade_timeout=0.2, connect_timeout=5.0
    )
    for name in ("/", "/custom"):
        namespace = gateway.namespace(name)

        @namespace.on("echo")
        def echo(socket: Socket, *args: Any) -> tuple[Any, ...]:
            socket.emit("echo", *args)
            return args

        @namespace.on("later")
        async def later(_socket: Socket, *args: Any) -> tuple[Any, ...]:
            await asyncio.sleep(0)
            return args

    return gateway


@pytest.fixture(scope="module")
async def target() -> AsyncIterator[Served]:
    watch = Watch()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: watch.records.append(str(context)))
    loggers = [logging.getLogger(name) for name in ("hubbub.gateway", "uvicorn.error")]
    for logger in loggers:
        logger.addHandler(watch)
    async with serving(gateway_under_fire()) as served:
        yield served
    for logger in loggers:
        logger.removeHandler(watch)
    loop.set_exception_handler(None)
    assert watch.records == []


async def assert_all_gone(served: Served) -> None:
    """No session outlives its client, and the gateway still works."""
    async with asyncio.timeout(PATIENCE):
        while served.gateway.stats().sessions:
            await asyncio.sleep(0.005)
    assert served.gateway.stats().sockets == 0
    async with await served.enter() as raw:
        raw.send('421["echo","alive"]')
        assert await raw.text() == '42["echo","alive"]'
        assert await raw.text() == '431["alive"]'
    async with asyncio.timeout(PATIENCE):
        while served.gateway.stats().sessions:
            await asyncio.sleep(0.005)


@rubbish
@given(data=STREAMS, enter=st.booleans(), cuts=st.lists(st.integers(1, 200), max_size=5))
async def test_on_a_websocket(target: Served, data: bytes, enter: bool, cuts: list[int]) -> None:
    raw = await (target.enter() if enter else target.connect())
    at = 0
    for cut in cuts:
        raw.write(data[at : at + cut])
        at += cut
        await asyncio.sleep(0)
    raw.write(data[at:])
    await asyncio.sleep(0.002)
    raw.finish()
    assert await raw.ended()
    raw.close()
    await assert_all_gone(target)


@rubbish
@given(head=st.one_of(
    st.binary(max_size=500),
    st.builds(
        lambda target, key, extra: (
            b"GET " + target + b" HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + b"\r\n" + extra + b"\r\n\r\n"
        ),
        st.one_of(st.just(b"/socket.io/?EIO=4&transport=websocket"), st.binary(max_size=60)),
        st.one_of(st.just(b"dGhlIHNhbXBsZSBub25jZQ=="), st.binary(max_size=40)),
        st.one_of(st.just(b""), st.binary(max_size=60), st.just(b"Origin: http://[")),
    ),
))  # fmt: skip
async def test_as_a_handshake(target: Served, head: bytes) -> None:
    raw = await RawSocket.dial(target.port)
    raw.write(head)
    await asyncio.sleep(0.002)
    raw.finish()
    assert await raw.ended()
    raw.close()
    await assert_all_gone(target)


@rubbish
@given(
    bodies=st.lists(
        st.one_of(
            st.lists(FRAGMENTS, min_size=1, max_size=6).map("\x1e".join).map(str.encode),
            st.binary(max_size=300),
        ),
        max_size=4,
    )
)
async def test_by_polling(target: Served, bodies: list[bytes]) -> None:
    async with httpx2.AsyncClient(timeout=PATIENCE) as http:
        answer = await http.get(target.polling_url)
        sid = answer.text.split('"sid":"')[1].split('"')[0]
        url = f"{target.polling_url}&sid={sid}"
        for body in bodies:
            assert (await http.post(url, content=body)).status_code in (200, 400)
        # The client says goodbye, if it has not been thrown out.
        assert (await http.post(url, content=b"1")).status_code in (200, 400)
        assert (await http.get(url)).status_code == 400
    await assert_all_gone(target)


@rubbish
@given(
    query=st.text(max_size=80), method=st.sampled_from(["GET", "POST", "PUT", "OPTIONS", "HEAD"])
)
async def test_in_the_query(target: Served, query: str, method: str) -> None:
    async with httpx2.AsyncClient(timeout=PATIENCE) as http:
        answer = await http.request(
            method, f"{target.url}/socket.io/", params={"x": query, "EIO": query}
        )
        assert answer.status_code in (204, 400)
        answer = await http.get(target.polling_url + "&sid=" + query.encode().hex())
        assert answer.status_code in (200, 400)
    for session in list(target.gateway.engine.sessions.values()):
        session.close("test over", graceful=False)


async def test_nothing_is_kept_of_those_who_left() -> None:
    gateway = gateway_under_fire()
    async with serving(gateway) as served:
        for _ in range(50):
            async with await served.enter() as raw:
                raw.send('42["echo",{"a":[1,2,3]}]')
                raw.send('451-["echo",{"_placeholder":true,"num":0}]')
                raw.send_frame(1, b"half", fin=False)
        async with asyncio.timeout(PATIENCE):
            while gateway.stats().sessions or len(gateway.engine.wheel):
                await asyncio.sleep(0.01)
        gc.collect()
        kinds = (Session, Connection, Socket, WebSocketProtocol)
        left = [o for o in gc.get_objects() if isinstance(o, kinds)]
        assert [o for o in left if _belongs(o, gateway)] == []


def _belongs(thing: Any, gateway: Gateway) -> bool:
    if isinstance(thing, Session):
        return thing.server is gateway.engine
    if isinstance(thing, Connection):
        return thing.gateway is gateway
    if isinstance(thing, Socket):
        return thing.namespace in gateway.namespaces.values()
    return isinstance(thing, gateway.websocket_protocol)


async def test_a_sender_of_huge_frames_costs_one_payload_at_most() -> None:
    gateway = gateway_under_fire()
    async with serving(gateway) as served, await served.enter() as raw:
        (socket,) = gateway.namespace().sockets
        # Headers that announce more than the limit are refused before anything is kept.
        raw.writer.write(b"\x82\xff\x00\x00\x00\x01\x00\x00\x00\x00")
        assert await raw.close_code() == 1009
        assert not socket.connected


async def test_what_follows_a_broken_frame_is_not_kept() -> None:
    gateway = gateway_under_fire()
    async with serving(gateway) as served, await served.enter() as raw:
        (socket,) = gateway.namespace().sockets
        protocol = socket.session.ws
        assert protocol is not None
        raw.writer.write(b"\x83\x80\0\0\0\0" + b"x" * 100)
        assert await raw.close_code() == 1002
        for _ in range(5):
            protocol.data_received(b"x" * 100_000)
            assert sys.getsizeof(protocol._buffer) < 1000


async def test_a_flood_of_pings_is_bounded() -> None:
    gateway = Gateway(max_send_buffer=100_000, close_timeout=0.2, max_events=0)
    gateway.namespace()
    async with serving(gateway) as served, await served.enter() as raw:
        (socket,) = gateway.namespace().sockets
        raw.writer.transport.pause_reading()  # type: ignore[attr-defined]
        ping = mask_frame(9, b"x" * 125) * 500
        async with asyncio.timeout(PATIENCE):
            while socket.connected:
                raw.writer.write(ping)
                try:
                    await raw.writer.drain()
                except ConnectionError:
                    break
                await asyncio.sleep(0)
        assert gateway.stats().slow_closes == 1
