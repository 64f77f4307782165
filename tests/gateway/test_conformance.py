"""The cases of the public Engine.IO 4 and Socket.IO 5 conformance suites, against the echo
application, and some more. The suites are in no package, so this stands for them; `suites` says which
test stands for which case."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from hubbub.gateway.echo import build_gateway
from tests.gateway import suites
from tests.gateway.support import PATIENCE, RawSocket, serving, tap, texts

pytestmark = pytest.mark.anyio

INTERVAL = 0.3
TIMEOUT = 0.2

# Close codes of the gateway.
FORCED = 1000
INVALID = 1002
REFUSED = 1008
TIMED_OUT = 1011

PATHS = ["/engine.io/", "/socket.io/"]

STAY = (
    b"40"  # who does not connect to a namespace in a second is closed, on a busy machine too soon
)


class Suite:
    """Where to find the application, and the few verbs the suites use."""

    def __init__(self, http: httpx2.AsyncClient, port: int, path: str) -> None:
        self.http = http
        self.polling = f"http://127.0.0.1:{port}{path}?EIO=4&transport=polling"
        self.bare = f"http://127.0.0.1:{port}{path}"
        self.websocket = f"ws://127.0.0.1:{port}{path}?EIO=4&transport=websocket"
        self.bare_websocket = f"ws://127.0.0.1:{port}{path}"
        # What can be said at any time, and the answer to it.
        self.said, self.heard = ("4hello", "4hello")
        if path == "/socket.io/":
            self.said, self.heard = ("40/random", '44/random,{"message":"Invalid namespace"}')

    async def session(self) -> str:
        """A new long-polling session's id."""
        return str(orjson.loads((await self.http.get(self.polling)).text[1:])["sid"])

    def of(self, sid: str) -> str:
        return f"{self.polling}&sid={sid}"

    def upgrade(self, sid: str) -> connect:
        return connect(f"{self.websocket}&sid={sid}", proxy=None)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[ClientConnection]:
        """A WebSocket after the Engine.IO handshake."""
        async with connect(self.websocket, proxy=None) as socket:
            assert (await message(socket)).startswith("0")
            yield socket

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[ClientConnection]:
        """A WebSocket after the Socket.IO handshake and the "auth" event."""
        async with self.opened() as socket:
            await socket.send("40")
            assert (await message(socket)).startswith('40{"sid":')
            assert await message(socket) == '42["auth",{}]'
            yield socket


class Listener:
    """The Socket.IO suite's client: it listens for one message, deals with it, and only then listens
    for the next, so of what it reads at once it hears the first message only.

    What it reads at once is here what the gateway writes at once, but pings.
    """

    def __init__(self, raw: RawSocket, writes: list[bytes]) -> None:
        self.raw = raw
        self.writes = writes
        self.read = 2  # after the WebSocket's handshake and the session's

    def send(self, packet: str) -> None:
        self.raw.send(packet)

    async def hear(self, pings: bool = False) -> str:
        async with asyncio.timeout(PATIENCE):
            while True:
                while self.read == len(self.writes):
                    await asyncio.sleep(0.005)
                messages = texts(self.writes[self.read])
                self.read += 1
                if "2" in messages:
                    self.send("3")
                    if pings:
                        return messages[0]
                    messages.remove("2")
                if messages:
                    return messages[0]

    async def enter(self) -> None:
        self.send("40")
        assert (await self.hear()).startswith('40{"sid":')
        assert await self.hear() == '42["auth",{}]'


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    gateway = build_gateway(ping_interval=INTERVAL, ping_timeout=PATIENCE)
    writes = tap(gateway)
    async with serving(gateway) as served, await served.connect() as raw:
        assert (await raw.text()).startswith("0")
        yield Listener(raw, writes)


@pytest.fixture(params=PATHS)
async def engine(request: pytest.FixtureRequest, echo_port: int) -> AsyncIterator[Suite]:
    async with httpx2.AsyncClient(timeout=PATIENCE) as http:
        yield Suite(http, echo_port, request.param)


@pytest.fixture(params=PATHS)
async def strict(request: pytest.FixtureRequest, strict_port: int) -> AsyncIterator[Suite]:
    async with httpx2.AsyncClient(timeout=PATIENCE) as http:
        yield Suite(http, strict_port, request.param)


@pytest.fixture
async def plain(echo_port: int) -> AsyncIterator[Suite]:
    async with httpx2.AsyncClient(timeout=PATIENCE) as http:
        yield Suite(http, echo_port, "/engine.io/")


