"""`hubbub relay`: how far the log was published, and publishing it again."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from hubbub.cli import open_database
from hubbub.cli.options import DATA_DIR
from hubbub.kernel.publisher import cursors
from hubbub.kernel.publisher.targets import STREAMS, parse_relay_url
from hubbub.migrate import migrate
from hubbub.settings import Settings, load_settings

SPANS = {"m": "minutes", "h": "hours", "d": "days"}


class Moment(click.ParamType[int]):
    """A time: RFC 3339 with its offset, or a span back from now such as 90m, 6h or 2d. In milliseconds."""

    name = "time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if span := re.fullmatch(r"(\d{1,6})([mhd])", value):
            moment = datetime.now(UTC) - timedelta(**{SPANS[span[2]]: int(span[1])})
        else:
            try:
                moment = datetime.fromisoformat(value)
            except ValueError:
                self.fail("give 2026-11-21T08:00:00Z, or 90m, 6h, 2d before now", param, ctx)
            if moment.tzinfo is None:
                self.fail("say which offset is meant: 2026-11-21T08:00:00Z", param, ctx)
        return int(moment.timestamp() * 1000)


@click.group()
def relay() -> None:
    """The relay of the log to RabbitMQ, NATS JetStream or Kafka (RELAY_URL)."""


def kinds_of(settings: Settings) -> tuple[str, ...]:
    if settings.relay_url:
        return parse_relay_url(settings.relay_url).kinds
    return tuple(STREAMS.values())


@relay.command()
@DATA_DIR
def status(data_dir: Path | None) -> None:
    """Print, for every target, who publishes to it and what it lacks."""
    settings = load_settings(data_dir=data_dir)
    database = open_database(settings)
    try:
        migrate(database)
        with database.reading() as connection:
            targets = cursors.read_targets(connection, kinds_of(settings))
    finally:
        database.close()
    if not targets:
        click.echo("Nothing was published yet: no process with RELAY_URL has run.")
    for target in targets:
        click.echo(target.target)
        click.echo(f"  published by  {target.holder if target.held else 'nobody at the moment'}")
        click.echo(f"  lacks         {target.entries} entries of {target.streams} streams")
        click.echo(f"  replays       {target.replays}")
        if target.error:
            click.echo(f"  last error    {target.error}")


@relay.command()
@click.option("--stream", help="Only this stream, a room's id for example.")
@click.option("--from", "start", type=click.IntRange(1), help="From this seq; needs --stream.")
@click.option("--since", type=Moment(), help="From a time: 2026-11-21T08:00:00Z, or 90m, 6h, 2d.")
@click.option("--target", help="A target as `status` prints it, if not that of RELAY_URL.")
@DATA_DIR
def replay(
    stream: str | None,
    start: int | None,
    since: int | None,
    target: str | None,
    data_dir: Path | None,
) -> None:
    """Publish again what is in the log: all of it, or from a place or time on.

    Safe at any time: whoever publishes notices within seconds. Cursors only move back.
    """
    if start is not None and (stream is None or since is not None):
        raise click.UsageError("--from goes with --stream, and without --since.")
    settings = load_settings(data_dir=data_dir)
    if target is None:
        if not settings.relay_url:
            raise click.UsageError("RELAY_URL is not set: name a --target.")
        target = parse_relay_url(settings.relay_url).target
    database = open_database(settings)
    try:
        migrate(database)
        with database.writing(unbounded=True) as connection:
            moved = cursors.replay(connection, target, stream=stream, start=start or 1, since=since)
    except LookupError:
        raise click.ClickException(f"Nothing was ever published to {target}.") from None
    finally:
        database.close()
    click.echo(f"{moved} streams are published again to {target}.")
