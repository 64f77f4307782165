"""Workers that are killed, brokers that go away: each job takes effect once, and none is lost."""

import asyncio
import os
import signal
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO, Any

import orjson
import pytest
from sqlalchemy import text

from hubbub.kernel import log
from hubbub.kernel.caller import SYSTEM, Caller
from hubbub.kernel.commands import command
from hubbub.kernel.ids import new_id
from hubbub.kernel.jobs.wakeup import Wakeup
from hubbub.kernel.kernel import Kernel
from hubbub.kernel.transaction import Transaction
from hubbub.settings import Settings
from tests.conftest import MIGRATED, fresh_database
from tests.servers import PostgreSQL, running_redis
from tests.servers_brokers import Broker, running_nats, running_rabbitmq
from tests.support.warm import ROOT, Process, start_module

pytestmark = pytest.mark.anyio

PATIENCE = 120.0


@pytest.fixture(scope="module")
def rabbitmq() -> Iterator[Broker]:
    with running_rabbitmq() as broker:
        yield broker


@pytest.fixture(scope="module")
def nats() -> Iterator[Broker]:
    with running_nats() as broker:
        yield broker


@pytest.fixture
def database_url(migrated_postgresql: PostgreSQL) -> Iterator[str]:
    yield from fresh_database(migrated_postgresql, MIGRATED)


@command("test.order", audited=False)
def order(tx: Transaction, _caller: Caller, *, kind: str, jobs: Sequence[dict[str, Any]]) -> None:
    for job in jobs:
        tx.enqueue(kind, job, most_attempts=3)


@asynccontextmanager
async def ordering(database_url: str, jobs_url: str, folder: Path) -> AsyncIterator[Kernel]:
    """A process that orders jobs and runs none: an API node."""
    kernel = Kernel(
        Settings(database_url=database_url, data_dir=folder, jobs_url=jobs_url),
        ["a secret of forty characters, for tests."],
    )
    wakeup = Wakeup(kernel.bus, jobs_url)
    kernel.committer.on_enqueued = wakeup.announce_from_thread
    wakeup.start()
    kernel.extensions["wakeup"] = wakeup
    try:
        yield kernel
    finally:
        await wakeup.stop()
        await kernel.close()


