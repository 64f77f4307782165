"""The HTTP request that opens a connection, and the answers to a WebSocket upgrade (RFC 6455, 4.2)."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Collection, Mapping
from http import HTTPStatus
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

Peer = tuple[str, int] | None
Origins = Collection[str] | Literal["*"]
ClientAddress = Callable[[Peer, Mapping[str, str]], str]

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
_DEFAULT_PORTS = {"http": ":80", "https": ":443", "ws": ":80", "wss": ":443"}


# What engine.io itself answers with the status 400, so that its clients and tools know it.
CODES = {
    "Transport unknown": 0,
    "Session ID unknown": 1,
    "Bad handshake method": 2,
    "Unsupported protocol version": 5,
}


class Refusal(Exception):  # noqa: N818 - an answer, not an error of the program
    """The request is answered with this status and goes no further."""

    def __init__(
        self, status: int, message: str, headers: Collection[tuple[str, str]] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers

    @property
    def body(self) -> bytes:
        """The message, as JSON with a code where engine.io has one."""
        code = CODES.get(self.message)
        if code is None:
            return self.message.encode()
        return b'{"code":%d,"message":"%s"}' % (code, self.message.encode())


def direct_address(peer: Peer, headers: Mapping[str, str]) -> str:  # noqa: ARG001
    """The address of the other end of the connection; proxies are not looked behind."""
    return peer[0] if peer else ""


class Request:
    """An opening request. Its headers are kept as they came and parsed when asked for."""

    __slots__ = ("_head", "method", "path", "peer", "query_string")

    def __init__(self, method: str, path: str, query_string: str, head: bytes, peer: Peer) -> None:
        self.method = method
        self.path = path
        self.query_string = query_string
        self.peer = peer
        self._head = head

    @classmethod
    def parse(cls, data: bytes, peer: Peer) -> Request:
        """From the bytes of a complete request head. Raises `Refusal`."""
        line, _, head = data.partition(b"\r\n")
        try:
            method, target, version = line.decode("ascii").split(" ")
            parts = urlsplit(target)
        except ValueError:
            raise Refusal(400, "Bad request line") from None
        if version != "HTTP/1.1":
            raise Refusal(400, "Unsupported HTTP version")
        return cls(method, parts.path, parts.query, head.rstrip(b"\r\n"), peer)

    @property
    def headers(self) -> dict[str, str]:
        """Header fields by lower-case name; repeated ones are joined with a comma."""
        found: dict[str, str] = {}
        for line in self._head.decode("latin-1").split("\r\n"):
            name, colon, value = line.partition(":")
            if colon:
                name = name.lower()
                value = value.strip()
                found[name] = f"{found[name]}, {value}" if name in found else value
        return found

    @property
    def query(self) -> dict[str, str]:
        """Query parameters; of repeated ones the last. Raises `Refusal`."""
        try:
            return dict(parse_qsl(self.query_string, keep_blank_values=True, max_num_fields=100))
        except ValueError:
            raise Refusal(400, "Bad query string") from None


def check_origin(headers: Mapping[str, str], allowed: Origins) -> str | None:
    """The request's Origin if it may use the gateway, None if there is none.

    The page's own host is always allowed. Raises `Refusal` (403) otherwise.
    """
    origin = headers.get("origin")
    if origin is None or allowed == "*" or origin in allowed:
        return origin
    scheme, _, host = origin.partition("://")
    default_port = _DEFAULT_PORTS.get(scheme, "")
    own_host = headers.get("host", "")
    if host and host.lower().removesuffix(default_port) == own_host.lower().removesuffix(
        default_port
    ):
        return origin
    raise Refusal(403, "Origin not allowed")


def check_upgrade(request: Request, headers: Mapping[str, str]) -> bytes:
    """The answer that accepts a WebSocket. Raises `Refusal` (400 or 426)."""
    if request.method != "GET":
        raise Refusal(400, "A WebSocket is opened with GET")
    if headers.get("upgrade", "").lower() != "websocket":
        raise Refusal(426, "Upgrade required", [("Upgrade", "websocket")])
    if "upgrade" not in {
        token.strip().lower() for token in headers.get("connection", "").split(",")
    }:
        raise Refusal(400, "Connection: Upgrade is missing")
    if headers.get("sec-websocket-version") != "13":
        raise Refusal(426, "Unsupported WebSocket version", [("Sec-WebSocket-Version", "13")])
    key = headers.get("sec-websocket-key", "").encode("latin-1")
    try:
        valid = len(base64.b64decode(key, validate=True)) == 16
    except binascii.Error:
        valid = False
    if not valid:
        raise Refusal(400, "Bad Sec-WebSocket-Key")
    accept = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )


def encode_refusal(refusal: Refusal) -> bytes:
    """A complete HTTP response that ends the connection."""
    body = refusal.body
    lines = [
        f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *(f"{name}: {value}" for name, value in refusal.headers),
    ]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
