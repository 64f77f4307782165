"""The background work of people."""

from hubbub.kernel.caller import SYSTEM
from hubbub.kernel.commands import Command
from hubbub.kernel.jobs.registry import Job
from hubbub.kernel.kernel import Kernel
from hubbub.people.service.invitations import sweep_invitations
from hubbub.people.service.sessions import drop_sessions, sweep_sessions

SESSIONS_SECONDS = 30.0
HOURLY_SECONDS = 3_600.0


def register_jobs(kernel: Kernel) -> None:
    for name, seconds, command in (
        ("people.sessions", SESSIONS_SECONDS, sweep_sessions),
        ("people.invitations", HOURLY_SECONDS, sweep_invitations),
        ("people.old-sessions", HOURLY_SECONDS, drop_sessions),
    ):
        schedule_command(kernel, name, seconds, command)


def schedule_command(kernel: Kernel, name: str, seconds: float, command: Command) -> None:
    """Runs a command that only looks at the clock; doing it twice changes nothing, so it needs no key."""

    async def work(kernel: Kernel, _job: Job) -> None:
        await kernel.write(command, SYSTEM)

    kernel.jobs.schedule(name, seconds, work)
