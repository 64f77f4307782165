"""Health, metrics and statistics."""

import asyncio
import logging
import secrets
import time
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import Connection, text
from starlette.datastructures import State

from hubbub import __version__
from hubbub.kernel.cluster import Cluster
from hubbub.kernel.errors import Forbidden, Problem
from hubbub.kernel.http import get_kernel, json_response
from hubbub.kernel.kernel import Kernel
from hubbub.observe.process import STARTED
from hubbub.people.access import CurrentCaller, require_role

router = APIRouter()
logger = logging.getLogger("hubbub.health")

CHECK_SECONDS = 2.0
UNREADY = ("failed", "draining", "deaf", "starting")


def read_schema(connection: Connection) -> str:
    return str(connection.scalar(text("SELECT version_num FROM alembic_version")))


async def ask_schema(request: Request) -> str | None:
    """The version of the database's schema, None when the database does not answer."""
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await get_kernel(request).read(read_schema)
    except (Problem, TimeoutError) as error:
        logger.warning("health: the database does not answer: %s", error)
        return None


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
    schema = await ask_schema(request)
    database = "failed" if schema is None else "ok"
    checks = read_checks(request.app.state) | {"database": database}
    status = judge(checks)
    document: dict[str, Any] = {
        "status": status,
        "version": __version__,
        "schema": schema,
        "uptime": round(time.monotonic() - STARTED, 1),
        "env": kernel.settings.hubbub_env,
        "node": request.app.state.node,
        "nodes": len(cluster.live),
        "checks": checks,
        "bus": kernel.bus.mode,
        "loop_lag": request.app.state.loop_lag.figures(),
    }
    document |= request.app.state.labels
    if unheard:
        document["unheard"] = [row.name for row in unheard]
    return json_response(document, 503 if status in UNREADY else 200)


def read_checks(state: State) -> dict[str, str]:
    """What this node knows of itself and what it needs, without asking anybody."""
    kernel: Kernel = state.kernel
    cluster: Cluster = state.cluster
    hears = "split" if cluster.unheard() else bus_state(cluster.state, kernel.bus.state)
    checks = {"database": "ok" if cluster.reaches_database else "failed", "bus": hears}
    if kernel.redis is not None:
        checks["redis"] = "ok" if kernel.redis.available else "failed"
    if kernel.settings.jobs_url:
        checks["jobs"] = state.wakeup.state
    if (replicas := kernel.replicas.state) is not None:
        checks["replica"] = replicas
    if state.publisher is not None:
        checks["relay"] = "failed" if state.publisher.state.error else "ok"
    if state.delivery.draining:
        checks["draining"] = "yes"
    return checks


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
