"""Jobs: ordered with a command or not at all, run by one worker at a time, each effect exactly once."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from hubbub.kernel import log
from hubbub.kernel.bus import LocalBus
from hubbub.kernel.caller import SYSTEM, Caller
from hubbub.kernel.commands import command
from hubbub.kernel.errors import Forbidden, Unavailable
from hubbub.kernel.ids import new_id
from hubbub.kernel.jobs import queue
from hubbub.kernel.jobs.registry import Job
from hubbub.kernel.jobs.wakeup import Wakeup
from hubbub.kernel.jobs.worker import Worker, retry_seconds
from hubbub.kernel.kernel import Kernel
from hubbub.kernel.transaction import Transaction
from hubbub.settings import Settings, SettingsError

from .conftest import ANN, all_entries, write_note

pytestmark = pytest.mark.anyio

PATIENCE = 60.0
KINDS = ["note", "other"]
LEASE_MS = 60_000


class Note(BaseModel):
    stream: str
    text: str


@command("note.order")
def order(tx: Transaction, _caller: Caller, *, jobs: Sequence[dict[str, Any]]) -> None:
    for job in jobs:
        given = dict(job)
        if given.pop("refused", False):
            raise Forbidden("Not this one.")
        tx.enqueue(given.pop("kind", "note"), given.pop("arguments", {}), **given)


@pytest.fixture
async def kernel(migrated_database_url: str, tmp_path: Path) -> AsyncIterator[Kernel]:
    settings = Settings(database_url=migrated_database_url, data_dir=tmp_path)
    made = Kernel(settings, ["a secret of forty characters, for tests."])
    yield made
    await made.close()


@asynccontextmanager
async def working(kernel: Kernel, *, jobs_url: str = "", **options: Any) -> AsyncIterator[Worker]:
    wakeup = Wakeup(kernel.bus, jobs_url)
    kernel.committer.on_enqueued = wakeup.announce_from_thread
    worker = Worker(kernel, wakeup, **options)
    worker.start()
    try:
        yield worker
    finally:
        await worker.stop(0.1)


def write(kernel: Kernel, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    with kernel.database.writing() as connection:
        return function(connection, *arguments, **named)


def rows(kernel: Kernel) -> list[Any]:
    with kernel.database.reading() as connection:
        return list(connection.execute(text("SELECT * FROM jobs ORDER BY created_at, id")))


def states(kernel: Kernel) -> list[str]:
    return [row.state for row in rows(kernel)]


def pass_time(kernel: Kernel, seconds: float) -> None:
    """Moves everything into the past: to the jobs it is as if the database's clock had gone on."""
    moved = ", ".join(
        f"{name} = {name} - {int(seconds * 1000)}"
        for name in ("run_at", "lease_until", "created_at", "finished_at")
    )
    write(kernel, lambda connection: connection.execute(text(f"UPDATE jobs SET {moved}")))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.02)


async def order_jobs(kernel: Kernel, *jobs: dict[str, Any]) -> None:
    await kernel.write(order, ANN, jobs=jobs)


def take(kernel: Kernel, worker: str = "w1", most: int = 10) -> list[Job]:
    taken: list[Job] = write(kernel, queue.take, KINDS, worker, most, LEASE_MS)
    return taken


def new_stream(kernel: Kernel) -> str:
    stream = new_id()
    write(kernel, log.create_stream, stream, "notes", kernel.clock())
    return stream


async def test_a_job_exists_if_and_only_if_its_command_committed(kernel: Kernel) -> None:
    with pytest.raises(Forbidden):
        await order_jobs(kernel, {}, {"refused": True})
    assert rows(kernel) == []
    results = await asyncio.gather(
        *(order_jobs(kernel, {"refused": number % 2 == 0}) for number in range(10)),
        return_exceptions=True,
    )
    assert sum(result is None for result in results) == 5
    assert states(kernel) == ["ready"] * 5
    with pytest.raises(ValueError, match="would carry"):
        await order_jobs(kernel, {"arguments": {"text": "x" * 100_000}})


async def test_an_unfinished_key_is_not_ordered_again(kernel: Kernel) -> None:
    await order_jobs(kernel, {"key": "k"}, {"key": "k"})
    await order_jobs(kernel, {"key": "k"})
    assert len(rows(kernel)) == 1
    [job] = take(kernel)
    await order_jobs(kernel, {"key": "k"})
    assert len(rows(kernel)) == 1
    assert write(kernel, queue.finish, job)
    await order_jobs(kernel, {"key": "k"})
    assert sorted(states(kernel)) == ["done", "ready"]


