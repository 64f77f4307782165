"""What was measured, as one Markdown page: budgets first, then a table for each workload."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench.cases import (
    ALL_CASES,
    GATEWAY,
    MOVES,
    NATS,
    NODE,
    OPENING,
    PRODUCT,
    PRODUCT_SQLITE,
    STACK,
    WRITER,
    Case,
)
from bench.transport import BUSY

Result = dict[str, Any]


@dataclass(frozen=True)
class Spread:
    """A figure over all rounds."""

    middle: float
    least: float
    most: float

    def shown(self, scale: float, digits: int) -> str:
        words = [f"{value * scale:,.{digits}f}" for value in (self.middle, self.least, self.most)]
        return f"{words[0]} ({words[1]}–{words[2]})" if words[1] != words[2] else words[0]


class Measured:
    """The results of a whole run, to be asked by case, server and figure."""

    def __init__(self, results: Iterable[Result]) -> None:
        self._results: dict[tuple[str, str], list[Result]] = {}
        for result in results:
            self._results.setdefault((result["case"], result["server"]), []).append(result)

    def runs(self, case: str, server: str) -> list[Result]:
        return self._results.get((case, server), [])

    def spread(self, case: str, server: str, key: str) -> Spread | None:
        values = [run[key] for run in self.runs(case, server) if key in run]
        return Spread(median(values), min(values), max(values)) if values else None

    def middle(self, case: str, server: str, key: str) -> float | None:
        found = self.spread(case, server, key)
        return found.middle if found else None

    def ratio(self, case: str, key: str, server: str, other: str) -> float | None:
        """The server's median over the other's."""
        above, below = self.middle(case, server, key), self.middle(case, other, key)
        return above / below if above is not None and below else None

    def versions(self) -> list[tuple[str, str]]:
        # A row may be a server in some arrangement, told after a comma.
        found = {
            run["server"].partition(",")[0]: run["version"]
            for runs in self._results.values()
            for run in runs
        }
        return sorted(found.items())

    def rounds(self) -> int:
        return max((len(runs) for runs in self._results.values()), default=0)


@dataclass(frozen=True)
class Budget:
    """A promise: `value` of what was measured compared with `bound`."""

    title: str
    wanted: str
    value: float | None
    bound: float
    at_least: bool
    digits: int = 2

    @property
    def met(self) -> bool | None:
        if self.value is None:
            return None
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def row(self) -> str:
        verdict = {True: "met", False: "**missed**", None: "not measured"}[self.met]
        shown = "–" if self.value is None else f"{self.value:,.{self.digits}f}"
        return f"| {self.title} | {self.wanted} | {shown} | {verdict} |"


def budgets(found: Measured) -> list[Budget]:
    """Every budget of the gateway and the message path, in the order of the design."""
    cpu = "per_cpu_second"

    def cost(case: str) -> float | None:
        """Our CPU for a delivery over Node's."""
        ratio = found.ratio(case, cpu, GATEWAY, NODE)
        return 1 / ratio if ratio else None

    lines = [
        Budget(
            "saturated: deliveries / CPU-second",
            "≥ 3,000,000",
            found.middle("saturated", GATEWAY, cpu),
            3e6,
            True,
            0,
        ),
        Budget(
            "saturated: over Socket.IO on Node",
            "≥ 20×",
            found.ratio("saturated", cpu, GATEWAY, NODE),
            20,
            True,
        ),
        Budget(
            "saturated: over NATS",
            "≥ 1×",
            found.ratio("saturated", cpu, GATEWAY, NATS),
            1,
            True,
        ),
    ]
    for case, short, least, share in (
        ("room", "1,000 at 50/s", 130_000, 0.57),
        ("rooms", "100 × 10", 90_000, 0.5),
    ):
        lines += [
            Budget(
                f"{short}: deliveries / CPU-second",
                f"≥ {least:,}",
                found.middle(case, GATEWAY, cpu),
                least,
                True,
                0,
            ),
            Budget(
                f"{short}: CPU of a delivery over Node's", f"≤ {share}×", cost(case), share, False
            ),
            Budget(
                f"{short}: deliveries / CPU-second over the C writer's",
                "≥ 0.7×",
                found.ratio(case, cpu, GATEWAY, WRITER),
                0.7,
                True,
            ),
        ]
    lines += [
        Budget(
            f"{title}: p99 over Node's",
            "≤ 1×",
            found.ratio(case, "p99_ms", GATEWAY, NODE),
            1,
            False,
        )
        for case, title in (
            ("room", "1,000 at 50/s"),
            ("room-4k", "1,000 at 50/s, 4 KB"),
            ("rooms", "100 × 10"),
            ("attachments", "attachments"),
            ("echo-rate", "echoes at 5,000/s"),
            ("polling", "long-polling"),
        )
    ]
    lines += [
        Budget(
            f"{title}: memory of an idle socket over Node's",
            "≤ 0.25×",
            found.ratio(case, "bytes_per_socket", GATEWAY, NODE),
            0.25,
            False,
        )
        for case, title in (("idle-5000", "5,000 sockets"), ("idle-20000", "20,000 sockets"))
    ]
    lines += [
        Budget(
            "10 stuck readers: p99 of the others over that without",
            "≤ 1.2×",
            moved(found),
            1.2,
            False,
        ),
        Budget(
            "10 stuck readers: closed",
            "10",
            found.middle("stuck", GATEWAY, "slow_closed"),
            10,
            True,
            0,
        ),
    ]
    posts, followed = "durable posts, own rooms", "durable posts, 50 followers"
    for case, short in ((posts, "posts, own rooms"), (followed, "posts, 50 followers")):
        lines.append(
            Budget(
                f"{short}: acknowledged / s over Express + pg + Socket.IO",
                "≥ 1×",
                found.ratio(case, "acks_per_second", PRODUCT, STACK),
                1,
                True,
            )
        )
    lines += [
        Budget(
            "posts: acknowledged / s",
            "≥ 8,000",
            found.middle(posts, PRODUCT, "acks_per_second"),
            8000,
            True,
            0,
        ),
        Budget("posts: p99, ms", "≤ 20", found.middle(posts, PRODUCT, "p99_ms"), 20, False, 1),
        Budget(
            "HTTP read: requests / s over Express 5",
            "≥ 2×",
            found.ratio("read 50 messages", "requests_per_second", PRODUCT, STACK),
            2,
            True,
        ),
        Budget(
            "HTTP read: requests / s",
            "≥ 3,000",
            found.middle("read 50 messages", PRODUCT, "requests_per_second"),
            3000,
            True,
            0,
        ),
    ]
    for case, server, title, most in (
        (MOVES, PRODUCT, "200 moves/s on one board: p99, ms", 100),
        (MOVES, PRODUCT_SQLITE, "200 moves/s on one board, SQLite: p99, ms", 100),
        (OPENING, PRODUCT, "a board of 2,000 tasks opened: p99, ms", 200),
        (OPENING, PRODUCT_SQLITE, "a board of 2,000 tasks opened, SQLite: p99, ms", 200),
    ):
        p99 = found.middle(case, server, "p99_ms")
        lines.append(Budget(title, f"≤ {most}", p99, most, False, 1))
    for case, short, most in (
        ("across", "from node to node at 500 posts/s", 20),
        ("across-saturated", "from node to node, saturated", 200),
    ):
        p99 = found.middle(case, PRODUCT, "p99_ms")
        lines.append(Budget(f"{short}: p99, ms", f"≤ {most}", p99, most, False, 1))
    return lines


