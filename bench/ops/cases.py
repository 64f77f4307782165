"""The cases of the rig: what is done to a contestant under load, and what its clients saw."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from bench.ops.app import FAULT_DELAY
from bench.ops.contestants import CannotError, Contestant
from bench.ops.load import PATIENCE, Load, Seen, ask
from bench.ops.programs import kill, resident

Figures = dict[str, Any]
Start = Callable[[int], Contestant]
"""A fresh contestant with that many workers."""

WARM = 2.0
AFTER = 2.0
"""How long it is watched after all is well again."""
SETTLE = 15.0
QUIET = 1.0
"""A worker that has answered nothing for that long does not serve."""
WATCH_KILL = 15.0
WATCH_SUPERVISOR = 12.0
WATCH_BLOCK = 25.0
WATCH_BAD = PATIENCE + 2
"""Who hangs is seen to have failed only then."""
RESTART_DELAY = 0.1
"""systemd's own, before it starts a service again."""
PROXY_SOCKETS = 200
BALANCED = 400
BALANCED_WORKERS = 4


@asynccontextmanager
async def loaded(
    contestant: Contestant, sockets: int | None = None, loops: int | None = None
) -> AsyncIterator[Load]:
    """The contestant started and under load; both are ended after the block."""
    try:
        await contestant.start()
        load = Load(contestant.port, contestant.handled)
        load.sockets = load.sockets if sockets is None else sockets
        load.loops = load.loops if loops is None else loops
        try:
            await load.start()
            await asyncio.sleep(WARM)
            yield load
        finally:
            await load.stop()
    finally:
        await contestant.stop()


async def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether it became true in that time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.02)
    return True


def serving(load: Load) -> set[int]:
    """The workers that have just answered."""
    now = time.monotonic()
    return {pid for pid, worker in load.workers.items() if now - worker.last < QUIET}


def shown(seen: Seen) -> Figures:
    return {
        "requests": seen.requests,
        "hard": seen.hard,
        "stale": seen.stale,
        "moved": seen.moved,
        "dropped": seen.dropped,
        "again": seen.again,
        "outages": seen.outages,
        "texts": seen.texts,
    }


async def reloads(start: Start, times: int) -> Figures:
    """That many reloads to a version that is good."""
    contestant = start(2)
    async with loaded(contestant) as load:
        each = [await reload_once(contestant, load, str(number + 2)) for number in range(times)]
        memory = resident(contestant.watchers())
    lost, doubled = load.tally()
    return {
        "reloads": each,
        "lost": lost,
        "doubled": doubled,
        "messages": load.sent,
        "memory": memory,
    }


async def reload_once(contestant: Contestant, load: Load, version: str) -> Figures:
    """One reload, watched until no old worker serves."""
    old = serving(load)
    contestant.set_version(version)
    mark = load.mark()
    done = await contestant.reload()
    changed = await until(
        lambda: not old & serving(load) and len(load.open) == load.sockets, SETTLE
    )
    seen = load.since(mark)
    return {
        **shown(seen),
        "code": done.code,
        "seconds": done.seconds,
        "changed": changed,
        "per_client": (seen.moved + seen.dropped) / load.sockets,
    }


async def kill_worker(start: Start) -> Figures:
    """kill -9 of one of two workers."""
    async with loaded(start(2)) as load:
        before = set(load.workers)
        victim = min(serving(load))
        return await replaced(load, before, victim, lambda: kill(victim), WATCH_KILL)


async def replaced(
    load: Load, before: set[int], victim: int, act: Callable[[], object], seconds: float
) -> Figures:
    """What happened after `act`, and when another worker answered in the victim's place."""
    mark = load.mark()
    act()
    async with load.newcomers():
        await until(lambda: bool(set(load.workers) - before), seconds)
        await asyncio.sleep(AFTER)
    new = [load.workers[pid].first - mark.at for pid in set(load.workers) - before]
    return {
        **shown(load.since(mark)),
        "replaced": min(new) if new else None,
        "serving": len(serving(load)),
        "gone": victim not in serving(load),
    }


