"""The background work of people."""

from hubbub.kernel.caller import SYSTEM
from hubbub.kernel.kernel import Kernel
from hubbub.kernel.periodic import Periodic
from hubbub.people.service.invitations import sweep_invitations
from hubbub.people.service.sessions import drop_sessions, sweep_sessions

SESSIONS_SECONDS = 30.0
HOURLY_SECONDS = 3_600.0


def start_jobs(kernel: Kernel, periodic: Periodic) -> None:
    periodic.start("sessions", SESSIONS_SECONDS, lambda: kernel.write(sweep_sessions, SYSTEM))
    for name, command in (("invitations", sweep_invitations), ("old sessions", drop_sessions)):
        periodic.start(name, HOURLY_SECONDS, lambda command=command: kernel.write(command, SYSTEM))  # type: ignore[misc]
