"""RabbitMQ: a durable topic exchange, routing keys `message.posted.<stream>`, publisher confirms."""

import asyncio
import contextlib
from collections.abc import Sequence

import aio_pika
from aio_pika.abc import AbstractConnection, AbstractExchange
from yarl import URL

from hubbub.kernel.publisher.targets import (
    CONFIRM_SECONDS,
    OPEN_SECONDS,
    Address,
    Message,
    TargetError,
)


class RabbitMQ:
    """One connection and one channel. A message is sent when the one before it in its stream is confirmed:
    a queue that refuses one (`reject-publish`) would otherwise store the next and have a hole.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._connection: AbstractConnection | None = None
        self._exchange: AbstractExchange | None = None

    async def open(self, _replays: int) -> None:
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                self._connection = await aio_pika.connect(
                    self._url(), ssl_context=self._address.tls_context()
                )
                channel = await self._connection.channel(publisher_confirms=True)
                self._exchange = await channel.declare_exchange(
                    self._address.prefix, aio_pika.ExchangeType.TOPIC, durable=True
                )
        except TargetError:
            raise
        except Exception as error:
            raise TargetError(f"RabbitMQ at {self._address.hosts}: {tell(error)}") from error

    def _url(self) -> URL:
        address = self._address
        host, _, port = address.hosts.rpartition(":")
        return URL.build(
            scheme="amqps" if address.tls else "amqp",
            user=address.user or "guest",
            password=address.password or "guest",
            host=host.strip("[]"),
            port=int(port),
            # The virtual host `/` is an encoded path of its own.
            path="/" if address.path == "/" else f"/{address.path}",
        )

    async def publish(self, messages: Sequence[Message]) -> None:
        exchange = self._exchange
        assert exchange is not None
        for place, message in enumerate(messages):
            try:
                await exchange.publish(
                    aio_pika.Message(
                        message.body,
                        content_type="application/json",
                        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
                        message_id=message.id,
                        type=message.kind,
                        app_id="hubbub",
                    ),
                    f"{message.kind}.{message.stream}",
                    mandatory=False,
                    timeout=CONFIRM_SECONDS,
                )
            except Exception as error:
                raise TargetError(f"RabbitMQ did not confirm: {tell(error)}", place) from error

    async def close(self) -> None:
        connection, self._connection, self._exchange = self._connection, None, None
        if connection is not None:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(OPEN_SECONDS):
                    await connection.close()


def tell(error: Exception) -> str:
    return str(error) or type(error).__name__
