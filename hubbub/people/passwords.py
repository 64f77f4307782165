"""Passwords: argon2id (RFC 9106) in a bounded pool, and a list of those everybody tries first."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.resources import files

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from hubbub.kernel.errors import Invalid, Unavailable

SHORTEST = 8
LONGEST = 128
THREADS = 2
WAITING = 100

# OWASP's second choice: 19 MiB, two passes, one lane.
hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


@cache
def common_passwords() -> frozenset[str]:
    text = files("hubbub.people").joinpath("common_passwords.txt").read_text()
    return frozenset(line for line in text.splitlines() if not line.startswith("# "))


def check_password(password: str, *others: str | None, field: str = "password") -> None:
    """Raises Invalid when it is too short, too long, common, or one of the person's own words.

    `field` names the input it came in.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise Invalid.field(field, f"A password has {SHORTEST} to {LONGEST} characters.")
    folded = password.casefold()
    stripped = folded.rstrip("0123456789!.?")
    if folded in common_passwords() or stripped in common_passwords() or len(set(folded)) < 4:
        raise Invalid.field(field, "This password is among the first that are tried.")
    if any(word and folded == word.casefold() for word in others):
        raise Invalid.field(field, "The password must not be your name or address.")


class Passwords:
    """Hashes and verifies, at most THREADS at a time: a flood of sign-ins cannot take every core."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="password")
        self._waiting = 0
        self._decoy = hasher.hash("nobody's password")

    async def _run(self, work: "object", *arguments: str) -> object:
        if self._waiting >= WAITING:
            raise Unavailable("Too many sign-ins at this moment.", retry_after=2)
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, work, *arguments)  # type: ignore[arg-type]
        finally:
            self._waiting -= 1

    async def hash(self, password: str) -> str:
        return str(await self._run(hasher.hash, password))

    def outdated(self, stored: str) -> bool:
        """Whether the hash was made with other parameters than those in force."""
        return hasher.check_needs_rehash(stored)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether it is the password. Takes as long when there is no such account (`stored` is None)."""
        matches = await self._run(matches_hash, stored or self._decoy, password)
        return bool(matches) and stored is not None


def matches_hash(stored: str, password: str) -> bool:
    try:
        return hasher.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


passwords = Passwords()
