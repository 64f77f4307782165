"""The control socket: verbs as JSON lines, one at a time where they change something; and its clients."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hubbub.fleet.supervisor import Supervisor

Progress = Callable[[str], None]
"""Tells the client a line of what is going on; may be called at any time, also when it has gone away."""


@dataclass(frozen=True)
class Request:
    """What a verb is given."""

    supervisor: "Supervisor"
    arguments: dict[str, Any]
    who: str
    progress: Progress


@dataclass(frozen=True)
class Verb:
    """`run` answers the result's fields, or raises FleetError. `changing`: one at a time, with an audit line.

    `rollout.py` and `scaling.py` each offer `VERBS: dict[str, Verb]`.
    """

    run: Callable[[Request], Awaitable[dict[str, Any]]]
    changing: bool = True


def call(
    directory: Path,
    verb: str,
    arguments: dict[str, Any] | None = None,
    *,
    who: str,
    progress: Progress | None = None,
    seconds: float | None = None,
) -> dict[str, Any]:
    """Asks the supervisor of that directory and returns the result. Raises FleetError, also when there is none."""
    raise NotImplementedError


async def call_async(
    directory: Path,
    verb: str,
    arguments: dict[str, Any] | None = None,
    *,
    who: str,
    progress: Progress | None = None,
    seconds: float | None = None,
) -> dict[str, Any]:
    """`call` for an event loop."""
    raise NotImplementedError
