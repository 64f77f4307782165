"""Development: has a file changed. Looked at, not listened for: that needs nothing but the standard library."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

MOST_FILES = 20_000
SKIPPED = ("node_modules",)


def fingerprint(folders: Sequence[str]) -> int:
    """A number that is another one when a file below these folders was changed, made or removed."""
    seen = []
    for count, (name, stat) in enumerate(files(folders)):
        if count >= MOST_FILES:
            break
        seen.append((name, stat.st_mtime_ns, stat.st_size))
    return hash(tuple(sorted(seen)))


def files(folders: Sequence[str]) -> Iterator[tuple[str, os.stat_result]]:
    """Every file that a person may have written: nothing hidden, cached or installed."""
    waiting = [str(Path(folder)) for folder in folders]
    while waiting:
        folder = waiting.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        for entry in entries:
            if entry.name.startswith((".", "__")) and not entry.name.endswith(".py"):
                continue
            try:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name not in SKIPPED:
                        waiting.append(entry.path)
                else:
                    yield entry.path, entry.stat()
            except OSError:
                continue
