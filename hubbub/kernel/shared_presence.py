"""Presence between nodes, in Redis and over the bus (docs/cluster.md).

Each node keeps one hash: person → number of their sockets there. It expires unless the node refreshes it, with one
command whatever the number of people, so a dead node's people go away by themselves. What changes is told to the
other nodes over the bus; a revision in the hash shows each of them at every beat whether it has missed something.
Each node tells its own followers what changed in its own view: nobody has to be elected to tell of a dead node.
"""

import asyncio
import hashlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

import orjson
from redis.asyncio import Redis

from hubbub.kernel.bus import Bus
from hubbub.kernel.presence import ACTIVE_SECONDS, Activity, Presence
from hubbub.kernel.redis_store import RedisLostError, RedisStore
from hubbub.kernel.tasks import end_tasks
from hubbub.settings import SettingsError

logger = logging.getLogger("hubbub.presence")

LEASE_SECONDS = 12.0
BEAT_SECONDS = 3.0
"""A dead node's people are gone after at most LEASE_SECONDS + BEAT_SECONDS."""
SHARE_SECONDS = 0.2
KEPT_SECONDS = 120.0
"""How long the people of other nodes are believed to be there while Redis does not answer."""
GOODBYE_SECONDS = 5.0
"""How long a node that stopped keeps its people: they come back elsewhere."""
CHUNK = 1_000

TOPIC = "presence"
NODES = "presence:nodes"
REVISION = ":revision"
SECRETS = ":secrets"
"""Fields of the hash that are no people: an id holds no colon."""

ACTIVE_SCRIPT = """
local now = tonumber(redis.call('TIME')[1])
for _, user in ipairs(ARGV) do redis.call('ZADD', KEYS[1], now, user) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - {seconds})
redis.call('EXPIRE', KEYS[1], {seconds})
return redis.call('ZCARD', KEYS[1])
""".format(seconds=int(ACTIVE_SECONDS))


@dataclass(slots=True)
class Node:
    """Another node as this one knows it. `seen` is the revision Redis had at the last beat."""

    revision: int = 0
    seen: int = 0
    people: set[str] = field(default_factory=set)


