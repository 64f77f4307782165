"""Telling of what happens on a board: on its own stream all of it, on that of clients and guests what they see."""

from collections.abc import Sequence
from typing import Any

import orjson

from hubbub.boards.access import Streams, is_outsider
from hubbub.boards.shapes import read_task
from hubbub.kernel.caller import Caller
from hubbub.kernel.log import Entry
from hubbub.kernel.transaction import Transaction

Told = tuple[int, int | None]
"""The seq of an entry on the board's stream, and on that of its clients and guests if they were told."""


def tell(
    tx: Transaction,
    caller: Caller,
    streams: Streams,
    kind: str,
    data: Any,
    *,
    shown: bool = True,
) -> Told:
    """Appends an entry of a board, whose stream is locked; clients and guests are told what is `shown` to them.

    The first one carries the command's key, so it goes to the stream which the caller follows.
    """
    order = [streams.board]
    if shown and streams.outside is not None:
        order.insert(0 if is_outsider(caller.role) else 1, streams.outside)
    seqs = {stream: tx.append(stream, kind, caller.id, data).seq for stream in order}
    return seqs[streams.board], seqs.get(streams.outside or "")


def tell_move(
    tx: Transaction,
    caller: Caller,
    streams: Streams,
    data: dict[str, Any],
    *,
    came_from: str,
    was_shown: bool,
    shown: bool,
) -> None:
    """Appends `task.moved`; to clients and guests a task comes, or goes, when they see only one of its two lists."""
    if was_shown == shown:
        tell(tx, caller, streams, "task.moved", data, shown=shown)
        return
    tx.append(streams.board, "task.moved", caller.id, data)
    if streams.outside is None:
        return
    if was_shown:
        gone = {"task": data["task"], "list": came_from, "version": data["version"]}
        tx.append(streams.outside, "task.archived", caller.id, gone)
        return
    card = read_task(tx.connection, data["task"])
    if not card["archived"]:
        tx.append(streams.outside, "task.restored", caller.id, card)


def tell_outside(tx: Transaction, outside: str | None, batch: Sequence[Entry]) -> None:
    """Tells clients and guests, if they have a stream of their own, what these entries of the board's stream tell."""
    if outside is None or not batch:
        return
    first = tx.take(outside, len(batch))
    tx.append_entries(
        [
            entry._replace(stream=outside, seq=seq, key=None)
            for seq, entry in enumerate(batch, first)
        ]
    )


def tell_many(
    tx: Transaction,
    caller: Caller,
    streams: Streams,
    told: Sequence[tuple[str, Any, bool]],
) -> list[Told]:
    """Appends entries, each a kind, its data and whether it is shown, at once and without the command's key."""
    inside = append_many(tx, caller, streams.board, [(kind, data) for kind, data, _ in told])
    if streams.outside is None:
        return [(seq, None) for seq in inside]
    passed = [(kind, data) for kind, data, shown in told if shown]
    outside = iter(append_many(tx, caller, streams.outside, passed))
    return [
        (seq, next(outside) if shown else None)
        for seq, (_, _, shown) in zip(inside, told, strict=True)
    ]


def append_many(
    tx: Transaction, caller: Caller, stream: str, told: Sequence[tuple[str, Any]]
) -> range:
    """Appends entries, each a kind and its data, at once and without the command's key; answers their seqs."""
    if not told:
        return range(0)
    first = tx.reserve(stream, len(told))
    tx.append_entries(
        [
            Entry(stream, first + place, kind, caller.id, tx.now, None, orjson.dumps(data))
            for place, (kind, data) in enumerate(told)
        ]
    )
    tx.flush()
    return range(first, first + len(told))
