"""The pictures: bars for each server, in the colours of light pages, on a white ground."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.cases import ALL_CASES, GATEWAY, PRODUCT, WRITER, Case, Metric
from bench.report import Measured

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "hubbub"
matplotlib.rcParams["font.family"] = "DejaVu Sans"

OURS, PEER, LIMIT = "#4f46e5", "#a8b0bd", "#dfe3e8"
OWN = (GATEWAY, PRODUCT)
INK, FAINT = "#1f2530", "#5d6675"

Panel = tuple[str, str, str]
"""Case, figure, title."""

PICTURES: dict[str, tuple[str, Sequence[Panel]]] = {
    "fanout": (
        "Deliveries for each second of the server's CPU",
        (
            ("saturated", "per_cpu_second", "One room of 1,000, saturated"),
            ("room", "per_cpu_second", "One room of 1,000, 50 messages/s"),
            ("rooms", "per_cpu_second", "100 rooms of 10, 2,000 messages/s"),
        ),
    ),
    "latency": (
        "From sending to receipt, 99th percentile, milliseconds",
        (
            ("room", "p99_ms", "One room of 1,000, 50 messages/s"),
            ("rooms", "p99_ms", "100 rooms of 10, 2,000 messages/s"),
            ("echo-rate", "p99_ms", "Private echoes, 5,000/s"),
        ),
    ),
    "idle": (
        "Idle sockets",
        (
            ("idle-20000", "bytes_per_socket", "Memory of one, KB"),
            ("idle-20000", "connects_per_second", "Connects per second"),
        ),
    ),
    "product": (
        "The product: PostgreSQL with fsync, one process",
        (
            ("durable posts, own rooms", "acks_per_second", "Posts acknowledged / s"),
            ("durable posts, 50 followers", "acks_per_second", "The same, 50 followers"),
            ("read 50 messages", "requests_per_second", "Reads of 50 messages / s"),
        ),
    ),
    "boards": (
        "Boards, milliseconds",
        (
            ("moves", "p99_ms", "200 moves/s on one board, 99th percentile"),
            ("open a board", "p50_ms", "A board of 2,000 tasks, median"),
        ),
    ),
    "nodes": (
        "Several nodes, sharing two cores with PostgreSQL, Redis and the load",
        (
            ("nodes", "acks_per_second", "Posts acknowledged / s"),
            (
                "overlap",
                "second_cpu_percent",
                "CPU of the second node, %",
            ),
        ),
    ),
}


def draw_all(found: Measured, folder: Path) -> list[str]:
    """Writes each picture for which there is something as SVG and PNG; the names of the SVGs."""
    names = []
    for name, (title, panels) in PICTURES.items():
        figure = draw(found, title, panels)
        if figure is not None:
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
            figure.savefig(folder / f"{name}.png", dpi=160)
            names.append(f"{name}.svg")
    return names


def draw(found: Measured, title: str, panels: Sequence[Panel]) -> Figure | None:
    shown = [(panel, bars) for panel in panels if len(bars := bars_of(found, panel)) > 1]
    if not shown:
        return None
    height = 0.34 * max(len(bars) for _, bars in shown) + 1.25
    figure = Figure(figsize=(11, height), layout="constrained", facecolor="white")
    figure.suptitle(title, x=0.008, ha="left", fontsize=13, fontweight="bold", color=INK)
    axes = figure.subplots(1, len(shown), squeeze=False)[0]
    first = [name for name, _ in shown[0][1]]
    for ax, ((case, key, heading), bars) in zip(axes, shown, strict=True):
        draw_panel(ax, heading, bars, metric_of(case, key))
        if ax is not axes[0] and [name for name, _ in bars] == first:
            # Named once, on the left.
            ax.set_yticks([])
    return figure


def bars_of(found: Measured, panel: Panel) -> list[tuple[str, float]]:
    case, key, _ = panel
    servers = case_of(case).servers
    middles = [(server, found.middle(case, server, key)) for server in servers]
    return [(server, value) for server, value in middles if value is not None]


def case_of(name: str) -> Case:
    return next(case for case in ALL_CASES if case.name == name)


def metric_of(case: str, key: str) -> Metric:
    return next(metric for metric in case_of(case).metrics if metric.key == key)


def draw_panel(ax: Axes, heading: str, bars: Sequence[tuple[str, float]], metric: Metric) -> None:
    names = [name for name, _ in bars]
    values = [value * metric.scale for _, value in bars]
    colours = [
        OURS if name.startswith(OWN) else LIMIT if name == WRITER else PEER for name in names
    ]
    places = range(len(names))
    ax.barh(places, values, color=colours, height=0.66)
    ax.set_yticks(places, names, fontsize=9, color=INK)
    ax.invert_yaxis()
    ax.set_xlim(0, max(values) * 1.28)
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    better = "less is better" if metric.less_is_better else "more is better"
    ax.set_title(f"{heading}\n", loc="left", fontsize=10, color=INK)
    ax.text(0, 1.02, better, transform=ax.transAxes, fontsize=8, color=FAINT)
    for place, value in zip(places, values, strict=True):
        ax.text(
            value + max(values) * 0.015, place, short(value), va="center", fontsize=9, color=INK
        )


def short(value: float) -> str:
    """Three figures: 12.4 M, 154 k, 3.31."""
    for size, unit in ((1e6, " M"), (1e3, " k"), (1, "")):
        if value >= size:
            scaled = value / size
            return f"{scaled:.{2 if scaled < 10 else 1 if scaled < 100 else 0}f}{unit}"
    return f"{value:.2f}"
