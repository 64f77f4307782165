"""Structured logs: one JSON object a line in production, a readable line elsewhere (docs/observability.md)."""

import logging
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import structlog

from hubbub.fleet.log_file import LogFile, Rotation
from hubbub.fleet.redaction import Redactor
from hubbub.kernel.context import REQUEST, TRACE

LONGEST_LINE = 32_768
"""Bytes; what is longer is cut, and says so in `cut`."""
LONGEST_TEXT = 4_000
LONGEST_STACK = 12_000
WAITING_BYTES = 65_536
"""Of lines that wait to be written together."""

SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
]


@dataclass(frozen=True)
class Origin:
    """Who writes: in every line."""

    worker: str
    node: str
    """The machine."""
    release: str = ""

    def fields(self) -> dict[str, str]:
        return {"worker": self.worker, "node": self.node, "release": self.release}


class SharedFiles(logging.Handler):
    """combined.log, and error.log beside it for errors alone, shared with the other processes of the machine."""

    def __init__(self, directory: Path, rotation: Rotation | None, origin: Origin) -> None:
        super().__init__()
        self._origin = origin
        self._told: dict[LogFile, int] = {}
        self._mutex = threading.Lock()
        self._files = [
            (LogFile(directory / "combined.log", rotation), logging.NOTSET),
            (LogFile(directory / "error.log", rotation), logging.ERROR),
        ]
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record).encode("utf-8", "replace") + b"\n"
        except Exception:
            line = self._make_line(f"a line of {record.name} could not be formatted")
        self.write(line, record.levelno)

    def write(self, line: bytes, level: int) -> None:
        """Writes a line now, after those that wait."""
        with self._mutex:
            waiting = b"".join(self._waiting)
            self._waiting.clear()
            self._waiting_bytes = 0
            for file, lowest in self._files:
                if level >= lowest:
                    file.write(line if lowest else waiting + line)
            self._tell_lost()

    def write_later(self, line: bytes) -> bool:
        """Keeps a line, which is no error, for the next write; whether it is the first that waits."""
        with self._mutex:
            self._waiting.append(line)
            self._waiting_bytes += len(line)
            first = len(self._waiting) == 1
            full = self._waiting_bytes >= WAITING_BYTES
        if full:
            self.flush()
        return first and not full

    def flush(self) -> None:
        with self._mutex:
            if self._waiting:
                self._files[0][0].write(b"".join(self._waiting))
                self._waiting.clear()
                self._waiting_bytes = 0
                self._tell_lost()

    def _tell_lost(self) -> None:
        """When the files can be written again, says how many lines are missing."""
        for file, _ in self._files:
            missing = file.lost - self._told.get(file, 0)
            if missing and file.write(self._make_line(f"{missing} lines could not be written")):
                self._told[file] = file.lost
            elif missing:
                # That one was none of them.
                file.lost -= 1

    def _make_line(self, event: str) -> bytes:
        line = {"time": datetime.now(UTC), "level": "error", "logger": "hubbub.logging"}
        line |= {"event": event, **self._origin.fields()}
        return orjson.dumps(line, option=orjson.OPT_UTC_Z) + b"\n"

    def close(self) -> None:
        self.flush()
        for file, _ in self._files:
            file.close()
        super().close()


class Console(logging.StreamHandler[Any]):
    """Standard output. When nobody takes it, as on a full disk, lines are dropped."""

    def __init__(self) -> None:
        super().__init__(sys.stdout)
        self._mutex = threading.Lock()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            super().flush()

    def print(self, line: str) -> None:
        """Writes a line that is ready."""
        with suppress(OSError, ValueError), self._mutex:
            self.stream.write(line + self.terminator)
            self.stream.flush()


@dataclass(frozen=True)
class Logs:
    """Where lines go, for who writes them in another way than through `logging`."""

    origin: Origin
    redactor: Redactor
    console: Console | None
    json: bool
    files: SharedFiles | None


