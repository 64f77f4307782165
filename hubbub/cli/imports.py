"""`hubbub import`: brings in what was kept elsewhere."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hubbub.cli.options import DATA_DIR
from hubbub.kernel.errors import Problem
from hubbub.kernel.kernel import Kernel

if TYPE_CHECKING:
    from hubbub.boards.trello.comparing import Counts
    from hubbub.boards.trello.export import Export
    from hubbub.boards.trello.people import Match
    from hubbub.boards.trello.pieces import Kind

KINDS: "dict[Kind, str]" = {
    "member": "members",
    "label": "labels",
    "list": "lists",
    "task": "tasks",
    "item": "checklist items",
    "comment": "comments",
}
MOST_REFUSED = 20
WIDEST = 2_000


@click.group(name="import")
def imports() -> None:
    """Bring in what was kept elsewhere."""


def read_mapping(
    _context: click.Context, _parameter: click.Parameter, given: Sequence[str]
) -> dict[str, str]:
    mapping = {}
    for pair in given:
        username, sign, email = pair.partition("=")
        if not (username and sign and email):
            raise click.BadParameter(f"{pair}: give trello-username=email.")
        mapping[username] = email
    return mapping


@imports.command()
@click.argument(
    "file", metavar="BOARD.json", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--as", "email", metavar="EMAIL", help="Whose board it is; else the first owner's.")
@click.option(
    "--map",
    "mapping",
    metavar="USERNAME=EMAIL",
    multiple=True,
    callback=read_mapping,
    help="Who somebody of Trello is here; may be given several times. Others are found by equal names.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and write nothing.")
@DATA_DIR
def trello(
    file: Path, email: str | None, mapping: Mapping[str, str], dry_run: bool, data_dir: Path | None
) -> None:
    """Bring in a board from Trello's export, or what is new in a newer export of it.

    Safe beside a running server, and to be started again at any time: nothing is made twice.
    """
    from hubbub.boards.trello.export import read_export
    from hubbub.cli import run_with_kernel

    export = read_export(file)

    async def work(kernel: Kernel) -> None:
        await import_board(kernel, export, email, mapping, dry_run=dry_run)

    run_with_kernel(data_dir, work)


async def import_board(
    kernel: Kernel,
    export: "Export",
    email: str | None,
    mapping: Mapping[str, str],
    *,
    dry_run: bool,
) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from hubbub.boards.trello.comparing import compare, read_people
    from hubbub.boards.trello.plan import plan_board
    from hubbub.boards.trello.running import run_import

    caller, shown_to, people = await kernel.read(read_people, export, email, mapping)
    plan = plan_board(export, people, shown_to)
    comparison = await kernel.read(compare, plan)
    counts, refused = comparison.counts, list[str]()
    if comparison.due and not dry_run:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=Console(stderr=True)) as progress:
            bar = progress.add_task("Importing", total=comparison.pieces)
            try:
                done = await run_import(
                    kernel, caller, plan, comparison, lambda count: progress.advance(bar, count)
                )
            except Problem as problem:
                raise click.ClickException(
                    f"{problem.detail} Start the import again: it goes on from there."
                ) from None
        counts, refused = done.counts, done.refused
    if dry_run:
        click.echo("Nothing was written. This is what would be done.")
    report(plan.board.name, counts, people, plan.notes, refused)


def report(
    name: str,
    counts: "Counts",
    people: "Mapping[str, Match]",
    notes: Sequence[str],
    refused: Sequence[str],
) -> None:
    """Prints what was brought in, who is who, and what is not as it was in Trello."""
    from rich.console import Console
    from rich.table import Table

    table = Table(name, "new", "changed", "as before", box=None, pad_edge=False)
    for kind, title in KINDS.items():
        table.add_row(title, *(str(count) for count in counts[kind]))
    # As wide as it must be: what is piped into another program is not cut.
    Console(width=WIDEST, soft_wrap=True).print(table, highlight=False, markup=False, crop=False)
    matched = [f"{one.shown} is {one.name} ({one.how})" for one in people.values() if one.user]
    lists = (
        ("People", matched),
        ("Not as it was in Trello", notes),
        ("Not changed, because it was changed here", refused[:MOST_REFUSED]),
    )
    for title, lines in lists:
        if lines:
            click.echo("\n".join(["", f"{title}:", *(f"- {line}" for line in lines)]))
    if len(refused) > MOST_REFUSED:
        click.echo(f"- and {len(refused) - MOST_REFUSED} more")
