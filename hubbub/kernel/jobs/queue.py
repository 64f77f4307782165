"""The verbs of the job table, each over a connection inside a transaction that writes.

Workers meet only in the database. A job is held by a lease: a token and a time until which it holds. Whoever has
the token may record a result, however late; when the lease was given to somebody else, the token is no longer
there and nothing is recorded.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    case,
    delete,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite

from hubbub.kernel.ids import new_id
from hubbub.kernel.jobs.cron import parse_cron
from hubbub.kernel.jobs.registry import Job, Kind
from hubbub.kernel.jobs.table import UNFINISHED, database_now, jobs

DAY_MS = 86_400_000
KEEP_DONE_MS = 7 * DAY_MS
KEEP_DEAD_MS = 30 * DAY_MS
TRIM_BATCH = 1_000
RECLAIM_BATCH = 100
ERROR_LENGTH = 500
ENDED = {"lease": None, "lease_until": None, "leased_by": None}

HELD = [
    jobs.c[name]
    for name in (
        "id",
        "kind",
        "arguments",
        "turn",
        "attempts",
        "most_attempts",
        "every_ms",
        "run_at",
    )
]


def next_multiple(every_ms: ColumnElement[Any]) -> ColumnElement[Any]:
    """The next multiple of the interval: the same moment for every machine, and none is made up for twice."""
    return (database_now() // every_ms + 1) * every_ms


def next_turn(connection: Connection, job: Job) -> ColumnElement[Any] | int:
    """When a schedule that just had a turn has the next one."""
    row = connection.execute(
        select(jobs.c.cron, jobs.c.run_at, database_now().label("now")).where(jobs.c.id == job.id)
    ).first()
    if row is None or row.cron is None:
        return next_multiple(jobs.c.every_ms)
    if row.run_at != job.run_at:
        # Somebody planned it anew meanwhile.
        return int(row.run_at)
    # Not the same time again when the clock of the database was set back, as by a failover.
    return parse_cron(row.cron).after(max(int(row.now), job.run_at))


def read_now(connection: Connection) -> int:
    return int(connection.execute(select(database_now())).scalar_one())


def plan(connection: Connection, schedules: Iterable[Kind]) -> None:
    """Makes the row of each schedule that has none, and takes over intervals and times that changed.

    What was due stays due: a time that passed while nobody was there is made up for.
    """
    insert = insert_sqlite if connection.dialect.name == "sqlite" else insert_postgresql
    # In one order everywhere, so that processes that start together do not lock each other out.
    for kind in sorted(schedules, key=lambda kind: kind.name):
        first: ColumnElement[Any] | int
        if kind.cron is None:
            first = next_multiple(literal_column(str(int(kind.every_ms or 0))))
        else:
            first = kind.cron.after(read_now(connection))
        adding = insert(jobs).values(
            id=new_id(),
            kind=kind.name,
            arguments="{}",
            key=schedule_key(kind.name),
            every_ms=kind.every_ms,
            cron=None if kind.cron is None else str(kind.cron),
            run_at=first,
            most_attempts=1,
            created_at=database_now(),
        )
        connection.execute(
            adding.on_conflict_do_update(
                index_elements=[jobs.c.key],
                index_where=UNFINISHED,
                set_={name: adding.excluded[name] for name in ("every_ms", "cron", "run_at")},
                where=(jobs.c.every_ms != adding.excluded.every_ms)
                | jobs.c.cron.is_distinct_from(adding.excluded.cron),
            )
        )


def schedule_key(name: str) -> str:
    return f"schedule:{name}"


def take(
    connection: Connection, kinds: Sequence[str], worker: str, most: int, lease_ms: int
) -> list[Job]:
    """Leases up to `most` jobs that are due, the longest due first, passing over what others take just now."""
    due = jobs.c.run_at <= database_now()
    picked = select(jobs.c.id).where(jobs.c.state == "ready", due, jobs.c.kind.in_(kinds))
    return lease(connection, picked.order_by(jobs.c.run_at).limit(most), worker, lease_ms)


def claim(
    connection: Connection, job: str, kinds: Sequence[str], worker: str, lease_ms: int
) -> list[Job]:
    """Leases this one job if it is due and nobody else has it."""
    due = jobs.c.run_at <= database_now()
    picked = select(jobs.c.id).where(
        jobs.c.id == job, jobs.c.state == "ready", due, jobs.c.kind.in_(kinds)
    )
    return lease(connection, picked, worker, lease_ms)


def lease(connection: Connection, picked: Any, worker: str, lease_ms: int) -> list[Job]:
    token = new_id()
    # Picked once, before anything changes: in a plain subquery PostgreSQL might pick more than its limit.
    chosen = picked.with_for_update(skip_locked=True).cte("picked")
    rows = connection.execute(
        update(jobs)
        .where(jobs.c.id.in_(select(chosen.c.id)))
        .values(
            state="running",
            attempts=jobs.c.attempts + 1,
            lease=token,
            lease_until=database_now() + lease_ms,
            leased_by=worker,
        )
        .returning(*HELD)
    )
    return [
        Job(
            id=row.id,
            kind=row.kind,
            arguments=row.arguments,
            turn=row.turn,
            attempt=row.attempts,
            most_attempts=row.most_attempts,
            every_ms=row.every_ms,
            run_at=row.run_at,
            lease=token,
        )
        for row in rows
    ]


def until_due(connection: Connection, kinds: Sequence[str]) -> int | None:
    """Milliseconds until the next job is due, not below 0; None when none waits."""
    wait = func.min(jobs.c.run_at) - database_now()
    found = connection.execute(
        select(wait).where(jobs.c.state == "ready", jobs.c.kind.in_(kinds))
    ).scalar()
    return None if found is None else max(0, int(found))


def reclaim(connection: Connection) -> int:
    """Frees jobs whose worker is gone: ready again at once, or dead after the last attempt; how many."""
    over = (
        select(jobs.c.id)
        .where(jobs.c.state == "running", jobs.c.lease_until < database_now())
        .limit(RECLAIM_BATCH)
        .with_for_update(skip_locked=True)
        .cte("picked")
    )
    again = or_(jobs.c.every_ms.is_not(None), jobs.c.attempts < jobs.c.most_attempts)
    rows = connection.execute(
        update(jobs)
        .where(jobs.c.id.in_(select(over.c.id)))
        .values(
            state=case((again, "ready"), else_="dead"),
            run_at=case((again, database_now()), else_=jobs.c.run_at),
            finished_at=case((again, None), else_=database_now()),
            last_error="The worker did not come back.",
            **ENDED,
        )
        .returning(jobs.c.id)
    )
    return len(rows.all())


def renew(connection: Connection, held: Sequence[Job], lease_ms: int) -> set[str]:
    """Prolongs the leases; the ids of those still held."""
    if not held:
        return set()
    rows = connection.execute(
        update(jobs)
        .where(
            jobs.c.id.in_([job.id for job in held]),
            jobs.c.lease.in_([job.lease for job in held]),
        )
        .values(lease_until=database_now() + lease_ms)
        .returning(jobs.c.id)
    )
    return {row.id for row in rows}


def finish(connection: Connection, job: Job) -> bool:
    """Records success; a schedule waits for its next turn. False when the lease is somebody else's."""
    if job.every_ms is not None:
        return put_back(
            connection,
            job,
            run_at=next_turn(connection, job),
            turn=jobs.c.turn + 1,
            attempts=0,
            last_error=None,
            finished_at=database_now(),
        )
    return record(connection, job, state="done", last_error=None, finished_at=database_now())


