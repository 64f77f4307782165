"""What every HTTP answer has in common: request id, problem documents, security headers, size limit."""

import contextlib
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hubbub.kernel.caller import Caller
from hubbub.kernel.commands import Command, Outcome
from hubbub.kernel.context import REQUEST
from hubbub.kernel.errors import (
    Conflict,
    Forbidden,
    Invalid,
    Malformed,
    NotFound,
    Problem,
    TooLarge,
    Unauthenticated,
    Unavailable,
    WrongType,
)
from hubbub.kernel.ids import new_id
from hubbub.kernel.kernel import Kernel

logger = logging.getLogger("hubbub.http")

JSON = "application/json"
OPERATIONS = ("/health", "/livez", "/readyz", "/metrics")
NOT_PAGES = ("/api/", "/calendar/", "/socket.io", *OPERATIONS)
NO_PAGE_POLICY = "default-src 'none'; frame-ancestors 'none'"
SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (
        b"permissions-policy",
        b"camera=(self), microphone=(self), display-capture=(self), geolocation=()",
    ),
)
SANE_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
MOST_PROXIES = 20
REMEMBERED_ADDRESSES = 1_024


def get_kernel(request: Request) -> Kernel:
    kernel: Kernel = request.app.state.kernel
    return kernel


def json_response(data: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(data), status, media_type=JSON)


def answer(outcome: Outcome, status: int = 200) -> Response:
    """The outcome of a command as an answer: `status`, or the one the command chose; 204 without a body."""
    code = outcome.status or status
    headers = {"Idempotent-Replay": "true"} if outcome.replayed else None
    if not outcome.body:
        return Response(status_code=204 if code == 200 else code, headers=headers)
    return Response(outcome.body, code, headers, JSON)


def idempotency_key(request: Request) -> str | None:
    return request.headers.get("idempotency-key")


async def write(
    request: Request, caller: Caller, command: Command, status: int = 200, /, **arguments: Any
) -> Response:
    """Runs a command with the call's key and answers its outcome."""
    outcome = await get_kernel(request).write(
        command, caller, key=idempotency_key(request), **arguments
    )
    return answer(outcome, status)


def problem_response(problem: Problem, request_id: str) -> Response:
    headers = {}
    if problem.retry_after is not None:
        headers["Retry-After"] = str(max(1, round(problem.retry_after + 0.49)))
    if problem.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(
        orjson.dumps(problem.document(request_id)),
        problem.status,
        headers,
        "application/problem+json",
    )


def request_id(request: Request) -> str:
    found: str = request.scope.get("state", {}).get("request_id", "")
    return found


def unforeseen_response(error: Exception, request_id: str) -> Response:
    logger.error("unhandled error", exc_info=error, extra={"request_id": request_id})
    return problem_response(
        Problem("Something went wrong on the server. It has been logged."), request_id
    )


BY_STATUS: dict[int, type[Problem]] = {
    kind.status: kind
    for kind in (Malformed, Unauthenticated, Forbidden, NotFound, Conflict, TooLarge, Unavailable)
}


def install_problem_handlers(app: FastAPI) -> None:
    """Turns every error, foreseen or not, into a problem document with the request's id."""

    async def on_problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return problem_response(error, request_id(request))

    async def on_invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        malformed = any(item["type"].startswith("json") for item in error.errors())
        if malformed:
            return problem_response(Malformed("The body is not valid JSON."), request_id(request))
        errors = [
            {"loc": [str(part) for part in item["loc"]], "msg": item["msg"]}
            for item in error.errors()[:20]
        ]
        first = errors[0]
        detail = f"{first['loc'][-1]}: {first['msg']}."
        return problem_response(Invalid(detail, errors=errors), request_id(request))

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        kind = BY_STATUS.get(error.status_code)
        if kind is not None:
            problem = kind()
        else:
            problem = Problem(str(error.detail))
            problem.status, problem.title = error.status_code, str(error.detail)
        response = problem_response(problem, request_id(request))
        for name, value in (error.headers or {}).items():
            response.headers[name] = value
        return response

    async def on_exception(request: Request, error: Exception) -> Response:
        return unforeseen_response(error, request_id(request))

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, on_exception)


