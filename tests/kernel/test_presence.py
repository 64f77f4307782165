"""Who is online: one process, then several that share a Redis."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from hubbub.kernel import shared_presence
from hubbub.kernel.bus import LocalBus
from hubbub.kernel.presence import Activity, Presence
from hubbub.kernel.redis_store import RedisStore
from hubbub.kernel.shared_presence import SharedPresence
from hubbub.settings import SettingsError
from tests.servers import Redis

pytestmark = pytest.mark.anyio

SECONDS = 60.0
SECRETS = ["s" * 40]


async def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)


@dataclass
class Told:
    """What followers were told, batch by batch."""

    batches: list[tuple[set[str], set[str]]] = field(default_factory=list)

    def changed(self, came: set[str], gone: set[str]) -> None:
        self.batches.append((came, gone))


# One process.


async def test_the_last_socket_lingers() -> None:
    told = Told()
    presence = Presence(told.changed, linger=0.05, batch=0.0)
    presence.enter("ann")
    presence.enter("ann")
    presence.leave("ann")
    await asyncio.sleep(0.1)
    assert told.batches == [({"ann"}, set())]
    presence.leave("ann")
    assert presence.online() == {"ann"}
    presence.enter("ann")
    await asyncio.sleep(0.1)
    assert told.batches == [({"ann"}, set())], "back within the linger"
    presence.leave("ann")
    await until(lambda: told.batches[1:] == [(set(), {"ann"})])
    assert presence.online() == set()
    assert presence.sockets("ann") is None


async def test_the_first_is_told_at_once_and_the_rest_together() -> None:
    told = Told()
    presence = Presence(told.changed, batch=1.0)
    presence.enter("ann")
    await until(lambda: bool(told.batches))
    crowd = {f"p{number}" for number in range(5_000)}
    presence.enter_elsewhere(crowd)
    presence.enter_elsewhere(["back"])
    presence.leave_elsewhere(["back"])
    for _ in range(10):
        await asyncio.sleep(0)
    assert told.batches == [({"ann"}, set())]
    assert presence.online() == {"ann"}, "what is shown is what was told"
    await until(lambda: len(told.batches) > 1)
    assert told.batches[1:] == [(crowd, set())]
    presence.close()


async def test_somebody_on_two_nodes_stays_when_one_goes() -> None:
    told = Told()
    presence = Presence(told.changed, linger=0.0, batch=0.0)
    presence.enter("ann")
    presence.enter_elsewhere(["ann"])
    presence.leave("ann")
    await until(lambda: presence.here() == [])
    assert presence.online() == {"ann"}
    presence.leave_elsewhere(["ann"])
    await until(lambda: presence.online() == set())
    assert told.batches == [({"ann"}, set()), (set(), {"ann"})]


def test_activity_counts_each_person_once_for_a_while() -> None:
    activity = Activity()
    activity.note("ann", 0.0)
    activity.note("bob", 100.0)
    activity.note("ann", 200.0)
    assert activity.count(200.0) == 2
    assert sorted(activity.take_untold()) == ["ann", "bob"]
    assert activity.take_untold() == []
    assert activity.count(401.0) == 1
    assert activity.count(501.0) == 0


# Several nodes.


class LossyBus(LocalBus):
    """A bus that loses what is told while it is asked to."""

    lossy = False

    def tell(self, topic: str, payload: bytes) -> None:
        if not self.lossy:
            super().tell(topic, payload)


@dataclass
class Node:
    presence: Presence
    shared: SharedPresence
    store: RedisStore
    activity: Activity
    told: Told

    async def die(self) -> None:
        """As by `kill -9`: nothing is written, and the lease runs out."""
        assert self.shared._task is not None
        self.shared._task.cancel()
        self.presence.close()
        await self.store.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (
        # Nobody is dead who is only slow: where a lease ends, the test ends it.
        ("LEASE_SECONDS", 60.0),
        ("BEAT_SECONDS", 0.2),
        ("SHARE_SECONDS", 0.01),
        ("GOODBYE_SECONDS", 1.0),
    ):
        monkeypatch.setattr(shared_presence, name, seconds)


@asynccontextmanager
async def node(redis_url: str, bus: LocalBus, name: str) -> AsyncIterator[Node]:
    told = Told()
    presence = Presence(told.changed, linger=0.2, batch=0.0)
    store, activity = RedisStore(redis_url), Activity()
    shared = SharedPresence(presence, activity, store, bus, name, SECRETS)
    await shared.start()
    try:
        yield Node(presence, shared, store, activity, told)
    finally:
        await shared.stop()
        presence.close()
        await store.close()


@asynccontextmanager
async def pair(redis_url: str) -> AsyncIterator[tuple[Node, Node, LossyBus]]:
    bus = LossyBus()
    async with node(redis_url, bus, "one") as one, node(redis_url, bus, "two") as two:
        one.presence.enter("ann")
        two.presence.enter("bob")
        await until(lambda: one.presence.online() == two.presence.online() == {"ann", "bob"})
        yield one, two, bus


async def test_nodes_know_each_others_people(redis_url: str) -> None:
    async with pair(redis_url) as (one, two, _):
        two.presence.enter("ann")
        two.presence.enter("ann")
        await until(lambda: one.presence._elsewhere.get("ann") == 1)
        one.presence.leave("ann")
        await until(lambda: one.presence.here() == [])
        assert one.presence.online() == {"ann", "bob"}
        assert two.presence.online() == {"ann", "bob"}
        deadline = time.monotonic() + SECONDS
        while await one.shared.where("ann") != {"two": 2}:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        assert await two.shared.where("nobody") == {}
        gone = [batch for batch in one.told.batches + two.told.batches if batch[1]]
        assert gone == [], "a change of the node is no going and coming"
        one.activity.note("ann", 0.0)
        two.activity.note("ann", 0.0)
        two.activity.note("bob", 0.0)
        await until(lambda: one.shared.active == two.shared.active == 2)


async def test_what_the_bus_loses_is_found_by_comparing(redis_url: str) -> None:
    async with pair(redis_url) as (one, two, bus):
        bus.lossy = True
        one.presence.enter("cora")
        one.presence.leave("ann")
        await until(lambda: two.presence.online() == {"bob", "cora"})
        bus.lossy = False
        one.presence.enter("dora")
        await until(lambda: two.presence.online() == {"bob", "cora", "dora"})


async def test_a_dead_nodes_people_go_together(redis_url: str, redis_server: Redis) -> None:
    async with pair(redis_url) as (one, two, _):
        crowd = {f"p{number}" for number in range(3_000)}
        for user in crowd:
            two.presence.enter(user)
        two.presence.enter("ann")
        await until(lambda: one.presence.online() >= crowd)
        await two.die()
        redis_server.command(f"DEL {two.shared._key}")
        await until(lambda: one.presence.online() == {"ann"})
        assert [gone for _, gone in one.told.batches if gone] == [crowd | {"bob"}]
        assert await one.shared.where("bob") == {}
        assert await one.shared.where("ann") == {"one": 1}


async def test_an_emptied_redis_sends_nobody_away(redis_url: str, redis_server: Redis) -> None:
    async with pair(redis_url) as (one, two, _):
        redis_server.command("FLUSHALL")
        deadline = time.monotonic() + SECONDS
        while (await one.shared.where("ann"), await one.shared.where("bob")) != (
            {"one": 1},
            {"two": 1},
        ):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        assert [gone for _, gone in one.told.batches + two.told.batches if gone] == []


async def test_without_redis_the_others_are_believed_for_a_while(
    redis_url: str, redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with pair(redis_url) as (one, two, bus):
        bus.lossy = True
        for each in (one, two):
            monkeypatch.setattr(each.store, "_available", False)
        await two.shared.stop()
        redis_server.command("FLUSHALL")
        one.presence.enter("cora")
        await until(lambda: one.presence.online() == {"ann", "bob", "cora"})
        assert one.shared.active is None
        monkeypatch.setattr(shared_presence, "KEPT_SECONDS", 0.0)
        await until(lambda: one.presence.online() == {"ann", "cora"})
        monkeypatch.setattr(one.store, "_available", True)
        deadline = time.monotonic() + SECONDS
        while await one.shared.where("cora") != {"one": 1}:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)


async def test_nodes_that_sign_differently_refuse_each_other(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with pair(redis_url) as (one, _, _):
        await until(lambda: one.shared._written)
        # So long a node that starts waits for others to go.
        monkeypatch.setattr(shared_presence, "LEASE_SECONDS", 1.0)
        await shared_presence.check_secrets(one.store, SECRETS)
        await shared_presence.check_secrets(one.store, [*SECRETS, "the old one"])
        refused = await asyncio.gather(
            *(
                shared_presence.check_secrets(one.store, other)
                for other in (["another"], ["new", *SECRETS])
            ),
            return_exceptions=True,
        )
        for problem in refused:
            assert isinstance(problem, SettingsError)
            assert "JWT_SECRET" in str(problem)
