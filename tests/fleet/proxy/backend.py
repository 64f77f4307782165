"""What stands behind a proxy in its tests: says what reached it, over HTTP and over upgraded connections.

`/readyz` is the probe; `/own` has its own security headers; `/text` is 20 kB of text, `/packed` the same with a coding;
`/die` ends the process before it answers a GET, or after it has read a POST. Everything else is told back as JSON.
Each POST is written to standard output when its head is there, so that a test can count them.
"""

import asyncio
import base64
import gzip
import hashlib
import json
import os
import signal
import sys

NAME, PORT = sys.argv[1], int(sys.argv[2])
TEXT = b"all of this can be said in fewer words. " * 500
OWN = {
    "X-Frame-Options": "SAMEORIGIN",
    "Content-Security-Policy": "default-src 'self'",
    "Strict-Transport-Security": "max-age=5",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
ready = True
sockets = 0


def told(status: int, body: bytes, headers: dict[str, str]) -> bytes:
    headers = {"Content-Length": str(len(body)), "X-Worker": NAME, **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} So\r\n{lines}\r\n".encode() + body


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while await answer(reader, writer):
            await writer.drain()
    except (OSError, EOFError):
        pass
    finally:
        writer.close()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    global sockets
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ")
    path = target.partition("?")[0]
    headers = {
        name.lower(): value.strip()
        for name, _, value in (line.partition(":") for line in head[1:] if line)
    }
    if "upgrade" in headers:
        key = hashlib.sha1(headers["sec-websocket-key"].encode() + GUID).digest()
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"X-Worker: %b\r\nSec-WebSocket-Accept: %b\r\n\r\n"
            % (NAME.encode(), base64.b64encode(key))
        )
        sockets += 1
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()
        sockets -= 1
        return False
    if method == "POST":
        print(json.dumps({"name": NAME, "path": path}), flush=True)
    body = await read_body(reader, headers)
    if path == "/die":
        os._exit(1)
    if path == "/readyz":
        writer.write(told(200 if ready else 503, b"{}", {"Content-Type": "application/json"}))
    elif path == "/own":
        writer.write(told(200, b"{}", {"Content-Type": "application/json", **OWN}))
    elif path == "/text":
        writer.write(told(200, TEXT, {"Content-Type": "text/plain"}))
    elif path == "/packed":
        coded = {"Content-Type": "text/plain", "Content-Encoding": "gzip"}
        writer.write(told(200, gzip.compress(TEXT), coded))
    else:
        found = {
            "name": NAME,
            "method": method,
            "path": target,
            "headers": headers,
            "length": len(body),
            "sockets": sockets,
        }
        kind = "text/html" if path.startswith("/room") else "application/json"
        writer.write(told(200, json.dumps(found).encode(), {"Content-Type": kind}))
    return True


async def read_body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while length := int(await reader.readline(), 16):
            body += await reader.readexactly(length)
            await reader.readline()
        await reader.readline()
        return body
    return await reader.readexactly(int(headers.get("content-length", "0")))


def set_ready(value: bool) -> None:
    global ready
    ready = value


async def main() -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, set_ready, False)
    loop.add_signal_handler(signal.SIGHUP, set_ready, True)
    server = await asyncio.start_server(serve, "127.0.0.1", PORT, backlog=1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
