"""The application's side: connecting, events, acknowledgements, rooms, and the end."""

import asyncio
import logging
from typing import Any

import httpx2
import pytest

from hubbub.gateway import ConnectRefused, Disconnected, EncodedJson, Gateway, Socket
from tests.gateway.support import PATIENCE, Poller, RawSocket, mask_frame, serving

pytestmark = pytest.mark.anyio


async def settled(raw: RawSocket) -> None:
    """Everything sent so far on ``raw`` has been handled (its gateway has an event "sync")."""
    raw.send('429999["x"]')
    while await raw.text() != '439999["synced"]':
        pass


def gateway_with_sync(**options: Any) -> Gateway:
    gateway = Gateway(**options)
    gateway.namespace().on("x")(lambda _socket: "synced")
    return gateway


async def test_connect_handlers_decide() -> None:
    gateway = Gateway()
    namespace = gateway.namespace("/door")

    @namespace.on_connect
    async def connect(socket: Socket, auth: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        if auth.get("token") == "boom":
            raise ValueError("a secret")
        if auth.get("token") != "good":
            raise ConnectRefused("not you", {"code": 7})
        socket.data = auth["token"]

    async with serving(gateway) as served, await served.connect() as raw:
        await raw.text()
        raw.send("40/door,")
        assert await raw.text() == '44/door,{"message":"not you","data":{"code":7}}'
        raw.send('40/door,{"token":"boom"}')
        assert await raw.text() == '44/door,{"message":"Internal error"}'
        assert gateway.stats().refused_connects == 2
        raw.send('40/door,{"token":"good"}')
        assert (await raw.text()).startswith("40/door,")
        (socket,) = namespace.sockets
        assert socket.data == "good"
        assert socket.namespace is namespace


async def test_a_client_that_leaves_while_it_is_let_in_is_told_of() -> None:
    gateway = Gateway()
    namespace = gateway.namespace()
    asked, decide = asyncio.Event(), asyncio.Event()
    let_in: list[Socket] = []
    left: list[Socket] = []

    @namespace.on_connect
    async def connect(socket: Socket, _auth: object) -> None:
        asked.set()
        await decide.wait()
        let_in.append(socket)

    @namespace.on_disconnect
    def disconnect(socket: Socket, _reason: str) -> None:
        left.append(socket)

    async with serving(gateway) as served:
        async with await served.connect() as raw:
            await raw.text()
            raw.send("40")
            await asked.wait()
        async with asyncio.timeout(PATIENCE):
            while gateway.stats().sessions:
                await asyncio.sleep(0.01)
            assert left == []
            decide.set()
            while not left:
                await asyncio.sleep(0.01)
        assert left == let_in
        assert not namespace.sockets


async def test_what_is_sent_while_connecting_comes_after_the_connect_packet() -> None:
    gateway = Gateway()
    namespace = gateway.namespace()

    @namespace.on_connect
    async def connect(socket: Socket, _auth: Any) -> None:
        socket.emit("first")
        socket.join("room")
        await asyncio.sleep(0.01)
        namespace.emit("second", room="room")
        namespace.emit("not yet", skip=socket)
        assert namespace.room_size("room") == 1

    async with serving(gateway) as served, await served.connect() as raw:
        await raw.text()
        raw.send("40")
        assert (await raw.text()).startswith('40{"sid":')
        assert await raw.text() == '42["first"]'
        assert await raw.text() == '42["second"]'
        namespace.emit("third", room="room")
        assert await raw.text() == '42["third"]'


async def test_an_event_before_the_answer_closes() -> None:
    gateway = Gateway()

    @gateway.namespace().on_connect
    async def connect(_socket: Socket, _auth: Any) -> None:
        await asyncio.sleep(PATIENCE)

    async with serving(gateway) as served, await served.connect() as raw:
        await raw.text()
        raw.send("40")
        raw.send('42["early"]')
        assert await raw.close_code() == 1002


@pytest.mark.parametrize(
    ("result", "ack"),
    [
        (None, "[]"),
        (1, "[1]"),
        ((1, "2"), '[1,"2"]'),
        ([1, 2], "[[1,2]]"),
        ((), "[]"),
        (EncodedJson(b'{"as":  "is"}'), '[{"as":  "is"}]'),
    ],
)
@pytest.mark.parametrize("kind", ["value", "coroutine", "future"])
async def test_acknowledgements(result: Any, ack: str, kind: str) -> None:
    gateway = Gateway()

    @gateway.namespace().on("ask")
    def ask(_socket: Socket) -> Any:
        if kind == "value":
            return result
        if kind == "coroutine":
            return asyncio.sleep(0, result)
        future = asyncio.get_running_loop().create_future()
        future.get_loop().call_later(0.01, future.set_result, result)
        return future

    async with serving(gateway) as served, await served.enter() as raw:
        raw.send('4212["ask"]')
        assert await raw.text() == "4312" + ack


async def test_a_failing_handler_is_logged_and_answered(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[tuple[str, BaseException]] = []

    def on_error(_socket: Socket, event: str, error: BaseException) -> Any:
        seen.append((event, error))
        return {"ok": False}

    gateway = Gateway(on_error=on_error)
    namespace = gateway.namespace()

    @namespace.on("sync")
    def sync(_socket: Socket) -> None:
        raise ValueError("one")

    @namespace.on("async")
    async def later(_socket: Socket) -> None:
        raise ValueError("two")

    @namespace.on("future")
    def future(_socket: Socket) -> asyncio.Future[None]:
        broken = asyncio.get_running_loop().create_future()
        broken.set_exception(ValueError("three"))
        return broken

    namespace.on("unsendable")(lambda _socket: {1, 2})

    async with serving(gateway) as served, await served.enter() as raw:
        with caplog.at_level(logging.ERROR, "hubbub.gateway"):
            for number, event in enumerate(["sync", "async", "future", "unsendable"]):
                raw.send(f'42{number}["{event}"]')
                assert await raw.text() == f'43{number}[{{"ok":false}}]'
            raw.send('42["sync"]')
            raw.send('42["sync","too","many"]')
            raw.send('429["sync"]')
            await raw.text()
    assert [str(error) for _, error in seen[:3]] == ["one", "two", "three"]
    assert "the handler of 'sync' failed" in caplog.text
    assert "ValueError: two" in caplog.text


async def test_unknown_events() -> None:
    gateway = gateway_with_sync()
    namespace = gateway.namespace()
    async with serving(gateway) as served, await served.enter() as raw:
        raw.send('421["nobody"]')
        await settled(raw)
        namespace.on_unknown(lambda _socket, event, *args: [event, *args])
        raw.send('422["nobody",1]')
        assert await raw.text() == '432[["nobody",1]]'


async def test_handlers_of_a_socket_start_in_order() -> None:
    gateway = gateway_with_sync()
    namespace = gateway.namespace()
    started: list[int] = []

    @namespace.on("slow")
    async def slow(_socket: Socket, number: int) -> None:
        started.append(number)
        await asyncio.sleep(0)

    namespace.on("quick")(lambda _socket, number: started.append(number))
    async with serving(gateway) as served, await served.enter() as raw:
        events = [f'42["{"slow" if i % 3 else "quick"}",{i}]' for i in range(60)]
        raw.writer.write(b"".join(mask_frame(1, event.encode()) for event in events))
        await settled(raw)
    assert started == list(range(60))


async def test_unfinished_handlers_are_bounded_and_nothing_is_lost() -> None:
    gateway = Gateway(max_handlers=5, ping_interval=0.1, ping_timeout=0.7)
    running = most = finished = 0
    gate = asyncio.Event()

    @gateway.namespace().on("work")
    async def work(_socket: Socket) -> int:
        nonlocal running, most, finished
        running += 1
        most = max(most, running)
        await gate.wait()
        running -= 1
        finished += 1
        return finished

    async with serving(gateway) as served, await served.enter() as raw:
        for number in range(200):
            raw.send(f'42{number}["work"]')
        await asyncio.sleep(1)  # longer than the client's silence would be forgiven
        assert most <= 6
        assert running == most
        gate.set()
        acks = {await raw.text() for _ in range(200)}
    assert len(acks) == 200
    assert most <= 7


async def test_calls() -> None:
    gateway = Gateway()
    namespace = gateway.namespace()
    async with serving(gateway) as served, await served.enter() as raw:
        (socket,) = namespace.sockets
        for number, (answer, value) in enumerate(
            [("[]", None), ("[1]", 1), ('[1,"2"]', (1, "2"))], start=1
        ):
            call = asyncio.create_task(socket.call("ask", "you", timeout=PATIENCE))
            assert await raw.text() == f'42{number}["ask","you"]'
            raw.send(f"43{number}{answer}")
            assert await call == value
        raw.send("4377[1]")  # an answer nobody waits for
        with pytest.raises(TimeoutError):
            await socket.call("ask", timeout=0.01)
        call = asyncio.create_task(socket.call("ask", timeout=PATIENCE))
        await asyncio.sleep(0)
        raw.close()
        with pytest.raises(Disconnected):
            await call
        with pytest.raises(Disconnected):
            await socket.call("ask")


async def test_a_binary_answer_to_a_call() -> None:
    gateway = gateway_with_sync()
    async with serving(gateway) as served, await served.enter() as raw:
        (socket,) = gateway.namespace().sockets
        call = asyncio.create_task(socket.call("ask", b"\x01", timeout=PATIENCE))
        assert await raw.text() == '451-1["ask",{"_placeholder":true,"num":0}]'
        await raw.frame()
        raw.send('461-1[{"_placeholder":true,"num":0}]')
        raw.send_frame(2, b"\x02\x03")
        assert await call == b"\x02\x03"


async def test_rooms() -> None:
    gateway = gateway_with_sync()
    namespace = gateway.namespace()
    async with (
        serving(gateway) as served,
        await served.enter() as one,
        await served.enter() as two,
        await served.enter() as three,
    ):
        first, second, third = namespace.sockets
        first.join("a")
        first.join("a")
        second.join("a")
        second.join("b")
        assert first.rooms == {"a"}
        assert namespace.room_size("a") == 2
        assert set(namespace.members("a")) == {first, second}
        assert gateway.stats().rooms == 2

        namespace.emit("to", "a", room="a")
        namespace.emit("to", "b", room="b")
        namespace.emit("to", "nobody", room="c")
        namespace.emit("to", "all")
        namespace.emit("to", "not first", skip=first)
        namespace.emit("to", "only second", room="a", skip=[first, third])
        second.leave("a")
        second.leave("a")
        namespace.emit("to", "a again", room="a")
        second.join("a")
        namespace.emit("to", "a at last", room="a")

        expected = {
            one: ["a", "all", "a again", "a at last"],
            two: ["a", "b", "all", "not first", "only second", "a at last"],
            three: ["all", "not first"],
        }
        for raw, bodies in expected.items():
            for body in bodies:
                assert await raw.text() == f'42["to","{body}"]'
            await settled(raw)

        two.close()
        while len(namespace.sockets) == 3:
            await asyncio.sleep(0.01)
        assert namespace.room_size("b") == 0
        assert gateway.stats().rooms == 1
        assert second.rooms == frozenset()
        second.join("b")
        assert namespace.room_size("b") == 0
        second.emit("to", "nobody")


async def test_leaving() -> None:
    gateway = Gateway()
    namespace, other = gateway.namespace(), gateway.namespace("/other")
    left: list[tuple[str, str]] = []
    for space in (namespace, other):
        space.on_disconnect(lambda socket, why: left.append((socket.namespace.name, why)))
    async with serving(gateway) as served, await served.enter() as raw:
        raw.send("40/other,")
        await raw.text()
        (socket,) = other.sockets
        socket.disconnect()
        socket.disconnect()
        assert await raw.text() == "41/other,"
        assert left == [("/other", "server namespace disconnect")]
        raw.send("40/other,")
        await raw.text()
        raw.send("41/other,")
        raw.send("1")
        assert await raw.close_code() == 1000
        assert left[1:] == [
            ("/other", "client namespace disconnect"),
            ("/", "client closed"),
        ]


async def test_asynchronous_disconnect_handlers_finish_before_the_gateway() -> None:
    gateway = Gateway()
    left: list[str] = []

    @gateway.namespace().on_disconnect
    async def disconnect(_socket: Socket, reason: str) -> None:
        await asyncio.sleep(0.05)
        left.append(reason)

    async with serving(gateway) as served, await served.enter() as raw:
        closing = asyncio.create_task(gateway.close(timeout=PATIENCE))
        assert await raw.close_code() == 1001
        raw.close()
        await closing
        assert left == ["server shutting down"]


async def test_what_a_socket_knows_of_its_client() -> None:
    def address(peer: tuple[str, int] | None, headers: Any) -> str:
        return str(headers.get("x-forwarded-for") or (peer or ("", 0))[0])

    gateway = Gateway(client_address=address)
    namespace = gateway.namespace()
    async with serving(gateway) as served:
        raw = await served.connect("EIO=4&transport=websocket&x=%41", x_forwarded_for="192.0.2.7")
        await raw.text()
        raw.send("40")
        await raw.text()
        (socket,) = namespace.sockets
        assert socket.address == "192.0.2.7"
        assert socket.headers["sec-websocket-version"] == "13"
        assert socket.query["x"] == "A"
        assert socket.transport_name == "websocket"
        assert socket.buffered == 0
        raw.close()
    async with serving(Gateway()) as served, httpx2.AsyncClient(timeout=PATIENCE) as http:
        served.gateway.namespace()
        poller = Poller(http, served.polling_url)
        await poller.open()
        await poller.post("40")
        (polling,) = served.gateway.namespace().sockets
        assert polling.address == "127.0.0.1"
        assert polling.transport_name == "polling"
        assert polling.headers["host"].startswith("127.0.0.1")
        assert polling.buffered > 0
        await poller.poll()
        assert polling.buffered == 0


async def test_namespace_names() -> None:
    gateway = Gateway()
    assert gateway.namespace("/a") is gateway.namespace("/a")
    with pytest.raises(ValueError, match="slash"):
        gateway.namespace("a")
