"""Rate limits, all declared in one table."""

from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from hubbub.kernel.clock import Clock
from hubbub.kernel.errors import TooMany

MINUTE = 60
LONGEST_WINDOW = 60 * MINUTE
MOST_KEYS = 100_000
SWEPT = 4
"""Keys looked at whenever a new one comes: more than come, so that those out of use do not pile up."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `amount` in `seconds`; `sentence` tells the person who met it.

    An `exact` limit holds for all nodes together and asks Redis for each call. The others hold for each node: they
    are generous, meet signed-in people, and must not cost a round trip.
    """

    amount: int
    seconds: int
    sentence: str
    exact: bool = False


class Hit(NamedTuple):
    """Whether a call was allowed, how many more are, and the seconds until one counts no more."""

    allowed: bool
    left: int
    wait: float


def limit_table(login_attempts: int = 5, anonymous_calls: int = 100) -> dict[str, Limit]:
    """Every limit of the product by name."""
    return {
        "authenticate": Limit(
            login_attempts,
            15 * MINUTE,
            "Too many sign-in attempts. Wait before you try again.",
            exact=True,
        ),
        # The same for one address or one account with many partners: slower guessing is caught, too.
        "authenticate-address": Limit(
            login_attempts * 10,
            15 * MINUTE,
            "Too many sign-in attempts from here. Wait a while.",
            exact=True,
        ),
        "authenticate-account": Limit(
            login_attempts * 10,
            15 * MINUTE,
            "Too many sign-in attempts. Wait before you try again.",
            exact=True,
        ),
        "anonymous": Limit(
            anonymous_calls,
            15 * MINUTE,
            "Too many requests from here. Sign in or wait.",
            exact=True,
        ),
        "refresh": Limit(60, MINUTE, "Too many session refreshes from here.", exact=True),
        "guest": Limit(
            30, 15 * MINUTE, "Too many guests from here. Wait before you try again.", exact=True
        ),
        "read": Limit(1_200, MINUTE, "Too many requests. Wait a moment."),
        "write": Limit(600, MINUTE, "Too many changes. Wait a moment."),
        "calendar": Limit(60, 15 * MINUTE, "This calendar is read too often. Wait a while."),
        "search": Limit(120, MINUTE, "Too many searches. Wait a moment."),
        "invite": Limit(
            60, 60 * MINUTE, "Too many invitations. Wait before you make more.", exact=True
        ),
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

    def hit(self, name: str, key: str, limit: Limit, now: float) -> Hit:
        """Counts a call that is allowed."""
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
        return Hit(allowed, limit.amount - len(calls), calls[0] + limit.seconds - now)

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


class Shared(Protocol):
    """Windows that all nodes count in (shared_limits.py)."""

    async def hit(self, name: str, key: str, limit: Limit) -> Hit | None: ...

    async def clear(self, name: str, key: str) -> None: ...


class Limits:
    """Counts calls: in this process's memory, and with `shared` the exact limits across nodes.

    This node's own windows are always counted, too. They decide alone while the shared ones are lost, and together
    with them until a window has passed since: so however often Redis comes and goes, no more than nodes × limit pass,
    and nobody is refused because Redis is gone.
    """

    def __init__(
        self,
        table: Mapping[str, Limit],
        clock: Clock,
        *,
        enabled: bool = True,
        shared: Shared | None = None,
    ) -> None:
        self.table = table
        self._clock = clock
        self._enabled = enabled
        self._windows = Windows()
        self._shared = shared
        self._lost_at = float("-inf")
        self.degraded = 0
        """Calls of an exact limit that were counted by this node alone, because Redis was lost."""

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
            hit = self._windows.hit(name, key, limit, now)
            if self._shared is not None and limit.exact:
                shared = await self._shared.hit(name, key, limit)
                if shared is None:
                    self.degraded += 1
                    self._lost_at = now
                elif not shared.allowed or now - self._lost_at >= limit.seconds:
                    hit = shared
            if not hit.allowed:
                raise TooMany(limit.sentence, retry_after=min(max(1.0, hit.wait), limit.seconds))
            remaining = min(remaining, hit.left)
        return limit.amount, remaining

    async def forgive(self, name: str, *keys: str) -> None:
        """Forgets what was counted under the keys: a successful sign-in is no attempt to break in."""
        for key in keys:
            self._windows.clear(name, key)
            if self._shared is not None:
                await self._shared.clear(name, key)