def fail(
    connection: Connection, job: Job, error: str, wait_ms: int, *, hopeless: bool = False
) -> bool:
    """Records a failure: ready again after `wait_ms`, or dead when that was the last attempt.

    A schedule never dies; it is tried again no later than at its next turn. False when the lease is lost.
    """
    error = error[:ERROR_LENGTH]
    again = database_now() + wait_ms
    if job.every_ms is not None:
        turn = next_turn(connection, job)
        soonest = case((again < turn, again), else_=turn)
        return put_back(connection, job, run_at=soonest, last_error=error)
    if hopeless or job.attempt >= job.most_attempts:
        return record(connection, job, state="dead", last_error=error, finished_at=database_now())
    return put_back(connection, job, run_at=again, last_error=error)


def give_back(connection: Connection, job: Job) -> bool:
    """Leaves the job to others at once: it was not its fault, so the attempt does not count."""
    return put_back(connection, job, run_at=database_now(), attempts=jobs.c.attempts - 1)


def put_back(connection: Connection, job: Job, **values: Any) -> bool:
    return record(connection, job, state="ready", **values)


def record(connection: Connection, job: Job, **values: Any) -> bool:
    """Ends a lease if it is still this one."""
    held = (jobs.c.id == job.id) & (jobs.c.lease == job.lease)
    return connection.execute(update(jobs).where(held).values(**values, **ENDED)).rowcount == 1


