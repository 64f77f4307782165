"""What both drivers share: addresses, problem documents, headers, files and unix sockets."""

import asyncio
import contextlib
import json
import os
import re
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path

from hubbub.fleet.proxy import Backend, ProxyError
from hubbub.fleet.settings import FleetSettings, ProxySettings

SOCKET_PATH = "/socket.io/"
"""Engine.IO's path: the one place where requests of one client belong to one worker."""
COOKIE = "fleet_worker"
SANE_REQUEST_ID = "[A-Za-z0-9._:-]{1,64}"
RETRY_AFTER = {429: 10, 503: 2}
ACME_PORT = 8402
"""Where certbot may listen while the fleet has port 80: `--http-01-port 8402`."""

CONNECT_SECONDS = 2
REQUEST_SECONDS = 10
"""A client has that long for the head of a request, and for a small body."""
IDLE_SECONDS = 75
"""Without a byte from client or worker; above the 45 s for which a long poll may be silent."""
TUNNEL_SECONDS = 3_600
"""The same for an upgraded connection. The application's own pings, each 25 s, find who is gone much sooner."""
RESPONSES = {
    400: ("Malformed request", "The request cannot be understood."),
    408: ("Request timeout", "The request did not arrive in time."),
    413: ("Too large", "The body is larger than {limit} bytes."),
    429: ("Too many requests", "Too many requests or connections from this address."),
    431: ("Headers too large", "The request's headers are too large."),
    502: ("Bad gateway", "The server did not answer properly."),
    503: ("Unavailable", "No server is ready. Try again in a moment."),
    504: ("Gateway timeout", "The server did not answer in time."),
}
PAGE = (
    "<!doctype html><html lang=en><meta charset=utf-8><meta http-equiv=refresh content=5>"
    "<title>One moment</title><p>The service is starting or being repaired. This page tries again by itself."
)
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    # An application's own page may need anything else; it then says so itself.
    "Content-Security-Policy": "frame-ancestors 'none'; base-uri 'self'; object-src 'none'",
}
HSTS = "max-age=31536000"
COMPRESSED_TYPES = (
    "text/html",
    "text/plain",
    "text/css",
    "text/javascript",
    "text/xml",
    "application/javascript",
    "application/json",
    "application/problem+json",
    "application/manifest+json",
    "application/xml",
    "image/svg+xml",
)
CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)
"""For TLS 1.2: forward secrecy and authenticated encryption only. TLS 1.3 has no others."""

LONGEST_SOCKET_PATH = 90
"""The kernel takes 107 bytes, and HAProxy adds a suffix while it binds."""
LONGEST_ANSWER = 16 << 20
ANSWER_SECONDS = 5.0


