"""REDIS_URL is read or refused; commands fail at once while Redis is lost, and work again when it is back."""

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import ResponseError

from hubbub.kernel.redis_address import RedisAddress, parse_redis_url
from hubbub.kernel.redis_store import ANSWER_SECONDS, RedisLostError, RedisStore
from hubbub.settings import SettingsError
from tests.servers_redis import redis_that_dies

GOOD = {
    "redis://cache": RedisAddress("single", (("cache", 6379),)),
    "redis://:p%40ss@cache:7000/3?prefix=two": RedisAddress(
        "single", (("cache", 7000),), 3, None, "p@ss", prefix="two"
    ),
    "rediss://ann:secret@[::1]:7000?ca=/etc/ca.pem": RedisAddress(
        "single", (("::1", 7000),), 0, "ann", "secret", True, "/etc/ca.pem"
    ),
    "redis+sentinel://:x@one,two:7/main/2": RedisAddress(
        "sentinel", (("one", 26379), ("two", 7)), 2, None, "x", master="main"
    ),
    "rediss+cluster://one:1,two": RedisAddress("cluster", (("one", 1), ("two", 6379)), tls=True),
}
BAD = [
    "http://cache",
    "cache:6379",
    "redis://",
    "redis://cache:port",
    "redis://cache:0",
    "redis://cache:70000",
    "redis://one,two",
    "redis://cache/zero",
    "redis://cache/0/1",
    "redis://cache?prefix=",
    "redis://cache?prefix={a}",
    "redis://cache?timeout=1",
    "redis://cache?ca=/etc/ca.pem",
    "redis://[::1",
    "redis+sentinel://one",
    "redis+cluster://one/1",
]


@pytest.mark.parametrize("url", GOOD)
def test_good_urls(url: str) -> None:
    assert parse_redis_url(url) == GOOD[url]


@pytest.mark.parametrize("url", BAD)
def test_bad_urls_name_the_variable(url: str) -> None:
    with pytest.raises(SettingsError, match="REDIS_URL"):
        parse_redis_url(url)


@given(st.text(max_size=60).map(lambda rest: f"redis://ann:a-secret@{rest}"))
def test_any_text_is_read_or_refused_without_its_password(url: str) -> None:
    refusal = ""
    try:
        parse_redis_url(url)
    except SettingsError as error:
        refusal = str(error)
    assert "a-secret" not in refusal


def test_names() -> None:
    address = parse_redis_url("redis://cache/2?prefix=mine")
    assert address.key("limits") == "mine:limits"
    assert address.key("a", "presence") == "mine:{presence}:a"
    assert address.channel("s:room") == "mine:2:s:room"


async def until_available(store: RedisStore) -> None:
    async with asyncio.timeout(60):
        while not store.available:
            await asyncio.sleep(0.02)


@pytest.mark.anyio
async def test_lost_and_found() -> None:
    with redis_that_dies() as server:
        store = RedisStore(server.url)
        assert await store.run(lambda redis: redis.incr(store.key("seen"))) == 1
        with pytest.raises(ResponseError):
            await store.run(lambda redis: redis.eval("return nothing()", 0))
        assert store.available
        server.kill()
        with pytest.raises(RedisLostError):
            await store.run(lambda redis: redis.incr("seen"))
        assert not store.available
        called = []
        for _ in range(100):
            with pytest.raises(RedisLostError):
                await store.run(lambda redis: called.append(redis) or redis.ping())
        assert called == [], "everybody asked the Redis that was known to be lost"
        server.start()
        await until_available(store)
        assert await store.run(lambda redis: redis.incr(store.key("seen"))) == 1
        server.pause()
        started = time.monotonic()
        with pytest.raises(RedisLostError):
            await store.run(lambda redis: redis.ping())
        assert time.monotonic() - started < 60 * ANSWER_SECONDS
        server.resume()
        await until_available(store)
        await store.close()
