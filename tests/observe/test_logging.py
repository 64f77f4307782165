"""What is in a line of the log, and what is not."""

import asyncio
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hubbub.kernel.context import REQUEST, TRACE
from hubbub.observe.logging import LONGEST_LINE, Logs, Origin, configure_logging
from hubbub.observe.requests import RequestLog, level_of
from tests.support.server import ServerProcess

ORIGIN = Origin("blue-1", "machine", "r7")
SECRET = "s3cr3t-Va1ue.x9"


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Logs]:
    root = logging.getLogger()
    handlers, level, hook = root.handlers[:], root.level, threading.excepthook
    root.handlers.clear()
    yield configure_logging(
        "info", json=True, directory=tmp_path / "logs", origin=ORIGIN, secrets=["known-secret-1"]
    )
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    threading.excepthook = hook
    logging.captureWarnings(False)


def read(tmp_path: Path, name: str = "combined.log") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (tmp_path / "logs" / name).read_bytes().splitlines()]


def test_a_line_says_when_who_and_in_which_request(logs: Logs, tmp_path: Path) -> None:
    token = REQUEST.set("request-1")
    traced = TRACE.set("abc")
    try:
        logging.getLogger("hubbub.test").info("seen %d", 3, extra={"room": "r1"})
    finally:
        REQUEST.reset(token)
        TRACE.reset(traced)
    (line,) = read(tmp_path)
    time = line.pop("time")
    assert time.endswith("Z")
    assert line == {
        "level": "info",
        "logger": "hubbub.test",
        "event": "seen 3",
        "room": "r1",
        "request_id": "request-1",
        "trace_id": "abc",
        "worker": "blue-1",
        "node": "machine",
        "release": "r7",
    }
    assert not (tmp_path / "logs/error.log").exists()


