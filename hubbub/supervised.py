"""This process as a worker of a fleet: heartbeats, draining, and an end in time (hubbub/fleet/contract.py)."""

import asyncio
import logging
from collections.abc import Callable

from hubbub.fleet import worker
from hubbub.fleet.contract import Heartbeat
from hubbub.fleet.worker import Place
from hubbub.gateway import Gateway
from hubbub.kernel.delivery import DRAINING, Delivery
from hubbub.kernel.jobs.worker import GRACE_SECONDS, Worker
from hubbub.kernel.tasks import end_tasks
from hubbub.observe.loop_lag import LoopLag

logger = logging.getLogger("hubbub.supervised")

LEAVE_SHARE = 0.5
REQUESTS_SHARE = 0.8
JOBS_SHARE = 0.9
"""Of the grace time: by then the sockets are gone, the requests answered, the jobs ended or given back."""
LEAST_SECONDS = 0.1


class Supervised:
    """What a supervisor may ask of this process. Without one, `start` does nothing and no time is short.

    `counts()` gives how many requests were answered, how many of them failed, and how long all took.
    """

    def __init__(
        self,
        place: Place,
        gateway: Gateway,
        delivery: Delivery,
        jobs: Worker | None,
        loop_lag: LoopLag,
        counts: Callable[[], tuple[int, int, float]],
    ) -> None:
        self.place = place
        self._gateway = gateway
        self._delivery = delivery
        self._jobs = jobs
        self._loop_lag = loop_lag
        self._counts = counts
        self._turn = asyncio.Lock()
        self._turning: set[asyncio.Task[None]] = set()
        self._beating: asyncio.Task[None] | None = None
        self._stopped_at = 0.0

    @property
    def labels(self) -> dict[str, str]:
        """Which release this is, and of which colour, where there is a supervisor that said so."""
        given = {"release": self.place.release, "colour": self.place.colour}
        return {name: value for name, value in given.items() if value}

    def start(self) -> None:
        """From now on the supervisor hears of this process, and this process listens to it."""
        if not self.place.heartbeat:
            return
        worker.listen(asyncio.get_running_loop(), self.drain, self.resume)
        self._beating = asyncio.create_task(
            worker.beat(self.place.heartbeat, self.heartbeat), name="heartbeats"
        )

    async def stop(self) -> None:
        tasks = [*self._turning, *([self._beating] if self._beating else [])]
        await end_tasks(tasks)

    def heartbeat(self) -> Heartbeat:
        requests, errors, seconds = self._counts()
        return {
            "lag": self._loop_lag.take_worst(),
            "sockets": self._gateway.stats().sockets,
            "requests": requests,
            "errors": errors,
            "seconds": round(seconds, 6),
            "draining": self._delivery.draining,
        }

    def drain(self) -> None:
        """Sends the clients elsewhere, in their turn, and takes no more sockets and no more jobs."""
        logger.info("draining")
        self._delivery.send_away(DRAINING, self.place.drain_seconds)
        self._turn_jobs()

    def resume(self) -> None:
        """Takes sockets and jobs again."""
        logger.info("ready again")
        self._delivery.welcome(DRAINING)
        self._turn_jobs()

    def _turn_jobs(self) -> None:
        task = asyncio.create_task(self._follow_jobs())
        self._turning.add(task)
        task.add_done_callback(self._turning.discard)

    async def _follow_jobs(self) -> None:
        if self._jobs is None:
            return
        # One after the other, and each as it is wanted by then.
        async with self._turn:
            await (self._jobs.pause() if self._delivery.draining else self._jobs.resume())

    # The end. All of it must fit into the grace time: whoever is late is killed.

    def leave_seconds(self) -> float:
        """How long sockets may take to leave. The grace time begins with this call."""
        self._stopped_at = asyncio.get_running_loop().time()
        return self._left(LEAVE_SHARE)

    def requests_seconds(self, otherwise: float) -> float:
        """How long the requests under way may still take."""
        return min(otherwise, self._left(REQUESTS_SHARE))

    def jobs_seconds(self) -> float:
        """How long the jobs under way may still take."""
        return min(GRACE_SECONDS, self._left(JOBS_SHARE))

    def _left(self, share: float) -> float:
        grace = self.place.grace_seconds
        if not grace or not self._stopped_at:
            return float("inf")
        spent = asyncio.get_running_loop().time() - self._stopped_at
        return max(LEAST_SECONDS, grace * share - spent)
