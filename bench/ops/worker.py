"""Serves the rig's application with uvicorn, under whichever supervisor started it.

For ours it keeps hubbub/fleet/contract.py. Under PM2 it says `ready` on the channel that PM2 gives its children. Under
any of them it drains on SIGTERM or SIGINT before it ends: not ready first, so that the balancer sees it, then the
sockets, then the rest.
"""

import asyncio
import contextlib
import faulthandler
import json
import os
import signal
import socket
import time
from pathlib import Path
from types import FrameType

import uvicorn

from bench.ops.app import App
from hubbub.fleet import contract

LAME_SECONDS = 1.0
"""How long it still takes new connections after it was told to end: the balancer asks four times a second."""
DRAIN_SECONDS = 1.0
GRACE_SECONDS = 5.0


class Server(uvicorn.Server):
    """uvicorn, with a drain before its end."""

    def __init__(self, app: App) -> None:
        port = int(os.environ[contract.PORT])
        host = os.environ.get(contract.HOST, "127.0.0.1")
        super().__init__(
            uvicorn.Config(
                app,
                host,
                port,
                log_level="warning",
                # Longer than the balancer keeps a connection for reuse, so that it is never the worker who ends one.
                timeout_keep_alive=120,
                timeout_graceful_shutdown=1,
                ws_ping_interval=None,
            )
        )
        self.app = app
        self._tasks: set[asyncio.Task[None]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(contract.DRAIN, lambda: self._spawn(drain_seconds()))
        loop.add_signal_handler(contract.RESUME, self.app.resume)
        faulthandler.register(contract.DUMP, all_threads=True)
        await super().startup(sockets)
        # A task that is kept nowhere may be collected.
        self._beats = asyncio.create_task(self._beat())
        if channel := os.environ.get("NODE_CHANNEL_FD"):
            os.write(int(channel), b'"ready"\n')

    def handle_exit(self, _sig: int, _frame: FrameType | None) -> None:
        asyncio.get_running_loop().call_soon_threadsafe(self._leave)

    def _spawn(self, seconds: float) -> None:
        task = asyncio.create_task(self.app.drain(seconds))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _leave(self) -> None:
        self._leaving = asyncio.create_task(self._end())

    async def _end(self) -> None:
        if contract.HEARTBEAT not in os.environ:
            # Nobody took it out of the balancer first.
            self.app.draining = True
            await asyncio.sleep(LAME_SECONDS)
        grace = float(os.environ.get(contract.GRACE_SECONDS, GRACE_SECONDS))
        await self.app.drain(min(DRAIN_SECONDS, grace / 4))
        await self.app.drained(grace / 4)
        self.should_exit = True

    async def _beat(self) -> None:
        path = os.environ.get(contract.HEARTBEAT)
        if not path:
            return
        sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sender.setblocking(False)
        due = time.monotonic()
        while True:
            beat: contract.Heartbeat = {
                "pid": os.getpid(),
                "lag": max(0.0, time.monotonic() - due),
                "memory": resident(),
                "sockets": len(self.app.sockets),
                "requests": self.app.requests,
                "errors": self.app.errors,
                "seconds": self.app.seconds,
                "draining": self.app.draining,
            }
            # The supervisor is away: again in a second.
            with contextlib.suppress(OSError):
                sender.sendto(json.dumps(beat).encode(), path)
            due = time.monotonic() + contract.HEARTBEAT_SECONDS
            await asyncio.sleep(contract.HEARTBEAT_SECONDS)


def resident() -> int:
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGESIZE")


def drain_seconds() -> float:
    return float(os.environ.get(contract.DRAIN_SECONDS, DRAIN_SECONDS))


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    Server(App()).run()
