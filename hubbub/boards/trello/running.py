"""Runs an import, batch after batch. Killed and started again, it goes on: what is there is not made twice."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from hubbub.boards.trello.comparing import Comparison, Counts
from hubbub.boards.trello.pieces import Plan, TaskPiece
from hubbub.boards.trello.service import bring_in, start_import
from hubbub.kernel.caller import Caller
from hubbub.kernel.kernel import Kernel

BATCH = 200
"""So many pieces, checklist items counted, in one transaction."""


@dataclass(slots=True)
class Done:
    """How much was made and changed, and what was refused because the board was changed here."""

    counts: Counts
    refused: list[str]


def in_batches(pieces: Sequence[Any]) -> Iterator[list[Any]]:
    batch: list[Any] = []
    weight = 0
    for piece in pieces:
        more = 1 + len(piece.items) if isinstance(piece, TaskPiece) else 1
        if batch and weight + more > BATCH:
            yield batch
            batch, weight = [], 0
        batch.append(piece)
        weight += more
    if batch:
        yield batch


async def run_import(
    kernel: Kernel,
    caller: Caller,
    plan: Plan,
    comparison: Comparison,
    advance: Callable[[int], None],
) -> Done:
    """Makes the board, or brings it up to date; `advance` is told of pieces done. Raises Problem."""
    done = Done({kind: [0, 0, same] for kind, (_, _, same) in comparison.counts.items()}, [])
    if not comparison.due:
        return done
    started = await kernel.write(start_import, caller, piece=plan.board, name=plan.board.name)
    board = orjson.loads(started.body)
    for kind, pieces in comparison.stages:
        for batch in in_batches(pieces):
            began = time.monotonic()
            outcome = await kernel.write(
                bring_in, caller, board=board, origin=plan.origin, kind=kind, pieces=batch
            )
            answer = orjson.loads(outcome.body)
            for name, (fresh, changed) in answer["counts"].items():
                done.counts[name][0] += fresh
                done.counts[name][1] += changed
            done.refused += answer["refused"]
            advance(len(batch))
            if kernel.database.sqlite:
                # Its one writer is whoever comes first: a server beside this gets its turn.
                await asyncio.sleep(time.monotonic() - began)
    return done
