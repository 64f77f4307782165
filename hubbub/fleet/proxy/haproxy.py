"""HAProxy 2.6 or later in front: workers come and go at run time, a reload keeps every socket."""

import asyncio
import contextlib
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal

from hubbub.fleet.proxy import Backend, ProxyError
from hubbub.fleet.proxy.certificates import Certificate
from hubbub.fleet.proxy.common import (
    accepts,
    addresses,
    ask,
    check_ports,
    check_socket_path,
    get,
    private,
    replace,
    run,
)
from hubbub.fleet.proxy.haproxy_configuration import DRAINED_LIST, configuration, server_name
from hubbub.fleet.settings import FleetSettings

RELOAD_SECONDS = 20.0
MASTER_TRIES = 60
AT_A_TIME = 50
"""Commands in one line to HAProxy, whose length is bounded."""
NO_STATE = "1\n"
"""A state file of the known version that says nothing."""
MAINTENANCE, DRAINED = 0x01, 0x08
"""Bits of srv_admin_state (management.txt, "show servers state")."""

Shown = Literal["ready", "drain", "maint"]


class HAProxy:
    """The driver (see `Proxy`). All it knows is on disk and in the running HAProxy: any instance can go on."""

    def __init__(self, settings: FleetSettings) -> None:
        self._settings = settings
        self._folder = settings.directory / "proxy"
        self._configuration = self._folder / "haproxy.cfg"
        self._stats = self._folder / "stats.sock"
        self._master = self._folder / "master.sock"
        self._state = self._folder / "servers.state"
        self._wanted = self._folder / "shown.json"
        self._drained = self._folder / DRAINED_LIST
        proxy = settings.proxy
        self._certificate = Certificate(proxy.certificate, self._folder) if proxy.https else None

    def command(self) -> list[str]:
        master = f"{self._master},mode,600,level,admin"
        return ["haproxy", "-W", "-S", master, "-f", str(self._configuration)]

    def prepare(self, backends: Sequence[Backend]) -> None:
        check_socket_path(self._folder / "figures.sock")
        private(self._folder)
        text = self._text(backends)
        if self._certificate is not None:
            self._certificate.install()
        if not self._state.exists():
            replace(self._state, NO_STATE)
        if not self._drained.exists():
            replace(self._drained, "")
        candidate = self._configuration.with_suffix(".candidate")
        replace(candidate, text)
        run(["haproxy", "-c", "-q", "-f", str(candidate)])
        candidate.replace(self._configuration)
        self._keep(backends)

    async def ready(self) -> bool:
        try:
            await self._ask("show info")
            if not await self._worker():
                return False
        except ProxyError:
            return False
        listening = [address for address in addresses(self._settings.proxy) if address]
        return all([await accepts(address) for address in listening])

    async def show(self, backends: Sequence[Backend]) -> None:
        text = self._text(backends)
        # First: started again after a crash in between, HAProxy shows these at once.
        if self._configuration.read_text() != text:
            replace(self._configuration, text)
        self._keep(backends)
        await self._apply(self._shown())

    async def reload(self) -> None:
        wanted = self._shown()
        live = await self._ask("show servers state workers")
        before = await self._patient(self._worker)
        # HAProxy forgets who is drained, unless it finds it here. All else is in the configuration.
        replace(self._state, only_drained(live))
        try:
            await self._patient(self._start_reload)
            async with asyncio.timeout(RELOAD_SECONDS):
                while True:
                    with contextlib.suppress(ProxyError):
                        if await self._worker() not in ("", before):
                            break
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise ProxyError(
                "HAProxy did not take over its new configuration; the old one goes on."
            ) from None
        finally:
            # At another start it would be wrong.
            replace(self._state, NO_STATE)
        await self._apply(wanted)

    async def renew(self) -> bool:
        if self._certificate is None:
            return False
        text = await asyncio.to_thread(self._certificate.changed)
        if not text:
            return False
        path = self._certificate.path
        loaded = await self._ask(f"set ssl cert {path} <<\n{text}")
        if "Transaction" not in loaded:
            raise ProxyError(f"HAProxy refuses the new certificate: {loaded.strip()}")
        committed = await self._ask(f"commit ssl cert {path}")
        if "Success" not in committed:
            with contextlib.suppress(ProxyError):
                await self._ask(f"abort ssl cert {path}")
            raise ProxyError(f"HAProxy refuses the new certificate: {committed.strip()}")
        replace(path, text)
        return True

    def certificate_expires(self) -> float:
        return self._certificate.expires() if self._certificate is not None else 0.0

    async def figures(self) -> str:
        scopes = "scope=global&scope=frontend&scope=backend&scope=server"
        return await get(self._folder / "figures.sock", f"/metrics?{scopes}&no-maint")

    def _text(self, backends: Sequence[Backend]) -> str:
        check_ports(self._settings, backends)
        return configuration(self._settings, self._folder, backends)

    def _keep(self, backends: Sequence[Backend]) -> None:
        shown = {server_name(backend.port): backend.state for backend in backends}
        replace(self._wanted, json.dumps(shown))
        replace(self._drained, "".join(f"{name}\n" for name in drained(shown)))

    def _shown(self) -> dict[str, Shown]:
        """Who was shown last, by whichever instance of this driver."""
        try:
            shown: dict[str, Shown] = json.loads(self._wanted.read_text())
        except (OSError, ValueError) as error:
            raise ProxyError(f"{self._wanted}: {error}; prepare the proxy first.") from None
        return shown

    async def _ask(self, command: str) -> str:
        return await ask(self._stats, command + "\n")

    async def _apply(self, wanted: Mapping[str, Shown]) -> None:
        """Changes what is not as wanted; who is not named is out. Raises ProxyError."""
        live = await self._ask("show servers state workers")
        commands: list[str] = []
        by_address = self._settings.proxy.stickiness == "address"
        numbers = {line.split()[3]: line.split()[2] for line in servers(live)}
        for server, state in states(live).items():
            commands += change(server, state, wanted.get(server, "maint"))
            if by_address and wanted.get(server) == "drain" != state:
                # Addresses cannot tell a session from a new one: all of its clients move at once.
                commands.append(f"clear table workers data.server_id eq {numbers[server]}")
        if self._settings.proxy.stickiness == "cookie":
            commands.append(f"clear acl {self._drained}")
            commands += [f"add acl {self._drained} {name}" for name in drained(wanted)]
        for first in range(0, len(commands), AT_A_TIME):
            said = await self._ask("; ".join(commands[first : first + AT_A_TIME]))
            if said.strip():
                raise ProxyError(f"HAProxy: {said.strip()[:500]}")

    async def _patient(self, asked: Callable[[], Awaitable[str]]) -> str:
        """The master's answer; it hears nobody for a moment after a start or a reload, as it starts anew."""
        for _ in range(MASTER_TRIES):
            with contextlib.suppress(ProxyError):
                return await asked()
            await asyncio.sleep(0.05)
        return await asked()

    async def _start_reload(self) -> str:
        return await ask(self._master, "reload\n", half_close=True)

    async def _worker(self) -> str:
        """Number of the process that takes new connections, "" while there is none."""
        told = await ask(self._master, "show proc\n", half_close=True)
        found = re.search(r"^# workers\n(\d+)\s+worker\b", told, re.MULTILINE)
        return found[1] if found else ""


