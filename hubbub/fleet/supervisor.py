"""The supervisor: keeps workers, proxy and services running, and goes on where it stood after its own death."""

from hubbub.fleet.proxy import Proxy
from hubbub.fleet.settings import FleetSettings
from hubbub.fleet.table import Colour, Process, Table


class Supervisor:
    """Everything that runs, by one event loop."""

    settings: FleetSettings
    """Those of the colour in rotation."""
    settings_of: dict[Colour, FleetSettings]
    """By which each colour's workers are started, and started again: a reload brings others for the new colour. Kept on
    disk beside the table, so that a restarted supervisor restarts a worker by what that worker began with."""
    table: Table
    proxy: Proxy | None
    in_rotation: set[str]
    """Names of workers of the other colour that serve clients too (a canary)."""

    def workers(self, colour: Colour | None = None) -> list[Process]:
        """Those of a colour (the one in rotation), in their order."""
        raise NotImplementedError

    async def start_worker(self, colour: Colour) -> Process:
        """Starts one more, by settings_of[colour], in its release as it resolves now; it is not ready yet. Raises FleetError."""
        raise NotImplementedError

    async def wait_ready(self, process: Process, seconds: float) -> None:
        """Returns when it is ready. Raises FleetError with the reason and the end of its output otherwise."""
        raise NotImplementedError

    def drain(self, process: Process) -> None:
        """Asks it to send its clients elsewhere; `draining` now, `warm` after rollout.drain_seconds."""
        raise NotImplementedError

    def resume(self, process: Process) -> None:
        """Makes a drained worker ready again. Raises FleetError when it does not run."""
        raise NotImplementedError

    async def stop_process(self, process: Process) -> None:
        """Ends it, gracefully for settings.grace_seconds, and takes it out of the table."""
        raise NotImplementedError

    async def show(self) -> None:
        """Tells the proxy who serves: ready workers of table.colour and those in `in_rotation`."""
        raise NotImplementedError

    def raise_alarm(self, name: str, about: str, text: str) -> None:
        """Opens an alarm, or renews the text of the one that is open."""
        raise NotImplementedError

    def clear_alarm(self, name: str, about: str) -> None:
        """Ends it; nothing when there is none."""
        raise NotImplementedError

    def save(self) -> None:
        """Writes the table to disk; an alarm when that fails."""
        raise NotImplementedError
