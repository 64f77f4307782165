"""One line in the log for each HTTP request, at a cost of a few microseconds.

The line does not go through `logging` and its formatters, which cost ten times as much: it is made here, and waits up
to WRITE_SECONDS with its like for one write. A line of any other logger takes the waiting ones along, so the order
stays.
"""

import asyncio
import logging
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any

import orjson

from hubbub.kernel.context import TRACE
from hubbub.observe.logging import Logs

logger = logging.getLogger("hubbub.request")

WRITE_SECONDS = 0.05
LONGEST_PATH = 200
QUIET = frozenset({"/health", "/livez", "/readyz", "/metrics"})
"""Asked again and again by machines: at level debug."""
SOCKETS = "/socket.io"
LEVELS = {
    logging.DEBUG: "debug",
    logging.INFO: "info",
    logging.WARNING: "warning",
    logging.ERROR: "error",
}


def level_of(status: int, path: str) -> int:
    """How important a request is."""
    if path in QUIET or path.startswith(SOCKETS):
        # A worker that drains says 503 to each probe, a full one to each socket: no errors, and many.
        return logging.ERROR if status == 500 else logging.DEBUG
    if status >= 500:
        return logging.ERROR
    return logging.WARNING if status >= 400 else logging.INFO


class RequestLog:
    """Writes the requests' lines. Without `logs` they go through `logging`, as in tests."""

    def __init__(self, logs: Logs | None = None) -> None:
        self._logs = logs
        self._origin = logs.origin.fields() if logs else {}
        self._readable = logs is not None and logs.console is not None and not logs.json

    def observe(
        self, scope: MutableMapping[str, Any], route: str, status: int, seconds: float, sent: int
    ) -> None:
        """Notes a finished request; `sent` are the bytes of the answer's body. Called by the edge."""
        path = scope["path"]
        level = level_of(status, path)
        if not logger.isEnabledFor(level):
            return
        state = scope["state"]
        line = {
            "time": datetime.now(UTC),
            "level": LEVELS[level],
            "logger": "hubbub.request",
            "event": "request",
            "request_id": state["request_id"],
            "method": scope["method"],
            "route": route,
            "status": status,
            "ms": round(seconds * 1000, 2),
            "bytes": sent,
            "address": state["address"],
            **self._origin,
        }
        if user := state.get("user"):
            line["user"] = user
        if trace := TRACE.get():
            line["trace_id"] = trace
        logs = self._logs
        if route == "other":
            # Of what has no route, there is no other name. A query is never written.
            known = path[:LONGEST_PATH]
            line["path"] = logs.redactor.text(known) if logs else known
        if logs is None:
            logger.log(level, "%s %s %d", line["method"], route, status, extra={"fields": line})
            return
        try:
            text = orjson.dumps(line, option=orjson.OPT_UTC_Z)
        except TypeError:
            # Half a surrogate pair in the path.
            line["path"] = repr(path)[:LONGEST_PATH]
            text = orjson.dumps(line, option=orjson.OPT_UTC_Z)
        console = logs.console
        if console is not None and level >= console.level:
            console.print(readable(line) if self._readable else text.decode())
        if logs.files is None:
            return
        if level >= logging.ERROR:
            logs.files.write(text + b"\n", level)
        elif logs.files.write_later(text + b"\n"):
            asyncio.get_running_loop().call_later(WRITE_SECONDS, logs.files.flush)


def readable(line: dict[str, Any]) -> str:
    """A request's line for people, in development."""
    place = line.get("path") or line["route"]
    time = line["time"].strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return (
        f"{time} [{line['level']:<8}] {line['method']} {place} {line['status']} "
        f"{line['ms']} ms {line['bytes']} B request_id={line['request_id']}"
    )
