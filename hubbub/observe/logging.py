"""Structured logs: one JSON object a line in production, a readable line elsewhere."""

import logging
import logging.handlers
import sys
from pathlib import Path
from typing import Any

import structlog

LARGEST_FILE = 50_000_000
KEPT_FILES = 10

SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure_logging(level: str, *, json: bool, directory: Path | None, node: str) -> None:
    """Sends every logger to standard output, and to combined.log and error.log in `directory`.

    With `json` each line is an object with `timestamp`, `level`, `logger`, `event` and the stack of an exception.
    """

    def name_node(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
        event["node"] = node
        return event

    def formatter(as_json: bool) -> structlog.stdlib.ProcessorFormatter:
        last: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
        if as_json:
            last += [
                name_node,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ]
        else:
            last.append(
                structlog.dev.ConsoleRenderer(
                    colors=sys.stdout.isatty(),
                    # The fancier formatters print local variables, secrets among them.
                    exception_formatter=structlog.dev.plain_traceback,
                )
            )
        return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=SHARED, processors=last)

    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stdout)]
    handlers[0].setFormatter(formatter(json))
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
        for name, lowest in (("combined.log", logging.DEBUG), ("error.log", logging.ERROR)):
            file = logging.handlers.RotatingFileHandler(
                directory / name, maxBytes=LARGEST_FILE, backupCount=KEPT_FILES, encoding="utf-8"
            )
            file.setLevel(lowest)
            file.setFormatter(formatter(True))
            handlers.append(file)
    logging.basicConfig(level=level.upper(), handlers=handlers, force=True)
    # Requests are logged once, by our own edge, with their id and outcome.
    logging.getLogger("uvicorn.access").disabled = True
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
