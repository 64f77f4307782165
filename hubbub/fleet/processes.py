"""Linux processes: started so that they outlive us, found again without mistaking another for them, and watched."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path

from hubbub.fleet.errors import FleetError

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGESIZE")
ORDINARY_SIGNALS = (signal.SIGPIPE, signal.SIGXFSZ)
"""What Python ignores and a program started by it should not."""
TAIL_BYTES = 4_000


def boot() -> str:
    """Names this run of the kernel: pids and start ticks say nothing across two of them."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def start_ticks(pid: int) -> int:
    """When that process started, in clock ticks since boot; 0 when it is gone or only waits to be reaped."""
    fields = stat(pid)
    return int(fields[19]) if fields and fields[0] not in "ZX" else 0


def stat(pid: int) -> list[str]:
    """/proc/PID/stat from its third field on (the state), [] when there is no such process. See proc(5)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return []
    # The second field is the program's name in parentheses, and may hold both spaces and parentheses.
    return text.rpartition(")")[2].split()


def usage(pid: int) -> tuple[float, int]:
    """CPU seconds used so far and resident bytes; (0, 0) when it is gone."""
    fields = stat(pid)
    if not fields:
        return 0.0, 0
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND, int(fields[21]) * PAGE


class Child:
    """A running process, started by us or by the supervisor before us."""

    def __init__(
        self, pid: int, ticks: int, gone: Callable[["Child"], None], *, adopted: bool = False
    ) -> None:
        """Watches it; `gone` is called once, from the event loop, when it has ended.

        Raises ProcessLookupError when one that is `adopted` is gone already, or is another one with the same number.
        """
        self.pid = pid
        self.ticks = ticks
        self.ended = asyncio.Event()
        self.outcome = ""
        """How it ended, for people."""
        self.blame = ""
        """Why we killed it, where we did."""
        self._gone = gone
        self._fd = os.pidfd_open(pid)
        # After the descriptor is open the number cannot be given to another process unseen.
        if adopted and start_ticks(pid) != ticks:
            os.close(self._fd)
            raise ProcessLookupError(f"process {pid} is another one now")
        asyncio.get_running_loop().add_reader(self._fd, self._on_exit)

    def send(self, number: int) -> None:
        """Sends a signal; nothing happens when the process is gone."""
        if not self.ended.is_set():
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._fd, number)

    def kill_session(self) -> None:
        """Ends it at once, with all it has started in its own process group."""
        if self.ended.is_set():
            return
        with suppress(ProcessLookupError, PermissionError):
            # Asked through the descriptor first: its number cannot be another's while it is there.
            signal.pidfd_send_signal(self._fd, 0)
            if os.getpgid(self.pid) == self.pid:
                os.killpg(self.pid, signal.SIGKILL)
        self.send(signal.SIGKILL)

    async def wait(self, seconds: float) -> bool:
        """Whether it ended in that time."""
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.ended.wait(), seconds)
        return self.ended.is_set()

    def forget(self) -> None:
        """Stops watching it, and lets it run."""
        if not self.ended.is_set():
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)

    def _on_exit(self) -> None:
        asyncio.get_running_loop().remove_reader(self._fd)
        self.outcome = reap(self.pid)
        self.ended.set()
        os.close(self._fd)
        self._gone(self)


def reap(pid: int) -> str:
    """Takes the exit status of a child; how it ended, as far as can be known."""
    try:
        done, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return "ended (it was started by an earlier supervisor, which alone could know how)"
    if not done:
        return "ended"
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"exited with code {code}"
    with suppress(ValueError):
        return f"killed by {signal.Signals(-code).name}"
    return f"killed by signal {-code}"


def spawn(
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: str,
    output: Path,
    started: Callable[[int, int], None],
) -> int:
    """Starts a program as leader of its own session, standard output and error appended to a file.

    `started` gets pid and start ticks and writes them down; only then is the program run, so that there never is one
    that no table knows. Where this process dies in between, the child ends. Raises FleetError when there is no such
    program or folder; what else goes wrong the child says in its output, and exits with 127. Where the output cannot
    be written it goes nowhere: a full disk is no reason not to serve.
    """
    program = find_program(command[0], environment.get("PATH", os.defpath), folder)
    try:
        log = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    except OSError:
        log = os.open(os.devnull, os.O_WRONLY)
    go, signalled = os.pipe()
    try:
        pid = os.fork()
    except OSError as error:
        for descriptor in (go, signalled, log):
            os.close(descriptor)
        raise FleetError(f"No process can be started: {error.strerror}.") from None
    if pid == 0:
        run_child(program, command, environment, folder, log, go, signalled)
    os.close(go)
    os.close(log)
    try:
        started(pid, start_ticks(pid))
        # A child that is gone already is found so by its exit.
        with suppress(BrokenPipeError):
            os.write(signalled, b"!")
    finally:
        os.close(signalled)
    return pid


def run_child(
    program: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: str,
    log: int,
    go: int,
    signalled: int,
) -> None:
    """What the child does: never returns."""
    try:
        # The event loop's descriptor for signals is shared with the parent, who must not be told ours.
        signal.set_wakeup_fd(-1)
        os.setsid()
        os.close(signalled)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, *ORDINARY_SIGNALS):
            signal.signal(number, signal.SIG_DFL)
        if os.read(go, 1) != b"!":
            os._exit(1)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.chdir(folder)
        # What else is open closes by itself: Python's descriptors are not inherited.
        os.execve(program, list(command), dict(environment))  # noqa: S606 - no shell is meant
    except BaseException as error:
        os.write(2, f"{' '.join(command)}: {error}\n".encode())
    finally:
        os._exit(127)


def find_program(name: str, path: str, folder: str) -> str:
    """The program's full name. Raises FleetError."""
    if not Path(folder).is_dir():
        raise FleetError(f"{folder} is not a folder.")
    candidates = (
        [Path(folder, name)]
        if "/" in name
        else [Path(place, name) for place in path.split(os.pathsep)]
    )
    for candidate in candidates:
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return str(candidate)
    raise FleetError(f"{name} cannot be run: there is no such program.")


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a listener can have that port now."""
    with closing(socket.socket()) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
            trial.listen(1)
        except OSError:
            return False
        return True


def tail(path: Path, since: int = 0, size: int = TAIL_BYTES) -> str:
    """The last lines of a file, as far as they fit, written after its first `since` bytes."""
    try:
        with path.open("rb") as file:
            length = file.seek(0, os.SEEK_END)
            # A file that is shorter now has been emptied meanwhile.
            since = since if since <= length else 0
            cut = length - since > size
            file.seek(length - size if cut else since)
            text = file.read(size).decode(errors="replace")
    except OSError:
        return ""
    return text.partition("\n")[2].strip() if cut else text.strip()


def size_of(path: Path) -> int:
    """Bytes of a file, 0 where there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def python_command(module: str) -> list[str]:
    """This Python, running a module."""
    return [sys.executable, "-m", module]
