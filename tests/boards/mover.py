"""Somebody in a hurry: many random changes of one board, several at once, from this process.

python -m tests.boards.mover DATABASE_URL DATA_DIR BOARD USER SEED CHANGES
"""

import asyncio
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import orjson
from sqlalchemy import Connection, select

from hubbub.boards.models import board_lists, tasks
from hubbub.boards.schemas import END
from hubbub.boards.service import changing, checklists, comments, lists, moves, places
from hubbub.boards.service import tasks as task_service
from hubbub.kernel.caller import Caller
from hubbub.kernel.commands import Command
from hubbub.kernel.errors import Conflict, Problem, Unavailable
from hubbub.kernel.kernel import Kernel
from hubbub.settings import Settings

AT_ONCE = 4
TIGHT = 3
"""Ranks may be so long here, so that room is made every now and then."""
CHOICES = (
    ("move", 40),
    ("squeeze", 15),
    ("create", 15),
    ("archive", 8),
    ("restore", 8),
    ("move_many", 5),
    ("archive_many", 2),
    ("change", 5),
    ("check", 3),
    ("comment", 3),
    ("move_list", 4),
    ("archive_list", 1),
    ("restore_list", 4),
)


def read_ids(connection: Connection, board: str) -> tuple[list[str], list[str], list[str]]:
    """All lists and all tasks of the board, in no order that a board would have, and the tasks not archived."""
    columns = connection.execute(
        select(board_lists.c.id).where(board_lists.c.board == board).order_by(board_lists.c.id)
    )
    found = connection.execute(
        select(tasks.c.id, tasks.c.archived_at).where(tasks.c.board == board).order_by(tasks.c.id)
    ).all()
    live = [row.id for row in found if row.archived_at is None]
    return [*columns.scalars()], [row.id for row in found], live


def choose(
    random: Random,
    board: str,
    columns: list[str],
    known: list[str],
    live: list[str],
    verb: str | None = None,
) -> tuple[Command, dict[str, Any]]:
    """A change, by chance unless its verb is given, and what it is given."""
    if verb is None:
        verbs, weights = zip(*CHOICES, strict=True)
        verb = random.choices(verbs, weights)[0]
    # The first task stays in the first list, which is not archived: behind it becomes too tight before long.
    first, *others = known
    place, task = random.choice(columns), random.choice(others)
    squeezed = random.choice([other for other in live if other != first] or others)
    after = random.choice([None, END, random.choice(known)])
    some = random.sample(others, min(len(others), random.randint(1, 5)))
    words = f"{verb} {random.random()}"
    made: dict[str, tuple[Command, dict[str, Any]]] = {
        "move": (moves.move_task, {"task": task, "list": place, "after": after}),
        "squeeze": (moves.move_task, {"task": squeezed, "list": columns[0], "after": first}),
        "create": (
            task_service.create_task,
            {"board": board, "list": place, "title": words, "after": after},
        ),
        "archive": (task_service.archive_task, {"task": task}),
        "restore": (task_service.restore_task, {"task": task}),
        "move_many": (
            moves.move_tasks,
            {"board": board, "tasks": some, "list": place, "after": after},
        ),
        "archive_many": (moves.archive_tasks, {"board": board, "tasks": some}),
        "change": (changing.change_task, {"task": task, "changes": {"title": words}}),
        "check": (checklists.add_item, {"task": task, "text": words}),
        "comment": (comments.add_comment, {"task": task, "body": words}),
        "move_list": (lists.move_list, {"list": place, "after": random.choice([None, *columns])}),
        "archive_list": (lists.archive_list, {"list": random.choice(columns[1:])}),
        "restore_list": (lists.restore_list, {"list": place}),
    }
    return made[verb]


async def hurry(
    kernel: Kernel, board: str, user: str, seed: int, changes: int, at_once: int = AT_ONCE
) -> Counter[str]:
    """Makes so many changes; answers how many were done and how many refused. Raises what is no refusal.

    One of those at once squeezes a task in behind the first: by chance alone, room is now and then never made.
    What came too late for the database is asked for again with its key, as a client does.
    """
    random, caller = Random(seed), Caller(user, "member")
    done: Counter[str] = Counter()

    async def change(verb: str | None) -> None:
        command, given = choose(random, board, *await kernel.read(read_ids, board), verb)
        key = f"{seed}-{done.total()}-{random.random()}"
        try:
            while True:
                with suppress(Unavailable):
                    await kernel.write(command, caller, key=key, **given)
                    break
        except Conflict:
            # Archived meanwhile, by somebody else.
            done["refused"] += 1
        else:
            done["done"] += 1

    for _ in range(0, changes, at_once):
        squeeze = change("squeeze")
        await asyncio.gather(squeeze, *(change(None) for _ in range(at_once - 1)))
    return done


async def main(url: str, folder: str, board: str, user: str, seed: str, changes: str) -> None:
    settings = Settings(database_url=url, data_dir=Path(folder), hubbub_env="development")
    places.LONGEST, places.SHORT = TIGHT, 2
    kernel = Kernel(settings, ["a secret of forty characters, for tests."])
    try:
        done = await hurry(kernel, board, user, int(seed), int(changes))
    except Problem as problem:
        sys.exit(f"{problem.title}: {problem.detail}")
    finally:
        await kernel.close()
    print(orjson.dumps(dict(done)).decode())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
