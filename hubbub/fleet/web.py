"""As much HTTP/1.1 as a supervisor needs: one GET to a worker, and pages of its own. No more, to stay small."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from hubbub.fleet.errors import FleetError

LARGEST_HEAD = 16 << 10
LARGEST_BODY = 16 << 20
SERVE_SECONDS = 30.0
"""How long a client of our own pages may take in all."""
MOST_CLIENTS = 50
NO_HEADERS: Mapping[str, str] = {}


async def get(
    port: int,
    path: str,
    seconds: float,
    host: str = "127.0.0.1",
    largest: int = LARGEST_BODY,
    headers: Mapping[str, str] = NO_HEADERS,
) -> tuple[int, bytes]:
    """Status and body. Raises OSError (TimeoutError among them) or ValueError when there is no such answer."""
    try:
        async with asyncio.timeout(seconds):
            return await ask(host, port, path, largest, headers)
    except asyncio.IncompleteReadError:
        raise ConnectionResetError("it ended the connection without an answer") from None
    except asyncio.LimitOverrunError:
        raise ValueError("its answer's head is too long") from None


async def ask(
    host: str, port: int, path: str, largest: int, given: Mapping[str, str]
) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection(host, port, limit=LARGEST_HEAD)
    try:
        sent = {"Host": f"{host}:{port}", "Connection": "close", **given}
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        status = int(first.split(" ", 2)[1])
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        if "content-length" in headers:
            length = int(headers["content-length"])
            if length > largest:
                raise ValueError(f"its answer of {length} bytes is too long")
            return status, await reader.readexactly(length)
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return status, await read_chunks(reader, largest)
        return status, await read_rest(reader, largest)
    except IndexError:
        raise ValueError("its answer is not HTTP") from None
    finally:
        # Not waited for: the other side may never close.
        writer.transport.abort()


async def read_chunks(reader: asyncio.StreamReader, largest: int) -> bytes:
    body = bytearray()
    while length := int((await reader.readline()).partition(b";")[0], 16):
        if len(body) + length > largest:
            raise ValueError("its answer is too long")
        body += await reader.readexactly(length)
        await reader.readexactly(2)
    return bytes(body)


async def read_rest(reader: asyncio.StreamReader, largest: int) -> bytes:
    body = bytearray()
    while block := await reader.read(1 << 16):
        body += block
        if len(body) > largest:
            raise ValueError("its answer is too long")
    return bytes(body)


async def serve(
    address: str, pages: dict[str, Callable[[], Awaitable[tuple[int, str, str]]]]
) -> asyncio.Server:
    """Answers GET on `host:port` with pages that give status, content type and text. Raises FleetError."""
    host, _, port = address.rpartition(":")
    clients = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal clients
        if clients >= MOST_CLIENTS:
            writer.close()
            return
        clients += 1
        try:
            with suppress(OSError, EOFError, asyncio.LimitOverrunError, TimeoutError):
                async with asyncio.timeout(SERVE_SECONDS):
                    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                    words = head.split("\r\n")[0].split(" ")
                    path = words[1].partition("?")[0] if len(words) == 3 else ""
                    page = pages.get(path)
                    if words[0] != "GET" or page is None:
                        status, kind, text = 404, "text/plain", "There is no such page.\n"
                    else:
                        status, kind, text = await page()
                    body = text.encode()
                    writer.write(
                        f"HTTP/1.1 {status} {'OK' if status == 200 else 'No'}\r\n"
                        f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
                        "Connection: close\r\n\r\n".encode()
                        + body
                    )
                    await writer.drain()
        finally:
            clients -= 1
            writer.close()

    try:
        return await asyncio.start_server(
            answer, host.strip("[]") or "127.0.0.1", int(port), limit=LARGEST_HEAD
        )
    except (OSError, ValueError) as error:
        raise FleetError(f"Cannot listen on {address}: {error}.") from None
