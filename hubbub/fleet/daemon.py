"""Starts the supervisor: in the background without systemd, in the foreground under it."""

from pathlib import Path

from hubbub.fleet.settings import FleetSettings


def start(settings: FleetSettings, seconds: float = 10.0) -> int:
    """Starts a supervisor in the background and returns its pid once it answers. Raises FleetError.

    `<directory>/settings.json` hands it the settings, so that none of the caller's program is loaded there.
    """
    raise NotImplementedError


def become(settings: FleetSettings) -> None:
    """Replaces this process by a supervisor in the foreground. Raises FleetError."""
    raise NotImplementedError


def unit(settings: FleetSettings, python: Path, user: str) -> str:
    """The text of a systemd unit that runs this fleet."""
    raise NotImplementedError
