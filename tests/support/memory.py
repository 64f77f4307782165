"""Puts what the tests write into memory, where the machine has room for it.

Hundreds of databases are made, filled and dropped; on a disk that alone takes minutes. They flush as they always do.
"""

import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")
ROOM = 6 << 30
"""Bytes that must be free, in the file system and of the memory; a run uses about a tenth of it."""
LEFT_SECONDS = 6 * 3600
"""What a run that was killed has left behind is removed after that long."""


def use_memory() -> None:
    """Makes a folder in memory the one for temporary files, of this process and of those it starts.

    Does nothing where there is too little room, or somebody has set TMPDIR.
    """
    if "TMPDIR" in os.environ or not has_room():
        return
    folder = SHARED_MEMORY / f"hubbub-{os.getuid()}"
    # PostgreSQL and nginx run as somebody else, who may pass but see nothing.
    folder.mkdir(exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        return
    folder.chmod(0o711)
    for left in folder.iterdir():
        with suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > LEFT_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)


def has_room() -> bool:
    try:
        free = shutil.disk_usage(SHARED_MEMORY).free
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return False
    kilobytes = next(line.split()[1] for line in lines if line.startswith("MemAvailable:"))
    return min(free, int(kilobytes) << 10) >= ROOM
