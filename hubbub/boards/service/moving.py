"""Moving one task, and hundreds in one batch: one round trip reads and one writes, however many there are."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson
from sqlalchemy import select, update

from hubbub.boards.access import NO_TASK, Standing, Streams, check_right, may_see
from hubbub.boards.models import tasks
from hubbub.boards.ranks import rank_between
from hubbub.boards.schemas import END
from hubbub.boards.service import places
from hubbub.boards.service.common import check_list, unchanged
from hubbub.boards.service.repeating import make_next
from hubbub.boards.service.tasks import find_task_ranks
from hubbub.boards.service.telling import tell_move, tell_outside
from hubbub.kernel import log
from hubbub.kernel.bulk import Statement
from hubbub.kernel.caller import Caller
from hubbub.kernel.commands import Answer, Outcome, Request, find_reply, run_single
from hubbub.kernel.errors import Conflict, NotFound, Problem
from hubbub.kernel.log import Entry, entries
from hubbub.kernel.transaction import Transaction

LOCK_BOARD = Statement(
    "SELECT id, head FROM streams WHERE id IN "
    "(SELECT tasks.board FROM {given} CROSS JOIN tasks WHERE tasks.id = given.task) "
    "ORDER BY id {for_update}",
    "task",
)
BESIDE = (
    "(SELECT beside.rank FROM tasks AS beside WHERE beside.id = given.after "
    "AND beside.list = given.list AND beside.id <> given.task AND beside.archived_at IS NULL)"
)
AROUND = Statement(
    "SELECT given.task, given.list, given.after, given.caller, "  # noqa: S608
    "tasks.board, tasks.list, tasks.rank, tasks.version, tasks.repeat, tasks.status, place.status, "
    "tasks.archived_at, "
    'boards.shown_to, mine."right", boards.archived_at, place.id, place.archived_at, '
    "boards.outside, here.shown_outside, place.shown_outside, "
    f"{BESIDE}, "
    "(SELECT rank FROM tasks AS other WHERE other.list = given.list AND other.id <> given.task "
    f"AND other.rank > coalesce({BESIDE}, '') ORDER BY other.rank LIMIT 1), "
    "(SELECT rank FROM tasks AS other WHERE other.list = given.list AND other.id <> given.task "
    "ORDER BY other.rank DESC LIMIT 1) "
    "FROM {given} CROSS JOIN tasks CROSS JOIN boards CROSS JOIN board_lists AS here "
    'LEFT JOIN board_members AS mine ON mine.board = boards.id AND mine."user" = given.caller '
    "LEFT JOIN board_lists AS place ON place.id = given.list AND place.board = boards.id "
    "WHERE tasks.id = given.task AND boards.id = tasks.board AND here.id = tasks.list",
    "task",
    "list",
    "after",
    "caller",
)
MOVE = Statement(
    "UPDATE tasks SET list = given.list, rank = given.rank, version = given.version, "
    "changed_at = given.now FROM {given} WHERE tasks.id = given.task",
    "task",
    "list",
    "rank",
    "#version",
    "#now",
)

Asked = tuple[str, str, str, str]
"""A task, the list it goes into, what it goes behind ("" for the front), and who moves it."""


class Around(NamedTuple):
    """All that a move has to know: the task, the caller's right, the list, and the ranks around the place."""

    board: str
    list: str
    rank: str
    version: int
    repeat: str | None
    own_status: str | None
    status: str | None
    archived_at: int | None
    shown_to: str
    right: str | None
    board_archived_at: int | None
    place: str | None
    place_archived_at: int | None
    outside: str | None
    was_shown: bool
    shown: bool
    before: str | None
    behind: str | None
    last: str | None

    @property
    def streams(self) -> Streams:
        return Streams(self.board, self.outside)

    @property
    def crosses(self) -> bool:
        """Whether clients and guests see only one of the task's two lists."""
        return bool(self.was_shown) != bool(self.shown)


def look_around(
    tx: Transaction, asked: Sequence[Asked]
) -> tuple[dict[Asked, Around], dict[str, int]]:
    """What is around each move whose task exists, and the heads of the boards, which are locked; in one round trip."""
    boards, found = tx.look_up(
        (LOCK_BOARD, [(task,) for task, *_ in asked]), (AROUND, sorted(set(asked)))
    )
    heads = dict(boards)
    tx.hold(heads)
    return {(row[0], row[1], row[2], row[3]): Around(*row[4:]) for row in found}, heads


