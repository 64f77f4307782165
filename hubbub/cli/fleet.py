"""`hubbub fleet`: many workers on this machine, behind a proxy, under a supervisor. Every verb's exit code is true."""

import getpass
import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import click

from hubbub.cli.fleet_settings import current_settings, one_process_only, read_settings
from hubbub.fleet import daemon
from hubbub.fleet.control import audit as write_audit
from hubbub.fleet.control import call
from hubbub.fleet.errors import FleetError
from hubbub.fleet.processes import start_ticks, tail
from hubbub.fleet.settings import (
    MODES,
    FleetSettings,
    SettingsError,
    dump_settings,
)
from hubbub.fleet.table import Table
from hubbub.settings import SettingsError as ProductSettingsError

NOT_UP = 3
"""As `systemctl status` says of a unit that does not run."""
STATUS_SECONDS = 10.0
LOOK_SECONDS = 0.2
UP_SECONDS = 60.0
"""Beyond the time a worker has to get ready: the proxy, a database's first start."""
NEXT = "next-{}.json"
UNIT = Path("/etc/systemd/system/hubbub-fleet.service")


class Fleet(click.Group):
    """Turns what can go wrong into a sentence and a true exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except NotUpError:
            complain("The fleet is not up.")
            sys.exit(NOT_UP)
        except (FleetError, SettingsError, OSError) as error:
            complain(str(error))
            sys.exit(1)


class NotUpError(Exception):
    """No supervisor runs for the directory."""


def complain(sentence: str) -> None:
    click.secho(sentence, fg="red", err=True)


@click.group(cls=Fleet)
def fleet() -> None:
    """Many workers on this machine: supervised, balanced, reloaded and rolled back. Settings: hubbub.toml, FLEET_…"""


def me() -> str:
    return os.environ.get("SUDO_USER") or getpass.getuser()


def audit(settings: FleetSettings, verb: str, arguments: Mapping[str, Any], outcome: str) -> None:
    """A line for what the supervisor was not asked."""
    if settings.directory.is_dir():
        write_audit(settings.directory, verb, me(), arguments, outcome)


def ask(verb: str, **arguments: Any) -> dict[str, Any]:
    """The supervisor's answer, its progress printed. Raises NotUpError or FleetError."""
    settings = current_settings()
    if not daemon.holder(settings.directory):
        audit(settings, verb, arguments, "The fleet is not up.")
        raise NotUpError
    try:
        return call(settings.directory, verb, arguments, who=me(), progress=say)
    except KeyboardInterrupt:
        raise FleetError(
            f"You no longer watch; {verb} goes on. `hubbub fleet status` shows it."
        ) from None


def say(text: str) -> None:
    """Prints a line at once, also into a pipe."""
    click.echo(text)
    sys.stdout.flush()


def status_of(settings: FleetSettings) -> dict[str, Any]:
    """Raises NotUpError or FleetError."""
    if not daemon.holder(settings.directory):
        raise NotUpError
    return call(settings.directory, "status", who=me(), seconds=STATUS_SECONDS)


@fleet.command()
@click.option(
    "--local", is_flag=True, help="Set up PostgreSQL and Redis here as well (FLEET_LOCAL)."
)
@click.option("--mode", type=click.Choice(MODES), help="FLEET_MODE.")
@click.option("--foreground", is_flag=True, help="Be the supervisor, as under systemd.")
def up(local: bool, mode: str | None, foreground: bool) -> None:
    """Start the supervisor and all it runs, and wait until everything is ready."""
    # In the environment, since that is where a later `reload` finds them again.
    if local:
        os.environ["FLEET_LOCAL"] = "true"
    if mode:
        os.environ["FLEET_MODE"] = mode
    bring_up(read_settings(), foreground=foreground)


