"""The two colours of a fleet: what may differ between them, and starting the workers of one."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from hubbub.fleet.control import Progress
from hubbub.fleet.errors import FleetError
from hubbub.fleet.settings import FleetSettings
from hubbub.fleet.table import Colour, Process

if TYPE_CHECKING:
    from hubbub.fleet.supervisor import Supervisor

FIXED = ("directory", "log_dir", "mode", "local", "metrics", "proxy")
"""What the supervisor, not a worker, is made of: a reload cannot change it."""


def other(colour: Colour) -> Colour:
    return "green" if colour == "blue" else "blue"


def release_of(settings: FleetSettings) -> str:
    """The name of the release: where the link leads, now."""
    return str(Path(settings.release).resolve()) if settings.release else ""


def check_change(now: FleetSettings, new: FleetSettings) -> None:
    """Raises FleetError when a reload cannot bring these settings into force."""
    for item in fields(FleetSettings):
        if item.name in FIXED and getattr(now, item.name) != getattr(new, item.name):
            raise FleetError(
                f"FLEET_{item.name.upper()} has changed, which a reload cannot bring into force: "
                "`hubbub fleet down` and `up` do."
            )
    if new.release and not Path(new.release).is_dir():
        raise FleetError(f"FLEET_RELEASE: {new.release} is not a folder.")


def check_alive(workers: Sequence[Process], pids: dict[str, int]) -> None:
    """Raises FleetError when a worker that was ready is not, or is another process by now."""
    for worker in workers:
        if worker.state != "ready" or worker.pid != pids[worker.name]:
            raise FleetError(
                f"{worker.name} was ready, but did not stay so: {worker.reason or worker.state}."
            )


async def start_workers(
    supervisor: "Supervisor", colour: Colour, count: int, progress: Progress
) -> list[Process]:
    """Starts so many, a few at a time. Raises FleetError as soon as one of them does not get ready."""
    seconds = supervisor.settings_of[colour].rollout.ready_seconds
    progress(f"{count} {colour} workers are started.")

    # All at once would leave those that serve without a core.
    room = asyncio.Semaphore(os.cpu_count() or 1)

    async def start() -> Process:
        async with room:
            worker = await supervisor.start_worker(colour)
            await supervisor.wait_ready(worker, seconds)
        progress(f"{worker.name} is ready on port {worker.port}.")
        return worker

    tasks = [asyncio.ensure_future(start()) for _ in range(count)]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        raise
