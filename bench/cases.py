"""What is measured: the workloads, and which servers take part in each."""

import resource
from collections.abc import Callable
from dataclasses import dataclass

from bench.peers.servers import (
    Server,
    c_writer,
    hubbub_gateway,
    nats,
    node_socketio,
    python_socketio,
)

Factory = Callable[[str], Server]
"""Makes a server; is given the URL of a Redis."""

GATEWAY = "Hubbub gateway"
NODE = "Socket.IO"
NODE_REDIS = "Socket.IO + Redis adapter"
PYTHON = "python-socketio"
NATS = "NATS"
WRITER = "C writer"

SERVERS: dict[str, Factory] = {
    GATEWAY: lambda redis: hubbub_gateway(),
    NODE: lambda redis: node_socketio(),
    NODE_REDIS: node_socketio,
    PYTHON: lambda redis: python_socketio(),
    NATS: lambda redis: nats(),
    WRITER: lambda redis: c_writer(),
}

EVERYBODY = (GATEWAY, NODE, NODE_REDIS, PYTHON, NATS, WRITER)
SOCKET_IO = (GATEWAY, NODE, NODE_REDIS, PYTHON)
QUICKEST = (GATEWAY, NODE, NATS, WRITER)
OTHER_FILES = 100
"""Open files a server needs beside its sockets."""


def sockets_possible(wanted: int) -> int:
    """`wanted`, or as many as this machine's hard limit of open files lets one process have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if most == resource.RLIM_INFINITY else min(wanted, most - OTHER_FILES)


MANY = sockets_possible(20_000)
MOST = sockets_possible(50_000)


@dataclass(frozen=True)
class Metric:
    """One figure of a case: its key in what the load prints, and how it is shown."""

    key: str
    title: str
    unit: str = ""
    scale: float = 1.0
    digits: int = 0
    less_is_better: bool = False


PER_CPU = Metric("per_cpu_second", "deliveries / server CPU-second")
PER_SECOND = Metric("per_second", "deliveries / s")
P50 = Metric("p50_ms", "p50", "ms", digits=1, less_is_better=True)
P99 = Metric("p99_ms", "p99", "ms", digits=1, less_is_better=True)
LONGEST = Metric("max_ms", "max", "ms", digits=1, less_is_better=True)
GROWN = Metric("rss_grown_mb", "memory grown by", "MB", digits=1, less_is_better=True)
CLOSED = Metric("slow_closed", "slow readers closed")
PER_SOCKET = Metric("bytes_per_socket", "memory / idle socket", "KB", 1 / 1000, 1, True)
CONNECTS = Metric("connects_per_second", "connects / s")
CLOSE = Metric("close_seconds", "all closed in", "s", digits=2, less_is_better=True)

DELIVERED = (PER_CPU, PER_SECOND, P50, P99, LONGEST)
HELD = (PER_SOCKET, CONNECTS, CLOSE)


@dataclass(frozen=True)
class Case:
    """A workload. `load` are the words for the load generator; `quick` cases are in the short run.

    `seconds` stretches or shortens the measured time; a saturated case says nothing about latency.
    """

    name: str
    title: str
    load: tuple[str, ...]
    servers: tuple[str, ...]
    metrics: tuple[Metric, ...] = DELIVERED
    quick: bool = False
    seconds: float = 1.0
    saturated: bool = False


PRODUCT = "Hubbub"
STACK = "Express + pg + Socket.IO"

ACKS = Metric("acks_per_second", "acknowledged / s")
REQUESTS = Metric("requests_per_second", "requests / s")
SERVER_CPU = Metric("server_cpu_us", "server CPU each", "µs", less_is_better=True)
DATABASE_CPU = Metric("postgresql_cpu_us", "PostgreSQL CPU each", "µs", less_is_better=True)
POSTING = (
    ACKS,
    Metric("deliveries_per_second", "deliveries / s"),
    P50,
    P99,
    LONGEST,
    SERVER_CPU,
    DATABASE_CPU,
)
READING = (REQUESTS, P50, P99, LONGEST, SERVER_CPU, DATABASE_CPU)


def fanout(*words: str) -> tuple[str, ...]:
    return ("fanout", *words)


SATURATED = fanout("--publishers", "10", "--window", "16", "--sample", "8")

CASES = (
    Case(
        "saturated",
        "One room of 1,000, saturated, 150 bytes",
        SATURATED,
        EVERYBODY,
        quick=True,
        saturated=True,
    ),
    Case(
        "saturated-4k",
        "One room of 1,000, saturated, 4 KB",
        fanout("--publishers", "10", "--window", "1", "--sample", "8", "--size", "4096"),
        QUICKEST,
        saturated=True,
    ),
    Case(
        "room",
        "One room of 1,000 at 50 messages/s, 150 bytes",
        fanout("--rate", "50"),
        EVERYBODY,
        quick=True,
    ),
    Case(
        "room-4k",
        "One room of 1,000 at 50 messages/s, 4 KB",
        fanout("--rate", "50", "--size", "4096"),
        QUICKEST,
    ),
    Case(
        "rooms",
        "100 rooms of 10 at 2,000 messages/s, 150 bytes",
        fanout("--rooms", "100", "--rate", "2000"),
        EVERYBODY,
        quick=True,
    ),
    Case(
        "attachments",
        "One room of 1,000 at 20 messages/s, each with a binary attachment of 4 KB",
        fanout("--rate", "20", "--size", "4096", "--binary"),
        (GATEWAY, NODE, PYTHON),
    ),
    Case(
        "echo",
        "1,000 private echoes, one on its way for each socket, 150 bytes",
        ("echo", "--window", "1"),
        (GATEWAY, NODE, PYTHON),
        quick=True,
        saturated=True,
    ),
    Case(
        "echo-rate",
        "1,000 private echoes, 5,000/s in all, 150 bytes",
        ("echo", "--rate", "5000"),
        (GATEWAY, NODE, PYTHON),
    ),
    Case(
        "steady",
        "One room of 1,000 at 50 messages/s, 16 KB, everybody reads",
        fanout("--rate", "50", "--size", "16384"),
        (GATEWAY, NODE),
        (P50, P99, LONGEST, GROWN),
        seconds=7.0,
    ),
    Case(
        "stuck",
        "The same, 10 of them stop reading",
        fanout("--rate", "50", "--size", "16384", "--slow", "10"),
        (GATEWAY, NODE),
        (P50, P99, LONGEST, GROWN, CLOSED),
        seconds=7.0,
    ),
    Case(
        "polling",
        "A room of 200 long-polling clients at 10 messages/s, 150 bytes",
        fanout("--protocol", "polling", "--sockets", "200", "--rate", "10"),
        (GATEWAY, NODE, PYTHON),
    ),
    Case(
        "idle-5000",
        "5,000 idle sockets",
        ("idle", "--sockets", "5000"),
        (*SOCKET_IO, NATS),
        HELD,
        quick=True,
        seconds=0.5,
    ),
    Case(
        "idle-20000",
        f"{MANY:,} idle sockets",
        ("idle", "--sockets", str(MANY), "--sources", "4"),
        (GATEWAY, NODE, NATS),
        HELD,
        seconds=0.5,
    ),
    Case(
        "most",
        f"{MOST:,} idle sockets, held over a ping (50,000 if the limit of open files allows)",
        ("idle", "--sockets", str(MOST), "--sources", "8"),
        (GATEWAY,),
        (*HELD, Metric("rss_mb", "server's memory", "MB"), Metric("pings", "pings answered")),
        seconds=14.0,
    ),
)

PRODUCT_CASES = tuple(
    Case(name, title, (), (PRODUCT, STACK), metrics, quick=True)
    for name, title, metrics in (
        (
            "durable posts, own rooms",
            "Durable posts: 50 senders, each in a room of their own",
            POSTING,
        ),
        (
            "durable posts, 50 followers",
            "Durable posts: 50 senders in one room, each post delivered to all 50",
            POSTING,
        ),
        ("read 50 messages", "HTTP: token checked, last 50 messages of a room", READING),
        (
            "read 50 messages, 10 people posting",
            "The same while 10 people post into the rooms",
            READING,
        ),
    )
)


def of_nodes(name: str, size: int) -> str:
    """A row's label: a server with so many nodes."""
    return f"{name}, {size} node{'s' if size > 1 else ''}"


