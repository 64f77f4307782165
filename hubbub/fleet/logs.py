"""The fleet's log files: rotating, following and emptying them. Standard library only."""

import json
import logging
import os
import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from hubbub.fleet.log_file import LogFile, Rotation, log_names, rotate_folder, rotated_files
from hubbub.fleet.redaction import Redactor
from hubbub.fleet.settings import FleetSettings, size

COMBINED = "combined.log"
ERRORS = "error.log"
SUPERVISOR = "supervisor"
LONGEST_TEXT = 8_000
POLL_SECONDS = 0.2
LAST_LINES = 100
LAST_BYTES = 1 << 20
"""How far back the last lines are looked for."""
READ_BYTES = 1 << 18


def rotation_of(settings: FleetSettings) -> Rotation:
    return Rotation(
        size(settings.log_bytes), settings.log_days, settings.log_kept, settings.log_gzip
    )


def rotate(settings: FleetSettings) -> list[Path]:
    """Rotates what is too large or too old in the log folder, and answers the rotated files.

    Takes microseconds while nothing is due; with `log_gzip`, run it in a thread. Raises OSError.
    """
    if not settings.log_dir.is_dir():
        return []
    return rotate_folder(settings.log_dir, rotation_of(settings))


def flush(settings: FleetSettings) -> int:
    """Empties every log file and removes the rotated ones; how many bytes that freed. Raises OSError."""
    freed = 0
    if not settings.log_dir.is_dir():
        return 0
    for name in log_names(settings.log_dir):
        path = settings.log_dir / name
        for old in rotated_files(path):
            freed += old.stat().st_size
            old.unlink()
        freed += path.stat().st_size
        os.truncate(path, 0)
    return freed


class Lines(logging.Handler):
    """The supervisor's own lines among the workers', as JSON: the same fields, and `worker` is "supervisor"."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._files = [
            (LogFile(folder / COMBINED), logging.NOTSET),
            (LogFile(folder / ERRORS), logging.ERROR),
        ]
        self._redactor = Redactor()
        self._node = os.uname().nodename

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = {
                "time": datetime.fromtimestamp(record.created, UTC).isoformat()[:-6] + "Z",
                "level": record.levelname.lower(),
                "logger": record.name,
                "event": self._text(record.getMessage()),
                "worker": SUPERVISOR,
                "node": self._node,
            }
            if record.exc_info:
                line["exception"] = self._text(
                    "".join(traceback.format_exception(*record.exc_info))
                )
            encoded = json.dumps(line).encode() + b"\n"
        except Exception:
            self.handleError(record)
            return
        for file, lowest in self._files:
            if record.levelno >= lowest:
                file.write(encoded)

    def _text(self, text: str) -> str:
        text = self._redactor.text(text)
        if len(text) <= LONGEST_TEXT:
            return text
        return f"{text[: LONGEST_TEXT // 2]} … cut … {text[-LONGEST_TEXT // 2 :]}"


class Tail:
    """Reads what is appended to a file, through its rotation, whether renamed or emptied."""

    def __init__(self, path: Path, last: int) -> None:
        self._path = path
        self._file: IO[bytes] | None = None
        self._rest = b""
        self._idle = 0
        with suppress(FileNotFoundError):
            self._file = path.open("rb")
            self._go_back(self._file, last)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def read(self) -> list[str]:
        """The whole lines since the last call; a part of a line waits for its end."""
        if self._file is None:
            try:
                self._file = self._path.open("rb")
            except FileNotFoundError:
                return []
        block = self._file.read(READ_BYTES)
        if not block:
            return self.read() if self._look_for_rotation(self._file) else []
        self._idle = 0
        *lines, self._rest = (self._rest + block).split(b"\n")
        if len(self._rest) > LAST_BYTES:
            lines, self._rest = [*lines, self._rest], b""
        return [line.decode(errors="replace") for line in lines if line]

    def _go_back(self, file: IO[bytes], last: int) -> None:
        """To the beginning of the last lines."""
        end = file.seek(0, os.SEEK_END)
        start = file.seek(max(0, end - LAST_BYTES))
        lines = file.read(end - start).split(b"\n")
        if start:
            lines = lines[1:]
        wanted = lines[-last - 1 :] if last else lines[-1:]
        file.seek(end - len(b"\n".join(wanted)))

    def _look_for_rotation(self, file: IO[bytes]) -> bool:
        """At the end of what is there: whether there is another file to read on in."""
        mine = os.fstat(file.fileno())
        if mine.st_size < file.tell():
            file.seek(0)
            self._rest = b""
            return False
        later = self._later(mine)
        # Somebody who was just writing may still add a line to the file renamed last: one more look, some time later.
        self._idle += 1
        if not later or (len(later) == 1 and self._idle < 2):
            return False
        with suppress(FileNotFoundError):
            self._file = later[0].open("rb")
            self._rest = b""
            self._idle = 0
            file.close()
            return True
        return False

    def _later(self, mine: os.stat_result) -> list[Path]:
        """What was written after the file that is read: there may have been several rotations since."""
        try:
            if os.path.samestat(os.stat(self._path), mine):
                return []
        except FileNotFoundError:
            return []
        rotated = rotated_files(self._path)
        for number, path in enumerate(rotated):
            with suppress(FileNotFoundError):
                if os.path.samestat(os.stat(path), mine):
                    return [*rotated[number + 1 :], self._path]
        return [self._path]


def follow(
    settings: FleetSettings,
    worker: str | None = None,
    errors: bool = False,
    follow: bool = True,
    last: int = LAST_LINES,
) -> Iterator[str]:
    """The last lines of the logs and then, with `follow`, what is added, until the caller stops asking.

    The shared file's lines come as they are; what a process printed itself comes after `[its name]`. `worker`: of one
    process alone. `errors`: error.log alone. Blocks; give it a thread or a process of its own.
    """
    folder = settings.log_dir
    shared = Tail(folder / (ERRORS if errors else COMBINED), last)
    printed: dict[str, Tail] = {}
    try:
        first = True
        while True:
            if not errors:
                for name in log_names(folder) if folder.is_dir() else []:
                    if name.endswith(".out") and name not in printed:
                        # One that appears later is new: all of it.
                        printed[name] = Tail(folder / name, last if first else LAST_BYTES)
            some = False
            for name, tail in printed.items():
                # The supervisor prints what it writes into the shared log as well, and why it could not start.
                if name == f"{worker}.out" or (worker is None and name != f"{SUPERVISOR}.out"):
                    for line in tail.read():
                        some = True
                        if not told_elsewhere(line):
                            yield f"[{name.removesuffix('.out')}] {line}"
            for line in shared.read():
                some = True
                if worker is None or (worker_of(line) == worker and worker != SUPERVISOR):
                    yield line
            if not some:
                if not follow:
                    return
                first = False
                time.sleep(POLL_SECONDS)
    finally:
        for tail in (shared, *printed.values()):
            tail.close()


def told_elsewhere(line: str) -> bool:
    """Whether a line that a process printed is in the shared log as well."""
    return worker_of(line) is not None


def worker_of(line: str) -> str | None:
    """Who wrote a line of the shared log."""
    if line.startswith("{"):
        with suppress(ValueError, KeyError):
            return str(json.loads(line)["worker"])
    return None
