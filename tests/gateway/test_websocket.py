"""WebSocket connections: the handshake, RFC 6455's rules on the wire, and the session's."""

import asyncio

import pytest

from hubbub.gateway import Gateway, Socket
from hubbub.gateway.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT
from tests.gateway.support import PATIENCE, RawSocket, Served, mask_frame, serving

pytestmark = pytest.mark.anyio

TARGET = "/socket.io/?EIO=4&transport=websocket"


def echo_gateway(**options: object) -> Gateway:
    gateway = Gateway(**options)  # type: ignore[arg-type]

    @gateway.namespace("/").on("echo")
    def echo(socket: Socket, *args: object) -> None:
        socket.emit("echo", *args)

    return gateway


async def refusal(served: Served, **request: str) -> tuple[int, dict[str, str]]:
    async with await RawSocket.dial(served.port) as raw:
        answer = await raw.upgrade(**{"target": TARGET, **request})
        assert await raw.ended()
        return answer


async def test_the_accept_key_of_section_1_3() -> None:
    async with serving(Gateway()) as served, await RawSocket.dial(served.port) as raw:
        status, headers = await raw.upgrade(TARGET)
        assert status == 101
        assert headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".lower()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"target": "/elsewhere?EIO=4&transport=websocket"}, 404),
        ({"target": "/?EIO=4&transport=websocket"}, 404),
        ({"method": "POST"}, 400),
        ({"leave_out": "sec-websocket-key"}, 400),
        ({"sec_websocket_key": "short"}, 400),
        ({"sec_websocket_key": "********************==!!"}, 400),
        ({"sec_websocket_version": "8"}, 426),
        ({"leave_out": "sec-websocket-version"}, 426),
        ({"target": "/socket.io/?EIO=3&transport=websocket"}, 400),
        ({"target": "/socket.io/?EIO=4&transport=polling"}, 400),
        ({"target": "/socket.io/?EIO=4&transport=websocket&sid=nobody"}, 400),
        ({"target": "/socket.io/?" + "&".join("a=1" for _ in range(200))}, 400),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
    ],
)
async def test_bad_handshakes(request_: dict[str, str], status: int) -> None:
    async with serving(Gateway()) as served:
        got, headers = await refusal(served, **request_)
        assert got == status
        assert headers["connection"] == "close"
        assert got != 426 or headers["sec-websocket-version"] == "13"
        assert served.gateway.stats().sessions == 0


async def test_origins() -> None:
    async with serving(Gateway(allowed_origins=["https://app.example"])) as served:
        for origin in ("https://app.example", "http://127.0.0.1", "http://127.0.0.1:80"):
            (await served.connect(origin=origin)).close()
        assert (await refusal(served, origin="https://other.example"))[0] == 403
    async with serving(Gateway(allowed_origins="*")) as served:
        (await served.connect(origin="https://other.example")).close()


async def test_full_and_draining_nodes_say_when_to_come_back() -> None:
    async with serving(echo_gateway(max_sockets=1, retry_after=7)) as served:
        async with await served.enter():
            status, headers = await refusal(served)
            assert (status, headers["retry-after"]) == (503, "7")
        assert served.gateway.stats().refused_connects == 1
        await served.gateway.drain()
        assert (await refusal(served))[0] == 503


async def test_fragments_with_control_frames_between() -> None:
    async with serving(echo_gateway()) as served, await served.enter() as raw:
        text = '42["echo","é😀"]'.encode()
        raw.send_frame(TEXT, text[:10], fin=False)
        raw.send_frame(PING, b"are you there")
        raw.send_frame(CONTINUATION, b"", fin=False)
        raw.send_frame(CONTINUATION, text[10:13], fin=False)  # cut inside a character
        raw.send_frame(PONG, b"unasked")
        raw.send_frame(CONTINUATION, text[13:])
        assert await raw.frame() == (PONG, b"are you there")
        assert await raw.text() == '42["echo","é😀"]'


async def test_frames_may_arrive_byte_by_byte() -> None:
    async with serving(echo_gateway()) as served, await served.enter() as raw:
        for byte in mask_frame(TEXT, b'42["echo",1]') + mask_frame(TEXT, b'42["echo",2]'):
            raw.writer.write(bytes((byte,)))
            await raw.writer.drain()
            await asyncio.sleep(0)
        assert await raw.text() == '42["echo",1]'
        assert await raw.text() == '42["echo",2]'


@pytest.mark.parametrize("size", [125, 126, 65535, 65536, 999_000])
async def test_messages_of_every_length_class(size: int) -> None:
    async with serving(echo_gateway()) as served, await served.enter() as raw:
        text = '42["echo","' + "x" * (size - 13) + '"]'
        raw.send(text)
        assert await raw.text() == text


