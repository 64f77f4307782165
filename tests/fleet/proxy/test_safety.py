"""Limits, slow clients, certificates and static files at either proxy; and the real Hubbub behind it."""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import httpx2
import pytest

from hubbub.fleet.proxy import (
    Backend,
    ProxyError,
    haproxy_configuration,
    nginx_configuration,
)
from hubbub.fleet.proxy.certificates import Certificate
from hubbub.fleet.proxy.common import parse_address
from hubbub.fleet.settings import FleetSettings, ProxySettings
from tests.fleet.proxy.site import DRIVERS, SECONDS, Site, eventually, running_site
from tests.servers import free_port, private_folder
from tests.support.server import ServerProcess

pytestmark = pytest.mark.anyio
DAY = 86_400
IMPATIENT = 3
"""Seconds; enough for a client that does send, on a busy machine."""
Answer = TypeVar("Answer")
FILES = {
    "assets/app-1.js": "let a=1;" * 500,
    "assets/app-1.js.map": "{}",
    "favicon.svg": "<svg/>",
    "index.html": "raw",
}


@pytest.fixture(params=DRIVERS)
def driver(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def code(answer: httpx2.Response) -> int:
    return answer.status_code


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxies' patience is short, but for upgraded connections."""
    for module in (haproxy_configuration, nginx_configuration):
        monkeypatch.setattr(module, "REQUEST_SECONDS", IMPATIENT)
        monkeypatch.setattr(module, "IDLE_SECONDS", IMPATIENT)


async def until_refused(
    ask: Callable[[], Awaitable[Answer]], status: Callable[[Answer], int]
) -> list[Answer]:
    """The answers up to the first 429: a slow machine has more of them in it, since each second forgives some."""
    answers: list[Answer] = []
    async with asyncio.timeout(SECONDS):
        while not answers or status(answers[-1]) != 429:
            answers.append(await ask())
    return answers


async def connect(site: Site) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = site.settings.proxy.http.rpartition(":")
    return await asyncio.open_connection(host, int(port))


async def test_limits_requests_of_an_address(driver: str) -> None:
    async with running_site(driver, 1, tls=False, requests_per_second=2) as site:
        async with site.client() as client:
            answers = await until_refused(lambda: client.get("/api/x"), code)
        # Twenty within ten seconds, whatever the driver makes of that.
        assert len(answers) > 15
        refused = answers[-1]
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.headers["content-type"].startswith("application/problem+json")
        assert refused.json()["request_id"] == refused.headers["x-request-id"]
        assert refused.headers["x-frame-options"] == "DENY"
        transport = httpx2.AsyncHTTPTransport(local_address="127.0.0.3")
        async with httpx2.AsyncClient(base_url=site.url, transport=transport) as other:
            assert (await other.get("/api/x")).status_code == 200


async def test_limits_connections_and_connects_of_an_address(driver: str) -> None:
    async with running_site(driver, 1, tls=False, connections_per_address=5) as site:
        sockets = [await site.websocket() for _ in range(8)]
        assert [socket.status for socket in sockets] == [101] * 5 + [429] * 3
        for socket in sockets:
            socket.close()
    async with running_site(driver, 1, tls=False, connects_per_second=1) as site:
        sockets = await until_refused(site.websocket, lambda socket: socket.status)
        assert sockets[0].status == 101
        assert int(sockets[-1].headers["retry-after"]) >= 1
        async with site.client() as client:
            # Only new sockets are counted.
            assert (await client.get("/")).status_code == 200
            path = "/socket.io/?EIO=4&transport=polling"
            await until_refused(lambda: client.get(path), code)
        for socket in sockets:
            socket.close()


@pytest.mark.usefixtures("impatient")
async def test_ends_slow_clients_and_keeps_idle_sockets(driver: str) -> None:
    async with running_site(driver, 1, tls=False) as site:
        idle = await site.websocket()
        slow = [await connect(site) for _ in range(20)]

        async def dribble(number: int) -> None:
            reader, writer = slow[number]
            head = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
            body = b"POST /slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90\r\n\r\nxxx"
            try:
                if number % 2:
                    # This one sends its body's beginning, and then nothing.
                    writer.write(body)
                    await reader.read()
                else:
                    writer.write(head)
                    # uvloop raises no OSError for a write to a connection that has been reset.
                    while not (reader.at_eof() or writer.is_closing()):
                        writer.write(b"X-More: 1\r\n")
                        await writer.drain()
                        await asyncio.sleep(0.1)
                        with_answer = asyncio.wait_for(reader.read(100), 0.05)
                        try:
                            if not await with_answer:
                                break
                        except TimeoutError:
                            continue
            except OSError:
                pass
            writer.close()

        tasks = [asyncio.create_task(dribble(number)) for number in range(len(slow))]
        async with asyncio.timeout(60), site.client() as client:
            served = 0
            while not all(task.done() for task in tasks):
                assert (await client.get("/")).status_code == 200
                served += 1
                await asyncio.sleep(0.05)
            await asyncio.gather(*tasks)
        assert served > 1
        assert site.posts() == []
        # More than twice as long as anything else may be silent.
        await asyncio.sleep(2.2 * IMPATIENT)
        assert await idle.echoes()
        idle.close()


def issue(folder: Path) -> None:
    """A new certificate, as certbot leaves it."""
    folder.mkdir(exist_ok=True)
    made = Certificate("self-signed", folder / "made")
    text = made.read()
    key = text.index("-----BEGIN PRIVATE")
    (folder / "fullchain.pem").write_text(text[:key])
    (folder / "privkey.pem").write_text(text[key:])
    (folder / "made" / "self-signed.pem").unlink()


async def presented(site: Site) -> bytes:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    host, _, port = site.settings.proxy.https.rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port), ssl=context)
    found: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return found


