"""A supervisor's control socket that answers `status` with what a test has set, as hubbub/fleet/control.py asks."""

import json
import socket
import threading
import time
from pathlib import Path
from typing import Any


def worker(name: str, state: str = "ready", **more: Any) -> dict[str, Any]:
    """A process as `status` has it."""
    return {
        "name": name,
        "kind": "worker",
        "command": ["python", "--password", "hunter2"],
        "number": 1,
        "colour": name.partition("-")[0],
        "release": "/srv/releases/2026-11-21",
        "port": 3001,
        "state": state,
        "pid": 4711,
        "ticks": 1,
        "started_at": time.time() - 60,
        "restarts": 0,
        "exits": [],
        "reason": "",
        "heartbeat": {"pid": 4711, "lag": 0.002, "memory": 90_000_000, "sockets": 3},
        "heard_at": time.time(),
        "cpu": 0.25,
        "memory": 100_000_000,
        "uptime": 60.0,
        **more,
    }


def status(*workers: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An answer with these workers."""
    return {
        "fleet": {
            "pid": 1,
            "since": time.time() - 3_600,
            "mode": "production",
            "colour": "blue",
            "wanted": len(workers),
            "release": "/srv/releases/2026-11-21",
            "memory": 20_000_000,
            "directory": "/srv/data/fleet",
        },
        "processes": list(workers),
        "rollout": None,
        "rollouts": [],
        "alarms": [],
        "host": {
            "cpu": 0.3,
            "memory_used": 3 << 30,
            "memory_total": 8 << 30,
            "load": 0.5,
        },
        "history": [],
        **more,
    }


class SupervisorSocket:
    """Answers from a thread of its own, so that it serves another process or this one's loop."""

    def __init__(self, directory: Path, answer: dict[str, Any]) -> None:
        self.path = directory / "control.sock"
        self.answer = answer
        self.asked = 0
        self.silent = False
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen(16)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb") as stream:
                request = json.loads(stream.readline())
                self.asked += 1
                if self.silent:
                    continue
                assert request["verb"] == "status"
                stream.write(json.dumps({"ok": True, "result": self.answer}).encode() + b"\n")

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
