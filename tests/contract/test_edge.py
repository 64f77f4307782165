"""What every answer has in common: request id, problem documents, headers, limits of size, CORS."""

import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from hubbub.app import Application
from tests.support.app import found_workspace, running_app

pytestmark = pytest.mark.anyio

PAGES = "https://pages.example.com"


@pytest.fixture
async def application(tmp_path: Path) -> AsyncIterator[Application]:
    async with running_app(
        f"sqlite:///{tmp_path}/hubbub.db",
        tmp_path,
        allowed_origins=(PAGES,),
        trusted_proxies=("10.0.0.0/8",),
        max_body_bytes=20_000,
        public_url="https://hubbub.example.com",
    ) as made:
        yield made


def http(application: Application, peer: str = "127.0.0.1") -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(
        app=application, client=(peer, 1234), raise_app_exceptions=False
    )
    return httpx2.AsyncClient(transport=transport, base_url="http://hubbub.test")


SECURITY = {
    "content-security-policy": "default-src 'none'.*frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "permissions-policy": "geolocation=",
    "strict-transport-security": "max-age=31536000",
}


async def test_security_headers_stand_on_every_answer(application: Application) -> None:
    async with http(application) as client:
        for method, path in (
            ("GET", "/"),
            ("GET", "/r/anything"),
            ("GET", "/config.js"),
            ("GET", "/assets/missing.js"),
            ("GET", "/health"),
            ("GET", "/api/setup"),
            ("GET", "/api/sync"),
            ("GET", "/api/nothing"),
            ("POST", "/api/auth/login"),
            ("DELETE", "/"),
            ("GET", "/socket.io/"),
        ):
            answer = await client.request(method, path)
            for header, pattern in SECURITY.items():
                assert re.search(pattern, answer.headers.get(header, "")), f"{path} {header}"
            assert answer.headers["x-request-id"]


async def test_the_nonce_is_new_each_time_and_in_the_page(application: Application) -> None:
    nonces = set()
    async with http(application) as client:
        for _ in range(3):
            answer = await client.get("/")
            policy = answer.headers["content-security-policy"]
            nonce = re.search(r"script-src 'nonce-([\w-]+)' 'strict-dynamic'", policy)
            assert nonce is not None
            if "<script" in answer.text:
                assert f'nonce="{nonce[1]}"' in answer.text
                assert "__CSP_NONCE__" not in answer.text
            assert answer.headers["cache-control"] == "no-store"
            nonces.add(nonce[1])
    assert len(nonces) == 3


async def test_a_sane_request_id_of_a_trusted_proxy_is_kept(
    application: Application, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "hubbub.request")
    async with http(application, "10.0.0.1") as client:
        kept = await client.get("/api/sync", headers={"X-Request-Id": "from-the-edge.1"})
        assert kept.headers["x-request-id"] == "from-the-edge.1"
        assert kept.json()["request_id"] == "from-the-edge.1"
        written = [
            record.fields["request_id"] for record in caplog.records if hasattr(record, "fields")
        ]
        assert written == ["from-the-edge.1"]
        for bad in ("has space", "x" * 65, "<script>", "line\n", "ünïcode".encode()):
            fresh = await client.get("/api/sync", headers=[(b"X-Request-Id", as_bytes(bad))])
            assert fresh.headers["x-request-id"] != bad
    async with http(application, "192.0.2.1") as client:
        fresh = await client.get("/api/sync", headers={"X-Request-Id": "from-a-stranger"})
        assert fresh.headers["x-request-id"] != "from-a-stranger"
        assert fresh.json()["request_id"] == fresh.headers["x-request-id"]


async def test_a_process_that_leaves_lets_its_connections_go(application: Application) -> None:
    async with http(application) as client:
        assert "connection" not in (await client.get("/api/sync")).headers
        application._edge.leaving = True
        assert (await client.get("/api/sync")).headers["connection"] == "close"


def as_bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


