"""`hubbub serve` with a clock that jumps and a bus that loses, as the harness's file tells.

`python -m chaos.node`, with CHAOS_CONTROL (a JSON file, read again when it changes), CHAOS_SEED and
CHAOS_MUTATE in the environment. The product itself is served unchanged but for these patches.
"""

import asyncio
import importlib
import json
import os
import random
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chaos.mutations import MUTATIONS
from hubbub.app import Application, create_app
from hubbub.kernel.clock import system_clock
from hubbub.kernel.log import Encoded
from hubbub.kernel.relay import Relay
from hubbub.settings import Settings

LOOK_SECONDS = 0.05


class Control:
    """What the harness wants of this node just now."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = 0
        self.clock_ms = 0
        self.drop = self.delay = self.double = self.swap = 0.0

    def watch(self) -> None:
        """Reads the file whenever it changes, for as long as the process lives."""
        while True:
            try:
                changed = self._path.stat().st_mtime_ns
                if changed != self._seen:
                    told = json.loads(self._path.read_text())
                    self.clock_ms = int(told.get("clock_ms", 0))
                    for name in ("drop", "delay", "double", "swap"):
                        setattr(self, name, float(told.get(name, 0)))
                    self._seen = changed
            except (OSError, ValueError):
                pass
            time.sleep(LOOK_SECONDS)

    def clock(self) -> int:
        return system_clock() + self.clock_ms


def spoil_bus(control: Control, chance: random.Random) -> None:
    """Hints are lost, late, doubled and swapped on their way to the relay, as often as the control says."""
    receive = Relay.receive_entries
    kept: dict[int, tuple[str, Sequence[Encoded]]] = {}

    def receive_entries(self: Relay, stream: str, entries: Sequence[Encoded]) -> None:
        dice = chance.random
        if dice() < control.drop:
            return
        if dice() < control.delay:
            later = asyncio.get_running_loop().call_later
            later(chance.random() * 2, receive, self, stream, entries)
            return
        before = kept.pop(id(self), None)
        if dice() < control.swap:
            kept[id(self)] = (stream, entries)
        else:
            receive(self, stream, entries)
            if dice() < control.double:
                receive(self, stream, entries)
        if before is not None:
            receive(self, *before)

    Relay.receive_entries = receive_entries  # type: ignore[method-assign]


def main() -> None:
    mutation = os.environ.get("CHAOS_MUTATE", "")
    if mutation:
        MUTATIONS[mutation]()
    control = Control(Path(os.environ["CHAOS_CONTROL"]))
    spoil_bus(control, random.Random(os.environ.get("CHAOS_SEED", "0")))
    threading.Thread(target=control.watch, name="control", daemon=True).start()

    def create(settings: Settings, **options: Any) -> Application:
        return create_app(settings, clock=control.clock, **options)

    # By its full name: the package has a command called like this module.
    vars(importlib.import_module("hubbub.cli.serve"))["create_app"] = create
    sys.argv = ["hubbub", "serve"]
    from hubbub.cli import main as run

    run()


if __name__ == "__main__":
    main()
