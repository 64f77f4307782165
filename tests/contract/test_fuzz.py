"""Whatever is sent to any route, the answer is never a server error, and errors are problem documents."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.result import Ok

from tests.support.server import ServerProcess

EXAMPLES = int(os.environ.get("HUBBUB_FUZZ_EXAMPLES", "12"))
PASSWORD = "a long enough passphrase"

# Ending one's own session or password would end the run's own access.
LEFT_OUT = {"/api/auth/sessions/{session}", "/api/auth/password"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder: Path = tmp_path_factory.mktemp("fuzz")
    process = ServerProcess(folder / "data")
    process.start()
    yield process
    process.close()


def test_no_input_is_a_server_error(server: ServerProcess) -> None:
    signed = httpx2.post(
        f"{server.url}/api/auth/signup",
        json={"name": "Olga Owner", "email": "owner@example.com", "password": PASSWORD},
        timeout=60,
    ).json()
    headers = {"Authorization": f"Bearer {signed['access_token']}"}
    schema = schemathesis.openapi.from_url(f"{server.url}/api/openapi.json")
    swept = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        if operation.path in LEFT_OUT:
            continue

        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def send(case: schemathesis.Case[Any]) -> None:
            response = case.call(headers=headers)
            assert response.status_code < 500, (
                f"{case.method} {case.formatted_path}: {response.status_code} {response.text}"
            )
            if response.status_code >= 400:
                assert response.headers["content-type"][0] == "application/problem+json"

        send()
        swept += 1
    assert swept > 40
