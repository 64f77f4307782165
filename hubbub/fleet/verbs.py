"""What the supervisor does when asked over its control socket; `rollout.py` and `scaling.py` bring their own verbs."""

import asyncio
import os
import signal
import sys
from dataclasses import asdict
from typing import Any

from hubbub.fleet import logs, metrics
from hubbub.fleet.control import Request, Verb
from hubbub.fleet.errors import FleetError
from hubbub.fleet.front import PROXY
from hubbub.fleet.table import Process

SHOWN_ROLLOUTS = 20
SIGNALS = {
    name.removeprefix("SIG"): int(number)
    for name, number in signal.__dict__.items()
    if isinstance(number, signal.Signals)
}


async def status(request: Request) -> dict[str, Any]:
    """Everything there is to see."""
    supervisor, table = request.supervisor, request.supervisor.table
    rollouts = [asdict(rollout) for rollout in table.rollouts[-SHOWN_ROLLOUTS:]]
    return {
        "fleet": {
            "pid": os.getpid(),
            "since": supervisor.since,
            "mode": supervisor.settings.mode,
            "colour": table.colour,
            "wanted": table.wanted,
            "release": next((worker.release for worker in supervisor.workers()), ""),
            "memory": supervisor.health.memory,
            "directory": str(supervisor.settings.directory),
            "operation": supervisor.busy,
        },
        "processes": [
            {**asdict(process), "uptime": round(process.uptime, 1)}
            for process in sorted(table.processes, key=lambda one: (one.kind, one.name))
        ],
        "rollout": rollouts[-1] if rollouts and not rollouts[-1]["outcome"] else None,
        "rollouts": rollouts[::-1],
        "alarms": [asdict(alarm) for alarm in table.alarms],
        "host": metrics.host(),
        "history": list(supervisor.health.history),
    }


async def down(request: Request) -> dict[str, Any]:
    """Ends everything, and then the supervisor."""
    count = len(request.supervisor.table.processes)
    await request.supervisor.down()
    return {"ended": count}


async def drain(request: Request) -> dict[str, Any]:
    """`worker`: takes it out of rotation and asks its clients to go; it stays until `resume` or `restart`."""
    worker = worker_of(request)
    if worker.state != "ready":
        raise FleetError(f"{worker.name} is {worker.state}.")
    if not any(one.state == "ready" and one is not worker for one in request.supervisor.workers()):
        raise FleetError(f"{worker.name} is the only one that serves.")
    request.supervisor.drain(worker)
    await request.supervisor.show()
    seconds = request.supervisor.settings.rollout.drain_seconds
    request.progress(f"{worker.name} asks its clients to move, over {seconds:g} s.")
    while worker.pid and not drained(worker):  # noqa: ASYNC110 - seconds, seldom
        await asyncio.sleep(0.1)
    return {"worker": worker.name, "state": worker.state}


async def resume(request: Request) -> dict[str, Any]:
    """`worker`: takes back a drain."""
    worker = worker_of(request)
    request.supervisor.resume(worker)
    await request.supervisor.wait_ready(worker, request.supervisor.settings.rollout.ready_seconds)
    await request.supervisor.show()
    return {"worker": worker.name, "state": worker.state}


async def restart(request: Request) -> dict[str, Any]:
    """`what`: a worker's name, `worker` for all of them one by one, a service's name, `supervisor`,
    or `proxy`: which reads its configuration and certificate again, and ends nobody's connection.
    """
    supervisor = request.supervisor
    what = str(request.arguments.get("what", ""))
    if what == "supervisor":
        supervisor.save()
        # After the answer has gone out; the lock, the sockets and the pidfds close by themselves.
        asyncio.get_running_loop().call_later(0.2, os.execv, sys.executable, sys.orig_argv)
        return {"restarted": ["supervisor"]}
    if what == PROXY and supervisor.is_proxy_ready:
        await supervisor.reload_proxy()
        return {"restarted": [PROXY]}
    found = list(supervisor.workers()) if what == "worker" else [supervisor.find(what)]
    if any(one.kind == "worker" and one not in supervisor.workers() for one in found):
        raise FleetError(f"{what} is no worker in rotation.")
    # A worker in development may be one of which two cannot run side by side.
    in_place = supervisor.settings.mode == "development"
    restarted = []
    for process in found:
        serves = process.state in ("ready", "draining", "warm") and process.pid
        if process.kind == "worker" and serves and not in_place:
            new = await supervisor.replace(process, "")
            request.progress(f"{new.name} took the place of {process.name}.")
            restarted.append(new.name)
            continue
        await supervisor.end_process(process)
        supervisor.try_again(process)
        await supervisor.wait_ready(process, supervisor.settings.rollout.ready_seconds)
        request.progress(f"{process.name} is ready.")
        restarted.append(process.name)
    await request.supervisor.show()
    return {"restarted": restarted}


async def send_signal(request: Request) -> dict[str, Any]:
    """`what`: a process; `signal`: a name such as USR2, or a number."""
    process = request.supervisor.find(str(request.arguments.get("what", "")))
    asked = str(request.arguments.get("signal", "")).upper().removeprefix("SIG")
    number = SIGNALS.get(asked) or (int(asked) if asked.isdecimal() else 0)
    if number not in signal.valid_signals() or not number:
        raise FleetError(f"{asked!r} is no signal.")
    child = request.supervisor.children.get(process.name)
    if child is None:
        raise FleetError(f"{process.name} does not run.")
    child.send(number)
    return {"sent": number, "to": process.pid}


async def flush(request: Request) -> dict[str, Any]:
    """Empties the logs."""
    try:
        return {"freed": logs.flush(request.supervisor.settings)}
    except OSError as error:
        raise FleetError(f"The logs cannot be emptied: {error}.") from None


def drained(worker: Process) -> bool:
    return worker.state != "draining"


def worker_of(request: Request) -> Process:
    """The worker that `worker` names. Raises FleetError."""
    process = request.supervisor.find(str(request.arguments.get("worker", "")))
    if process.kind != "worker" or process.colour != request.supervisor.table.colour:
        raise FleetError(f"{process.name} is no worker in rotation.")
    return process


VERBS = {
    "status": Verb(status, changing=False),
    "down": Verb(down, alone=False),
    "drain": Verb(drain),
    "resume": Verb(resume),
    "restart": Verb(restart),
    "signal": Verb(send_signal, alone=False),
    "flush": Verb(flush, alone=False),
}
