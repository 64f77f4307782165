"""The rig of `bench/ops` in short: our fleet under load over reloads, a bad version and a kill, probed meanwhile."""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.ops.availability import Probes
from bench.ops.cases import loaded, reload_once, serving, until
from bench.ops.ours import Ours
from bench.ops.programs import kill

LEAST = 0.999
BACK_SECONDS = 60.0


class Quick(Ours):
    """With shorter pauses."""

    canary = 0.5
    drain = 1.0


@pytest.fixture
def folder() -> Iterator[Path]:
    # Short, for the unix sockets in it.
    with tempfile.TemporaryDirectory(prefix="rig-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def test_clients_notice_neither_reloads_nor_a_kill_nor_a_bad_version(folder: Path) -> None:
    asyncio.run(under_load(Quick(folder, 2)))


async def under_load(fleet: Quick) -> None:
    async with loaded(fleet, sockets=20, loops=4) as load:
        probes = Probes(fleet.port)
        probing = asyncio.create_task(probes.run())
        whole = load.mark()

        for version in ("2", "3"):
            reload = await reload_once(fleet, load, version)
            assert (reload["code"], reload["changed"]) == (0, True)
            assert (reload["hard"], reload["stale"], reload["dropped"]) == (0, 0, 0)
            assert reload["per_client"] <= 1

        old = serving(load)
        fleet.set_version("crash")
        assert (await fleet.reload()).code not in (0, None)
        await asyncio.sleep(1)
        assert serving(load) == old
        load_of_reloads = load.since(whole)
        assert (load_of_reloads.hard, load_of_reloads.stale) == (0, 0)
        # Every message had its answer: none is lost, none would have to be sent again.
        assert load.unanswered == []

        kill(min(old))
        async with load.newcomers():
            assert await until(lambda: bool(serving(load) - old), BACK_SECONDS)
        seen = load.since(whole)
        probing.cancel()
        await probes.finish()
    # Only what was under way to the killed worker cannot be saved: a GET that got no answer is asked again.
    assert (seen.hard, seen.stale) == (0, 0), seen.texts
    assert probes.answered > 50
    assert probes.answered / (probes.answered + probes.failed) >= LEAST, probes.texts
    assert load.sent > 50