def check_move(caller: Caller, around: Around | None) -> Around:
    """What is around a move, if the caller may make it. Raises as `move_one`."""
    if around is None or not may_see(caller.role, around.was_shown):
        raise NotFound(NO_TASK)
    standing = Standing(around.shown_to, around.right, around.board_archived_at is not None)
    try:
        check_right(standing, caller, "edit")
    except NotFound:
        raise NotFound(NO_TASK) from None
    if around.archived_at is not None:
        raise Conflict("This task is archived: restore it first.")
    check_list(around.place is not None, around.place_archived_at is not None)
    return around


def moved_shape(task: str, place: str, rank: str, version: int) -> dict[str, Any]:
    return {"task": task, "list": place, "rank": rank, "version": version}


def lost_status(own: str | None, of_list: str | None) -> dict[str, None]:
    """What a move changes beside the place: a task's own status ends in a list that has one."""
    return {"status": None} if own is not None and of_list is not None else {}


def move_one(
    tx: Transaction, caller: Caller, *, task: str, list: str, after: str | None = END
) -> Answer:
    """Puts a task into a list behind another task (None: in front, END or one that is gone: at the end).

    One that repeats and comes into a list of status `done` is followed by the next one.
    Answers task, list, rank and version. Raises like `access_task`, Invalid for a list that is not on the board,
    Conflict for an archived task or list.
    """
    asked = (task, list, after or "", caller.id)
    around = check_move(caller, look_around(tx, [asked])[0].get(asked))
    if after == task and around.list == list:
        shape = moved_shape(task, list, around.rank, around.version)
        return unchanged(tx, around.board, shape)
    before, behind = around.before, around.behind
    if after is not None and before is None:
        before, behind = around.last, None
    rank = rank_between(before, behind)
    if len(rank) > places.LONGEST:
        rank = find_task_ranks(
            tx, caller, around.streams, list, after, 1, [task], shown=around.shown
        )[0]
    lost = lost_status(around.own_status, around.status)
    data = moved_shape(task, list, rank, around.version + 1) | lost
    tx.put(MOVE, [(task, list, rank, around.version + 1, tx.now)])
    if lost:
        tx.execute(update(tasks).where(tasks.c.id == task).values(**lost))
    tell_move(
        tx,
        caller,
        around.streams,
        data,
        came_from=around.list,
        was_shown=around.was_shown,
        shown=around.shown,
    )
    if hands_on(around, list):
        make_next(tx, caller, task, came_from=around.list)
    return Answer(data)


def hands_on(around: Around, place: str) -> bool:
    """Whether this move ends a task that repeats."""
    return around.repeat is not None and around.status == "done" and around.list != place


@dataclass(slots=True)
class Moved:
    """Where a task stands after a move of the batch; `behind` is the rank it was put in front of."""

    list: str
    rank: str
    version: int
    behind: str | None


