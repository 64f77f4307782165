"""Clients nobody wants: rubbish, floods, half a handshake, and readers that never read."""

import asyncio
import contextlib
import os
import random
import socket
from collections.abc import Awaitable, Callable

import orjson

from chaos.client import UPGRADE, frame

SMALL = 4_096


class Rogues:
    """Four kinds of them, through the balancer, with a real person's token where one is needed."""

    def __init__(self, port: int, token: str, room: str, chance: random.Random) -> None:
        self.port = port
        self.token = token
        self.room = room
        self.chance = chance

    async def bother(self, seconds: float, each: int) -> None:
        """`each` of every kind, over and over for so many seconds."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        kinds = (self.rubbish, self.flood, self.half_open, self.never_read)
        await asyncio.gather(*(self.repeat(kind, until) for kind in kinds for _ in range(each)))

    async def repeat(self, kind: Callable[[], Awaitable[None]], until: float) -> None:
        loop = asyncio.get_running_loop()
        while (left := until - loop.time()) > 0:
            with contextlib.suppress(OSError, TimeoutError, EOFError, RuntimeError):
                # uvloop raises RuntimeError where a transport was closed under us.
                async with asyncio.timeout(left):
                    await kind()

    async def open(self, *, receive: int = 0) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        wire = socket.socket()
        if receive:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        wire.setblocking(False)
        await asyncio.get_running_loop().sock_connect(wire, ("127.0.0.1", self.port))
        return await asyncio.open_connection(sock=wire, limit=SMALL)

    async def sign_in(self, **options: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await self.open(**options)
        writer.write(UPGRADE)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(frame(b"40" + orjson.dumps({"token": self.token})))
        await reader.read(SMALL)
        return reader, writer

    async def rubbish(self) -> None:
        reader, writer = await self.open()
        try:
            if self.chance.random() < 0.5:
                writer.write(UPGRADE)
                await reader.readuntil(b"\r\n\r\n")
            for _ in range(20):
                writer.write(os.urandom(self.chance.randrange(1, 500)))
                await asyncio.sleep(0.01)
        finally:
            writer.transport.abort()

    async def flood(self) -> None:
        reader, writer = await self.sign_in()
        try:
            for _ in range(50):
                command = orjson.dumps(["message.post", {"room": self.room, "key": "", "body": ""}])
                writer.write(frame(b"421" + command) * 20)
                await writer.drain()
                await asyncio.sleep(0.02)
                await reader.read(SMALL)
        finally:
            writer.transport.abort()

    async def half_open(self) -> None:
        """Says half of something and falls silent."""
        _, writer = await self.open()
        try:
            writer.write(UPGRADE[: self.chance.randrange(1, len(UPGRADE))])
            await asyncio.sleep(3)
        finally:
            writer.transport.abort()

    async def never_read(self) -> None:
        """Follows a room from its beginning and does not read a byte of it."""
        _, writer = await self.sign_in(receive=SMALL)
        try:
            for number in range(100):
                follow = orjson.dumps(["follow", {"streams": {self.room: 0}}])
                writer.write(frame(b"42%d" % number + follow))
                await asyncio.sleep(0.05)
        finally:
            writer.transport.abort()
