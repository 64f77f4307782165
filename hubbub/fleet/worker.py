"""The worker's side of the contract (contract.py), for any program with an asyncio event loop.

    place = Place.read()
    if place.heartbeat:
        worker.listen(loop, drain=…, resume=…)
        task = asyncio.create_task(worker.beat(place.heartbeat, figures))

STOP is left to the server, which has a handler for it already.
"""

import asyncio
import contextlib
import faulthandler
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hubbub.fleet import contract
from hubbub.fleet.contract import Heartbeat

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Place:
    """What the supervisor told this worker; empty where there is none."""

    heartbeat: str = ""
    drain_seconds: float = 5.0
    grace_seconds: float = 0.0
    """0: nobody waits with a SIGKILL."""
    release: str = ""
    colour: str = ""

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> "Place":
        """From the environment. Raises ValueError for seconds that are no number."""
        return cls(
            environment.get(contract.HEARTBEAT, ""),
            seconds(environment, contract.DRAIN_SECONDS, cls.drain_seconds),
            seconds(environment, contract.GRACE_SECONDS, cls.grace_seconds),
            environment.get(contract.RELEASE, ""),
            environment.get(contract.COLOUR, ""),
        )


def seconds(environment: Mapping[str, str], name: str, otherwise: float) -> float:
    """Raises ValueError."""
    text = environment.get(name, "")
    try:
        found = float(text or otherwise)
    except ValueError:
        found = -1.0
    if not 0 <= found < float("inf"):
        raise ValueError(f"{name} must be a number of seconds, not {text!r}.")
    return found


def prepare() -> None:
    """Call it first of all: from then on DUMP works, and DRAIN and RESUME do not end a worker that still starts."""
    # In C and by the signal itself: no event loop and no interpreter lock is waited for.
    faulthandler.register(contract.DUMP, file=sys.stderr, all_threads=True)
    for number in (contract.DRAIN, contract.RESUME):
        signal.signal(number, signal.SIG_IGN)


def listen(
    loop: asyncio.AbstractEventLoop, drain: Callable[[], None], resume: Callable[[], None]
) -> None:
    """Has both called on the loop when the supervisor asks for them, perhaps several times in a row."""
    loop.add_signal_handler(contract.DRAIN, drain)
    loop.add_signal_handler(contract.RESUME, resume)


async def beat(path: str, figures: Callable[[], Heartbeat]) -> None:
    """Sends a heartbeat each second until it is cancelled; `figures` goes above what is measured here."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as sender:
        sender.setblocking(False)
        while True:
            lag = max(0.0, loop.time() - due)
            heartbeat: Heartbeat = {"pid": os.getpid(), "lag": round(lag, 6), "memory": memory()}
            heartbeat |= figures()
            # No supervisor, or one that does not keep up: it is told again in a second.
            with contextlib.suppress(OSError):
                sender.sendto(json.dumps(heartbeat).encode(), path)
            due = loop.time() + contract.HEARTBEAT_SECONDS
            await asyncio.sleep(contract.HEARTBEAT_SECONDS)


def memory() -> int:
    """Resident bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES
