"""Where the log is published to: RELAY_URL, and what every kind of broker has in common."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from hubbub.kernel.log import Entry
from hubbub.settings import SettingsError

OPEN_SECONDS = 5.0
"""How long the broker may take to open a connection: less than the lease lasts."""
CONFIRM_SECONDS = 15.0
"""How long it may take to confirm a message."""

GAP = "log.gap"
STREAMS = {"rooms": "room", "workspace": "workspace", "people": "person"}
USUAL = "rooms,workspace"


class Message(NamedTuple):
    """One entry on its way: `body` is what clients receive, `id` the same whenever it is published again."""

    stream: str
    seq: int
    kind: str
    id: str
    body: bytes


def to_message(entry: Entry) -> Message:
    return Message(
        entry.stream, entry.seq, entry.kind, f"{entry.stream}:{entry.seq}", entry.encode()
    )


class TargetError(Exception):
    """The broker could not be reached or did not confirm; of the batch, the first `confirmed` it did."""

    def __init__(self, reason: str, confirmed: int = 0) -> None:
        super().__init__(reason)
        self.confirmed = confirmed


class Target(Protocol):
    """A connection to a broker. After a TargetError it is closed, and opened again."""

    async def open(self, replays: int) -> None:
        """Connects; `replays` tells one round of publishing from the next. Raises TargetError."""

    async def publish(self, messages: Sequence[Message]) -> None:
        """Publishes messages of one stream and returns when all are confirmed.

        If one is not, none after it is stored: a stream never has a hole on the other side. Several streams may
        be published at the same time. Raises TargetError.
        """

    async def close(self) -> None:
        """Lets go of the connection and of what was not confirmed. Raises nothing."""


@dataclass(frozen=True, slots=True)
class Address:
    """RELAY_URL taken apart. `kinds` are the kinds of stream that are published."""

    broker: str
    prefix: str
    hosts: str
    user: str
    password: str
    tls: bool
    path: str
    cafile: str
    mechanism: str
    kinds: tuple[str, ...]

    @property
    def target(self) -> str:
        """Names the cursors. Not the hosts: a broker that moves is the same target."""
        return f"{self.broker}/{self.prefix}"

    def tls_context(self) -> ssl.SSLContext | None:
        """What verifies the broker. Raises TargetError when CAFILE cannot be read."""
        if not self.tls:
            return None
        try:
            return ssl.create_default_context(cafile=self.cafile or None)
        except OSError as error:
            raise TargetError(f"RELAY_URL: cafile {self.cafile}: {error}") from None


SCHEMES = {
    "amqp": ("rabbitmq", False, 5672),
    "amqps": ("rabbitmq", True, 5671),
    "nats": ("nats", False, 4222),
    "nats+tls": ("nats", True, 4222),
    "tls": ("nats", True, 4222),
    "kafka": ("kafka", False, 9092),
    "kafka+ssl": ("kafka", True, 9093),
}
PREFIX = {"rabbitmq": "exchange", "nats": "subject", "kafka": "topic"}
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


def parse_relay_url(url: str) -> Address:
    """RELAY_URL taken apart. Raises SettingsError with a sentence that names it."""
    try:
        parts = urlsplit(url)
        broker, tls, port = SCHEMES[parts.scheme]
        hosts = parse_hosts(parts, port)
    except KeyError:
        raise SettingsError(
            "RELAY_URL must begin with amqp://, amqps://, nats://, nats+tls://, kafka:// or kafka+ssl://."
        ) from None
    except ValueError:
        raise SettingsError("RELAY_URL has no usable host and port.") from None
    if broker == "rabbitmq" and "," in hosts:
        raise SettingsError("RELAY_URL: RabbitMQ is reached at one host, a balancer perhaps.")
    if broker != "rabbitmq" and parts.path.strip("/"):
        raise SettingsError(f"RELAY_URL: {parts.scheme}:// has no path; use ?{PREFIX[broker]}=….")
    known = {PREFIX[broker], "streams"} | ({"cafile"} if tls else set())
    known |= {"sasl"} if broker == "kafka" else set()
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    for name in options:
        if name not in known:
            raise SettingsError(
                f"RELAY_URL has no parameter {name}; it has {', '.join(sorted(known))}."
            )
    prefix = options.get(PREFIX[broker], "hubbub")
    if not prefix or len(prefix) > 200 or not all(c.isalnum() or c in "._-" for c in prefix):
        raise SettingsError(
            f"RELAY_URL: {PREFIX[broker]} has letters, digits, dots, hyphens and underscores."
        )
    if broker == "nats" and "" in prefix.split("."):
        raise SettingsError("RELAY_URL: subject has an empty part between its dots.")
    mechanism = options.get("sasl", MECHANISMS[-1])
    if mechanism not in MECHANISMS:
        raise SettingsError(f"RELAY_URL: sasl is one of {', '.join(MECHANISMS)}.")
    names = options.get("streams", USUAL).split(",")
    if not set(names) <= set(STREAMS):
        raise SettingsError(f"RELAY_URL: streams are some of {', '.join(STREAMS)}, with commas.")
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    return Address(
        broker,
        prefix,
        hosts,
        unquote(user),
        unquote(password),
        tls,
        unquote(parts.path[1:]) or "/",
        options.get("cafile", ""),
        mechanism,
        tuple(STREAMS[name] for name in sorted(set(names))),
    )


def parse_hosts(parts: SplitResult, port: int) -> str:
    """`host:port` of every host, with commas. Raises ValueError."""
    hosts = []
    for word in parts.netloc.rpartition("@")[2].split(","):
        host = urlsplit(f"//{word}")
        if not host.hostname:
            raise ValueError
        name = f"[{host.hostname}]" if ":" in host.hostname else host.hostname
        hosts.append(f"{name}:{host.port or port}")
    return ",".join(hosts)


def make_target(address: Address, retention_days: int) -> Target:
    """The connection for an address; only here is a broker's library loaded."""
    if address.broker == "rabbitmq":
        from hubbub.kernel.publisher.rabbitmq import RabbitMQ

        return RabbitMQ(address)
    if address.broker == "nats":
        from hubbub.kernel.publisher.jetstream import JetStream

        return JetStream(address, retention_days)
    from hubbub.kernel.publisher.kafka import Kafka

    return Kafka(address)
