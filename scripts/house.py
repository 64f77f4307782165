"""What the commands of the house share: where things lie, how to run a tool, how to give up."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"
WEB = ROOT / "web"


def fail(sentence: str) -> NoReturn:
    """Ends the command with one sentence on standard error and status 1."""
    sys.stdout.flush()
    print(sentence, file=sys.stderr, flush=True)
    raise SystemExit(1)


def tell(sentence: str) -> None:
    print(sentence, flush=True)


def tool_environment() -> dict[str, str]:
    """The caller's environment with .venv first on PATH and nothing that bends its Python.

    Debian keeps servers in sbin, which is not on everybody's PATH, so that comes last.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")
    }
    path = [str(BIN), environment.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"]
    environment["PATH"] = os.pathsep.join(path)
    return environment


def find_tool(name: str) -> str | None:
    """The full path of a program as our tools would find it, or None."""
    return shutil.which(name, path=tool_environment()["PATH"])


def run_quietly(
    command: Sequence[str | Path], cwd: Path = ROOT, extra: Mapping[str, str] | None = None
) -> None:
    """Runs a tool; shows its output only when it fails, and ends the command then."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**tool_environment(), **(extra or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode:
        print(done.stdout, file=sys.stderr, end="")
        words = " ".join(Path(command[0]).name if i == 0 else str(w) for i, w in enumerate(command))
        fail(f"Failed with status {done.returncode}: {words}")
