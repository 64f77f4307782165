"""A light client: Socket.IO 5 over a raw connection, with cursors, keys and a diary of what came.

It costs a small part of what the Python client costs, so that thousands fit beside the servers. Unlike a real
client it fills no holes and drops nothing: what arrives is written down as it arrives.
"""

import asyncio
import random
import struct
import time
from collections.abc import Callable
from typing import Any, cast
from zlib import crc32

import orjson

from chaos.records import ClientLog, From, Reset, Seen, Sent

CONNECT_SECONDS = 20.0
ACK_SECONDS = 10.0
QUIET_SECONDS = 50.0
"""Ping interval and patience of the server, together, and some more."""
FIRST_WAIT = 0.5
LONGEST_WAIT = 5.0
CACHE = 4_000
UPGRADE = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: hubbub\r\n"
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)

Opened = Callable[[], None]


class Cache:
    """The entries of a payload: many clients of a swarm receive the same bytes."""

    def __init__(self) -> None:
        self._parsed: dict[bytes, list[tuple[Seen, Any]]] = {}

    def parse(self, payload: bytes) -> list[tuple[Seen, Any]]:
        """The entries of `["entries",[…]]`, each with its data."""
        found = self._parsed.get(payload)
        if found is None:
            found = []
            for item in orjson.loads(payload)[1]:
                data = item["data"]
                crc = crc32(orjson.dumps(data))
                seen = Seen(
                    item["stream"], item["seq"], item["kind"], item["actor"], item.get("key"), crc
                )
                found.append((seen, data))
            if len(self._parsed) >= CACHE:
                self._parsed.clear()
            self._parsed[payload] = found
        return found


class Pending:
    """A command that is sent until it is answered."""

    __slots__ = ("arguments", "done", "event", "sent_at")

    def __init__(self, event: str, arguments: dict[str, Any]) -> None:
        self.event = event
        self.arguments = arguments
        self.done: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self.sent_at = 0.0