async def test_binary_both_ways() -> None:
    async with serving(echo_gateway()) as served, await served.enter() as raw:
        raw.send('451-["echo",{"_placeholder":true,"num":0}]')
        raw.send_frame(BINARY, bytes(range(256)))
        assert await raw.text() == '451-["echo",{"_placeholder":true,"num":0}]'
        assert await raw.frame() == (BINARY, bytes(range(256)))


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([mask_frame(TEXT, b"4\xff")], 1007),
        ([mask_frame(TEXT, b"4\xed\xa0\x80")], 1007),  # a surrogate
        ([mask_frame(TEXT, b"42", fin=False), mask_frame(CONTINUATION, b"\xc3")], 1007),
        ([b"\x81\x02ab"], 1002),
        ([b"\xc1\x80\0\0\0\0"], 1002),
        ([mask_frame(0x3, b"")], 1002),
        ([mask_frame(0xB, b"")], 1002),
        ([mask_frame(CONTINUATION, b"")], 1002),
        ([mask_frame(TEXT, b"42", fin=False), mask_frame(TEXT, b"42")], 1002),
        ([mask_frame(PING, b"", fin=False)], 1002),
        ([mask_frame(PING, b"x" * 126)], 1002),
        ([mask_frame(CLOSE, b"\x03")], 1002),
        ([mask_frame(CLOSE, (1005).to_bytes(2, "big"))], 1002),
        ([mask_frame(CLOSE, (1000).to_bytes(2, "big") + b"\xff")], 1007),
        ([b"\x82\xff\0\0\0\0\0\x0f\x42\x41"], 1009),
        ([mask_frame(BINARY, b"x" * 600_000, fin=False),
          mask_frame(CONTINUATION, b"x" * 400_001)], 1009),
        ([mask_frame(CLOSE, b"")], 1005),
        ([mask_frame(CLOSE, (4001).to_bytes(2, "big") + b"bye")], 4001),
    ],
)  # fmt: skip
async def test_close_codes(frames: list[bytes], code: int) -> None:
    async with serving(echo_gateway()) as served, await served.enter() as raw:
        raw.writer.write(b"".join(frames))
        assert await raw.close_code() == code
        assert await raw.ended()
        assert served.gateway.stats().sessions == 0


async def test_a_close_frame_is_awaited_but_not_for_ever() -> None:
    gateway = echo_gateway(close_timeout=0.1)
    async with serving(gateway) as served, await served.enter() as raw:
        (socket,) = gateway.namespace().sockets
        socket.emit("last", "words")
        socket.disconnect(close=True)
        assert await raw.text() == '42["last","words"]'
        assert await raw.text() == "41"
        assert await raw.frame() == (CLOSE, (1000).to_bytes(2, "big"))
        assert await raw.ended()


async def test_data_after_the_close_frame_is_not_heard() -> None:
    gateway = echo_gateway()
    heard: list[str] = []
    gateway.namespace().on("heard")(lambda _socket, what: heard.append(what))
    async with serving(gateway) as served, await served.enter() as raw:
        raw.send('42["heard","before"]')
        raw.send_frame(CLOSE, b"")
        raw.send('42["heard","after"]')
        assert await raw.close_code() == 1005
        assert await raw.ended()
    assert heard == ["before"]


async def test_a_client_that_vanishes_is_noticed() -> None:
    gateway = echo_gateway()
    reasons: asyncio.Queue[str] = asyncio.Queue()
    gateway.namespace().on_disconnect(lambda _socket, reason: reasons.put_nowait(reason))
    async with serving(gateway) as served:
        raw = await served.enter()
        raw.writer.transport.abort()
        assert await asyncio.wait_for(reasons.get(), PATIENCE) == "transport closed"
        assert gateway.stats().sockets == gateway.stats().sessions == 0


async def test_a_client_that_does_not_pong_is_closed() -> None:
    # The first ping leaves time to connect: from then on each is one too many.
    gateway = echo_gateway(ping_interval=1.0, ping_timeout=0.05)
    reasons: asyncio.Queue[str] = asyncio.Queue()
    gateway.namespace().on_disconnect(lambda _socket, reason: reasons.put_nowait(reason))
    async with serving(gateway) as served:
        async with await served.enter() as raw:
            assert await raw.close_code() == 1011
        assert await asyncio.wait_for(reasons.get(), PATIENCE) == "ping timeout"


async def test_draining_closes_with_going_away() -> None:
    gateway = echo_gateway()
    reasons: list[str] = []
    gateway.namespace().on_disconnect(lambda _socket, reason: reasons.append(reason))
    async with serving(gateway) as served, await served.enter() as one, await served.enter() as two:
        leaving = asyncio.create_task(gateway.drain(spread=0.05))
        for raw in (one, two):
            assert await raw.close_code() == 1001
            raw.send_frame(CLOSE, (1001).to_bytes(2, "big"))
        await asyncio.wait_for(leaving, PATIENCE)
        assert reasons == ["server shutting down"] * 2
