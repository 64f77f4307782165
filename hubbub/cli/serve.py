"""Runs one process of Hubbub under uvicorn, and lets it go gracefully."""

import asyncio
import contextlib
import fcntl
import gc
import logging
import os
import socket
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import IO, TYPE_CHECKING
from urllib.parse import unquote

import uvicorn

from hubbub import __version__
from hubbub.app import Application, create_app, node_of
from hubbub.cli import ServeError, open_database
from hubbub.fleet import contract, worker
from hubbub.fleet.log_file import Rotation
from hubbub.fleet.worker import Place
from hubbub.gateway.server import GracefulServer, HttpProtocol, listen_often, room_for_sockets
from hubbub.kernel.database import Database
from hubbub.kernel.http import TrustedProxies
from hubbub.kernel.nodes import NodeRefused, claim_place
from hubbub.migrate import migrate
from hubbub.observe.logging import Logs, Origin, configure_logging
from hubbub.settings import Settings, split_secrets

if TYPE_CHECKING:
    from hubbub.observe.tracing import Tracing

logger = logging.getLogger("hubbub.serve")

GRACEFUL_SECONDS = 5
BACKLOG = 2_048


class Server(GracefulServer):
    """Ends with exit code 0 when it was asked to end; a second signal does not wait."""

    def handle_exit(self, _sig: int, _frame: FrameType | None) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True


def run_server(settings: Settings) -> None:
    """Migrates and serves until a signal ends it. Raises ServeError, SettingsError or SchemaError."""
    try:
        place = Place.read()
    except ValueError as error:
        raise ServeError(str(error)) from None
    if place.heartbeat:
        worker.prepare()
    if "all" not in settings.role and settings.database.startswith("sqlite"):
        raise ServeError(
            f"--role {settings.roles} needs PostgreSQL: with SQLite one process does everything."
        )
    logs = start_logging(settings)
    database = open_database(settings)
    lock = lock_database(Path(str(database.url.database))) if database.sqlite else None
    try:
        migrate(database)
        database.check_room(settings.database_pool)
        serve(settings, database, logs, place)
    finally:
        database.close()
        if lock is not None:
            lock.close()


def serve(settings: Settings, database: Database, logs: Logs, place: Place) -> None:
    """Takes this node's place beside the others, and serves. Raises ServeError."""
    room = room_for_sockets(settings.max_sockets)
    if room < settings.max_sockets:
        logger.warning(
            "MAX_SOCKETS is %d, but the system's limit of open files leaves room for %d",
            settings.max_sockets,
            room,
        )
        settings = settings.model_copy(update={"max_sockets": room})
    listener = bind(settings.host, settings.port)
    host, port = listener.getsockname()[:2]
    node = node_of(settings, port)
    application = create_app(settings, node=node, logs=logs, place=place)
    # Outside production they are made and kept, not set.
    logs.redactor.learn(application.kernel.secrets)
    tracing = start_reporting(settings, application, logs)
    if settings.redis_url:
        asyncio.run(check_secrets(settings.redis_url, application.kernel.secrets))
    # As late as can be: from here on the others expect this node to keep its row fresh.
    try:
        claim_place(database, node, shared=bool(settings.redis_url))
    except NodeRefused as refused:
        raise ServeError(str(refused)) from None
    database.close()
    config = uvicorn.Config(
        application,
        http=HttpProtocol,
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
    shown = f"[{host}]" if ":" in host else host
    # A full disk behind the output is no reason not to serve.
    with contextlib.suppress(OSError):
        print(f"Hubbub is on http://{shown}:{port}", flush=True)
    # What is there now stays: later collections need not look at it again.
    gc.freeze()
    gc.enable()

    async def be_in_time() -> None:
        seconds = application.supervised.requests_seconds(GRACEFUL_SECONDS)
        # uvicorn hands it to asyncio, which takes parts of seconds.
        config.timeout_graceful_shutdown = seconds  # type: ignore[assignment]

    try:
        Server(config, application.leave, be_in_time).run(sockets=listen_often(listener))
    finally:
        if tracing is not None:
            tracing.close()


def start_reporting(settings: Settings, application: Application, logs: Logs) -> "Tracing | None":
    """Traces and Sentry, where they are set; their libraries are not loaded otherwise. Raises ServeError."""
    if dsn := settings.sentry_dsn.get_secret_value():
        from hubbub.observe.sentry import start_sentry

        try:
            start_sentry(dsn, settings.hubbub_env, logs.origin, logs.redactor)
        except ValueError as error:
            raise ServeError(str(error)) from None
    if not settings.traces_url:
        return None
    from hubbub.observe.tracing import Tracing

    proxies = TrustedProxies(settings.trusted_proxies)
    tracing = Tracing(settings.traces_url, settings.traces_share, logs.origin, proxies.trusts)
    tracing.watch(application.kernel)
    application.surround(tracing.edge)
    return tracing


def start_logging(settings: Settings) -> Logs:
    """Sets up this process's lines. Raises ServeError when their folder cannot be used."""
    machine = socket.gethostname()
    # The supervisor rotates the files, and what is printed there goes to a file of its own: errors are enough.
    supervised = contract.HEARTBEAT in os.environ
    secrets = [*split_secrets(settings.jwt_secret), settings.metrics_token.get_secret_value()]
    for url in (settings.database_url, settings.redis_url, settings.jobs_url, settings.relay_url):
        _, _, password = url.partition("://")[2].rpartition("@")[0].partition(":")
        secrets += [password, unquote(password)]
    try:
        return configure_logging(
            settings.log_level,
            json=settings.production,
            directory=settings.log_dir,
            origin=Origin(
                settings.node_name or machine,
                machine,
                os.environ.get(contract.RELEASE) or __version__,
            ),
            secrets=secrets,
            rotation=None if supervised else Rotation(),
            console_level=logging.ERROR if supervised and settings.log_dir else logging.NOTSET,
        )
    except OSError as error:
        raise ServeError(f"LOG_DIR {settings.log_dir} cannot be used: {error.strerror}.") from None


async def check_secrets(redis_url: str, secrets: Sequence[str]) -> None:
    """Raises SettingsError when this process would sign otherwise than those beside it."""
    from hubbub.kernel import shared_presence
    from hubbub.kernel.redis_store import RedisStore

    store = RedisStore(redis_url)
    try:
        await shared_presence.check_secrets(store, secrets)
    finally:
        await store.close()


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
    descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    lock = os.fdopen(descriptor, "r+")
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
