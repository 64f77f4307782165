"""Workers that come, go, drain and die behind either proxy, and what their clients notice."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest

from tests.fleet.proxy.site import (
    DRIVERS,
    SECONDS,
    Site,
    Socket,
    eventually,
    running_proxy,
    running_site,
    wait,
)

pytestmark = pytest.mark.anyio
POLL = "/socket.io/?EIO=4&transport=polling"


@pytest.fixture(params=DRIVERS)
def driver(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def site(driver: str) -> AsyncIterator[Site]:
    async with running_site(driver, 2, tls=False) as site:
        yield site


async def names(site: Site, count: int = 12) -> set[str]:
    """Who answers so many new clients."""
    async with httpx2.AsyncClient(
        base_url=site.url, timeout=SECONDS, limits=httpx2.Limits(max_keepalive_connections=0)
    ) as client:
        answers = await asyncio.gather(*(client.get("/") for _ in range(count)))
    assert {answer.status_code for answer in answers} == {200}
    return {answer.json()["name"] for answer in answers}


async def open_sockets(site: Site, count: int) -> list[Socket]:
    sockets: list[Socket] = []
    for _ in range(count):
        sockets.append(await site.websocket())
        assert sockets[-1].status == 101
    return sockets


async def alive(sockets: list[Socket]) -> int:
    return sum(await asyncio.gather(*(socket.echoes() for socket in sockets)))


@asynccontextmanager
async def closing(sockets: list[Socket]) -> AsyncIterator[list[Socket]]:
    try:
        yield sockets
    finally:
        for socket in sockets:
            socket.close()


async def test_shows_adds_and_removes_without_ending_a_socket(site: Site) -> None:
    async with closing(await open_sockets(site, 10)) as sockets:
        assert await names(site) == {"blue-1", "blue-2"}
        site.start_backend(3)
        await site.proxy.show(site.shown("blue-3"))
        assert await names(site) == {"blue-3"}
        assert await alive(sockets) == 10
        await site.proxy.show(site.shown("blue-1", "blue-2", "blue-3"))
        # The new one has fewer: it is first in turn.
        sockets += await open_sockets(site, 14)
        assert len({socket.worker for socket in sockets[10:]}) == 3
        await site.proxy.show(site.shown("blue-1", drained=["blue-2"]))
        assert await names(site) == {"blue-1"}
        assert await alive(sockets) == 24


async def test_a_reload_keeps_sockets_and_who_is_drained(site: Site) -> None:
    await site.proxy.show(site.shown("blue-1", "blue-2"))
    async with closing(await open_sockets(site, 50)) as sockets:
        await site.proxy.show(site.shown("blue-1", drained=["blue-2"]))
        await site.proxy.reload()
        assert await names(site) == {"blue-1"}
        assert await alive(sockets) == 50
        await site.proxy.reload()
        assert await names(site) == {"blue-1"}
        await site.proxy.show(site.shown("blue-1", "blue-2"))
        assert await names(site) == {"blue-1", "blue-2"}
        assert await alive(sockets) == 50


async def test_requests_go_on_during_reloads(site: Site) -> None:
    failures: list[object] = []
    asked = 0
    over = asyncio.Event()

    async def load() -> None:
        nonlocal asked
        async with httpx2.AsyncClient(
            base_url=site.url, timeout=SECONDS, limits=httpx2.Limits(max_keepalive_connections=0)
        ) as client:
            while not over.is_set():
                try:
                    answer = await client.get("/")
                    if answer.status_code != 200:
                        failures.append(answer.status_code)
                except httpx2.TransportError as error:
                    failures.append(repr(error))
                asked += 1

    loops = [asyncio.create_task(load()) for _ in range(4)]
    for _ in range(2):
        await site.proxy.reload()
        await site.proxy.show(site.shown("blue-1"))
        await site.proxy.show(site.shown("blue-1", "blue-2"))
        # Both before the next reload and after it somebody asks.
        enough = asked + 10
        while asked < enough:
            await asyncio.sleep(0.01)
    over.set()
    await asyncio.gather(*loops)
    assert failures == []


async def test_spreads_sockets_evenly(driver: str) -> None:
    async with (
        running_site(driver, 4, tls=False) as site,
        closing(await open_sockets(site, 400)) as sockets,
    ):
        counts = Counter(socket.worker for socket in sockets)
    assert len(counts) == 4
    assert max(counts.values()) / min(counts.values()) <= 1.05


async def test_polling_stays_with_its_worker_and_falls_over(site: Site) -> None:
    async with site.client() as client:
        first = await client.get(POLL)
        cookie = first.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
        assert "path=/socket.io/" in cookie
        assert "secure" not in cookie
        name = first.json()["name"]
        answers = [await client.get(f"{POLL}&sid=a") for _ in range(50)]
        answers += [await client.post(f"{POLL}&sid=a", content=b"x") for _ in range(50)]
        assert {answer.json()["name"] for answer in answers} == {name}
        assert not any("set-cookie" in answer.headers for answer in answers)
        socket = await site.websocket(
            "/socket.io/?EIO=4&transport=websocket&sid=a",
            Cookie=first.headers["set-cookie"].partition(";")[0],
        )
        assert socket.worker == name
        socket.close()
        site.kill(name)
        after = {(await client.get(f"{POLL}&sid=a")).json()["name"] for _ in range(10)}
        assert after == {"blue-1", "blue-2"} - {name}
    assert "set-cookie" not in (await plain(site, "/")).headers


async def plain(site: Site, path: str, **headers: str) -> httpx2.Response:
    async with site.client() as client:
        return await client.get(path, headers=headers)


async def test_a_cookie_does_not_hold_websockets(site: Site) -> None:
    async with site.client() as client:
        cookie = (await client.get(POLL)).headers["set-cookie"].partition(";")[0]
    sockets = [await site.websocket(Cookie=cookie) for _ in range(10)]
    async with closing(sockets):
        assert {socket.worker for socket in sockets} == {"blue-1", "blue-2"}


async def test_polling_reaches_a_drained_worker(site: Site) -> None:
    async with site.client() as client:
        name = (await client.get(POLL)).json()["name"]
        (other,) = {"blue-1", "blue-2"} - {name}
        site.backends[name].send_signal(signal.SIGUSR1)
        await site.proxy.show(site.shown(other, drained=[name]))
        for _ in range(3):
            # Longer than two checks take to notice that it is not ready.
            await asyncio.sleep(0.4)
            assert (await client.get(f"{POLL}&sid=a")).json()["name"] == name
            await site.proxy.reload()
            assert (await client.get(f"{POLL}&sid=a")).json()["name"] == name
        # Whoever begins anew does so elsewhere, whatever cookie it has.
        assert (await client.get(POLL)).json()["name"] == other
    assert await names(site) == {other}


async def test_polling_by_address_leaves_a_drained_worker(driver: str) -> None:
    async with running_site(driver, 2, tls=False, stickiness="address") as site:
        name = (await plain(site, POLL)).json()["name"]
        (other,) = {"blue-1", "blue-2"} - {name}
        await site.proxy.show(site.shown(other, drained=[name]))
        assert (await plain(site, POLL)).json()["name"] == other


async def test_polling_stays_by_address(driver: str) -> None:
    async with running_site(driver, 2, tls=False, stickiness="address") as site:
        found = {(await plain(site, f"{POLL}&sid=a")).json()["name"] for _ in range(100)}
        assert len(found) == 1
        await site.proxy.reload()
        assert {(await plain(site, f"{POLL}&sid=a")).json()["name"] for _ in range(20)} == found
        sockets = [await site.websocket() for _ in range(6)]
        async with closing(sockets):
            assert len({socket.worker for socket in sockets}) == 2
        site.kill(found.pop())
        after = {(await plain(site, f"{POLL}&sid=a")).json()["name"] for _ in range(10)}
        assert len(after) == 1


async def test_a_killed_worker_costs_no_request(site: Site) -> None:
    site.kill("blue-1")
    assert await names(site, 20) == {"blue-2"}


async def test_repeats_only_what_is_safe_to_repeat(site: Site) -> None:
    # The one that reads it dies; with whom it is tried again would die as well.
    async with site.client() as client:
        answer = await client.post("/die", content=b"x")
        assert answer.status_code == 502
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert [post["path"] for post in site.posts()] == ["/die"]
    assert len(await names(site)) == 1


async def test_nobody_ready_is_said_so(site: Site) -> None:
    await site.proxy.show([])
    answer = await plain(site, "/api/me")
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["x-frame-options"] == "DENY"
    page = await plain(site, "/room/1", Accept="text/html,*/*")
    assert page.status_code == 503
    assert page.headers["content-type"].startswith("text/html")
    assert int(page.headers["retry-after"]) >= 1
    await site.proxy.show(site.shown("blue-1"))
    assert await names(site) == {"blue-1"}


async def test_started_again_it_shows_the_same(site: Site) -> None:
    site.start_backend(3)
    await site.proxy.show(site.shown("blue-3"))
    site.process.kill()
    site.process.wait()
    with running_proxy(site):
        if site.settings.proxy.driver == "nginx":
            # Until then it is the dead one's workers that answer.
            told = site.settings.directory / "proxy" / "nginx.pid"
            wait(lambda: told.read_text().strip() == str(site.process.pid), "nginx")
        await eventually(site.proxy.ready)
        assert await names(site) == {"blue-3"}


async def test_leaves_a_worker_that_is_not_ready(site: Site) -> None:
    if site.settings.proxy.driver == "nginx":
        pytest.skip("nginx asks nobody whether it is ready: the supervisor does")
    site.backends["blue-1"].send_signal(signal.SIGUSR1)

    async def left() -> bool:
        return await names(site) == {"blue-2"}

    await eventually(left)
    site.backends["blue-1"].send_signal(signal.SIGHUP)

    async def back() -> bool:
        return await names(site) == {"blue-1", "blue-2"}

    await eventually(back)
