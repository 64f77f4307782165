"""What a client meets at the proxy, whichever it is: routes, headers, limits, identity."""

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from tests.fleet.proxy.site import DRIVERS, Site, eventually, running_site

pytestmark = pytest.mark.anyio
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
}


@pytest.fixture(scope="module", params=DRIVERS)
async def site(request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    async with running_site(request.param, trusted=("127.0.0.2/32", "10.0.0.0/8")) as site:
        yield site


@pytest.mark.parametrize(
    "path", ["/", "/room/7?x=1", "/assets/app-3f2a.js", "/api/me", "/socket.io/?EIO=4&sid=1"]
)
async def test_reaches_the_application(site: Site, path: str) -> None:
    async with site.client() as client:
        answer = await client.get(path)
    assert answer.status_code == 200
    assert answer.json()["path"] == path
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    assert answer.headers["strict-transport-security"].startswith("max-age=")
    assert "frame-ancestors" in answer.headers["content-security-policy"]
    assert answer.headers.get_list("x-request-id") == [answer.json()["headers"]["x-request-id"]]


async def test_leaves_the_application_its_own_headers(site: Site) -> None:
    async with site.client() as client:
        answer = await client.get("/own")
    assert answer.headers.get_list("x-frame-options") == ["SAMEORIGIN"]
    assert answer.headers.get_list("content-security-policy") == ["default-src 'self'"]
    assert answer.headers.get_list("strict-transport-security") == ["max-age=5"]
    assert answer.headers.get_list("referrer-policy") == ["no-referrer"]


async def test_redirects_plain_http(site: Site) -> None:
    port = site.settings.proxy.https.rpartition(":")[2]
    async with httpx2.AsyncClient() as client:
        answer = await client.get(f"{site.http}/room/1?a=b", headers={"Host": "chat.example:81"})
    assert answer.status_code == 301
    assert answer.headers["location"] == f"https://chat.example:{port}/room/1?a=b"
    assert answer.headers["x-frame-options"] == "DENY"
    assert "strict-transport-security" not in answer.headers


async def test_upgrades(site: Site) -> None:
    socket = await site.websocket()
    assert socket.status == 101
    assert await socket.echoes()
    socket.close()


async def test_believes_nobody_but_the_trusted(site: Site) -> None:
    claims = {"X-Forwarded-For": "198.51.100.7", "X-Real-IP": "6.6.6.6", "X-Request-ID": "mine"}
    claims |= {"X-Forwarded-Proto": "gopher", "Forwarded": "for=6.6.6.6"}
    async with site.client() as client:
        seen = (await client.get("/", headers=claims)).json()["headers"]
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-forwarded-proto"] == "https"
    assert seen["x-request-id"] != "mine"
    assert seen.get("x-real-ip") in (None, "127.0.0.1")
    assert "forwarded" not in seen


async def trusted_get(site: Site, **headers: str) -> Any:
    """As the proxy before this one: from 127.0.0.2, which is trusted."""
    transport = httpx2.AsyncHTTPTransport(local_address="127.0.0.2", verify=site.tls)
    async with httpx2.AsyncClient(base_url=site.url, transport=transport) as client:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return await client.get("/", headers=given)


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("6.6.6.6, 198.51.100.7", "198.51.100.7"),
        ("6.6.6.6, 198.51.100.7, 10.1.2.3", "198.51.100.7"),
        ("2001:db8::7", "2001:db8::7"),
    ],
)
async def test_believes_trusted_proxies(site: Site, forwarded: str, address: str) -> None:
    answer = await trusted_get(site, X_Forwarded_For=forwarded, X_Request_ID="edge-1")
    assert answer.json()["headers"]["x-forwarded-for"] == address
    assert answer.json()["headers"]["x-request-id"] == "edge-1"
    assert answer.headers["x-request-id"] == "edge-1"


async def test_a_trusted_proxy_may_end_tls(site: Site) -> None:
    transport = httpx2.AsyncHTTPTransport(local_address="127.0.0.2")
    given = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.7"}
    async with httpx2.AsyncClient(base_url=site.http, transport=transport) as client:
        answer = await client.get("/socket.io/?EIO=4&transport=polling", headers=given)
        assert answer.status_code == 200
        assert answer.json()["headers"]["x-forwarded-proto"] == "https"
        assert answer.headers["strict-transport-security"].startswith("max-age=")
        assert "Secure" in answer.headers["set-cookie"]
        given["X-Forwarded-Proto"] = "http"
        assert (await client.get("/", headers=given)).status_code == 301


async def test_refuses_an_insane_request_id(site: Site) -> None:
    answer = await trusted_get(site, X_Request_ID="a b\t'\"{}")
    assert answer.json()["headers"]["x-request-id"] != "a b\t'\"{}"


async def test_logs_each_request_with_its_id(site: Site) -> None:
    async with site.client() as client:
        answer = await client.get('/logged/"quoted"?token=secret', headers={"User-Agent": 'a"b'})
        link = await client.get("/calendar/secret.ics?x=1")
    assert link.json()["path"] == "/calendar/secret.ics?x=1"
    wanted = [one.headers["x-request-id"] for one in (answer, link)]

    async def logged() -> bool:
        return {line["request_id"] for line in site.log()}.issuperset(wanted)

    await eventually(logged)
    lines = {line["request_id"]: line for line in site.log()}
    line, hidden = (lines[identifier] for identifier in wanted)
    assert (line["status"], line["method"], line["client"]) == (200, "GET", "127.0.0.1")
    assert line["path"].startswith("/logged/")
    assert hidden["path"] == "/calendar/-"
    assert "secret" not in f"{line} {hidden}"


