"""Kafka: one topic, the stream's id as key, so that a stream stays in one partition and in order."""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from hubbub.kernel.publisher.targets import (
    CONFIRM_SECONDS,
    OPEN_SECONDS,
    Address,
    Message,
    TargetError,
)

logger = logging.getLogger("hubbub.publisher.kafka")

POLL_SECONDS = 0.2


class Batch:
    """The messages of one call, and which of them were delivered. Filled in by the polling thread."""

    def __init__(self, count: int, done: Callable[[], object]) -> None:
        self._delivered = [False] * count
        self._left = count
        self._done = done
        self.error = ""

    def report(self, place: int) -> Callable[[KafkaError | None, Any], None]:
        def delivered(error: KafkaError | None, _message: Any) -> None:
            if error is None:
                self._delivered[place] = True
            elif not self.error:
                self.error = error.str()
            self._left -= 1
            # After the first failure the rest of the batch does not matter.
            if error is not None or self._left == 0:
                self._done()

        return delivered

    @property
    def complete(self) -> bool:
        return all(self._delivered)

    @property
    def confirmed(self) -> int:
        """How many from the beginning were delivered without one missing between."""
        return self._delivered.index(False) if False in self._delivered else len(self._delivered)


class Kafka:
    """An idempotent producer: the broker takes a partition's messages in the order of their numbers or not at all.

    Nothing times out on its own; whoever waits too long closes, which purges everything that was not delivered.
    The library's calls run in a thread of their own, its callbacks in another.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._producer: Producer | None = None
        self._calls: ThreadPoolExecutor | None = None
        self._polling: threading.Thread | None = None
        self._closing = threading.Event()

    async def open(self, _replays: int) -> None:
        self._calls = ThreadPoolExecutor(1, thread_name_prefix="kafka")
        self._closing.clear()
        try:
            await asyncio.get_running_loop().run_in_executor(self._calls, self._connect)
        except KafkaException as error:
            raise TargetError(f"Kafka at {self._address.hosts}: {tell(error)}") from error
        self._polling = threading.Thread(target=self._poll, name="kafka poll", daemon=True)
        self._polling.start()

    def _connect(self) -> None:
        self._producer = Producer(self._configuration(), logger=logger)
        topic = self._address.prefix
        answer = self._producer.list_topics(topic, timeout=OPEN_SECONDS)
        error = answer.topics[topic].error
        if error is not None and error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise TargetError(f"Kafka at {self._address.hosts} has no topic {topic} yet.")

    def _configuration(self) -> dict[str, Any]:
        address = self._address
        settings: dict[str, Any] = {
            "bootstrap.servers": address.hosts,
            "client.id": "hubbub",
            "acks": "all",
            "enable.idempotence": True,
            "enable.gapless.guarantee": True,
            "message.timeout.ms": 0,
            "linger.ms": 2,
            # As the Java client does it, so that its consumers and joins agree.
            "partitioner": "murmur2_random",
            "error_cb": ignore,
            "security.protocol": "SSL" if address.tls else "PLAINTEXT",
        }
        if address.cafile:
            settings["ssl.ca.location"] = address.cafile
        if address.user:
            settings |= {
                "security.protocol": "SASL_SSL" if address.tls else "SASL_PLAINTEXT",
                "sasl.mechanism": address.mechanism,
                "sasl.username": address.user,
                "sasl.password": address.password,
            }
        return settings

    def _poll(self) -> None:
        producer = self._producer
        while producer is not None and not self._closing.is_set():
            producer.poll(POLL_SECONDS)

    async def publish(self, messages: Sequence[Message]) -> None:
        assert self._calls is not None
        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        batch = Batch(len(messages), lambda: loop.call_soon_threadsafe(done.set))
        try:
            async with asyncio.timeout(CONFIRM_SECONDS):
                await loop.run_in_executor(self._calls, self._produce, messages, batch)
                await done.wait()
        except TimeoutError:
            raise TargetError("Kafka did not confirm in time.", batch.confirmed) from None
        except (KafkaException, BufferError) as error:
            raise TargetError(f"Kafka: {tell(error)}", batch.confirmed) from error
        if not batch.complete:
            raise TargetError(f"Kafka: {batch.error}", batch.confirmed)

    def _produce(self, messages: Sequence[Message], batch: Batch) -> None:
        producer = self._producer
        assert producer is not None
        for place, message in enumerate(messages):
            producer.produce(
                self._address.prefix,
                message.body,
                message.stream,
                on_delivery=batch.report(place),
                headers=[("id", message.id.encode()), ("kind", message.kind.encode())],
            )

    async def close(self) -> None:
        calls, self._calls = self._calls, None
        if calls is not None:
            await asyncio.get_running_loop().run_in_executor(calls, self._disconnect)
            calls.shutdown(wait=False)

    def _disconnect(self) -> None:
        self._closing.set()
        if self._polling is not None:
            self._polling.join()
        producer, self._producer, self._polling = self._producer, None, None
        if producer is not None:
            producer.purge()
            producer.flush(POLL_SECONDS)


def ignore(_error: KafkaError) -> None:
    """The library connects again by itself; what matters is told by who waits for a confirmation."""


def tell(error: Exception) -> str:
    cause = error.args[0] if error.args else error
    return cause.str() if isinstance(cause, KafkaError) else str(cause) or type(error).__name__