async def test_due_ones_go_first_and_later_ones_wait(kernel: Kernel) -> None:
    now = kernel.clock()
    await order_jobs(kernel, {"run_at": now + 3_600_000, "key": "later"})
    await order_jobs(kernel, {"run_at": now - 60_000, "arguments": {"n": 1}}, {"kind": "unknown"})
    await order_jobs(kernel, {"arguments": {"n": 2}})
    due = write(kernel, queue.until_due, KINDS)
    assert due == 0
    assert [take(kernel, most=1)[0].arguments for _ in range(2)] == ['{"n":1}', '{"n":2}']
    assert take(kernel) == []
    assert 3_500_000 < write(kernel, queue.until_due, KINDS) <= 3_600_000
    pass_time(kernel, 3_601)
    assert len(take(kernel)) == 1


async def test_two_workers_never_hold_the_same_job(kernel: Kernel) -> None:
    await order_jobs(kernel, *({} for _ in range(60)))
    taken: list[str] = []

    def work(name: str) -> None:
        while got := take(kernel, name, 3):
            taken.extend(job.id for job in got)

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 60


async def test_a_lost_lease_records_nothing(kernel: Kernel) -> None:
    await order_jobs(kernel, {"most_attempts": 2})
    [first] = take(kernel, "w1")
    pass_time(kernel, 59)
    assert write(kernel, queue.reclaim) == 0
    assert write(kernel, queue.renew, [first], LEASE_MS) == {first.id}
    pass_time(kernel, 59)
    assert write(kernel, queue.reclaim) == 0
    pass_time(kernel, 2)
    assert write(kernel, queue.reclaim) == 1
    [second] = take(kernel, "w2")
    assert (second.id, second.attempt, second.key) == (first.id, 2, first.key)
    assert write(kernel, queue.renew, [first], LEASE_MS) == set()
    for late in (queue.finish, queue.give_back):
        assert not write(kernel, late, first)
    assert not write(kernel, queue.fail, first, "late", 0)
    assert states(kernel) == ["running"]
    assert write(kernel, queue.finish, second)
    assert states(kernel) == ["done"]


async def test_what_kills_its_workers_ends_dead(kernel: Kernel) -> None:
    await order_jobs(kernel, {"most_attempts": 3})
    for _ in range(3):
        assert len(take(kernel)) == 1
        pass_time(kernel, 61)
        assert write(kernel, queue.reclaim) == 1
    assert states(kernel) == ["dead"]
    assert take(kernel) == []


async def test_effects_happen_once_however_often_a_handler_runs(kernel: Kernel) -> None:
    stream = new_stream(kernel)
    runs: list[str] = []

    async def handle(kernel: Kernel, job: Job, note: Note) -> None:
        await kernel.write(write_note, SYSTEM, key=job.key, stream=note.stream, text=note.text)
        runs.append(note.text)
        if runs.count(note.text) < 3:
            raise Unavailable("The effect is there, the result is not.", retry_after=0.0)

    kernel.jobs.job("note", Note)(handle)
    async with working(kernel) as worker:
        await order_jobs(
            kernel, *({"arguments": {"stream": stream, "text": str(n)}} for n in range(5))
        )
        for _ in range(3):
            await until(lambda: worker.running == 0)
            pass_time(kernel, 60)
        await until(lambda: set(states(kernel)) == {"done"})
    assert len(runs) == 15
    assert sorted(entry.data for entry in all_entries(kernel.database, stream)) == [
        b'{"text":"%d"}' % n for n in range(5)
    ]


async def test_poison_ends_dead_and_the_others_go_on(kernel: Kernel) -> None:
    done: list[str] = []

    async def handle(_kernel: Kernel, _job: Job, note: Note) -> None:
        if note.text == "poison":
            raise ZeroDivisionError("poison")
        if note.text == "slow":
            await asyncio.sleep(60)
        done.append(note.text)

    kernel.jobs.job("note", Note, timeout_seconds=0.2)(handle)
    async with working(kernel, at_once=2) as worker:
        texts = ["poison", "a", "slow", "b", "c"]
        await order_jobs(
            kernel,
            *({"arguments": {"stream": "", "text": t}, "most_attempts": 2} for t in texts),
            {"arguments": {"wrong": "shape"}},
        )
        await until(lambda: len(done) == 3)
        await until(lambda: worker.counters.failed["note"] >= 2)
        pass_time(kernel, 10)
        await until(lambda: states(kernel).count("dead") == 3)
    errors = {str(row.last_error) for row in rows(kernel) if row.state == "dead"}
    assert "ZeroDivisionError: poison" in errors
    assert "It took longer than 0.2 seconds." in errors
    assert any(error.startswith("The arguments are not") for error in errors)
    assert worker.counters.died["note"] == 3
    assert sorted(row.attempts for row in rows(kernel) if row.state == "dead") == [1, 2, 2]
    assert write(kernel, queue.figures) == {
        "ready": 0, "running": 0, "dead": 3, "oldest_ms": 0,
    }  # fmt: skip


