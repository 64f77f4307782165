"""`make dev`: the server, restarted when its sources change, and the client's dev server before it.

Open the address that Vite prints: it serves the client from its sources and hands /api and
/socket.io on to the server. Ctrl-C, or the end of either, ends both.
"""

import os
import shlex
import signal
import subprocess
import time
from contextlib import suppress
from types import FrameType

from scripts.house import BIN, ROOT, WEB, tell, tool_environment

PATIENCE = 10.0


class StopAsked(Exception):  # noqa: N818, it is no error
    """Somebody asked for the end."""


def main() -> None:
    host, port = os.environ.get("HOST") or "127.0.0.1", os.environ.get("PORT") or "8000"
    seen_at = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104
    environment = tool_environment()
    environment.setdefault("HUBBUB_DEV_SERVER", f"http://{seen_at}:{port}")

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise StopAsked

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    serve = shlex.join([str(BIN / "hubbub"), "serve"])
    restarting = ["--filter", "python", "--sigint-timeout", "10", serve, str(ROOT / "hubbub")]
    commands = {
        "server": ([str(BIN / "watchfiles"), *restarting], ROOT),
        "client": (["npm", "run", "--silent", "dev"], WEB),
    }
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, (command, folder) in commands.items():
            # A session each, so that Ctrl-C reaches us alone and a whole tree can be ended.
            running[name] = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        while not any(ended := [n for n, p in running.items() if p.poll() is not None]):
            time.sleep(0.3)
        tell(f"The {ended[0]} ended; ending the rest.")
        status = 1
    except StopAsked:
        status = 0
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        end_all(list(running.values()))
    raise SystemExit(status)


def end_all(processes: list[subprocess.Popen[bytes]]) -> None:
    """Asks every tree of processes to stop, and ends after a while what did not."""
    for process in processes:
        send(process, signal.SIGINT)
    deadline = time.monotonic() + PATIENCE
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.1, deadline - time.monotonic()))
        send(process, signal.SIGKILL)
        process.wait()


def send(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


if __name__ == "__main__":
    main()
