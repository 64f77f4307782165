"""`--local`: PostgreSQL and Redis on this machine, as services under the supervisor.

`Local.prepare` makes what is missing and finds what is there; ports and passwords are kept beside the data, so that a
second start serves the first one's. The programs must not be root: where we are, `setpriv` gives them a user of their
own in the same process, so that pid, session and signals are what the supervisor expects.
"""

import asyncio
import contextlib
import json
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from hubbub.fleet.errors import FleetError
from hubbub.fleet.processes import port_is_free

ROLE = "fleet"
"""Of the database, and its owner."""
FIRST_PORTS = (5433, 6380)
"""Beside those of a PostgreSQL and a Redis that Debian may have started."""
SPREAD = 400
"""Fleets begin to look at different ports: that of one that is down just now seems to be free."""
PORTS_TRIED = 1_000
SHARED = Path("/var/lib/fleet")
"""Where root keeps the data when the programs' users cannot get into the fleet's folder."""
KEPT = "local.json"
LONGEST_SOCKET_PATH = 107
ANSWER_SECONDS = 5.0
MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Service:
    """A program for the supervisor: started with its working directory and environment as they are given here."""

    name: str
    command: list[str]
    folder: str
    environment: dict[str, str]
    stop: signal.Signals
    ready: Callable[[], Awaitable[bool]]
    """Whether it serves clients; never raises, never takes longer than a few seconds."""


@dataclass(frozen=True)
class Kept:
    """What must stay the same over restarts (local.json, 0600)."""

    place: str
    postgresql_port: int
    redis_port: int
    postgresql_password: str
    redis_password: str


class Local:
    """PostgreSQL and Redis of one fleet, whose folder is `directory`. Use `prepare` first."""

    def __init__(
        self, directory: Path, *, ports: tuple[int, int] | None = None, shared: Path = SHARED
    ) -> None:
        """`ports` are where the search for free ones begins."""
        self._directory = directory
        self._name = sha256(str(directory.resolve()).encode()).hexdigest()[:12]
        spread = int(self._name, 16) % SPREAD
        self._ports = ports or (FIRST_PORTS[0] + spread, FIRST_PORTS[1] + spread)
        self._shared = shared
        self.services: list[Service] = []
        """In the order in which they are to be started; stop them in the other, and after the workers."""
        self.environment: dict[str, str] = {}
        """What workers need to find them."""

    def prepare(self, *, install: bool = False) -> None:
        """Makes both ready to be started; takes seconds the first time. Raises FleetError.

        With `install` missing Debian packages are installed, which takes root.
        """
        programs, redis = find_programs(install)
        owners = (service_user("postgres"), service_user("redis"))
        kept, known = self._keep(owners)
        place = Path(kept.place)
        data = make_cluster(place / "postgresql", programs, owners[0], kept, known=known)
        write_owned(data / "fleet.conf", postgresql_settings(data.parent, kept), owners[0])
        folder = make_folder(place / "redis", owners[1])
        write_owned(folder / "redis.conf", redis_settings(folder, kept), owners[1])
        path = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}
        self.services = [
            Service(
                "postgresql",
                [*as_user(owners[0]), str(programs / "postgres"), "-D", str(data)],
                # A folder that is there and may be entered by everybody.
                "/",
                path,
                # "Fast": ends what runs, and leaves nothing to be recovered.
                signal.SIGINT,
                lambda: postgresql_ready(kept.postgresql_port),
            ),
            Service(
                "redis",
                [*as_user(owners[1]), redis, str(folder / "redis.conf")],
                "/",
                path,
                signal.SIGTERM,
                lambda: redis_ready(kept.redis_port, kept.redis_password),
            ),
        ]
        self.environment = {
            "DATABASE_URL": f"postgresql://{ROLE}:{kept.postgresql_password}"
            f"@127.0.0.1:{kept.postgresql_port}/{ROLE}",
            "REDIS_URL": f"redis://:{kept.redis_password}@127.0.0.1:{kept.redis_port}/0",
        }

    def _keep(self, owners: Sequence[str | None]) -> tuple[Kept, bool]:
        """Reads what is kept, or decides it; and whether it was known. Raises FleetError."""
        known = read_kept(self._directory / KEPT)
        if known is not None:
            return known, True
        place = self._directory
        if any(owner is not None and not can_enter(place, owner) for owner in owners):
            # Named after the folder, for there may be several fleets.
            place = self._shared / self._name
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            place.mkdir(mode=0o755, parents=True, exist_ok=True)
        except OSError as error:
            raise FleetError(f"{error.filename} cannot be made: {error.strerror}.") from None
        # Beside the data as well: they may outlive the fleet's folder.
        known = read_kept(place / KEPT)
        kept = known or Kept(
            str(place),
            free_port(self._ports[0]),
            free_port(self._ports[1]),
            secrets.token_urlsafe(24),
            secrets.token_urlsafe(24),
        )
        for folder in {place, self._directory}:
            write_owned(folder / KEPT, json.dumps(asdict(kept)), None)
        return kept, known is not None


