"""The schedules of the kernel itself."""

from typing import TYPE_CHECKING

from hubbub.kernel.jobs import queue
from hubbub.kernel.jobs.registry import Job

if TYPE_CHECKING:
    from hubbub.kernel.kernel import Kernel

HOURLY_SECONDS = 3_600.0


def register_jobs(kernel: "Kernel") -> None:
    kernel.jobs.schedule("kernel.trim", HOURLY_SECONDS, trim)
    kernel.jobs.schedule("jobs.trim", HOURLY_SECONDS, trim_jobs)


async def trim(kernel: "Kernel", _job: Job) -> None:
    await kernel.trim()


async def trim_jobs(kernel: "Kernel", _job: Job) -> None:
    """Forgets jobs done a week ago, and dead ones after thirty days."""

    def work() -> int:
        with kernel.database.writing() as connection:
            return queue.trim(connection)

    while await kernel.database.run_writer(work):
        pass
