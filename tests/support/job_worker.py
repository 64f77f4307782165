"""A worker process for the tests: the application with role jobs, some kinds of job, and short leases.

It prints its name when it works, and ends at SIGTERM. `note` writes into a log and dawdles, so that a kill finds
it between its effect and its result.
"""

import asyncio
import os
import signal

from pydantic import BaseModel

from hubbub.app import Application
from hubbub.kernel.caller import SYSTEM, Caller
from hubbub.kernel.commands import command
from hubbub.kernel.jobs.registry import Job
from hubbub.kernel.jobs.worker import Worker
from hubbub.kernel.kernel import Kernel
from hubbub.kernel.transaction import Transaction
from hubbub.settings import load_settings

LEASE_SECONDS = 3.0


class Note(BaseModel):
    stream: str
    number: int
    seconds: float = 0.0


@command("test.note", audited=False)
def write_note(
    tx: Transaction,
    caller: Caller,
    *,
    stream: str,
    number: int,
    _job: str,
    _node: str,
    _received: int,
) -> None:
    data = {"number": number, "job": _job, "node": _node, "received": _received}
    tx.append(stream, "test.noted", caller.id, data)


@command("test.tick", audited=False)
def write_tick(tx: Transaction, caller: Caller, *, stream: str, turn: int) -> None:
    tx.append(stream, "test.ticked", caller.id, {"turn": turn})


def make_application() -> Application:
    application = Application(load_settings(role="jobs"))
    application.worker = Worker(
        application.kernel, application.wakeup, at_once=4, lease_seconds=LEASE_SECONDS
    )
    node = application.settings.node_name

    async def note(kernel: Kernel, job: Job, given: Note) -> None:
        link = application.wakeup.link
        await kernel.write(
            write_note, SYSTEM, key=job.key, stream=given.stream, number=given.number, _job=job.id,
            _node=node, _received=link.received if link else 0,
        )  # fmt: skip
        await asyncio.sleep(given.seconds)

    async def poison(_kernel: Kernel, _job: Job, _given: Note) -> None:
        raise ZeroDivisionError("poison")

    async def tick(kernel: Kernel, job: Job) -> None:
        # Without a key: two runs of a turn would be seen.
        await kernel.write(write_tick, SYSTEM, stream=os.environ["TICKS"], turn=job.turn)

    application.kernel.jobs.job("test.note", Note)(note)
    application.kernel.jobs.job("test.poison", Note)(poison)
    if "TICKS" in os.environ:
        application.kernel.jobs.schedule("test.tick", 1, tick)
    return application


async def work() -> None:
    application = make_application()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with application.api.router.lifespan_context(application.api):
        print(application.settings.node_name, flush=True)
        await ended.wait()


if __name__ == "__main__":
    asyncio.run(work())