def read_kept(path: Path) -> Kept | None:
    """Raises FleetError for a file that cannot be used."""
    try:
        return Kept(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise FleetError(
            f"{path} cannot be read: {error}. It holds the ports and passwords."
        ) from None


# What is on the machine.


def find_programs(install: bool) -> tuple[Path, str]:
    """The folder of PostgreSQL's programs and redis-server. Raises FleetError."""
    postgresql, redis = find_postgresql(), shutil.which("redis-server")
    missing = [
        package
        for package, found in (("postgresql", postgresql), ("redis-server", redis))
        if found is None
    ]
    if missing and install:
        install_packages(missing)
        return find_programs(False)
    if postgresql is None or redis is None:
        raise FleetError(
            f"--local needs {' and '.join(missing)}: `apt install {' '.join(missing)}`, or add --install."
        )
    return postgresql, redis


def find_postgresql(debian: Path = Path("/usr/lib/postgresql")) -> Path | None:
    """The folder of the newest PostgreSQL's programs: Debian's, or the one on PATH."""

    def version(program: Path) -> list[int]:
        return [int(number) for number in re.findall(r"\d+", program.parent.parent.name)]

    installed = sorted(debian.glob("*/bin/postgres"), key=version)
    if installed:
        return installed[-1].parent
    program = shutil.which("postgres")
    return Path(program).resolve().parent if program else None


def install_packages(packages: Sequence[str]) -> None:
    """Raises FleetError."""
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    if os.geteuid() != 0:
        raise FleetError(f"Only root can install: run `{' '.join(command)}`.")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["apt-get", "update"], command):
        run(words, environment=environment)


