"""The composition root: settings in, ASGI application out."""

import asyncio
import logging
import os
import socket as network
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    Info,
    PlatformCollector,
    ProcessCollector,
)
from starlette.types import ASGIApp, Receive, Scope, Send

from hubbub import __version__
from hubbub.boards.events import register_events as register_board_events
from hubbub.boards.jobs import register_jobs as register_board_jobs
from hubbub.boards.task_routes import routers as board_routers
from hubbub.chat import routes as chat_routes
from hubbub.chat.events import register_events, register_hooks
from hubbub.chat.jobs import index_periodically
from hubbub.fleet import contract
from hubbub.fleet.worker import Place
from hubbub.gateway import Gateway
from hubbub.kernel.clock import Clock, system_clock
from hubbub.kernel.cluster import Cluster
from hubbub.kernel.delivery import DEAF, EXPIRY_SECONDS, HEADS_SECONDS, SHUTDOWN, Delivery
from hubbub.kernel.errors import NotFound
from hubbub.kernel.hearing import State
from hubbub.kernel.http import (
    OPERATIONS,
    Edge,
    Shortcuts,
    TrustedProxies,
    install_problem_handlers,
    problem_response,
)
from hubbub.kernel.jobs.upkeep import register_jobs as register_kernel_jobs
from hubbub.kernel.jobs.wakeup import Wakeup
from hubbub.kernel.jobs.worker import Worker
from hubbub.kernel.kernel import Kernel
from hubbub.kernel.nodes import Node, this_node
from hubbub.kernel.periodic import Periodic
from hubbub.kernel.presence import Presence
from hubbub.kernel.sockets import BURST, PER_SECOND, answer_error
from hubbub.observe import routes as observe_routes
from hubbub.observe.answers import Answers
from hubbub.observe.cluster import TURN_SECONDS, ClusterCollector, ClusterStatistics
from hubbub.observe.jobs import JobsCollector
from hubbub.observe.logging import Logs
from hubbub.observe.loop_lag import LoopLag
from hubbub.observe.process import Process
from hubbub.observe.publishing import PublisherCollector
from hubbub.observe.requests import RequestLog
from hubbub.observe.statistics import RequestMetrics, Statistics, SystemCollector
from hubbub.operations import routes as operations_routes
from hubbub.operations.errors import ErrorLog
from hubbub.operations.fleet import Fleet
from hubbub.operations.service import TURN_SECONDS as OPERATIONS_SECONDS
from hubbub.operations.service import Operations
from hubbub.people import routes as people_routes
from hubbub.people.jobs import register_jobs as register_people_jobs
from hubbub.realtime import routes as realtime_routes
from hubbub.realtime.announcing import Announcer
from hubbub.realtime.events import accept_sockets
from hubbub.realtime.smoke import NAMESPACE as SMOKE_NAMESPACE
from hubbub.realtime.smoke import SmokeTests
from hubbub.sample import routes as sample_routes
from hubbub.settings import Settings, load_secrets
from hubbub.supervised import Supervised
from hubbub.web import Client, find_web_dir

if TYPE_CHECKING:
    from hubbub.kernel.publisher.publisher import Publisher
    from hubbub.kernel.shared_presence import SharedPresence

logger = logging.getLogger("hubbub.app")

JOB_FIGURES_SECONDS = 10.0
GOODBYE_SECONDS = 5.0
"""How long sockets may take to close."""
DEAF_SPREAD_SECONDS = 5.0
"""Longer than a balancer takes to notice that this node is not ready: its clients shall come back to another."""
EVENTS_PER_SECOND = 4 * PER_SECOND
EVENT_BURST = 4 * int(BURST)
"""Packets of one socket of any kind: above the commands' limit, which tells the person; this one is silent."""
CALLS = ("/api/", "/calendar/")
"""Where paths begin that are no pages of the browser client."""
SWITCH_SECONDS = 0.001
"""How long one thread may keep the interpreter while another waits: the loop must not wait on the writer."""