@pytest.fixture
async def socketio(echo_port: int) -> AsyncIterator[Suite]:
    async with httpx2.AsyncClient(timeout=PATIENCE) as http:
        yield Suite(http, echo_port, "/socket.io/")


async def message(socket: ClientConnection) -> Any:
    """The next message; pings are answered."""
    async with asyncio.timeout(PATIENCE):
        while (data := await socket.recv()) == "2":
            await socket.send("3")
    return data


async def closed(socket: ClientConnection, pong: bool = False) -> int:
    """The code the server closes with; it tells an invalid packet from a ping timeout."""
    async with asyncio.timeout(PATIENCE):
        try:
            while True:
                if await socket.recv() == "2" and pong:
                    await socket.send("3")
        except ConnectionClosed as gone:
            return gone.rcvd.code if gone.rcvd else 1006


class TestHandshake:
    async def test_polling_opens_a_session(self, strict: Suite) -> None:
        answer = await strict.http.get(strict.polling)
        assert answer.status_code == 200
        assert answer.text.startswith("0")
        value = orjson.loads(answer.text[1:])
        assert isinstance(value.pop("sid"), str)
        assert value == {
            "upgrades": ["websocket"],
            "pingInterval": 300,
            "pingTimeout": 200,
            "maxPayload": 1000000,
        }

    @pytest.mark.parametrize(
        "query", ["transport=polling", "EIO=abc&transport=polling", "EIO=4", "EIO=4&transport=abc"]
    )
    async def test_polling_fails_with_invalid_parameters(self, engine: Suite, query: str) -> None:
        assert (await engine.http.get(f"{engine.bare}?{query}")).status_code == 400

    @pytest.mark.parametrize("method", ["POST", "PUT"])
    async def test_polling_fails_with_an_invalid_method(self, engine: Suite, method: str) -> None:
        assert (await engine.http.request(method, engine.polling)).status_code == 400

    async def test_websocket_opens_a_session(self, strict: Suite) -> None:
        async with connect(strict.websocket, proxy=None) as socket:
            data = await message(socket)
        assert data.startswith("0")
        value = orjson.loads(data[1:])
        assert isinstance(value.pop("sid"), str)
        assert value == {
            "upgrades": [],
            "pingInterval": 300,
            "pingTimeout": 200,
            "maxPayload": 1000000,
        }

    @pytest.mark.parametrize(
        "query",
        ["transport=websocket", "EIO=abc&transport=websocket", "EIO=4", "EIO=4&transport=abc"],
    )
    async def test_websocket_fails_with_invalid_parameters(self, engine: Suite, query: str) -> None:
        with pytest.raises(InvalidStatus) as refused:
            async with connect(f"{engine.bare_websocket}?{query}", proxy=None):
                pass
        assert refused.value.response.status_code == 400


class TestEngineMessages:
    @pytest.mark.parametrize(
        "payload",
        ["4hello", "4test1\x1e4test2\x1e4test3", "4hello\x1ebAQIDBA=="],
        ids=["one", "several", "binary"],
    )
    async def test_polling_carries_packets(self, plain: Suite, payload: str) -> None:
        url = plain.of(await plain.session())
        pushed = await plain.http.post(url, content=payload.encode())
        assert (pushed.status_code, pushed.text) == (200, "ok")
        polled = await plain.http.get(url)
        assert (polled.status_code, polled.text) == (200, payload)

    async def test_polling_closes_upon_an_invalid_packet(self, engine: Suite) -> None:
        url = engine.of(await engine.session())
        assert (await engine.http.post(url, content=b"abc")).status_code == 400
        assert (await engine.http.get(url)).status_code == 400

    async def test_polling_closes_upon_duplicate_polls(self, engine: Suite) -> None:
        url = engine.of(await engine.session())
        polls = [engine.http.get(f"{url}&t=burst{number}") for number in range(2)]
        answers = await asyncio.gather(*polls)
        # Whichever comes second is the one too many.
        refused, first = sorted(answers, key=lambda answer: answer.status_code, reverse=True)
        assert (first.status_code, first.text) == (200, "1")
        assert refused.status_code == 400
        assert (await engine.http.get(url)).status_code == 400

    async def test_polling_closes_upon_a_cancelled_poll(self, engine: Suite) -> None:
        url = engine.of(await engine.session())
        with pytest.raises(httpx2.ReadTimeout):
            await engine.http.get(url, timeout=0.1)
        assert (await engine.http.get(url)).status_code == 400

    async def test_websocket_carries_text_and_binary(self, plain: Suite) -> None:
        async with plain.opened() as socket:
            await socket.send("4hello")
            assert await message(socket) == "4hello"
            await socket.send(bytes([1, 2, 3, 4]))
            assert await message(socket) == bytes([1, 2, 3, 4])

    async def test_websocket_closes_upon_an_invalid_packet(self, engine: Suite) -> None:
        async with engine.opened() as socket:
            await socket.send("abc")
            assert await closed(socket) == INVALID