Shortcut = Callable[[Request], Awaitable[Response | None]]
"""Answers a GET, or leaves it to the framework with None, having done nothing."""


class Shortcuts:
    """The framework, and before it the few reads that are worth a way around its routing and its dependencies.

    A shortcut stands beside the endpoint it answers for; documentation, every other input and every other method
    stay with that endpoint, and errors are the same problem documents.
    """

    def __init__(self, app: FastAPI, shortcuts: Mapping[Callable[..., Any], Shortcut]) -> None:
        self._app = app
        self._shortcuts = [
            (route, shortcuts[route.endpoint])
            for route in app.routes
            if isinstance(route, APIRoute) and route.endpoint in shortcuts
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET":
            for route, shortcut in self._shortcuts:
                found = route.path_regex.match(scope["path"])
                if found is not None:
                    response = await self._answer(shortcut, scope, found.groupdict())
                    if response is not None:
                        scope["route"] = route
                        await response(scope, receive, send)
                        return
        await self._app(scope, receive, send)

    async def _answer(
        self, shortcut: Shortcut, scope: Scope, path_params: dict[str, str]
    ) -> Response | None:
        own: Scope = {**scope, "app": self._app, "path_params": path_params}
        request = Request(own)
        try:
            return await shortcut(request)
        except Problem as problem:
            return problem_response(problem, request_id(request))
        except Exception as error:
            return unforeseen_response(error, request_id(request))


class TrustedProxies:
    """Finds the real client: what proxies say of it is believed only from the configured addresses."""

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks = [ip_network(network, strict=False) for network in networks]
        # Of the same few addresses with nearly every request.
        self.trusts = lru_cache(REMEMBERED_ADDRESSES)(self._trusts)

    def _trusts(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        # So an IPv4 address looks on a socket of both kinds.
        parsed = getattr(parsed, "ipv4_mapped", None) or parsed
        return any(parsed in network for network in self._networks)

    def client_address(self, peer: str, forwarded: str | None) -> str:
        """The rightmost forwarded address that is no trusted proxy, else the peer's own."""
        if not forwarded or not self.trusts(peer):
            return peer
        address = peer
        for part in reversed(forwarded.rsplit(",", MOST_PROXIES)[-MOST_PROXIES:]):
            hop = part.strip()
            try:
                ip_address(hop)
            except ValueError:
                break
            address = hop
            if not self.trusts(hop):
                break
        return address


class Edge:
    """Outermost ASGI layer: request id, real address, body limit, security headers, CORS.

    `observe(scope, route, status, seconds, bytes)` receives each finished request, with the bytes of the answer's body.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        proxies: TrustedProxies,
        max_body: int,
        allowed_origins: Sequence[str],
        https: bool,
        observe: Callable[[Scope, str, int, float, int], None],
    ) -> None:
        self._app = app
        self._proxies = proxies
        self._max_body = max_body
        self._origins = frozenset(allowed_origins)
        self._https = https
        self._observe = observe
        self.leaving = False
        """Each answer is the last on its connection, so that nobody sends another into one that closes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        is_page = not scope["path"].startswith(NOT_PAGES)
        nonce = secrets.token_urlsafe(16) if is_page else ""
        peer = scope["client"][0] if scope.get("client") else ""
        identifier, forwarded = self._read_forwarded(scope, headers, peer)
        state = scope.setdefault("state", {})
        state["request_id"] = identifier
        REQUEST.set(identifier)
        state["nonce"] = nonce
        state["address"] = self._proxies.client_address(peer, forwarded)
        origin = headers.get(b"origin", b"").decode("latin-1")
        extra = self._headers(identifier, nonce, scope["path"], origin)
        started = time.perf_counter()
        status = 500
        received = sent = 0
        oversized = refusing = False

        async def limited_receive() -> Message:
            nonlocal received, oversized
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > self._max_body:
                    oversized = True
                    raise self._too_large()
            return message

        async def decorated_send(message: Message) -> None:
            nonlocal status, sent
            if oversized and not refusing:
                return
            if message["type"] == "http.response.start":
                status = message["status"]
                left = state.get("rate_limit")
                if left is not None:
                    message["headers"] += [
                        (b"ratelimit-limit", b"%d" % left[0]),
                        (b"ratelimit-remaining", b"%d" % left[1]),
                    ]
                if self.leaving:
                    message["headers"].append((b"connection", b"close"))
                present = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(pair for pair in extra if pair[0] not in present),
                ]
            else:
                sent += len(message.get("body", b""))
            await send(message)

        try:
            if self._preflight(scope, headers, origin):
                await Response(status_code=204)(scope, receive, decorated_send)
            elif (problem := self._refuse_body(scope["path"], headers)) is not None:
                await problem_response(problem, identifier)(scope, receive, decorated_send)
            else:
                with contextlib.suppress(TooLarge):
                    await self._app(scope, limited_receive, decorated_send)
                if oversized:
                    # Whatever the application made of its unreadable body, this is the reason.
                    refusing = True
                    answer = problem_response(self._too_large(), identifier)
                    await answer(scope, receive, decorated_send)
        finally:
            route = scope.get("route")
            pattern = getattr(route, "path", "") or "other"
            self._observe(scope, pattern, status, time.perf_counter() - started, sent)

    def _read_forwarded(
        self, scope: Scope, headers: dict[bytes, bytes], peer: str
    ) -> tuple[str, str | None]:
        """The request's id, and X-Forwarded-For as it came; a trusted proxy also says which scheme was used."""
        given = headers.get(b"x-request-id")
        scheme = headers.get(b"x-forwarded-proto")
        identifier = ""
        if (given or scheme) and self._proxies.trusts(peer):
            if given and SANE_REQUEST_ID.fullmatch(given):
                identifier = given.decode()
            if scheme in (b"http", b"https"):
                scope["scheme"] = scheme.decode()
        forwarded = None
        if b"x-forwarded-for" in headers:
            # A proxy may have added a header of its own behind the client's.
            lines = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
            forwarded = b",".join(lines).decode("latin-1")
        return identifier or new_id(), forwarded

    def _too_large(self) -> TooLarge:
        return TooLarge(f"The body is larger than {self._max_body} bytes.")

    def _refuse_body(self, path: str, headers: dict[bytes, bytes]) -> Problem | None:
        """What is wrong with the announced length or type of the body, if anything."""
        announced = headers.get(b"content-length", b"0")
        if not announced.isdigit():
            return Malformed("Content-Length is not a number.")
        if int(announced) > self._max_body:
            return self._too_large()
        has_body = announced != b"0" or b"transfer-encoding" in headers
        media_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if has_body and path.startswith("/api/") and media_type != b"application/json":
            return WrongType("The API takes JSON: send Content-Type: application/json.")
        return None

    def _preflight(self, scope: Scope, headers: dict[bytes, bytes], origin: str) -> bool:
        return (
            scope["method"] == "OPTIONS"
            and origin in self._origins
            and b"access-control-request-method" in headers
        )

    def _headers(
        self, identifier: str, nonce: str, path: str, origin: str
    ) -> list[tuple[bytes, bytes]]:
        policy = (
            NO_PAGE_POLICY
            if not nonce
            else (
                f"default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic'; "
                "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self'; "
                "connect-src 'self' ws: wss:; manifest-src 'self'; media-src 'self' blob:; "
                "worker-src 'self' blob:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
            )
        )
        pairs = [
            (b"x-request-id", identifier.encode()),
            (b"content-security-policy", policy.encode()),
            *SECURITY_HEADERS,
        ]
        if path.startswith("/api/"):
            pairs.append((b"cache-control", b"no-store"))
        if self._https:
            pairs.append((b"strict-transport-security", b"max-age=31536000; includeSubDomains"))
        if origin and origin in self._origins:
            pairs += [
                (b"access-control-allow-origin", origin.encode()),
                (b"access-control-allow-credentials", b"true"),
                (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE"),
                (
                    b"access-control-allow-headers",
                    b"authorization, content-type, idempotency-key, x-request-id",
                ),
                (
                    b"access-control-expose-headers",
                    b"x-request-id, idempotent-replay, retry-after",
                ),
                (b"access-control-max-age", b"600"),
            ]
        if self._origins:
            pairs.append((b"vary", b"Origin"))
        return pairs
