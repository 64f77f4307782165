"""Moving windows in Redis, one for all nodes, by the clock of Redis.

Own rather than the `limits` library's: that one asks twice for each call, takes the time from each node's clock, and
opens connections of its own beside the client that fails fast.
"""

import hashlib

from hubbub.kernel.limits import Hit, Limit
from hubbub.kernel.redis_store import RedisLostError, RedisStore

HIT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local amount, length = tonumber(ARGV[1]), tonumber(ARGV[2])
local oldest = redis.call('LINDEX', KEYS[1], -1)
while oldest and tonumber(oldest) <= now - length do
    redis.call('RPOP', KEYS[1])
    oldest = redis.call('LINDEX', KEYS[1], -1)
end
local count = redis.call('LLEN', KEYS[1])
local allowed = 0
if count < amount then
    redis.call('LPUSH', KEYS[1], string.format('%.0f', now))
    redis.call('PEXPIRE', KEYS[1], length)
    allowed, count = 1, count + 1
end
return {allowed, amount - count, tonumber(oldest or now) + length - now}
"""
"""Counts a call that is allowed: {whether it was, how many are left, milliseconds until one more is}."""


class SharedWindows:
    """Counts across nodes. A key holds no address or name, only what cannot be turned back into one at a glance."""

    def __init__(self, store: RedisStore) -> None:
        self._store = store

    def _key(self, name: str, key: str) -> str:
        digest = hashlib.blake2b(key.encode(), digest_size=16).hexdigest()
        return self._store.key(f"limit:{name}:{digest}")

    async def hit(self, name: str, key: str, limit: Limit) -> Hit | None:
        """Counts a call that is allowed; None while Redis is lost. At worst a call is counted twice."""
        place = self._key(name, key)
        try:
            allowed, left, wait = await self._store.run(
                lambda redis: redis.eval(
                    HIT, 1, place, str(limit.amount), str(limit.seconds * 1000)
                )
            )
        except RedisLostError:
            return None
        return Hit(bool(allowed), left, wait / 1000)

    async def clear(self, name: str, key: str) -> None:
        """Forgets what was counted under the key, if Redis answers."""
        place = self._key(name, key)
        try:
            await self._store.run(lambda redis: redis.delete(place))
        except RedisLostError:
            return