def service_user(name: str) -> str | None:
    """Whom to run a program as; None: as we are, who are not root. Raises FleetError."""
    if os.geteuid() != 0:
        return None
    for candidate in (name, "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(candidate).pw_name
    raise FleetError(f"{name} must not run as root, and there is neither a user {name} nor nobody.")


def as_user(user: str | None) -> list[str]:
    """What to put before a command so that it runs as that user."""
    if user is None:
        return []
    return ["setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--init-groups"]


def can_enter(folder: Path, user: str) -> bool:
    """Whether everybody, thus that user, may pass through every folder on the way."""
    entry = pwd.getpwnam(user)
    for step in (folder.resolve(), *folder.resolve().parents):
        try:
            found = step.stat()
        except FileNotFoundError:
            # It will be made, by us; its parents decide.
            continue
        if not found.st_mode & 0o001 and found.st_uid != entry.pw_uid:
            return False
    return True


def free_port(first: int) -> int:
    """The first free loopback port from there on. Raises FleetError."""
    for port in range(first, min(first + PORTS_TRIED, 65_536)):
        if port_is_free(port):
            return port
    raise FleetError(f"No port from {first} on is free.")


def memory_bytes() -> int:
    """Of the machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def run(
    command: Sequence[str],
    *,
    folder: str = "/",
    given: str = "",
    environment: dict[str, str] | None = None,
) -> None:
    """Runs a program to its end. Raises FleetError with the end of what it said."""
    try:
        done = subprocess.run(  # noqa: S603 - our own words, no shell
            command,
            cwd=folder,
            input=given,
            capture_output=True,
            text=True,
            check=False,
            env=environment or {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"},
        )
    except OSError as error:
        raise FleetError(f"{command[0]} cannot be run: {error.strerror}.") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-1_000:]
        raise FleetError(f"`{' '.join(command)}` failed: {said}")


def make_folder(path: Path, owner: str | None) -> Path:
    """A folder for its owner alone. Raises FleetError."""
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        if owner is not None:
            shutil.chown(path, owner, pwd.getpwnam(owner).pw_gid)
    except OSError as error:
        raise FleetError(f"{path} cannot be made: {error.strerror}.") from None
    return path


def write_owned(path: Path, text: str, owner: str | None) -> None:
    """Replaces a file that its owner alone may read. Raises FleetError."""
    new = path.with_suffix(".new")
    try:
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if owner is not None:
            shutil.chown(new, owner, pwd.getpwnam(owner).pw_gid)
        new.replace(path)
    except OSError as error:
        raise FleetError(f"{path} cannot be written: {error.strerror}.") from None


# PostgreSQL


def make_cluster(
    folder: Path, programs: Path, owner: str | None, kept: Kept, *, known: bool
) -> Path:
    """The data folder, with role and database; made when it is not there. Raises FleetError.

    When the password is not `known` from before, data that are there get the new one.
    """
    make_folder(folder, owner)
    data = folder / "data"
    alone = [*as_user(owner), str(programs / "postgres"), "--single", "-D"]
    password = f"LOGIN PASSWORD '{kept.postgresql_password}'"
    if data.exists():
        check_version(data, programs)
        if not known:
            run([*alone, str(data), "postgres"], given=f"ALTER ROLE {ROLE} {password};\n")
        return data
    # Under another name until it is complete: half of one would look like all of it.
    new = folder / "new"
    shutil.rmtree(new, ignore_errors=True)
    initdb = ["initdb", "--username=postgres", "--auth-local=peer", "--auth-host=scram-sha-256"]
    initdb += ["--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums", "--pgdata", str(new)]
    run([*as_user(owner), str(programs / initdb[0]), *initdb[1:]])
    # Over the unix socket whoever runs the server is its superuser; everybody else needs the password.
    (new / "pg_ident.conf").write_text(f"fleet {owner or current_user()} postgres\n")
    (new / "pg_hba.conf").write_text(
        "local all postgres peer map=fleet\n"
        "local all all scram-sha-256\n"
        "host all all 127.0.0.1/32 scram-sha-256\n"
    )
    # The server alone reads and writes here, without a port: nobody else can connect meanwhile.
    run(
        [*alone, str(new), "postgres"],
        given=f"CREATE ROLE {ROLE} {password};\nCREATE DATABASE {ROLE} OWNER {ROLE};\n",
    )
    with (new / "postgresql.conf").open("a") as file:
        file.write("\ninclude 'fleet.conf'\n")
    new.rename(data)
    return data


def current_user() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


def check_version(data: Path, programs: Path) -> None:
    """Raises FleetError when the data are of another major version than the programs."""
    try:
        version = (data / "PG_VERSION").read_text().strip()
    except OSError as error:
        raise FleetError(f"{data} is no PostgreSQL data folder: {error.strerror}.") from None
    # Debian's folders have the version in their names; others are told by the server itself.
    if programs.parent.parent.name == "postgresql" and programs.parent.name != version:
        raise FleetError(
            f"{data} is of PostgreSQL {version}, but the newest one installed is "
            f"{programs.parent.name}: install postgresql-{version}, or move the data with pg_upgrade."
        )


def postgresql_settings(folder: Path, kept: Kept) -> str:
    """For a small server that others run on too; `ALTER SYSTEM` goes above it."""
    memory = memory_bytes()
    shared = min(2_048, max(64, memory // 8 // MEGABYTE))
    socket = folder / f".s.PGSQL.{kept.postgresql_port}"
    sockets = folder if len(str(socket)) <= LONGEST_SOCKET_PATH else ""
    return (
        "# Written at each start of the fleet: change settings with ALTER SYSTEM.\n"
        f"port = {kept.postgresql_port}\n"
        "listen_addresses = '127.0.0.1'\n"
        f"unix_socket_directories = '{sockets}'\n"
        "max_connections = 200\n"
        f"shared_buffers = {shared}MB\n"
        f"effective_cache_size = {max(128, memory // 2 // MEGABYTE)}MB\n"
        f"maintenance_work_mem = {min(512, max(32, memory // 32 // MEGABYTE))}MB\n"
        "work_mem = 8MB\n"
        "fsync = on\n"
        "wal_compression = on\n"
        "max_wal_size = 1GB\n"
        "checkpoint_completion_target = 0.9\n"
        "random_page_cost = 1.1\n"
        "password_encryption = 'scram-sha-256'\n"
        "logging_collector = off\n"
        "log_destination = 'stderr'\n"
        "log_min_duration_statement = 1s\n"
        "log_line_prefix = '%m [%p] %q%u@%d '\n"
    )


async def postgresql_ready(port: int) -> bool:
    """Whether it asks a client for its password: one that starts, recovers or stops sends an error instead."""
    words = b"user\0" + ROLE.encode() + b"\0database\0" + ROLE.encode() + b"\0\0"
    # The startup message of protocol 3.0.
    packet = (8 + len(words)).to_bytes(4, "big") + (196_608).to_bytes(4, "big") + words
    return await first_bytes(port, packet, 1) == b"R"


# Redis


def redis_settings(folder: Path, kept: Kept) -> str:
    """Nothing of it is worth a disk: what must last is in PostgreSQL."""
    memory = min(512, max(64, memory_bytes() // 16 // MEGABYTE))
    socket = folder / "redis.sock"
    lines = [
        "# Written at each start of the fleet.",
        "bind 127.0.0.1",
        f"port {kept.redis_port}",
        f"requirepass {kept.redis_password}",
        f'dir "{folder}"',
        'save ""',
        "appendonly no",
        f"maxmemory {memory}mb",
        # What has no end of its own, a queue perhaps, is never thrown away.
        "maxmemory-policy volatile-lru",
        "daemonize no",
        'logfile ""',
    ]
    if len(str(socket)) <= LONGEST_SOCKET_PATH:
        lines += [f'unixsocket "{socket}"', "unixsocketperm 700"]
    return "\n".join(lines) + "\n"


async def redis_ready(port: int, password: str) -> bool:
    """Whether it takes the password and answers."""
    asked = f"AUTH {password}\r\nPING\r\n".encode()
    return await first_bytes(port, asked, 12) == b"+OK\r\n+PONG\r\n"


async def first_bytes(port: int, asked: bytes, count: int) -> bytes:
    """What a loopback server answers first; b"" when it does not."""
    writer = None
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(asked)
            return await reader.readexactly(count)
    except (OSError, EOFError, TimeoutError):
        return b""
    finally:
        if writer is not None:
            writer.close()
