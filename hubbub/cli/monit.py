"""What the fleet does, in a terminal: `hubbub fleet status` once, `monit` live."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from hubbub.cli.fleet_start import NotUpError
from hubbub.fleet.errors import FleetError

EVERY_SECONDS = 1.0
STYLES = {
    "ready": "green",
    "starting": "yellow",
    "draining": "yellow",
    "warm": "cyan",
    "stopping": "yellow",
    "stopped": "red",
    "failed": "bold red",
}
BARS = " ▁▂▃▄▅▆▇█"
SHOWN_HISTORY = 60
WIDE = 100
PIPED = 160
"""Columns where there is no terminal to ask."""
LATE_HEARTBEAT = 3.0
"""Seconds; older ones are shown with their age."""

Status = Mapping[str, Any]


def show_status(status: Status, problems: Sequence[str]) -> None:
    """Prints it once."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPED)
    console.print(render(status, {}, console.width))
    for problem in problems:
        console.print(Text(problem, style="red"))


def watch(ask: Callable[[], Status], console: Console | None = None) -> None:
    """Shows what `ask` answers each second until Ctrl+C. A supervisor that is away is said to be so."""
    rates = Rates()
    with Live(console=console or Console(), screen=True, auto_refresh=False) as live:
        try:
            while True:
                try:
                    status = ask()
                    view = render(status, rates.of(status), live.console.width)
                    live.update(view, refresh=True)
                except (FleetError, NotUpError) as error:
                    text = str(error) or "The fleet is not up."
                    live.update(Panel(Text(text, style="red")), refresh=True)
                time.sleep(EVERY_SECONDS)
        except KeyboardInterrupt:
            return


class Rates:
    """Requests per second of each process, between two looks."""

    def __init__(self) -> None:
        self._last: dict[int, tuple[float, int]] = {}

    def of(self, status: Status) -> dict[str, float]:
        rates: dict[str, float] = {}
        seen: dict[int, tuple[float, int]] = {}
        for process in status["processes"]:
            now, count = process["heard_at"], process["heartbeat"].get("requests", 0)
            pid = process["pid"]
            before = self._last.get(pid)
            if before is not None and now > before[0]:
                rates[process["name"]] = (count - before[1]) / (now - before[0])
            # Between two heartbeats the last rate's beginning stays.
            seen[pid] = (now, count) if before is None or now - before[0] >= 2 else before
        self._last = seen
        return rates


def render(status: Status, rates: Mapping[str, float], width: int) -> RenderableType:
    """Everything there is to see, top to bottom by how often it is looked at."""
    parts: list[RenderableType] = [heading(status), processes(status, rates, width)]
    alarms = [alarm for alarm in status["alarms"] if not alarm["until"]]
    if alarms:
        lines = [f"{ago(alarm['since'])} ago: {alarm['text']}" for alarm in alarms]
        parts.append(Panel(Text("\n".join(lines)), title="Alarms", style="red", title_align="left"))
    if status["rollouts"]:
        parts.append(rollouts(status))
    if status["history"]:
        parts.append(history(status["history"][-SHOWN_HISTORY:]))
    return Group(*parts)


def heading(status: Status) -> Text:
    fleet, host = status["fleet"], status["host"]
    text = Text()
    text.append(f"{fleet['colour']}", style=f"bold {fleet['colour']}")
    text.append(f" serves, {fleet['wanted']} wanted ({fleet['mode']})")
    text.append(
        f"   supervisor {fleet['pid']}, up {ago(fleet['since'])}, {megabytes(fleet['memory'])}"
    )
    if host:
        text.append(
            f"   host: cpu {host['cpu']:.0%}, memory {megabytes(host['memory_used'])} of "
            f"{megabytes(host['memory_total'])}"
        )
    if fleet.get("operation"):
        text.append(f"   {fleet['operation']} is going on", style="yellow")
    return text


def processes(status: Status, rates: Mapping[str, float], width: int) -> Table:
    """A line for each; in a narrow terminal without what is looked at least."""
    titles = ["name", "state", "pid", "up", "memory", "lag", "sockets"]
    if width >= WIDE:
        titles += ["cpu", "port", "errors", "restarts"]
    if rates:
        titles.append("req/s")
    if any(process["release"] for process in status["processes"]):
        titles.append("release")
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in titles:
        left = title in ("name", "state", "release")
        table.add_column(title, justify="left" if left else "right", no_wrap=True)
    table.add_column("", overflow="fold")
    for process in status["processes"]:
        cells = row(process, rates.get(process["name"]))
        table.add_row(*(cells[title] for title in titles), Text(note(process), style="dim"))
    return table


def row(process: Mapping[str, Any], rate: float | None) -> dict[str, Text | str]:
    """What there is to say of one, by the column's title."""
    beat, runs = process["heartbeat"], bool(process["pid"])
    return {
        "name": Text(process["name"], style="" if process["kind"] == "worker" else "dim"),
        "state": Text(process["state"], style=STYLES.get(process["state"], "")),
        "release": process["release"].rpartition("/")[2],
        "pid": str(process["pid"]) if runs else "",
        "port": str(process["port"] or ""),
        "up": duration(process["uptime"]) if runs else "",
        "cpu": f"{process['cpu']:.0%}" if runs else "",
        "memory": megabytes(process["memory"]) if runs else "",
        "lag": f"{beat['lag'] * 1000:.0f} ms" if "lag" in beat else "",
        "sockets": str(beat.get("sockets", "")),
        "req/s": "" if rate is None else f"{rate:.1f}",
        "errors": str(beat.get("errors", "")),
        "restarts": str(process["restarts"]),
    }


def note(process: Mapping[str, Any]) -> str:
    """Why it is in its state, or that nothing was heard of it for a while."""
    silent = time.time() - process["heard_at"]
    if process["kind"] == "worker" and process["heard_at"] and silent > LATE_HEARTBEAT:
        return f"no heartbeat for {silent:.0f} s. {process['reason']}".rstrip()
    return str(process["reason"])


def rollouts(status: Status) -> Table:
    """The last three, and each step of one that goes on."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("rollout", "who", "release", "outcome", ""):
        table.add_column(title)
    for rollout in status["rollouts"][:3]:
        outcome = rollout["outcome"] or f"step {rollout['step']}"
        style = {"done": "green", "failed": "red", "rolled back": "red"}.get(outcome, "yellow")
        table.add_row(
            f"{ago(rollout['started_at'])} ago",
            rollout["who"],
            rollout["to"].rpartition("/")[2],
            Text(outcome, style=style),
            Text(rollout["reason"].partition("\n")[0], style="dim"),
        )
    return table


def history(points: Sequence[Mapping[str, Any]]) -> Table:
    """Ten minutes in bars."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for name in ("requests", "errors", "sockets", "lag"):
        values = [point[name] for point in points]
        last = f"{values[-1] * 1000:.0f} ms" if name == "lag" else f"{values[-1]}"
        table.add_row(Text(name, style="dim"), Text(bars(values), style="cyan"), last)
    return table


def bars(values: Sequence[float]) -> str:
    most = max([*values, 0]) or 1
    return "".join(BARS[round(value / most * (len(BARS) - 1))] for value in values)


def megabytes(size: float) -> str:
    return f"{size / (1 << 20):,.0f} MB"


def ago(since: float) -> str:
    return duration(time.time() - since)


def duration(seconds: float) -> str:
    """In the largest unit that fits twice, as people read it."""
    for length, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
