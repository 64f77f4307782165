"""A proxy with small backends behind it, all real processes, for as long as a block runs."""

import asyncio
import base64
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import httpx2

from hubbub.fleet.proxy import Backend, Proxy
from hubbub.fleet.proxy.haproxy import HAProxy
from hubbub.fleet.proxy.nginx import Nginx
from hubbub.fleet.settings import FleetSettings, ProxySettings
from scripts.packages import find_program
from tests.servers import ServerError, end, free_port, free_ports, private_folder

SECONDS = 60.0
DRIVERS: Mapping[str, Callable[[FleetSettings], Proxy]] = {"haproxy": HAProxy, "nginx": Nginx}


@dataclass
class Site:
    """The proxy's driver and process, and the backends' processes by name."""

    settings: FleetSettings
    proxy: Proxy
    folder: Path
    process: subprocess.Popen[bytes] = field(init=False)
    backends: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)

    @property
    def http(self) -> str:
        return f"http://{self.settings.proxy.http}"

    @property
    def https(self) -> str:
        return f"https://{self.settings.proxy.https}"

    @property
    def url(self) -> str:
        return self.https if self.settings.proxy.https else self.http

    @property
    def tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(
            cafile=self.settings.directory / "proxy" / "certificate.pem"
        )
        context.check_hostname = False
        return context

    def client(self, **options: Any) -> httpx2.AsyncClient:
        verify = self.tls if self.settings.proxy.https else False
        return httpx2.AsyncClient(base_url=self.url, verify=verify, timeout=SECONDS, **options)

    def shown(self, *names: str, drained: Sequence[str] = ()) -> list[Backend]:
        kept = [Backend(name, self.ports[name]) for name in names]
        return kept + [Backend(name, self.ports[name], "drain") for name in drained]

    def start_backend(self, number: int) -> str:
        """Starts one on that port of the range, and returns its name when it listens."""
        name, port = f"blue-{number}", self.settings.port_range[number - 1]
        command = [sys.executable, "-S", str(Path(__file__).with_name("backend.py"))]
        with (self.folder / f"{name}.out").open("ab") as output:
            self.backends[name] = subprocess.Popen(
                [*command, name, str(port)], stdout=output, stderr=output
            )
        self.ports[name] = port
        wait(lambda: listens(port), name)
        return name

    def kill(self, name: str) -> None:
        self.backends[name].kill()
        self.backends[name].wait()

    def posts(self) -> list[Any]:
        """Every POST that reached a backend."""
        files = sorted(self.folder.glob("blue-*.out"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]

    def log(self) -> list[Any]:
        """The lines of the proxy's access log."""
        lines = (self.folder / "proxy.out").read_text(errors="replace").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    async def websocket(
        self, path: str = "/socket.io/?EIO=4&transport=websocket", **headers: str
    ) -> "Socket":
        address = self.settings.proxy.https or self.settings.proxy.http
        host, _, port = address.rpartition(":")
        context = self.tls if self.settings.proxy.https else None
        reader, writer = await asyncio.open_connection(host, int(port), ssl=context)
        given = {
            "Host": "localhost",
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        writer.write(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode())
        async with asyncio.timeout(SECONDS):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        found = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        return Socket(reader, writer, int(head[0].split(" ")[1]), found)


@dataclass
class Socket:
    """An upgraded connection; what is sent comes back."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    status: int
    headers: dict[str, str]

    @property
    def worker(self) -> str:
        return self.headers["x-worker"]

    async def echoes(self) -> bool:
        """Whether it still is alive, end to end."""
        word = os.urandom(8)
        try:
            async with asyncio.timeout(SECONDS):
                self.writer.write(word)
                await self.writer.drain()
                return await self.reader.readexactly(len(word)) == word
        except (OSError, EOFError):
            return False

    def close(self) -> None:
        self.writer.close()


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def wait(done: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not done():
        if time.monotonic() > deadline:
            raise ServerError(f"{what} did not come")
        time.sleep(0.01)


async def eventually(check: Callable[[], Awaitable[bool]]) -> None:
    """Returns once the check holds. Raises TimeoutError."""
    async with asyncio.timeout(SECONDS):
        while not await check():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def running_site(
    driver: str, backends: int = 2, *, tls: bool = True, ports: int = 8, **options: Any
) -> AsyncIterator[Site]:
    """The proxy with so many backends shown; `options` are of ProxySettings."""
    find_program(driver)
    with private_folder("hubbub-proxy-", None) as folder:
        folder.chmod(0o755)
        first = free_ports(ports)
        given = {
            "http": f"127.0.0.1:{free_port()}",
            "https": f"127.0.0.1:{free_port()}" if tls else "",
            "certificate": "self-signed" if tls else "",
            # Everybody in a test has the same address.
            "connections_per_address": 0,
            "requests_per_second": 0,
            "connects_per_second": 0,
            **options,
        }
        settings = FleetSettings(
            directory=folder / "fleet",
            log_dir=folder,
            ports=f"{first}-{first + ports - 1}",
            proxy=ProxySettings(driver=driver, **given),
        )
        site = Site(settings, DRIVERS[driver](settings), folder)
        try:
            names = [site.start_backend(number) for number in range(1, backends + 1)]
            site.proxy.prepare(site.shown(*names))
            with running_proxy(site):
                await eventually(site.proxy.ready)
                yield site
        finally:
            for process in site.backends.values():
                end(process, signal.SIGTERM)


@contextmanager
def running_proxy(site: Site) -> Any:
    output: IO[bytes]
    with (site.folder / "proxy.out").open("ab") as output:
        site.process = subprocess.Popen(
            site.proxy.command(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield
    except TimeoutError as error:
        raise ServerError((site.folder / "proxy.out").read_text()[-3000:]) from error
    finally:
        end(site.process, signal.SIGTERM)
