"""Engine.IO 4 and Socket.IO 5 for uvicorn, usable on its own. See docs/gateway.md."""

from .engine import REFUSAL_REASONS
from .errors import ConnectRefused, Disconnected, GatewayError
from .gateway import Gateway, GatewayStats
from .namespace import Namespace
from .packets import EncodedJson
from .socket import Socket

__all__ = [
    "REFUSAL_REASONS",
    "ConnectRefused",
    "Disconnected",
    "EncodedJson",
    "Gateway",
    "GatewayError",
    "GatewayStats",
    "Namespace",
    "Socket",
]
