"""Starts the supervisor: in the background without systemd, in the foreground under it. One for each directory."""

import fcntl
import json
import os
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

from hubbub.fleet.control import call
from hubbub.fleet.errors import FleetError
from hubbub.fleet.processes import start_ticks
from hubbub.fleet.settings import FleetSettings, SettingsError, dump_settings, parse_settings

SETTINGS = "settings.json"
LOCK = "lock"
OUTPUT = "supervisor.out"
MODULE = "hubbub.fleet"
START_SECONDS = 60.0
"""The first start may have to set up a database."""
SHOWN = 2_000
"""Bytes of what a supervisor that did not start has said."""
WATCHDOG_SECONDS = 30
LOCK_SECONDS = 30.0
"""How long a starting process of a supervisor that was killed may keep its lock, on the busiest machine."""


def start(settings: FleetSettings, seconds: float = START_SECONDS) -> int:
    """Starts a supervisor in the background and returns its pid once it answers. Raises FleetError.

    `<directory>/settings.json` hands it the settings, so that none of the caller's program is loaded there.
    """
    hand_over(settings)
    output = settings.log_dir / OUTPUT
    before = output.stat().st_size if output.exists() else 0
    detach(guarded(command(settings)), output)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(0.05)
        with suppress(FleetError):
            status = call(settings.directory, "status", who="up", seconds=5.0)
            return int(status["fleet"]["pid"])
        if holder(settings.directory) == 0 and output.stat().st_size > before:
            # It may have been between its first words and its lock.
            time.sleep(0.2)
            if holder(settings.directory) == 0:
                break
    with output.open("rb") as file:
        file.seek(before)
        said = file.read()[-SHOWN:].decode(errors="replace").strip()
    raise FleetError(f"The supervisor did not start.\n{said or f'Its output is in {output}.'}")


def become(settings: FleetSettings) -> None:
    """Replaces this process by a supervisor in the foreground. Raises FleetError."""
    hand_over(settings)
    words = command(settings)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(words[0], words)  # noqa: S606 - no shell is meant


GUARD = """while :; do "$@"; code=$?
case $code in 0|78|126|127) exit $code;; 1?[0-9]) sleep 0.2;; *) sleep 5;; esac; done"""
"""Without systemd, a shell of one megabyte starts a supervisor again that was killed (128 and more), or failed."""
REFUSED = 78
"""Its exit code when it cannot run at all (EX_CONFIG of sysexits.h): another try would end the same."""


def guarded(words: list[str]) -> list[str]:
    return ["/bin/sh", "-c", GUARD, "fleet", *words]


def command(settings: FleetSettings) -> list[str]:
    return [sys.executable, "-m", MODULE, str(settings.directory)]


def hand_over(settings: FleetSettings) -> None:
    """Writes the settings where the supervisor reads them. Raises FleetError, too when one runs already."""
    try:
        settings.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        settings.log_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
    except OSError as error:
        raise FleetError(f"{error.filename} cannot be made: {error.strerror}.") from None
    if pid := holder(settings.directory):
        raise FleetError(
            f"A supervisor (process {pid}) runs for {settings.directory} already: `hubbub fleet status` shows it."
        )
    path = settings.directory / SETTINGS
    new = path.with_suffix(".new")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(dump_settings(settings), file)
        new.replace(path)
    except OSError as error:
        raise FleetError(f"{path} cannot be written: {error.strerror}.") from None


def settings_of(directory: Path) -> FleetSettings:
    """The settings that were handed over. Raises FleetError."""
    path = directory / SETTINGS
    try:
        return parse_settings(json.loads(path.read_text()))
    except (OSError, ValueError, SettingsError) as error:
        raise FleetError(f"{path} cannot be used: {error}") from None


def detach(words: list[str], output: Path) -> None:
    """Runs a program that belongs to nobody: its own session, no terminal, no parent but init. Raises FleetError."""
    try:
        log = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    except OSError as error:
        raise FleetError(f"{output} cannot be written: {error.strerror}.") from None
    child = os.fork()
    if child:
        os.close(log)
        os.waitpid(child, 0)
        return
    # Whatever happens, the caller's program must not go on twice.
    try:
        os.setsid()
        # The leader of a session could be given a terminal; its child cannot.
        if os.fork() == 0:
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, 0)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.closerange(3, 1024)
            os.execv(words[0], words)  # noqa: S606 - no shell is meant
    finally:
        os._exit(0)


def take_lock(directory: Path) -> int:
    """Holds the directory until this process ends. Raises FleetError when another one does."""
    descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            # One who only looks has it for a moment. A process that a killed supervisor was starting shares its lock
            # until it runs its own program.
            pid = written_pid(descriptor)
            if start_ticks(pid) or time.monotonic() > deadline:
                os.close(descriptor)
                raise FleetError(
                    f"Another supervisor (process {pid}) runs for {directory}."
                ) from None
            time.sleep(0.02)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor


def holder(directory: Path) -> int:
    """The pid of the supervisor that holds the directory; 0 when none does, -1 when it has not said its pid yet."""
    try:
        descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise FleetError(f"{directory} cannot be used: {error.strerror}.") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = written_pid(descriptor)
        return pid if pid == -1 or start_ticks(pid) else 0
    finally:
        os.close(descriptor)
    return 0


def written_pid(lock: int) -> int:
    """The pid in the lock's file, of who holds it or did so last; -1 when there is none."""
    return int(os.pread(lock, 20, 0) or b"0") or -1


def notify(text: str) -> None:
    """Tells systemd, where it asked to be told (sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(
            text.encode(), address.replace("@", "\0", 1) if address[0] == "@" else address
        )


def unit(settings: FleetSettings, python: Path, user: str) -> str:
    """The text of a systemd unit that runs this fleet: `python -m hubbub fleet up --foreground` as that user."""
    here = Path.cwd()
    low_ports = any(
        0 < int(address.rpartition(":")[2] or 0) < 1024
        for address in (settings.proxy.http, settings.proxy.https)
        if address
    )
    stop_seconds = round(settings.grace_seconds * 3 + 60)
    lines = [
        "[Unit]",
        "Description=A fleet of workers and what they need",
        "After=network-online.target postgresql.service redis-server.service",
        "Wants=network-online.target",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        "Type=notify",
        "NotifyAccess=main",
        f"User={user}",
        f"WorkingDirectory={escape(str(here))}",
        f"ExecStart={quote(str(python))} -m hubbub fleet up --foreground",
        "# Workers outlive a supervisor that dies; the next one takes them over. There is no ExecStop:",
        "# systemd would run it after such a death as well. SIGTERM has the supervisor end the fleet.",
        "KillMode=process",
        "Restart=always",
        "# 0: `down` was asked for, whoever asked; the other: it cannot run at all.",
        f"RestartPreventExitStatus=0 {REFUSED}",
        "RestartSec=100ms",
        f"TimeoutStartSec={round(START_SECONDS) * 5}",
        f"TimeoutStopSec={stop_seconds}",
        f"WatchdogSec={WATCHDOG_SECONDS}",
        "LimitNOFILE=65536",
        "TasksMax=infinity",
        "OOMPolicy=continue",
    ]
    if low_ports and user != "root":
        lines.append("AmbientCapabilities=CAP_NET_BIND_SERVICE")
    return "\n".join([*lines, "", "[Install]", "WantedBy=multi-user.target", ""])


def escape(text: str) -> str:
    return text.replace("%", "%%")


def quote(text: str) -> str:
    """One word of a command line in a unit (systemd.service(5))."""
    word = escape(text).replace("$", "$$")
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"' if " " in word else word
