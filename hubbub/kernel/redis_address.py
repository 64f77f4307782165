"""REDIS_URL taken apart: which Redis, how it is reached, and the prefix of everything Hubbub keeps there."""

import re
import ssl
from dataclasses import dataclass
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from hubbub.settings import SettingsError

Kind = Literal["single", "sentinel", "cluster"]
Host = tuple[str, int]

KINDS: dict[str, Kind] = {"": "single", "sentinel": "sentinel", "cluster": "cluster"}
PORTS: dict[Kind, int] = {"single": 6379, "sentinel": 26379, "cluster": 6379}
PREFIX = re.compile("[A-Za-z0-9_.-]{1,40}")
FORMS = (
    "redis://host:port/db, rediss://…, redis+sentinel://host:port,host:port/master/db "
    "or redis+cluster://host:port,host:port"
)


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where Redis is. `hosts` are the server itself, the sentinels, or some nodes of the cluster.

    `tls` verifies the certificate and the host's name, against `ca` if that is given. Two workspaces may share one
    Redis when their `prefix` differs.
    """

    kind: Kind
    hosts: tuple[Host, ...]
    database: int = 0
    user: str | None = None
    password: str | None = None
    tls: bool = False
    ca: str | None = None
    master: str = ""
    prefix: str = "hubbub"

    def key(self, name: str, group: str | None = None) -> str:
        """The full name of a key. Keys with the same `group` are on one node of a cluster, for scripts."""
        return f"{self.prefix}:{name}" if group is None else f"{self.prefix}:{{{group}}}:{name}"

    def channel(self, name: str) -> str:
        """The full name of a channel; Redis itself does not keep the channels of its databases apart."""
        return f"{self.prefix}:{self.database}:{name}"

    def tls_context(self) -> ssl.SSLContext | None:
        return ssl.create_default_context(cafile=self.ca) if self.tls else None


def parse_redis_url(url: str) -> RedisAddress:
    """The address in a URL; options are `?prefix=` and `?ca=` (a file of certificates to trust).

    Raises SettingsError, which does not repeat the password.
    """
    try:
        return parse(urlsplit(url.strip()))
    except ValueError as error:
        raise SettingsError(f"REDIS_URL cannot be used: {error}. It is {FORMS}.") from None


def parse(url: SplitResult) -> RedisAddress:
    base, _, kind_name = url.scheme.partition("+")
    if base not in ("redis", "rediss") or kind_name not in KINDS:
        raise ValueError(f"its scheme is {url.scheme!r}")
    kind = KINDS[kind_name]
    credentials, _, places = url.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    hosts = tuple(parse_host(place, PORTS[kind]) for place in places.split(","))
    if kind == "single" and len(hosts) > 1:
        raise ValueError("several hosts need redis+sentinel:// or redis+cluster://")
    path = [unquote(word) for word in url.path.split("/") if word]
    master = ""
    if kind == "sentinel":
        if not path:
            raise ValueError("the master's name is missing after the hosts")
        master = path.pop(0)
    if len(path) > 1 or (path and not (path[0].isascii() and path[0].isdigit())):
        raise ValueError("after the hosts comes the number of the database")
    database = int(path[0]) if path else 0
    if kind == "cluster" and database:
        raise ValueError("a cluster has only database 0")
    options = dict(parse_qsl(url.query, keep_blank_values=True, strict_parsing=bool(url.query)))
    prefix = options.pop("prefix", "hubbub")
    if PREFIX.fullmatch(prefix) is None:
        raise ValueError("prefix has 1 to 40 letters, digits or ._-")
    ca = options.pop("ca", None)
    if ca is not None and base != "rediss":
        raise ValueError("ca needs rediss")
    if options:
        raise ValueError(f"it has the unknown option {min(options)!r}")
    return RedisAddress(
        kind,
        hosts,
        database,
        unquote(user) or None,
        unquote(password) or None,
        base == "rediss",
        ca,
        master,
        prefix,
    )


def parse_host(place: str, port: int) -> Host:
    if place.startswith("["):
        host, closed, rest = place[1:].partition("]")
        if not closed:
            raise ValueError("an IPv6 address lacks its ]")
    else:
        host, _, number = place.partition(":")
        rest = f":{number}" if number or place.endswith(":") else ""
    if not host:
        raise ValueError("a host is missing")
    if not rest:
        return host, port
    number = rest[1:]
    if rest[0] != ":" or not (number.isascii() and number.isdigit()) or not 0 < int(number) < 65536:
        raise ValueError(f"{rest!r} after a host is not a port")
    return host, int(number)
