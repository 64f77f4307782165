"""What stands in front of the workers: one interface, a driver for HAProxy and one for nginx."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol


class ProxyError(Exception):
    """The proxy is not installed, refuses its configuration or does not answer; the message says what it said."""


@dataclass(frozen=True)
class Backend:
    """One worker as the proxy sees it, on loopback."""

    name: str
    port: int
    state: Literal["ready", "drain"] = "ready"
    """`drain`: no new clients; what is open stays open."""


class Proxy(Protocol):
    """A driver. The supervisor starts `command` as a process of its own, adopts it, and ends it with `STOP`."""

    def command(self) -> list[str]:
        """The program, in the foreground, that reads what `prepare` has written."""

    def prepare(self, backends: Sequence[Backend]) -> None:
        """Writes the configuration and lets the proxy check it. Raises ProxyError; the old one then stays."""

    async def ready(self) -> bool:
        """Whether it accepts connections."""

    async def show(self, backends: Sequence[Backend]) -> None:
        """Makes the running proxy serve exactly these, at once and without ending a socket. Raises ProxyError."""

    async def reload(self) -> None:
        """Takes over a changed configuration or certificate without ending a socket. Raises ProxyError."""

    async def renew(self) -> bool:
        """Takes over the certificate if its file is another one; whether it was. Cheap: for every tick.

        Open connections go on. Raises ProxyError when it cannot be used; the old one then stays.
        """

    def certificate_expires(self) -> float:
        """Unix time at which the certificate in use ends; 0 where there is none. Raises ProxyError."""

    async def figures(self) -> str:
        """Its own metrics in Prometheus's text format, "" where it has none."""
