"""The bus over real Redis: alone, dying, as a cluster, under sentinels."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from hubbub.kernel.bus import Bus, LocalBus, Signal
from hubbub.kernel.log import Encoded, Entry
from hubbub.kernel.redis_address import parse_redis_url
from hubbub.kernel.redis_bus import UNSENT_BYTES, RedisBus
from hubbub.kernel.redis_store import RedisLostError, RedisStore
from hubbub.kernel.redis_wire import slot_of
from tests.servers import Redis
from tests.servers_redis import (
    redis_that_dies,
    running_redis_cluster,
    running_redis_with_sentinels,
)

pytestmark = pytest.mark.anyio


class Node:
    """A bus, and what it brought."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.entries: list[Encoded] = []
        self.signals: list[Signal] = []
        self.gaps = 0
        bus.attach(self)

    def receive_entries(self, stream: str, entries: Sequence[Encoded]) -> None:
        assert {entry.stream for entry in entries} == {stream}
        self.entries += entries

    def receive_signal(self, signal: Signal) -> None:
        self.signals.append(signal)

    def receive_gap(self) -> None:
        self.gaps += 1

    def heard(self, stream: str) -> list[int]:
        return [entry.seq for entry in self.entries if entry.stream == stream]


@asynccontextmanager
async def nodes(*urls: str) -> AsyncIterator[list[Node]]:
    async with AsyncExitStack() as stack:
        made = []
        for url in urls:
            bus = RedisBus(parse_redis_url(url))
            await bus.start()
            stack.push_async_callback(bus.close)
            made.append(Node(bus))
        yield made


