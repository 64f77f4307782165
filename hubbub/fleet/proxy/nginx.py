"""nginx 1.22 or later in front: each change is a new configuration, old processes keep their sockets."""

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import Sequence
from pathlib import Path

from hubbub.fleet.proxy import Backend, ProxyError
from hubbub.fleet.proxy.certificates import Certificate
from hubbub.fleet.proxy.common import (
    accepts,
    addresses,
    check_ports,
    check_socket_path,
    get,
    private,
    replace,
    run,
)
from hubbub.fleet.proxy.nginx_configuration import configuration
from hubbub.fleet.settings import FleetSettings

RELOAD_SECONDS = 20.0
FIGURES = (
    ("active", "gauge", "Connections of clients that are open.", r"Active connections: (\d+)"),
    ("accepted_total", "counter", "Connections accepted.", r"\n (\d+) \d+ \d+"),
    ("handled_total", "counter", "Connections handled.", r"\n \d+ (\d+) \d+"),
    ("requests_total", "counter", "Requests.", r"\n \d+ \d+ (\d+)"),
    ("reading", "gauge", "Connections whose request is being read.", r"Reading: (\d+)"),
    ("writing", "gauge", "Connections being answered.", r"Writing: (\d+)"),
    ("waiting", "gauge", "Connections kept for another request.", r"Waiting: (\d+)"),
)


class Nginx:
    """The driver (see `Proxy`). All it knows is on disk and in /proc: any instance can go on."""

    def __init__(self, settings: FleetSettings) -> None:
        self._settings = settings
        self._folder = settings.directory / "proxy"
        self._configuration = self._folder / "nginx.conf"
        self._figures = self._folder / "figures.sock"
        proxy = settings.proxy
        self._certificate = Certificate(proxy.certificate, self._folder) if proxy.https else None

    def command(self) -> list[str]:
        # Killed, nginx leaves its socket behind, and its workers, which go on listening: it would not start again.
        script = (
            'rm -f "$0"; if [ -s "$1/nginx.pid" ]; then old=$(cat "$1/nginx.pid"); '
            'kill -0 "$old" || kill -s QUIT -- "-$old"; fi 2>/dev/null; '
            'exec nginx -e stderr -p "$1" -c "$2"'
        )
        paths = [str(path) for path in (self._figures, self._folder, self._configuration)]
        return ["/bin/sh", "-c", script, *paths]

    def prepare(self, backends: Sequence[Backend]) -> None:
        check_socket_path(self._figures)
        private(self._folder)
        if self._certificate is not None:
            self._certificate.install()
        self._write(self._text(backends))

    async def ready(self) -> bool:
        try:
            await get(self._figures, "/status")
        except ProxyError:
            return False
        listening = [address for address in addresses(self._settings.proxy) if address]
        return all([await accepts(address) for address in listening])

    async def show(self, backends: Sequence[Backend]) -> None:
        text = self._text(backends)
        if self._configuration.read_text() == text:
            return
        await asyncio.to_thread(self._write, text)
        await self.reload()

    async def reload(self) -> None:
        master = self._master()
        before = workers(master)
        try:
            os.kill(master, signal.SIGHUP)
        except ProcessLookupError:
            raise ProxyError("nginx does not run.") from None
        try:
            async with asyncio.timeout(RELOAD_SECONDS):
                # The new ones are there, and no old one takes another connection.
                while not workers(master) - before or any(map(serves, before)):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise ProxyError(
                "nginx did not take over its new configuration; the old one goes on."
            ) from None

    async def renew(self) -> bool:
        if self._certificate is None:
            return False
        text = await asyncio.to_thread(self._certificate.changed)
        if not text:
            return False
        path = self._certificate.path
        old = path.read_text()
        replace(path, text)
        try:
            await asyncio.to_thread(self._check, self._configuration)
        except ProxyError:
            replace(path, old)
            raise
        await self.reload()
        return True

    def certificate_expires(self) -> float:
        return self._certificate.expires() if self._certificate is not None else 0.0

    async def figures(self) -> str:
        status = await get(self._figures, "/status")
        lines = []
        for name, kind, text, pattern in FIGURES:
            if found := re.search(pattern, status):
                full = f"nginx_connections_{name}" if "requests" not in name else f"nginx_{name}"
                lines += [f"# HELP {full} {text}", f"# TYPE {full} {kind}", f"{full} {found[1]}"]
        return "\n".join(lines) + "\n"

    def _text(self, backends: Sequence[Backend]) -> str:
        check_ports(self._settings, backends)
        return configuration(self._settings, self._folder, backends)

    def _write(self, text: str) -> None:
        """Replaces the configuration once nginx has accepted the new one. Raises ProxyError."""
        candidate = self._configuration.with_suffix(".candidate")
        replace(candidate, text)
        self._check(candidate)
        candidate.replace(self._configuration)

    def _check(self, path: Path) -> None:
        run(["nginx", "-t", "-q", "-e", "stderr", "-p", str(self._folder), "-c", str(path)])

    def _master(self) -> int:
        try:
            return int((self._folder / "nginx.pid").read_text())
        except (OSError, ValueError):
            raise ProxyError("nginx does not run.") from None


def workers(master: int) -> set[int]:
    """Numbers of the master's processes. Raises ProxyError when it is gone."""
    try:
        return {
            int(word) for word in Path(f"/proc/{master}/task/{master}/children").read_text().split()
        }
    except OSError:
        raise ProxyError("nginx does not run.") from None


def serves(worker: int) -> bool:
    """Whether a process still takes new connections."""
    with contextlib.suppress(OSError):
        title = Path(f"/proc/{worker}/cmdline").read_bytes()
        return bool(title) and b"shutting down" not in title
    return False
