"""Programs the workers need, run by the supervisor before them: what `local.py` hands over."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Service:
    """One program in the foreground that ends at STOP (SIGTERM)."""

    name: str
    command: tuple[str, ...]
    ready: Callable[[], Awaitable[bool]]
    """Whether it can be used."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What its users get in their environment, such as DATABASE_URL."""
    folder: str = "/"
    grace_seconds: float = 30.0
    """A database may take longer to end well than a worker."""
