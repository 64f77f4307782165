"""`hubbub fleet`: many workers on this machine, behind a proxy, under a supervisor. Every verb's exit code is true."""

import contextlib
import getpass
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import click

from hubbub.cli.fleet_settings import current_settings, one_process_only, read_settings
from hubbub.cli.fleet_start import (
    LOOK_SECONDS,
    STATUS_SECONDS,
    NotUpError,
    audit,
    bring_up,
    lacking,
    me,
    say,
    status_of,
    survivors,
    wait_until_down,
)
from hubbub.fleet import daemon
from hubbub.fleet.control import call
from hubbub.fleet.errors import FleetError
from hubbub.fleet.settings import MODES, FleetSettings, SettingsError, dump_settings
from hubbub.fleet.table import Table
from hubbub.settings import SettingsError as ProductSettingsError

NOT_UP = 3
"""As `systemctl status` says of a unit that does not run."""
NEXT = "next-{}.json"
UNIT = Path("/etc/systemd/system/hubbub-fleet.service")

REFUSED = (FleetError, SettingsError, ProductSettingsError)
"""What is wrong before the supervisor is asked."""


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


def complain(sentence: str) -> None:
    click.secho(sentence, fg="red", err=True)


@click.group(cls=Fleet)
def fleet() -> None:
    """Many workers on this machine: supervised, balanced, reloaded and rolled back. Settings: hubbub.toml, FLEET_…"""


def require_up(settings: FleetSettings, verb: str, arguments: dict[str, Any]) -> int:
    """The supervisor's pid. Raises NotUpError, with an audit line, or FleetError."""
    try:
        return int(status_of(settings)["fleet"]["pid"])
    except NotUpError:
        audit(settings, verb, arguments, "The fleet is not up.")
        raise


def ask(verb: str, **arguments: Any) -> dict[str, Any]:
    """The supervisor's answer, its progress printed. Raises NotUpError or FleetError."""
    settings = current_settings()
    require_up(settings, verb, arguments)
    try:
        return call(settings.directory, verb, arguments, who=me(), progress=say)
    except KeyboardInterrupt:
        raise FleetError(
            f"You no longer watch; {verb} goes on. `hubbub fleet status` shows it."
        ) from None


@fleet.command()
@click.option(
    "--local", is_flag=True, help="Set up PostgreSQL and Redis here as well (FLEET_LOCAL)."
)
@click.option("--install", is_flag=True, help="With --local: install their packages, as root.")
@click.option("--mode", type=click.Choice(MODES), help="FLEET_MODE.")
@click.option("--foreground", is_flag=True, help="Be the supervisor, as under systemd.")
def up(local: bool, install: bool, mode: str | None, foreground: bool) -> None:
    """Start the supervisor and all it runs, and wait until everything is ready."""
    # In the environment, since that is where a later `reload` finds them again.
    if local:
        os.environ["FLEET_LOCAL"] = "true"
    if install:
        from hubbub.fleet.local import find_programs

        find_programs(install=True)
    if mode:
        os.environ["FLEET_MODE"] = mode
    try:
        settings = read_settings()
    except REFUSED as error:
        with contextlib.suppress(*REFUSED):
            audit(current_settings(), "up", {}, str(error))
        raise
    if reason := one_process_only(settings):
        say(f"{reason} So there is one worker.")
    bring_up(settings, foreground=foreground)


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
    pid = require_up(current, "reload", arguments)
    try:
        settings = replace(read_settings(pid), directory=directory)
        if not restart and (reason := one_process_only(settings)):
            raise FleetError(
                f"{reason} So old and new cannot run side by side, and a reload needs a pause: "
                "`hubbub fleet reload --restart` makes one."
            )
    except REFUSED as error:
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
    if not sys.stdout.isatty():
        raise FleetError("monit needs a terminal; `hubbub fleet status` does not.")
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