async def test_a_job_says_when_it_wants_to_run_again(kernel: Kernel) -> None:
    async def handle(_kernel: Kernel, _job: Job, _arguments: Any) -> None:
        raise Unavailable("Come back in an hour.", retry_after=3600)

    kernel.jobs.job("note")(handle)
    async with working(kernel) as worker:
        await order_jobs(kernel, {})
        await until(lambda: worker.counters.failed["note"] == 1 and worker.running == 0)
    assert write(kernel, queue.until_due, KINDS) > 3_500_000
    [row] = rows(kernel)
    assert (row.state, row.last_error) == ("ready", "Come back in an hour.")


async def test_waits_double_up_to_a_bound() -> None:
    for attempt in range(1, 30):
        middle = min(900, 2 ** (attempt - 1))
        assert middle * 0.5 <= retry_seconds(attempt) <= middle * 1.5
    assert len({retry_seconds(5) for _ in range(20)}) > 1


async def test_stopping_gives_back_what_did_not_end(kernel: Kernel) -> None:
    async def handle(_kernel: Kernel, job: Job, _arguments: Any) -> None:
        await asyncio.sleep(0.05 if job.arguments == '{}' else 60)  # fmt: skip

    class Anything(BaseModel):
        slow: bool = False

    kernel.jobs.job("note", Anything)(handle)
    async with working(kernel) as worker:
        await order_jobs(kernel, {}, {"arguments": {"slow": True}})
        await until(lambda: worker.running > 0)
        await worker.stop(1.0)
        assert sorted(states(kernel)) == ["done", "ready"]
    [row] = [row for row in rows(kernel) if row.state == "ready"]
    assert (row.attempts, row.lease) == (0, None)
    assert len(take(kernel)) == 1, "it would have to wait"


@pytest.mark.parametrize("by_broker", [False, True])
async def test_a_paused_worker_ends_what_it_has_and_takes_no_more(
    kernel: Kernel, redis_url: str, by_broker: bool
) -> None:
    ended = asyncio.Event()

    class Anything(BaseModel):
        slow: bool = False

    @kernel.jobs.job("note", Anything)
    async def handle(_kernel: Kernel, _job: Job, arguments: Anything) -> None:
        if arguments.slow:
            await ended.wait()

    async with working(kernel, jobs_url=redis_url if by_broker else "") as worker:
        if by_broker:
            await until(lambda: worker._wakeup.by_broker)
        await order_jobs(kernel, {"arguments": {"slow": True}})
        await until(lambda: worker.running == 1)
        await worker.pause()
        await worker.pause()
        await order_jobs(kernel, {})
        # Longer than it takes to look again.
        await asyncio.sleep(1.5)
        assert sorted(states(kernel)) == ["ready", "running"]
        ended.set()
        await until(lambda: worker.running == 0)
        assert sorted(states(kernel)) == ["done", "ready"]
        await worker.resume()
        await until(lambda: states(kernel) == ["done", "done"])
        await order_jobs(kernel, {})
        await until(lambda: states(kernel) == ["done"] * 3)


async def test_work_is_ended_when_its_lease_is_gone(kernel: Kernel) -> None:
    ended: list[BaseException] = []

    async def handle(_kernel: Kernel, _job: Job, _arguments: Any) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError as error:
            ended.append(error)
            raise

    kernel.jobs.job("note")(handle)
    async with working(kernel, lease_seconds=5.0) as worker:
        await order_jobs(kernel, {"kind": "note"})
        await until(lambda: worker.running == 1)
        first = rows(kernel)[0].lease_until
        await until(lambda: rows(kernel)[0].lease_until > first)
        assert not ended, "the heartbeat did not prolong the lease"
        taken_away = "UPDATE jobs SET lease = 'x', lease_until = lease_until + 600000"
        write(kernel, lambda connection: connection.execute(text(taken_away)))
        await until(lambda: len(ended) == 1 and worker.running == 0)
        assert worker.counters.lost["note"] == 1
    assert states(kernel) == ["running"], "what is somebody else's was touched"


