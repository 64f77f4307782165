"""What the supervisor says of its processes, asked for through its control socket (docs/fleet.md)."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from hubbub.fleet.control import call_async
from hubbub.fleet.errors import FleetError
from hubbub.fleet.host import Host

logger = logging.getLogger("hubbub.operations")

FRESH_SECONDS = 1.0
ANSWER_SECONDS = 1.5
SHOWN_ROLLOUTS = 20
SHOWN_ALARMS = 20
PROCESS = ("name", "kind", "colour", "port", "state", "pid", "restarts", "reason", "cpu", "memory")


class Fleet:
    """Asks at most once a second, however many look. Without a socket there is no fleet, only the machine."""

    def __init__(self, control: str) -> None:
        self._directory = Path(control).parent if control else None
        self._host = None if control else Host()
        self._status: dict[str, Any] = {}
        self._problem = ""
        self._asked_at = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    async def status(self) -> dict[str, Any]:
        """`{state: "none" | "ok" | "silent", …}`; while the supervisor is silent, what it said last."""
        if self._directory is None:
            return {"state": "none", "host": self._host.figures() if self._host else {}}
        if time.monotonic() - self._asked_at >= FRESH_SECONDS:
            if self._asking is None:
                self._asking = asyncio.create_task(self._ask(self._directory), name="ask the fleet")
            await asyncio.shield(self._asking)
        state = "silent" if self._problem else "ok"
        return {**self._status, "state": state, "problem": self._problem}

    async def _ask(self, directory: Path) -> None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await call_async(
                    directory, "status", who="operations", seconds=ANSWER_SECONDS
                )
            self._status = shorten_status(answer)
            self._problem = ""
        except (FleetError, OSError, ValueError, TypeError, KeyError, TimeoutError) as error:
            if not self._problem:
                logger.warning("the supervisor does not answer: %s", error)
            self._problem = str(error) or "The supervisor does not answer."
        finally:
            self._asked_at = time.monotonic()
            self._asking = None


def shorten_status(status: Mapping[str, Any]) -> dict[str, Any]:
    """Of the supervisor's answer what a page shows: no commands, no paths."""
    fleet = status["fleet"]
    return {
        "mode": fleet.get("mode", ""),
        "colour": fleet.get("colour", ""),
        "wanted": fleet.get("wanted", 0),
        "since": fleet.get("since", 0.0),
        "memory": fleet.get("memory", 0),
        "release": name_release(fleet.get("release", "")),
        "processes": [shorten_process(process) for process in status.get("processes", ())],
        "host": status.get("host", {}),
        "rollout": shorten_rollout(status["rollout"]) if status.get("rollout") else None,
        "rollouts": newest_first(
            [shorten_rollout(one) for one in status.get("rollouts", ())], "started_at"
        )[:SHOWN_ROLLOUTS],
        "alarms": sort_alarms(status.get("alarms", ()))[:SHOWN_ALARMS],
    }


def shorten_process(process: Mapping[str, Any]) -> dict[str, Any]:
    heartbeat = process.get("heartbeat") or {}
    return {
        **{name: process.get(name) for name in PROCESS},
        "release": name_release(process.get("release", "")),
        "uptime": process.get("uptime", 0.0),
        "lag": heartbeat.get("lag"),
        "sockets": heartbeat.get("sockets"),
        "memory": process.get("memory") or heartbeat.get("memory", 0),
    }


def shorten_rollout(rollout: Mapping[str, Any]) -> dict[str, Any]:
    names = ("id", "who", "started_at", "step", "ended_at", "outcome", "reason")
    return {
        **{name: rollout.get(name, "") for name in names},
        "of": name_release(rollout.get("of", "")),
        "to": name_release(rollout.get("to", "")),
    }


def sort_alarms(alarms: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The open ones first, then the latest."""
    names = ("name", "about", "text", "since", "until")
    shown = [{name: alarm.get(name, "") for name in names} for alarm in alarms]
    shown = newest_first(shown, "since")
    return [one for one in shown if not one["until"]] + [one for one in shown if one["until"]]


def newest_first(items: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    return sorted(items, key=lambda item: float(item[key] or 0), reverse=True)


def name_release(release: str) -> str:
    """A release is a folder; its name is enough."""
    return PurePath(release).name or release