class TestHeartbeat:
    async def test_polling_pings(self, engine: Suite) -> None:
        url = engine.of(await engine.session())
        await engine.http.post(url, content=STAY)
        for _ in range(3):
            while "2" not in (await engine.http.get(url)).text.split("\x1e"):
                pass
            assert (await engine.http.post(url, content=b"3")).status_code == 200

    async def test_polling_times_out(self, strict: Suite) -> None:
        url = strict.of(await strict.session())
        await asyncio.sleep(INTERVAL + TIMEOUT + 0.2)
        assert (await strict.http.get(url)).status_code == 400

    async def test_websocket_pings(self, engine: Suite) -> None:
        async with engine.opened() as socket:
            await socket.send(STAY.decode())
            for _ in range(3):
                while await socket.recv() != "2":
                    pass
                await socket.send("3")

    async def test_websocket_times_out(self, strict: Suite) -> None:
        async with strict.opened() as socket:
            assert await closed(socket) == TIMED_OUT


class TestClose:
    async def test_polling_is_closed_by_the_client(self, engine: Suite) -> None:
        url = engine.of(await engine.session())
        polled = asyncio.create_task(engine.http.get(url))
        await asyncio.sleep(0.2)
        await engine.http.post(url, content=b"1")
        assert ((await polled).status_code, (await polled).text) == (200, "6")
        assert (await engine.http.get(url)).status_code == 400

    async def test_websocket_is_closed_by_the_client(self, engine: Suite) -> None:
        async with engine.opened() as socket:
            await socket.send("1")
            assert await closed(socket) == FORCED


class TestUpgrade:
    async def test_from_polling_to_websocket(self, engine: Suite) -> None:
        sid = await engine.session()
        async with engine.upgrade(sid) as socket:
            await socket.send("2probe")
            assert await message(socket) == "3probe"
            polled = await engine.http.get(engine.of(sid))
            assert (polled.status_code, polled.text) == (200, "6")
            await socket.send("5")
            await socket.send(engine.said)
            assert await message(socket) == engine.heard

    async def test_ignores_polls_afterwards(self, engine: Suite) -> None:
        sid = await engine.session()
        async with engine.upgrade(sid) as socket:
            await socket.send("2probe")
            assert await message(socket) == "3probe"
            await socket.send("5")
            await socket.send(engine.said)
            assert await message(socket) == engine.heard
            assert (await engine.http.get(engine.of(sid))).status_code == 400
            await socket.send(engine.said)
            assert await message(socket) == engine.heard

    async def test_ignores_a_second_websocket(self, engine: Suite) -> None:
        sid = await engine.session()
        async with engine.upgrade(sid) as socket:
            await socket.send("2probe")
            assert await message(socket) == "3probe"
            await socket.send("5")
            async with engine.upgrade(sid) as second:
                assert await closed(second) == REFUSED
            await socket.send(engine.said)
            assert await message(socket) == engine.heard


class TestConnect:
    @pytest.mark.parametrize(
        ("packet", "answer", "event"),
        [
            ("40", "40", '42["auth",{}]'),
            ('40{"token":"123"}', "40", '42["auth",{"token":"123"}]'),
            ("40/custom,", "40/custom,", '42/custom,["auth",{}]'),
            ('40/custom,{"token":"abc"}', "40/custom,", '42/custom,["auth",{"token":"abc"}]'),
        ],
    )
    async def test_to_a_namespace(
        self, listener: Listener, packet: str, answer: str, event: str
    ) -> None:
        listener.send(packet)
        data = await listener.hear()
        assert data.startswith(answer)
        assert list(orjson.loads(data.removeprefix(answer))) == ["sid"]
        assert await listener.hear() == event

    async def test_not_to_an_unknown_namespace(self, socketio: Suite) -> None:
        async with socketio.opened() as socket:
            await socket.send("40/random")
            assert await message(socket) == '44/random,{"message":"Invalid namespace"}'

    @pytest.mark.parametrize("packet", ["4abc", '42["message"]', '40"text"', "40[]", "41"])
    async def test_not_with_an_invalid_handshake(self, socketio: Suite, packet: str) -> None:
        async with socketio.opened() as socket:
            await socket.send(packet)
            assert await closed(socket) == INVALID

    async def test_twice_to_one_namespace_closes(self, socketio: Suite) -> None:
        async with socketio.connected() as socket:
            await socket.send("40")
            assert await closed(socket) == INVALID

    async def test_closes_when_no_handshake_is_received(self, socketio: Suite) -> None:
        async with socketio.opened() as socket:
            assert await closed(socket, pong=True) == FORCED


