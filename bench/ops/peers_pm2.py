"""PM2: cluster mode with Node, fork mode with Python."""

import contextlib
import json
import sys
from pathlib import Path

from bench.ops.contestants import MEMORY_LIMIT, BehindHaproxy, Contestant
from bench.ops.programs import Done, Place
from bench.peers.servers import node_program, node_release
from scripts.house import ROOT
from tests.servers import ServerError

PEERS = ROOT / "bench" / "ops" / "peers"
PM2 = PEERS / "node_modules" / "pm2"
EVERYWHERE = {
    "wait_ready": True,
    "listen_timeout": 10_000,
    "kill_timeout": 8_000,
    "max_memory_restart": MEMORY_LIMIT,
    "min_uptime": 10_000,
    "max_restarts": 5,
}
HOW = "wait_ready, listen_timeout 10 s, kill_timeout 8 s, max_memory_restart; reload: `pm2 reload`"


async def pm2(place: Place, *words: str | Path) -> Done:
    return await place.run(node_program(), PM2 / "bin" / "pm2", *words)


async def begin(place: Place, app: dict[str, object]) -> Path:
    """Starts the application as that file describes it. Raises ServerError."""
    path = place.folder / "process.json"
    path.write_text(json.dumps({"apps": [app | EVERYWHERE]}))
    for words in (("start", path), ("save",)):
        done = await pm2(place, *words)
        if done.code:
            raise ServerError(f"pm2 {words[0]} failed: {done.output[-2000:]}")
    return path


def pm2_version() -> str:
    try:
        return str(json.loads((PM2 / "package.json").read_text())["version"])
    except FileNotFoundError:
        raise ServerError("bench/ops/peers is not installed; `make bench` does it.") from None


class Pm2(Contestant):
    """What is the same in both of its modes."""

    memory_wait = 45.0

    def variables(self, folder: Path) -> dict[str, str]:
        # At home in that folder, and quiet towards the world.
        own = {"PM2_HOME": str(folder / "pm2"), "PM2_DISABLE_VERSION_CHECK": "true"}
        return super().variables(folder) | own

    def supervisor(self) -> list[int]:
        return [int((self.place.folder / "pm2" / "pm2.pid").read_text())]

    async def managed(self) -> set[int]:
        done = await pm2(self.place, "jlist")
        with contextlib.suppress(StopIteration, ValueError):
            # What it says when it had to start its daemon comes before the list; there are lists within the list.
            lines = reversed(done.output.splitlines())
            listed = next(line for line in lines if line.startswith("[{"))
            return {int(item["pid"]) for item in json.loads(listed)}
        return set()

    async def reload(self) -> Done:
        return await pm2(self.place, "reload", "rig")

    async def revive(self) -> Done:
        return await pm2(self.place, "resurrect")

    async def end(self) -> None:
        await pm2(self.place, "kill")


class Pm2Node(Pm2):
    """Node's cluster module: the daemon accepts and hands the connections out in turn."""

    name = "PM2, cluster, Node"
    how = f"{HOW}; no proxy needed"

    @classmethod
    def version(cls) -> str:
        return f"PM2 {pm2_version()}, Node {node_release()}"

    async def begin(self) -> None:
        app = {
            "name": "rig",
            "script": str(PEERS / "app.mjs"),
            "cwd": str(self.release),
            "exec_mode": "cluster",
            "instances": self.workers,
            "env": {"PORT": str(self.port)},
        }
        self.file = await begin(self.place, app)


class Pm2Python(Pm2, BehindHaproxy):
    """Each Python worker on a port of its own, since PM2 can only share a port among Node's."""

    name = "PM2, fork, Python"
    how = f"{HOW} (in fork mode a restart of one after the other); HAProxy in front"

    @classmethod
    def version(cls) -> str:
        python = "Python " + ".".join(map(str, sys.version_info[:3]))
        return f"PM2 {pm2_version()}, {python}"

    async def begin(self) -> None:
        app = {
            "name": "rig",
            "script": sys.executable,
            "args": "-m bench.ops.worker",
            "interpreter": "none",
            "cwd": str(self.release),
            "exec_mode": "fork",
            "instances": self.workers,
            "increment_var": "PORT",
            "env": {"PORT": self.first_port},
        }
        self.file = await begin(self.place, app)
        self.start_proxy()
