"""This node among the others: its row, its canary, and what it does when it has become deaf (docs/cluster.md)."""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from hubbub.kernel.bus import Bus
from hubbub.kernel.database import Database
from hubbub.kernel.errors import Problem
from hubbub.kernel.hearing import Hearing, Others, State
from hubbub.kernel.nodes import Node, NodeTable, Seen
from hubbub.kernel.tasks import end_tasks

logger = logging.getLogger("hubbub.cluster")

CANARY = "nodes.canary"
BEAT_SECONDS = 0.8
ECHO_SECONDS = 0.2
"""A canary usually is back within milliseconds: the row is written after it, so that others read how things are."""
LATER_SECONDS = 2.0
"""Another node hears if it heard itself this much later than this one; two beats apart they are anyhow."""
RECENT_SECONDS = 5.0
STALE_SECONDS = 3.0
SPLIT_SECONDS = 8.0
RESUBSCRIBE_BEATS = 8
REMOVE_SECONDS = 2.0


class Cluster:
    """Beats while the node runs. `on_state(before, now)` is called on the loop when the hearing changes.

    `figures()` gives what this node does, a small JSON object for everybody to read. With a bus that only this
    process hears (`shared` false) there is nothing to be deaf to.
    """

    def __init__(
        self,
        database: Database,
        bus: Bus,
        node: Node,
        *,
        shared: bool,
        figures: Callable[[], dict[str, Any]],
    ) -> None:
        self.node = node
        self.shared = shared
        self.on_state: Callable[[State, State], None] = lambda before, now: None
        self._table = NodeTable(database, node)
        self._bus = bus
        self._figures = figures
        self._hearing = Hearing("starting" if shared else "ok")
        self._echo = asyncio.Event()
        self._heard_at: float | None = None
        self._began_at = float("-inf")
        self._hearing_since: float | None = None
        self._peers: dict[str, float] = {}
        self._rows: list[Seen] = []
        self._read_at = 0.0
        self._failing = False
        self._deaf_beats = 0
        self._writing: asyncio.Task[None] | None = None
        self._running: asyncio.Task[None] | None = None
        bus.listen(CANARY, self._hear)

    @property
    def state(self) -> State:
        return self._hearing.state

    @property
    def live(self) -> list[Seen]:
        """The nodes that live, this one first, as of the last beat that reached the database."""
        return [row for row in self._rows if row.live or row.id == self.node.id]

    @property
    def registered(self) -> bool:
        """Whether the rows were read lately."""
        return asyncio.get_running_loop().time() - self._read_at < STALE_SECONDS

    @property
    def reaches_database(self) -> bool:
        """Whether the database took this node's row, and lately; before the first one it is believed to."""
        return not self._failing and (not self._rows or self.registered)

    def unheard(self) -> list[Seen]:
        """Live nodes that hear themselves, yet this one does not hear them: they use another Redis."""
        if self.state != "ok" or not self.shared:
            return []
        before = asyncio.get_running_loop().time() - SPLIT_SECONDS
        return [row for row in self.live if self._peers.get(row.id, before + 1) < before]

    async def start(self) -> None:
        """Joins the others; returns after the first beat."""
        self._began_at = asyncio.get_running_loop().time()
        await self._beat()
        self._running = asyncio.create_task(self._run(), name="cluster")

    async def stop(self) -> None:
        """Takes the node's row away, if the database answers soon."""
        if self._running is not None:
            await end_tasks([self._running])
        try:
            async with asyncio.timeout(REMOVE_SECONDS):
                if self._writing is not None:
                    await self._writing
                await self._table.remove()
        except (Problem, SQLAlchemyError, TimeoutError) as error:
            logger.warning("this node's row stays behind, and is swept away: %s", error)

    async def _run(self) -> None:
        await asyncio.sleep(BEAT_SECONDS * random.random())  # noqa: S311 - spreads load, no secret
        while True:
            started = asyncio.get_running_loop().time()
            try:
                await self._beat()
            except Exception:
                logger.exception("a beat failed")
            spent = asyncio.get_running_loop().time() - started
            await asyncio.sleep(max(0.05, BEAT_SECONDS - spent))

    async def _beat(self) -> None:
        self._bus.tell(CANARY, self.node.id.encode())
        try:
            async with asyncio.timeout(ECHO_SECONDS):
                await self._echo.wait()
        except TimeoutError:
            pass
        await self._register()
        if self.shared:
            self._judge()

    def _hear(self, payload: bytes) -> None:
        now = asyncio.get_running_loop().time()
        node = payload.decode("ascii", "replace")
        if node == self.node.id:
            if self._hearing_since is None:
                self._hearing_since = now
            self._heard_at = now
            self._echo.set()
        elif node in self._peers:
            self._peers[node] = now

    async def _register(self) -> None:
        """Writes the row; a database that takes long is not waited for, and not asked again meanwhile."""
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(), name="node row")
        await asyncio.wait([self._writing], timeout=ECHO_SECONDS)

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        asked = loop.time()
        figures = self._figures() | {"shared": self.shared}
        heard = None
        if self.shared and self._heard_at is not None:
            heard = round((asked - self._heard_at) * 1000)
            if self._hearing_since is not None:
                figures["hearing_for"] = round(asked - self._hearing_since, 3)
        try:
            self._rows = await self._table.beat(heard, figures)
        except (Problem, SQLAlchemyError) as error:
            if not self._failing:
                self._failing = True
                logger.warning("this node's row waits for the database: %s", error)
        else:
            # Counted from when it was asked: an answer that took long is no news.
            self._read_at = asked
            self._failing = False
            now = loop.time()
            self._peers = {
                row.id: self._peers.get(row.id, now)
                for row in self.live
                if row.heard_ago is not None
            }
            self._peers.pop(self.node.id, None)
        finally:
            self._writing = None

    def _others(self) -> Others:
        """Whether others heard later than this node; ages count from when the rows were asked for."""
        mine = self._began_at if self._heard_at is None else self._heard_at
        recent = asyncio.get_running_loop().time() - RECENT_SECONDS
        found: Others = "silent"
        for row in self.live:
            if row.heard_ago is None or row.id == self.node.id:
                continue
            heard_at = self._read_at - row.heard_ago / 1000
            if heard_at < recent or heard_at < mine + LATER_SECONDS:
                continue
            if self._read_at - float(row.figures.get("hearing_for", 0.0)) <= mine:
                return "hear"
            found = "back"
        return found

    def _judge(self) -> None:
        before = self.state
        now = self._hearing.beat(self._echo.is_set(), self._others())
        self._echo.clear()
        if self._hearing.missed > 1:
            self._hearing_since = None
        if now == "deaf":
            # At once, and then again and again: it is the only thing that can help.
            if self._deaf_beats % RESUBSCRIBE_BEATS == 0:
                self._bus.resubscribe()
            self._deaf_beats += 1
        else:
            self._deaf_beats = 0
        if now == before:
            return
        log = logger.info if now == "ok" else logger.error if now == "deaf" else logger.warning
        log("the bus: %s", SENTENCES[now], extra={"before": before, "now": now})
        self.on_state(before, now)


SENTENCES: dict[State, str] = {
    "starting": "this node has not heard it yet",
    "ok": "this node hears it",
    "degraded": "no node hears it; entries are found by the sweep",
    "deaf": "this node does not hear it while others do; its clients are sent to them",
}
