"""The smallest worker that keeps hubbub/fleet/contract.py, of the standard library alone.

It can be told to misbehave, by words in `MISBEHAVE` or in a file `misbehave` in its working directory (so that a
release folder may hold a bad version): `crash-at-boot`, `never-ready`, `error` (500 for everything but the probe),
`slow` (answers take half a second), `held-boot` (does not listen before that file says otherwise), `mute` (no
heartbeats), `slow-dump` (is late with the stack on DUMP), `stubborn` (ignores STOP), `crash-later` (dies a fifth of a
second after its start), `crash-ready` (dies three seconds after it first said that it is ready).

`GET /` and `/whoami` say who answers and with which headers it was asked; `/block`, `/eat`, `/crash`, `/unready`,
`/hang` (the probe never answers again) and `/break` (500 from now on) do what they say. A POST is answered with the
length of its body. An upgrade is answered with 101 and then every byte comes back; those connections are what it counts
as sockets.
"""

import asyncio
import contextlib
import faulthandler
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

NAME = os.environ.get("NODE_NAME", "worker")
RELEASE = os.environ.get("WORKER_RELEASE", "")
DRAIN_SECONDS = float(os.environ.get("WORKER_DRAIN_SECONDS", "1"))
GRACE_SECONDS = float(os.environ.get("WORKER_GRACE_SECONDS", "1"))
BLOCK_SECONDS = 600
EATEN = 64 << 20


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def told() -> list[str]:
    """The words in the file."""
    try:
        return Path("misbehave").read_text().split()
    except FileNotFoundError:
        return []


def dump_late(*_: object) -> None:
    """As a worker does that gets no processor at first."""
    time.sleep(0.6)
    faulthandler.dump_traceback(all_threads=True)


class Worker:
    def __init__(self) -> None:
        self.faults = {*told(), *os.environ.get("MISBEHAVE", "").split()}
        self.ready = "never-ready" not in self.faults
        self.hangs = False
        self.draining = False
        self.sockets: set[asyncio.StreamWriter] = set()
        self.requests = self.errors = 0
        self.seconds = 0.0
        self.eaten: list[bytes] = []
        self.end = asyncio.Event()
        self.tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        if "crash-at-boot" in self.faults:
            sys.exit("this version cannot start")
        while "held-boot" in told():
            await asyncio.sleep(0.02)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, self.drain)
        loop.add_signal_handler(signal.SIGHUP, self.resume)
        loop.add_signal_handler(signal.SIGTERM, self.stop)
        if "slow-dump" in self.faults:
            signal.signal(signal.SIGUSR2, dump_late)
        else:
            faulthandler.register(signal.SIGUSR2, all_threads=True)
        host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "0"))
        server = await asyncio.start_server(self.serve, host, port)
        print(f"{NAME} is on {host}:{server.sockets[0].getsockname()[1]}", flush=True)
        if "mute" not in self.faults:
            self.spawn(self.beat())
        if "crash-later" in self.faults:
            loop.call_later(0.2, os._exit, 3)
        await self.end.wait()
        server.close()
        await self.close_sockets(min(DRAIN_SECONDS, GRACE_SECONDS / 2))

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def drain(self) -> None:
        print(f"{NAME} drains", flush=True)
        self.draining = True
        self.spawn(self.close_sockets(DRAIN_SECONDS))

    def resume(self) -> None:
        self.draining = False

    def stop(self) -> None:
        if "stubborn" not in self.faults:
            self.end.set()

    async def close_sockets(self, seconds: float) -> None:
        """Ends the upgraded connections one after the other, over that time."""
        leaving = list(self.sockets)
        for writer in leaving:
            writer.close()
            await asyncio.sleep(seconds / len(leaving))

    async def beat(self) -> None:
        sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sender.setblocking(False)
        due = time.monotonic()
        while True:
            beat = {
                "pid": os.getpid(),
                "lag": max(0.0, time.monotonic() - due),
                "memory": resident(),
                "sockets": len(self.sockets),
                "requests": self.requests,
                "errors": self.errors,
                "seconds": self.seconds,
                "draining": self.draining,
            }
            # Nobody there: again in a second.
            with contextlib.suppress(OSError, KeyError):
                sender.sendto(json.dumps(beat).encode(), os.environ["WORKER_HEARTBEAT"])
            due = time.monotonic() + 1
            await asyncio.sleep(1)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self.answer(reader, writer):
                pass
        except (OSError, EOFError, asyncio.LimitOverrunError):
            pass
        finally:
            self.sockets.discard(writer)
            writer.close()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answers one request; whether the connection stays open for another."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ", 2)
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        began = time.monotonic()
        if headers.get("upgrade"):
            writer.write(
                b"HTTP/1.1 101 Switching Protocols\r\n"
                b"Connection: Upgrade\r\nUpgrade: %b\r\nX-Worker: %b\r\n\r\n"
                % (headers["upgrade"].encode(), NAME.encode())
            )
            self.sockets.add(writer)
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
            return False
        status, told = await self.route(method, path.partition("?")[0], headers, body)
        if path != "/readyz":
            self.requests += 1
            self.errors += status >= 500
            self.seconds += time.monotonic() - began
        content = json.dumps(told).encode()
        keep = headers.get("connection", "").lower() != "close"
        writer.write(
            b"HTTP/1.1 %d %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
            b"X-Worker: %b\r\nConnection: %b\r\n\r\n"
            % (
                status,
                b"OK" if status == 200 else b"No",
                len(content),
                NAME.encode(),
                b"keep-alive" if keep else b"close",
            )
        )
        writer.write(b"" if method == "HEAD" else content)
        await writer.drain()
        return keep

    async def route(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, object]:
        if path == "/readyz":
            if self.hangs:
                await asyncio.sleep(BLOCK_SECONDS)
            ready = self.ready and not self.draining
            if ready and "crash-ready" in self.faults:
                asyncio.get_running_loop().call_later(3, os._exit, 3)
            return (200 if ready else 503), {"draining": self.draining}
        if path == "/block":
            time.sleep(BLOCK_SECONDS)  # noqa: ASYNC251 - so that the loop stands still
        if path == "/crash":
            os._exit(1)
        if path == "/eat":
            self.eaten.append(os.urandom(1 << 20) * (EATEN >> 20))
        if path == "/unready":
            self.ready = False
        if path == "/hang":
            self.hangs = True
        if path == "/break":
            self.faults.add("error")
        if "slow" in self.faults:
            await asyncio.sleep(0.5)
        if "error" in self.faults:
            return 500, {"error": "this version is broken"}
        who = {"name": NAME, "pid": os.getpid(), "release": RELEASE}
        return 200, {**who, "method": method, "path": path, "body": len(body), "headers": headers}


async def main() -> None:
    await Worker().run()


if __name__ == "__main__":
    asyncio.run(main())
