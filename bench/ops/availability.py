"""How many probes our fleet answers while workers and supervisor are killed and reloaded at random."""

import asyncio
import random
import time
from collections import Counter

from bench.ops.cases import Figures, Start, loaded, serving
from bench.ops.load import Load, ask
from bench.ops.ours import Ours
from bench.ops.programs import kill

EVERY = 0.05
BETWEEN = (1.0, 4.0)
SOCKETS = 20
LOOPS = 4
KILL_AGAIN = 0.5
"""Share of the reloads in the middle of which a worker is killed."""
ACTS = ("worker", "supervisor", "reload", "reload")


class Probes:
    """One request each twentieth of a second, on a connection of its own, whatever becomes of the one before."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.answered = self.failed = 0
        self.texts: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        due = time.monotonic()
        while True:
            task = asyncio.create_task(self._probe())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            due += EVERY
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def finish(self) -> None:
        await asyncio.gather(*self._tasks)

    async def _probe(self) -> None:
        try:
            status, _ = await ask(self.port, "/work")
        except (OSError, TimeoutError) as error:
            self._fail(str(error) or type(error).__name__)
            return
        if status >= 500:
            self._fail(f"answered {status}")
        else:
            self.answered += 1

    def _fail(self, text: str) -> None:
        self.failed += 1
        self.texts[text] += 1


async def availability(start: Start, seconds: float, seed: int) -> Figures:
    """Probes for that long; what happens is drawn from the seed."""
    chance = random.Random(seed)
    fleet = start(2)
    assert isinstance(fleet, Ours)
    counts = dict.fromkeys(("worker", "supervisor", "reload"), 0)
    codes: list[int | None] = []
    async with loaded(fleet, sockets=SOCKETS, loops=LOOPS) as load:
        probes = Probes(fleet.port)
        running = asyncio.create_task(probes.run())
        began = time.monotonic()
        # Each kind happens, however short the run is.
        plan = list(dict.fromkeys(chance.sample(ACTS, len(ACTS))))
        while plan or time.monotonic() - began < seconds:
            act = plan.pop() if plan else chance.choice(ACTS)
            await asyncio.sleep(chance.uniform(*BETWEEN))
            counts[act] += 1
            if act == "worker":
                kill(chance.choice(sorted(serving(load))))
            elif act == "supervisor":
                fleet.kill_supervisor()
                await fleet.revive()
                await fleet.whole()
            elif chance.random() < KILL_AGAIN:
                counts["worker"] += 1
                codes.append(await disturbed_reload(fleet, load, chance))
            else:
                codes.append((await fleet.reload()).code)
        running.cancel()
        await probes.finish()
    total = probes.answered + probes.failed
    return {
        "seconds": time.monotonic() - began,
        "probes": total,
        "share": probes.answered / total,
        "kills": counts["worker"] + counts["supervisor"],
        "reloads": counts["reload"],
        "codes": codes,
        "texts": dict(probes.texts),
        "seed": seed,
    }


async def disturbed_reload(fleet: Ours, load: Load, chance: random.Random) -> int | None:
    reload = asyncio.create_task(fleet.reload())
    await asyncio.sleep(chance.uniform(*BETWEEN))
    kill(chance.choice(sorted(serving(load))))
    return (await reload).code