@contextmanager
def workers(
    names: str, database_url: str, jobs_url: str, folder: Path, **environment: str
) -> Iterator[dict[str, Process]]:
    """Worker processes that have begun to work; those still there are ended after the block."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("HUBBUB_", "REDIS_"))}
    made: dict[str, Process] = {}
    outputs: dict[str, IO[bytes]] = {}
    with ExitStack() as stack:
        for name in names:
            errors = stack.enter_context((folder / f"{name}.log").open("wb"))
            telling, told = os.pipe()
            output = stack.enter_context(os.fdopen(told, "wb"))
            outputs[name] = stack.enter_context(os.fdopen(telling, "rb"))
            made[name] = start_module(
                "tests.support.job_worker",
                env=clean
                | {
                    "DATABASE_URL": database_url,
                    "JOBS_URL": jobs_url,
                    "DATA_DIR": str(folder / "data"),
                    "NODE_NAME": name,
                }
                | environment,
                cwd=ROOT,
                stdout=output,
                stderr=errors,
            )
            # So that there is an end to read when the worker ends without a word.
            output.close()
            stack.callback(end, made[name])
        for name in made:
            ready = outputs[name].readline().strip().decode()
            assert ready == name, (folder / f"{name}.log").read_text()
        yield made


def end(process: Process) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.05)


def states(kernel: Kernel) -> Counter[str]:
    with kernel.database.reading() as connection:
        found = connection.execute(text("SELECT state FROM jobs WHERE every_ms IS NULL"))
        return Counter(row.state for row in found)


def new_stream(kernel: Kernel) -> str:
    stream = new_id()
    with kernel.database.writing() as connection:
        log.create_stream(connection, stream, "notes", kernel.clock())
    return stream


def noted(kernel: Kernel, stream: str) -> list[dict[str, Any]]:
    with kernel.database.reading() as connection:
        entries = log.read_entries(connection, stream, 0, 10**9, 10_000)
    return [orjson.loads(entry.data) for entry in entries]


async def order_notes(kernel: Kernel, stream: str, numbers: range, seconds: float = 0.0) -> None:
    jobs = [{"stream": stream, "number": number, "seconds": seconds} for number in numbers]
    await kernel.write(order, SYSTEM, kind="test.note", jobs=jobs)


async def kill_between_effect_and_result(
    kernel: Kernel, stream: str, name: str, process: Process
) -> None:
    """Holds the worker until it is held where a job of its has written and not ended; kills it there."""
    query = text("SELECT id FROM jobs WHERE state = 'running' AND leased_by LIKE :name")
    async with asyncio.timeout(PATIENCE):
        while True:
            process.send_signal(signal.SIGSTOP)
            with kernel.database.reading() as connection:
                running = set(connection.execute(query, {"name": f"{name}:%"}).scalars())
            if running & {note["job"] for note in noted(kernel, stream)}:
                process.kill()
                process.wait()
                return
            process.send_signal(signal.SIGCONT)
            await asyncio.sleep(0.05)


@pytest.fixture(params=["rabbitmq", "nats", "redis", "none"])
def jobs_url(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "none":
        yield ""
    elif request.param == "redis":
        with running_redis() as redis:
            yield redis.url
    else:
        yield request.getfixturevalue(request.param).url


async def test_a_worker_killed_in_the_middle_loses_and_doubles_nothing(
    database_url: str, jobs_url: str, tmp_path: Path
) -> None:
    async with ordering(database_url, jobs_url, tmp_path) as kernel:
        with workers("ab", database_url, jobs_url, tmp_path) as processes:
            wakeup = kernel.extensions["wakeup"]
            assert isinstance(wakeup, Wakeup)
            await until(lambda: wakeup.state == "ok")
            stream = new_stream(kernel)
            await order_notes(kernel, stream, range(30), seconds=0.5)
            jobs = [{"stream": stream, "number": 1_000}] * 2
            await kernel.write(order, SYSTEM, kind="test.poison", jobs=jobs)
            await until(lambda: len({note["node"] for note in noted(kernel, stream)}) == 2)
            await kill_between_effect_and_result(kernel, stream, "a", processes["a"])
            await until(lambda: states(kernel) == {"done": 30, "dead": 2})
        notes = noted(kernel, stream)
    assert sorted(note["number"] for note in notes) == list(range(30))
    assert {note["node"] for note in notes} == {"a", "b"}
    by_broker = max(note["received"] for note in notes)
    assert by_broker > 0 if jobs_url else by_broker == 0


@pytest.mark.parametrize("name", ["nats", "rabbitmq"])
async def test_a_broker_may_go_and_come_back(
    name: str, database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    broker: Broker = request.getfixturevalue(name)
    async with ordering(database_url, broker.url, tmp_path) as kernel:
        wakeup = kernel.extensions["wakeup"]
        assert isinstance(wakeup, Wakeup)
        stream = new_stream(kernel)
        with workers("a", database_url, broker.url, tmp_path):
            await until(lambda: wakeup.state == "ok")
            await order_notes(kernel, stream, range(5))
            await until(lambda: states(kernel) == {"done": 5})
            broker.kill()
            try:
                await order_notes(kernel, stream, range(5, 10))
                await until(lambda: states(kernel) == {"done": 10})
                await until(lambda: wakeup.state == "degraded")
            finally:
                broker.start()
            await until(lambda: wakeup.state == "ok")
            before = max(note["received"] for note in noted(kernel, stream))
            numbers = 10

            # The worker's own connection comes back when it likes.
            async with asyncio.timeout(PATIENCE):
                while max(note["received"] for note in noted(kernel, stream)) <= before:
                    await order_notes(kernel, stream, range(numbers, numbers + 1))
                    numbers += 1
                    await until(lambda: set(states(kernel)) == {"done"})
                    await asyncio.sleep(0.2)
        notes = noted(kernel, stream)
    assert sorted(note["number"] for note in notes) == list(range(numbers))


async def test_three_workers_run_a_schedule_once_for_each_turn(
    database_url: str, tmp_path: Path
) -> None:
    async with ordering(database_url, "", tmp_path) as kernel:
        stream = new_stream(kernel)
        with workers("abc", database_url, "", tmp_path, TICKS=stream):
            await until(lambda: len(noted(kernel, stream)) >= 4)
        turns = [tick["turn"] for tick in noted(kernel, stream)]
    assert turns == list(range(len(turns)))