async def test_schedules_run_once_for_each_turn(kernel: Kernel) -> None:
    keys: list[str] = []

    async def work(_kernel: Kernel, job: Job) -> None:
        keys.append(job.key)
        if len(keys) == 2:
            raise ZeroDivisionError

    def ran(times: int) -> bool:
        return len(keys) >= times and states(kernel) == ["ready"]

    kernel.jobs.schedule("minute", 60, work)
    async with working(kernel), working(kernel), working(kernel):
        await until(lambda: len(rows(kernel)) == 1)
        await asyncio.sleep(0.1)
        before = len(keys)
        # A day without any worker is one turn, not 1,440; and a minute may end just now.
        pass_time(kernel, 86_400)
        await until(lambda: len(keys) > before and states(kernel) == ["ready"])
        assert len(keys) <= before + 2
        [row] = rows(kernel)
        assert row.run_at % 60_000 == 0
        for number in range(3):
            pass_time(kernel, 60)
            await until(partial(ran, number + before + 2))
    assert len(set(keys)) >= 3
    # Of the turn that failed there are two attempts with one key.
    assert len(keys) - len(set(keys)) <= 1


async def test_plans_follow_the_code(kernel: Kernel) -> None:
    async def work(_kernel: Kernel, _job: Job) -> None: ...

    kernel.jobs.schedule("some", 3_600, work)
    for _ in range(2):
        write(kernel, queue.plan, kernel.jobs.schedules)
    [first] = rows(kernel)
    del kernel.jobs.kinds["some"]
    kernel.jobs.schedule("some", 60, work)
    write(kernel, queue.plan, kernel.jobs.schedules)
    [second] = rows(kernel)
    assert (first.id, first.every_ms, second.every_ms) == (second.id, 3_600_000, 60_000)
    assert second.run_at <= first.run_at
    with pytest.raises(ValueError, match="already"):
        kernel.jobs.schedule("some", 60, work)
    with pytest.raises(ValueError, match="name"):
        kernel.jobs.schedule("Some thing", 60, work)


async def test_times_of_day_follow_the_code_and_what_was_due_stays_due(kernel: Kernel) -> None:
    async def work(_kernel: Kernel, _job: Job) -> None: ...

    def replan(expression: str, zone: str = "UTC") -> Any:
        kernel.jobs.kinds.clear()
        kernel.jobs.cron("some", expression, work, zone=zone)
        write(kernel, queue.plan, kernel.jobs.schedules)
        [row] = rows(kernel)
        return row

    first = replan("0 3 * * *")
    assert (first.every_ms, first.cron) == (0, "0 3 * * * UTC")
    assert first.run_at % 86_400_000 == 3 * 3_600_000
    pass_time(kernel, 10 * 86_400)
    due = replan("0 3 * * *")
    assert due.run_at == first.run_at - 10 * 86_400_000, "a time that passed was forgotten"
    [job] = write(kernel, queue.take, ["some"], "w1", 10, LEASE_MS)
    changed = replan("30 4 * * *")
    assert changed.run_at % 86_400_000 == int(4.5 * 3_600_000)
    assert write(kernel, queue.finish, job)
    assert rows(kernel)[0].run_at == changed.run_at
    for expression, zone in (
        ("0 3 * *", "UTC"),
        ("0 0 3 * * *", "UTC"),
        ("0 25 * * *", "UTC"),
        ("0 0 31 2 *", "UTC"),
        ("0 3 * * *", "Europe/Nowhere"),
        ("0 3 * * *", "../etc/passwd"),
    ):
        kernel.jobs.kinds.clear()
        with pytest.raises(ValueError, match=r"cron|never|zone"):
            kernel.jobs.cron("some", expression, work, zone=zone)


async def test_finished_jobs_are_forgotten(kernel: Kernel) -> None:
    await order_jobs(kernel, {}, {}, {"run_at": kernel.clock() + 10**10})
    done, dead = take(kernel)
    write(kernel, queue.finish, done)
    write(kernel, queue.fail, dead, "no", 0, hopeless=True)
    for days, left in ((6, 3), (2, 2), (21, 2), (2, 1)):
        pass_time(kernel, days * 86_400)
        while write(kernel, queue.trim):
            pass
        assert len(rows(kernel)) == left, days
    assert states(kernel) == ["ready"]


async def test_a_result_survives_lost_connections(kernel: Kernel) -> None:
    done: list[str] = []

    async def handle(kernel: Kernel, job: Job, _arguments: Any) -> None:
        done.append(job.id)
        if not kernel.database.sqlite:
            with psycopg.connect(kernel.settings.database, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )

    kernel.jobs.job("note")(handle)
    async with working(kernel):
        await order_jobs(kernel, {})
        await until(lambda: len(done) == 1)
        await until(lambda: states_if_there(kernel) == ["done"])
    assert len(done) == 1


def states_if_there(kernel: Kernel) -> list[str]:
    try:
        return states(kernel)
    except OperationalError:
        return []


def test_an_unknown_broker_is_refused() -> None:
    with pytest.raises(SettingsError, match="JOBS_URL"):
        Wakeup(LocalBus(), "kafka://127.0.0.1")