def moved(found: Measured) -> float | None:
    """The p99 of those who read while ten do not, over the p99 when everybody reads."""
    with_stuck = found.middle("stuck", GATEWAY, "p99_ms")
    without = found.middle("steady", GATEWAY, "p99_ms")
    return with_stuck / without if with_stuck is not None and without else None


def table(case: Case, found: Measured) -> list[str]:
    """A case's rows; a mark where the load generator may have been what limited a server."""
    titles = [f"{m.title}{f', {m.unit}' if m.unit else ''}" for m in case.metrics]
    rows = []
    for server in case.servers:
        runs = found.runs(case.name, server)
        if not runs:
            continue
        cells = []
        for metric in case.metrics:
            spread = found.spread(case.name, server, metric.key)
            cells.append(spread.shown(metric.scale, metric.digits) if spread else "–")
        mark = " ¹" if median(busyness(run) for run in runs) > BUSY else ""
        rows.append(f"| {server}{mark} | {' | '.join(cells)} |")
    if not rows:
        return []
    head = [f"| | {' | '.join(titles)} |", "| --- |" + " ---: |" * len(titles)]
    return [f"### {case.title}", "", *head, *rows, "", *lost(case, found)]


def busyness(run: Result) -> float:
    """The share of the load's core that was used; PostgreSQL and Redis are on it too."""
    return float(run["load_busy"] if "load_busy" in run else run.get("core1_busy", 0))


def lost(case: Case, found: Measured) -> list[str]:
    """A sentence where a server did not deliver everything, or not in order."""
    lines = []
    for server in case.servers:
        runs = found.runs(case.name, server)
        missing = sum(run.get("missing", 0) for run in runs)
        disorder = sum(run.get("out_of_order", 0) for run in runs)
        if missing or disorder:
            lines += [f"{server}: {missing:,} deliveries missing, {disorder:,} out of order.", ""]
    return lines


def times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def page(found: Measured, machine: str, when: str, command: str, pictures: Sequence[str]) -> str:
    """The whole page."""
    lines = [
        "# What was measured",
        "",
        f"{machine}. {when}, `{command}`, {found.rounds()} rounds. Each figure is the median of the rounds,",
        "the least and the most in brackets. The server has one core to itself, the load generator the other, which",
        "it shares with PostgreSQL and Redis where those take part. Where there are several nodes, all share both.",
        f"That part was measured {times(len(found.runs('across', PRODUCT)))}.",
        "Nothing is compressed but where it says so. How to read and repeat it: [docs/bench.md](../../docs/bench.md).",
        "",
        *(f"![{name.removesuffix('.svg')}]({name})\n" for name in pictures),
        "",
        "## Budgets",
        "",
        "| | wanted | measured | |",
        "| --- | --- | ---: | --- |",
        *(budget.row() for budget in budgets(found) if budget.met is not None),
        "",
        "## Workloads",
        "",
    ]
    for case in ALL_CASES:
        lines += table(case, found)
    lines += [
        "¹ The load generator's core was busy for more than 95 % of the time: per wall second this server could do",
        "more than was measured; per CPU-second it makes no difference.",
        "",
        "## Versions",
        "",
        "| | |",
        "| --- | --- |",
        *(f"| {server} | {version} |" for server, version in found.versions()),
        "",
    ]
    return "\n".join(lines)
