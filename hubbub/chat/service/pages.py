"""The newest page of a room, kept encoded, and given only to whoever may read it now (docs/log.md).

Whatever changes how a message looks appends an entry to its room's stream, so the stream's head tells whether a
kept page is still the page. One small statement answers, for everybody who waits, both that and whether they may
read the room at this moment; no page needs to be called back.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from sqlalchemy import Connection

from hubbub.chat.access import Standing, access_stream, check_readable, read_standings
from hubbub.chat.service.queries import read_newest
from hubbub.kernel import log
from hubbub.kernel.caller import Caller
from hubbub.kernel.joined import Joined
from hubbub.kernel.kernel import Kernel

KEPT_BYTES = 32 * 1024 * 1024
LARGEST_BYTES = KEPT_BYTES // 16
"""A page larger than this is not kept: it would push out too many others."""
ENTRY_BYTES = 500
"""About what keeping a page takes beside its own bytes."""


UNSEEN = frozenset({"member.joined", "member.left", "room.created", "room.changed", "user.changed"})
"""Kinds of entries that change no message."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page as JSON, the version of the room it was read at, and its messages, each as JSON."""

    version: tuple[int, int]
    body: bytes
    items: tuple[bytes, ...] = ()
    has_before: bool = False

    @property
    def size(self) -> int:
        return len(self.body) + sum(map(len, self.items)) + ENTRY_BYTES


def make_page(standing: Standing, items: Sequence[bytes], has_before: bool) -> Page:
    document = {
        "items": [orjson.Fragment(item) for item in items],
        "has_before": has_before,
        "has_after": False,
        "head": standing.head,
    }
    return Page(standing.version, orjson.dumps(document), tuple(items), has_before)


class PageCache:
    """The pages used last, by room and length, at most `bound` bytes of them."""

    def __init__(self, bound: int = KEPT_BYTES) -> None:
        self.size = 0
        self._bound = bound
        self._pages: OrderedDict[tuple[str, int], Page] = OrderedDict()

    def latest(self, room: str, limit: int) -> Page | None:
        """The page that is kept, of whatever version."""
        return self._pages.get((room, limit))

    def find(self, room: str, limit: int, version: tuple[int, int]) -> Page | None:
        page = self._pages.get((room, limit))
        if page is None or page.version != version:
            return None
        self._pages.move_to_end((room, limit))
        return page

    def keep(self, room: str, limit: int, page: Page) -> None:
        """Keeps the page instead of an older one of the same room and length."""
        if (room, limit) in self._pages:
            self._drop((room, limit))
        if page.size > min(LARGEST_BYTES, self._bound):
            return
        self._pages[room, limit] = page
        self.size += page.size
        while self.size > self._bound:
            self._drop(next(iter(self._pages)))

    def _drop(self, key: tuple[str, int]) -> None:
        self.size -= self._pages.pop(key).size


class NewestPages:
    """The newest messages of rooms, for one kernel."""

    def __init__(self, kernel: Kernel, cache: PageCache | None = None) -> None:
        self._kernel = kernel
        self._cache = cache or PageCache()
        self._asked = Joined(self._read_standings)
        self._reading: dict[tuple[str, int], asyncio.Event] = {}

    async def read(self, caller: Caller, room: str, limit: int) -> bytes:
        """`list_messages` without a place, as JSON. Raises NotFound."""
        for last in (False, True):
            standing = await self._asked.ask((room, caller.id))
            found = check_readable(standing, caller)
            page = self._cache.find(room, limit, found.version)
            if page is not None:
                return page.body
            # Many who want a page that just changed wait for the first of them, and are then asked for again.
            reading = self._reading.get((room, limit))
            if reading is None or last:
                break
            await reading.wait()
        return await self._read_page(caller, room, limit)

    async def _read_page(self, caller: Caller, room: str, limit: int) -> bytes:
        done = self._reading[room, limit] = asyncio.Event()
        try:
            known = self._cache.latest(room, limit)
            page = await self._kernel.read(read_page, caller, room, limit, known)
        finally:
            if self._reading.get((room, limit)) is done:
                del self._reading[room, limit]
            done.set()
        self._cache.keep(room, limit, page)
        return page.body

    async def _read_standings(
        self, pairs: list[tuple[str, str]]
    ) -> dict[tuple[str, str], Standing]:
        return await self._kernel.database.ask(read_standings, pairs)


def read_page(
    connection: Connection, caller: Caller, room: str, limit: int, known: Page | None = None
) -> Page:
    """The newest page and its version, in one snapshot, from an earlier one if that is possible. Raises NotFound."""
    standing = access_stream(connection, caller, room)
    if known is not None:
        page = extend_page(connection, room, limit, standing, known)
        if page is not None:
            return page
    newest = read_newest(connection, room, limit, standing)
    items = [orjson.dumps(item) for item in newest["items"]]
    return make_page(standing, items, newest["has_before"])


def extend_page(
    connection: Connection, room: str, limit: int, standing: Standing, known: Page
) -> Page | None:
    """The earlier page with what was posted since, taken from the log; None where anything else happened.

    The entry of a post holds the message as it was posted, which is how it is as long as no later entry tells of it.
    """
    since, changed_at = known.version
    count = standing.head - since
    if not 0 < count <= limit:
        return None
    # From the entry the known page ends with: were it not there, or another, this would be another history.
    found = log.read_entries(connection, room, since - 1, standing.head, count + 1)
    if len(found) != count + 1 or found[0].at != changed_at:
        return None
    items = list(known.items)
    for entry in found[1:]:
        if entry.kind == "message.posted" and orjson.loads(entry.data)["reply_to"] is None:
            items.append(entry.data)
        elif entry.kind not in UNSEEN:
            return None
    return make_page(standing, items[-limit:], known.has_before or len(items) > limit)


def get_newest_pages(kernel: Kernel) -> NewestPages:
    """The kernel's pages, made when first asked for."""
    found = kernel.extensions.get("newest pages")
    if not isinstance(found, NewestPages):
        found = kernel.extensions["newest pages"] = NewestPages(kernel)
    return found
