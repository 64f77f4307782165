"""Starting a fleet and waiting for it, as `hubbub fleet up` and `down` do; and what every verb needs."""

import getpass
import http.client
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

import click

from hubbub.fleet import daemon
from hubbub.fleet.control import audit as write_audit
from hubbub.fleet.control import call
from hubbub.fleet.errors import FleetError
from hubbub.fleet.processes import start_ticks, tail
from hubbub.fleet.proxy.common import parse_address
from hubbub.fleet.settings import FleetSettings
from hubbub.fleet.table import Table

STATUS_SECONDS = 10.0
LOOK_SECONDS = 0.2
DOWN_SECONDS = 60.0
"""How long the last steps of going down may take on a busy machine."""
BACK_SECONDS = 20.0
"""How long a supervisor that was killed may take to come back on a busy machine."""
UP_SECONDS = 60.0
"""Beyond the time a worker has to get ready: the proxy, a database's first start."""


class NotUpError(Exception):
    """No supervisor runs for the directory."""


def me() -> str:
    """Who asks, for the audit line."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def audit(settings: FleetSettings, verb: str, arguments: Mapping[str, Any], outcome: str) -> None:
    """A line for what the supervisor was not asked."""
    if settings.directory.is_dir():
        write_audit(settings.directory, verb, me(), arguments, outcome)


def say(text: str) -> None:
    """Prints a line at once, also into a pipe."""
    click.echo(text)
    sys.stdout.flush()


def status_of(settings: FleetSettings) -> dict[str, Any]:
    """Raises NotUpError or FleetError.

    A supervisor that was killed and whose workers live is waited for: it is about to come back.
    """
    end = time.monotonic() + BACK_SECONDS
    while True:
        if daemon.holder(settings.directory):
            try:
                return call(settings.directory, "status", who=me(), seconds=STATUS_SECONDS)
            except FleetError:
                if time.monotonic() > end:
                    raise
        elif time.monotonic() > end or not survivors(settings):
            raise NotUpError
        time.sleep(LOOK_SECONDS)


def bring_up(settings: FleetSettings, *, foreground: bool = False, verb: str = "up") -> None:
    """Raises FleetError, with an audit line, when not everything gets ready."""
    if pid := daemon.holder(settings.directory):
        say(f"The fleet is up already (supervisor: process {pid}).")
        # Perhaps somebody else has just begun with it.
        wait_until_up(settings, fresh=False)
        return
    arguments = {"mode": settings.mode, "local": settings.local}
    fresh = not survivors(settings)
    try:
        if foreground:
            audit(settings, verb, arguments, "in the foreground")
            daemon.become(settings)
        say(f"The supervisor is process {daemon.start(settings)}.")
        wait_until_up(settings, fresh=fresh)
    except (FleetError, NotUpError) as error:
        audit(settings, verb, arguments, str(error))
        raise
    audit(settings, verb, arguments, "done")


def wait_until_up(settings: FleetSettings, *, fresh: bool) -> None:
    """Returns when everything is ready, and says where it serves. Raises FleetError.

    A fleet that was started `fresh` and of which no worker gets ready is taken down again.
    """
    end = time.monotonic() + settings.rollout.ready_seconds + UP_SECONDS
    told: set[str] = set()
    try:
        while time.monotonic() < end:
            status = status_of(settings)
            for process in status["processes"]:
                if process["state"] == "ready" and process["name"] not in told:
                    told.add(process["name"])
                    say(f"{process['name']} is ready.")
            if not lacking(status) and proxy_serves(settings):
                return announce(settings, status)
            if given_up := [one for one in status["processes"] if one["state"] == "failed"]:
                raise FleetError(why(settings, given_up[0]))
            time.sleep(LOOK_SECONDS)
        problems = lacking(status) or ["the proxy does not serve"]
        raise FleetError(f"Not everything got ready in time: {problems[0]}.")
    except NotUpError:
        said = tail(settings.log_dir / daemon.OUTPUT, 2_000)
        raise FleetError(f"The supervisor has ended.\n{said}") from None
    except FleetError as error:
        if fresh and not any(name.startswith(("blue-", "green-")) for name in told):
            call(settings.directory, "down", who=me())
            wait_until_down(settings)
            raise FleetError(f"{error}\nNothing is left running.") from None
        raise FleetError(
            f"{error}\nWhat does run serves; `hubbub fleet status` shows it."
        ) from None


def proxy_serves(settings: FleetSettings) -> bool:
    """Whether the proxy, where there is one, has been told of a worker."""
    if settings.proxy.driver == "none" or not settings.proxy.http:
        return True
    host, port = parse_address(settings.proxy.http).local
    connection = http.client.HTTPConnection(host, port, timeout=STATUS_SECONDS)
    try:
        connection.request("GET", settings.probe_path)
        return connection.getresponse().status != http.HTTPStatus.SERVICE_UNAVAILABLE
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def lacking(status: Mapping[str, Any]) -> list[str]:
    """What is not as it shall be, for people; nothing when the fleet is whole."""
    colour, wanted = status["fleet"]["colour"], status["fleet"]["wanted"]
    serving = [
        one
        for one in status["processes"]
        if one["kind"] == "worker" and one["colour"] == colour and one["state"] == "ready"
    ]
    problems = [
        f"{one['name']} is {one['state']}" + (f" ({one['reason']})" if one["reason"] else "")
        for one in status["processes"]
        if one["state"] != "ready" and (one["kind"] != "worker" or one["colour"] == colour)
    ]
    if len(serving) < max(1, wanted):
        problems.append(f"{len(serving)} of {wanted} workers are ready")
    elif all(one["kind"] == "worker" for one in status["processes"] if one["state"] != "ready"):
        # Enough serve: one more may be on its way in or out.
        problems = []
    return problems


def why(settings: FleetSettings, process: Mapping[str, Any]) -> str:
    said = tail(settings.log_dir / f"{process['name']}.out", 2_000)
    return f"{process['name']} is given up: {process['reason']}.\n{said}".rstrip()


def announce(settings: FleetSettings, status: Mapping[str, Any]) -> None:
    workers = [one for one in status["processes"] if one["kind"] == "worker"]
    proxy = settings.proxy
    if proxy.driver == "none":
        where = ", ".join(f"http://127.0.0.1:{one['port']}" for one in workers)
    else:
        where = f"https://{proxy.https}" if proxy.https else f"http://{proxy.http}"
    say(f"Serving at {where} with {len(workers)} worker{'' if len(workers) == 1 else 's'}.")


def survivors(settings: FleetSettings) -> list[int]:
    """Processes of an earlier supervisor that still run. Raises FleetError."""
    try:
        table = Table.load(settings.directory / "table.json")
    except (ValueError, OSError) as error:
        raise FleetError(f"The fleet's state cannot be read: {error}.") from None
    return [
        one.pid for one in table.processes if one.pid and start_ticks(one.pid) == one.ticks != 0
    ]


def wait_until_down(settings: FleetSettings) -> None:
    """Returns when the supervisor has ended, too. Raises FleetError when anything is left."""
    end = time.monotonic() + DOWN_SECONDS
    while daemon.holder(settings.directory) or survivors(settings):
        if time.monotonic() < end:
            time.sleep(LOOK_SECONDS / 4)
            continue
        raise FleetError("Not everything has ended: `hubbub fleet status` shows what runs.")
