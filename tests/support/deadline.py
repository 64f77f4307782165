"""Ends a test that hangs, and says where it hung.

pytest-timeout's own ways do not fit: its signal raises inside whatever runs, and uvloop, waiting for events, drops
the exception; its thread leaves the servers behind that the test had started.
"""

import asyncio
import faulthandler
import gc
import os
import signal
import sys
import threading
from pathlib import Path

import pytest
from pytest_timeout import Settings

_TIMER = pytest.StashKey[threading.Timer]()


class Deadline:
    """Plugin for pytest-timeout: a thread that ends the process, which xdist reports as a failed test."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_timeout_set_timer(self, item: pytest.Item, settings: Settings) -> bool:
        timer = threading.Timer(settings.timeout, end, (item, settings.timeout))
        timer.daemon = True
        item.stash[_TIMER] = timer
        timer.start()
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_timeout_cancel_timer(self, item: pytest.Item) -> bool:
        timer = item.stash.get(_TIMER, None)
        if timer is not None:
            timer.cancel()
        return True


def end(item: pytest.Item, seconds: float) -> None:
    """Writes the stacks of threads and tasks to stderr, ends what this process has started, then itself."""
    capture = item.config.pluginmanager.getplugin("capturemanager")
    if capture is not None:
        capture.suspend_global_capture(in_=True)
    print(f"\n{item.nodeid} did not end within {seconds:g} s.", file=sys.stderr)
    for task in gc.get_objects():
        if isinstance(task, asyncio.Task) and not task.done():
            task.print_stack(file=sys.stderr)
    faulthandler.dump_traceback(sys.__stderr__ or 2)
    for process in reversed(descendants(os.getpid())):
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            continue
    os._exit(1)


def descendants(process: int) -> list[int]:
    """The children of a process and theirs, parents first."""
    found = []
    for listing in Path(f"/proc/{process}/task").glob("*/children"):
        for child in map(int, listing.read_text().split()):
            found += [child, *descendants(child)]
    return found
