"""OpenTelemetry traces, sent as OTLP over HTTP. Imported only where TRACES_URL is set.

Spans: the request, each command (from its arrival to its commit: the unit of work), the transaction that commits it
with others, reads of the database, what is published on the bus, and what is delivered to sockets. What only comes
from another node begins a trace of its own, with the stream and the sequence number by which the two are found: a
message on the bus has no room for a trace's id.
"""

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hubbub.kernel.bus import Bus
from hubbub.kernel.commands import Request
from hubbub.kernel.context import TRACE
from hubbub.kernel.kernel import Kernel
from hubbub.observe.logging import Origin
from hubbub.observe.requests import QUIET, SOCKETS

EXPORT_SECONDS = 2.0
"""How long the collector may take; also at the end of this process."""
PATH = "/v1/traces"
REMEMBERED = 10_000
"""Entries whose trace is known until they are published and delivered."""


class Tracing:
    """Makes spans for one process. `trusts(address)`: whether a traceparent from there is believed."""

    def __init__(
        self, url: str, share: float, origin: Origin, trusts: Callable[[str], bool]
    ) -> None:
        resource = Resource.create(
            {
                "service.name": "hubbub",
                "service.instance.id": origin.worker,
                "service.version": origin.release,
                "host.name": origin.node,
            }
        )
        self._provider = TracerProvider(
            resource=resource, sampler=ParentBased(TraceIdRatioBased(share))
        )
        endpoint = url if url.endswith(PATH) else f"{url.rstrip('/')}{PATH}"
        exporter = OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_SECONDS)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("hubbub")
        self._propagator = TraceContextTextMapPropagator()
        self._trusts = trusts
        self._commands: dict[int, Span] = {}
        self._entries: OrderedDict[tuple[str, int], SpanContext] = OrderedDict()
        # A collector that is away is no reason for a line with each batch.
        logging.getLogger("opentelemetry").setLevel(logging.ERROR)

    def close(self) -> None:
        """Sends what is left, for EXPORT_SECONDS at most."""
        self._provider.shutdown()

    def watch(self, kernel: Kernel) -> None:
        """Puts spans around the kernel's reads, commands, transactions, publishing and deliveries."""
        database, committer, bus = kernel.database, kernel.committer, kernel.bus
        for name in ("read", "ask"):
            replace(database, name, self._read(getattr(database, name)))
        replace(committer, "submit", self._submit(committer.submit))
        replace(committer, "commit", self._commit(committer.commit))
        replace(bus, "publish", self._publish(bus.publish, bus))
        kernel.on_deliver = self._deliver(kernel.on_deliver)

    def edge(self, edge: ASGIApp) -> ASGIApp:
        """The outermost layer, with a span around each request that is not merely a probe or a poll."""

        async def traced(scope: Scope, receive: Receive, send: Send) -> None:
            path = scope.get("path", "")
            if scope["type"] != "http" or path in QUIET or path.startswith(SOCKETS):
                await edge(scope, receive, send)
                return
            method = scope["method"]
            with self._tracer.start_as_current_span(
                method,
                context=self._parent(scope),
                kind=SpanKind.SERVER,
                attributes={"http.request.method": method},
            ) as span:
                if span.is_recording():
                    TRACE.set(f"{span.get_span_context().trace_id:032x}")

                async def noting_send(message: Message) -> None:
                    if message["type"] == "http.response.start":
                        status = message["status"]
                        span.set_attribute("http.response.status_code", status)
                        if status >= 500:
                            span.set_status(Status(StatusCode.ERROR))
                    await send(message)

                try:
                    await edge(scope, receive, noting_send)
                finally:
                    # Never the path: it may hold an invitation's code.
                    route = getattr(scope.get("route"), "path", "") or "other"
                    span.update_name(f"{method} {route}")
                    span.set_attribute("http.route", route)
                    span.set_attribute("hubbub.request_id", scope["state"]["request_id"])

        return traced

    def _parent(self, scope: Scope) -> Context | None:
        """The trace of who asks, when that is a proxy of ours."""
        peer = scope["client"][0] if scope.get("client") else ""
        given = dict(scope["headers"]).get(b"traceparent")
        if given is None or not self._trusts(peer):
            return Context()
        return self._propagator.extract({"traceparent": given.decode("latin-1")})

    def _read(self, read: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def traced(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            name = getattr(function, "__qualname__", "read")
            with self._tracer.start_as_current_span(
                "database read",
                kind=SpanKind.CLIENT,
                attributes={"db.operation.name": "read", "code.function.name": name},
            ):
                return await read(function, *args, **kwargs)

        return traced

    def _submit(self, submit: Callable[..., None]) -> Callable[..., None]:
        def traced(request: Request, done: Callable[[Any], None]) -> None:
            span = self._tracer.start_span(
                f"command {request.command.name}",
                attributes={"hubbub.command": request.command.name},
            )
            self._commands[id(request)] = span

            def ended(result: Any) -> None:
                self._commands.pop(id(request), None)
                if isinstance(result, Exception):
                    span.set_status(Status(StatusCode.ERROR, type(result).__name__))
                span.end()
                done(result)

            try:
                submit(request, ended)
            except BaseException:
                self._commands.pop(id(request), None)
                span.end()
                raise

        return traced

    def _commit(self, commit: Callable[..., Any]) -> Callable[..., Any]:
        def traced(requests: Sequence[Request]) -> Any:
            spans = [self._commands[id(one)] for one in requests if id(one) in self._commands]
            if not spans:
                return commit(requests)
            # A transaction has one parent; the other commands in it are linked.
            with self._tracer.start_as_current_span(
                "transaction",
                context=set_span_in_context(spans[0], Context()),
                kind=SpanKind.CLIENT,
                links=[Link(span.get_span_context()) for span in spans[1:]],
                attributes={
                    "db.operation.name": "commit",
                    "db.operation.batch.size": len(requests),
                },
            ) as span:
                results, entries = commit(requests)
            context = span.get_span_context()
            for entry in entries:
                self._entries[entry.stream, entry.seq] = context
            while len(self._entries) > REMEMBERED:
                self._entries.popitem(last=False)
            return results, entries

        return traced

    def _publish(self, publish: Callable[..., None], bus: Bus) -> Callable[..., None]:
        def traced(entries: Sequence[Any]) -> None:
            with self._tracer.start_as_current_span(
                "bus publish",
                context=self._context_of(entries),
                kind=SpanKind.PRODUCER,
                attributes={
                    "messaging.system": bus.mode,
                    "messaging.batch.message_count": len(entries),
                },
            ):
                publish(entries)

        return traced

    def _deliver(self, deliver: Callable[[str, list[Any]], None]) -> Callable[..., None]:
        def traced(stream: str, entries: list[Any]) -> None:
            with self._tracer.start_as_current_span(
                "deliver",
                context=self._context_of(entries),
                kind=SpanKind.CONSUMER,
                attributes={
                    "messaging.batch.message_count": len(entries),
                    "hubbub.stream": stream,
                    "hubbub.seq": entries[0].seq if entries else 0,
                },
            ):
                deliver(stream, entries)

        return traced

    def _context_of(self, entries: Sequence[Any]) -> Context:
        """The transaction that wrote the first of them, where it was ours."""
        first = entries[0] if entries else None
        known = self._entries.get((first.stream, first.seq)) if first is not None else None
        return set_span_in_context(NonRecordingSpan(known), Context()) if known else Context()


def replace(owner: object, name: str, function: Callable[..., Any]) -> None:
    """Of this object alone; its class stays as it is."""
    setattr(owner, name, function)
