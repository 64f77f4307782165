"""Switches one mechanism of the product off, so that the suite can be seen to notice (`--mutate`).

Each is a patch applied in the node's process before it serves; the product has no such switch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hubbub.kernel import log
from hubbub.kernel.bulk import Statement
from hubbub.kernel.kernel import Kernel
from hubbub.kernel.log import Encoded
from hubbub.kernel.relay import Relay


def forget_keys() -> None:
    """Commands run without their key: a retry is a new command."""
    submit = Kernel.submit_then

    def submit_then(
        self: Kernel, done: Any, command: Any, caller: Any, arguments: Any, key: Any = None
    ) -> None:
        submit(self, done, command, caller, arguments, key and None)

    Kernel.submit_then = submit_then  # type: ignore[method-assign]


def deliver_over_holes() -> None:
    """The relay gives its followers whatever newer entry a hint brings, and reads nothing that is missing."""

    def receive_entries(self: Relay, stream: str, entries: Sequence[Encoded]) -> None:
        followed = self._followed.get(stream)
        if followed is not None and entries[-1].seq > followed.last:
            newer = [entry for entry in entries if entry.seq > followed.last]
            self._advance(stream, followed, newer)

    Relay.receive_entries = receive_entries  # type: ignore[method-assign]


def lock_nothing() -> None:
    """A transaction reads the heads of its streams without locking them."""
    log.LOCK = Statement(
        "SELECT id, head FROM streams WHERE id IN (SELECT given.stream FROM {given}) ORDER BY id",
        "stream",
    )


def never_sweep() -> None:
    """Nobody looks for what a lost hint hid."""

    async def sweep(self: Relay) -> None:  # noqa: ARG001
        return None

    Relay.sweep = sweep  # type: ignore[method-assign]


MUTATIONS: dict[str, Callable[[], None]] = {
    "idempotency": forget_keys,
    "gap-repair": deliver_over_holes,
    "row-lock": lock_nothing,
    "sweep": never_sweep,
}


@dataclass(frozen=True, slots=True)
class Proof:
    """The run in which a mutation must show: its scenario, and the kind of violation (chaos.checker.KINDS)."""

    scenario: str
    expected: str
    seconds: float


PROOFS = {
    "idempotency": Proof("calm", "doubled", 5),
    "gap-repair": Proof("spoiled-bus", "hole", 4),
    "row-lock": Proof("calm", "refused", 5),
    "sweep": Proof("spoiled-bus", "behind", 4),
}
