"""One signed-in socket, as delivery knows it."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from hubbub.gateway import EncodedJson, Socket
from hubbub.kernel.caller import Caller
from hubbub.kernel.log import Encoded


@dataclass(slots=True, eq=False)
class Connection:
    """`following` tells for each stream whether it is live; `behind` has the cursors of those that are not."""

    socket: Socket
    caller: Caller
    expires_at: int
    following: dict[str, bool] = field(default_factory=dict)
    behind: dict[str, int] = field(default_factory=dict)
    in_line: bool = False
    commands: float = 0.0
    counted_at: float = 0.0

    def close(self) -> None:
        """Closes the transport without a goodbye of Socket.IO, so that the client comes back by itself."""
        self.socket.session.close("server closed")

    def send_away(self, reason: str, retry_after: float) -> None:
        self.socket.emit("goaway", {"retry_after": retry_after, "reason": reason})


def join_entries(batch: Iterable[Encoded]) -> EncodedJson:
    return EncodedJson(b"[" + b",".join([encoded.json for encoded in batch]) + b"]")