def follows(name: str, rooms: int) -> str:
    """A row's label: a server whose second node follows so many of the rooms."""
    return f"{name}, follows {rooms} of 100"


FIRST_CPU = Metric("first_cpu_percent", "CPU of the posting node", "%", less_is_better=True)
SECOND_CPU = Metric(
    "second_cpu_percent", "CPU of the other node", "%", digits=1, less_is_better=True
)

NODES_CASES = (
    Case(
        "nodes",
        "Durable posts: 48 senders spread over the nodes, each in a room of their own",
        (),
        tuple(of_nodes(name, size) for name in (PRODUCT, STACK) for size in (1, 2, 4)),
        (
            ACKS,
            P50,
            P99,
            Metric("server_cpu_us", "CPU of all nodes each", "µs", less_is_better=True),
        ),
    ),
    Case(
        "across",
        "From node to node: 500 posts/s in one room on the first node, 5 follow it on the second",
        (),
        (PRODUCT, STACK),
        (P50, P99, LONGEST, FIRST_CPU, SECOND_CPU),
    ),
    Case(
        "across-saturated",
        "From node to node: 48 senders post into one room on the first node as fast as they can",
        (),
        (PRODUCT, STACK),
        (ACKS, P50, P99, LONGEST),
    ),
    Case(
        "overlap",
        "What a node costs: 500 posts/s in 100 rooms on the first node, the second follows some of them",
        (),
        tuple(follows(name, rooms) for name in (PRODUCT, STACK) for rooms in (0, 1, 10, 100)),
        (SECOND_CPU, P50, P99),
    ),
)

PRODUCT_SQLITE = f"{PRODUCT}, SQLite"
PRODUCT_GZIP = f"{PRODUCT}, compressed by HAProxy"
MOVES = "moves"
OPENING = "open a board"

BOARDS_CASES = (
    Case(
        MOVES,
        "One board of 400 tasks: 50 people move 200 tasks/s in all, each move delivered to all 50",
        (),
        (PRODUCT, PRODUCT_SQLITE, STACK),
        POSTING,
    ),
    Case(
        OPENING,
        "HTTP: a board of 2,000 tasks whole, one answer after the other",
        (),
        (PRODUCT, PRODUCT_SQLITE, PRODUCT_GZIP, STACK),
        (
            P50,
            P99,
            LONGEST,
            Metric("bytes", "sent", "KB", 1 / 1000, less_is_better=True),
            SERVER_CPU,
            DATABASE_CPU,
        ),
    ),
)

ALL_CASES = (*CASES, *PRODUCT_CASES, *BOARDS_CASES, *NODES_CASES)
