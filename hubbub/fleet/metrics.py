"""/metrics of the whole fleet: every worker's, its own, the machine's and the proxy's, in one text. Standard library.

The format is Prometheus's text format 0.0.4. Each worker's samples get the labels `worker`, `colour` and `release`;
a label it had of that name becomes `exported_…`, as Prometheus itself does it.
"""

import asyncio
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from hubbub.fleet import contract, web
from hubbub.fleet.host import Host, metrics_of
from hubbub.fleet.proxy import ProxyError
from hubbub.fleet.table import Process, Rollout, State

if TYPE_CHECKING:
    from hubbub.fleet.front import Front

WORKER_PATH = "/metrics"
WORKER_SECONDS = 3.0
LARGEST_WORKER = 4 << 20
PROXY_SECONDS = 3.0
LARGEST_PROXY = 4 << 20
ALARM_TEXT = "1 for each alarm that is open"
ADDED = ("worker", "colour", "release")
# name{labels} value [timestamp]; a label's value may hold any escaped character.
SAMPLE = re.compile(
    r'([a-zA-Z_:][\w:]*)(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?[ \t]+'
    r"([+-]?(?:\d[\d.]*(?:[eE][+-]?\d+)?|\.\d+|Inf|NaN)(?:[ \t]+-?\d+)?)"
)
LABEL = re.compile(r'([a-zA-Z_]\w*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"')
SUFFIXES = {
    "histogram": ("_bucket", "_sum", "_count"),
    "summary": ("_sum", "_count"),
}

_machine: list[Host] = []


def host() -> dict[str, float]:
    """The machine's figures, for `status`: shares and rates are since they were last asked for."""
    return machine().figures()


def machine(disk: Path = Path("/")) -> Host:
    """The one of this process, made at the first call; `disk` counts then."""
    if not _machine:
        _machine.append(Host(disk=disk))
    return _machine[0]


@dataclass
class Family:
    """The samples of one name."""

    help: str = ""
    kind: str = "untyped"
    lines: list[str] = field(default_factory=list)


class Page:
    """Collects samples by family, and puts them out with one HELP and one TYPE each."""

    def __init__(self) -> None:
        self._families: dict[str, Family] = {}

    def declare(self, name: str, kind: str, text: str) -> Family:
        """The family of that name, which may stay without samples."""
        return self._families.setdefault(name, Family(text, kind))

    def add(
        self, name: str, kind: str, text: str, labels: Mapping[str, object], value: float
    ) -> None:
        line = f"{name}{braces(labels)} {number(value)}"
        self.declare(name, kind, text).lines.append(line)

    def take(self, text: str, labels: Mapping[str, object]) -> None:
        """Adds what a worker said, with those labels. What is no sample, or contradicts another, is left out."""
        added = ",".join(f'{name}="{escape(value)}"' for name, value in labels.items())
        name, kind, about = "", "untyped", ""
        for line in text.splitlines():
            if line.startswith("#"):
                words = line.split(" ", 3)
                if len(words) >= 3 and words[1] in ("HELP", "TYPE"):
                    if words[2] != name:
                        name, kind, about = words[2], "untyped", ""
                    if words[1] == "HELP":
                        about = words[3] if len(words) > 3 else ""
                    elif len(words) > 3:
                        kind = words[3].strip()
                        self.declare(name, kind, about)
                continue
            found = SAMPLE.fullmatch(line.strip())
            if found is None:
                continue
            sample, own, value = found.groups()
            if sample != name and sample not in (name + end for end in SUFFIXES.get(kind, ())):
                name, kind, about = sample, "untyped", ""
            family = self.declare(name, kind, about)
            if family.kind == kind:
                parts = [added, rename(own or "", labels).strip(", ")]
                inside = ",".join(part for part in parts if part)
                family.lines.append(
                    f"{sample}{{{inside}}} {value}" if inside else f"{sample} {value}"
                )

    def text(self) -> str:
        out = []
        for name, family in self._families.items():
            if family.help:
                out.append(f"# HELP {name} {family.help}")
            out.append(f"# TYPE {name} {family.kind}")
            out += family.lines
        return "\n".join(out) + "\n"


def rename(own: str, added: Mapping[str, object]) -> str:
    """A sample's own labels, those that get in the way renamed."""
    if not any(name in own for name in added):
        return own
    pairs = LABEL.findall(own)
    return ",".join(
        f'{"exported_" + name if name in added else name}="{value}"' for name, value in pairs
    )


def braces(labels: Mapping[str, object]) -> str:
    inside = ",".join(f'{name}="{escape(value)}"' for name, value in labels.items())
    return f"{{{inside}}}" if inside else ""


def escape(value: object) -> str:
    return str(value).replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))


async def merged(supervisor: "Front") -> str:
    """Everything, in the text format. A worker that does not answer in time is missing, and said to be."""
    page = Page()
    workers = [one for one in supervisor.table.processes if one.kind == "worker" and one.pid]
    # Each by itself in time, and all at once.
    answers = await asyncio.gather(*(ask(supervisor, worker) for worker in workers))
    page.declare("fleet_alarm", "gauge", ALARM_TEXT)
    for name, kind, text, labels, value in (
        *fleet_metrics(supervisor),
        *metrics_of(machine(supervisor.settings.directory)),
    ):
        page.add(name, kind, text, labels, value)
    for worker, answer in zip(workers, answers, strict=True):
        text = "1 when the worker's own metrics are here"
        page.add("fleet_worker_scraped", "gauge", text, labels_of(worker), answer is not None)
    for worker, answer in zip(workers, answers, strict=True):
        page.take(answer or "", labels_of(worker))
    page.take(await proxy_figures(supervisor), {})
    expires = await certificate_expires(supervisor)
    if expires:
        text = "Unix time at which the proxy's certificate ends"
        page.add("fleet_certificate_expires_seconds", "gauge", text, {}, expires)
    return page.text()


