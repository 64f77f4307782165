"""What a process starts with, and how it is found to be ready."""

import asyncio
import os
import time
from collections.abc import Mapping
from pathlib import Path

from hubbub.fleet import contract, web
from hubbub.fleet.control import SOCKET
from hubbub.fleet.errors import FleetError
from hubbub.fleet.health import ANSWER_SHOWN, HEARTBEAT_SOCKET
from hubbub.fleet.processes import tail
from hubbub.fleet.settings import FleetSettings
from hubbub.fleet.table import Process

LOOK_SECONDS = 0.05
NOT_PASSED_ON = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "MAINPID", "INVOCATION_ID")
"""What systemd told the supervisor alone."""


def inherited() -> dict[str, str]:
    """Our own environment, as far as it is others' business."""
    return {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}


def worker_environment(
    process: Process, settings: FleetSettings, services: Mapping[str, str]
) -> dict[str, str]:
    """Ours, then where the services are, then the settings', and last what the contract says."""
    return {
        **inherited(),
        **services,
        **settings.environment,
        contract.HOST: "127.0.0.1",
        contract.PORT: str(process.port),
        contract.NAME: process.name,
        contract.HEARTBEAT: str(settings.directory / HEARTBEAT_SOCKET),
        contract.CONTROL: str(settings.directory / SOCKET),
        contract.DRAIN_SECONDS: str(settings.rollout.drain_seconds),
        contract.GRACE_SECONDS: str(settings.grace_seconds),
        contract.RELEASE: process.release,
        contract.COLOUR: process.colour,
    }


async def answers_ready(port: int, path: str, seconds: float) -> tuple[bool, str]:
    """Whether a worker says that it is ready, and what it says instead."""
    try:
        status, body = await web.get(port, path, seconds)
    except TimeoutError:
        return False, f"does not answer within {seconds:g} s"
    except (OSError, ValueError) as error:
        return False, f"does not answer: {error}"
    return status == 200, f"answers {status}: {body.decode(errors='replace')[:ANSWER_SHOWN]}"


async def wait_ready(
    process: Process, seconds: float, output: Path, last_exits: Mapping[str, str]
) -> None:
    """Returns when it is ready. Raises FleetError with the reason and the end of its output otherwise.

    `last_exits` says by name how a process ended last: it may run again by the time we look.
    """
    deadline = time.monotonic() + seconds
    pid = process.pid
    while process.state != "ready":
        if process.pid != pid or not pid:
            reason = last_exits.get(process.name) or process.reason
            raise FleetError(with_output(f"{process.name} ended: {reason}", output))
        if process.state != "starting":
            raise FleetError(f"{process.name} is {process.state} meanwhile.")
        if time.monotonic() > deadline:
            said = process.reason or "no answer"
            text = f"{process.name} was not ready within {seconds:g} s: {said}"
            raise FleetError(with_output(text, output))
        await asyncio.sleep(LOOK_SECONDS)


def with_output(sentence: str, output: Path) -> str:
    said = tail(output)
    return f"{sentence}\n{said}" if said else sentence
