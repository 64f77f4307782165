"""`python -m hubbub.fleet DIRECTORY`: the supervisor's program, started by `hubbub fleet up`."""

import asyncio
import importlib
import logging
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from hubbub.fleet import logs, metrics, verbs, web
from hubbub.fleet.aftercare import Aftercare
from hubbub.fleet.changes import fingerprint
from hubbub.fleet.control import Control, audit
from hubbub.fleet.daemon import REFUSED, notify, settings_of, take_lock
from hubbub.fleet.errors import FleetError
from hubbub.fleet.front import PROXY
from hubbub.fleet.proxy import Proxy, ProxyError
from hubbub.fleet.rollout import Rollouts
from hubbub.fleet.settings import FleetSettings
from hubbub.fleet.supervisor import Supervisor
from hubbub.fleet.table import Process

logger = logging.getLogger("fleet")

TICK = 0.25
ROTATE_EVERY = 60.0
RENEW_EVERY = 10.0
AGAIN = 10.0
"""Seconds until what could not be started, or a port for /metrics that was taken, is tried again."""
SERVICE_SECONDS = 60.0
"""A database that was killed may have much to read again before it serves."""
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
DRIVERS = {
    "haproxy": ("hubbub.fleet.proxy.haproxy", "HAProxy"),
    "nginx": ("hubbub.fleet.proxy.nginx", "Nginx"),
}


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("Usage: python -m hubbub.fleet DIRECTORY")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    directory = Path(sys.argv[1]).absolute()
    try:
        settings = settings_of(directory)
        # Held open, and so locked, until this process ends.
        take_lock(directory)
        logging.getLogger().addHandler(logs.Lines(settings.log_dir))
        asyncio.run(run(settings))
    except FleetError as error:
        print(error, file=sys.stderr)
        sys.exit(REFUSED)


async def run(settings: FleetSettings) -> None:
    """Supervises until `down` or a signal. Raises FleetError when a fleet of which nothing runs yet cannot start."""
    supervisor = Supervisor(settings)
    rollouts = Rollouts(supervisor)
    aftercare = Aftercare(supervisor, rollouts)
    control = Control(supervisor, {**verbs.VERBS, **rollouts.verbs})
    catch_signals(supervisor)
    supervisor.health.open()
    fresh = not supervisor.table.processes
    supervisor.adopt()
    await control.open()
    logger.info("supervising %s", settings.directory)
    notify("READY=1\nSTATUS=Supervising.")
    beside = [
        asyncio.ensure_future(work)
        for work in (get_going(supervisor, aftercare, fresh), pages(supervisor))
    ]
    try:
        await attend(supervisor)
    finally:
        notify("STOPPING=1")
        for task in beside:
            task.cancel()
        await control.close()
        supervisor.health.close()
    if supervisor.failure:
        raise FleetError(supervisor.failure)


async def get_going(supervisor: Supervisor, aftercare: Aftercare, fresh: bool) -> None:
    """Starts what is needed, or says why not: a fresh fleet then ends, one that runs already tries again."""
    while not supervisor.prepared:
        try:
            await prepare(supervisor)
        except FleetError as error:
            if supervisor.ending.is_set():
                return
            if fresh:
                supervisor.failure = str(error)
                await supervisor.down()
                return
            supervisor.raise_alarm("start", "fleet", str(error))
            await asyncio.sleep(AGAIN)
    supervisor.clear_alarm("start", "fleet")
    await aftercare.run()


def catch_signals(supervisor: Supervisor) -> None:
    loop = asyncio.get_running_loop()

    async def down(name: str) -> None:
        await supervisor.down()
        audit(supervisor.settings.directory, "down", name, {}, "done")

    def stop(number: signal.Signals) -> None:
        supervisor.spawn(down(number.name))

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    # A terminal that is closed, and what is meant for a worker.
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        loop.add_signal_handler(number, lambda: None)


