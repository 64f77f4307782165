"""The connection to RabbitMQ, NATS or Redis through taskiq; imported only when JOBS_URL is set.

A message is the id of a job and nothing else: it says that somebody should look at that row now. One that is lost
is found by the workers' own looking, one that comes twice finds the row taken.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from contextlib import aclosing, suppress
from urllib.parse import urlsplit

from aio_pika import Connection as PikaConnection
from nats.js.api import ConsumerConfig, DiscardPolicy, RetentionPolicy, StreamConfig
from taskiq import AckableMessage, AsyncBroker, BrokerMessage
from taskiq_aio_pika import AioPikaBroker, Exchange, Queue
from taskiq_nats import PullBasedJetStreamBroker
from taskiq_redis import RedisStreamBroker

from hubbub.kernel.tasks import end_tasks

logger = logging.getLogger("hubbub.jobs")

WAITING = 10_000
MOST_KEPT = 100_000
"""Messages a broker keeps; above, the oldest go: workers find their jobs in the table."""
AT_ONCE = 100
CONNECT_SECONDS = 10.0
SEND_SECONDS = 5.0
PROBE_SECONDS = 10.0
LONGEST_WAIT_SECONDS = 15.0
PROBE = b""


def make_broker(url: str, *, receives: bool) -> AsyncBroker:
    """A taskiq broker on a durable queue that workers share, each message to one of them, with acks.

    The libraries' own ways to reconnect are off, so that one policy holds for all of them.
    """
    scheme = urlsplit(url).scheme
    broker: AsyncBroker
    if scheme in ("amqp", "amqps"):
        broker = AioPikaBroker(
            url,
            qos=1,
            exchange=Exchange(name="hubbub.jobs"),
            task_queues=[Queue(name="hubbub.jobs", arguments={"x-max-length": MOST_KEPT})],
            # taskiq insists on one; nothing is ever refused, so only what is too much for the queue gets there.
            dead_letter_queue=Queue(name="hubbub.jobs.over", arguments={"x-max-length": 1}),
            connection_class=PikaConnection,
            timeout=CONNECT_SECONDS,
        )
    elif scheme in ("nats", "tls"):
        broker = PullBasedJetStreamBroker(
            url,
            subject="hubbub.jobs",
            stream_name="hubbub-jobs",
            durable="workers",
            stream_config=StreamConfig(
                retention=RetentionPolicy.WORK_QUEUE,
                max_msgs=MOST_KEPT,
                discard=DiscardPolicy.OLD,
            ),
            consumer_config=ConsumerConfig(durable_name="workers", ack_wait=60),
            pull_consume_timeout=5,
            allow_reconnect=False,
            connect_timeout=int(CONNECT_SECONDS),
            error_cb=log_nats_error,
        )
    else:
        broker = RedisStreamBroker(
            url,
            queue_name="hubbub:jobs",
            consumer_group_name="workers",
            # One name for all: else each process that ever was would stay in the group.
            consumer_name="worker",
            consumer_id="0",
            maxlen=MOST_KEPT,
            xread_block=2_000,
            xread_count=1,
            idle_timeout=60_000,
            unacknowledged_lock_timeout=60,
            socket_timeout=10,
            socket_connect_timeout=CONNECT_SECONDS,
        )
    broker.is_worker_process = receives
    return broker


async def log_nats_error(error: Exception) -> None:
    logger.info("NATS: %r", error)


class BrokerLink:
    """Keeps a connection to the broker, sends ids and hands on those that come.

    `lost` is called when ids may have been lost with the connection.
    """

    def __init__(self, url: str, lost: Callable[[], None]) -> None:
        self._url = url
        self._lost = lost
        self._waiting: deque[str] = deque()
        self._some = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.up = False
        self.sent = 0
        self.received = 0

    def start(self, receive: Callable[[str], Awaitable[None]] | None) -> None:
        """Connects in the background; `receive` gets each id, the next one when it is done with the last."""
        self._task = asyncio.create_task(self._run(receive), name="jobs broker")

    async def stop(self) -> None:
        if self._task is not None:
            await end_tasks([self._task])

    def send(self, ids: Iterable[str]) -> bool:
        """Queues the ids; False when the broker is down or does not keep up, and nothing was queued."""
        if not self.up or len(self._waiting) >= WAITING:
            return False
        self._waiting.extend(ids)
        self._some.set()
        return True

    async def _run(self, receive: Callable[[str], Awaitable[None]] | None) -> None:
        failures = 0
        while True:
            broker = make_broker(self._url, receives=receive is not None)
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    await broker.startup()
                logger.info("the jobs' broker is connected")
                failures, self.up = 0, True
                await self._serve(broker, receive)
            except Exception as error:
                failures += 1
                logger.warning("the jobs' broker is lost, workers look themselves: %r", error)
            finally:
                self.up = False
                self._waiting.clear()
                self._lost()
                await close(broker)
            longest = min(LONGEST_WAIT_SECONDS, 0.5 * 2**failures)
            await asyncio.sleep(longest * random.uniform(0.5, 1))  # noqa: S311 - spreads load, no secret

    async def _serve(
        self, broker: AsyncBroker, receive: Callable[[str], Awaitable[None]] | None
    ) -> None:
        """Sends and receives until one of them fails. Raises what it failed with."""
        tasks = [asyncio.create_task(self._send(broker))]
        if receive is not None:
            tasks.append(asyncio.create_task(self._receive(broker, receive)))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            await end_tasks(tasks)

    async def _send(self, broker: AsyncBroker) -> None:
        while True:
            batch = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
            if not batch:
                self._some.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._some.wait(), PROBE_SECONDS)
                    continue
            async with asyncio.timeout(SEND_SECONDS):
                # An empty message proves a connection on which nothing is to be said.
                await asyncio.gather(*(broker.kick(message(job)) for job in batch or [""]))
            self.sent += len(batch)

    async def _receive(
        self, broker: AsyncBroker, receive: Callable[[str], Awaitable[None]]
    ) -> None:
        async with aclosing(broker.listen()) as messages:
            async for given in messages:
                data = given.data if isinstance(given, AckableMessage) else given
                if data != PROBE:
                    self.received += 1
                    await receive(data.decode(errors="replace"))
                if isinstance(given, AckableMessage):
                    ended = given.ack()
                    if ended is not None:
                        await ended
        raise ConnectionError("the broker ended the subscription")


def message(job: str) -> BrokerMessage:
    return BrokerMessage(task_id=job, task_name="hubbub.job", message=job.encode(), labels={})


async def close(broker: AsyncBroker) -> None:
    """Lets go of a broker that may be gone already."""
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await broker.shutdown()
    except Exception as error:
        logger.info("closing the jobs' broker: %r", error)