async def test_refuses_a_body_before_the_application_reads_it(site: Site) -> None:
    before = len(site.posts())
    # Only announced: who is refused need not send it.
    answer = await exchange(
        site, b"POST /api/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048577\r\n\r\nxx"
    )
    assert answer.status_code == 413
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["status"] == 413
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    assert len(site.posts()) == before
    async with site.client() as client:
        answer = await client.post("/api/x", content=b"x" * (1 << 20))
    assert answer.json()["length"] == 1 << 20


async def exchange(site: Site, request: bytes) -> httpx2.Response:
    """Sends just these bytes; the one answer."""
    host, _, port = site.settings.proxy.https.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=site.tls)
    writer.write(request)
    async with asyncio.timeout(30):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
        headers = dict(line.split(": ", 1) for line in head[1:])
        lengths = [value for name, value in headers.items() if name.lower() == "content-length"]
        body = await reader.readexactly(int(lengths[0]))
    writer.close()
    return httpx2.Response(int(head[0].split()[1]), headers=headers, content=body)


async def test_passes_a_body_of_unknown_length(site: Site) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(4):
            yield b"x" * 10_000

    async with site.client() as client:
        answer = await client.post("/api/x", content=parts())
    assert answer.json()["length"] == 40_000


@pytest.mark.parametrize("length", [13_000, 40_000])
async def test_refuses_large_headers(site: Site, length: int) -> None:
    async with site.client() as client:
        answer = await client.get(
            "/", headers={f"X-{n}": "y" * 1000 for n in range(length // 1000)}
        )
    # The drivers' buffers differ: what does not even fit HAProxy's gets its plain 400.
    if site.settings.proxy.driver == "haproxy":
        assert answer.status_code == (431 if length < 15_000 else 400)
    else:
        assert answer.status_code == (200 if length < 15_000 else 431)
    if answer.status_code != 400:
        assert answer.headers["x-frame-options"] == "DENY"


async def test_compresses_text_once(site: Site) -> None:
    async with site.client() as client, client.stream("GET", "/text") as answer:
        raw = b"".join([part async for part in answer.aiter_raw()])
        assert answer.headers["content-encoding"] == "gzip"
        assert "accept-encoding" in answer.headers["vary"].lower()
        assert len(raw) < 2_000
        text = gzip.decompress(raw)
    async with site.client() as client, client.stream("GET", "/packed") as answer:
        raw = b"".join([part async for part in answer.aiter_raw()])
    assert gzip.decompress(raw) == text


class Http2:
    """As much of HTTP/2 as one stream needs (RFC 9113)."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.settings = b""

    @classmethod
    async def connect(cls, site: Site) -> "Http2":
        context = site.tls
        context.set_alpn_protocols(["h2", "http/1.1"])
        host, _, port = site.settings.proxy.https.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port), ssl=context)
        secured: ssl.SSLObject = writer.get_extra_info("ssl_object")
        assert secured.selected_alpn_protocol() == "h2"
        assert secured.version() == "TLSv1.3"
        connection = cls(reader, writer)
        writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        connection.send(SETTINGS, 0, 0)
        return connection

    def send(self, kind: int, flags: int, stream: int, body: bytes = b"") -> None:
        head = len(body).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big")
        self.writer.write(head + body)

    async def receive(self, wanted: int) -> bytes:
        """The next frame of that kind."""
        async with asyncio.timeout(30):
            while True:
                header = await self.reader.readexactly(9)
                body = await self.reader.readexactly(int.from_bytes(header[:3], "big"))
                if header[3] == SETTINGS and not header[4]:
                    self.settings += body
                    self.send(SETTINGS, 1, 0)
                if header[3] == wanted:
                    return body


DATA, HEADERS_FRAME, SETTINGS = 0, 1, 4
OK = 0x88
"""`:status 200` in the static table (RFC 7541); HAProxy may first change its table's size."""


def word(text: bytes) -> bytes:
    return bytes([len(text)]) + text


async def test_speaks_http_2(site: Site) -> None:
    connection = await Http2.connect(site)
    # :method GET, :path /, :scheme https, :authority
    connection.send(HEADERS_FRAME, 5, 1, b"\x82\x84\x87\x41" + word(b"localhost"))
    assert OK in (await connection.receive(HEADERS_FRAME))[:3]
    connection.writer.close()


async def test_upgrades_within_http_2(site: Site) -> None:
    """A browser that is offered it (RFC 8441) opens its websocket as a stream."""
    connection = await Http2.connect(site)
    path = b"/socket.io/?EIO=4&transport=websocket"
    block = b"\x02" + word(b"CONNECT") + b"\x87\x04" + word(path) + b"\x41" + word(b"localhost")
    block += b"\x00" + word(b":protocol") + word(b"websocket")
    block += b"\x00" + word(b"sec-websocket-version") + word(b"13")
    connection.send(HEADERS_FRAME, 5, 1, b"\x82\x84\x87\x41" + word(b"localhost"))
    assert OK in (await connection.receive(HEADERS_FRAME))[:3]
    if b"\x00\x08\x00\x00\x00\x01" not in connection.settings:
        assert site.settings.proxy.driver == "nginx"
        return
    connection.send(HEADERS_FRAME, 4, 3, block)
    assert OK in (await connection.receive(HEADERS_FRAME))[:3]
    connection.send(DATA, 0, 3, b"ping")
    while b"ping" not in await connection.receive(DATA):
        pass
    connection.writer.close()


async def test_refuses_old_tls(site: Site) -> None:
    context = site.tls
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="deprecated"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    host, _, port = site.settings.proxy.https.rpartition(":")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection(host, int(port), ssl=context)


async def test_has_figures(site: Site) -> None:
    figures = await site.proxy.figures()
    assert "# TYPE" in figures
    assert "connections" in figures
