"""What processes share beside the log: the client for Redis commands, and whether Redis answers at all.

Everybody who uses it has something to do without it:

    try:
        count = await store.run(lambda redis: redis.incr(store.key("seen")))
    except RedisLostError:
        count = …  # what this process knows by itself

While Redis is lost, `run` raises at once: one probe in the background looks for it, and nobody else waits for a
timeout. `available` tells the same without a call. Several keys of one script or transaction need the same
`group` in `store.key(name, group)`, or a Redis Cluster refuses them.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import redis.asyncio as aioredis
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.exceptions import (
    AuthenticationError,
    ClusterError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from hubbub.kernel.redis_address import RedisAddress, parse_redis_url
from hubbub.kernel.tasks import end_tasks

logger = logging.getLogger("hubbub.redis")

T = TypeVar("T")

CONNECTIONS = 32
ANSWER_SECONDS = 1.0
"""Longest that one command may take, its retries included."""
PROBE_SECONDS = (0.1, 2.0)

LOST = (
    RedisConnectionError,
    RedisTimeoutError,
    ClusterError,
    RedisClusterException,
    ReadOnlyError,
    TimeoutError,
    OSError,
)


class RedisLostError(Exception):
    """Redis does not answer, or cannot take this; go on with what this process knows by itself."""


class RedisStore:
    """The client for one REDIS_URL. Nothing connects before the first command.

    Raises SettingsError for a malformed URL.
    """

    def __init__(self, url: str) -> None:
        self.address: RedisAddress = parse_redis_url(url)
        self.client = make_client(self.address)
        self.failures = 0
        self._available = True
        self._closed = False
        self._probe: asyncio.Task[None] | None = None

    @property
    def available(self) -> bool:
        """Whether the last command was answered; turns true by itself when Redis is back."""
        return self._available

    def key(self, name: str, group: str | None = None) -> str:
        """The full name of a key (RedisAddress.key)."""
        return self.address.key(name, group)

    async def run(self, work: Callable[[aioredis.Redis], Awaitable[T]]) -> T:
        """Calls `work(client)` and answers its result. A failed command may have been carried out.

        Raises RedisLostError, at once while Redis is known to be lost; ResponseError for a command that is wrong.
        """
        if not self._available:
            raise RedisLostError("Redis does not answer.")
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await work(self.client)
        except LOST as error:
            self._lose(error)
            raise RedisLostError(f"Redis does not answer: {error}") from error
        except (OutOfMemoryError, NoPermissionError) as error:
            self.failures += 1
            raise RedisLostError(f"Redis refuses: {error}") from error

    def _lose(self, error: Exception) -> None:
        self.failures += 1
        if not self._available or self._closed:
            return
        self._available = False
        logger.warning("Redis does not answer: %s", error)
        self._probe = asyncio.create_task(self._look(), name="redis probe")

    async def _look(self) -> None:
        """Asks until Redis answers, at growing intervals."""
        wait, longest = PROBE_SECONDS
        while True:
            await asyncio.sleep(wait * (0.5 + random.random() / 2))  # noqa: S311 - spreads load, no secret
            wait = min(2 * wait, longest)
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await self._check()
            except AuthenticationError as error:
                logger.warning("Redis refuses the credentials of REDIS_URL: %s", error)
            except (*LOST, ResponseError) as error:
                logger.debug("Redis does not answer yet: %s", error)
            else:
                self._available = True
                logger.info("Redis answers again")
                return

    async def _check(self) -> None:
        # A write: a replica that is not promoted yet, and a cluster without that slot, still answer PING.
        await self.client.set(self.key("probe"), b"", px=1_000)

    async def close(self) -> None:
        """Ends the probe and closes the connections."""
        self._closed = True
        if self._probe is not None:
            await end_tasks([self._probe])
        await self.client.aclose()


def make_client(address: RedisAddress) -> aioredis.Redis:
    """A client with a bounded pool, short timeouts and one quick retry."""
    options: dict[str, Any] = {
        "username": address.user,
        "password": address.password,
        "socket_timeout": ANSWER_SECONDS / 2,
        "socket_connect_timeout": ANSWER_SECONDS / 2,
        "retry": Retry(ExponentialWithJitterBackoff(cap=0.1, base=0.01), 1),
        "protocol": 2,
        "max_connections": CONNECTIONS,
    }
    tls: dict[str, Any] = {}
    if address.tls:
        tls = {"ssl_ca_certs": address.ca, "ssl_cert_reqs": "required", "ssl_check_hostname": True}
    if address.kind == "cluster":
        nodes = [ClusterNode(host, port) for host, port in address.hosts]
        cluster = aioredis.RedisCluster(startup_nodes=nodes, ssl=address.tls, **options, **tls)
        # The same commands; what a cluster adds or lacks is not used here.
        return cast(aioredis.Redis, cluster)
    options["db"] = address.database
    if address.kind == "sentinel":
        asking: dict[str, Any] = {
            "socket_timeout": ANSWER_SECONDS / 4,
            "socket_connect_timeout": ANSWER_SECONDS / 4,
            "retry": Retry(NoBackoff(), 0),
        }
        if address.tls:
            asking |= {"ssl": True, **tls}
            options |= {"ssl": True, **tls}
        sentinel = Sentinel(  # type: ignore[no-untyped-call]
            list(address.hosts), sentinel_kwargs=asking, **options
        )
        return cast(aioredis.Redis, sentinel.master_for(address.master))
    ((host, port),) = address.hosts
    connection = aioredis.SSLConnection if address.tls else aioredis.Connection
    pool = aioredis.BlockingConnectionPool(
        timeout=ANSWER_SECONDS / 2,
        connection_class=connection,
        host=host,
        port=port,
        **options,
        **tls,
    )
    return aioredis.Redis.from_pool(pool)
