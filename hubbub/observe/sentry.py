"""Errors, sent to Sentry without their secrets. Imported only where SENTRY_DSN is set."""

import logging
from typing import Any

import sentry_sdk
from sentry_sdk.integrations.atexit import AtexitIntegration
from sentry_sdk.integrations.dedupe import DedupeIntegration
from sentry_sdk.integrations.excepthook import ExcepthookIntegration
from sentry_sdk.integrations.logging import LoggingIntegration

from hubbub.fleet.redaction import Redactor
from hubbub.kernel.context import REQUEST
from hubbub.observe.logging import Origin

DEPTH = 16
"""An event is nested: exception, values, stacktrace, frames, …"""
SHUTDOWN_SECONDS = 2.0
QUEUED = 100


def start_sentry(dsn: str, environment: str, origin: Origin, redactor: Redactor) -> None:
    """Sends every line of level error and above, with its stack, from now on.

    Nothing of a request's body, headers or person, and no local variables. Raises ValueError for a malformed DSN.
    """

    def scrub(event: Any, _hint: dict[str, Any]) -> Any:
        clean = redactor.fields(event, DEPTH)
        clean.pop("request", None)
        clean.pop("user", None)
        if isinstance(clean.get("logentry"), dict):
            # Without what stands around it a secret among them has no shape.
            clean["logentry"].pop("params", None)
        clean["tags"] = {**clean.get("tags", {}), "worker": origin.worker, "node": origin.node}
        if request := REQUEST.get():
            clean["tags"]["request_id"] = request
        return clean

    def scrub_before(crumb: Any, _hint: dict[str, Any]) -> Any:
        return redactor.fields(crumb, DEPTH)

    try:
        sentry_sdk.init(
            dsn=dsn,
            environment=environment,
            release=origin.release or None,
            server_name=origin.worker,
            default_integrations=False,
            auto_enabling_integrations=False,
            integrations=[
                AtexitIntegration(callback=lambda pending, timeout: None),
                DedupeIntegration(),
                ExcepthookIntegration(),
                LoggingIntegration(level=logging.INFO, event_level=logging.ERROR),
            ],
            before_send=scrub,
            before_breadcrumb=scrub_before,
            send_default_pii=False,
            include_local_variables=False,
            max_request_body_size="never",
            auto_session_tracking=False,
            send_client_reports=False,
            transport_queue_size=QUEUED,
            shutdown_timeout=SHUTDOWN_SECONDS,
            traces_sample_rate=None,
        )
    except sentry_sdk.utils.BadDsn as error:
        raise ValueError(f"SENTRY_DSN: {error}") from None
