"""The example does what its first lines say."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import socketio
from socketio.exceptions import ConnectionError as Refused

from tests.gateway.support import PATIENCE
from tests.servers import free_port

pytestmark = pytest.mark.anyio

EXAMPLE = Path(__file__).parents[2] / "examples" / "gateway_chat.py"


@pytest.fixture
def process() -> Iterator[tuple[subprocess.Popen[str], str]]:
    port = free_port()
    command = [sys.executable, str(EXAMPLE), str(port)]
    with subprocess.Popen(command, text=True, stdout=subprocess.PIPE) as running:
        yield running, f"http://127.0.0.1:{port}"
        running.kill()


async def enter(url: str, name: str) -> socketio.AsyncClient:
    client = socketio.AsyncClient(request_timeout=PATIENCE)
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            await client.connect(url, auth={"name": name}, wait_timeout=PATIENCE)
        except Refused:
            if time.monotonic() > deadline:
                raise
            await client.sleep(0.1)
        else:
            return client


async def test_a_chat(process: tuple[subprocess.Popen[str], str]) -> None:
    running, url = process
    ada = await enter(url, "Ada")
    bob = await enter(url, "Bob")
    assert await ada.call("join", "tea") == ["Ada"]
    heard: list[tuple[str, ...]] = []
    ada.on("said", lambda *args: heard.append(args))
    assert await bob.call("join", "tea") == ["Ada", "Bob"]
    await bob.emit("say", ("elsewhere", "nobody hears this"))
    await bob.emit("say", ("tea", "hello"))
    while not heard:
        await ada.sleep(0.01)
    assert heard == [("Bob", "hello")]

    nobody = socketio.AsyncClient(reconnection=False, request_timeout=PATIENCE)
    errors: list[object] = []
    nobody.on("connect_error", errors.append)
    with pytest.raises(Refused):
        await nobody.connect(url, auth={"name": ""}, wait_timeout=PATIENCE)
    assert errors == [{"message": "Tell us your name."}]

    # Both are told to go, and the process stops by itself.
    running.terminate()
    out, _ = await asyncio.to_thread(running.communicate, timeout=PATIENCE)
    assert sorted(out.splitlines()) == [
        "Ada left: server shutting down",
        "Bob left: server shutting down",
    ]
    await ada.shutdown()
    await bob.shutdown()
