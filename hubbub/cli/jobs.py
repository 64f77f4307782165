"""`hubbub jobs`: what waits, what failed for good, and trying it again."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from hubbub.cli import open_database
from hubbub.cli.options import DATA_DIR
from hubbub.kernel.jobs import queue
from hubbub.migrate import migrate
from hubbub.settings import load_settings

STATES = ("ready", "running", "done", "dead")
MOST = 1_000
WIDEST = 2_000


@click.group()
def jobs() -> None:
    """Background jobs and schedules: look, retry, run."""


@contextmanager
def writing(data_dir: Path | None) -> Iterator[Connection]:
    database = open_database(load_settings(data_dir=data_dir))
    try:
        migrate(database)
        with database.writing() as connection:
            yield connection
    finally:
        database.close()


@jobs.command(name="list")
@click.option("--state", type=click.Choice(STATES), help="Only these; else what is not finished.")
@click.option("--kind", help="Only this kind.")
@click.option("--limit", type=click.IntRange(1, MOST), default=50, show_default=True)
@DATA_DIR
def list_jobs(state: str | None, kind: str | None, limit: int, data_dir: Path | None) -> None:
    """Print jobs and schedules, the newest first."""
    show(data_dir, [state] if state else ["ready", "running"], kind, limit)


@jobs.command()
@click.option("--kind", help="Only this kind.")
@click.option("--limit", type=click.IntRange(1, MOST), default=50, show_default=True)
@DATA_DIR
def dead(kind: str | None, limit: int, data_dir: Path | None) -> None:
    """Print jobs that failed for good. They are kept for 30 days."""
    show(data_dir, ["dead"], kind, limit)


def show(data_dir: Path | None, states: Sequence[str], kind: str | None, limit: int) -> None:
    from rich.console import Console
    from rich.table import Table

    with writing(data_dir) as connection:
        rows = queue.find_jobs(connection, states, kind, limit)
    if not rows:
        click.echo("There are none.")
        return
    table = Table(
        "id", "kind", "state", "when", "next", "every", "attempts", "by", "last error", box=None
    )
    for row in rows:
        attempts = (
            str(row.attempts)
            if row.every_ms is not None
            else f"{row.attempts} of {row.most_attempts}"
        )
        when = tell_age(row.age_ms)
        comes = tell_time(row.run_at) if row.state == "ready" else ""
        by, error = row.leased_by or "", row.last_error or ""
        every = tell_every(row)
        table.add_row(row.id, row.kind, row.state, when, comes, every, attempts, by, error)
    # As wide as it must be: what is piped into another program is not cut.
    Console(width=WIDEST, soft_wrap=True).print(table, highlight=False, markup=False, crop=False)


def tell_age(milliseconds: int) -> str:
    amount = tell_amount(milliseconds)
    return f"{amount} ago" if milliseconds >= 0 else f"in {amount}"


def tell_amount(milliseconds: int) -> str:
    seconds = abs(milliseconds) // 1000
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def tell_time(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def tell_every(row: Any) -> str:
    """The interval or the times of a schedule; nothing for another job."""
    if row.cron is not None:
        return str(row.cron)
    return "" if row.every_ms is None else tell_amount(row.every_ms)


@jobs.command()
@click.argument("job", metavar="ID")
@DATA_DIR
def retry(job: str, data_dir: Path | None) -> None:
    """Try a dead job again, with all its attempts."""
    try:
        with writing(data_dir) as connection:
            retried = queue.retry(connection, job)
    except IntegrityError:
        raise click.ClickException("Another job with the same key waits or runs.") from None
    if not retried:
        raise click.ClickException(f"No dead job has the id {job}; `hubbub jobs dead` lists them.")
    click.echo("The job runs as soon as a worker looks.")


@jobs.command()
@click.argument("schedule")
@DATA_DIR
def run(schedule: str, data_dir: Path | None) -> None:
    """Run a schedule now instead of at its next turn."""
    with writing(data_dir) as connection:
        state = queue.run_now(connection, schedule)
        known = queue.schedule_names(connection)
    if state is None:
        names = ", ".join(known) or "none, because no worker has run yet"
        raise click.ClickException(f"There is no schedule {schedule}; there are: {names}.")
    if state == "running":
        click.echo(f"{schedule} runs already.")
    else:
        click.echo(f"{schedule} runs as soon as a worker looks.")