class TestDisconnect:
    async def test_from_the_main_namespace(self, listener: Listener) -> None:
        await listener.enter()
        listener.send("41")
        assert await listener.hear(pings=True) == "2"

    async def test_from_a_custom_namespace(self, listener: Listener) -> None:
        await listener.enter()
        listener.send("40/custom")
        assert (await listener.hear()).startswith("40/custom,")
        assert await listener.hear() == '42/custom,["auth",{}]'
        listener.send("41/custom")
        listener.send('42["message","message to main namespace"]')
        assert await listener.hear() == '42["message-back","message to main namespace"]'


class TestMessages:
    async def test_plain_text(self, socketio: Suite) -> None:
        async with socketio.connected() as socket:
            await socket.send('42["message",1,"2",{"3":[true]}]')
            assert await message(socket) == '42["message-back",1,"2",{"3":[true]}]'

    async def test_binary_attachments(self, socketio: Suite) -> None:
        placeholders = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}'
        async with socketio.connected() as socket:
            await socket.send(f'452-["message",{placeholders}]')
            await socket.send(bytes([1, 2, 3]))
            await socket.send(bytes([4, 5, 6]))
            assert await message(socket) == f'452-["message-back",{placeholders}]'
            assert await message(socket) == bytes([1, 2, 3])
            assert await message(socket) == bytes([4, 5, 6])

    async def test_an_ack(self, socketio: Suite) -> None:
        async with socketio.connected() as socket:
            await socket.send('42456["message-with-ack",1,"2",{"3":[false]}]')
            assert await message(socket) == '43456[1,"2",{"3":[false]}]'

    async def test_binary_attachments_and_an_ack(self, socketio: Suite) -> None:
        placeholders = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}'
        async with socketio.connected() as socket:
            await socket.send(f'452-789["message-with-ack",{placeholders}]')
            await socket.send(bytes([1, 2, 3]))
            await socket.send(bytes([4, 5, 6]))
            assert await message(socket) == f"462-789[{placeholders}]"
            assert await message(socket) == bytes([1, 2, 3])
            assert await message(socket) == bytes([4, 5, 6])

    @pytest.mark.parametrize(
        "packet",
        [
            "4abc",
            "42{}",
            "42[]",
            "42",
            '42[{"a":1}]',
            '42abc["message-with-ack",1]',
            '42["connect"]',
            "43[1]",
            "43",
            '44{"message":"x"}',
            '450-["message"]',
            '4511-["message"]',
            '45["message"]',
            '421-["message"]',
            "4",
            "47",
            "2",
            "0",
            "5",
            "",
        ],
    )
    async def test_invalid_packets_close(self, socketio: Suite, packet: str) -> None:
        async with socketio.connected() as socket:
            await socket.send(packet)
            assert await closed(socket) == INVALID

    async def test_binary_out_of_place_closes(self, socketio: Suite) -> None:
        async with socketio.connected() as socket:
            await socket.send(b"\x01")
            assert await closed(socket) == INVALID

    async def test_text_between_attachments_closes(self, socketio: Suite) -> None:
        async with socketio.connected() as socket:
            await socket.send('451-["message",{"_placeholder":true,"num":0}]')
            await socket.send('42["message"]')
            assert await closed(socket) == INVALID

    async def test_a_placeholder_without_attachment_closes(self, socketio: Suite) -> None:
        async with socketio.connected() as socket:
            await socket.send('451-["message",{"_placeholder":true,"num":1}]')
            await socket.send(b"\x01")
            assert await closed(socket) == INVALID

    async def test_rooms(self, socketio: Suite) -> None:
        async with socketio.connected() as inside, socketio.connected() as outside:
            await inside.send('42["join","a"]')
            assert await message(inside) == '42["joined"]'
            await outside.send('42["msg",{"room":"a","n":1}]')
            assert await message(inside) == '42["msg",{"room":"a","n":1}]'
            await outside.send('42["message"]')
            assert await message(outside) == '42["message-back"]'


@pytest.mark.parametrize(("suite", "count"), [(suites.ENGINE_IO, 24), (suites.SOCKET_IO, 32)])
def test_every_case_of_the_suites_has_a_test(suite: suites.Suite, count: int) -> None:
    tests = [test for group in suite.values() for test in group.values()]
    assert len(tests) == count
    for test in tests:
        group, _, name = test.partition(".")
        assert callable(getattr(globals()[group], name)), test