def test_errors_are_in_both_files_with_their_stack_and_without_secrets(
    logs: Logs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        raise RuntimeError(f"no answer from postgresql://u:{SECRET}@h/d, key known-secret-1")
    except RuntimeError:
        logging.getLogger("hubbub.test").exception(
            "token=%s", SECRET, extra={"headers": {"cookie": SECRET}, "password": SECRET}
        )
    combined, errors = (tmp_path / "logs" / name for name in ("combined.log", "error.log"))
    assert combined.read_bytes() == errors.read_bytes()
    for text in (combined.read_text(), capsys.readouterr().out):
        assert "Va1ue" not in text
        assert "known-secret-1" not in text
    (line,) = read(tmp_path, "error.log")
    assert "test_errors_are_in_both_files" in line["exception"]
    assert line["exception"].endswith("no answer from postgresql://u:***@h/d, key ***")
    assert line["headers"] == {"cookie": "***"}


def test_a_long_line_is_cut_and_still_parses(logs: Logs, tmp_path: Path) -> None:
    logger = logging.getLogger("hubbub.test")
    logger.info("long", extra={"text": "é" * 100_000})
    logger.info("many", extra={f"field{number}": "x" * 3_000 for number in range(50)})

    def deep(left: int) -> None:
        if left:
            deep(left - 1)
        raise ValueError("y" * 30_000 + " the end")

    try:
        deep(100)
    except ValueError:
        logger.exception("stack")
    for line in (tmp_path / "logs/combined.log").read_bytes().splitlines():
        assert len(line) <= LONGEST_LINE
    long, many, stack = read(tmp_path)
    assert long["cut"] > 30_000
    assert "cut" in many
    assert many["event"] == "many"
    assert stack["exception"].startswith("Traceback")
    assert stack["exception"].endswith("the end")


@pytest.mark.parametrize(
    "value", ["\ud800", 2**80, float("nan"), object(), b"\xff\x00", {1: {2, 3}}, [[[[[[[[1]]]]]]]]]
)
def test_anything_can_be_logged(logs: Logs, tmp_path: Path, value: object) -> None:
    logging.getLogger("hubbub.test").info("a\nb \x00 \u2028", extra={"value": value})
    assert len(read(tmp_path)) == 1


def test_a_line_that_cannot_be_formatted_is_named(logs: Logs, tmp_path: Path) -> None:
    class Bad:
        def __str__(self) -> str:
            raise RuntimeError("no")

    # Not through the logger: pytest's own handler would raise.
    assert logs.files is not None
    logs.files.handle(logging.LogRecord("hubbub.test", 20, "", 1, "%s", (Bad(),), None))
    assert "hubbub.test could not be formatted" in read(tmp_path)[0]["event"]


def test_threads_that_end_with_an_error_say_so(logs: Logs, tmp_path: Path) -> None:
    thread = threading.Thread(target=lambda: 1 / 0, name="writer")
    thread.start()
    thread.join()
    (line,) = read(tmp_path)
    assert line["event"] == "thread writer ended"
    assert "ZeroDivisionError" in line["exception"]


def scope(path: str = "/api/rooms", user: str = "u1") -> dict[str, Any]:
    state = {"request_id": "r1", "address": "10.0.0.1", "user": user}
    return {"method": "GET", "path": path, "state": state}


def test_a_request_is_one_line(logs: Logs, tmp_path: Path) -> None:
    async def run() -> None:
        requests = RequestLog(logs)
        requests.observe(scope(), "/api/rooms", 200, 0.01234, 17)
        requests.observe(scope(f"/join/{SECRET}"), "other", 404, 0.001, 5)
        requests.observe(scope("/readyz"), "/readyz", 200, 0.001, 5)
        requests.observe(scope("/socket.io/"), "other", 200, 20.0, 5)
        logging.getLogger("hubbub.test").info("between")
        requests.observe(scope("/\ud800"), "other", 500, 0.001, 5)
        requests.observe(scope(), "/api/rooms", 201, 0.001, 0)
        # The last one is written although nothing else is.
        await asyncio.sleep(0.3)

    asyncio.run(run())
    lines = read(tmp_path)
    assert [line.get("status", line["event"]) for line in lines] == [200, 404, "between", 500, 201]
    assert [line["level"] for line in lines] == ["info", "warning", "info", "error", "info"]
    assert lines[0] | {"time": ""} == {
        "time": "",
        "level": "info",
        "logger": "hubbub.request",
        "event": "request",
        "request_id": "r1",
        "method": "GET",
        "route": "/api/rooms",
        "status": 200,
        "ms": 12.34,
        "bytes": 17,
        "address": "10.0.0.1",
        "user": "u1",
        "worker": "blue-1",
        "node": "machine",
        "release": "r7",
    }
    assert "path" not in lines[0]
    assert lines[1]["path"] == "/join/***"
    assert [line["status"] for line in read(tmp_path, "error.log")] == [500]


def test_levels_of_requests() -> None:
    assert level_of(200, "/api/rooms") == logging.INFO
    assert level_of(404, "/api/rooms") == logging.WARNING
    assert level_of(503, "/api/rooms") == logging.ERROR
    assert level_of(200, "/metrics") == logging.DEBUG
    assert level_of(503, "/readyz") == logging.DEBUG
    assert level_of(500, "/readyz") == logging.ERROR
    assert level_of(400, "/socket.io/") == logging.DEBUG
    assert level_of(503, "/socket.io/") == logging.DEBUG


def test_says_how_many_lines_a_full_disk_took(logs: Logs, tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    combined = tmp_path / "logs/combined.log"
    combined.symlink_to("/dev/full")
    logger = logging.getLogger("hubbub.test")
    for _ in range(3):
        logger.info("nobody reads this")
    combined.unlink()
    logger.info("after")
    assert [line["event"] for line in read(tmp_path)] == ["after", "3 lines could not be written"]


def test_waiting_lines_are_written_when_the_process_ends(tmp_path: Path) -> None:
    program = f"""
import asyncio
from pathlib import Path
from hubbub.observe.logging import Origin, configure_logging
from hubbub.observe.requests import RequestLog
logs = configure_logging("info", json=True, directory=Path({str(tmp_path / "logs")!r}), origin=Origin("w", "n"))
async def run():
    state = {{"request_id": "r1", "address": ""}}
    RequestLog(logs).observe({{"method": "GET", "path": "/x", "state": state}}, "/x", 200, 0.1, 1)
asyncio.run(run())
"""
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, timeout=60)
    assert [line["request_id"] for line in read(tmp_path)] == ["r1"]


def test_a_server_writes_one_line_for_each_request(tmp_path: Path) -> None:
    import httpx2

    (tmp_path / "data").mkdir()
    folder = tmp_path / "logs"
    server = ServerProcess(
        tmp_path / "data",
        LOG_DIR=str(folder),
        NODE_NAME="blue-3",
        WORKER_RELEASE="r9",
        TRUSTED_PROXIES="127.0.0.1",
    )
    try:
        server.start()
        for number in range(20):
            headers = {"x-request-id": f"mine-{number}"}
            httpx2.get(f"{server.url}/api/rooms", headers=headers, timeout=30)
    finally:
        server.close()
    lines = [line for line in read(tmp_path) if line["logger"] == "hubbub.request"]
    assert [line["request_id"] for line in lines] == [f"mine-{number}" for number in range(20)]
    assert {(line["route"], line["status"]) for line in lines} == {("/api/rooms", 401)}
    assert {(line["worker"], line["release"]) for line in lines} == {("blue-3", "r9")}
    assert all(line["bytes"] > 50 and line["ms"] > 0 for line in lines)


def test_a_supervised_server_prints_errors_alone(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    folder = tmp_path / "logs"
    server = ServerProcess(
        tmp_path / "data",
        LOG_DIR=str(folder),
        WORKER_HEARTBEAT=str(tmp_path / "nobody.sock"),
        WORKER_GRACE_SECONDS="5",
    )
    try:
        server.start()
    finally:
        server.close()
    assert "Hubbub is up" not in (tmp_path / "data.log").read_text()
    assert any(line["event"] == "Hubbub is up" for line in read(tmp_path))
