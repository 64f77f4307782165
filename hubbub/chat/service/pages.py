"""The newest page of a room, kept encoded, and given only to whoever may read it now (docs/log.md).

Whatever changes how a message looks appends an entry to its room's stream, so the stream's head tells whether a
kept page is still the page. One small statement answers, for everybody who waits, both that and whether they may
read the room at this moment; no page needs to be called back.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass

import orjson
from sqlalchemy import Connection

from hubbub.chat.access import Standing, access_stream, check_readable, read_standings
from hubbub.chat.service.queries import read_newest
from hubbub.kernel.caller import Caller
from hubbub.kernel.joined import Joined
from hubbub.kernel.kernel import Kernel

KEPT_BYTES = 32 * 1024 * 1024
LARGEST_BYTES = KEPT_BYTES // 16
"""A page larger than this is not kept: it would push out too many others."""
ENTRY_BYTES = 500
"""About what keeping a page takes beside its own bytes."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of messages as JSON, and the version of the room it was read at."""

    version: tuple[int, int]
    body: bytes


class PageCache:
    """The pages used last, by room and length, at most `bound` bytes of them."""

    def __init__(self, bound: int = KEPT_BYTES) -> None:
        self.size = 0
        self._bound = bound
        self._pages: OrderedDict[tuple[str, int], Page] = OrderedDict()

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
        if len(page.body) > min(LARGEST_BYTES, self._bound):
            return
        self._pages[room, limit] = page
        self.size += len(page.body) + ENTRY_BYTES
        while self.size > self._bound:
            self._drop(next(iter(self._pages)))

    def _drop(self, key: tuple[str, int]) -> None:
        self.size -= len(self._pages.pop(key).body) + ENTRY_BYTES


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
            page = await self._kernel.read(read_page, caller, room, limit)
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


def read_page(connection: Connection, caller: Caller, room: str, limit: int) -> Page:
    """The newest page and its version, in one snapshot. Raises NotFound."""
    standing = access_stream(connection, caller, room)
    return Page(standing.version, orjson.dumps(read_newest(connection, room, limit, standing)))


def get_newest_pages(kernel: Kernel) -> NewestPages:
    """The kernel's pages, made when first asked for."""
    found = kernel.extensions.get("newest pages")
    if not isinstance(found, NewestPages):
        found = kernel.extensions["newest pages"] = NewestPages(kernel)
    return found