async def test_the_scheme_is_believed_from_trusted_proxies_only(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/scheme.db"
    async with running_app(database, tmp_path, trusted_proxies=("10.0.0.1",)) as application:
        owner = await found_workspace(application)
        links = []
        for peer, scheme in (
            ("10.0.0.1", "https"),
            ("10.0.0.1", "javascript"),
            ("192.0.2.1", "https"),
        ):
            async with http(application, peer) as client:
                headers = {"Authorization": f"Bearer {owner.token}", "X-Forwarded-Proto": scheme}
                body = {"role": "member"}
                answer = await client.post("/api/invitations", json=body, headers=headers)
                links.append(answer.json()["url"].partition(":")[0])
        assert links == ["https", "http", "http"]


async def test_errors_are_problem_documents(application: Application) -> None:
    owner = await found_workspace(application)
    cases = [
        ("GET", "/api/rooms/nonsense", None, 422),
        ("GET", "/api/nothing", None, 404),
        ("PUT", "/api/rooms", None, 405),
        ("POST", "/api/rooms", {"kind": "round"}, 422),
        ("GET", "/api/rooms?limit=0", None, 422),
    ]
    for method, path, body, status in cases:
        answer = await owner.send(method, path, body)
        assert answer.status_code == status, path
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert {"type", "title", "status", "detail", "request_id"} <= set(problem)
        assert problem["status"] == status
    broken = await owner.http.post(
        "/api/rooms",
        content=b"{broken",
        headers={"Authorization": f"Bearer {owner.token}", "Content-Type": "application/json"},
    )
    assert broken.status_code == 400


async def test_unforeseen_errors_tell_nothing_of_the_inside(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await found_workspace(application)

    def explode(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr("hubbub.chat.service.queries.read_first_screen", explode)
    answer = await owner.send("GET", "/api/sync")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.json()["request_id"]
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_too_large_bodies_are_refused_before_they_are_read(application: Application) -> None:
    owner = await found_workspace(application)
    headers = {"Authorization": f"Bearer {owner.token}", "Content-Type": "application/json"}
    announced = await owner.http.post("/api/rooms", content=b"x" * 20_001, headers=headers)
    assert announced.status_code == 413

    async def stream() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b"x" * 1_000

    chunked = await owner.http.post("/api/rooms", content=stream(), headers=headers)
    assert chunked.status_code == 413
    nonsense = await owner.http.post(
        "/api/rooms", content=b"{}", headers=headers | {"Content-Length": "many"}
    )
    assert nonsense.status_code == 400


async def test_only_json_is_taken(application: Application) -> None:
    owner = await found_workspace(application)
    headers = {"Authorization": f"Bearer {owner.token}"}
    room = b'{"name": "Typed", "kind": "open"}'
    for media_type, status in (
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("", 415),
        ("application/json", 201),
        ("application/json; charset=utf-8", 201),
    ):
        answer = await owner.http.post(
            "/api/rooms", content=room, headers=headers | {"Content-Type": media_type}
        )
        assert answer.status_code == status, media_type


async def test_only_allowed_origins_get_cors(application: Application) -> None:
    async with http(application) as client:
        allowed = await client.get("/api/setup", headers={"Origin": PAGES})
        assert allowed.headers["access-control-allow-origin"] == PAGES
        assert allowed.headers["access-control-allow-credentials"] == "true"
        preflight = await client.options(
            "/api/rooms",
            headers={"Origin": PAGES, "Access-Control-Request-Method": "POST"},
        )
        assert preflight.status_code == 204
        assert "POST" in preflight.headers["access-control-allow-methods"]
        other = await client.get("/api/setup", headers={"Origin": "https://evil.example.com"})
        assert "access-control-allow-origin" not in other.headers
        stranger = await client.post(
            "/api/auth/refresh", headers={"Origin": "https://evil.example.com"}
        )
        assert stranger.status_code in (401, 403)


async def test_forwarded_addresses_are_believed_from_trusted_proxies_only(
    application: Application,
) -> None:
    owner = await found_workspace(application)
    audit = "SELECT address FROM audit ORDER BY id DESC LIMIT 1"
    for peer, forwarded, expected in (
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        ("10.0.0.1", "rubbish", "10.0.0.1"),
        ("::ffff:10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "198.51.100.7" + ",10.0.0.2" * 30, "10.0.0.2"),
    ):
        async with http(application, peer) as client:
            await client.patch(
                "/api/users/me",
                json={"title": expected},
                headers={"Authorization": f"Bearer {owner.token}", "X-Forwarded-For": forwarded},
            )
        with application.kernel.database.reading() as connection:
            assert connection.exec_driver_sql(audit).scalar() == expected


async def test_rate_limits_answer_429_with_retry_after(tmp_path: Path) -> None:
    async with running_app(
        f"sqlite:///{tmp_path}/limited.db", tmp_path, rate_limits=True
    ) as application:
        owner = await found_workspace(application)
        async with http(application) as client:
            for attempt in range(6):
                answer = await client.post(
                    "/api/auth/login", json={"email": "nobody@example.com", "password": "wrong one"}
                )
                assert answer.status_code == (401 if attempt < 5 else 429)
            assert 0 < int(answer.headers["retry-after"]) <= 15 * 60 + 1
            assert answer.json()["retry_after"] > 0
        assert (await owner.send("GET", "/api/auth/me")).headers["ratelimit-remaining"]