async def until(ready: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not ready():
            await asyncio.sleep(0.005)


def note(stream: str, seq: int, text: str = "Grüße") -> Encoded:
    data = b'{"text":"%b"}' % text.encode()
    return Encoded.of(Entry(stream, seq, "note.written", "ann", 1_790_000_000_123, None, data))


async def hears_again(ann: Node, bob: Node, stream: str) -> None:
    """Waits until what Ann publishes reaches Bob; each attempt is the stream's next entry."""
    seq = 1_000
    async with asyncio.timeout(60):
        while seq not in bob.heard(stream):
            seq += 1
            ann.bus.publish([note(stream, seq)])
            await asyncio.sleep(0.05)


async def test_the_same_bytes_reach_the_other_node(redis_url: str) -> None:
    async with nodes(redis_url, redis_url) as (ann, bob):
        assert ann.bus.state == bob.bus.state == "ok"
        await asyncio.gather(ann.bus.subscribe("room"), bob.bus.subscribe("room"))
        sent = [note("room", seq) for seq in range(1, 51)]
        ann.bus.publish(sent)
        assert ann.entries == sent, "a node's own entries need no way through Redis"
        ann.bus.signal(Signal("room", "typing", "ann", {"where": "here"}))
        await until(lambda: len(bob.signals) == 1)
        assert [entry.json for entry in bob.entries] == [entry.json for entry in sent]
        assert all(entry._entry is None for entry in bob.entries), "the JSON was decoded"
        assert bob.entries[7].entry == sent[7].entry
        assert bob.signals == ann.signals == [Signal("room", "typing", "ann", {"where": "here"})]
        bob.bus.publish([note("room", 51)])
        await until(lambda: len(ann.entries) == 51)
        assert len(bob.entries) == 51, "what a node published came back to it"
        assert ann.bus.counters["received"] == 1
        assert bob.bus.counters["received"] == 51


async def test_streams_nobody_follows_cost_nothing(
    redis_url: str, redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis_server.command("CONFIG RESETSTAT")
    async with nodes(redis_url, redis_url) as (ann, bob):
        replies = []
        await asyncio.gather(*(bob.bus.subscribe(f"room {n}") for n in range(500)))
        monkeypatch.setattr(bob.bus, "_receive", lambda channel, _: replies.append(channel))
        for seq in range(1, 200):
            ann.bus.publish([note(f"other {n}", seq) for n in range(5)])
        ann.bus.publish([note("room 7", 1)])
        await until(lambda: len(replies) > 0)
        assert replies == [b"hubbub:0:s:room 7"]
        bob.bus.unsubscribe("room 7")
        await bob.bus.subscribe("room 8")
        await bob.bus.subscribe("room x")
        ann.bus.publish([note("room 7", 2), note("room 8", 1)])
        await until(lambda: len(replies) > 1)
        assert replies[1:] == [b"hubbub:0:s:room 8"]
        store = RedisStore(redis_url)
        calls = (await store.client.info("commandstats"))["cmdstat_subscribe"]["calls"]
        assert calls <= 3, "each subscription was a command of its own"
        await store.close()


async def test_rubbish_is_dropped_and_counted(redis_url: str, redis_server: Redis) -> None:
    async with nodes(redis_url, redis_url) as (ann, bob):
        await bob.bus.subscribe("room")
        store = RedisStore(redis_url)
        rubbish = [b"", b"E", b"S" + b"x" * 20, b"E" + b"x" * 400, b"?" * 9, "Grüße".encode()]
        for message in rubbish:
            await store.client.publish("hubbub:0:s:room", message)
        ann.bus.publish([note("room", 1)])
        await until(lambda: bob.heard("room") == [1])
        assert bob.bus.counters["malformed"] == len(rubbish)
        await store.close()


async def test_topics_reach_every_listener_the_teller_too(redis_url: str) -> None:
    async with nodes(redis_url, redis_url) as (ann, bob):
        heard: list[tuple[str, bytes]] = []

        def fail(_payload: bytes) -> None:
            raise ZeroDivisionError

        ann.bus.listen("canary", fail)
        ann.bus.listen("canary", lambda payload: heard.append(("ann", payload)))
        bob.bus.listen("canary", lambda payload: heard.append(("bob", payload)))
        await asyncio.gather(ann.bus.subscribe("room"), bob.bus.subscribe("room"))
        ann.bus.tell("canary", b"\x00tweet")
        assert heard == []
        await until(lambda: len(heard) == 2)
        assert sorted(heard) == [("ann", b"\x00tweet"), ("bob", b"\x00tweet")]
    local = LocalBus()
    alone: list[bytes] = []
    local.listen("canary", fail)
    local.listen("canary", alone.append)
    local.tell("canary", b"tweet")
    assert alone == []
    await until(lambda: alone == [b"tweet"])


async def test_two_workspaces_share_a_redis(redis_url: str) -> None:
    async with nodes(redis_url, f"{redis_url}?prefix=other", redis_url[:-1] + "1") as made:
        for node in made:
            await node.bus.subscribe("room")
        for seq, node in enumerate(made, 1):
            node.bus.publish([note("room", seq)])
        for node in made:
            await node.bus.subscribe("something else")
        assert [node.heard("room") for node in made] == [[1], [2], [3]]


async def test_subscribing_anew(redis_url: str) -> None:
    async with nodes(redis_url, redis_url) as (ann, bob):
        await bob.bus.subscribe("room")
        gaps = bob.gaps
        bob.bus.resubscribe()
        assert bob.bus.state == "degraded"
        await until(lambda: bob.bus.state == "ok")
        assert bob.gaps == gaps + 1, "nobody was told to look for what was missed"
        ann.bus.publish([note("room", 1)])
        await until(lambda: bob.heard("room") == [1])
        assert bob.bus.counters["reconnects"] == 1


async def test_redis_dies_stalls_and_comes_back() -> None:
    with redis_that_dies() as server:
        server.kill()
        async with nodes(server.url, server.url) as (ann, bob):
            assert ann.bus.state == "degraded"
            await bob.bus.subscribe("early")
            ann.bus.publish([note("early", 1)])
            assert ann.bus.counters["dropped"] == 1
            server.start()
            await until(lambda: ann.bus.state == bob.bus.state == "ok")
            ann.bus.publish([note("early", 2)])
            await until(lambda: bob.heard("early") == [2])
            gaps = bob.gaps
            server.kill()
            await until(lambda: ann.bus.state == bob.bus.state == "degraded")
            await bob.bus.subscribe("late")
            server.start()
            await until(lambda: ann.bus.state == bob.bus.state == "ok")
            assert bob.gaps > gaps
            for stream in ("early", "late"):
                ann.bus.publish([note(stream, 3)])
                await until(lambda s=stream: 3 in bob.heard(s))  # type: ignore[misc]
            # A Redis that takes nothing and does not say so.
            server.pause()
            large = "x" * 100_000
            published = ann.bus.counters["published"]
            for seq in range(4, 304):
                ann.bus.publish([note("early", seq, large)])
                ann.bus.signal(Signal("early", "typing", "ann", {}))
                await asyncio.sleep(0)
            await asyncio.sleep(0)
            sent = ann.bus.counters["published"] - published
            # The kernel's own buffers take some more.
            assert 0 < sent < 3 * UNSENT_BYTES / len(large)
            assert ann.bus.counters["dropped"] >= 300 - sent
            await until(lambda: ann.bus.state == "degraded")
            server.resume()
            await until(lambda: ann.bus.state == bob.bus.state == "ok")
            await hears_again(ann, bob, "late")


async def test_cluster_with_sharded_channels() -> None:
    with running_redis_cluster() as cluster:
        store = RedisStore(cluster.url)
        keys = [store.key("a", "group"), store.key("b", "group")]
        script = "return redis.call('incr', KEYS[1]) + redis.call('incr', KEYS[2])"
        assert await store.run(lambda redis: redis.eval(script, 2, *keys)) == 2
        async with nodes(cluster.url, cluster.url) as (ann, bob):
            assert ann.bus.state == "ok"
            streams = [f"room {n}" for n in range(30)]
            await asyncio.gather(*(bob.bus.subscribe(stream) for stream in streams))
            shares = [len(node.command("PUBSUB SHARDCHANNELS")) for node in cluster.nodes]
            assert sum(shares) == 30
            assert all(shares), "all channels are on one master"
            ann.bus.publish([note(stream, 1) for stream in streams])
            await until(lambda: len(bob.entries) == 30)
            # A slot moves; both learn of it by what the masters answer.
            slot = slot_of(b"hubbub:0:s:room 0")
            source = cluster.nodes[slot * 3 // 16_384]
            target = cluster.nodes[(slot * 3 // 16_384 + 1) % 3]
            cluster.move(slot, source, target)
            await hears_again(ann, bob, "room 0")
            assert target.command("PUBSUB SHARDCHANNELS").count(b"hubbub:0:s:room 0") == 1
            bob.bus.resubscribe()
            await until(lambda: bob.bus.state == "ok")
            ann.bus.publish([note(stream, 2) for stream in streams])
            await until(lambda: all(2 in bob.heard(stream) for stream in streams))
        await store.close()


async def test_sentinels_promote_the_replica() -> None:
    with running_redis_with_sentinels() as pair:
        store = RedisStore(pair.url)
        await store.run(lambda redis: redis.incr("seen"))
        async with nodes(pair.url, pair.url) as (ann, bob):
            await bob.bus.subscribe("room")
            ann.bus.publish([note("room", 1)])
            await until(lambda: bob.heard("room") == [1])
            pair.master.kill()
            with pytest.raises(RedisLostError):
                await store.run(lambda redis: redis.incr("seen"))
            await until(lambda: ann.bus.state == bob.bus.state == "degraded")
            await until(lambda: ann.bus.state == bob.bus.state == "ok")
            ann.bus.publish([note("room", 2)])
            await until(lambda: bob.heard("room") == [1, 2])
            await until(lambda: store.available)
            await store.run(lambda redis: redis.incr("other"))
            assert pair.replica.command("GET other") == b"1"
        await store.close()
