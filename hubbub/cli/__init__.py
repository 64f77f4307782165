"""The command line: every command says what went wrong in a sentence and exits non-zero."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from sqlalchemy.exc import SQLAlchemyError

from hubbub import __version__
from hubbub.cli.options import DATA_DIR
from hubbub.kernel.database import Database
from hubbub.kernel.errors import Problem
from hubbub.kernel.kernel import Kernel
from hubbub.kernel.postgresql import DatabaseUrlError
from hubbub.migrate import SchemaError, migrate
from hubbub.settings import (
    Settings,
    SettingsError,
    load_secrets,
    load_settings,
    prepare_data_dir,
)

T = TypeVar("T")


class Hubbub(click.Group):
    """Turns the errors we foresee into one sentence on standard error and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (SettingsError, DatabaseUrlError, SchemaError, ServeError) as error:
            complain(str(error))
        except Problem as problem:
            complain(problem.detail)
        except SQLAlchemyError as error:
            lines = str(getattr(error, "orig", None) or error).strip().splitlines()
            # With several hosts there is a line for each, behind the last one's own.
            causes = [line for line in lines if line.startswith("- host")] or lines[:1]
            complain("\n".join(["The database cannot be used: " + causes[0], *causes[1:]]))
        sys.exit(1)


def complain(sentence: str) -> None:
    click.secho(sentence, fg="red", err=True)


class ServeError(click.ClickException):
    """The server cannot start; the message says why."""


@click.group(cls=Hubbub, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hubbub")
def main() -> None:
    """Hubbub: a self-hosted workspace where a small company and its clients work together live."""


@main.command()
@click.option("--host", help="Address to listen on (HOST).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 takes a free one (PORT).")
@DATA_DIR
@click.option(
    "--role",
    metavar="ROLES",
    help="What this process does (ROLE): all, or some of api, realtime, jobs with commas; apart only on PostgreSQL.",
)
def serve(host: str | None, port: int | None, data_dir: Path | None, role: str | None) -> None:
    """Run Hubbub: API, sockets, background work and the browser client in one process."""
    from hubbub.cli.serve import run_server

    run_server(load_settings(host=host, port=port, data_dir=data_dir, role=role))


@main.command(name="migrate")
@DATA_DIR
@click.option("--to", "revision", default="head", help="Schema version to go to.")
def migrate_schema(data_dir: Path | None, revision: str) -> None:
    """Bring the database's schema up to date. Safe to run at any time, and by several at once."""
    settings = load_settings(data_dir=data_dir)
    database = open_database(settings)
    try:
        before, after = migrate(database, revision)
    finally:
        database.close()
    if before == after:
        click.echo(f"The schema is at {after} already.")
    else:
        click.echo(f"The schema went from {before or 'nothing'} to {after}.")


@main.command(name="settings")
@DATA_DIR
def show_settings(data_dir: Path | None) -> None:
    """Print the settings in force, with secrets redacted."""
    from rich.console import Console
    from rich.table import Table

    settings = load_settings(data_dir=data_dir)
    table = Table("variable", "value", "what it is", box=None, pad_edge=False)
    for name, field in Settings.model_fields.items():
        value = redact(name, getattr(settings, name))
        table.add_row(name.upper(), value, field.description or "")
    Console().print(table, highlight=False, markup=False)


def redact(name: str, value: Any) -> str:
    if hasattr(value, "get_secret_value"):
        return "(set)" if value.get_secret_value() else "(not set)"
    if name.endswith("_url") and "@" in str(value):
        scheme, _, rest = str(value).partition("://")
        user, _, place = rest.rpartition("@")
        return f"{scheme}://{user.partition(':')[0]}:***@{place}"
    if isinstance(value, tuple):
        return ", ".join(value)
    return "" if value is None else str(value)


@main.group()
def user() -> None:
    """People: add an account, set a password."""


ROLES = click.Choice(["owner", "admin", "member", "client"])


@user.command(name="add")
@click.argument("email")
@click.option("--name", required=True, help="The name others see.")
@click.option("--role", type=ROLES, default="member", show_default=True)
@click.password_option(help="Asked for when not given.")
@DATA_DIR
def add_user(email: str, name: str, role: str, password: str, data_dir: Path | None) -> None:
    """Add an account. The first one creates the workspace and owns it."""
    from hubbub.people.service.accounts import add_account

    async def work(kernel: Kernel) -> dict[str, Any]:
        return await add_account(kernel, name=name, email=email, password=password, role=role)

    person = run_with_kernel(data_dir, work)
    click.echo(f"{person['name']} may sign in as {person['role']}.")


@user.command(name="password")
@click.argument("email")
@click.password_option(help="Asked for when not given.")
@DATA_DIR
def set_password(email: str, password: str, data_dir: Path | None) -> None:
    """Set somebody's password and end all their sessions."""
    from hubbub.people.service.accounts import reset_password

    async def work(kernel: Kernel) -> None:
        await reset_password(kernel, email=email, password=password)

    run_with_kernel(data_dir, work)
    click.echo("The password is set, and every session of the account has ended.")


@main.group()
def sample() -> None:
    """The sample workspace: people, rooms and a conversation to look around in."""


@sample.command(name="add")
@DATA_DIR
def add_sample(data_dir: Path | None) -> None:
    """Add the sample workspace beside what is there."""
    from hubbub.kernel.caller import SYSTEM
    from hubbub.sample.service import add_sample

    run_with_kernel(data_dir, lambda kernel: kernel.write(add_sample, SYSTEM))
    click.echo("The sample workspace is there. `hubbub sample remove` takes it away.")


@sample.command(name="remove")
@DATA_DIR
def remove_sample(data_dir: Path | None) -> None:
    """Remove the sample workspace and nothing else."""
    from hubbub.kernel.caller import SYSTEM
    from hubbub.sample.service import remove_sample

    run_with_kernel(data_dir, lambda kernel: kernel.write(remove_sample, SYSTEM))
    click.echo("The sample workspace is gone.")


def open_database(settings: Settings) -> Database:
    """Opens the database. Raises DatabaseUrlError or SettingsError."""
    if not settings.database_url:
        prepare_data_dir(settings.data_dir)
    return Database(settings.database, readers=2)


def run_with_kernel(data_dir: Path | None, work: Callable[[Kernel], Awaitable[T]]) -> T:
    """Migrates, then runs `work` with a kernel of its own and closes it. Raises what `work` raises."""
    from hubbub.chat.events import register_hooks

    settings = load_settings(data_dir=data_dir)
    database = open_database(settings)
    migrate(database)
    database.close()
    register_hooks()

    async def run() -> T:
        kernel = Kernel(settings, load_secrets(settings))
        try:
            return await work(kernel)
        finally:
            await kernel.close()

    return asyncio.run(run())


# Last: they are made of what is above.
from hubbub.cli.fleet import fleet  # noqa: E402
from hubbub.cli.imports import imports  # noqa: E402
from hubbub.cli.jobs import jobs  # noqa: E402
from hubbub.cli.relay import relay  # noqa: E402
from hubbub.cli.smoke import smoke  # noqa: E402

main.add_command(fleet)
main.add_command(imports)
main.add_command(jobs)
main.add_command(relay)
main.add_command(smoke)
