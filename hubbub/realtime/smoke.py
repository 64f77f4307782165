"""What a smoke test may do: hear and say a few words over the bus, on a channel of its own that nothing keeps.

`hubbub smoke` signs its token with the workspace's secret. The token lives a minute and is good in the namespace
`/smoke` alone, where there are no people, no streams and no commands: sockets that came with the same channel hear
each other, on all nodes, over the same subscriptions as every message's hints. Nothing is written to the database, to
the log of changes or to the audit, and nobody is shown as online.
"""

import asyncio
import re
from collections.abc import Sequence
from typing import Any

from hubbub.gateway import ConnectRefused, EncodedJson, Namespace, Socket
from hubbub.kernel.bus import Signal
from hubbub.kernel.errors import Invalid, Problem, TooMany, Unavailable
from hubbub.kernel.kernel import Kernel
from hubbub.kernel.log import Encoded
from hubbub.people.access import get_authenticator

NAMESPACE = "/smoke"
KIND = "smoke"
SOCKETS = 16
"""At once, on this node."""
WORDS = 20
"""Of one socket."""
LONGEST_WORD = 100
SANE_CHANNEL = re.compile(r"[A-Za-z0-9_-]{8,64}")


class SmokeTests:
    """The sockets of smoke tests on this node. It hears the bus beside the relay, only while there are any."""

    def __init__(self, kernel: Kernel, namespace: Namespace) -> None:
        self._kernel = kernel
        self._namespace = namespace
        self._tokens = get_authenticator(kernel).tokens
        self._streams: dict[Socket, str] = {}
        self._said: dict[Socket, int] = {}
        kernel.bus.attach(self)
        namespace.on_connect(self.connect)
        namespace.on_disconnect(self.disconnect)
        namespace.on("say")(self.say)

    async def connect(self, socket: Socket, auth: Any) -> None:
        token = auth.get("token") if isinstance(auth, dict) else None
        try:
            now = self._kernel.clock()
            channel, expires_at = self._tokens.read_smoke(str(token), now)
            if not SANE_CHANNEL.fullmatch(channel):
                raise Invalid("The channel's name is not one.")
            if len(self._streams) >= SOCKETS:
                raise Unavailable("Too many smoke tests at once.", retry_after=5.0)
        except Problem as problem:
            raise ConnectRefused(problem.detail, problem.document()) from None
        stream = f"{KIND}:{channel}"
        self._streams[socket] = stream
        self._said[socket] = 0
        asyncio.get_running_loop().call_later((expires_at - now) / 1000, self._end, socket)
        socket.join(stream)
        await self._kernel.bus.subscribe(stream)

    def disconnect(self, socket: Socket, _reason: str) -> None:
        self._forget(socket)

    def say(self, socket: Socket, *arguments: Any) -> EncodedJson:
        """Tells everybody on the channel. Raises Invalid or TooMany."""
        word = arguments[0] if arguments else None
        if not isinstance(word, str) or len(word) > LONGEST_WORD:
            raise Invalid(f"A word has at most {LONGEST_WORD} characters.")
        if self._said.get(socket, WORDS) >= WORDS:
            raise TooMany(f"A smoke test says at most {WORDS} words.")
        self._said[socket] += 1
        self._kernel.bus.signal(Signal(self._streams[socket], KIND, "", {"word": word}))
        return EncodedJson(b'{"ok":true}')

    def _end(self, socket: Socket) -> None:
        if socket in self._streams:
            self._forget(socket)
            socket.disconnect(close=True)

    def _forget(self, socket: Socket) -> None:
        self._said.pop(socket, None)
        stream = self._streams.pop(socket, None)
        if stream is not None and stream not in self._streams.values():
            self._kernel.bus.unsubscribe(stream)

    # As a receiver of the bus.

    def receive_signal(self, signal: Signal) -> None:
        if signal.kind == KIND:
            self._namespace.emit("said", signal.data.get("word"), room=signal.stream)

    def receive_entries(self, stream: str, entries: Sequence[Encoded]) -> None:
        """They are the relay's."""

    def receive_gap(self) -> None:
        """What a smoke test misses fails it."""
