"""Health, metrics, statistics and the errors browsers report."""

import asyncio
import hashlib
import logging
import secrets
import time
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ConfigDict, StringConstraints
from sqlalchemy import Connection, text

from hubbub import __version__
from hubbub.kernel.cluster import Cluster
from hubbub.kernel.errors import Forbidden, Problem
from hubbub.kernel.http import get_kernel, json_response
from hubbub.people.access import CurrentCaller, require_role

router = APIRouter()
logger = logging.getLogger("hubbub.client")

CHECK_SECONDS = 2.0
UNREADY = ("failed", "draining", "deaf", "starting")
STARTED = time.monotonic()


def ping_database(connection: Connection) -> None:
    connection.execute(text("SELECT 1"))


async def check_database(request: Request) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await get_kernel(request).read(ping_database)
    except (Problem, TimeoutError) as error:
        logger.warning("health: the database does not answer: %s", error)
        return "failed"
    return "ok"


@router.get("/livez")
async def livez() -> Response:
    return json_response({"status": "ok"})


@router.get("/health")
@router.get("/readyz")
async def health(request: Request) -> Response:
    """How this node is; 503 when no more clients should be sent to it."""
    kernel = get_kernel(request)
    cluster: Cluster = request.app.state.cluster
    unheard = cluster.unheard()
    checks = {
        "database": await check_database(request),
        "bus": "split" if unheard else bus_state(cluster.state, kernel.bus.state),
    }
    if kernel.redis is not None:
        checks["redis"] = "ok" if kernel.redis.available else "failed"
    if kernel.settings.jobs_url:
        checks["jobs"] = request.app.state.wakeup.state
    if (replicas := kernel.replicas.state) is not None:
        checks["replica"] = replicas
    publisher = request.app.state.publisher
    if publisher is not None:
        checks["relay"] = "failed" if publisher.state.error else "ok"
    if request.app.state.delivery.draining:
        checks["draining"] = "yes"
    status = judge(checks)
    document: dict[str, Any] = {
        "status": status,
        "version": __version__,
        "uptime": round(time.monotonic() - STARTED, 1),
        "env": kernel.settings.hubbub_env,
        "node": request.app.state.node,
        "nodes": len(cluster.live),
        "checks": checks,
        "bus": kernel.bus.mode,
        "loop_lag": request.app.state.loop_lag.figures(),
    }
    if unheard:
        document["unheard"] = [row.name for row in unheard]
    return json_response(document, 503 if status in UNREADY else 200)


def bus_state(hearing: str, links: str) -> str:
    """How the canary finds the bus, or, before it could know, how its connections are."""
    return links if hearing == "ok" else hearing


def judge(checks: Mapping[str, str]) -> str:
    """The worst of the checks, in one word."""
    if checks["database"] == "failed":
        return "failed"
    if "draining" in checks:
        return "draining"
    if checks["bus"] in ("deaf", "starting"):
        return checks["bus"]
    return "ok" if all(value == "ok" for value in checks.values()) else "degraded"


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    token = get_kernel(request).settings.metrics_token.get_secret_value()
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    address = request.scope["state"]["address"]
    if token:
        allowed = secrets.compare_digest(given.encode(), token.encode())
    else:
        try:
            allowed = ip_address(address).is_loopback
        except ValueError:
            allowed = False
    if not allowed:
        raise Forbidden("Metrics are for this machine, or need METRICS_TOKEN.")
    return Response(generate_latest(request.app.state.registry), media_type=CONTENT_TYPE_LATEST)


@router.get("/api/socket/stats")
async def socket_stats(request: Request, caller: CurrentCaller) -> Response:
    """What each node's sockets do, and all together. For owners and admins."""
    require_role(caller, "owner", "admin")
    return json_response(request.app.state.totals.report())


class ClientError(BaseModel):
    model_config = ConfigDict(extra="forbid")

    message: Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
    stack: Annotated[str, StringConstraints(max_length=8_000)] | None = None
    url: Annotated[str, StringConstraints(max_length=500)] | None = None


@router.post("/api/client-errors", status_code=204)
async def client_error(request: Request, caller: CurrentCaller, body: ClientError) -> Response:
    """Logs an error a browser met, with a fingerprint by which equal ones are found."""
    await get_kernel(request).limits.hit("client-error", caller.id)
    fingerprint = hashlib.sha256(f"{body.message}\n{body.stack}".encode()).hexdigest()[:12]
    logger.error(
        "browser: %s",
        body.message,
        extra={
            "fingerprint": fingerprint,
            "browser_stack": body.stack,
            "url": body.url,
            "user": caller.id,
        },
    )
    return Response(status_code=204)
