"""Errors by kind: how often, when first and last, where. Of browsers, and what the server logs with a traceback."""

import logging
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePath
from typing import Any

from sqlalchemy import Connection, and_, delete, func, or_, select, text

from hubbub.kernel.clock import format_time
from hubbub.kernel.errors import Invalid, Problem
from hubbub.kernel.ids import new_id
from hubbub.kernel.kernel import Kernel
from hubbub.operations.models import error_reports
from hubbub.operations.redaction import (
    clean_message,
    clean_stack,
    describe_traceback,
    fingerprint,
    name_browser,
    redact_path,
)

logger = logging.getLogger("hubbub.operations")

WAITING = 200
"""Kinds that wait to be written; more at once are only logged."""
KEPT = 500
"""Kinds in the table; the one unseen for longest goes first."""
KEPT_MS = 30 * 86_400_000

UPSERT = text(
    """INSERT INTO error_reports (id, fingerprint, source, message, stack, place, release, browser,
                           request_id, node, count, first_at, last_at)
VALUES (:id, :fingerprint, :source, :message, :stack, :place, :release, :browser,
        :request_id, :node, :count, :first_at, :last_at)
ON CONFLICT (fingerprint) DO UPDATE SET
    count = error_reports.count + excluded.count, last_at = excluded.last_at, place = excluded.place,
    release = excluded.release, browser = excluded.browser, request_id = excluded.request_id,
    node = excluded.node, stack = excluded.stack"""
)


@dataclass
class Report:
    """An error as it came in; cleaned when it is noted."""

    source: str
    message: str
    stack: str
    place: str = ""
    release: str = ""
    browser: str = ""
    request_id: str = ""


class ErrorLog:
    """Takes errors at once and writes them down together, at `flush`."""

    def __init__(self, kernel: Kernel, node: str, release: str) -> None:
        self._kernel = kernel
        self._node = node
        # A release may be a folder; its name is enough.
        self._release = PurePath(release).name
        self._waiting: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()
        self._handler = Handler(self)

    def start(self) -> None:
        """From now on, errors with a traceback that this process logs are noted."""
        logging.getLogger("hubbub").addHandler(self._handler)

    def stop(self) -> None:
        logging.getLogger("hubbub").removeHandler(self._handler)

    def note_browser(
        self, message: str, stack: str, path: str, release: str, agent: str, request_id: str
    ) -> str:
        """Notes what a browser reported; answers its fingerprint."""
        return self.note(
            Report(
                "browser",
                clean_message(message),
                clean_stack(stack),
                redact_path(path)[:300],
                release[:100],
                name_browser(agent),
                request_id,
            )
        )

    def note(self, report: Report) -> str:
        """Notes a clean report; answers its fingerprint. Any thread may call it."""
        kind = fingerprint(report.source, report.message, report.stack)
        now = self._kernel.clock()
        with self._lock:
            earlier = self._waiting.get(kind)
            if earlier is None and len(self._waiting) >= WAITING:
                return kind
            self._waiting[kind] = {
                "id": new_id(),
                "fingerprint": kind,
                "count": 1,
                "first_at": now,
                "last_at": now,
                "node": self._node,
                **asdict(report),
                "release": report.release or self._release,
                "request_id": report.request_id[:64],
            }
            if earlier is not None:
                join(self._waiting[kind], earlier)
        return kind

    async def flush(self) -> None:
        """Writes down what was noted; what cannot be written now waits for the next time."""
        if not self._waiting:
            return
        with self._lock:
            batch, self._waiting = self._waiting, {}
        rows = sorted(batch.values(), key=lambda row: row["fingerprint"])
        now = self._kernel.clock()

        def work() -> None:
            with self._kernel.database.writing() as connection:
                write_reports(connection, rows, now)

        try:
            await self._kernel.database.run_writer(work)
        except Problem as problem:
            logger.warning("errors wait for the database: %s", problem)
            with self._lock:
                for kind, row in batch.items():
                    if kind in self._waiting:
                        join(self._waiting[kind], row)
                    elif len(self._waiting) < WAITING:
                        self._waiting[kind] = row


def join(row: dict[str, Any], earlier: dict[str, Any]) -> None:
    """Adds what was noted earlier to a row of the same kind."""
    row["count"] += earlier["count"]
    row["first_at"] = earlier["first_at"]
    row["id"] = earlier["id"]


class Handler(logging.Handler):
    """Notes the errors of this process that come with a traceback."""

    def __init__(self, errors: ErrorLog) -> None:
        super().__init__(logging.ERROR)
        self._errors = errors

    def emit(self, record: logging.LogRecord) -> None:
        if not isinstance(record.exc_info, tuple) or record.exc_info[1] is None:
            return
        _, error, traceback = record.exc_info
        request = getattr(record, "request_id", "")
        self._errors.note(
            Report(
                "server",
                clean_message(f"{type(error).__name__}: {error}"),
                describe_traceback(traceback),
                place=record.name,
                request_id=request if isinstance(request, str) else "",
            )
        )


def write_reports(connection: Connection, rows: Sequence[dict[str, Any]], now: int) -> None:
    """Adds the reports to those of their kind, and lets the oldest go when there are too many."""
    connection.execute(UPSERT, list(rows))
    table = error_reports
    connection.execute(delete(table).where(table.c.last_at < now - KEPT_MS))
    count = connection.execute(select(func.count()).select_from(table)).scalar_one()
    if count > KEPT:
        oldest = select(table.c.id).order_by(table.c.last_at, table.c.id).limit(count - KEPT)
        connection.execute(delete(table).where(table.c.id.in_(oldest)))


def read_page(connection: Connection, limit: int, cursor: str | None) -> dict[str, Any]:
    """{items, next}, the kinds seen last first. Raises Invalid for a cursor that is none."""
    table = error_reports
    query = select(table).order_by(table.c.last_at.desc(), table.c.id.desc()).limit(limit + 1)
    if cursor is not None:
        at, _, identifier = cursor.partition(".")
        if not at.isdecimal() or len(at) > 16 or len(identifier) != 36:
            raise Invalid("cursor: this is no cursor of this list.")
        before = or_(
            table.c.last_at < int(at), and_(table.c.last_at == int(at), table.c.id < identifier)
        )
        query = query.where(before)
    rows = list(connection.execute(query).mappings())
    more = len(rows) > limit
    rows = rows[:limit]
    return {
        "items": [
            {name: row[name] for name in SHOWN}
            | {"first_at": format_time(row["first_at"]), "last_at": format_time(row["last_at"])}
            for row in rows
        ],
        "next": f"{rows[-1]['last_at']}.{rows[-1]['id']}" if more else None,
    }


SHOWN = (
    "id",
    "fingerprint",
    "source",
    "message",
    "stack",
    "place",
    "release",
    "browser",
    "request_id",
    "node",
    "count",
)