def bring_up(settings: FleetSettings, *, foreground: bool = False, verb: str = "up") -> None:
    """Raises FleetError, with an audit line, when not everything gets ready."""
    if pid := daemon.holder(settings.directory):
        say(f"The fleet is up already (supervisor: process {pid}).")
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
            if not lacking(status):
                return announce(settings, status)
            if given_up := [one for one in status["processes"] if one["state"] == "failed"]:
                raise FleetError(why(settings, given_up[0]))
            time.sleep(LOOK_SECONDS)
        first = lacking(status)[0]
        raise FleetError(f"Not everything got ready in time: {first}.")
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


@fleet.command()
def down() -> None:
    """Stop everything, gracefully. What is down already is so, too."""
    settings = current_settings()
    if not daemon.holder(settings.directory) and not survivors(settings):
        audit(settings, "down", {}, "It was down already.")
        say("The fleet is down already.")
        return
    end = time.monotonic() + STATUS_SECONDS
    while True:
        try:
            if not daemon.holder(settings.directory):
                # Its supervisor was killed: only one of its kind knows how to end each of them.
                daemon.start(settings)
            ask("down")
            break
        except (FleetError, NotUpError):
            # It may have been killed just now, and be about to come back.
            if time.monotonic() > end:
                raise
            time.sleep(LOOK_SECONDS)
    wait_until_down(settings)
    say("The fleet is down.")


def wait_until_down(settings: FleetSettings) -> None:
    """Returns when the supervisor has ended, too. Raises FleetError when anything is left."""
    end = time.monotonic() + STATUS_SECONDS
    while daemon.holder(settings.directory) and time.monotonic() < end:
        time.sleep(LOOK_SECONDS / 4)
    if daemon.holder(settings.directory) or survivors(settings):
        raise FleetError("Not everything has ended: `hubbub fleet status` shows what runs.")


@fleet.command()
@click.option("--json", "as_json", is_flag=True, help="Everything, for a program.")
def status(as_json: bool) -> None:
    """Show what runs. Exit code 0: all of it is ready; 1: something is not; 3: the fleet is not up."""
    from hubbub.cli.monit import show_status

    found = status_of(current_settings())
    problems = lacking(found)
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        show_status(found, problems)
    if problems:
        sys.exit(1)