class LightClient:
    """One person's socket. `wanted` are the streams to follow, with the last `seq` of each."""

    def __init__(
        self, name: str, user: str, token: str, port: int, cache: Cache, chance: random.Random
    ) -> None:
        self.name = name
        self.user = user
        self.token = token
        self.port = port
        self.log = ClientLog(name, user)
        self.wanted: dict[str, int] = {}
        self.online = False
        self.recovered = False
        self.closing = False
        self.connects = 0
        self.on_entry: Callable[[Seen, Any], None] = lambda seen, data: None
        self._cache = cache
        self._chance = chance
        self._wire: Wire | None = None
        self._pending: dict[str, Pending] = {}
        self._acks: dict[int, Callable[[dict[str, Any]], None]] = {}
        self._ack = 0
        self._wait = FIRST_WAIT
        self._hint: float | None = None
        self._lost_at = 0.0
        self._began = 0.0
        self._targets: dict[str, int] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._connecting: asyncio.Task[None] | None = None

    # The connection.

    def connect(self) -> None:
        if self._connecting is None and not self.closing:
            self._connecting = asyncio.create_task(self._connect())

    async def _connect(self) -> None:
        self._began = time.monotonic()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                loop = asyncio.get_running_loop()
                await loop.create_connection(lambda: Wire(self), "127.0.0.1", self.port)
        except (OSError, TimeoutError):
            self._retry()
        finally:
            self._connecting = None

    def _retry(self) -> None:
        if self.closing:
            return
        if self._hint is not None:
            wait, self._hint = self._hint, None
        else:
            wait = self._wait * self._chance.random()
            self._wait = min(self._wait * 2, LONGEST_WAIT)
        self._timer = asyncio.get_running_loop().call_later(wait, self.connect)

    def opened(self, wire: "Wire") -> None:
        self._wire = wire

    def lost(self, wire: "Wire") -> None:
        """The connection ended, whoever ended it."""
        if wire is not self._wire:
            return
        self._wire = None
        self._acks.clear()
        if self.online or self.recovered:
            self.online = self.recovered = False
            self._lost_at = self._lost_at or time.time()
        self._retry()

    def drop(self) -> None:
        """Ends the connection without a word, as a network does, and comes back."""
        if self._wire is not None:
            self._wire.transport.abort()

    def close(self) -> None:
        self.closing = True
        if self._timer is not None:
            self._timer.cancel()
        self.drop()

    def tick(self) -> None:
        """Once a second: what is overdue is sent again or given up."""
        now = time.monotonic()
        wire = self._wire
        if wire is None:
            return
        if not self.online:
            if now - self._began > CONNECT_SECONDS:
                wire.transport.abort()
        elif now - wire.heard_at > QUIET_SECONDS:
            wire.transport.abort()
        else:
            for pending in self._pending.values():
                if pending.sent_at and now - pending.sent_at > ACK_SECONDS:
                    if now - wire.heard_at > ACK_SECONDS:
                        wire.transport.abort()
                        return
                    self._send(pending)

    # What the server says.

    def receive(self, packet: bytes) -> None:
        kind = packet[:2]
        if kind == b"42":
            if packet.startswith(b'42["entries"'):
                self._take(self._cache.parse(packet[2:]))
            else:
                self._event(*orjson.loads(packet[2:])[:2])
        elif packet[:1] == b"2":
            self._write(b"3")
        elif kind == b"43":
            end = packet.index(b"[")
            answer = self._acks.pop(int(packet[2:end]), None)
            if answer is not None:
                answer(orjson.loads(packet[end:])[0])
        elif packet[:1] == b"0":
            self._write(b"40" + orjson.dumps({"token": self.token}))
        elif kind == b"40":
            self._signed_in()
        elif kind == b"44":
            problem = orjson.loads(packet[2:]).get("data") or {}
            if problem.get("status") == 401:
                self.log.ended.append(f"refused: {problem.get('detail')}")
            if "retry_after" in problem:
                self._hint = float(problem["retry_after"]) * (0.5 + self._chance.random())
            self.drop()
        elif kind == b"41":
            self.drop()

    def _event(self, event: str, data: Any) -> None:
        if event == "reset":
            self._reset(data["stream"], data["head"], data["reason"])
        elif event == "goaway":
            self._hint = float(data["retry_after"])
            self.drop()
        elif event == "revoked":
            self.log.ended.append(f"revoked: {data.get('reason')}")

    def _reset(self, stream: str, head: int, reason: str) -> None:
        self.log.seen.setdefault(stream, []).append(Reset(head, reason))
        if reason == "withdrawn":
            self.wanted.pop(stream, None)
            self._targets.pop(stream, None)
            self._check_recovered()
        elif stream in self.wanted:
            # A real client would load the state; here it is enough to go on from there.
            self.wanted[stream] = head
            self.follow([stream])

    def _take(self, entries: list[tuple[Seen, Any]]) -> None:
        for seen, data in entries:
            self.log.seen.setdefault(seen.stream, []).append(seen)
            if self.wanted.get(seen.stream, seen.seq) < seen.seq:
                self.wanted[seen.stream] = seen.seq
            self.on_entry(seen, data)
        if not self.recovered:
            self._check_recovered()

    def _signed_in(self) -> None:
        self.connects += 1
        self.online = True
        self._wait = FIRST_WAIT
        self._targets = dict.fromkeys(self.wanted, 2**60)
        self.follow(list(self.wanted))
        for pending in self._pending.values():
            self._send(pending)

    def follow(self, streams: list[str]) -> None:
        """Follows streams from where this client stands, now or with the next connection."""
        if not self.online:
            return
        marks = {}
        for stream in streams:
            marks[stream] = From(self.wanted[stream])
            self.log.seen.setdefault(stream, []).append(marks[stream])

        def later(error: dict[str, Any], again: list[str]) -> None:
            """The server has no time just now and says when it will have."""
            wait = float(error.get("retry_after") or 1)
            asyncio.get_running_loop().call_later(wait, self._follow_again, self._wire, again)

        def answered(ack: dict[str, Any]) -> None:
            if not ack.get("ok"):
                later(ack.get("error") or {}, streams)
                return
            for stream, state in ack["streams"].items():
                if "error" in state:
                    if state["error"].get("status") in (403, 404):
                        self._reset(stream, 0, "withdrawn")
                    else:
                        later(state["error"], [stream])
                elif state.get("reset"):
                    self._reset(stream, state["head"], "too_old")
                else:
                    marks[stream].head = state["head"]
                    self._targets[stream] = state["head"]
            self._check_recovered()

        self._emit("follow", {"streams": {s: self.wanted[s] for s in streams}}, answered)

    def _follow_again(self, wire: "Wire | None", streams: list[str]) -> None:
        wanted = [stream for stream in streams if stream in self.wanted]
        if wanted and wire is self._wire:
            self.follow(wanted)

    def _check_recovered(self) -> None:
        if not self.recovered and self.online:
            wanted = self.wanted
            if all(wanted.get(stream, 2**61) >= seq for stream, seq in self._targets.items()):
                self.recovered = True
                if self._lost_at:
                    self.log.outages.append((self._lost_at, time.time()))
                    self._lost_at = 0.0

    # Commands.

    async def command(self, sent: Sent, event: str, key: str, **arguments: Any) -> dict[str, Any]:
        """Sends a command until it is answered for good; answers the ack."""
        self.log.sent[key] = sent
        pending = self._pending[key] = Pending(event, arguments | {"key": key})
        if self.online:
            self._send(pending)
        try:
            ack = await pending.done
        finally:
            del self._pending[key]
        if ack["ok"]:
            message = ack.get("message") or {}
            self.log.acknowledged[key] = (ack.get("seq") or 0, message.get("id") or "")
        return ack

    def repeat(self, key: str) -> None:
        """Sends a command that waits a second time, as an impatient client does."""
        pending = self._pending.get(key)
        if pending is not None and self.online:
            self._send(pending)

    def _send(self, pending: Pending) -> None:
        pending.sent_at = time.monotonic()

        def answered(ack: dict[str, Any]) -> None:
            if pending.done.done():
                return
            error = ack.get("error") or {}
            if not ack.get("ok") and error.get("status") in (429, 503):
                wait = float(error.get("retry_after") or 1) * (0.5 + self._chance.random())
                asyncio.get_running_loop().call_later(wait, self._send_again, pending)
                return
            pending.done.set_result(ack)

        self._emit(pending.event, pending.arguments, answered)

    def _send_again(self, pending: Pending) -> None:
        if not pending.done.done() and self.online:
            self._send(pending)

    def _emit(self, event: str, argument: Any, answer: Callable[[dict[str, Any]], None]) -> None:
        self._ack += 1
        self._acks[self._ack] = answer
        self._write(b"42%d" % self._ack + orjson.dumps([event, argument]))

    def _write(self, packet: bytes) -> None:
        if self._wire is not None:
            self._wire.send(packet)