async def kill_supervisor(start: Start) -> Figures:
    """kill -9 of the supervisor, which is started again as systemd would."""
    contestant = start(2)
    async with loaded(contestant) as load:
        before = serving(load)
        mark = load.mark()
        contestant.kill_supervisor()
        await asyncio.sleep(RESTART_DELAY)
        done = await contestant.revive()
        adopted = None
        while adopted is None and time.monotonic() - mark.at < WATCH_SUPERVISOR:
            if before <= await contestant.managed():
                adopted = time.monotonic() - mark.at
            await asyncio.sleep(0.05)
        await asyncio.sleep(AFTER)
        return {
            **shown(load.since(mark)),
            "code": done.code,
            "survived": len(before & serving(load)),
            "serving": len(serving(load)),
            "adopted": adopted,
        }


async def blocked(start: Start) -> Figures:
    """An event loop that stands still for twenty seconds."""
    contestant = start(2)
    async with loaded(contestant) as load:
        return await spoiled(contestant, load, "/block", WATCH_BLOCK)


async def memory(start: Start) -> Figures:
    """A worker that takes 300 MB where 200 are allowed."""
    contestant = start(2)
    if contestant.memory:
        raise CannotError(contestant.memory)
    async with loaded(contestant) as load:
        return await spoiled(contestant, load, "/grow", contestant.memory_wait)


async def spoiled(contestant: Contestant, load: Load, path: str, seconds: float) -> Figures:
    before = set(load.workers)
    _, victim = await ask(contestant.port, path)
    await asyncio.sleep(FAULT_DELAY)
    mark = load.mark()
    found = await replaced(load, before, victim, lambda: None, seconds)
    return {**found, **shown(load.since(mark))}


async def bad_version(start: Start, version: str) -> Figures:
    """A reload to a version that cannot serve."""
    contestant = start(2)
    async with loaded(contestant) as load:
        old = serving(load)
        contestant.set_version(version)
        mark = load.mark()
        done = await contestant.reload()
        await asyncio.sleep(WATCH_BAD)
        return {
            **shown(load.since(mark)),
            "code": done.code,
            "seconds": done.seconds,
            "output": done.output[-600:],
            "old": len(old & serving(load)),
            "serving": len(serving(load)),
        }


async def proxy_reload(start: Start) -> Figures:
    """The proxy takes its configuration anew while 200 sockets are open."""
    contestant = start(2)
    async with loaded(contestant, sockets=PROXY_SOCKETS) as load:
        mark = load.mark()
        await contestant.reload_proxy()
        await asyncio.sleep(AFTER)
        return shown(load.since(mark))


async def balance(start: Start) -> Figures:
    """400 sockets over four workers: the fullest against the mean."""
    async with loaded(start(BALANCED_WORKERS), sockets=BALANCED, loops=0) as load:
        each = Counter(load.open.values())
        spread = [each.get(pid, 0) for pid in each]
        spread += [0] * (BALANCED_WORKERS - len(spread))
    return {"each": spread, "ratio": max(spread) * BALANCED_WORKERS / sum(spread)}


CASES: dict[str, Callable[[Start], Awaitable[Figures]]] = {
    "kill-worker": kill_worker,
    "kill-supervisor": kill_supervisor,
    "blocked": blocked,
    "memory": memory,
    "crash": lambda start: bad_version(start, "crash"),
    "never": lambda start: bad_version(start, "never"),
    "error": lambda start: bad_version(start, "error"),
    "proxy": proxy_reload,
    "balance": balance,
}


async def run_case(name: str, start: Start, times: int) -> Figures:
    """One case; `cannot` holds why a contestant has no such thing. Raises what the contestant's start raises."""
    try:
        if name == "reload":
            return await reloads(start, times)
        return await CASES[name](start)
    except CannotError as error:
        return {"cannot": str(error)}