@dataclass(slots=True)
class Batch:
    """Moves that are not written yet: each is placed among what was read and the moves before it."""

    moved: dict[str, Moved] = field(default_factory=dict)
    told: dict[Streams, list[tuple[int, dict[str, Any], bool]]] = field(default_factory=dict)
    """By board: the place of the request, its answer, and whether clients and guests are told."""

    def move(
        self, place: int, task: str, wished: str, after: str | None, around: Around
    ) -> dict[str, Any] | None:
        """The answer of the next move; None for one that has to be made alone."""
        here = self.moved.get(task)
        now_in, version = (here.list, here.version) if here else (around.list, around.version)
        if after == task and now_in == wished:
            return moved_shape(task, wished, here.rank if here else around.rank, version)
        if around.repeat is not None or around.crosses:
            return None
        if lost_status(around.own_status, around.status):
            return None
        before, behind = self.find_gap(task, wished, after, around)
        rank = rank_between(before, behind)
        if len(rank) > places.LONGEST:
            return None
        self.moved[task] = Moved(wished, rank, version + 1, behind)
        data = moved_shape(task, wished, rank, version + 1)
        self.told.setdefault(around.streams, []).append((place, data, around.shown))
        return data

    def find_gap(
        self, task: str, wished: str, after: str | None, around: Around
    ) -> tuple[str | None, str | None]:
        """The ranks between which the task goes.

        What was read may have been moved away since: its old rank still bounds a gap in which nothing else stands.
        """
        inside = [
            other.rank
            for identifier, other in self.moved.items()
            if other.list == wished and identifier != task
        ]
        before, behind = around.before, around.behind
        beside = self.moved.get(after) if after is not None and after != task else None
        if beside is not None:
            before, behind = (beside.rank, beside.behind) if beside.list == wished else (None, None)
        if after is not None and before is None:
            ends = [*inside, around.last] if around.last is not None else inside
            return max(ends, default=None), None
        nearer = [rank for rank in inside if before is None or rank > before]
        if behind is not None:
            nearer.append(behind)
        return before, min(nearer, default=None)

    def write(self, tx: Transaction, requests: Sequence[Request], results: list[Any]) -> None:
        rows = [(task, m.list, m.rank, m.version, tx.now) for task, m in self.moved.items()]
        tx.put(MOVE, rows)
        for streams, told in self.told.items():
            board = streams.board
            first = tx.take(board, len(told))
            batch = []
            for seq, (place, data, _) in enumerate(told, first):
                actor, key = requests[place].caller.id, requests[place].key
                body = orjson.dumps(data)
                batch.append(Entry(board, seq, "task.moved", actor, tx.now, key, body))
                results[place] = Outcome(body, None, seq)
            tx.append_entries(batch)
            tell_outside(
                tx,
                streams.outside,
                [entry for entry, (_, _, shown) in zip(batch, told, strict=True) if shown],
            )


def move_many(tx: Transaction, requests: Sequence[Request]) -> list[Outcome | Exception]:
    """`move_one` for many requests, in their order; each answer, or why there is none.

    Their entries keep the keys, which are unique there: a repeated one is found once it was refused.
    """
    results: list[Any] = [None] * len(requests)
    place = 0
    while place < len(requests):
        # What was moved before has to be there to be read.
        tx.flush()
        place = move_some(tx, requests, place, results)
    return results


def move_some(tx: Transaction, requests: Sequence[Request], start: int, results: list[Any]) -> int:
    """Makes the moves from `start` on until one has to be made alone, and that one; answers the place behind.

    Alone are those that make room, that end a task that repeats or its own status, and that show or hide one: they
    change more than a place.
    """
    asked: list[Asked] = [
        (r.arguments["task"], r.arguments["list"], r.arguments.get("after", END) or "", r.caller.id)
        for r in requests[start:]
    ]
    found, heads = look_around(tx, asked)
    batch = Batch()
    for place, wish in enumerate(asked, start):
        request = requests[place]
        task, wished, after, _ = wish
        try:
            if (first := find_first(tx, request, found.get(wish))) is not None:
                results[place] = first
                continue
            around = check_move(request.caller, found.get(wish))
        except Problem as problem:
            results[place] = problem
            continue
        data = batch.move(place, task, wished, after or None, around)
        if data is None:
            batch.write(tx, requests, results)
            tx.flush()
            tx.key = tx.last_seq = None
            results[place] = run_single(tx, request)
            return place + 1
        results[place] = Outcome(orjson.dumps(data), None, heads[around.board])
    batch.write(tx, requests, results)
    return len(requests)


def find_first(tx: Transaction, request: Request, around: Around | None) -> Outcome | None:
    """The first answer to the request's key. Raises Conflict when it came with other input then."""
    if not tx.careful or request.key is None:
        return None
    if (kept := find_reply(tx.connection, request, tx.unseal)) is not None or around is None:
        return kept
    row = tx.execute(
        select(entries).where(
            entries.c.stream == around.board,
            entries.c.actor == request.caller.id,
            entries.c.key == request.key,
        )
    ).one_or_none()
    if row is None:
        return None
    entry = log.to_entry(row)
    data = orjson.loads(entry.data)
    given = request.arguments
    if entry.kind != "task.moved" or (data["task"], data["list"]) != (given["task"], given["list"]):
        raise Conflict("This Idempotency-Key was used before with other input.")
    return Outcome(entry.data, None, entry.seq, replayed=True)