def servers(live: str) -> list[str]:
    """The lines of `show servers state` that are about workers."""
    return [line for line in live.splitlines()[2:] if line.split()[1:2] == ["workers"]]


def states(live: str) -> dict[str, Shown]:
    """What `show servers state` says of each worker."""
    found: dict[str, Shown] = {}
    for line in servers(live):
        name, admin = line.split()[3], int(line.split()[6])
        found[name] = "maint" if admin & MAINTENANCE else "drain" if admin & DRAINED else "ready"
    return found


def drained(wanted: Mapping[str, Shown]) -> list[str]:
    return [name for name, state in wanted.items() if state == "drain"]


def only_drained(live: str) -> str:
    """The answer of `show servers state` without servers that are not being drained."""
    names = drained(states(live))
    kept = [line for line in servers(live) if line.split()[3] in names]
    return "\n".join(live.splitlines()[:2] + kept) + "\n"


def change(server: str, now: Shown, wanted: Shown) -> list[str]:
    """The commands that bring a server from one state to the other."""
    if now == wanted:
        return []
    name = f"workers/{server}"
    if wanted == "maint":
        return [f"set server {name} state maint"]
    if wanted == "drain":
        # A draining worker says that it is not ready; who belongs to it still shall reach it.
        return [f"disable health {name}", f"set server {name} state drain"]
    # The supervisor has just seen it ready: no need to wait for a check.
    return [
        f"set server {name} state ready",
        f"enable health {name}",
        f"set server {name} health up",
    ]
