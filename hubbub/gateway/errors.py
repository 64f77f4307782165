"""What the gateway raises, to its user and between its own modules."""

from __future__ import annotations

from typing import Any


class GatewayError(Exception):
    """Base of every exception of this package."""


class ConnectRefused(GatewayError):  # noqa: N818 - an outcome, not a fault
    """Raised by an ``on_connect`` handler: the client gets a CONNECT_ERROR packet.

    ``message`` becomes ``error.message`` in the client, ``data`` (anything that is JSON)
    ``error.data``.
    """

    def __init__(self, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.data = data


class Disconnected(GatewayError, ConnectionError):  # noqa: N818
    """The socket is gone, so what was waited for will not happen."""


class InvalidPacket(GatewayError, ValueError):  # noqa: N818
    """An Engine.IO or Socket.IO packet that the specifications forbid."""


class FrameError(GatewayError):
    """A WebSocket frame that RFC 6455 forbids; ``code`` is the close code to answer with."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