@fleet.command()
@click.option(
    "--restart", is_flag=True, help="Stop the old workers first, with a pause; go back if it fails."
)
def reload(restart: bool) -> None:
    """Serve by the release and the settings of now: new workers, tried, then in place of the old ones."""
    current = current_settings()
    directory = current.directory
    arguments = {"restart": restart}
    pid = daemon.holder(directory)
    if not pid:
        audit(current, "reload", arguments, "The fleet is not up.")
        raise NotUpError
    try:
        settings = replace(read_settings(pid), directory=directory)
        if not restart and (reason := one_process_only(settings)):
            raise FleetError(
                f"{reason} So old and new cannot run side by side, and a reload needs a pause: "
                "`hubbub fleet reload --restart` makes one."
            )
    except (FleetError, SettingsError, ProductSettingsError) as error:
        audit(current, "reload", arguments, str(error))
        raise
    handed = directory / NEXT.format(uuid4().hex)
    descriptor = os.open(handed, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(dump_settings(settings), file)
    try:
        ask("reload", settings=handed.name, restart=restart)
    finally:
        handed.unlink(missing_ok=True)


@fleet.command()
def rollback() -> None:
    """Serve with the workers before the last reload again, at once; or call off the one that goes on."""
    ask("rollback")


@fleet.command(context_settings={"ignore_unknown_options": True})
@click.argument("to", metavar="N|+n|-n")
def scale(to: str) -> None:
    """Run that many workers, or so many more or fewer. Those that go are drained first."""
    say(f"{ask('scale', to=to)['wanted']} workers serve.")


@fleet.command()
@click.argument("what", type=click.Choice(["worker", "proxy", "service", "supervisor"]))
@click.argument("name", required=False)
def restart(what: str, name: str | None) -> None:
    """Restart one worker (or, without a name, all one by one), the proxy, a service, or the supervisor alone."""
    if what == "service" and not name:
        raise FleetError("Name the service: `hubbub fleet restart service NAME`.")
    done = ask("restart", what=name or what)["restarted"]
    say(f"Restarted: {', '.join(done)}.")


@fleet.command()
@click.argument("name")
def drain(name: str) -> None:
    """Take a worker out of rotation and send its clients elsewhere. `resume` takes it back in."""
    say(f"{name} is {ask('drain', worker=name)['state']}.")


@fleet.command()
@click.argument("name")
def resume(name: str) -> None:
    """Take a drained worker back into rotation."""
    say(f"{name} is {ask('resume', worker=name)['state']}.")


@fleet.command()
@click.argument("name")
@click.argument("number", metavar="SIGNAL")
def signal(name: str, number: str) -> None:
    """Send a signal (USR2 or 12, say) to a process of the fleet."""
    sent = ask("signal", what=name, signal=number)
    say(f"Signal {sent['sent']} was sent to process {sent['to']}.")


@fleet.command()
@click.option("-f", "--follow", is_flag=True, help="Go on with what is added.")
@click.option("--worker", help="Of one process alone.")
@click.option("--errors", is_flag=True, help="What went wrong alone.")
@click.option("-n", "--lines", type=click.IntRange(0, 100_000), default=100, show_default=True)
def logs(follow: bool, worker: str | None, errors: bool, lines: int) -> None:
    """Print the last lines of the logs, of all workers together."""
    from hubbub.fleet.logs import follow as read_logs

    try:
        for line in read_logs(current_settings(), worker, errors, follow, lines):
            say(line)
    except KeyboardInterrupt:
        return


@fleet.command()
def flush() -> None:
    """Empty the logs."""
    say(f"{ask('flush')['freed']} bytes of logs are gone.")


@fleet.command()
def monit() -> None:
    """Watch the fleet live. Ctrl+C ends it."""
    from hubbub.cli.monit import watch

    settings = current_settings()
    status_of(settings)
    watch(lambda: status_of(settings))


@fleet.command()
def save() -> None:
    """Say where the state is. There is nothing to do: every change is on disk before it is made."""
    path = current_settings().directory / "table.json"
    table = Table.load(path) if path.exists() else Table()
    if not table.wanted:
        raise FleetError(f"There is no state: no fleet was started in {path.parent}.")
    say(f"{path} has {table.wanted} workers; every change is written there before it is made.")


@fleet.command()
def resurrect() -> None:
    """Start again what the state on disk says, and take over what still runs. `up` does the same."""
    settings = read_settings()
    if not (settings.directory / "table.json").exists():
        raise FleetError(f"There is nothing to resurrect in {settings.directory}.")
    bring_up(settings, verb="resurrect")


@fleet.command()
@click.option("--install", is_flag=True, help=f"Write it to {UNIT} and enable it.")
@click.option("--user", default=getpass.getuser, help="Who runs the fleet.")
def startup(install: bool, user: str) -> None:
    """Print the systemd unit that starts this fleet with the machine."""
    text = daemon.unit(read_settings(), Path(sys.executable), user)
    if not install:
        click.echo(text, nl=False)
        return
    import shutil
    import subprocess

    systemctl = shutil.which("systemctl")
    if systemctl is None:
        raise FleetError("There is no systemctl here: is this machine run by systemd?")
    UNIT.write_text(text)
    for words in (["daemon-reload"], ["enable", UNIT.name]):
        done = subprocess.run(  # noqa: S603 - systemctl itself
            [systemctl, *words], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise FleetError(
                f"{UNIT} is written, but `systemctl {' '.join(words)}` failed: {done.stderr.strip()}"
            )
    say(f"{UNIT} is enabled. `systemctl start {UNIT.stem}` starts it now.")
