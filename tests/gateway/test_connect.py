"""The answer to CONNECT: alone in its write, and before everything else that a client is sent."""

import asyncio
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubbub.gateway import Disconnected, Gateway, Namespace, Socket
from hubbub.gateway import session as sessions
from hubbub.gateway.frames import CLOSE
from tests.gateway.support import PATIENCE, Poller, mask_frame, serving, tap, texts

pytestmark = pytest.mark.anyio


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    """What follows the answer to CONNECT is held back for longer than a test lasts."""
    monkeypatch.setattr(sessions, "HEAD_START", 10 * PATIENCE)


def gateway_that_greets() -> tuple[Gateway, Namespace]:
    """The connect handlers of its two namespaces emit two events."""
    gateway = Gateway()
    for name in ("/", "/two"):
        namespace = gateway.namespace(name)

        @namespace.on_connect
        def connect(socket: Socket, _auth: Any) -> None:
            socket.join("room")
            socket.emit("one")
            socket.namespace.emit("two", room="room")

    return gateway, gateway.namespace()


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_the_answer_leaves_in_a_write_of_its_own(asynchronous: bool) -> None:
    gateway = Gateway()
    namespace = gateway.namespace()

    def greet(socket: Socket) -> None:
        socket.join("room")
        socket.emit("one")
        namespace.emit("two", room="room")

    @namespace.on_connect
    def connect(socket: Socket, _auth: Any) -> Any:
        if not asynchronous:
            return greet(socket)

        async def later() -> None:
            await asyncio.sleep(0)
            greet(socket)

        return later()

    writes = tap(gateway)
    async with serving(gateway) as served, await served.enter() as raw:
        assert [await raw.text(), await raw.text()] == ['42["one"]', '42["two"]']
        _, opened, answer, *rest = writes
        assert [text[:2] for text in texts(opened) + texts(answer)] == ["0{", "40"]
        assert [texts(data) for data in rest] == [['42["one"]', '42["two"]']]


async def test_each_of_several_answers_leaves_in_a_write_of_its_own() -> None:
    gateway, _ = gateway_that_greets()
    writes = tap(gateway)
    async with serving(gateway) as served, await served.connect() as raw:
        await raw.text()
        raw.write(mask_frame(1, b"40") + mask_frame(1, b"40/two,"))
        heard = [await raw.text() for _ in range(6)]
        assert heard[1:3] == ['42["one"]', '42["two"]']
        assert heard[4:] == ['42/two,["one"]', '42/two,["two"]']
        assert [texts(data) for data in writes[2:]] == [
            heard[:1],
            heard[1:3],
            heard[3:4],
            heard[4:],
        ]


@pytest.mark.usefixtures("endless")
async def test_what_is_held_back_counts_as_buffered() -> None:
    gateway, namespace = gateway_that_greets()
    async with serving(gateway) as served, await served.enter() as raw:
        (socket,) = namespace.sockets
        assert socket.buffered == len('..42["one"]..42["two"]')
        draining = asyncio.create_task(socket.drained(0))
        await asyncio.sleep(0)
        assert not draining.done()
        socket.session.write_resumed()  # as when its time is up
        assert [await raw.text(), await raw.text()] == ['42["one"]', '42["two"]']
        await draining
        assert socket.buffered == 0
        namespace.emit("three")
        assert await raw.text() == '42["three"]'


@pytest.mark.usefixtures("endless")
async def test_nothing_waits_when_nothing_was_emitted() -> None:
    gateway = Gateway()
    namespace = gateway.namespace()
    async with serving(gateway) as served, await served.enter() as raw:
        namespace.emit("at once")
        assert await raw.text() == '42["at once"]'


ACTIONS = st.lists(
    st.sampled_from(["socket", "room", "everyone", "others", "join", "leave", "turn", "moment"]),
    max_size=25,
)


@given(actions=ACTIONS, let_in_after=st.integers(0, 12))
@settings(max_examples=30, deadline=None)
async def test_the_order_is_that_of_the_calls(actions: list[str], let_in_after: int) -> None:
    gateway = Gateway()
    namespace = gateway.namespace()
    expected: list[str] = []

    async def act(socket: Socket, let_in: asyncio.Event) -> None:
        for number, action in enumerate([*actions, "socket"]):
            if number == let_in_after:
                let_in.set()
            if action == "socket":
                socket.emit("n", number)
            elif action == "room":
                namespace.emit("n", number, room="room")
            elif action == "everyone":
                namespace.emit("n", number)
            elif action == "others":
                namespace.emit("n", number, room="room", skip=bystander)
            elif action == "join":
                socket.join("room")
            elif action == "leave":
                socket.leave("room")
            else:
                await asyncio.sleep(0 if action == "turn" else sessions.HEAD_START / 3)
            if (
                action == "socket"
                or (action == "everyone" and socket.connected)
                or (action in ("room", "others") and "room" in socket.rooms)
            ):
                expected.append(f'42["n",{number}]')
        let_in.set()

    @namespace.on_connect
    async def connect(socket: Socket, auth: dict[str, Any]) -> None:
        if auth:
            let_in = asyncio.Event()
            acting.append(asyncio.create_task(act(socket, let_in)))
            await let_in.wait()
        else:
            socket.join("room")

    acting: list[asyncio.Task[None]] = []
    async with serving(gateway) as served, await served.enter():
        (bystander,) = namespace.sockets
        async with await served.enter(auth='{"a":1}') as raw:
            await acting[0]
            assert [await raw.text() for _ in expected] == expected


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_connect_handler_may_throw_the_client_out(asynchronous: bool) -> None:
    gateway = Gateway()
    namespace = gateway.namespace()
    left: list[str] = []
    namespace.on_disconnect(lambda _socket, reason: left.append(reason))

    @namespace.on_connect
    def connect(socket: Socket, _auth: Any) -> Any:
        socket.join("room")
        socket.emit("go away")
        socket.disconnect()
        socket.disconnect()
        socket.emit("never heard")
        namespace.emit("never heard", room="room")
        return asyncio.sleep(0) if asynchronous else None

    async with serving(gateway) as served, await served.enter() as raw:
        assert [await raw.text(), await raw.text()] == ['42["go away"]', "41"]
        assert left == ["server namespace disconnect"]
        assert (len(namespace.sockets), namespace.room_count) == (0, 0)
        # The session goes on.
        raw.send("40")
        assert (await raw.text()).startswith('40{"sid":')
        assert [await raw.text(), await raw.text()] == ['42["go away"]', "41"]


