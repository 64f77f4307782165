"""How much one client, and one address, may ask for.

Neither kind of bucket has a timer. A client's is looked at when what it granted is used up, an
address's when somebody connects from there.
"""

from __future__ import annotations

from ipaddress import IPv6Address

ADDRESSES_KEPT = 100_000


class EventBucket:
    """A token bucket of one client's packets, which gives out what it has at once.

    The receiver counts down and comes back with none left, so an event costs no look at the clock.
    In return a client that was slow with one grant may send the next as fast as it likes: the
    burst is at least ``burst``, at most twice that. ``over_since`` is the time since when the
    client has always wanted more than it may have, None while it has not.
    """

    __slots__ = ("_burst", "_filled_at", "_least", "_paused", "_rate", "over_since")

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = burst
        # A tenth of a second's worth: pauses that give back less cost more than they spare.
        self._least = min(burst, max(1, int(rate / 10)))
        self._filled_at: float | None = None
        self._paused = False
        self.over_since: float | None = None

    def grant(self, now: float) -> int:
        """How many packets may be taken now; with 0, wait for ``delay``."""
        if self._filled_at is None:
            tokens = float(self._burst)
        else:
            tokens = min(self._burst, (now - self._filled_at) * self._rate)
        if tokens < self._least:
            self._paused = True
            if self.over_since is None:
                self.over_since = now
            return 0
        if not self._paused:
            self.over_since = None
        self._paused = False
        whole = int(tokens)
        self._filled_at = now - (tokens - whole) / self._rate
        return whole

    def delay(self, now: float) -> float:
        """Seconds until there is something to grant."""
        if self._filled_at is None:
            return 0.0
        return max(0.001, self._filled_at + self._least / self._rate - now)


class AddressLimits:
    """Sessions of each address, and how fast it may open more. 0 stands for no limit.

    An IPv6 client has a network of 64 bits to itself, so that is what counts as its address. The
    table of those that connected lately is bounded: beyond ``ADDRESSES_KEPT`` the oldest are
    forgotten, and the bound of the node is what remains.
    """

    __slots__ = ("_burst", "_due", "_most", "_rate", "_sessions")

    def __init__(self, most: int, rate: float, burst: int) -> None:
        self._most = most
        self._rate = rate
        self._burst = max(1, burst)
        self._sessions: dict[str, int] = {}
        # For each address the time at which its bucket is full again (GCRA), in order of last use.
        self._due: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._sessions) + len(self._due)

    def full(self, address: str) -> bool:
        """Whether ``address`` has as many sessions as it may have."""
        return bool(self._most) and self._sessions.get(network_of(address), 0) >= self._most

    def wait(self, address: str, now: float) -> float:
        """Count one connect, and give 0.0; or count nothing, and give the seconds to wait."""
        if not self._rate:
            return 0.0
        key = network_of(address)
        due = max(now, self._due.get(key, 0.0))
        over = due - now - (self._burst - 1) / self._rate
        if over > 1e-9:
            return over
        self._due.pop(key, None)
        self._due[key] = due + 1 / self._rate
        self._expire(now)
        return 0.0

    def _expire(self, now: float) -> None:
        # Two for one, so the table shrinks as soon as its oldest entries say nothing any more.
        for _ in range(2):
            oldest = next(iter(self._due))
            if len(self._due) <= ADDRESSES_KEPT and self._due[oldest] > now:
                return
            del self._due[oldest]
            if not self._due:
                return

    def enter(self, address: str) -> None:
        """A session of ``address`` began."""
        if self._most:
            key = network_of(address)
            self._sessions[key] = self._sessions.get(key, 0) + 1

    def leave(self, address: str) -> None:
        """A session of ``address`` is over."""
        if self._most:
            key = network_of(address)
            left = self._sessions.get(key, 0) - 1
            if left > 0:
                self._sessions[key] = left
            else:
                self._sessions.pop(key, None)


def network_of(address: str) -> str:
    """What counts as one address: IPv4 as it is, of IPv6 the first 64 bits."""
    if ":" not in address:
        return address
    try:
        parsed = IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
