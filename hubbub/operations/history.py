"""Samples of the figures: one in ten seconds for an hour, one in five minutes for a week."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, delete, select, text

from hubbub.operations.models import samples

FINE = 10
COARSE = 300
KEPT_SECONDS = {FINE: 3_600, COARSE: 7 * 86_400}
MEANS = ("messages", "requests", "errors")
"""Of several samples the mean counts; of anything else the largest."""
FIGURES = (
    "people",
    "active",
    "sockets",
    "messages",
    "requests",
    "errors",
    "answer_median",
    "answer_p95",
    "lag",
    "ready",
    "wanted",
)
WORSE = (
    "ready",
    "warm",
    "degraded",
    "draining",
    "stopping",
    "stopped",
    "starting",
    "deaf",
    "failed",
)
MOST_NAMES = 40
"""Lanes of the health history: workers change their names with each rollout, from one of two colours to the other."""

INSERT = text(
    "INSERT INTO operations_samples (step, at, figures) VALUES (:step, :at, :figures)"
    " ON CONFLICT (step, at) DO NOTHING"
)

Sample = dict[str, Any]


def write_samples(connection: Connection, taken: Sequence[tuple[int, Sample]], now: int) -> None:
    """Keeps samples (by their second) where no other node has, sums up each five minutes that ended, forgets."""
    connection.execute(
        INSERT,
        [
            {"step": FINE, "at": at, "figures": orjson.dumps(figures).decode()}
            for at, figures in taken
        ],
    )
    for ended in sorted({at // COARSE * COARSE for at, _ in taken}):
        # The period before the one that has begun: it is whole, and it is summed up once.
        period = ended - COARSE
        found = connection.execute(
            select(samples.c.at).where(samples.c.step == COARSE, samples.c.at == period)
        )
        if found.first() is None and (fine := read_samples(connection, FINE, period, ended)):
            whole = sum_up([figures for _, figures in fine])
            connection.execute(
                INSERT, {"step": COARSE, "at": period, "figures": orjson.dumps(whole).decode()}
            )
    for step, kept in KEPT_SECONDS.items():
        connection.execute(
            delete(samples).where(samples.c.step == step, samples.c.at < now - kept - step)
        )


def read_samples(
    connection: Connection, step: int, since: int, until: int
) -> list[tuple[int, Sample]]:
    """The samples of that step in [since, until), oldest first."""
    rows = connection.execute(
        select(samples.c.at, samples.c.figures)
        .where(samples.c.step == step, samples.c.at >= since, samples.c.at < until)
        .order_by(samples.c.at)
    )
    return [(row.at, orjson.loads(row.figures)) for row in rows]


def sum_up(taken: Sequence[Sample]) -> Sample:
    """One sample for several: means of the rates, the largest of the rest, of each state the worst."""
    whole: Sample = {}
    for name in FIGURES:
        values = [figures[name] for figures in taken if figures.get(name) is not None]
        if not values:
            whole[name] = None
        elif name in MEANS:
            whole[name] = round(sum(values) / len(values), 3)
        else:
            whole[name] = min(values) if name == "ready" else max(values)
    states: dict[str, str] = {}
    for figures in taken:
        for name, state in figures.get("states", {}).items():
            states[name] = worst(states.get(name, state), state)
    return whole | {"states": states}


def worst(one: str, other: str) -> str:
    known = {state: place for place, state in enumerate(WORSE)}
    return max(one, other, key=lambda state: known.get(state, len(WORSE)))


def lay_out(step: int, taken: Iterable[tuple[int, Sample]]) -> dict[str, Any]:
    """The samples as columns, and the states of each worker as spans [from, to, state], in seconds."""
    columns: dict[str, list[Any]] = {"at": []} | {name: [] for name in FIGURES}
    lanes: dict[str, list[list[Any]]] = {}
    for at, figures in taken:
        columns["at"].append(at)
        for name in FIGURES:
            columns[name].append(figures.get(name))
        for name, state in figures.get("states", {}).items():
            extend(lanes.setdefault(name, []), at, step, state)
    newest = sorted(lanes, key=lambda name: lanes[name][-1][1], reverse=True)[:MOST_NAMES]
    return {
        "step": step,
        **columns,
        "health": [{"name": name, "spans": lanes[name]} for name in sorted(newest)],
    }


def extend(spans: list[list[Any]], at: int, step: int, state: str) -> None:
    """Adds a state at a time: it goes on if it was the same one sample, or two, ago."""
    if spans and spans[-1][2] == state and at - spans[-1][1] <= step:
        spans[-1][1] = at + step
    else:
        spans.append([at, at + step, state])


def read_history(connection: Connection, hours: int, now: int) -> dict[str, Any]:
    step = FINE if hours * 3_600 <= KEPT_SECONDS[FINE] else COARSE
    return lay_out(step, read_samples(connection, step, now - hours * 3_600, now + step))


def take(figures: Mapping[str, Any], states: Mapping[str, str], ready: int, wanted: int) -> Sample:
    """A sample of the figures as the page shows them."""
    return {
        "people": figures["people"],
        "active": figures["active"],
        "sockets": figures["sockets"],
        "messages": figures["messages_per_second"],
        "requests": figures["requests_per_second"],
        "errors": figures["errors_per_second"],
        "answer_median": figures["answer_median"],
        "answer_p95": figures["answer_p95"],
        "lag": figures["lag"],
        "ready": ready,
        "wanted": wanted,
        "states": dict(states),
    }