async def test_a_client_is_thrown_out_in_a_write_of_its_own() -> None:
    gateway = Gateway()
    gateway.namespace().on_connect(lambda socket, _auth: socket.disconnect())
    writes = tap(gateway)
    async with serving(gateway) as served, await served.enter() as raw:
        assert await raw.text() == "41"
        assert [texts(data) for data in writes[3:]] == [["41"]]


async def test_a_client_that_is_thrown_out_cannot_be_called() -> None:
    gateway = Gateway()
    outcomes: list[BaseException | None] = []

    @gateway.namespace().on_connect
    async def connect(socket: Socket, _auth: Any) -> None:
        before = asyncio.create_task(socket.call("before"))
        await asyncio.sleep(0)
        socket.disconnect()
        after = asyncio.create_task(socket.call("after"))
        for call in (before, after):
            call.add_done_callback(lambda done: outcomes.append(done.exception()))

    async with serving(gateway) as served, await served.enter() as raw:
        assert [await raw.text(), await raw.text()] == ['421["before"]', "41"]
        assert [type(error) for error in outcomes] == [Disconnected, Disconnected]


@pytest.mark.usefixtures("endless")
@pytest.mark.parametrize("way", ["disconnect", "close", "drain"])
async def test_the_end_comes_after_what_was_held_back(way: str) -> None:
    gateway, namespace = gateway_that_greets()
    async with serving(gateway) as served, await served.enter() as raw:
        (socket,) = namespace.sockets
        if way == "drain":
            leaving = asyncio.create_task(gateway.drain())
        else:
            socket.disconnect(close=way == "close")
        if way == "disconnect":
            socket.session.write_resumed()  # as when its time is up
        assert [await raw.text(), await raw.text()] == ['42["one"]', '42["two"]']
        if way != "drain":
            assert await raw.text() == "41"
        if way != "disconnect":
            assert (await raw.frame())[0] == CLOSE
        raw.close()
        if way == "drain":
            await leaving


async def test_a_call_of_the_connect_handler_is_answered() -> None:
    gateway = Gateway()
    calls: list[asyncio.Task[Any]] = []

    @gateway.namespace().on_connect
    async def connect(socket: Socket, _auth: Any) -> None:
        calls.append(asyncio.create_task(socket.call("ask", timeout=PATIENCE)))
        await asyncio.sleep(0)

    async with serving(gateway) as served, await served.enter() as raw:
        assert await raw.text() == '421["ask"]'
        raw.send("431[5]")
        assert await calls[0] == 5


@pytest.mark.usefixtures("endless")
@pytest.mark.parametrize("let_in", [False, True])
async def test_what_is_held_back_is_bounded_and_costs_nobody_else_anything(let_in: bool) -> None:
    gateway = Gateway(max_send_buffer=100_000)
    namespace = gateway.namespace()
    left: list[str] = []
    namespace.on_disconnect(lambda _socket, reason: left.append(reason))

    @namespace.on_connect
    async def connect(socket: Socket, auth: dict[str, Any]) -> None:
        socket.join("room")
        if auth:
            socket.emit("hello")
            if not let_in:
                asked.set()
                await decide.wait()

    asked, decide = asyncio.Event(), asyncio.Event()
    async with serving(gateway) as served, await served.enter() as well:
        async with await served.connect() as raw:
            await raw.text()
            raw.send('40{"a":1}')
            if let_in:
                assert (await raw.text()).startswith('40{"sid":')
            else:
                await asked.wait()
            for number in range(300):
                namespace.emit("news", number, "x" * 1_000, room="room")
                assert (await well.text()).startswith(f'42["news",{number},')
            assert await raw.close_code() == 1013
            decide.set()
        assert gateway.stats().slow_closes == 1
        async with asyncio.timeout(PATIENCE):
            while not left:
                await asyncio.sleep(0.01)
        assert namespace.room_size("room") == 1


async def test_too_much_for_a_beginning_is_not_sent_in_part() -> None:
    gateway = Gateway(max_send_buffer=100_000)

    @gateway.namespace().on_connect
    def connect(socket: Socket, _auth: Any) -> None:
        for number in range(150):
            socket.emit("n", number, "x" * 1_000)

    async with serving(gateway) as served, await served.connect() as raw:
        await raw.text()
        raw.send("40")
        opcode, reason = await raw.frame()
        assert (opcode, reason[2:]) == (CLOSE, b"cannot keep up")


async def test_one_poll_brings_the_answer_and_what_follows() -> None:
    gateway, _ = gateway_that_greets()
    async with serving(gateway) as served, httpx2.AsyncClient(timeout=PATIENCE) as http:
        poller = Poller(http, served.polling_url)
        await poller.open()
        polled = asyncio.create_task(poller.poll())
        await asyncio.sleep(0.05)
        await poller.post("40")
        answer, *rest = await polled
        assert answer.startswith('40{"sid":')
        assert rest == ['42["one"]', '42["two"]']