async def prepare(supervisor: Supervisor) -> None:
    """Proxy and services, before the workers; what runs already is left as it is. Raises FleetError."""
    settings = supervisor.settings
    if settings.proxy.driver in DRIVERS:
        module, name = DRIVERS[settings.proxy.driver]
        driver: Proxy = getattr(importlib.import_module(module), name)(settings)
        supervisor.proxy = driver
        if not any(process.kind == "proxy" for process in supervisor.table.processes):
            try:
                driver.prepare(supervisor.backends())
            except ProxyError as error:
                raise FleetError(str(error)) from None
            supervisor.add(Process(PROXY, "proxy", driver.command()))
    if settings.local:
        await prepare_services(supervisor)
    if not supervisor.table.wanted:
        supervisor.table.wanted = settings.count
    # From here on what does not run is started.
    supervisor.prepared = True


async def prepare_services(supervisor: Supervisor) -> None:
    """Starts PostgreSQL and Redis of our own, and waits until they serve. Raises FleetError."""
    from hubbub.fleet.local import Local

    local = Local(supervisor.settings.directory)
    await asyncio.to_thread(local.prepare)
    supervisor.services = {service.name: service for service in local.services}
    supervisor.environment_of_services = dict(local.environment)
    for service in local.services:
        known = [one for one in supervisor.table.processes if one.name == service.name]
        process = known[0] if known else Process(service.name, "service", [])
        process.command, process.folder = list(service.command), service.folder
        supervisor.add(process)
        await supervisor.wait_ready(process, SERVICE_SECONDS)


async def attend(supervisor: Supervisor) -> None:
    """The turn of the wheel, until everything has ended."""
    settings = supervisor.settings
    development = settings.mode == "development"
    seen = fingerprint(settings.watch) if development else 0
    rotate_at = time.monotonic() + ROTATE_EVERY
    renew_at = time.monotonic()
    while not supervisor.ended.is_set():
        notify("WATCHDOG=1")
        try:
            supervisor.health.tick()
            supervisor.reconcile()
            supervisor.show_again()
            if development and (now := fingerprint(supervisor.settings.watch)) != seen:
                seen = now
                supervisor.spawn(restart_for_change(supervisor))
            if time.monotonic() >= renew_at:
                renew_at = time.monotonic() + RENEW_EVERY
                supervisor.spawn(supervisor.renew_certificate())
            if time.monotonic() >= rotate_at:
                rotate_at = time.monotonic() + ROTATE_EVERY
                await rotate(supervisor)
        except Exception:
            # Whatever it is: the rest of the fleet is still to be looked after.
            logger.exception("the supervisor failed at something")
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(supervisor.ended.wait(), TICK)


async def restart_for_change(supervisor: Supervisor) -> None:
    """Development: the worker once more, with the files as they are now."""
    try:
        async with supervisor.changing("restarting for a change", operator=False):
            logger.info("a file has changed")
            for process in supervisor.workers():
                await supervisor.end_process(process)
                supervisor.try_again(process)
    except FleetError as error:
        logger.warning("not restarted for a change: %s", error)


async def rotate(supervisor: Supervisor) -> None:
    try:
        if supervisor.settings.log_gzip:
            await asyncio.to_thread(logs.rotate, supervisor.settings)
        else:
            logs.rotate(supervisor.settings)
    except OSError as error:
        supervisor.raise_alarm("logs", "fleet", f"The logs cannot be rotated: {error}")
    else:
        supervisor.clear_alarm("logs", "fleet")


async def pages(supervisor: Supervisor) -> None:
    """Serves /metrics for as long as it is let."""
    address = supervisor.settings.metrics
    if not address:
        return

    async def page() -> tuple[int, str, str]:
        return 200, METRICS_TYPE, await metrics.merged(supervisor)

    while True:
        try:
            server = await web.serve(address, {"/metrics": page})
        except FleetError as error:
            supervisor.raise_alarm("metrics", "fleet", str(error))
            await asyncio.sleep(AGAIN)
            continue
        supervisor.clear_alarm("metrics", "fleet")
        async with server:
            await server.serve_forever()


if __name__ == "__main__":
    main()
