"""Very many tasks at once, made by PostgreSQL itself: what plans and answer times are measured on."""

from dataclasses import dataclass

from sqlalchemy import Connection, text

BOARDS = 10
LISTS = 20
TASKS = 100_000
LABELS = 20

# Ids that sort as they count: the first group tells what the row is of.
MAKE_ID = """
CREATE FUNCTION pg_temp.make_id(kind text, number bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT lpad(kind, 8, '0') || '-0000-7000-8000-' || lpad(to_hex(number), 12, '0') $$
"""
BOARD = f"pg_temp.make_id('b', n % {BOARDS})"
LIST = f"pg_temp.make_id('c', n % {BOARDS * LISTS})"
STATEMENTS = (
    # Most of the people exist in name only.
    "SET LOCAL session_replication_role = replica",
    MAKE_ID,
    f"""INSERT INTO streams (id, kind, head, floor, changed_at)
    SELECT {BOARD}, 'board', 5000, 0, 0 FROM generate_series(0, {BOARDS - 1}) AS n""",
    f"""INSERT INTO entries (stream, seq, kind, actor, at, data)
    SELECT {BOARD}, 1 + n / {BOARDS}, 'task.moved', :owner, n, '{{}}'
    FROM generate_series(0, {BOARDS * 5000 - 1}) AS n""",
    f"""INSERT INTO boards (id, name, created_by, created_at, shown_to)
    SELECT {BOARD}, 'Board ' || n, :owner, n, 'colleagues'
    FROM generate_series(0, {BOARDS - 1}) AS n""",
    f"""INSERT INTO board_members (board, "user", "right")
    SELECT {BOARD}, :owner, 'manage' FROM generate_series(0, {BOARDS - 1}) AS n""",
    f"""INSERT INTO board_lists (id, board, name, rank, status)
    SELECT {LIST}, {BOARD}, 'List ' || n, lpad(CAST(n AS text), 6, '0') || 'V',
        (ARRAY['open', 'doing', 'done', NULL])[1 + n / {BOARDS} % 4]
    FROM generate_series(0, {BOARDS * LISTS - 1}) AS n""",
    f"""INSERT INTO board_labels (id, board, name, colour)
    SELECT pg_temp.make_id('d', n), {BOARD}, 'Label ' || n, 'blue'
    FROM generate_series(0, {BOARDS * LABELS - 1}) AS n""",
    f"""INSERT INTO tasks (id, board, list, rank, title, description, priority, due_at, due_has_time,
        created_by, created_at, changed_at, archived_at, version, message_room)
    SELECT pg_temp.make_id('e', n), {BOARD}, {LIST},
        lpad(CAST(n AS text), 6, '0') || 'V',
        'Task ' || n, 'What is to be done for ' || n,
        (ARRAY['low', 'medium', 'high', NULL])[1 + n % 4],
        CASE WHEN n % 3 = 0 THEN CAST(:now AS bigint) + (n % 2000 - 1000) * CAST(3600000 AS bigint) END, n % 2 = 0,
        :owner, n, n, CASE WHEN n % 49 = 0 THEN n END, 1,
        CASE WHEN n % 50 = 0 THEN :room WHEN n % 5 = 0 THEN pg_temp.make_id('7', n % 1000) END
    FROM generate_series(0, {TASKS - 1}) AS n""",
    f"""INSERT INTO task_assignees (task, "user")
    SELECT pg_temp.make_id('e', n), CASE n % 100 WHEN 0 THEN :owner WHEN 1 THEN :other
        ELSE pg_temp.make_id('9', n % 1000) END
    FROM generate_series(0, {TASKS - 1}) AS n""",
    f"""INSERT INTO task_labels (task, label)
    SELECT pg_temp.make_id('e', n), pg_temp.make_id('d', n % {BOARDS * LABELS})
    FROM generate_series(0, {TASKS - 1}) AS n""",
    f"""INSERT INTO checklist_items (task, id, text, done, rank)
    SELECT pg_temp.make_id('e', n), pg_temp.make_id('f', n), 'One step', n % 2 = 0, 'V'
    FROM generate_series(0, {TASKS - 1}) AS n""",
    f"""INSERT INTO task_comments (task, id, author, body, created_at)
    SELECT pg_temp.make_id('e', n), pg_temp.make_id('a', n), :owner, 'Said', n
    FROM generate_series(0, {TASKS - 1}) AS n""",
)


@dataclass(frozen=True, slots=True)
class Many:
    """Ids of what `make_many` made: the owner and the room given, a board, and a list, a label and a task of it."""

    owner: str
    room: str
    board: str
    list: str
    label: str
    task: str


def make_id(kind: str, number: int) -> str:
    return f"{kind:0>8}-0000-7000-8000-{number:012x}"


def make_many(connection: Connection, owner: str, other: str, room: str, now: int) -> Many:
    """Ten boards with 100,000 tasks; every hundredth is the owner's, and another the other's. PostgreSQL only.

    Every fiftieth was made from a message of the room.
    """
    given = {"owner": owner, "other": other, "room": room, "now": now}
    for statement in STATEMENTS:
        names = {name: value for name, value in given.items() if f":{name}" in statement}
        connection.execute(text(statement), names)
    return Many(owner, room, make_id("b", 1), make_id("c", 1), make_id("d", 1), make_id("e", 1))
