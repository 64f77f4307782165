"""NATS JetStream: subjects `hubbub.message.posted.<stream>`, acknowledged one by one, deduplicated by id."""

import asyncio
import contextlib
from collections.abc import Sequence

from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import StorageType, StreamConfig
from nats.js.errors import NotFoundError

from hubbub.kernel.publisher.targets import (
    CONFIRM_SECONDS,
    OPEN_SECONDS,
    Address,
    Message,
    TargetError,
)

DAY_SECONDS = 86_400


class JetStream:
    """One connection. A message is sent when the one before it in its stream is acknowledged: one that the
    server refuses would otherwise leave a hole before the next.
    """

    def __init__(self, address: Address, retention_days: int) -> None:
        self._address = address
        self._retention_days = retention_days
        self._client: Client | None = None
        self._stream: JetStreamContext | None = None
        self._round = ""

    async def open(self, replays: int) -> None:
        address = self._address
        # The server drops what it stored lately under the same id; a replay must pass.
        self._round = f":{replays}" if replays else ""
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                client = Client()
                self._client = client
                await client.connect(
                    [f"nats://{host}" for host in address.hosts.split(",")],
                    name="hubbub relay",
                    # The caller opens again; what a reconnecting client keeps would be sent out of turn.
                    allow_reconnect=False,
                    error_cb=ignore,
                    tls=address.tls_context(),
                    user=address.user or None,
                    password=address.password or None,
                )
                self._stream = client.jetstream(timeout=CONFIRM_SECONDS)
                await self._find_stream(self._stream)
        except TargetError:
            raise
        except Exception as error:
            raise TargetError(f"NATS at {address.hosts}: {tell(error)}") from error

    async def _find_stream(self, context: JetStreamContext) -> None:
        """Makes the stream that stores the subjects, unless there is one (whatever its limits)."""
        subjects = f"{self._address.prefix}.>"
        try:
            await context.find_stream_name_by_subject(subjects)
        except NotFoundError:
            await context.add_stream(
                StreamConfig(
                    name=self._address.prefix.upper().replace(".", "_"),
                    description="The log of Hubbub, entry by entry",
                    subjects=[subjects],
                    storage=StorageType.FILE,
                    max_age=self._retention_days * DAY_SECONDS,
                )
            )

    async def publish(self, messages: Sequence[Message]) -> None:
        stream = self._stream
        assert stream is not None
        for place, message in enumerate(messages):
            try:
                await stream.publish(
                    f"{self._address.prefix}.{message.kind}.{message.stream}",
                    message.body,
                    headers={"Nats-Msg-Id": message.id + self._round},
                )
            except Exception as error:
                raise TargetError(f"NATS did not acknowledge: {tell(error)}", place) from error

    async def close(self) -> None:
        client, self._client, self._stream = self._client, None, None
        if client is not None:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(OPEN_SECONDS):
                    await client.close()


async def ignore(_error: Exception) -> None:
    """The client's own report of what `open` and `publish` raise."""


def tell(error: Exception) -> str:
    return str(error) or type(error).__name__