async def test_takes_over_a_renewed_certificate(driver: str, tmp_path: Path) -> None:
    folder = tmp_path / "live"
    issue(folder)
    async with running_site(driver, 1, certificate=str(folder)) as site:
        assert 85 * DAY < site.proxy.certificate_expires() - time.time() < 91 * DAY
        assert not await site.proxy.renew()
        first = await presented(site)
        socket = await site.websocket()
        issue(folder)
        assert await site.proxy.renew()
        assert not await site.proxy.renew()
        second = await presented(site)
        assert second != first
        assert await socket.echoes()
        await site.proxy.reload()
        assert await presented(site) == second
        assert await socket.echoes()

        (folder / "fullchain.pem").write_text("no certificate")
        with pytest.raises(ProxyError, match="certificate"):
            await site.proxy.renew()
        # A key that is not this certificate's.
        issue(folder)
        chain = (folder / "fullchain.pem").read_text()
        issue(folder)
        (folder / "fullchain.pem").write_text(chain)
        with pytest.raises(ProxyError):
            await site.proxy.renew()
        assert await presented(site) == second
        await site.proxy.reload()
        assert await presented(site) == second
        assert await socket.echoes()
        socket.close()


@pytest.fixture
def built() -> Iterator[Path]:
    """A built client, where anybody may read it: nginx is not root when it does."""
    with private_folder("hubbub-static-", None) as folder:
        folder.chmod(0o755)
        (folder / "assets").mkdir()
        for name, text in FILES.items():
            (folder / name).write_text(text)
        yield folder


@pytest.mark.parametrize(
    ("given", "text", "local"),
    [
        ("127.0.0.1:8080", "127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("0.0.0.0:80", "0.0.0.0:80", ("127.0.0.1", 80)),
        ("[::]:443", "[::]:443", ("::1", 443)),
        ("*:80", "*:80", ("127.0.0.1", 80)),
        ("80", "*:80", ("127.0.0.1", 80)),
    ],
)
def test_reads_addresses(given: str, text: str, local: tuple[str, int]) -> None:
    address = parse_address(given)
    assert (address.text, address.local) == (text, local)


@pytest.mark.parametrize("given", ["", "localhost:80", "127.0.0.1", "127.0.0.1:0", "::1:x"])
def test_refuses_what_is_no_address(given: str) -> None:
    with pytest.raises(ProxyError):
        parse_address(given)


async def test_takes_over_changed_settings(driver: str) -> None:
    async with running_site(driver, 1, tls=False) as site:
        socket = await site.websocket()
        changed = replace(
            site.settings.proxy,
            https=f"127.0.0.1:{free_port()}",
            certificate="self-signed",
            requests_per_second=1,
        )
        site.settings = replace(site.settings, proxy=changed)
        site.proxy = DRIVERS[driver](site.settings)
        site.proxy.prepare(site.shown("blue-1"))
        await site.proxy.reload()
        assert await site.proxy.ready()
        async with site.client() as client:
            answers = await until_refused(lambda: client.get("/"), code)
        assert answers[0].status_code == 200
        assert await socket.echoes()
        socket.close()


async def test_lets_certbot_answer(driver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    for module in (haproxy_configuration, nginx_configuration):
        monkeypatch.setattr(module, "ACME_PORT", port)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        path = request.split(b" ")[1]
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(path), path))
        await writer.drain()
        writer.close()

    async with running_site(driver, 1) as site:
        path = "/.well-known/acme-challenge/token"
        async with httpx2.AsyncClient(base_url=site.http) as client:
            assert (await client.get(path)).status_code in (502, 503)
            server = await asyncio.start_server(serve, "127.0.0.1", port)
            async with server:
                assert (await client.get(path)).text == path
            assert (await client.get("/.well-known/other")).status_code == 301


