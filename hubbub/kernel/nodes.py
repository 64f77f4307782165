"""The nodes that serve one workspace, as the database knows them (docs/cluster.md).

Ages are judged by the database's clock alone: the clocks of two machines may differ by more than a node may be silent.
"""

import logging
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from sqlalchemy import BigInteger, Column, Connection, Integer, String, Table, Text, delete, text

from hubbub.kernel.database import Database, Id, metadata
from hubbub.kernel.ids import new_id

logger = logging.getLogger("hubbub.nodes")

nodes = Table(
    "nodes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("roles", String(60), nullable=False),
    Column("address", String(200), nullable=False),
    Column("port", Integer, nullable=False),
    Column("version", String(60), nullable=False),
    Column("process", String(200), nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("heard_at", BigInteger),
    Column("figures", Text, nullable=False),
)

LIVE_MS = 3_000
"""A node seen within this time is counted; it writes its row more than once a second."""
LEASE_MS = 5_000
"""Without Redis, a node unseen for this long has lost its place to the next one that starts."""
SWEPT_MS = 60_000
CLAIM_SECONDS = 0.25
CLAIM_LOCK = 4_816_200_727
"""PostgreSQL advisory lock: of two nodes that start together one looks first. Held for one transaction only."""

NOW = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS at"
ROWS = """SELECT n.id, n.name, n.roles, n.address, n.port, n.version, n.process,
       now.at - n.seen_at, now.at - n.heard_at, n.seen_at, n.figures FROM nodes n, now"""
# Nobody waits for the disk: a row that a crash takes back is written anew within a second.
BEAT = text(
    f"""WITH now AS MATERIALIZED ({NOW}, set_config('synchronous_commit', 'off', true)),
gone AS (DELETE FROM nodes WHERE id IN (
    SELECT s.id FROM nodes s, now WHERE s.seen_at < now.at - {SWEPT_MS} AND s.id <> :id
    FOR UPDATE OF s SKIP LOCKED)),
mine AS (INSERT INTO nodes (id, name, roles, address, port, version, process,
                            started_at, seen_at, heard_at, figures)
    SELECT :id, :name, :roles, :address, :port, :version, :process,
           now.at, now.at, now.at - CAST(:heard_ago AS bigint), :figures FROM now
    ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, heard_at = excluded.heard_at,
                                   figures = excluded.figures)
{ROWS}"""  # noqa: S608 - constants only
)
READ = text(f"WITH now AS MATERIALIZED ({NOW}) {ROWS}")


class NodeRefused(Exception):  # noqa: N818 - what the others did
    """Another node serves this workspace and keeps state of its own; the message says what to set."""


@dataclass(frozen=True, slots=True)
class Node:
    """One process of Hubbub; a process started again is another node."""

    id: str
    name: str
    roles: str
    address: str
    port: int
    version: str
    process: str


class Seen(NamedTuple):
    """A node's row as it was read: ages in milliseconds by the database's clock."""

    id: str
    name: str
    roles: str
    address: str
    port: int
    version: str
    process: str
    seen_ago: int
    heard_ago: int | None
    seen_at: int
    figures: dict[str, Any]

    @property
    def live(self) -> bool:
        return self.seen_ago <= LIVE_MS


def this_node(name: str, roles: str, address: str, port: int, version: str) -> Node:
    """The node this process is from now on."""
    return Node(new_id(), name[:200], roles, address[:200], port, version, own_process())


def own_process() -> str:
    """Names this process beyond its number: boot, process namespace, number, start. Empty where unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        started = read_process(os.getpid())
        return f"{boot} {os.readlink('/proc/self/ns/pid')} {os.getpid()} {started}"
    except OSError:
        return ""


def read_process(number: int) -> str:
    """When the process started, in ticks since the boot; empty when it has ended. Raises OSError."""
    fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    return "" if fields[0] in "ZX" else fields[19]


def has_ended(process: str) -> bool:
    """Whether the process ran on this machine and has certainly ended."""
    words = process.split()
    if len(words) != 4 or words[:2] != own_process().split()[:2]:
        return False
    try:
        return read_process(int(words[2])) != words[3]
    except OSError:
        return True


class NodeTable:
    """This node's row, and the rows of the others. SQLite serves one process, which needs no row."""

    def __init__(self, database: Database, node: Node) -> None:
        self._database = database
        self.node = node

    async def beat(self, heard_ago: int | None, figures: Mapping[str, Any]) -> list[Seen]:
        """Writes this node's row and answers all rows, its own first; one statement.

        `heard_ago`: milliseconds since this node heard itself through a bus it shares. Raises what the database does.
        """
        mine = Seen(
            **asdict(self.node), seen_ago=0, heard_ago=heard_ago, seen_at=0, figures={**figures}
        )
        if self._database.sqlite:
            return [mine]

        def work() -> list[Seen]:
            with self._database.writing() as connection:
                return write_row(connection, self.node, heard_ago, figures)

        rows = await self._database.run_writer(work)
        return [mine, *(row for row in rows if row.id != mine.id)]

    async def remove(self) -> None:
        """Takes this node's row away. Raises what the database does."""
        if self._database.sqlite:
            return

        def work() -> None:
            with self._database.writing() as connection:
                connection.execute(delete(nodes).where(nodes.c.id == self.node.id))

        await self._database.run_writer(work)


def write_row(
    connection: Connection, node: Node, heard_ago: int | None, figures: Mapping[str, Any]
) -> list[Seen]:
    """Writes the node's row, removes rows of nodes long unseen; answers the rows as they were before."""
    values = asdict(node) | {"heard_ago": heard_ago, "figures": orjson.dumps(figures).decode()}
    return [parse_row(row) for row in connection.execute(BEAT, values)]


def parse_row(row: Any) -> Seen:
    *columns, figures = row
    return Seen._make((*columns, orjson.loads(figures)))


def claim_place(database: Database, node: Node, *, shared: bool) -> None:
    """Writes the node's first row, unless a live node must be alone with its roles (PostgreSQL only).

    Without Redis (`shared` false) limits, presence and hints live in the process, so `api` and `realtime` may each
    be served once. A node that died is recognised at once on its own machine, elsewhere when its lease has run out,
    so this may wait for some seconds. Raises NodeRefused.
    """
    if database.sqlite:
        return
    first_seen: dict[str, int] = {}
    while True:
        with database.writing() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": CLAIM_LOCK})
            rivals = []
            for row in [parse_row(row) for row in connection.execute(READ)]:
                if not rivals_of(node, row, shared=shared):
                    continue
                if has_ended(row.process):
                    connection.execute(delete(nodes).where(nodes.c.id == row.id))
                elif row.seen_ago <= LEASE_MS:
                    rivals.append(row)
            if not rivals:
                write_row(connection, node, None, {"shared": shared})
                return
        for row in rivals:
            if first_seen.setdefault(row.id, row.seen_at) != row.seen_at:
                raise NodeRefused(refusal(row, shared=shared))
        time.sleep(CLAIM_SECONDS)


def rivals_of(node: Node, row: Seen, *, shared: bool) -> bool:
    """Whether the two would each keep state the other needs to know of."""
    if shared and row.figures.get("shared", True):
        return False
    return bool(stateful(node.roles) & stateful(row.roles))


def stateful(roles: str) -> set[str]:
    """The roles that keep state in the process when there is no Redis."""
    words = set(roles.split(","))
    return {"api", "realtime"} if "all" in words else words & {"api", "realtime"}


def refusal(row: Seen, *, shared: bool) -> str:
    other = f"{row.name} ({row.address}:{row.port}, role {row.roles})"
    if shared:
        return (
            f"Another node serves this database without REDIS_URL: {other}. "
            "Stop it, or set REDIS_URL there too; otherwise the two would not know of each other."
        )
    return (
        f"Another node serves this database: {other}. Several nodes need Redis: set REDIS_URL "
        "to the same server on all of them, or stop that node."
    )
