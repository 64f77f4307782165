"""Log files that several processes append to, and their rotation. Standard library only.

A line is written whole with one `write` to a descriptor opened with O_APPEND: Linux holds the file's lock meanwhile,
so lines of several processes neither mix nor overwrite each other. A file that was renamed is left alone by whoever
writes next, and lines that went into it at the last moment are in the renamed file.
"""

import fcntl
import json
import os
import re
import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

REOPENED = ("combined.log", "error.log")
"""Whoever writes these opens them again after a rename; every other file is copied and emptied."""
LOCK = ".rotation"
"""Locked by who rotates; holds since when each file is written."""
AGE_CHECK_SECONDS = 60.0
SETTLED_SECONDS = 60.0
"""So long after its rename a file may still get a line from a process that was held up; then it is compressed."""
DAY = 86_400.0
COPY_BYTES = 1 << 20
STAMP = re.compile(r"\.\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{6}(\.gz)?$")


@dataclass(frozen=True)
class Rotation:
    """When a file is rotated and how many rotated ones of each are kept."""

    largest: int = 50_000_000
    days: float = 1.0
    kept: int = 10
    compress: bool = False


class LogFile:
    """One file, written by several threads and processes at once. Never raises when it cannot be written.

    With `rotation` this process rotates it itself, in step with the others; without, somebody else does.
    """

    def __init__(self, path: Path, rotation: Rotation | None = None) -> None:
        self.path = path
        self.lost = 0
        """Lines that could not be written."""
        self._rotation = rotation
        self._name = str(path)
        self._descriptor = -1
        self._identity = (0, 0)
        self._age_check = time.monotonic() + AGE_CHECK_SECONDS
        self._lock = threading.Lock()

    def write(self, lines: bytes) -> bool:
        """Appends whole lines, each ended by a newline; whether that worked."""
        with self._lock:
            try:
                size = self._open()
                written = os.write(self._descriptor, lines)
                if written < len(lines):
                    # A disk that is all but full took a part; the rest says what is wrong.
                    os.write(self._descriptor, lines[written:])
            except OSError:
                self.lost += lines.count(b"\n")
                self._end_line()
                return False
            if self._rotation is not None:
                self._rotate(self._rotation, size + len(lines))
            return True

    def close(self) -> None:
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1

    def _open(self) -> int:
        """Makes sure that the descriptor is of the file with our name; that file's size."""
        try:
            found = os.stat(self._name)
            if self._descriptor >= 0 and (found.st_dev, found.st_ino) == self._identity:
                return found.st_size
        except FileNotFoundError:
            pass
        opened = os.open(self._name, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = opened
        found = os.fstat(opened)
        self._identity = (found.st_dev, found.st_ino)
        return found.st_size

    def _end_line(self) -> None:
        """Makes the last byte of a line that was cut short its end, so that the next one stands by itself."""
        with suppress(OSError):
            size = os.fstat(self._descriptor).st_size
            # Not our descriptor: one with O_APPEND appends whatever the offset.
            plain = os.open(self._name, os.O_RDWR | os.O_CLOEXEC)
            try:
                if size and os.pread(plain, 1, size - 1) != b"\n":
                    os.pwrite(plain, b"\n", size - 1)
            finally:
                os.close(plain)

    def _rotate(self, rotation: Rotation, size: int) -> None:
        now = time.monotonic()
        if size < rotation.largest and now < self._age_check:
            return
        self._age_check = now + AGE_CHECK_SECONDS
        with suppress(OSError):
            rotate_folder(self.path.parent, rotation, [self.path.name])


def rotate_folder(
    folder: Path, rotation: Rotation, names: Iterable[str] | None = None
) -> list[Path]:
    """Rotates the files that are too large or too old, of those names or every *.log and *.out; the rotated ones.

    Does nothing while another process is at it. Raises OSError.
    """
    rotated = []
    with holding(folder / LOCK) as since:
        if since is None:
            return []
        now = time.time()
        for name in list(names or log_names(folder)):
            path = folder / name
            try:
                size = path.stat().st_size
            except FileNotFoundError:
                continue
            started = since.setdefault(name, now)
            if size and (size >= rotation.largest or now - started >= rotation.days * DAY):
                rotated.append(rotate_file(path))
                since[name] = now
            tidy(path, rotation)
    return rotated


@contextmanager
def holding(path: Path) -> Iterator[dict[str, float] | None]:
    """The times kept in the lock file while it is ours, written back after; None while it is another's."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    with os.fdopen(descriptor, "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        text = file.read()
        try:
            since = {str(name): float(at) for name, at in json.loads(text or "{}").items()}
        except (ValueError, TypeError, AttributeError):
            since = {}
        yield since
        after = json.dumps(since)
        if after != text:
            file.seek(0)
            file.truncate()
            file.write(after)


def log_names(folder: Path) -> list[str]:
    """The files that are written now."""
    return sorted(path.name for path in folder.iterdir() if path.suffix in (".log", ".out"))


def rotated_files(path: Path) -> list[Path]:
    """What was rotated of that file, the oldest first."""
    start = len(path.name)
    return sorted(
        found
        for found in path.parent.iterdir()
        if found.name.startswith(path.name) and STAMP.fullmatch(found.name[start:])
    )


def rotate_file(path: Path) -> Path:
    """Puts what was written so far into a file with the time in its name, and answers that."""
    while True:
        stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S.%f")
        target = path.with_name(f"{path.name}.{stamp}")
        if not target.exists():
            break
    if path.name in REOPENED:
        path.rename(target)
        return target
    # Its writer keeps it open. What it writes between the last look and the cut is lost: some microseconds' worth.
    with path.open("r+b") as source, target.open("xb") as copy:
        os.chmod(copy.fileno(), 0o640)
        while block := source.read(COPY_BYTES):
            copy.write(block)
            copy.flush()
        source.truncate(0)
    return target


def tidy(path: Path, rotation: Rotation) -> None:
    """Removes rotated files beyond what is kept, and compresses what nobody writes any more."""
    found = rotated_files(path)
    kept = found[-rotation.kept :] if rotation.kept else []
    for old in found[: len(found) - len(kept)]:
        old.unlink(missing_ok=True)
    if not rotation.compress:
        return
    import gzip

    for old in kept:
        if old.suffix == ".gz" or time.time() - old.stat().st_mtime < SETTLED_SECONDS:
            continue
        part = old.with_name(f".{old.name}.part")
        with old.open("rb") as source, gzip.open(part, "wb", compresslevel=6) as target:
            shutil.copyfileobj(source, target, COPY_BYTES)
        part.replace(old.with_name(f"{old.name}.gz"))
        old.unlink()
