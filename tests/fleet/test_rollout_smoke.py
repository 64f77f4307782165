"""The command that tries new workers: told where they are, bounded in time, and its last words kept."""

import asyncio
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from hubbub.fleet.errors import FleetError
from hubbub.fleet.processes import start_ticks
from hubbub.fleet.settings import FleetSettings, RolloutSettings
from hubbub.fleet.smoke import run_smoke
from hubbub.fleet.table import Process, State


def worker(port: int, state: State = "ready") -> Process:
    return Process(f"green-{port}", "worker", [], port=port, state=state)


def smoke(*command: str, folder: Path | str = "", seconds: float = 30.0) -> None:
    settings = FleetSettings(
        environment={"OF_THE_FLEET": "yes"},
        rollout=RolloutSettings(smoke=command, smoke_seconds=seconds),
    )
    new, old = [worker(1), worker(2)], [worker(3), worker(4, "failed")]
    asyncio.run(run_smoke(settings, new, old, str(folder)))


def runs(pid: int) -> bool:
    """Not gone, nor killed and not yet reaped by whoever inherited it."""
    return start_ticks(pid) != 0


def test_it_is_told_where_everybody_is_and_runs_in_the_release(tmp_path: Path) -> None:
    code = (
        "import os, pathlib\n"
        "names = ('FLEET_NEW', 'FLEET_OLD', 'FLEET_SMOKE_SECONDS', 'OF_THE_FLEET')\n"
        "pathlib.Path('told').write_text('|'.join(os.environ[name] for name in names))"
    )
    smoke(sys.executable, "-c", code, folder=tmp_path)
    new = "http://127.0.0.1:1 http://127.0.0.1:2"
    assert (tmp_path / "told").read_text() == f"{new}|http://127.0.0.1:3|30|yes"


def test_its_last_words_say_why_it_failed() -> None:
    code = "import sys; print('x' * 100_000); sys.exit('green-1 does not answer')"
    with pytest.raises(FleetError, match=r"exit code 1[\s\S]*green-1 does not answer$") as failed:
        smoke(sys.executable, "-c", code)
    assert len(str(failed.value)) < 3_000


def test_it_is_ended_with_all_it_started_when_it_takes_too_long(tmp_path: Path) -> None:
    # A shell has said that long before the time is up, where Python may not have started yet.
    code = "sleep 60 & echo $! > child; echo waiting; wait"
    with pytest.raises(FleetError, match=r"took longer than 5 s\.\nwaiting"):
        smoke("/bin/sh", "-c", code, folder=tmp_path, seconds=5.0)
    deadline = time.monotonic() + 60
    while runs(int((tmp_path / "child").read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(FleetError, match="no-such-program cannot be run"):
        smoke("no-such-program")


def test_it_may_be_called_off() -> None:
    async def call_off() -> None:
        settings = FleetSettings(rollout=replace(RolloutSettings(), smoke=("sleep", "60")))
        task = asyncio.ensure_future(run_smoke(settings, [worker(1)], [], ""))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(call_off())