def frame(packet: bytes) -> bytes:
    """A text frame of a client. A mask of zeros leaves the payload as it is; the server must not care."""
    size = len(packet)
    if size < 126:
        return struct.pack("!BB", 0x81, 0x80 | size) + b"\0\0\0\0" + packet
    return struct.pack("!BBH", 0x81, 0x80 | 126, size) + b"\0\0\0\0" + packet


class Wire(asyncio.Protocol):
    """The frames of one connection (RFC 6455); text only, as the server sends it."""

    def __init__(self, client: LightClient) -> None:
        self._client = client
        self._buffer = b""
        self._upgraded = False
        self.transport: asyncio.Transport
        self.heard_at = time.monotonic()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._client.opened(self)
        self.transport.write(UPGRADE)

    def connection_lost(self, _error: Exception | None) -> None:
        self._client.lost(self)

    def send(self, packet: bytes) -> None:
        self.transport.write(frame(packet))

    def data_received(self, data: bytes) -> None:
        self.heard_at = time.monotonic()
        buffer = self._buffer + data if self._buffer else data
        if not self._upgraded:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                self._buffer = buffer
                return
            if not buffer.startswith(b"HTTP/1.1 101"):
                self.transport.abort()
                return
            self._upgraded = True
            buffer = buffer[end + 4 :]
        place, have = 0, len(buffer)
        while have - place >= 2:
            size, start = buffer[place + 1] & 0x7F, place + 2
            if size == 126:
                start = place + 4
                if have < start:
                    break
                size = int.from_bytes(buffer[place + 2 : start])
            elif size == 127:
                start = place + 10
                if have < start:
                    break
                size = int.from_bytes(buffer[place + 2 : start])
            if have < start + size:
                break
            opcode = buffer[place] & 0x0F
            payload = buffer[start : start + size]
            place = start + size
            if opcode == 1:
                self._client.receive(payload)
            elif opcode == 8:
                self.transport.abort()
                return
        self._buffer = buffer[place:]
