"""Traces and errors go where they are told to, whole and without secrets; otherwise their libraries are not loaded."""

import asyncio
import gzip
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from hubbub.client import Client
from tests.servers import free_port
from tests.support.server import ServerProcess

SECRET = "s3cr3t-Va1ue.x9"
PASSWORD = "correct horse battery"
CREDENTIALS = {"email": "ada@example.com", "password": PASSWORD}


class Collector:
    """A local place that takes whatever is posted to it."""

    def __init__(self) -> None:
        bodies: list[tuple[str, dict[str, str], bytes]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                headers = {name.lower(): value for name, value in self.headers.items()}
                bodies.append((self.path, headers, body))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.bodies = bodies
        self.port = free_port()
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def spans(self) -> list[Any]:
        found = []
        for _, _, body in self.bodies:
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                found += [span for scope in resource.scope_spans for span in scope.spans]
        return found

    def events(self) -> list[dict[str, Any]]:
        """Those in Sentry's envelopes: a header, then for each item its header and its payload, by lines."""
        found = []
        for _, _, body in self.bodies:
            lines = body.split(b"\n")[1:]
            for head, payload in zip(lines[::2], lines[1::2], strict=False):
                if head and json.loads(head)["type"] == "event":
                    found.append(json.loads(payload))
        return found


@pytest.fixture
def collector() -> Iterator[Collector]:
    one = Collector()
    yield one
    one.close()


def attributes(span: Any) -> dict[str, Any]:
    return {
        item.key: getattr(item.value, item.value.WhichOneof("value")) for item in span.attributes
    }


@pytest.mark.anyio
async def test_a_request_is_traced_to_its_delivery(collector: Collector, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    folder = tmp_path / "logs"
    server = ServerProcess(
        tmp_path / "data",
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.port}",
        LOG_DIR=str(folder),
        NODE_NAME="blue-1",
        TRUSTED_PROXIES="127.0.0.1",
        SIGNUP_OPEN="true",
    )
    parent = "4bf92f3577b34da6a3ce929d0e0e4736"
    try:
        server.start()
        async with Client(server.url) as ada:
            await ada.sign_up("Ada", "ada@example.com", PASSWORD)
            room = (await ada.request("POST", "/api/rooms", {"kind": "open", "name": "Traced"}))[
                "id"
            ]
            await ada.follow({room: None})
            await ada.post(room, "by socket")
            token = (await ada.request("POST", "/api/auth/login", CREDENTIALS))["access_token"]
            headers = {
                "authorization": f"Bearer {token}",
                "traceparent": f"00-{parent}-00f067aa0ba902b7-01",
                "x-request-id": "traced-1",
            }
            made = httpx2.post(
                f"{server.url}/api/rooms/{room}/messages",
                json={"body": "by HTTP"},
                headers=headers,
                timeout=30,
            )
            assert made.status_code == 201, made.text
            for _ in range(2):
                await asyncio.wait_for(ada.next_entry(), 60)
        httpx2.get(f"{server.url}/join/{SECRET}?token={SECRET}", timeout=30)
    finally:
        # What was not sent yet is sent at the end.
        server.close()
    assert {path for path, _, _ in collector.bodies} == {"/v1/traces"}
    spans = [span for span in collector.spans() if span.trace_id.hex() == parent]
    by_name = {span.name: span for span in spans}
    request = by_name["POST /api/rooms/{room}/messages"]
    assert request.parent_span_id.hex() == "00f067aa0ba902b7"
    assert attributes(request)["http.response.status_code"] == 201
    assert attributes(request)["hubbub.request_id"] == "traced-1"
    command = next(span for span in spans if span.name.startswith("command "))
    assert command.parent_span_id == request.span_id
    assert by_name["transaction"].parent_span_id == command.span_id
    assert by_name["bus publish"].parent_span_id == by_name["transaction"].span_id
    assert by_name["deliver"].parent_span_id == by_name["transaction"].span_id
    assert attributes(by_name["deliver"])["hubbub.stream"] == room
    assert "database read" in by_name
    # What came by a socket begins a trace of its own.
    names = {span.name for span in collector.spans() if span.trace_id.hex() != parent}
    assert {"command message.post", "command room.create", "transaction", "deliver"} <= names
    lines = [json.loads(line) for line in (folder / "combined.log").read_bytes().splitlines()]
    line = next(line for line in lines if line.get("request_id") == "traced-1")
    assert line["trace_id"] == parent
    everything = b"".join(body for _, _, body in collector.bodies)
    for secret in (SECRET, PASSWORD, token):
        assert secret.encode() not in everything
    assert b"/readyz" not in everything


def test_a_collector_that_is_away_holds_nothing_up(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    server = ServerProcess(
        tmp_path / "data", TRACES_URL=f"http://127.0.0.1:{free_port()}", TRACES_SHARE="0.5"
    )
    try:
        server.start()
        for _ in range(20):
            assert httpx2.get(f"{server.url}/api/rooms", timeout=30).status_code == 401
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 20
    finally:
        server.close()


SEND = """
import logging, sys
from hubbub.kernel.context import REQUEST
from hubbub.observe.logging import Origin, configure_logging
from hubbub.observe.sentry import start_sentry
origin = Origin("blue-1", "m", "r1")
logs = configure_logging("info", json=True, directory=None, origin=origin, secrets=["known-secret-1"])
start_sentry(sys.argv[1], "production", logs.origin, logs.redactor)
REQUEST.set("request-9")
secret = sys.argv[2]
logging.getLogger("hubbub.test").info("before: token=%s", secret)
try:
    raise RuntimeError(f"no answer from postgresql://u:{secret}@h/d, key known-secret-1")
except RuntimeError:
    logging.getLogger("hubbub.test").exception("failed with password=%s", secret, extra={"headers": {"cookie": secret}})
raise SystemExit(0)
"""


def test_errors_go_to_sentry_without_secrets(collector: Collector) -> None:
    dsn = f"http://publickey@127.0.0.1:{collector.port}/42"
    subprocess.run(
        [sys.executable, "-c", SEND, dsn, SECRET], check=True, capture_output=True, timeout=60
    )
    (path, headers, _) = collector.bodies[0]
    assert path == "/api/42/envelope/"
    assert "sentry_key=publickey" in headers["x-sentry-auth"]
    (event,) = collector.events()
    text = json.dumps(event)
    assert "Va1ue" not in text
    assert "known-secret-1" not in text
    (error,) = event["exception"]["values"]
    assert error["value"] == "no answer from postgresql://u:***@h/d, key ***"
    assert error["stacktrace"]["frames"][-1]["function"] == "<module>"
    assert "vars" not in error["stacktrace"]["frames"][-1]
    assert event["tags"] == {"worker": "blue-1", "node": "m", "request_id": "request-9"}
    assert event["release"] == "r1"
    assert event["environment"] == "production"
    assert any(crumb["message"] == "before: token=***" for crumb in event["breadcrumbs"]["values"])


def test_a_malformed_dsn_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    server = ServerProcess(tmp_path / "data", SENTRY_DSN="not an address")
    with pytest.raises(RuntimeError, match="SENTRY_DSN"):
        server.start()
    server.close()


def test_nothing_is_loaded_while_nothing_is_set(tmp_path: Path) -> None:
    program = """
import sys
import hubbub.cli.serve
from hubbub.app import create_app
from hubbub.cli.serve import start_logging, start_reporting
from hubbub.migrate import migrate
from hubbub.cli import open_database
from hubbub.settings import load_settings
settings = load_settings()
logs = start_logging(settings)
database = open_database(settings)
migrate(database)
assert start_reporting(settings, create_app(settings, logs=logs), logs) is None
heavy = {"opentelemetry.sdk", "opentelemetry.exporter", "sentry_sdk", "requests", "google.protobuf"}
print(sorted(heavy & set(sys.modules)))
"""
    environment = {"DATA_DIR": str(tmp_path / "data"), "PATH": "/usr/bin"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
