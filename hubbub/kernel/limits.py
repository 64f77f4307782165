"""Rate limits, all declared in one table."""

from collections.abc import Mapping
from dataclasses import dataclass

from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage, Storage
from limits.aio.strategies import MovingWindowRateLimiter, RateLimiter

from hubbub.kernel.clock import Clock
from hubbub.kernel.errors import TooMany

MINUTE = 60


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `amount` in `seconds`; `sentence` tells the person who met it."""

    amount: int
    seconds: int
    sentence: str


def limit_table(login_attempts: int = 5, anonymous_calls: int = 100) -> dict[str, Limit]:
    """Every limit of the product by name."""
    return {
        "authenticate": Limit(
            login_attempts, 15 * MINUTE, "Too many sign-in attempts. Wait before you try again."
        ),
        # The same for one address or one account with many partners: slower guessing is caught, too.
        "authenticate-address": Limit(
            login_attempts * 10, 15 * MINUTE, "Too many sign-in attempts from here. Wait a while."
        ),
        "authenticate-account": Limit(
            login_attempts * 10,
            15 * MINUTE,
            "Too many sign-in attempts. Wait before you try again.",
        ),
        "anonymous": Limit(
            anonymous_calls, 15 * MINUTE, "Too many requests from here. Sign in or wait."
        ),
        "refresh": Limit(60, MINUTE, "Too many session refreshes from here."),
        "guest": Limit(30, 15 * MINUTE, "Too many guests from here. Wait before you try again."),
        "read": Limit(1_200, MINUTE, "Too many requests. Wait a moment."),
        "write": Limit(600, MINUTE, "Too many changes. Wait a moment."),
        "search": Limit(120, MINUTE, "Too many searches. Wait a moment."),
        "invite": Limit(60, 60 * MINUTE, "Too many invitations. Wait before you make more."),
        "client-error": Limit(30, MINUTE, "Too many error reports."),
    }


class Limits:
    """Counts calls. The store is this process's memory; a shared one counts across nodes."""

    def __init__(
        self,
        table: Mapping[str, Limit],
        clock: Clock,
        *,
        enabled: bool = True,
        storage: Storage | None = None,
    ) -> None:
        self.table = table
        self._clock = clock
        self._enabled = enabled
        self._limiter: RateLimiter = MovingWindowRateLimiter(storage or MemoryStorage())

    async def hit(self, name: str, *keys: str) -> tuple[int, int]:
        """Counts one call under each of the keys; answers (limit, what is left under the tightest key).

        Raises TooMany with `retry_after` in seconds when any key is over the limit.
        """
        limit = self.table[name]
        if not self._enabled:
            return limit.amount, limit.amount
        item = RateLimitItemPerSecond(limit.amount, limit.seconds, namespace=name)
        remaining = limit.amount
        for key in keys:
            allowed = await self._limiter.hit(item, key)
            window = await self._limiter.get_window_stats(item, key)
            if not allowed:
                # The store's clock may differ from ours; nobody waits longer than the window.
                wait = min(max(1.0, window.reset_time - self._clock() / 1000), limit.seconds)
                raise TooMany(limit.sentence, retry_after=wait)
            remaining = min(remaining, window.remaining)
        return limit.amount, remaining

    async def forgive(self, name: str, *keys: str) -> None:
        """Forgets what was counted under the keys: a successful sign-in is no attempt to break in."""
        limit = self.table[name]
        item = RateLimitItemPerSecond(limit.amount, limit.seconds, namespace=name)
        for key in keys:
            await self._limiter.clear(item, key)
