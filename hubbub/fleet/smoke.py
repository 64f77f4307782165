"""Runs the command that tries new workers before anybody else does."""

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import suppress

from hubbub.fleet.errors import FleetError
from hubbub.fleet.settings import FleetSettings
from hubbub.fleet.table import Process

TAIL = 2_000
"""Bytes of its output that are shown when it fails."""
NEW = "FLEET_NEW"
OLD = "FLEET_OLD"
SECONDS = "FLEET_SMOKE_SECONDS"


async def run_smoke(
    settings: FleetSettings, new: Sequence[Process], old: Sequence[Process], folder: str
) -> None:
    """Returns when `settings.rollout.smoke` ended with 0. Raises FleetError with the end of what it said.

    It is told the workers' own addresses and how long it may take, in its environment, and runs in the new release's
    folder.
    """
    command, seconds = settings.rollout.smoke, settings.rollout.smoke_seconds
    told = {NEW: addresses(new), OLD: addresses(old), SECONDS: f"{seconds:g}"}
    environment = {**os.environ, **settings.environment, **told}
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=folder or None,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise FleetError(
            f"The smoke command {command[0]} cannot be run: {error.strerror}."
        ) from None
    said = bytearray()
    try:
        await asyncio.wait_for(listen(process, said), seconds)
    except TimeoutError:
        raise FleetError(
            f"The smoke command took longer than {seconds:g} s.{end_of(said)}"
        ) from None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    if process.returncode:
        raise FleetError(
            f"The smoke command failed with exit code {process.returncode}.{end_of(said)}"
        )


async def listen(process: asyncio.subprocess.Process, said: bytearray) -> None:
    """Keeps the end of what it says until it has ended."""
    assert process.stdout is not None
    while part := await process.stdout.read(4096):
        said += part
        del said[:-TAIL]
    await process.wait()


def end_of(said: bytearray) -> str:
    text = said.decode(errors="replace").strip()
    return f"\n{text}" if text else ""


def addresses(workers: Sequence[Process]) -> str:
    """The URLs of those that serve."""
    return " ".join(
        f"http://127.0.0.1:{worker.port}" for worker in workers if worker.state == "ready"
    )
