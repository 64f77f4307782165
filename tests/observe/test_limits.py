"""The limits on sockets as an operator sets them, and what they show of them: a real process."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from hubbub.client import Client
from tests.gateway.support import RawSocket
from tests.support.server import ServerProcess

pytestmark = pytest.mark.anyio

POLLING = "/socket.io/?EIO=4&transport=polling"
PASSWORD = "correct horse battery"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    process = ServerProcess(
        tmp_path / "data",
        RATE_LIMITS="true",
        TRUSTED_PROXIES="127.0.0.1",
        MAX_SOCKETS_PER_ADDRESS="2",
        CONNECTS_PER_ADDRESS="1",
        MAX_SOCKETS="12",
    )
    process.start()
    yield process
    process.close()


async def test_sockets_of_one_address_and_of_the_node(server: ServerProcess) -> None:
    async with httpx2.AsyncClient(base_url=server.url) as http:

        async def connect(address: str) -> httpx2.Response:
            return await http.get(POLLING, headers={"X-Forwarded-For": address})

        # What a client claims itself does not count, what the trusted proxy says does.
        assert (await connect("203.0.113.9, 192.0.2.1")).status_code == 200
        assert (await connect("203.0.113.8, 192.0.2.1")).status_code == 200
        answer = await connect("203.0.113.7, 192.0.2.1")
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")
        async with await RawSocket.dial(server.port) as raw:
            status, headers = await raw.upgrade(
                "/socket.io/?EIO=4&transport=websocket", x_forwarded_for="192.0.2.1"
            )
            assert (status, headers["retry-after"]) == (429, "5")

        # Come and gone, ten times at once and then once a second.
        statuses = []
        for _ in range(40):
            answer = await connect("192.0.2.2")
            statuses.append(answer.status_code)
            if answer.status_code != 200:
                break
            sid = answer.text.split('"sid":"')[1].split('"')[0]
            await http.post(f"{POLLING}&sid={sid}", content=b"1")
        assert len(statuses) > 10
        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "1"

        for place in range(3, 8):
            for _ in range(2):
                assert (await connect(f"192.0.2.{place}")).status_code == 200
        answer = await connect("192.0.2.8")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")

        lines = (await http.get("/metrics")).text.splitlines()
        assert 'hubbub_refused_connects_total{reason="address_full"} 2.0' in lines
        assert 'hubbub_refused_connects_total{reason="address_rate"} 1.0' in lines
        assert 'hubbub_refused_connects_total{reason="full"} 1.0' in lines
        assert 'hubbub_refused_connects_total{reason="origin"} 0.0' in lines
        assert "hubbub_socket_sessions 12.0" in lines


async def test_what_the_operator_sees(server: ServerProcess) -> None:
    owner = Client(server.url)
    await owner.sign_up("Owner", "owner@example.com", PASSWORD)
    await owner.follow({owner.me["id"]: None})
    await owner.request("POST", "/api/rooms", {"name": "Project", "kind": "private", "members": []})
    async with httpx2.AsyncClient(base_url=server.url) as http:
        health = (await http.get("/health")).json()
        metrics = (await http.get("/metrics")).text
    assert health["loop_lag"]["max"] >= health["loop_lag"]["mean"] >= 0
    for name in (
        "loop_lag_max_seconds",
        "loop_lag_mean_seconds",
        "sockets",
        "socket_rooms",
        "deliveries_total",
        "socket_bytes_sent_total",
        "slow_closes_total",
        "flood_closes_total",
    ):
        assert f"\nhubbub_{name} " in metrics
    stats = await owner.request("GET", "/api/socket/stats")
    (node,) = stats["nodes"]
    assert node.pop("node")
    assert node.pop("id")
    assert node.pop("roles") == "all"
    assert node.pop("process")["memory"] > 1_000_000
    assert stats["total"].pop("nodes") == 1
    assert stats["total"] == node
    assert node["sockets"] == node["sessions"] == node["online"] == node["active"] == 1
    assert node["bytes_sent"] > 0
    assert node["refused_connects"]["full"] == 0
    await owner.close()