def trim(connection: Connection) -> int:
    """Forgets some of the jobs that finished long ago; how many (0: none is left)."""
    total = 0
    for state, keep_ms in (("done", KEEP_DONE_MS), ("dead", KEEP_DEAD_MS)):
        old = (
            select(jobs.c.id)
            .where(jobs.c.state == state, jobs.c.finished_at < database_now() - keep_ms)
            .limit(TRIM_BATCH)
        )
        total += connection.execute(delete(jobs).where(jobs.c.id.in_(old))).rowcount
    return total


def figures(connection: Connection) -> dict[str, int]:
    """How many jobs are ready, running and dead, and for how many milliseconds the oldest has been due.

    One statement, so that it is one snapshot without a transaction.
    """
    due = (jobs.c.state == "ready") & (jobs.c.run_at <= database_now())
    row = connection.execute(
        select(
            *(
                select(func.count()).where(jobs.c.state == state).scalar_subquery().label(state)
                for state in ("running", "dead")
            ),
            select(func.count()).where(due).scalar_subquery().label("ready"),
            select(database_now() - func.min(jobs.c.run_at))
            .where(due)
            .scalar_subquery()
            .label("oldest_ms"),
        )
    ).one()
    return {name: int(value or 0) for name, value in row._mapping.items()}


def find_jobs(
    connection: Connection, states: Sequence[str], kind: str | None, most: int
) -> list[Any]:
    """Rows of jobs in these states, schedules included, the newest first.

    `age_ms` tells how long ago they ended, or will run or were to; for a schedule that waits, its next turn.
    """
    ended = case((jobs.c.state == "ready", None), else_=jobs.c.finished_at)
    age_ms = database_now() - func.coalesce(ended, jobs.c.run_at)
    query = select(jobs, age_ms.label("age_ms")).where(jobs.c.state.in_(states))
    if kind is not None:
        query = query.where(jobs.c.kind == kind)
    return list(connection.execute(query.order_by(jobs.c.id.desc()).limit(most)))


def retry(connection: Connection, job: str) -> bool:
    """Gives a dead job as many attempts again as it had, from now on; False when no such job is dead.

    Raises IntegrityError when another job with its key waits or runs.
    """
    dead = (jobs.c.id == job) & (jobs.c.state == "dead")
    values: dict[str, Any] = {
        "state": "ready",
        "run_at": database_now(),
        "attempts": 0,
        "finished_at": None,
    }
    return connection.execute(update(jobs).where(dead).values(values)).rowcount == 1


def run_now(connection: Connection, schedule: str) -> str | None:
    """Makes a schedule due; answers its state, None when there is no such schedule."""
    known = (jobs.c.kind == schedule) & jobs.c.every_ms.is_not(None)
    waiting = update(jobs).where(known, jobs.c.state == "ready").values(run_at=database_now())
    connection.execute(waiting)
    state: str | None = connection.execute(select(jobs.c.state).where(known)).scalar()
    return state


def schedule_names(connection: Connection) -> list[str]:
    query = select(jobs.c.kind).where(jobs.c.every_ms.is_not(None)).order_by(jobs.c.kind)
    return list(connection.execute(query).scalars())
