"""Options that several commands have."""

from pathlib import Path

import click

DATA_DIR = click.option(
    "--data-dir", type=click.Path(path_type=Path), help="Where the data lives (DATA_DIR)."
)
