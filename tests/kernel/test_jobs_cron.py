"""Cron schedules: the right times, once in the whole cluster, whatever nodes do."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from hubbub.kernel.database import Database, metadata
from hubbub.kernel.jobs import queue, table
from hubbub.kernel.jobs.cron import Cron
from hubbub.kernel.jobs.registry import Job, Registry

LEASE_MS = 60_000
DAY_MS = 86_400_000
START = int(datetime(2026, 3, 27, 12, 0, tzinfo=UTC).timestamp() * 1000)
"""Two days before the clocks of Berlin go forward."""
BERLIN = ZoneInfo("Europe/Berlin")


def at(*parts: int, zone: Any = BERLIN, fold: int = 0) -> int:
    return int(datetime(*parts, tzinfo=zone, fold=fold).timestamp() * 1000)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("expression", "now", "expected"),
    [
        ("30 9 * * MON-FRI", at(2026, 11, 20, 9, 30), at(2026, 11, 23, 9, 30)),
        ("0 0 1 1 *", at(2026, 11, 21, 0, 0), at(2027, 1, 1, 0, 0)),
        ("0 0 29 2 *", at(2026, 11, 21, 0, 0), at(2028, 2, 29, 0, 0)),
        # Half past two is left out on 2026-03-29, so it comes when the clock has jumped.
        ("30 2 * * *", at(2026, 3, 28, 2, 30), at(2026, 3, 29, 3, 0)),
        ("30 2 * * *", at(2026, 3, 29, 3, 0), at(2026, 3, 30, 2, 30)),
        # It is there twice on 2026-10-25, and comes once.
        ("30 2 * * *", at(2026, 10, 24, 2, 30), at(2026, 10, 25, 2, 30)),
        ("30 2 * * *", at(2026, 10, 25, 2, 30), at(2026, 10, 26, 2, 30)),
        ("30 2 * * *", at(2026, 10, 25, 2, 10, fold=1), at(2026, 10, 26, 2, 30)),
        # What is meant every half hour comes every half hour that passes.
        ("*/30 * * * *", at(2026, 10, 25, 2, 30), at(2026, 10, 25, 2, 0, fold=1)),
        ("*/30 * * * *", at(2026, 10, 25, 2, 5, fold=1), at(2026, 10, 25, 2, 30, fold=1)),
    ],
)
def test_times_in_a_zone(expression: str, now: int, expected: int) -> None:
    found = Cron(expression, "Europe/Berlin").after(now)
    assert datetime.fromtimestamp(found / 1000, BERLIN) == datetime.fromtimestamp(
        expected / 1000, BERLIN
    )
    assert found == expected


numbers = st.one_of(
    st.just("*"),
    st.integers(1, 20).map(lambda step: f"*/{step}"),
    st.integers(0, 23).map(str),
    st.sets(st.integers(0, 23), min_size=2, max_size=3).map(lambda s: ",".join(map(str, s))),
)


@settings(max_examples=40, deadline=None)
@given(numbers, numbers, st.integers(0, 400 * 86_400))
def test_no_time_is_left_out_in_utc(minutes: str, hours: str, later: int) -> None:
    """Between now and the answer no minute fits, the answer does; read field by field, without cronsim."""

    def fits(field: str, value: int) -> bool:
        if field.startswith("*"):
            return value % int(field[2:] or 1) == 0
        return str(value) in field.split(",")

    now = START + later * 1000
    moment = datetime.fromtimestamp(now // 1000, UTC).replace(second=0) + timedelta(minutes=1)
    while not (fits(minutes, moment.minute) and fits(hours, moment.hour)):
        moment += timedelta(minutes=1)
    assert Cron(f"{minutes} {hours} * * *").after(now) == int(moment.timestamp()) * 1000


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A table of jobs whose clock is set by the test."""
    folder: Path = tmp_path_factory.mktemp("cron")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "NOW_SQLITE", "(SELECT at FROM clock)")
        made = Database(f"sqlite:///{folder / 'jobs.db'}")
        with made.writing() as connection:
            metadata.create_all(connection, tables=[table.jobs])
            connection.execute(text("CREATE TABLE clock (at INTEGER)"))
            connection.execute(text("INSERT INTO clock VALUES (0)"))
        yield made
        made.close()


