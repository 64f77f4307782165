"""The Debian packages that the tests and the benchmark use, found by what they bring rather than by their names."""

import fcntl
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from scripts.house import fail, find_tool, tell

POLICY = Path("/usr/sbin/policy-rc.d")


def has_postgresql() -> bool:
    servers = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    return find_tool("postgres") is not None or any(servers)


def has_emoji() -> bool:
    fonts = Path("/usr/share/fonts")
    return any(fonts.glob("**/*Emoji*.ttf"))


TESTS: dict[str, Callable[[], bool]] = {
    "postgresql": has_postgresql,
    "redis-server": lambda: find_tool("redis-server") is not None,
    "haproxy": lambda: find_tool("haproxy") is not None,
    "nginx": lambda: find_tool("nginx") is not None,
    "pgbouncer": lambda: find_tool("pgbouncer") is not None,
    "rabbitmq-server": lambda: find_tool("rabbitmq-server") is not None,
    "nats-server": lambda: find_tool("nats-server") is not None,
    "prometheus": lambda: find_tool("promtool") is not None,
    "chromium": lambda: find_tool("chromium") is not None,
    "fonts-noto-color-emoji": has_emoji,
}


BENCH: dict[str, Callable[[], bool]] = {
    "gcc": lambda: find_tool("gcc") is not None,
    "make": lambda: find_tool("make") is not None,
    "libc6-dev": lambda: Path("/usr/include/stdio.h").exists(),
    "postgresql": TESTS["postgresql"],
    "redis-server": TESTS["redis-server"],
    "haproxy": TESTS["haproxy"],
    "nats-server": TESTS["nats-server"],
    "wrk": lambda: find_tool("wrk") is not None,
}


def missing_packages(needed: Mapping[str, Callable[[], bool]]) -> list[str]:
    """The Debian packages to install before the tests (or the benchmark) can run."""
    return [package for package, is_there in needed.items() if not is_there()]


@cache
def find_program(package: str, program: str = "") -> str:
    """The path of a program that the Debian package `package`, one of TESTS, brings; by default of the same name.

    Installs the package where it may, or ends the command naming it.
    """
    ensure_packages({package: TESTS[package]})
    found = find_tool(program or package)
    assert found, f"{package} brings no {program or package}"
    return found


def may_install() -> bool:
    return os.geteuid() == 0 and find_tool("apt-get") is not None


def ensure_packages(needed: Mapping[str, Callable[[], bool]]) -> None:
    """Installs what is missing, or ends the command naming it."""
    missing = missing_packages(needed)
    if not missing:
        return
    if not may_install():
        fail(f"These Debian packages are needed: {' '.join(missing)}.")
    install_debian(missing)
    still = missing_packages(needed)
    if still:
        fail(f"These Debian packages were installed but cannot be found: {' '.join(still)}.")


def install_debian(packages: Sequence[str]) -> None:
    """Installs Debian packages, refreshing the lists only if the first try fails.

    Needs root. Ends the command if apt-get cannot.
    """
    tell(f"Installing Debian packages: {' '.join(packages)}")
    install = ["install", "--yes", "--no-install-recommends", *packages]
    with one_at_a_time(), no_services():
        if apt(install) is None:
            return
        if (complaint := apt(["update"])) or (complaint := apt(install)):
            print(complaint, end="")
            fail(f"apt-get could not install {' '.join(packages)}.")


def apt(arguments: Sequence[str]) -> str | None:
    """Runs apt-get without questions; None when it succeeded, else what it printed."""
    done = subprocess.run(
        ["apt-get", "--quiet", *arguments],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    return done.stdout if done.returncode else None


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Several tests may find out at once that something is missing."""
    folder = os.open(POLICY.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


@contextmanager
def no_services() -> Iterator[None]:
    """Keeps the packages from starting their servers: the tests start their own.

    Debian asks policy-rc.d, where there is one, before it starts a service.
    """
    if POLICY.exists():
        yield
        return
    with tempfile.NamedTemporaryFile("w", dir=POLICY.parent, delete=False) as file:
        file.write("#!/bin/sh\nexit 101\n")
    made = Path(file.name)
    made.chmod(0o755)
    made.rename(POLICY)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)
