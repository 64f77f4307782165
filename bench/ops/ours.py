"""Our fleet: the supervisor, HAProxy, and the same Python workers."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from bench.ops.app import HANDLED
from bench.ops.contestants import MEMORY_LIMIT, Contestant
from bench.ops.programs import START, Done, tool
from hubbub.fleet import daemon
from hubbub.fleet.control import call_async
from hubbub.fleet.errors import FleetError
from tests.servers import ServerError, free_port, free_ports

HUBBUB = (sys.executable, "-m", "hubbub", "fleet")

SETTINGS = """[fleet]
directory = "{folder}/fleet"
log_dir = "{folder}/logs"
workers = "{workers}"
ports = "{first}-{last}"
command = ["{python}", "-m", "bench.ops.worker"]
release = "{folder}/current"
memory_soft = "{limit}"
metrics = "127.0.0.1:{metrics}"

[fleet.environment]
{handled} = "{folder}/handled.txt"

[fleet.proxy]
http = "127.0.0.1:{port}"
# One address is all the clients there are.
connections_per_address = 100000
requests_per_second = 100000
connects_per_second = 100000
stickiness = "none"

[fleet.rollout]
ready_seconds = 10
smoke = ["{python}", "-m", "bench.ops.smoke"]
canary_seconds = {canary}
drain_seconds = {drain}
warm_seconds = 3
"""


class Ours(Contestant):
    """`hubbub fleet` as it comes, with the address limits out of the way of a load from one address."""

    name = "Hubbub fleet"
    how = (
        "smoke command, ready_seconds 10, canary 2 s, drain 2 s, memory_soft; reload: `hubbub fleet reload`; "
        "its own HAProxy"
    )
    canary = 2.0
    drain = 2.0

    def __init__(self, folder: Path, workers: int) -> None:
        self.releases = 0
        super().__init__(folder, workers)
        self.directory = folder / "fleet"

    @classmethod
    def version(cls) -> str:
        words = [tool("haproxy"), "-v"]
        said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        python = "Python " + ".".join(map(str, sys.version_info[:3]))
        return f"this checkout, HAProxy {said.split()[2].partition('-')[0]}, {python}"

    def set_version(self, version: str) -> None:
        """A folder of its own for each release, and the link onto it."""
        self.releases += 1
        folder = self.release / str(self.releases)
        folder.mkdir()
        (folder / "version").write_text(version)
        new = self.place.folder / "current.new"
        new.symlink_to(folder)
        new.replace(self.place.folder / "current")

    def settings(self) -> str:
        """hubbub.toml."""
        spares = 3 * self.workers
        first = free_ports(spares)
        return SETTINGS.format(
            folder=self.place.folder,
            workers=self.workers,
            first=first,
            last=first + spares - 1,
            python=sys.executable,
            limit=MEMORY_LIMIT,
            metrics=free_port(),
            handled=HANDLED,
            port=self.port,
            canary=self.canary,
            drain=self.drain,
        )

    async def begin(self) -> None:
        (self.place.folder / "hubbub.toml").write_text(self.settings())
        done = await self.place.run(*HUBBUB, "up")
        if done.code:
            raise ServerError(f"hubbub fleet up failed: {done.output[-2000:]}")

    async def revive(self) -> Done:
        # Without systemd a small shell does, and has begun.
        return Done(0, 0.0, "")

    def supervisor(self) -> list[int]:
        return [daemon.holder(self.directory)]

    def watchers(self) -> list[int]:
        supervisors = self.supervisor()
        parents = {psutil.Process(pid).ppid() for pid in supervisors}
        return supervisors + [each.pid for each in self.place.processes() if each.pid in parents]

    async def managed(self) -> set[int]:
        return {worker["pid"] for worker in await self._workers()}

    async def ready(self) -> set[int]:
        """The workers that serve."""
        return {worker["pid"] for worker in await self._workers() if worker["state"] == "ready"}

    async def whole(self) -> None:
        """Returns when as many workers as there should be are ready, or after a while."""
        for _ in range(int(START / 0.1)):
            if len(await self.ready()) >= self.workers:
                return
            await asyncio.sleep(0.1)

    async def _workers(self) -> list[dict[str, Any]]:
        try:
            status = await call_async(self.directory, "status", who="rig", seconds=2)
        except FleetError:
            return []
        return [process for process in status["processes"] if process["kind"] == "worker"]

    async def reload(self) -> Done:
        return await self.place.run(*HUBBUB, "reload", bound=120)

    async def reload_proxy(self) -> None:
        await self.place.run(*HUBBUB, "restart", "proxy")

    async def end(self) -> None:
        await self.place.run(*HUBBUB, "down")