def configure_logging(
    level: str,
    *,
    json: bool,
    directory: Path | None,
    origin: Origin,
    secrets: Sequence[str] = (),
    rotation: Rotation | None = None,
    console_level: int = logging.NOTSET,
) -> Logs:
    """Sends every logger to standard output, and to combined.log and error.log in `directory`.

    A file's line, and with `json` the console's, is an object with `time`, `level`, `logger`, `event`, `worker`,
    `node`, `release`, `request_id` within a request, and `exception`, the stack. `secrets` are hidden by value, others
    by their names and shapes. With `rotation` this process rotates the files; without, the supervisor does. The console
    has what is at least at `console_level`. Raises OSError when the directory cannot be made.
    """
    redactor = Redactor(secrets)
    fields = origin.fields()

    def add_context(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
        if (request := REQUEST.get()) and "request_id" not in event:
            event["request_id"] = request
        if trace := TRACE.get():
            event["trace_id"] = trace
        return event

    def redact(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
        return redactor.fields(event)

    def name_origin(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
        return {"time": event.pop("time", ""), "level": event.pop("level", ""), **event, **fields}

    first: list[Any] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        # Before anything is hidden: a stack has secrets too.
        structlog.processors.format_exc_info,
        add_context,
        redact,
    ]
    last: list[Any] = [name_origin, render]
    as_json = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=SHARED, processors=[*first, *last]
    )
    readable = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=SHARED,
        processors=[
            *first,
            structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), timestamp_key="time"),
        ],
    )
    console = Console()
    console.setLevel(console_level)
    console.setFormatter(as_json if json else readable)
    handlers: list[logging.Handler] = [console]
    files = None
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
        files = SharedFiles(directory, rotation, origin)
        files.setFormatter(as_json)
        handlers.append(files)
    logging.basicConfig(level=level.upper(), handlers=handlers, force=True)
    logging.captureWarnings(True)
    threading.excepthook = log_thread_end
    # Requests are logged once, by our own edge, with their id and outcome.
    logging.getLogger("uvicorn.access").disabled = True
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    return Logs(origin, redactor, console, json, files)


def render(_logger: Any, _method: str, event: dict[str, Any]) -> str:
    """The event as one line of JSON, not longer than LONGEST_LINE."""
    line = dump(event)
    if len(line) <= LONGEST_LINE:
        return line.decode()
    length = len(line)
    shorter = {name: shorten(name, value) for name, value in event.items()}
    line = dump(shorter | {"cut": length})
    if len(line) <= LONGEST_LINE:
        return line.decode()
    # So many fields that even their beginnings are too much: what identifies the line stays.
    names = (
        "time",
        "level",
        "logger",
        "event",
        "request_id",
        "worker",
        "node",
        "release",
        "exception",
    )
    return dump(
        {name: shorter[name] for name in names if name in shorter} | {"cut": length}
    ).decode()


def dump(event: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(event)
    except (TypeError, ValueError):
        # What JSON cannot say: half a surrogate pair, a number beyond 64 bits.
        plain = {
            str(name): str(value).encode("utf-8", "replace").decode()
            for name, value in event.items()
        }
        return orjson.dumps(plain)


def shorten(name: str, value: Any) -> Any:
    """A long text's beginning; of a stack the end as well, where the error is."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else str(value)
    longest = LONGEST_STACK // 2
    if name == "exception" and len(text) > 2 * longest:
        return f"{text[:longest]}\n… cut …\n{text[-longest:]}"
    return (
        text if len(text) <= LONGEST_TEXT or name == "exception" else f"{text[:LONGEST_TEXT]} … cut"
    )


def log_thread_end(args: threading.ExceptHookArgs) -> None:
    """A thread that ends with an exception says so in the log."""
    if args.exc_type is SystemExit or args.exc_value is None:
        return
    name = args.thread.name if args.thread else "?"
    logging.getLogger("hubbub.thread").error("thread %s ended", name, exc_info=args.exc_value)