@dataclass(frozen=True)
class Address:
    """Where to listen. `host` is "" for everywhere."""

    host: str
    port: int

    @property
    def text(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host or "*"
        return f"{host}:{self.port}"

    @property
    def local(self) -> tuple[str, int]:
        """Where this machine reaches it."""
        everywhere = {"": "127.0.0.1", "*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
        return everywhere.get(self.host, self.host), self.port


def parse_address(text: str) -> Address:
    """`127.0.0.1:8080`, `[::]:443`, `:80` or `80`. Raises ProxyError."""
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    if not port.isdigit() or not 0 < int(port) < 1 << 16:
        raise ProxyError(f"{text!r} is no address with a port, such as 0.0.0.0:443.")
    if host not in ("", "*"):
        try:
            ip_address(host)
        except ValueError:
            raise ProxyError(f"{text!r}: {host!r} is no address of an interface.") from None
    return Address("" if host == "*" else host, int(port))


def addresses(settings: ProxySettings) -> tuple[Address | None, Address | None]:
    """For plain HTTP and for TLS. Raises ProxyError when one is unusable or both are empty."""
    http, https = (
        parse_address(text) if text else None for text in (settings.http, settings.https)
    )
    if http is None and https is None:
        raise ProxyError(
            "The proxy has nowhere to listen: set FLEET_PROXY_HTTP or FLEET_PROXY_HTTPS."
        )
    return http, https


def networks(settings: ProxySettings) -> list[str]:
    """The trusted proxies, each a valid network. Raises ProxyError."""
    try:
        return [str(ip_network(network, strict=False)) for network in settings.trusted]
    except ValueError as error:
        raise ProxyError(f"FLEET_PROXY_TRUSTED: {error}.") from None


def problem(status: int, request_id: str, limit: int = 0) -> str:
    """A problem document (RFC 9457), where `request_id` may be the proxy's own expression."""
    title, detail = RESPONSES[status]
    document: dict[str, object] = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail.format(limit=limit),
        "request_id": request_id,
    }
    if status in RETRY_AFTER:
        document["retry_after"] = RETRY_AFTER[status]
    return json.dumps(document, separators=(",", ":"))


def private(folder: Path) -> Path:
    """The folder, made where it is missing, for its owner only. Raises ProxyError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise ProxyError(f"{folder}: {error.strerror}.") from None
    return folder


def check_socket_path(path: Path) -> None:
    """Raises ProxyError for a path the kernel would not bind, or a configuration could not name."""
    if not re.fullmatch(r"[\w./@+-]+", str(path)):
        raise ProxyError(f"{path} cannot stand in a configuration: choose another FLEET_DIRECTORY.")
    if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
        raise ProxyError(
            f"{path}: too long for a socket; choose a shorter FLEET_DIRECTORY "
            f"({LONGEST_SOCKET_PATH} characters with what is added)."
        )


def check_ports(settings: FleetSettings, backends: Sequence[Backend]) -> None:
    """Raises ProxyError for a worker where none should be."""
    for backend in backends:
        if backend.port not in settings.port_range:
            raise ProxyError(
                f"{backend.name} has port {backend.port}, which is not among FLEET_PORTS."
            )


def replace(path: Path, text: str) -> None:
    """Writes the file as a whole, for its owner only. Raises ProxyError."""
    new = path.with_name(path.name + ".new")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w") as file:
            file.write(text)
        new.replace(path)
    except OSError as error:
        raise ProxyError(f"{path}: {error.strerror}.") from None


def run(command: list[str]) -> str:
    """What a short command prints, errors included. Raises ProxyError with it when it fails."""
    try:
        done = subprocess.run(  # noqa: S603 - our own words, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=30,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError:
        raise ProxyError(f"{command[0]} is not installed.") from None
    except subprocess.TimeoutExpired:
        raise ProxyError(f"{command[0]} did not end within 30 s.") from None
    if done.returncode:
        raise ProxyError(f"{command[0]}: {done.stdout.strip()[-2000:]}")
    return done.stdout


async def ask(path: Path, request: str, *, half_close: bool = False) -> str:
    """Sends text to a unix socket; everything it answers until it closes. Raises ProxyError.

    `half_close` says that nothing follows, without which HAProxy's master would wait for more.
    """
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            reader, writer = await asyncio.open_unix_connection(str(path))
            try:
                writer.write(request.encode())
                await writer.drain()
                if half_close:
                    writer.write_eof()
                answer = bytearray()
                while part := await reader.read(1 << 16):
                    answer += part
                    if len(answer) > LONGEST_ANSWER:
                        raise ProxyError(f"{path} answers without end.")
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError) as error:
        raise ProxyError(
            f"The proxy does not answer at {path}: {error or 'it took too long'}."
        ) from None
    return answer.decode(errors="replace")


async def get(path: Path, url: str) -> str:
    """The body of a GET over a unix socket. Raises ProxyError for any status but 200."""
    answer = await ask(path, f"GET {url} HTTP/1.0\r\nHost: localhost\r\n\r\n")
    head, _, body = answer.partition("\r\n\r\n")
    if not re.match(r"HTTP/1\.[01] 200", head):
        raise ProxyError(f"The proxy answers {head.partition(chr(13))[0]!r} at {path}.")
    return body


async def accepts(address: Address) -> bool:
    """Whether something listens there."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            _, writer = await asyncio.open_connection(*address.local)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


def existing_user(*names: str) -> tuple[str, str] | None:
    """The first of these users and its group, when we are root and may become it; else None."""
    if os.geteuid() != 0:
        return None
    import grp
    import pwd

    for name in names:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return name, grp.getgrgid(entry.pw_gid).gr_name
    return None


def host_name() -> str:
    """This machine's name where it can stand in a certificate."""
    name = socket.gethostname()
    return name if re.fullmatch(r"[A-Za-z0-9.-]{1,64}", name) else "localhost"
