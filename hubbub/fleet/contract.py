"""What the supervisor and a worker expect of each other.

A worker is any program that

- listens on `HOST`:`PORT` and calls itself `NODE_NAME`, all three from its environment;
- answers 200 at the probe path (`/readyz`) when it can serve, anything else when it cannot;
- sends a heartbeat each second: one datagram, a JSON object as in `Heartbeat`, to the unix socket named in
  `WORKER_HEARTBEAT`. The socket is gone while the supervisor is: the worker goes on, and tries again next second;
- on `DRAIN` says at the probe path that it is not ready and asks its clients to come back elsewhere, at a pace that
  takes `WORKER_DRAIN_SECONDS`, but goes on serving who stays; on `RESUME` it is ready again;
- on `DUMP` writes the stack of every thread to standard error, even when its event loop is blocked;
- on `STOP` drains what it still has within `WORKER_GRACE_SECONDS` and exits with 0. It is killed after that.
"""

import signal
from typing import TypedDict

HOST = "HOST"
PORT = "PORT"
NAME = "NODE_NAME"
HEARTBEAT = "WORKER_HEARTBEAT"
DRAIN_SECONDS = "WORKER_DRAIN_SECONDS"
GRACE_SECONDS = "WORKER_GRACE_SECONDS"
RELEASE = "WORKER_RELEASE"
COLOUR = "WORKER_COLOUR"
CONTROL = "WORKER_CONTROL"
"""The supervisor's control socket, for a worker that shows the fleet to its operators."""
METRICS_TOKEN = "METRICS_TOKEN"  # noqa: S105 - the variable's name
"""What a worker wants as a bearer token at /metrics, where it has one; without, it trusts this machine."""

DRAIN = signal.SIGUSR1
RESUME = signal.SIGHUP
DUMP = signal.SIGUSR2
STOP = signal.SIGTERM

HEARTBEAT_SECONDS = 1.0


class Heartbeat(TypedDict, total=False):
    """One datagram. `pid` is needed, the rest is shown and used where it is there."""

    pid: int
    lag: float
    """Seconds the event loop came late, the worst since the last heartbeat."""
    memory: int
    """Resident bytes."""
    sockets: int
    requests: int
    """HTTP requests answered since the start."""
    errors: int
    """Of these, with a status of 500 and above."""
    seconds: float
    """Time spent in all of them."""
    draining: bool
