"""Serves the built browser client: hashed files for ever, the page itself never from a cache.

Everything is read into memory once, with its compressed forms, so a request costs one look-up.
"""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass, field
from pathlib import Path

import orjson
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

IMMUTABLE = "public, max-age=31536000, immutable"
REVALIDATE = "no-cache"
NONCE = b"__CSP_NONCE__"
LARGEST_FILE = 5_000_000
SMALLEST_COMPRESSED = 512
COMPRESSIBLE = (
    "text/",
    "application/javascript",
    "application/json",
    "image/svg+xml",
    "application/manifest",
)

MISSING = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Hubbub</title>
<p>The browser client is not built. Run <code>make setup</code>, then start Hubbub again.</p></html>"""

mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("font/woff2", ".woff2")
mimetypes.add_type("application/manifest+json", ".webmanifest")


@dataclass(slots=True)
class File:
    """One file: `forms` maps a content coding ("" for none) to its bytes."""

    media_type: str
    cache: str
    etag: str
    forms: dict[str, bytes] = field(default_factory=dict)


def find_web_dir(configured: Path | None) -> Path | None:
    """Where the built client is: as configured, inside the package, or in the checkout."""
    here = Path(__file__).parent
    candidates = [configured] if configured else [here / "static", here.parent / "web" / "dist"]
    return next((path for path in candidates if path and (path / "index.html").is_file()), None)


def load_files(root: Path) -> dict[str, File]:
    """Every file of the build by its URL path; source maps are not served."""
    files = {}
    for path in sorted(root.rglob("*")):
        if not path.is_file() or path.suffix in (".map", ".br", ".gz"):
            continue
        if path.stat().st_size > LARGEST_FILE or path.name == "config.js":
            continue
        url = "/" + path.relative_to(root).as_posix()
        body = path.read_bytes()
        media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        cache = IMMUTABLE if url.startswith("/assets/") else REVALIDATE
        file = File(media_type, cache, f'"{hashlib.sha256(body).hexdigest()[:20]}"', {"": body})
        if media_type.startswith(COMPRESSIBLE) and len(body) >= SMALLEST_COMPRESSED:
            brotli = path.with_name(path.name + ".br")
            if brotli.is_file():
                file.forms["br"] = brotli.read_bytes()
            file.forms["gzip"] = gzip.compress(body, 6, mtime=0)
        files[url] = file
    return files


class Client:
    """ASGI application for everything that is no API: the client's files, and its page for every other path."""

    def __init__(self, root: Path | None, api: str = "", socket: str = "") -> None:
        self._files = load_files(root) if root else {}
        index = self._files.pop("/index.html", None)
        self._page = index.forms[""] if index else MISSING
        config = b"window.HUBBUB = " + orjson.dumps({"api": api, "socket": socket}) + b";\n"
        self._files["/config.js"] = File(
            "text/javascript",
            REVALIDATE,
            f'"{hashlib.sha256(config).hexdigest()[:20]}"',
            {"": config},
        )

    @property
    def version(self) -> str:
        """Changes with every build of the client."""
        return hashlib.sha256(self._page).hexdigest()[:12]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = self.answer(scope)
        await response(scope, receive, send)

    def answer(self, scope: Scope) -> Response:
        if scope["method"] not in ("GET", "HEAD"):
            return Response(status_code=405, headers={"Allow": "GET, HEAD"})
        path, headers = scope["path"], Headers(scope=scope)
        file = self._files.get(path)
        if file is None:
            # A missing file is missing; anything else is a page of the client.
            if path.startswith("/assets/") or "." in path.rsplit("/", 1)[-1]:
                return Response("Not found", 404, media_type="text/plain")
            nonce = scope["state"]["nonce"].encode()
            return Response(
                self._page.replace(NONCE, nonce),
                headers={"Cache-Control": "no-store"},
                media_type="text/html",
            )
        common = {"Cache-Control": file.cache, "ETag": file.etag, "Vary": "Accept-Encoding"}
        if headers.get("if-none-match") == file.etag:
            return Response(status_code=304, headers=common)
        accepted = headers.get("accept-encoding", "")
        for coding in ("br", "gzip"):
            if coding in accepted and coding in file.forms:
                common["Content-Encoding"] = coding
                return Response(file.forms[coding], headers=common, media_type=file.media_type)
        return Response(file.forms[""], headers=common, media_type=file.media_type)