async def ask(supervisor: "Front", worker: Process) -> str | None:
    """A worker's own metrics, None when there are none."""
    settings = supervisor.settings
    token = settings.environment.get(contract.METRICS_TOKEN) or os.environ.get(
        contract.METRICS_TOKEN, ""
    )
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        status, body = await web.get(
            worker.port, WORKER_PATH, WORKER_SECONDS, largest=LARGEST_WORKER, headers=headers
        )
    except (OSError, ValueError):
        return None
    return body.decode(errors="replace") if status == 200 else None


async def proxy_figures(supervisor: "Front") -> str:
    """The proxy's own metrics, "" when it has none or does not answer."""
    if supervisor.proxy is None:
        return ""
    try:
        async with asyncio.timeout(PROXY_SECONDS):
            return (await supervisor.proxy.figures())[:LARGEST_PROXY]
    except (ProxyError, OSError, ValueError):
        return ""


async def certificate_expires(supervisor: "Front") -> float:
    """When the certificate ends, 0 when there is none or that cannot be read."""
    if supervisor.proxy is None:
        return 0.0
    try:
        # A look at a file and, when it has changed, a program that is run.
        return await asyncio.to_thread(supervisor.proxy.certificate_expires)
    except (ProxyError, OSError):
        return 0.0


def labels_of(worker: Process) -> dict[str, object]:
    """As every sample of a worker has them; a release by the name of its folder."""
    return dict(zip(ADDED, (worker.name, worker.colour, release_of(worker)), strict=True))


def release_of(process: Process) -> str:
    return process.release.rstrip("/").rpartition("/")[2]


Sample = tuple[str, str, str, Mapping[str, object], float]


def fleet_metrics(supervisor: "Front") -> Iterator[Sample]:
    """What the supervisor knows: processes, alarms and rollouts."""
    table = supervisor.table
    now = time.time()
    wanted, ready = table.wanted, sum(one.state == "ready" for one in supervisor.workers())
    yield "fleet_start_time_seconds", "gauge", "When the supervisor began", {}, supervisor.since
    yield "fleet_memory_bytes", "gauge", "Of the supervisor", {}, resident()
    yield "fleet_workers_wanted", "gauge", "Workers there shall be in rotation", {}, wanted
    yield "fleet_workers_ready", "gauge", "Workers in rotation that are ready", {}, ready
    yield from process_metrics(table.processes, now)
    for name, about in sorted({(one.name, one.about) for one in table.alarms if not one.until}):
        yield "fleet_alarm", "gauge", ALARM_TEXT, {"name": name, "about": about}, 1
    yield from rollout_metrics(table.rollouts)


def process_metrics(processes: Iterable[Process], now: float) -> Iterator[Sample]:
    found = sorted(processes, key=lambda one: (one.kind, one.name))
    labels = {
        one.name: {
            "process": one.name,
            "kind": one.kind,
            "colour": one.colour if one.kind == "worker" else "",
            "release": release_of(one),
        }
        for one in found
    }
    for one in found:
        for state in get_args(State):
            with_state = {**labels[one.name], "state": state}
            text = "1 for the state a process is in"
            yield "fleet_process_state", "gauge", text, with_state, one.state == state
    for one in found:
        text = "Starts after exits nobody asked for"
        yield "fleet_process_restarts_total", "counter", text, labels[one.name], one.restarts
    running = [one for one in found if one.pid]
    figures: tuple[tuple[str, str, Callable[[Process], float]], ...] = (
        ("fleet_process_memory_bytes", "Resident memory", lambda one: one.memory),
        ("fleet_process_cpu_cores", "Cores in use, over the last seconds", lambda one: one.cpu),
        ("fleet_process_uptime_seconds", "Since its start", lambda one: one.uptime),
    )
    for name, text, read in figures:
        for one in running:
            yield name, "gauge", text, labels[one.name], read(one)
    heard = [one for one in running if one.kind == "worker" and one.heard_at]
    for one in heard:
        text = "Since the worker's last heartbeat"
        age = max(0.0, now - one.heard_at)
        yield "fleet_process_heartbeat_age_seconds", "gauge", text, labels[one.name], age
    for one in heard:
        text = "How late its event loop came, at worst, in the last second"
        lag = one.heartbeat.get("lag", 0.0)
        yield "fleet_process_lag_seconds", "gauge", text, labels[one.name], lag
    for one in heard:
        sockets = one.heartbeat.get("sockets", 0)
        yield "fleet_process_sockets", "gauge", "Open sockets", labels[one.name], sockets


def rollout_metrics(rollouts: list[Rollout]) -> Iterator[Sample]:
    running = bool(rollouts) and not rollouts[-1].outcome
    ended = [one for one in rollouts if one.outcome]
    at, how = (ended[-1].ended_at, ended[-1].outcome) if ended else (0.0, "")
    yield "fleet_rollout_running", "gauge", "1 while a rollout goes on", {}, running
    yield "fleet_rollout_ended_seconds", "gauge", "When the last rollout ended", {}, at
    for outcome in ("done", "failed", "rolled back"):
        text = "1 for how the last rollout ended"
        yield "fleet_rollout_outcome", "gauge", text, {"outcome": outcome}, outcome == how


def resident() -> int:
    """Bytes of this process."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
