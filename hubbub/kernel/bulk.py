"""Statements over many rows at once, on the driver itself: the one place where the two databases' drivers differ.

PostgreSQL gets one array for each column, so the text of a statement is always the same and is parsed and planned
once; several statements share one round trip. SQLite gets the rows of an insert one by one (its driver repeats the
prepared statement in C), and those of anything else as one JSON array.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
from sqlalchemy import BigInteger, Connection, Integer, Table
from sqlalchemy.exc import DataError, DBAPIError

from hubbub.kernel.postgresql import says_lost

Rows = Sequence[Sequence[Any]]


class Statement:
    """SQL that both databases understand, over rows given as `{given}`, a table of that name.

    `columns` are the names of the given columns, those of whole numbers with a `#` in front. A lookup joins with
    CROSS JOIN and WHERE: SQLite then looks up each given row, whatever it knows of the tables.
    `{for_update}` locks rows where that is needed: SQLite's writing transaction is alone. A plan is kept unless
    `replan` says that the best one changes as the tables grow.
    """

    def __init__(self, text: str, *columns: str, replan: bool = False) -> None:
        self.replan = replan
        names = [column.lstrip("#") for column in columns]
        arrays = ["%s::bigint[]" if column[0] == "#" else "%s::text[]" for column in columns]
        unnested = f"unnest({', '.join(arrays)}) AS given({', '.join(names)})"
        self.postgresql = text.format(given=unnested, for_update="FOR UPDATE")
        parts = [f"json_extract(value, '$[{place}]') AS {name}" for place, name in enumerate(names)]
        unpacked = f"(SELECT {', '.join(parts)} FROM json_each(?)) AS given"  # noqa: S608 - the names are ours
        self.sqlite = text.format(given=unpacked, for_update="")

    def run_sqlite(self, cursor: Any, rows: Rows) -> None:
        cursor.execute(self.sqlite, (orjson.dumps(rows).decode(),))

    def run_postgresql(self, cursor: Any, rows: Rows) -> None:
        cursor.execute(self.postgresql, to_arrays(rows), prepare=not self.replan)


class Insert(Statement):
    """Inserts the given rows; their values stand in the order of `names`."""

    def __init__(self, table: Table, *names: str) -> None:
        columns = [table.c[name] for name in names]
        quoted = ", ".join(f'"{name}"' for name in names)
        super().__init__(
            f'INSERT INTO "{table.name}" ({quoted}) SELECT * FROM {{given}}',  # noqa: S608
            *(
                f"#given_{column.name}"
                if isinstance(column.type, BigInteger | Integer)
                else f"given_{column.name}"
                for column in columns
            ),
        )
        marks = ", ".join("?" for _ in names)
        self.sqlite = f'INSERT INTO "{table.name}" ({quoted}) VALUES ({marks})'  # noqa: S608

    def run_sqlite(self, cursor: Any, rows: Rows) -> None:
        cursor.executemany(self.sqlite, rows)


def to_arrays(rows: Rows) -> list[str]:
    """The columns of the rows as PostgreSQL takes them."""
    return [array_literal(column) for column in zip(*rows, strict=True)]


def array_literal(values: Sequence[Any]) -> str:
    """A PostgreSQL array of texts or of whole numbers, made at once: the driver goes value by value."""
    if isinstance(values[0], int):
        return "{" + str(list(values))[1:-1] + "}"
    if None in values:
        return "{" + ",".join(["NULL" if v is None else quote(v) for v in values]) + "}"
    joined = "\0".join(values)
    if joined.count("\0") != len(values) - 1:
        raise DataError(None, None, ValueError("a text has NUL, which PostgreSQL cannot hold"))
    return "{" + quote(joined).replace("\0", '","') + "}"


def quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def look_up(connection: Connection, lookups: Sequence[tuple[Statement, Rows]]) -> list[list[Any]]:
    """The rows that each statement finds, as tuples; in one round trip. Raises DBAPIError."""
    with driver_errors(connection):
        driver: Any = connection.connection.driver_connection
        if connection.dialect.name == "sqlite":
            found = []
            for statement, rows in lookups:
                cursor = driver.cursor()
                statement.run_sqlite(cursor, rows)
                found.append(cursor.fetchall())
            return found
        cursors = []
        with driver.pipeline():
            for statement, rows in lookups:
                cursor = driver.cursor()
                statement.run_postgresql(cursor, rows)
                cursors.append(cursor)
        return [cursor.fetchall() for cursor in cursors]


def write(
    connection: Connection, changes: Sequence[tuple[Statement, Rows]], *, commit: bool = False
) -> None:
    """Runs statements that do not depend on each other's changes, in one round trip. Raises DBAPIError.

    PostgreSQL gets them as one. `commit` sends its COMMIT along; SQLAlchemy's own then finds nothing left to do.
    """
    with driver_errors(connection):
        driver: Any = connection.connection.driver_connection
        cursor = driver.cursor()
        if connection.dialect.name == "sqlite":
            for statement, rows in changes:
                statement.run_sqlite(cursor, rows)
            return
        with driver.pipeline():
            joined, parameters = join_statements(changes)
            cursor.execute(joined, parameters, prepare=True)
            if commit:
                cursor.execute("COMMIT")


def join_statements(changes: Sequence[tuple[Statement, Rows]]) -> tuple[str, list[str]]:
    """One statement of PostgreSQL that does what several do."""
    *others, last = [statement.postgresql for statement, _ in changes]
    first = ", ".join(f"change{place} AS ({text})" for place, text in enumerate(others))
    parameters = [array for _, rows in changes for array in to_arrays(rows)]
    return (f"WITH {first} {last}" if others else last), parameters


@contextmanager
def driver_errors(connection: Connection) -> Iterator[None]:
    """Raises the driver's errors as SQLAlchemy does; a connection that broke is not used again."""
    base = connection.dialect.loaded_dbapi.Error
    try:
        yield
    except base as error:
        lost = says_lost(error) or connection.dialect.is_disconnect(
            error, connection.connection, None
        )
        if lost:
            connection.invalidate(error)
        raise DBAPIError.instance(
            None, None, error, base, connection_invalidated=lost, dialect=connection.dialect
        ) from error
