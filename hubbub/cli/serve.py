"""Runs one process of Hubbub under uvicorn, and lets it go gracefully."""

import asyncio
import fcntl
import logging
import os
import socket
from pathlib import Path
from types import FrameType
from typing import IO

import uvicorn

from hubbub.app import Application, create_app
from hubbub.cli import ServeError, open_database
from hubbub.migrate import migrate
from hubbub.observe.logging import configure_logging
from hubbub.settings import Settings

logger = logging.getLogger("hubbub.serve")

GRACEFUL_SECONDS = 5
GOODBYE_SECONDS = 1.0
BACKLOG = 2_048


class Server(uvicorn.Server):
    """Says goodbye to the sockets before it stops listening."""

    def __init__(self, config: uvicorn.Config, application: Application) -> None:
        super().__init__(config)
        self._application = application
        self._leaving = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal drains; a second one stops at once."""
        if self._leaving or not self.started:
            super().handle_exit(sig, frame)
            return
        self._leaving = True
        asyncio.get_running_loop().call_soon_threadsafe(self._start_leaving)

    def _start_leaving(self) -> None:
        self._task = asyncio.create_task(self._leave(), name="leave")

    async def _leave(self) -> None:
        logger.info("leaving")
        delivery = self._application.delivery
        if delivery.people:
            delivery.say_goodbye("shutdown", GOODBYE_SECONDS)
            await asyncio.sleep(GOODBYE_SECONDS)
        delivery.draining = True
        self.should_exit = True


def run_server(settings: Settings) -> None:
    """Migrates and serves until a signal ends it. Raises ServeError, SettingsError or SchemaError."""
    if settings.role != "all" and settings.database.startswith("sqlite"):
        raise ServeError(
            f"--role {settings.role} needs PostgreSQL: with SQLite one process does everything."
        )
    configure_logging(
        settings.log_level,
        json=settings.production,
        directory=settings.log_dir,
        node=settings.node_name or socket.gethostname(),
    )
    database = open_database(settings)
    lock = lock_database(Path(str(database.url.database))) if database.sqlite else None
    try:
        migrate(database)
    finally:
        database.close()
    listener = bind(settings.host, settings.port)
    application = create_app(settings)
    config = uvicorn.Config(
        application,
        http="httptools",
        loop="uvloop",
        ws=application.websocket_protocol,
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
        timeout_keep_alive=75,
        backlog=BACKLOG,
    )
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    print(f"Hubbub is on http://{shown}:{port}", flush=True)
    Server(config, application).run(sockets=[listener])
    if lock is not None:
        lock.close()


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ServeError when the address is taken or not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ServeError(f"Cannot listen on {host}:{port}: {error.strerror}.") from None
    listener.setblocking(False)
    return listener


def lock_database(path: Path) -> IO[str]:
    """Holds the database for this process alone. Raises ServeError when another one serves it."""
    lock = path.with_name(path.name + ".lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise ServeError(
            f"Another Hubbub (process {holder}) serves {path}. SQLite serves one process: stop that one, "
            "or set DATABASE_URL to a PostgreSQL database to run several."
        ) from None
    lock.seek(0)
    lock.truncate()
    lock.write(str(os.getpid()))
    lock.flush()
    return lock
