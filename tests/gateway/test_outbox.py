"""What leaves: one write per socket and turn, the same bytes for everybody, bounded buffers."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.gateway import Disconnected, Gateway, Socket
from hubbub.gateway.connection import Connection
from hubbub.gateway.frames import encode_frame
from hubbub.gateway.loops import NO_SOCKET, Target
from hubbub.gateway.namespace import Room
from hubbub.gateway.outbox import TURN_LIMIT, Outbox, Queue, queue_size
from hubbub.gateway.session import Session
from tests.gateway.support import PATIENCE, RawSocket, serving

pytestmark = pytest.mark.anyio


class Receiver(Target):
    """Stands for a session and its transport; keeps what is written."""

    def __init__(self, broken: bool = False) -> None:
        self.direct = NO_SOCKET
        self.queue: Queue = None
        self.stream: Any = self
        self.writes: list[bytes] = []
        self.broken = broken
        self.failed = False

    def write(self, data: bytes) -> None:
        if self.broken:
            raise OSError("broken")
        self.writes.append(data)

    def hold(self, data: bytes) -> None:
        raise AssertionError("nothing to hold back")

    def fail(self) -> None:
        self.failed = True


class Group:
    """Stands for a room."""

    def __init__(self, members: list[Receiver]) -> None:
        self.members = members
        self.batch: Any = None


def packet(number: int) -> bytes:
    return encode_frame(1, b"42[%d]" % number)


async def test_a_room_of_many_shares_one_object_and_one_write() -> None:
    outbox = Outbox()
    members = [Receiver() for _ in range(100)]
    room = Group(members)
    for number in range(10):
        outbox.publish(room, members, 100, packet(number))
    assert all(not member.writes for member in members)
    await asyncio.sleep(0)
    first = members[0].writes[0]
    assert first == b"".join(packet(number) for number in range(10))
    for member in members:
        assert len(member.writes) == 1
        assert member.writes[0] is first
    assert outbox.deliveries == 1000
    assert outbox.bytes_out == 100 * len(first)


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.integers(0, 3)),
        st.tuples(st.just("publish"), st.integers(0, 2)),
        st.tuples(st.just("once"), st.integers(0, 3)),
        st.tuples(st.just("turn"), st.just(0)),
    ),
    max_size=40,
)


@given(ACTIONS)
async def test_every_receiver_gets_its_packets_in_order(actions: list[tuple[str, int]]) -> None:
    outbox = Outbox()
    receivers = [Receiver() for _ in range(4)]
    rooms = [Group(receivers[:2]), Group(receivers[1:]), Group(receivers)]
    expected: list[list[bytes]] = [[] for _ in receivers]
    turns = 1
    for number, (action, index) in enumerate(actions):
        data = packet(number)
        if action == "send":
            outbox.send(receivers[index], data)
            targets = [receivers[index]]
        elif action == "publish":
            targets = rooms[index].members
            outbox.publish(rooms[index], targets, len(targets), data)
        elif action == "once":
            targets = [receiver for receiver in receivers if receiver is not receivers[index]]
            outbox.publish_once(targets, data)
        else:
            await asyncio.sleep(0)
            turns += 1
            targets = []
        for target in targets:
            expected[receivers.index(target)].append(data)
    await asyncio.sleep(0)
    for receiver, packets in zip(receivers, expected, strict=True):
        assert b"".join(receiver.writes) == b"".join(packets)
        assert len(receiver.writes) <= turns


async def test_a_flood_within_one_turn_does_not_pile_up() -> None:
    outbox = Outbox()
    members = [Receiver() for _ in range(3)]
    room = Group(members)
    chunk = encode_frame(2, b"x" * 100_000)
    for _ in range(100):
        outbox.publish(room, members, 3, chunk)
        waiting = queue_size(members[0].queue)
        assert waiting <= TURN_LIMIT
    await asyncio.sleep(0)
    assert all(sum(map(len, member.writes)) == 100 * len(chunk) for member in members)


async def test_a_broken_transport_does_not_stop_the_others() -> None:
    outbox = Outbox()
    members = [Receiver(), Receiver(broken=True), Receiver()]
    outbox.publish(Group(members), members, 3, packet(1))
    await asyncio.sleep(0)
    assert [member.failed for member in members] == [False, True, False]
    assert members[2].writes == [packet(1)]


async def test_joining_and_leaving_within_a_turn_is_exact() -> None:
    gateway = Gateway()
    namespace = gateway.namespace()
    async with serving(gateway) as served, await served.enter() as one, await served.enter() as two:
        first, second = namespace.sockets
        first.join("r")
        namespace.emit("n", 1, room="r")
        second.join("r")
        namespace.emit("n", 2, room="r")
        first.leave("r")
        namespace.emit("n", 3, room="r")
        first.emit("end")
        second.emit("end")
        assert [await one.text() for _ in range(3)] == ['42["n",1]', '42["n",2]', '42["end"]']
        assert [await two.text() for _ in range(3)] == ['42["n",2]', '42["n",3]', '42["end"]']


async def test_one_write_of_the_transport_per_turn() -> None:
    gateway = Gateway()
    namespace = gateway.namespace()

    @namespace.on("post")
    def post(_socket: Socket, number: int) -> int:
        namespace.emit("n", number, room="r")
        return number

    async with serving(gateway) as served, await served.enter() as raw:
        (socket,) = namespace.sockets
        socket.join("r")
        writes: list[bytes] = []
        session = socket.session
        transport = session.ws.transport if session.ws else None
        assert session.stream is transport

        class Tap:
            def write(self, data: bytes) -> None:
                writes.append(data)
                assert transport is not None
                transport.write(data)

            def get_write_buffer_size(self) -> int:
                assert transport is not None
                return transport.get_write_buffer_size()

        session.stream = Tap()
        session.direct = NO_SOCKET
        raw.send('427["post",0]')
        assert await raw.text() == '42["n",0]'
        assert await raw.text() == "437[0]"
        for number in range(50):
            namespace.emit("n", number, room="r")
            socket.emit("direct", number)
        assert len(writes) == 1
        await asyncio.sleep(0)
        assert len(writes) == 2


async def stuck_reader(served: Any) -> RawSocket:
    raw: RawSocket = await served.enter()
    raw.writer.transport.pause_reading()  # type: ignore[attr-defined]
    return raw


async def test_a_reader_that_stops_is_closed_and_the_others_are_not() -> None:
    gateway = Gateway(max_send_buffer=1_000_000, close_timeout=PATIENCE)
    namespace = gateway.namespace()
    reasons: dict[str, str] = {}
    namespace.on_disconnect(lambda socket, reason: reasons.update({socket.id: reason}))
    async with serving(gateway) as served:
        stuck = await stuck_reader(served)
        (stuck_socket,) = namespace.sockets
        async with await served.enter() as well:
            body = "x" * 10_000
            heard = most = 0
            for _ in range(3000):
                namespace.emit("news", body)
                heard += '"news"' in await well.text()
                most = max(most, stuck_socket.buffered if stuck_socket.connected else 0)
                if reasons:
                    break
            assert reasons == {stuck_socket.id: "send buffer full"}
            assert gateway.stats().slow_closes == 1
            assert heard > 50
            # The bound, the transport's own mark, and one turn's chunk.
            assert most <= 1_000_000 + 65536 + 2 * len(body)
            namespace.emit("still", "here")
            assert await well.text() == '42["still","here"]'
        with pytest.raises(Disconnected):
            await stuck_socket.drained(0)
        # When it reads again, it finds whole packets and the code that says: come back.
        stuck.writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert await stuck.close_code() == 1013
        stuck.close()


async def test_a_reader_that_never_reads_again_is_dropped() -> None:
    gateway = Gateway(max_send_buffer=1_000_000, close_timeout=0.1)
    namespace = gateway.namespace()
    async with serving(gateway) as served:
        stuck = await stuck_reader(served)
        (socket,) = namespace.sockets
        while socket.connected:
            namespace.emit("news", "x" * 100_000)
            await asyncio.sleep(0)
        protocol = socket.session.ws
        assert protocol is not None
        async with asyncio.timeout(PATIENCE):
            while not protocol.gone:
                await asyncio.sleep(0.01)
        stuck.close()


async def test_drained_lets_a_large_replay_go_at_the_readers_pace() -> None:
    gateway = Gateway(max_send_buffer=300_000)
    namespace = gateway.namespace()
    async with serving(gateway) as served:
        raw = await stuck_reader(served)
        (socket,) = namespace.sockets

        async def replay() -> None:
            for number in range(400):
                socket.emit("old", number, "x" * 20_000)
                await socket.drained(below=200_000)
            socket.emit("end")

        replaying = asyncio.create_task(replay())
        await asyncio.sleep(0.1)
        assert not replaying.done()
        assert socket.buffered <= 300_000
        raw.writer.transport.resume_reading()  # type: ignore[attr-defined]
        for number in range(400):
            assert (await raw.text()).startswith(f'42["old",{number},')
        assert await raw.text() == '42["end"]'
        await replaying
        await socket.drained(below=0)
        raw.close()


async def test_a_paused_socket_gets_everything_in_order_when_it_reads_again() -> None:
    gateway = Gateway(max_send_buffer=50_000_000)
    namespace = gateway.namespace()
    async with serving(gateway) as served:
        raw = await stuck_reader(served)
        for number in range(300):
            namespace.emit("n", number, "x" * 50_000)
            await asyncio.sleep(0)
        raw.writer.transport.resume_reading()  # type: ignore[attr-defined]
        for number in range(300):
            assert (await raw.text()).startswith(f'42["n",{number},')
        raw.close()


def test_no_object_of_a_socket_has_a_dictionary() -> None:
    """Idle sockets are what a node has most of."""
    kinds = (Room, Connection, Session, Socket, Gateway().websocket_protocol)
    assert [kind.__name__ for kind in kinds if kind.__dictoffset__] == []