class Application:
    """One process of Hubbub: an ASGI application, and the websocket class uvicorn needs beside it."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock = system_clock,
        node: Node | None = None,
        logs: Logs | None = None,
        place: Place | None = None,
    ) -> None:
        self.settings = settings
        self.node = node or node_of(settings, settings.port)
        proxies = TrustedProxies(settings.trusted_proxies)
        limited = settings.rate_limits
        self.kernel = Kernel(settings, load_secrets(settings), clock=clock)
        self.gateway = Gateway(
            allowed_origins=settings.allowed_origins,
            max_sockets=settings.max_sockets if settings.does("realtime") else 0,
            max_sockets_per_address=settings.max_sockets_per_address if limited else 0,
            max_connects_per_address=settings.connects_per_address if limited else 0,
            max_events=EVENTS_PER_SECOND if limited else 0,
            event_burst=EVENT_BURST,
            client_address=lambda peer, headers: proxies.client_address(
                peer[0] if peer else "", headers.get("x-forwarded-for")
            ),
            on_error=answer_error,
        )
        namespace = self.gateway.namespace("/")
        self.delivery = Delivery(self.kernel, namespace)
        self.announcer = Announcer(self.kernel, self.delivery.pass_signal)
        self.presence = Presence(self.announcer.changed)
        self.shared_presence = share_presence(self.kernel, self.presence, self.node.id)
        self.loop_lag = LoopLag()
        self.answers = Answers()
        self.process = Process(
            self.answers,
            lambda: observe_routes.read_checks(self.api.state),
            observe_routes.judge,
        )
        self.statistics = Statistics(
            self.kernel,
            self.gateway,
            self.delivery,
            self.presence,
            self.loop_lag,
            self.node,
            self.process,
        )
        self.cluster = Cluster(
            self.kernel.database,
            self.kernel.bus,
            self.node,
            shared=bool(settings.redis_url),
            figures=self.statistics.figures,
        )
        self.cluster.on_state = self._hearing_changed
        self.totals = ClusterStatistics(
            self.cluster,
            self.kernel.bus,
            self.statistics.figures,
            self._count_people,
            lambda figures: namespace.emit("stats", figures),
        )
        self.operations = Operations(
            self.kernel,
            self.cluster,
            self.totals,
            self.delivery,
            self.process,
            ErrorLog(self.kernel, self.node.name, os.environ.get(contract.RELEASE) or __version__),
            Fleet(os.environ.get(contract.CONTROL, "")),
        )
        self.periodic = Periodic()
        self.sweep: asyncio.Task[None] | None = None
        self.wakeup = Wakeup(self.kernel.bus, settings.jobs_url)
        self.kernel.committer.on_enqueued = self.wakeup.announce_from_thread
        register_jobs(self.kernel)
        self.worker = Worker(self.kernel, self.wakeup) if settings.does("jobs") else None
        self.publisher = make_publisher(self.kernel, self.node.name) if settings.relay_url else None
        self.supervised = Supervised(
            place or Place(),
            self.gateway,
            self.delivery,
            self.worker,
            self.loop_lag,
            lambda: (self.answers.requests, self.answers.errors, self.answers.seconds),
        )
        SmokeTests(self.kernel, self.gateway.namespace(SMOKE_NAMESPACE))
        accept_sockets(self.kernel, namespace, self.delivery, self.presence)
        register_events(self.kernel, namespace, self.delivery)
        register_board_events(self.kernel, namespace, self.delivery)
        register_hooks()

        registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)
        registry.register(SystemCollector(self.kernel, self.gateway, self.delivery, self.loop_lag))
        registry.register(ClusterCollector(self.cluster, self.totals))
        registry.register(JobsCollector(self.worker, self.wakeup))
        if self.publisher is not None:
            registry.register(PublisherCollector(self.publisher))

        Info("hubbub_worker", "This process in its fleet", registry=registry).info(
            {"worker": self.node.name, **self.supervised.labels}
        )
        self._request_metrics = RequestMetrics(registry)
        self._request_log = RequestLog(logs)
        self.client = Client(find_web_dir(settings.web_dir))
        api = FastAPI(
            title="Hubbub",
            # A page compares it with what it was loaded with, and offers the newer client.
            version=f"{__version__}+{self.client.version}",
            lifespan=self._lifespan,
            redoc_url=None,
            docs_url=None,
            openapi_url="/api/openapi.json",
        )
        api.state.kernel = self.kernel
        api.state.gateway = self.gateway
        api.state.delivery = self.delivery
        api.state.presence = self.presence
        api.state.totals = self.totals
        api.state.cluster = self.cluster
        api.state.publisher = self.publisher
        api.state.loop_lag = self.loop_lag
        api.state.registry = registry
        api.state.wakeup = self.wakeup
        api.state.operations = self.operations
        api.state.node = self.node.name
        api.state.labels = self.supervised.labels
        install_problem_handlers(api)
        # Side by side in one list: an included router is searched as a whole, twice, for each request.
        for router in (
            chat_routes.router,
            realtime_routes.router,
            people_routes.router,
            sample_routes.router,
            observe_routes.router,
            operations_routes.router,
            *board_routers,
        ):
            api.router.routes.extend(router.routes)
        self.api = api
        self._short = Shortcuts(api, chat_routes.SHORTCUTS)
        self._edge = Edge(
            self._route,
            proxies=proxies,
            max_body=settings.max_body_bytes,
            allowed_origins=settings.allowed_origins,
            https=settings.secure_cookies,
            observe=self._observe_request,
        )
        self._outermost: ASGIApp = self._edge

    @property
    def websocket_protocol(self) -> type[asyncio.Protocol]:
        return self.gateway.websocket_protocol

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._outermost(scope, receive, send)

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path.startswith("/socket.io"):
            await self.gateway.asgi(scope, receive, send)
            return
        if scope["type"] != "http" or path.startswith(OPERATIONS):
            await self.api(scope, receive, send)
        elif not self.settings.does("api"):
            problem = NotFound(f"This process serves no API: its role is {self.settings.roles}.")
            await problem_response(problem, scope["state"]["request_id"])(scope, receive, send)
        else:
            serve = self._short if path.startswith(CALLS) else self.client
            await serve(scope, receive, send)

    async def leave(self) -> None:
        """Asks the sockets to come back elsewhere, each in its turn, then closes them."""
        logger.info("leaving")
        self._edge.leaving = True
        loop = asyncio.get_running_loop()
        most = self.supervised.leave_seconds()
        give_up = loop.time() + min(most, self.delivery.send_away(SHUTDOWN, within=most))
        # Asking again is cheaper than an event that every socket would have to know.
        while self.delivery.people and loop.time() < give_up:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        # Who is still here gets its last answers.
        await self.kernel.committer.drain()
        await self.gateway.close(self.supervised.requests_seconds(GOODBYE_SECONDS))

    def surround(self, wrap: Callable[[ASGIApp], ASGIApp]) -> None:
        """Puts another layer around the outermost one."""
        self._outermost = wrap(self._outermost)

    def _observe_request(
        self, scope: Scope, route: str, status: int, seconds: float, sent: int
    ) -> None:
        self.answers.observe(route, status, seconds)
        self._request_metrics.observe(scope, route, status, seconds, sent)
        self._request_log.observe(scope, route, status, seconds, sent)

    def _hearing_changed(self, before: State, now: State) -> None:
        if now == "deaf":
            self.delivery.send_away(DEAF, DEAF_SPREAD_SECONDS)
        elif before == "deaf":
            self.delivery.welcome(DEAF)

    def _count_people(self) -> dict[str, int]:
        """Of the whole cluster, each person once, as far as this node knows."""
        counts = {"online": len(self.presence.online())}
        if self.shared_presence is not None and self.shared_presence.active is not None:
            counts["active"] = self.shared_presence.active
        return counts

    @asynccontextmanager
    async def _lifespan(self, _app: FastAPI) -> AsyncIterator[None]:
        sys.setswitchinterval(SWITCH_SECONDS)
        self.loop_lag.start()
        await self.kernel.bus.start()
        await self.cluster.start()
        if self.shared_presence is not None:
            await self.shared_presence.start()
        if self.settings.does("realtime"):
            self.sweep = asyncio.create_task(self.kernel.relay.run(), name="sweep")
            self.periodic.start("heads", HEADS_SECONDS, self.delivery.emit_heads)
            self.periodic.start("token expiry", EXPIRY_SECONDS, self.delivery.close_expired)
        self.periodic.start("statistics", 1.0, self._sample)
        self.periodic.start("stats event", TURN_SECONDS, self.totals.turn)
        self.operations.errors.start()
        self.periodic.start("operations", OPERATIONS_SECONDS, self.operations.turn)
        index_periodically(self.kernel, self.periodic)
        if self.worker is None:
            self.wakeup.start()
        else:
            self.worker.start()
            if self.publisher is not None:
                self.publisher.start()
            self.periodic.start("job figures", JOB_FIGURES_SECONDS, self.worker.sample)
        self.supervised.start()
        logger.info(
            "Hubbub is up",
            extra={
                "bus": self.kernel.bus.mode,
                "bus_state": self.kernel.bus.state,
                "database": self.kernel.database.url.get_backend_name(),
            },
        )
        try:
            yield
        finally:
            await self.supervised.stop()
            if self.worker is None:
                await self.wakeup.stop()
            else:
                await self.worker.stop(self.supervised.jobs_seconds())
            if self.publisher is not None:
                await self.publisher.stop()
            if self.sweep is not None:
                self.sweep.cancel()
            await self.cluster.stop()
            self.loop_lag.stop()
            await self.periodic.stop()
            self.operations.errors.stop()
            await self.operations.errors.flush()
            if self.shared_presence is not None:
                await self.shared_presence.stop()
            self.presence.close()
            await self.announcer.stop()
            await self.delivery.stop()
            await self.gateway.close()
            await self.kernel.close()

    async def _sample(self) -> None:
        self.statistics.sample(asyncio.get_running_loop().time())


def share_presence(kernel: Kernel, presence: Presence, node: str) -> "SharedPresence | None":
    """What keeps presence in step with the other nodes, where there may be any."""
    if kernel.redis is None:
        return None
    from hubbub.kernel.shared_presence import SharedPresence

    return SharedPresence(presence, kernel.activity, kernel.redis, kernel.bus, node, kernel.secrets)


def make_publisher(kernel: Kernel, node: str) -> "Publisher":
    """What publishes the log to a broker. Raises SettingsError."""
    from hubbub.kernel.publisher.wiring import make_publisher

    return make_publisher(kernel, node)


def node_of(settings: Settings, port: int) -> Node:
    """The node this process is, serving at that port."""
    machine = network.gethostname()
    address = machine if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104 - compared only
    name = settings.node_name or machine
    return this_node(name, settings.roles, address, port, __version__)


def register_jobs(kernel: Kernel) -> None:
    """Registers every kind of job and every schedule there is."""
    register_kernel_jobs(kernel)
    register_people_jobs(kernel)
    register_board_jobs(kernel)


def create_app(settings: Settings, **options: Any) -> Application:
    """The application for these settings. Raises SettingsError."""
    return Application(settings, **options)
