"""The rig's table: a row for each thing measured, a column for each contestant, and our bars."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Figures = dict[str, Any]
OURS = "Hubbub fleet"
NEVER = "never"
MB = 1 << 20
AVAILABLE = 0.999


@dataclass(frozen=True)
class Row:
    """One line of the table; `show` and `good` are given the rounds of its case."""

    case: str
    text: str
    show: Callable[[Sequence[Figures]], str]
    bar: str = ""
    good: Callable[[Sequence[Figures]], bool] = lambda _: True


def total(name: str) -> Callable[[Sequence[Figures]], str]:
    return lambda rounds: str(sum(figures[name] for figures in rounds))


def most(name: str) -> Callable[[Sequence[Figures]], str]:
    return lambda rounds: str(max(figures[name] for figures in rounds))


def worst(name: str, unit: str = " s") -> Callable[[Sequence[Figures]], str]:
    """The median, and the worst where they differ; "never" where it did not happen in every round."""

    def show(rounds: Sequence[Figures]) -> str:
        values = [figures[name] for figures in rounds if figures[name] is not None]
        if len(values) < len(rounds):
            missing = "" if not values else f" in {len(rounds) - len(values)} of {len(rounds)}"
            return NEVER + missing
        middle, most = statistics.median(values), max(values)
        more = f" (worst {most:.2f})" if len(values) > 1 else ""
        return f"{middle:.2f}{unit}{more}"

    return show


def at_most(name: str, limit: float) -> Callable[[Sequence[Figures]], bool]:
    return lambda rounds: all(
        figures[name] is not None and figures[name] <= limit for figures in rounds
    )


def of_reloads(show: Callable[[list[Figures]], str]) -> Callable[[Sequence[Figures]], str]:
    return lambda rounds: show(every_reload(rounds))


def every_reload(rounds: Sequence[Figures]) -> list[Figures]:
    return [reload for figures in rounds for reload in figures["reloads"]]


def failed(rounds: Sequence[Figures]) -> str:
    """Hard and stale failures together, with how long the longest outage was."""
    count = sum(figures["hard"] + figures["stale"] for figures in rounds)
    longest = max((length for figures in rounds for _, length in figures["outages"]), default=0.0)
    return f"{count}, for up to {longest:.1f} s" if count else "0"


def failed_for_good(rounds: Sequence[Figures]) -> str:
    """The same for a version that stays: whether anybody was served in the end."""
    if all(figures["serving"] for figures in rounds):
        return failed(rounds)
    count = sum(figures["hard"] + figures["stale"] for figures in rounds)
    return f"{count}, until nobody is served any more"


def none_failed(rounds: Sequence[Figures]) -> bool:
    return not any(figures["hard"] + figures["stale"] for figures in rounds)


def code(rounds: Sequence[Figures]) -> str:
    codes = {figures["code"] for figures in rounds}
    return ", ".join(
        "hangs, ended after 60 s" if c is None else str(c) for c in sorted(codes, key=str)
    )


def kept_serving(rounds: Sequence[Figures]) -> str:
    least = min(figures["old"] for figures in rounds)
    return {0: "no", 1: "one of two", 2: "yes"}.get(least, str(least))


def per_client(reloads: Sequence[Figures]) -> str:
    values = [figures["per_client"] for figures in reloads]
    return f"{statistics.mean(values):.2f} (most {max(values):.2f})"


def adopted(rounds: Sequence[Figures]) -> str:
    if any(figures["adopted"] is None for figures in rounds):
        survived = min(figures["survived"] for figures in rounds)
        return f"not adopted, {survived} of 2 live on"
    return worst("adopted")(rounds)


def bad_version(case: str, what: str) -> list[Row]:
    return [
        Row(
            case,
            f"reload to a version that {what}: requests failed",
            failed_for_good,
            "0",
            none_failed,
        ),
        Row(
            case,
            "… exit code of the command",
            code,
            "not 0",
            lambda rounds: all(figures["code"] not in (0, None) for figures in rounds),
        ),
        Row(
            case,
            "… old workers went on serving",
            kept_serving,
            "yes",
            lambda rounds: all(figures["old"] == 2 for figures in rounds),
        ),
    ]


ROWS = [
    Row("reload", "reloads to a good version", of_reloads(lambda found: str(len(found)))),
    *(
        Row(
            "reload",
            f"… {kind} failures",
            of_reloads(lambda found, kind=kind: str(sum(each[kind] for each in found))),  # type: ignore[misc]
            "0",
            lambda rounds, kind=kind: not any(each[kind] for each in every_reload(rounds)),  # type: ignore[misc]
        )
        for kind in ("hard", "stale")
    ),
    Row(
        "reload",
        "… disconnects per client",
        of_reloads(per_client),
        "≤ 1.00",
        lambda rounds: all(each["per_client"] <= 1 for each in every_reload(rounds)),
    ),
    Row(
        "reload",
        "… of them without being asked to go first",
        of_reloads(lambda found: str(sum(each["dropped"] for each in found))),
    ),
    Row("reload", "… messages lost", total("lost"), "0", at_most("lost", 0)),
    Row("reload", "… messages doubled", total("doubled"), "0", at_most("doubled", 0)),
    Row(
        "reload",
        "… seconds the command took",
        of_reloads(lambda found: f"{statistics.median(each['seconds'] for each in found):.1f}"),
    ),
    Row(
        "kill-worker",
        "kill -9 of a worker: another serves after",
        worst("replaced"),
        "≤ 0.6 s",
        at_most("replaced", 0.6),
    ),
    Row("kill-worker", "… requests failed", failed),
    Row("kill-worker", "… sockets dropped, of 100", most("dropped")),
    Row("kill-supervisor", "kill -9 of the supervisor: requests failed", failed, "0", none_failed),
    Row(
        "kill-supervisor", "… sockets dropped, of 100", total("dropped"), "0", at_most("dropped", 0)
    ),
    Row(
        "kill-supervisor",
        "… it is back and has its workers after",
        adopted,
        "≤ 2 s",
        at_most("adopted", 2),
    ),
    Row(
        "blocked",
        "blocked loop: everybody is served again after",
        worst("again"),
        "≤ 5 s",
        at_most("again", 5),
    ),
    Row("blocked", "… another worker serves after", worst("replaced")),
    Row("blocked", "… requests failed", failed),
    Row(
        "memory",
        "memory breach: another worker serves after",
        worst("replaced"),
        "≤ 5 s",
        at_most("replaced", 5),
    ),
    Row("memory", "… requests failed", failed, "0", none_failed),
    Row(
        "memory",
        "… sockets dropped without being asked to go first",
        total("dropped"),
        "0",
        at_most("dropped", 0),
    ),
    *bad_version("crash", "crashes at its start"),
    *bad_version("never", "never gets ready"),
    *bad_version("error", "answers 500"),
    Row(
        "proxy",
        "proxy reload: sockets ended, of 200",
        lambda rounds: str(sum(figures["moved"] + figures["dropped"] for figures in rounds)),
        "0",
        lambda rounds: all(figures["moved"] + figures["dropped"] == 0 for figures in rounds),
    ),
    Row("proxy", "… requests failed", failed, "0", none_failed),
    Row(
        "balance",
        "400 sockets over 4 workers, fullest / mean",
        worst("ratio", ""),
        "≤ 1.05",
        at_most("ratio", 1.05),
    ),
    Row(
        "reload",
        "memory of the supervisor",
        lambda rounds: f"{max(figures['memory'] for figures in rounds) / MB:.0f} MB",
        "≤ 30 MB",
        at_most("memory", 30 * MB),
    ),
]


def cell(row: Row, rounds: Sequence[Figures]) -> str:
    if not rounds:
        return ""
    for figures in rounds:
        if "cannot" in figures:
            return f"– ({figures['cannot']})" if not row.text.startswith("…") else "–"
        if "error" in figures:
            return f"failed: {figures['error']}" if not row.text.startswith("…") else "–"
    return row.show(rounds)


def page(found: dict[str, Any]) -> str:
    """bench/results/ops.md."""
    contestants = found["contestants"]
    names = [contestant["name"] for contestant in contestants]

    def rounds(name: str, case: str) -> list[Figures]:
        return [
            result
            for result in found["results"]
            if result["contestant"] == name and result["case"] == case
        ]

    lines = [
        "# The fleet beside its peers",
        "",
        f"{found['machine']}; {found['when']}; `python -m bench.ops`.",
        "",
        "The same load for each: 16 request loops over keep-alive connections, 100 numbered sockets, 2 workers; the",
        "application, the load and all of the contestant share the machine. What counts as what is written at the top",
        "of `bench/ops/load.py`. The application has good manners everywhere: told to end, it says so to the balancer,",
        "asks its sockets to go, and answers what they have sent.",
        "",
        f"| | {' | '.join(names)} | our bar |",
        f"|---|{'---|' * (len(names) + 1)}",
    ]
    for row in ROWS:
        cells = []
        for name in names:
            text = cell(row, rounds(name, row.case))
            if name == OURS and text and row.bar and not held(row, rounds(name, row.case)):
                text = f"**{text}**"
            cells.append(text)
        if any(cells):
            lines.append(f"| {row.text} | {' | '.join(cells)} | {row.bar} |")
    lines += ["", *extra(found), "## The contestants", ""]
    lines += [f"- {each['name']}: {each['version']}. {each['how']}." for each in contestants]
    missed = misses(found)
    lines += ["", "Every bar holds." if not missed else "Bars missed: " + "; ".join(missed) + "."]
    return "\n".join(lines) + "\n"


def extra(found: dict[str, Any]) -> list[str]:
    """What was measured of ours alone."""
    lines = []
    for result in found["results"]:
        if result["case"] == "product" and "cannot" not in result and "error" not in result:
            lines += [
                f"Hubbub itself under our fleet, on PostgreSQL and Redis, with the Python client: "
                f"{result['messages']} messages over {result['reloads']} reloads and "
                f"{result['kills']} `kill -9` of a worker: {result['lost']} lost, "
                f"{result['doubled']} doubled.",
                "",
            ]
        if result["case"] == "availability" and "error" not in result:
            lines += [
                f"Availability of our fleet over {result['seconds']:.0f} s with {result['kills']} random kills "
                f"(workers and supervisor) and {result['reloads']} reloads, in the middle of some a worker is "
                f"killed ({sum(code != 0 for code in result['codes'])} gave up): {result['share']:.3%} of "
                f"{result['probes']} probes answered.",
                "",
            ]
    return lines


def held(row: Row, rounds: Sequence[Figures]) -> bool:
    if any("cannot" in figures or "error" in figures for figures in rounds):
        return False
    return row.good(rounds)


def misses(found: dict[str, Any]) -> list[str]:
    """The bars that our fleet missed, as text."""
    missed = []
    case = ""
    for row in ROWS:
        rounds = [
            result
            for result in found["results"]
            if result["contestant"] == OURS and result["case"] == row.case
        ]
        case = row.text if not row.text.startswith("…") else case
        if rounds and row.bar and not held(row, rounds):
            about = row.text if row.text == case else f"{case.partition(':')[0]} {row.text}"
            missed.append(f"{about}: {cell(row, rounds)} instead of {row.bar}")
    for result in found["results"]:
        if result["case"] == "availability" and result.get("share", 0.0) < AVAILABLE:
            missed.append("availability")
        if result["case"] == "product" and (result.get("lost", 1) or result.get("doubled", 1)):
            missed.append("messages of Hubbub itself")
    return missed
