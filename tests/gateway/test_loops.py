"""The compiled loops: what they send themselves, when they leave it to the transport."""

import asyncio
import contextlib
import os
import socket as sockets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.gateway import Gateway, loops
from hubbub.gateway.errors import FrameError
from hubbub.gateway.frames import encode_frame, read_frame
from hubbub.gateway.loops import NO_SOCKET, Target, park
from hubbub.gateway.outbox import Outbox
from tests.gateway.support import PATIENCE, serving

pytestmark = pytest.mark.anyio
compiled = pytest.mark.skipif(not loops.COMPILED, reason="the loops were not compiled")
ROOT = Path(__file__).parents[2]


class Receiver(Target):
    """A receiver on a real socket, with a stream that keeps what it is given."""

    def __init__(self, direct: int) -> None:
        self.queue = None
        self.direct = direct
        self.stream: Any = self
        self.written: list[bytes] = []
        self.held: list[bytes] = []
        self.waiting = 0

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def hold(self, data: bytes) -> None:
        self.held.append(data)

    def fail(self) -> None:
        raise AssertionError("nothing fails")


@pytest.fixture
def pair() -> Iterator[tuple[sockets.socket, sockets.socket]]:
    near, far = sockets.socketpair()
    near.setblocking(False)
    far.settimeout(PATIENCE)
    with near, far:
        yield near, far


Pair = tuple[sockets.socket, sockets.socket]


@compiled
async def test_what_a_socket_takes_is_sent_without_the_stream(pair: Pair) -> None:
    near, far = pair
    receiver = Receiver(near.fileno())
    outbox = Outbox()
    outbox.publish_once([receiver], b"one")
    outbox.send(receiver, b"two")
    await asyncio.sleep(0)
    assert far.recv(100) == b"onetwo"
    assert not receiver.written
    assert outbox.bytes_out == 6


@compiled
async def test_a_full_socket_leaves_the_rest_to_the_stream_until_that_is_empty(pair: Pair) -> None:
    near, far = pair
    receiver = Receiver(near.fileno())
    outbox = Outbox()
    large = os.urandom(900_000)
    receiver.waiting = 1
    outbox.send(receiver, large)
    outbox.flush()
    (rest,) = receiver.written
    assert 0 < len(rest) < len(large)
    assert receiver.direct == park(near.fileno())
    got = bytearray()
    while len(got) < len(large) - len(rest):
        got += far.recv(1_000_000)
    assert bytes(got) + rest == large
    # There is room in the socket, but the rest is not out yet.
    outbox.send(receiver, b"next")
    outbox.flush()
    assert receiver.written[1:] == [b"next"]
    receiver.waiting = 0
    outbox.send(receiver, b"last by stream")
    outbox.flush()
    assert receiver.direct == near.fileno()
    outbox.send(receiver, b"direct")
    outbox.flush()
    assert receiver.written[1:] == [b"next", b"last by stream"]
    assert far.recv(100) == b"direct"


@compiled
async def test_a_socket_that_takes_nothing_gets_the_very_object_by_stream(pair: Pair) -> None:
    near, _ = pair
    with contextlib.suppress(BlockingIOError):
        while True:
            near.send(bytes(100_000))
    receiver = Receiver(near.fileno())
    data = b"shared by many"
    outbox = Outbox()
    outbox.send(receiver, data)
    outbox.flush()
    assert receiver.written[0] is data


@compiled
async def test_a_broken_socket_is_the_streams_to_find_out(pair: Pair) -> None:
    near, far = pair
    far.close()
    receiver = Receiver(near.fileno())
    outbox = Outbox()
    outbox.send(receiver, b"too late")
    outbox.flush()
    assert receiver.written == [b"too late"]


async def test_without_a_stream_everything_is_held_back(pair: Pair) -> None:
    near, far = pair
    receiver = Receiver(near.fileno())
    receiver.stream = None
    outbox = Outbox()
    outbox.send(receiver, b"later")
    outbox.flush()
    assert receiver.held == [b"later"]
    far.setblocking(False)
    with pytest.raises(BlockingIOError):
        far.recv(1)


@compiled
async def test_a_session_forgets_its_socket_before_that_is_closed() -> None:
    gateway = Gateway()
    namespace = gateway.namespace()
    async with serving(gateway) as served:
        raw = await served.enter()
        (socket,) = namespace.sockets
        session = socket.session
        assert session.ws is not None
        opened = session.ws.transport.get_extra_info("socket").fileno()
        socket.emit("n", 1)
        assert await raw.text() == '42["n",1]'
        assert session.direct == opened
        seen: list[tuple[int, bool]] = []

        @namespace.on_disconnect
        def leave(_socket: Any, _reason: str) -> None:
            os.fstat(opened)  # still open
            seen.append((session.direct, session.stream is None))

        raw.writer.transport.abort()
        async with asyncio.timeout(PATIENCE):
            while not seen:
                await asyncio.sleep(0.01)
        assert seen == [(NO_SOCKET, True)]


@compiled
def test_only_receivers_are_taken() -> None:
    with pytest.raises(TypeError, match="Target"):
        loops.flush([object()], bytes, print)
    with pytest.raises(TypeError, match="Target"):
        loops.touch(b"", [object()], [], print)


def client_frame(first: int, payload: bytes, mask: bytes) -> bytes:
    plain = encode_frame(first & 0x0F, payload)
    head = len(plain) - len(payload)
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    return bytes((first, plain[1] | 0x80)) + plain[2:head] + mask + masked


FRAMES = st.builds(
    client_frame,
    st.sampled_from([0x81, 0x82, 0x01, 0x80, 0x89, 0xC1, 0x83]),
    st.one_of(st.binary(max_size=300), st.just(b"long" * 20_000)),
    st.binary(min_size=4, max_size=4),
)


def outcome(data: bytes | bytearray, at: int, limit: int) -> object:
    try:
        return read_frame(data, at, limit, False)
    except FrameError as error:
        return error.code, error.reason


@given(FRAMES, st.integers(0, 9), st.integers(0, 12), st.integers(0, 400))
def test_both_read_the_same_frames(frame: bytes, before: int, missing: int, limit: int) -> None:
    data = bytes(before) + frame[: len(frame) - missing] + (b"" if missing else b"\x81\x80")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hubbub.gateway.frames.COMPILED", False)
        expected = outcome(data, before, limit)
    assert outcome(data, before, limit) == expected
    assert outcome(bytearray(data), before, limit) == expected


@compiled
def test_the_python_loops_pass_the_same_tests() -> None:
    files = ["test_outbox.py", "test_frames.py", "test_loops.py"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", *(f"tests/gateway/{file}" for file in files)],
        cwd=ROOT,
        env={**os.environ, "HUBBUB_PURE_PYTHON": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
