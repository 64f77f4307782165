"""The browser client as the process serves it."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.support.app import running_app

pytestmark = pytest.mark.anyio


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    built = tmp_path / "dist"
    (built / "assets").mkdir(parents=True)
    (built / "index.html").write_text(
        '<!doctype html><script nonce="__CSP_NONCE__" src="/assets/app-1a2b.js"></script>'
    )
    (built / "config.js").write_text("window.HUBBUB = {}")
    (built / "icon.svg").write_text("<svg/>")
    (built / "assets" / "app-1a2b.js").write_text("console.log(1);" * 200)
    (built / "assets" / "app-1a2b.js.br").write_bytes(b"brotli bytes")
    (built / "assets" / "app-1a2b.js.map").write_text("{}")
    async with running_app(
        f"sqlite:///{tmp_path}/hubbub.db", tmp_path, web_dir=built
    ) as application:
        transport = httpx2.ASGITransport(app=application)
        async with httpx2.AsyncClient(transport=transport, base_url="http://t") as client:
            yield client


async def test_hashed_files_are_kept_for_ever(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/assets/app-1a2b.js", headers={"Accept-Encoding": "identity"})
    assert answer.text.startswith("console.log")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"].startswith("text/javascript")
    again = await http.get("/assets/app-1a2b.js", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""


async def test_compressed_forms_are_sent_to_those_who_take_them(http: httpx2.AsyncClient) -> None:
    async with http.stream(
        "GET", "/assets/app-1a2b.js", headers={"Accept-Encoding": "gzip, br"}
    ) as brotli:
        raw = b"".join([chunk async for chunk in brotli.aiter_raw()])
        assert (brotli.headers["content-encoding"], raw) == ("br", b"brotli bytes")
        assert brotli.headers["vary"] == "Accept-Encoding"
    gzipped = await http.get("/assets/app-1a2b.js", headers={"Accept-Encoding": "gzip"})
    assert gzipped.headers["content-encoding"] == "gzip"
    assert gzipped.text.startswith("console.log")


async def test_every_other_path_is_the_page(http: httpx2.AsyncClient) -> None:
    for path in ("/", "/r/anything", "/join/code", "/settings/profile"):
        answer = await http.get(path)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        assert re.search(r'nonce="[\w-]{10,}"', answer.text)


async def test_what_is_not_there_is_not_the_page(http: httpx2.AsyncClient) -> None:
    for path in ("/assets/gone.js", "/assets/app-1a2b.js.map", "/favicon.ico", "/../settings.py"):
        assert (await http.get(path)).status_code == 404, path
    assert (await http.post("/")).status_code == 405


async def test_addresses_come_at_run_time(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/config.js")
    assert answer.text == 'window.HUBBUB = {"api":"","socket":""};\n'
    assert answer.headers["cache-control"] == "no-cache"
