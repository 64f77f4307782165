"""The stock socket.io-client on Node, for the tests that run it."""

import fcntl
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "gateway" / "js"


def tool(name: str) -> str:
    """The virtual environment's Node or npm, or the system's."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    assert found, f"{name} is missing: install Node 20 or later, or the group 'node'"
    return found


@cache
def ensure_node() -> str:
    """The path of Node; installs the client beside the scenarios when it is not there yet."""
    with (FOLDER / "package.json").open() as lock:
        # One of several test processes installs, the others wait for it.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (FOLDER / "node_modules" / "socket.io-client" / "package.json").exists():
            command = [tool("npm"), "ci", "--no-audit", "--no-fund"]
            path = f"{Path(tool('node')).parent}:/usr/bin:/bin"
            subprocess.run(command, cwd=FOLDER, check=True, env={**os.environ, "PATH": path})
    return tool("node")