class Cluster:
    """Nodes that look, work, fail and die, and what must hold whatever they do."""

    def __init__(self, connection: Connection, cron: Cron) -> None:
        self.connection = connection
        self.cron = cron
        self.now = START
        self.registry = Registry()

        async def work(_kernel: Any, _job: Job) -> None: ...

        self.registry.cron("digest", cron.expression, work, zone=cron.zone)
        self.held: dict[str, tuple[Job, int]] = {}
        self.done: list[int] = []
        """The times that had their turn."""
        self.set_clock()
        self.expected = cron.after(self.now)
        self.connection.execute(text("DELETE FROM jobs"))
        self.plan()

    def set_clock(self) -> None:
        self.connection.execute(text("UPDATE clock SET at = :now"), {"now": self.now})

    def plan(self) -> None:
        queue.plan(self.connection, self.registry.schedules)

    def pass_time(self, milliseconds: int) -> None:
        self.now += milliseconds
        self.set_clock()

    def look(self, node: str) -> None:
        """A node takes what is due: the schedule if its time has come and nobody has it, nothing otherwise."""
        queue.reclaim(self.connection)
        busy = any(until >= self.now for _, until in self.held.values())
        taken = queue.take(self.connection, ["digest"], node, 10, LEASE_MS)
        if busy or self.now < self.expected:
            assert not taken, "it ran twice, or before its time"
        for job in taken:
            self.held[node] = (job, self.now + LEASE_MS)

    def look_in_peace(self, node: str) -> None:
        """Nobody has it and no attempt waits: then what is due is taken."""
        self.look(node)
        assert (node in self.held) == (self.now >= self.expected)

    def finish(self, node: str) -> None:
        job, until = self.held.pop(node, (None, 0))
        if job is None:
            return
        ours = queue.finish(self.connection, job)
        assert ours or until < self.now, "a lease was lost before its time"
        if ours:
            # A turn for every time that came, and one for all that were missed.
            self.done.append(self.expected)
            self.expected = self.cron.after(max(self.now, self.expected))
            found = self.connection.execute(text("SELECT run_at FROM jobs")).scalar_one()
            assert found == self.expected

    def fail(self, node: str) -> None:
        job, _ = self.held.pop(node, (None, 0))
        if job is not None:
            queue.fail(self.connection, job, "no", 5_000)

    def die(self, node: str) -> None:
        """Its lease lapses some time; it starts again and plans."""
        self.held.pop(node, None)
        self.plan()


@contextmanager
def cluster(database: Database, cron: Cron) -> Iterator[Cluster]:
    with database.writing() as connection:
        yield Cluster(connection, cron)


steps = st.lists(
    st.tuples(
        st.sampled_from(["look", "look", "finish", "finish", "fail", "die", "pass", "due", "back"]),
        st.sampled_from("abc"),
        st.sampled_from([1_000, 30_000, 61_000, 3_600_000, DAY_MS, 3 * DAY_MS]),
    ),
    max_size=60,
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.sampled_from(["*/5 * * * *", "30 2 * * *", "0 0 * * MON", "0 */6 * * *"]),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
    steps,
)
def test_once_in_the_whole_cluster(
    database: Database, expression: str, zone: str, history: list[tuple[str, str, int]]
) -> None:
    with cluster(database, Cron(expression, zone)) as made:
        for step, node, milliseconds in history:
            if step == "pass":
                made.pass_time(milliseconds)
            elif step == "due":
                made.pass_time(max(0, made.expected - made.now))
            elif step == "back":
                # The clock of a database that took over is a little behind.
                made.pass_time(-1_000)
            elif step != "look" or node not in made.held:
                getattr(made, step)(node)
        # Whatever happened, the next turn comes when somebody is there: one, for all that was missed.
        made.held.clear()
        made.pass_time(30 * DAY_MS)
        made.look_in_peace("a")
        made.finish("a")
        made.look_in_peace("b")
        assert not made.held
        # The clock goes back in the middle of a turn: it is not had again.
        made.pass_time(made.expected - made.now)
        made.look_in_peace("a")
        made.pass_time(-1_000)
        made.finish("a")
        made.look_in_peace("b")
        assert not made.held
        assert made.done == sorted(set(made.done))
