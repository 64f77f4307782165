"""supervisord and gunicorn, as their manuals have them."""

import contextlib
import importlib.util
import re
import sys
from importlib.metadata import version as package_version
from pathlib import Path

import psutil

from bench.ops.contestants import MEMORY_LIMIT, BehindHaproxy
from bench.ops.programs import Done, tool

PYTHON = "Python " + ".".join(map(str, sys.version_info[:3]))

MEMMON_IS_THERE = importlib.util.find_spec("superlance") is not None

SUPERVISORD = """[unix_http_server]
file={folder}/supervisor.sock
chmod=0700
[supervisord]
logfile={folder}/supervisord.log
pidfile={folder}/supervisord.pid
childlogdir={folder}
minfds=4096
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{folder}/supervisor.sock
[program:rig]
command={python} -m bench.ops.worker
process_name=%(process_num)d
numprocs={workers}
numprocs_start={first}
environment=PORT="%(process_num)d"
directory={release}
autorestart=true
startsecs=2
startretries=5
stopsignal=TERM
stopwaitsecs=8
redirect_stderr=true
stdout_logfile={folder}/rig-%(process_num)d.log
"""
MEMMON = """[eventlistener:memmon]
command={python} -m superlance.memmon -g rig={limit}B
events=TICK_5
"""


class Supervisord(BehindHaproxy):
    """A restart of one worker after the other: it has no reload."""

    name = "supervisord"

    how = (
        "autorestart, startsecs 2, stopwaitsecs 8; reload: `supervisorctl restart` of one worker "
        f"after the other; {'superlance: memmon each 5 s' if MEMMON_IS_THERE else 'no superlance'}; "
        "HAProxy in front"
    )
    memory = "" if MEMMON_IS_THERE else "only with superlance, which is not installed"

    @classmethod
    def version(cls) -> str:
        more = f", superlance {package_version('superlance')}" if MEMMON_IS_THERE else ""
        return f"supervisor {package_version('supervisor')}{more}, {PYTHON}"

    async def begin(self) -> None:
        self.config = self.place.folder / "supervisord.conf"
        text = SUPERVISORD + (MEMMON if MEMMON_IS_THERE else "")
        self.config.write_text(
            text.format(
                folder=self.place.folder,
                release=self.release,
                python=sys.executable,
                workers=self.workers,
                first=self.first_port,
                limit=MEMORY_LIMIT,
            )
        )
        await self.revive()
        self.start_proxy()

    async def revive(self) -> Done:
        program = Path(sys.executable).parent / "supervisord"
        self.process = self.place.start([program, "-n", "-c", self.config], "supervisor.log")
        return Done(0, 0.0, "")

    def supervisor(self) -> list[int]:
        return [self.process.pid]

    async def managed(self) -> set[int]:
        done = await self.place.run(*self.control, "status", "rig:*")
        return {int(pid) for pid in re.findall(r"RUNNING +pid (\d+)", done.output)}

    @property
    def control(self) -> list[str | Path]:
        return [Path(sys.executable).parent / "supervisorctl", "-c", self.config]

    async def reload(self) -> Done:
        ports = range(self.first_port, self.first_port + self.workers)
        control = " ".join(map(str, self.control))
        steps = " && ".join(f"{control} restart rig:{port}" for port in ports)
        return await self.place.run("/bin/sh", "-c", steps)

    async def end(self) -> None:
        self.process.terminate()
        await self.place.run("/bin/sleep", "0.1")


GUNICORN = """bind = "127.0.0.1:{port}"
workers = {workers}
worker_class = "asgi"
timeout = 5
graceful_timeout = 8
keepalive = 120
chdir = "{release}"
pidfile = "{folder}/gunicorn.pid"
control_socket_disable = True


def post_worker_init(worker):
    from bench.ops.gunicorn_app import watch

    watch(worker)
"""


class Gunicorn(BehindHaproxy):
    """Its master shares one listening socket among the workers, and reloads by HUP."""

    name = "gunicorn"
    how = (
        "its own ASGI worker, timeout 5, graceful_timeout 8; reload: HUP to the master; "
        "HAProxy in front"
    )
    memory = "it has no such setting"
    # One address for all of its workers, so there is nothing to choose, and nobody to send elsewhere what has to wait
    # while it changes them; each client's connection has one of its own to gunicorn, so that new ones meet all.
    backend: tuple[str, ...] = ("http-reuse never",)

    def __init__(self, folder: Path, workers: int) -> None:
        super().__init__(folder, workers)
        self.backends = 1

    @classmethod
    def version(cls) -> str:
        return f"gunicorn {package_version('gunicorn')}, {PYTHON}"

    async def begin(self) -> None:
        self.config = self.place.folder / "gunicorn.conf.py"
        self.config.write_text(
            GUNICORN.format(
                port=self.first_port,
                workers=self.workers,
                release=self.release,
                folder=self.place.folder,
            )
        )
        await self.revive()
        self.start_proxy()

    async def revive(self) -> Done:
        program = Path(sys.executable).parent / "gunicorn"
        words: list[str | Path] = [program, "-c", self.config, "bench.ops.gunicorn_app:app"]
        self.process = self.place.start(words, "gunicorn.log")
        return Done(0, 0.0, "")

    def supervisor(self) -> list[int]:
        return [self.process.pid]

    async def managed(self) -> set[int]:
        with contextlib.suppress(psutil.Error):
            return {child.pid for child in psutil.Process(self.process.pid).children()}
        return set()

    async def reload(self) -> Done:
        return await self.place.run(tool("kill"), "-HUP", str(self.process.pid))

    async def end(self) -> None:
        self.process.terminate()
        await self.place.run("/bin/sleep", "0.1")