def chunks(items: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(items)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk


def fingerprints(secrets: Sequence[str]) -> list[str]:
    """What nodes compare to see that they sign alike; says nothing about the secrets."""
    return [hashlib.sha256(b"hubbub node\0" + s.encode()).hexdigest()[:16] for s in secrets]


def fit(mine: Sequence[str], field: bytes) -> bool:
    """Whether each of two nodes accepts what the other signs: with the first of its secrets."""
    theirs = field.decode().split(",")
    return mine[0] in theirs and theirs[0] in mine


async def check_secrets(store: RedisStore, secrets: Sequence[str]) -> None:
    """Raises SettingsError when a living node signs with other secrets than these.

    A node that has just died may have had others: its lease is waited for. Without Redis nothing is known.
    """
    mine = fingerprints(secrets)

    async def find(redis: Redis) -> list[bytes | None]:
        nodes = await find_nodes(redis, store)
        return list((await ask_each(redis, store, nodes, SECRETS)).values())

    deadline = asyncio.get_running_loop().time() + LEASE_SECONDS + 1.0
    while True:
        try:
            others = await store.run(find)
        except RedisLostError:
            return
        if all(fit(mine, theirs) for theirs in others if theirs):
            return
        if asyncio.get_running_loop().time() > deadline:
            raise SettingsError(
                "JWT_SECRET differs from that of another process on this REDIS_URL: all need the same, "
                "or, on one machine, the same DATA_DIR."
            )
        await asyncio.sleep(0.5)


class SharedPresence:
    """Keeps `presence` and the other nodes' in step. `node` is the id of this process, new at each start."""

    def __init__(
        self,
        presence: Presence,
        activity: Activity,
        store: RedisStore,
        bus: Bus,
        node: str,
        secrets: Sequence[str],
    ) -> None:
        self._presence = presence
        self._activity = activity
        self._store = store
        self._bus = bus
        self._node = node
        self._secrets = fingerprints(secrets)
        self._key = node_key(self._store, node)
        self._nodes_key = store.key(NODES)
        self._active_key = store.key("active")
        self._others: dict[str, Node] = {}
        self._unread: set[str] = set()
        self._changed: set[str] = set()
        self._told: set[str] = set()
        self._revision = 1
        self._written = False
        self._agreed_at = 0.0
        self._believe_at = 0.0
        self._active: int | None = None
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def active(self) -> int | None:
        """How many people did something in the last minutes, on all nodes; None when this is not known."""
        return self._active

    async def start(self) -> None:
        """Begins to share."""
        self._presence.on_sockets = self._note
        self._agreed_at = asyncio.get_running_loop().time()
        self._bus.listen(TOPIC, self._hear)
        self._changed.update(self._presence.here())
        self._task = asyncio.create_task(self._run(), name="presence")

    async def stop(self) -> None:
        """Ends the sharing; the people stay a moment, for they come back to another node."""
        if self._task is None:
            return
        await end_tasks([self._task])
        self._task = None
        try:
            await self._store.run(lambda redis: redis.expire(self._key, int(GOODBYE_SECONDS)))
        except RedisLostError:
            logger.info("presence ends by its lease: Redis does not answer")

    async def where(self, user: str) -> dict[str, int]:
        """The nodes the person is on, each with the number of their sockets. Raises RedisLostError."""

        async def find(redis: Redis) -> dict[str, bytes | None]:
            nodes = await find_nodes(redis, self._store)
            return await ask_each(redis, self._store, nodes, user)

        found = await self._store.run(find)
        return {node: int(count) for node, count in found.items() if count is not None}

    # This node's people.

    def _note(self, user: str) -> None:
        self._changed.add(user)
        self._woken.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        beat_at = 0.0
        while True:
            try:
                async with asyncio.timeout(max(0.0, beat_at - loop.time())):
                    await self._woken.wait()
            except TimeoutError:
                pass
            self._woken.clear()
            try:
                if loop.time() >= beat_at:
                    beat_at = loop.time() + BEAT_SECONDS
                    await self._beat()
                    self._agreed_at = loop.time()
                await self._share()
                await self._read_unread()
            except RedisLostError:
                self._lose(loop.time())
            except Exception:
                # Whatever it was, presence goes on at the next beat.
                logger.exception("presence could not be shared")
                self._lose(loop.time())
            await asyncio.sleep(SHARE_SECONDS)

    def _lose(self, now: float) -> None:
        """What was to be written is written whole at a later beat; others are believed for a while."""
        self._written = False
        self._active = None
        self._believe_at = now + LEASE_SECONDS + BEAT_SECONDS
        if now - self._agreed_at > KEPT_SECONDS:
            for node in list(self._others):
                self._drop(node)

    async def _share(self) -> None:
        """Writes what changed here and tells the others who came and went."""
        if not self._changed:
            return
        changed, self._changed = self._changed, set()
        counts = {user: self._presence.sockets(user) for user in changed}
        came = [u for u, count in counts.items() if count is not None and u not in self._told]
        gone = [u for u, count in counts.items() if count is None and u in self._told]
        self._told.update(came)
        self._told.difference_update(gone)
        deltas = list(self._make_deltas(came, gone))
        if self._written:
            here = {user: count for user, count in counts.items() if count is not None}
            away = [user for user, count in counts.items() if count is None]
            await self._store.run(lambda redis: self._write(redis, here, away, whole=False))
        for delta in deltas:
            self._bus.tell(TOPIC, delta)

    def _make_deltas(self, came: list[str], gone: list[str]) -> Iterator[bytes]:
        for kind, users in (("came", came), ("gone", gone)):
            for chunk in chunks(users):
                self._revision += 1
                yield orjson.dumps({"node": self._node, "to": self._revision, kind: chunk})

    async def _write(
        self, redis: Redis, here: dict[str, int], away: Sequence[str], *, whole: bool
    ) -> None:
        async with redis.pipeline(transaction=True) as pipe:
            if whole:
                pipe.delete(self._key)
            for chunk in chunks(here):
                pipe.hset(self._key, mapping={user: here[user] for user in chunk})
            for chunk in chunks(away):
                pipe.hdel(self._key, *chunk)
            about = {REVISION: self._revision, SECRETS: ",".join(self._secrets)}
            pipe.hset(self._key, mapping=about)  # type: ignore[arg-type]
            pipe.expire(self._key, int(LEASE_SECONDS))
            await pipe.execute()

    async def _beat(self) -> None:
        """Refreshes this node's lease, looks at the other nodes, and counts who is active."""
        alive, seen, nodes = await self._store.run(self._refresh)
        now = asyncio.get_running_loop().time()
        if not alive or not self._written or int(seen or 0) != self._revision:
            if self._written and not alive:
                # Redis was emptied, or this process slept: the others' leases may be missing just as ours.
                self._believe_at = now + LEASE_SECONDS + BEAT_SECONDS
            here = {
                u: n for u in self._presence.here() if (n := self._presence.sockets(u)) is not None
            }
            await self._store.run(lambda redis: self._write(redis, here, (), whole=True))
            self._written = True
        await self._look_around(nodes - {self._node}, now)
        untold = self._activity.take_untold()
        self._active = await self._store.run(lambda redis: self._count_active(redis, untold))

    async def _count_active(self, redis: Redis, users: list[str]) -> int:
        """Notes who did something, and counts who did in the last minutes; by the clock of Redis."""
        count = 0
        for chunk in (*chunks(users), []):
            count = int(await redis.eval(ACTIVE_SCRIPT, 1, self._active_key, *chunk))
        return count

    async def _refresh(self, redis: Redis) -> tuple[bool, bytes | None, set[str]]:
        async with redis.pipeline(transaction=False) as pipe:
            pipe.expire(self._key, int(LEASE_SECONDS))
            pipe.hget(self._key, REVISION)
            pipe.sadd(self._nodes_key, self._node)
            pipe.expire(self._nodes_key, int(10 * LEASE_SECONDS))
            pipe.smembers(self._nodes_key)
            alive, seen, _, _, nodes = await pipe.execute()
        return bool(alive), seen, {node.decode() for node in nodes}

    # The other nodes' people.

    async def _look_around(self, nodes: set[str], now: float) -> None:
        """Finds nodes that are new, dead, or have said something that was not heard."""
        revisions = await self._store.run(
            lambda redis: ask_each(redis, self._store, nodes, REVISION)
        )
        dead = []
        for node, found in revisions.items():
            known = self._others.get(node)
            if found is None:
                dead.append(node)
            elif known is None:
                self._unread.add(node)
            else:
                # What Redis has may be on its way over the bus still; a beat later it is not.
                if known.revision < known.seen:
                    self._unread.add(node)
                known.seen = int(found)
        dead += [node for node in self._others if node not in nodes]
        if now < self._believe_at:
            return
        for node in dead:
            self._drop(node)
        if dead:
            await self._store.run(lambda redis: redis.srem(self._nodes_key, *dead))

    async def _read_unread(self) -> None:
        """Reads the whole of those nodes that are not known well."""
        while self._unread:
            node = self._unread.pop()
            found = await self._store.run(partial(everything, key=node_key(self._store, node)))
            revision = int(found.get(REVISION.encode(), 0))
            known = self._others.get(node)
            if not revision or (known is not None and revision < known.revision):
                continue
            if not fit(self._secrets, found.get(SECRETS.encode(), b"")):
                logger.error(
                    "JWT_SECRET differs from that of node %s: sessions end between them", node
                )
            if known is None:
                known = self._others[node] = Node()
            people = {name.decode() for name in found if not name.startswith(b":")}
            known.revision = max(revision, known.revision)
            self._replace(known, people)

    def _replace(self, known: Node, people: set[str]) -> None:
        came, gone = people - known.people, known.people - people
        known.people = people
        self._presence.enter_elsewhere(came)
        self._presence.leave_elsewhere(gone)

    def _drop(self, node: str) -> None:
        known = self._others.pop(node, None)
        if known is not None:
            logger.info("node %s is gone, and %d people with it", node, len(known.people))
            self._presence.leave_elsewhere(known.people)

    def _hear(self, message: bytes) -> None:
        """Takes what another node told; what is missing before it is read from Redis."""
        told: dict[str, Any] = orjson.loads(message)
        node, revision = told["node"], told["to"]
        if node == self._node:
            return
        known = self._others.get(node)
        if known is None or revision > known.revision + 1:
            self._unread.add(node)
            self._woken.set()
        elif revision == known.revision + 1:
            known.revision = revision
            self._replace(
                known, (known.people | set(told.get("came", ()))) - set(told.get("gone", ()))
            )


def node_key(store: RedisStore, node: str) -> str:
    return store.key(f"presence:node:{node}")


async def find_nodes(redis: Redis, store: RedisStore) -> list[str]:
    """The nodes that lived lately; whether one still does, its hash tells."""
    found: Any = await redis.smembers(store.key(NODES))
    return [node.decode() for node in found]


async def ask_each(
    redis: Redis, store: RedisStore, nodes: Iterable[str], name: str
) -> dict[str, bytes | None]:
    """One field of each node's hash, None where there is none; one round trip."""
    asked = list(nodes)
    async with redis.pipeline(transaction=False) as pipe:
        for node in asked:
            pipe.hget(node_key(store, node), name)
        return dict(zip(asked, await pipe.execute(), strict=True))


async def everything(redis: Redis, key: str) -> dict[bytes, bytes]:
    found: Any = await redis.hgetall(key)
    return dict(found)
