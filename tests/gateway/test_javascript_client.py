"""The stock JavaScript client, from the npm registry, against the gateway."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hubbub.gateway import ConnectRefused, Gateway, Socket
from tests.gateway.support import PATIENCE, serving
from tests.support.javascript import FOLDER, ensure_node

pytestmark = pytest.mark.anyio

TRANSPORTS = ["websocket", "polling", "polling,websocket"]


@pytest.fixture(scope="session")
def node() -> str:
    return ensure_node()


async def run(node: str, scenario: str, port: int, transports: str) -> None:
    process = await asyncio.create_subprocess_exec(
        node,
        str(FOLDER / "run.mjs"),
        scenario,
        f"http://127.0.0.1:{port}",
        transports,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 0, errors.decode()


@pytest.mark.parametrize("transports", TRANSPORTS)
@pytest.mark.parametrize(
    "scenario",
    ["auth", "events", "order", "acks", "binary", "large", "namespaces", "rooms", "heartbeat"],
)
async def test_with_the_echo_application(
    node: str, echo_port: int, scenario: str, transports: str
) -> None:
    await run(node, scenario, echo_port, transports)


@pytest.fixture
async def port() -> AsyncIterator[int]:
    gateway = Gateway(max_send_buffer=2_000_000)
    main, door = gateway.namespace(), gateway.namespace("/door")

    @door.on_connect
    def connect(_socket: Socket, auth: dict[str, Any]) -> None:
        if auth["token"] != "good":
            raise ConnectRefused("not you", {"code": 7})

    @main.on("ask me")
    async def ask(socket: Socket, value: int) -> str:
        number, data = await socket.call("question", value, timeout=PATIENCE)
        return f"{number} {data.hex()}"

    @main.on("throw me out")
    def throw_out(socket: Socket) -> None:
        socket.disconnect()

    @main.on("flood me")
    def flood(socket: Socket) -> None:
        for _ in range(200):
            socket.emit("water", "x" * 100_000)

    counting: dict[Socket, asyncio.Task[int]] = {}

    async def count(socket: Socket) -> int:
        number = 0
        while socket not in stopped:
            socket.emit("n", number)
            number += 1
            await asyncio.sleep(0)
            if number % 50 == 0:
                await asyncio.sleep(0.001)
        return number

    stopped: set[Socket] = set()

    @main.on_connect
    def start(socket: Socket, _auth: Any) -> None:
        counting[socket] = asyncio.get_running_loop().create_task(count(socket))

    @main.on("stop counting")
    async def stop(socket: Socket) -> int:
        stopped.add(socket)
        return await counting[socket]

    @main.on_disconnect
    def leave(socket: Socket, _reason: str) -> None:
        stopped.add(socket)

    async with serving(gateway) as served:
        yield served.port


@pytest.mark.parametrize("transports", TRANSPORTS)
@pytest.mark.parametrize("scenario", ["refused", "called", "thrown_out", "slow"])
async def test_with_an_application(node: str, port: int, scenario: str, transports: str) -> None:
    await run(node, scenario, port, transports)


async def test_nothing_is_lost_by_an_upgrade_under_fire(node: str, port: int) -> None:
    await run(node, "upgrade_under_fire", port, "polling,websocket")