async def test_nginx_serves_the_built_client(built: Path) -> None:
    async with running_site("nginx", 1, static=str(built)) as site, site.client() as client:
        script = await client.get("/assets/app-1.js")
        assert script.text == FILES["assets/app-1.js"]
        assert "x-worker" not in script.headers
        assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert script.headers["content-type"].startswith("application/javascript")
        assert script.headers["content-encoding"] == "gzip"
        assert script.headers["x-content-type-options"] == "nosniff"
        assert "strict-transport-security" in script.headers
        icon = await client.get("/favicon.svg")
        assert "x-worker" not in icon.headers
        assert icon.headers["cache-control"] == "no-cache"
        # Pages, and what is not there, are the application's.
        for path in ("/", "/index.html", "/assets/gone.js", "/assets/app-1.js.map", "/a.png"):
            assert (await client.get(path)).headers["x-worker"] == "blue-1"


@pytest.fixture
def folder() -> Iterator[Path]:
    """With a path short enough for sockets."""
    with private_folder("hubbub-proxy-", None) as folder:
        yield folder


async def test_refuses_what_it_cannot_use(driver: str, folder: Path) -> None:
    def prepare(directory: Path = folder, **options: str | tuple[str, ...]) -> None:
        settings = FleetSettings(
            directory=directory,
            proxy=ProxySettings(**{"http": "127.0.0.1:8080", **options}),  # type: ignore[arg-type]
        )
        DRIVERS[driver](settings).prepare([Backend("blue-1", settings.port_range[0])])

    prepare()
    old = {path: path.read_text() for path in (folder / "proxy").glob("*.c*f*g")}
    with pytest.raises(ProxyError, match="address"):
        prepare(http="localhost")
    with pytest.raises(ProxyError, match="TRUSTED"):
        prepare(trusted=("10.0.0.300",))
    with pytest.raises(ProxyError, match="cannot be read"):
        prepare(https="127.0.0.1:8443", certificate=str(folder / "none.pem"))
    with pytest.raises(ProxyError, match="too long"):
        prepare(directory=folder / ("long" * 20))
    with pytest.raises(ProxyError, match="cannot stand"):
        prepare(directory=folder / "a b; c")
    assert {path: path.read_text() for path in old} == old
    proxy = DRIVERS[driver](FleetSettings(directory=folder))
    with pytest.raises(ProxyError, match="not among"):
        proxy.prepare([Backend("blue-1", 80)])


@pytest.fixture(params=DRIVERS)
async def hubbub(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    """The real Hubbub, with the proxy as its only trusted one."""
    async with running_site(request.param, 0) as site:
        options = {"TRUSTED_PROXIES": "127.0.0.1", "LOG_DIR": str(tmp_path / "logs")}
        port = site.settings.port_range[0]
        server = ServerProcess(tmp_path / "hubbub", **options)
        server.port, server.url = port, f"http://127.0.0.1:{port}"
        server._environment["PORT"] = str(port)
        try:
            await asyncio.to_thread(server.start)
            site.ports["blue-1"] = port
            await site.proxy.show(site.shown("blue-1"))
            yield site
        finally:
            server.close()


async def test_hubbub_behind_it(hubbub: Site, tmp_path: Path) -> None:
    socket = await hubbub.websocket()
    assert socket.status == 101
    async with hubbub.client() as client:
        answer = await client.post(
            "/api/auth/login", json={"email": "a@b.example", "password": "x"}
        )
        page = await client.get("/", headers={"Accept": "text/html"})
    for found in (answer, page):
        for name in ("content-security-policy", "x-frame-options", "x-request-id"):
            assert len(found.headers.get_list(name)) == 1
    assert "nonce-" in page.headers["content-security-policy"]
    identifier = answer.headers["x-request-id"]

    async def logged() -> bool:
        text = (tmp_path / "logs" / "combined.log").read_text()
        lines = [json.loads(line) for line in text.splitlines()]
        inside = [line for line in lines if line.get("request_id") == identifier]
        edge = [line for line in hubbub.log() if line["request_id"] == identifier]
        return bool(inside and edge) and edge[0]["status"] == answer.status_code

    await eventually(logged)
    # Engine.IO's ping comes only after a while: the server's first packet, and nothing that ends it.
    frame = await socket.reader.read(100)
    assert b'"sid"' in frame
    await hubbub.proxy.reload()
    assert not socket.reader.at_eof()
    socket.close()
