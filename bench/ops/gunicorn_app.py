"""The rig's application under gunicorn's own ASGI worker, which it asks whether it is to end."""

import asyncio
from typing import Protocol

from bench.ops.app import App, Receive, Send

DRAIN_SECONDS = 1.0


class Worker(Protocol):
    """gunicorn's worker: not alive once it was told to end, while it still waits for its connections."""

    alive: bool


class GunicornApp(App):
    """Drains when its worker does."""

    worker: Worker | None = None

    async def _live(self, receive: Receive, send: Send) -> None:
        self._watching = asyncio.create_task(self._watch())
        await super()._live(receive, send)

    async def _watch(self) -> None:
        # gunicorn sets a variable and tells nobody.
        while self.worker is None or self.worker.alive:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        await self.drain(DRAIN_SECONDS)


app = GunicornApp()


def watch(worker: Worker) -> None:
    """For `post_worker_init` in gunicorn's configuration."""
    app.worker = worker
