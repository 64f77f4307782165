"""Rate limits, all declared in one table."""

from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass

from limits import RateLimitItemPerSecond
from limits.aio.storage import Storage
from limits.aio.strategies import MovingWindowRateLimiter

from hubbub.kernel.clock import Clock
from hubbub.kernel.errors import TooMany

MINUTE = 60
LONGEST_WINDOW = 60 * MINUTE
MOST_KEYS = 100_000
SWEPT = 4
"""Keys looked at whenever a new one comes: more than come, so that those out of use do not pile up."""


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


class Windows:
    """Moving windows in this process's memory: for each key, when its calls of the last while were made.

    Times in seconds. At most `most_keys` are kept; the one unused for longest is forgotten first.
    """

    def __init__(self, most_keys: int = MOST_KEYS) -> None:
        self._most_keys = most_keys
        self._calls: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._calls)

    def hit(self, name: str, key: str, limit: Limit, now: float) -> tuple[bool, int, float]:
        """Counts a call that is allowed: (whether it was, how many are left, when the oldest will not count)."""
        place = (name, key)
        calls = self._calls.get(place)
        if calls is None:
            self._sweep(now)
            calls = self._calls[place] = deque()
        else:
            self._calls.move_to_end(place)
        over = now - limit.seconds
        while calls and calls[0] <= over:
            calls.popleft()
        allowed = len(calls) < limit.amount
        if allowed:
            calls.append(now)
        return allowed, limit.amount - len(calls), calls[0] + limit.seconds

    def clear(self, name: str, key: str) -> None:
        self._calls.pop((name, key), None)

    def _sweep(self, now: float) -> None:
        """Makes room for one more: forgets keys whose calls count no more, and one more where all still do."""
        for _ in range(SWEPT):
            oldest = next(iter(self._calls.items()), None)
            if oldest is None:
                return
            place, calls = oldest
            if calls[-1] > now - LONGEST_WINDOW and len(self._calls) < self._most_keys:
                return
            del self._calls[place]


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
        self._windows = Windows()
        self._shared = MovingWindowRateLimiter(storage) if storage else None

    async def hit(self, name: str, *keys: str) -> tuple[int, int]:
        """Counts one call under each of the keys; answers (limit, what is left under the tightest key).

        Raises TooMany with `retry_after` in seconds when any key is over the limit.
        """
        limit = self.table[name]
        remaining = limit.amount
        if not self._enabled:
            return limit.amount, remaining
        now = self._clock() / 1000
        for key in keys:
            if self._shared is None:
                allowed, left, reset = self._windows.hit(name, key, limit, now)
            else:
                item = to_item(name, limit)
                allowed = await self._shared.hit(item, key)
                reset, left = await self._shared.get_window_stats(item, key)
            if not allowed:
                # The store's clock may differ from ours; nobody waits longer than the window.
                raise TooMany(limit.sentence, retry_after=min(max(1.0, reset - now), limit.seconds))
            remaining = min(remaining, left)
        return limit.amount, remaining

    async def forgive(self, name: str, *keys: str) -> None:
        """Forgets what was counted under the keys: a successful sign-in is no attempt to break in."""
        for key in keys:
            if self._shared is None:
                self._windows.clear(name, key)
            else:
                await self._shared.clear(to_item(name, self.table[name]), key)


def to_item(name: str, limit: Limit) -> RateLimitItemPerSecond:
    return RateLimitItemPerSecond(limit.amount, limit.seconds, namespace=name)
