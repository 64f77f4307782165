"""The page of a whole run: bench/results/chaos.md."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from chaos.mutations import PROOFS
from chaos.scenarios import SCENARIOS, Result
from scripts.house import ROOT

PAGE = ROOT / "bench" / "results" / "chaos.md"
HEAD = (
    "| scenario | seed | clients | acknowledged | deliveries checked | faults | lost | doubled | out of order "
    "| other | converged | lost connections | back: median, p99, last | memory MB |\n"
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- | --- |\n"
)


def machine() -> str:
    """The kind of machine, by the name of its processor."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} cores of {names[0]}" if names else "an unknown processor"


def line(result: Result) -> str:
    lost = result.count("lost", "hole")
    doubled = result.count("doubled", "repeated")
    disorder = result.count("out_of_order", "log")
    other = len(result.violations) - lost - doubled - disorder
    back = ", ".join(f"{result.slowest(share):.2f} s" for share in (0.5, 0.99, 1.0))
    before, after = result.memory
    cells = [
        result.scenario,
        result.seed,
        f"{result.clients:,}",
        f"{result.acknowledged:,}",
        f"{result.delivered:,}",
        result.faults,
        lost,
        doubled,
        disorder,
        other,
        f"{result.converged:.1f} s",
        f"{len(result.recovered):,}",
        back if result.recovered else "",
        f"{before / 1e6:.0f} → {after / 1e6:.0f}",
    ]
    return "| " + " | ".join(str(cell) for cell in cells) + " |\n"


def write_page(results: Sequence[Result], seconds: float, path: Path = PAGE) -> None:
    """Writes the page; violations, if any, are told below the table."""
    plain = [result for result in results if not result.mutation]
    acknowledged = sum(result.acknowledged for result in plain)
    delivered = sum(result.delivered for result in plain)
    faults = sum(result.faults for result in plain)
    violations = [(r, v) for r in plain for v in r.violations]
    text = (
        "# What was left whole\n\n"
        f"`make chaos` on {datetime.now(UTC):%Y-%m-%d}, {machine()}, servers, database and clients together, "
        f"in {seconds / 60:.0f} minutes. What is done and checked: [docs/chaos.md](../../docs/chaos.md).\n\n"
        f"{acknowledged:,} acknowledged commands and {delivered:,} deliveries were compared with the database "
        f"after {faults} faults: {len(violations)} violations.\n\n"
        f"{HEAD}{''.join(map(line, plain))}\n"
        "*Lost* counts commands and holes, *doubled* commands and entries, *other* every other kind of violation. "
        "*Converged* is how long after the last fault every client had everything; the writing was ended in that "
        "time too. *Back* is from losing the connection to being caught up again, for each connection that was lost.\n"
    )
    text += "\n".join(
        ["", "| scenario | what happens |", "| --- | --- |"]
        + [f"| {s.name} | {s.about} |" for s in SCENARIOS.values()]
    )
    changed = [result for result in results if result.mutation]
    if changed:
        text += "\n\n## Mechanisms switched off\n\nEach run must show the violation named beside it.\n\n"
        text += "| without | must show | shown | of all violations |\n| --- | --- | ---: | ---: |\n"
        for result in changed:
            expected = PROOFS[result.mutation].expected
            counted = f"{result.count(expected):,} | {len(result.violations):,}"
            text += f"| {result.mutation} | {expected} | {counted} |\n"
    notes = [(r, note) for r in plain for note in r.notes]
    if notes:
        text += "\n\n## On the way\n\n"
        text += "".join(f"- {r.scenario}, seed {r.seed}: {note}\n" for r, note in notes[:60])
    if violations:
        text += "\n\n## Violations\n\n"
        text += "".join(f"- {r.scenario}, seed {r.seed}: {v}\n" for r, v in violations[:100])
    path.write_text(text.rstrip("\n") + "\n")
