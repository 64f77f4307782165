"""The fleet's settings: `[fleet]` in hubbub.toml, each overridden by `FLEET_…` in the environment."""

import os
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
MODES = ("development", "production", "balanced")
DRIVERS = ("haproxy", "nginx", "none")
STICKINESS = ("cookie", "address", "none")
BALANCED_WORKERS = 4


class SettingsError(Exception):
    """hubbub.toml or the environment cannot be used; the message names the setting."""


@dataclass(frozen=True)
class ProxySettings:
    """What stands in front. Environment: FLEET_PROXY_…"""

    driver: str = "haproxy"
    http: str = "127.0.0.1:8080"
    """Address and port for plain HTTP; it only redirects where there is a certificate."""
    https: str = ""
    certificate: str = ""
    """A PEM file with chain and key, or certbot's folder (fullchain.pem, privkey.pem); "self-signed" makes one."""
    stickiness: str = "cookie"
    trusted: tuple[str, ...] = ()
    """Proxies before this one, whose X-Forwarded-For is believed: addresses or networks."""
    static: str = ""
    """Folder of files the proxy serves itself where it can (nginx)."""
    connections_per_address: int = 2_000
    requests_per_second: int = 200
    """Of one address, averaged over ten seconds."""
    connects_per_second: int = 100
    """New sockets of one address, averaged over ten seconds."""
    largest_body: str = "1M"


@dataclass(frozen=True)
class RolloutSettings:
    """How a reload goes. Environment: FLEET_ROLLOUT_…"""

    ready_seconds: float = 60.0
    """A new worker must be ready in that time."""
    smoke: tuple[str, ...] = ()
    """A command that tries the new workers; exit code 0 means good. FLEET_NEW and FLEET_OLD hold their URLs."""
    smoke_seconds: float = 30.0
    canary_seconds: float = 10.0
    """How long one new worker serves beside the old ones before the rest; 0: not at all."""
    canary_errors: float = 0.02
    """Share of failing requests above the old workers' that ends the rollout."""
    canary_slower: float = 3.0
    """How many times the old workers' mean answer time ends it."""
    drain_seconds: float = 5.0
    """Over how long old workers ask their clients to come back."""
    warm_seconds: float = 600.0
    """How long the old colour is kept for a rollback."""


@dataclass(frozen=True)
class ScaleSettings:
    """Bounds of scaling by itself; least = most: it does not. Environment: FLEET_SCALE_…"""

    least: int = 0
    most: int = 0
    sockets: int = 5_000
    """Of one worker: more start another."""
    lag: float = 0.2
    """Seconds of loop lag, sustained, that start another."""
    every: float = 10.0


@dataclass(frozen=True)
class FleetSettings:
    """Everything in force. Paths are absolute. Environment: FLEET_…"""

    mode: str = "production"
    directory: Path = Path("data/fleet")
    """State, sockets and generated configuration."""
    log_dir: Path = Path("logs")
    workers: str = "max"
    """A number, or "max": one for each core. Development has one, balanced four."""
    ports: str = "3001-3100"
    """The workers' ports, from-to; half of them must be enough for one colour."""
    command: tuple[str, ...] = (sys.executable, "-m", "hubbub", "serve")
    release: str = ""
    """A folder the workers run in, perhaps a link; its resolved name is the release. Empty: here."""
    watch: tuple[str, ...] = ("hubbub",)
    """Development: folders whose files' change restarts the worker."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Of every worker, over the supervisor's own."""
    local: bool = False
    """PostgreSQL and Redis run here too, under the supervisor."""
    grace_seconds: float = 5.0
    probe_path: str = "/readyz"
    probe_every: float = 30.0
    probe_timeout: float = 5.0
    heartbeats_missed: int = 5
    memory_soft: str = "1G"
    """A worker above it is replaced, drained and stopped."""
    memory_every: float = 2.0
    restarts: int = 5
    """Exits younger than `least_uptime` after which a worker is given up."""
    least_uptime: float = 10.0
    log_bytes: str = "50M"
    log_days: float = 1.0
    """Logs are rotated at that size or age."""
    log_kept: int = 10
    log_gzip: bool = False
    """Compress rotated logs."""
    metrics: str = "127.0.0.1:9180"
    """Where the supervisor serves /metrics for the whole fleet; empty: nowhere."""
    proxy: ProxySettings = field(default_factory=ProxySettings)
    rollout: RolloutSettings = field(default_factory=RolloutSettings)
    scale: ScaleSettings = field(default_factory=ScaleSettings)

    @property
    def count(self) -> int:
        """How many workers to start with."""
        if self.mode == "development":
            return 1
        if self.mode == "balanced" and self.workers == "max":
            return BALANCED_WORKERS
        return os.cpu_count() or 1 if self.workers == "max" else int(self.workers)

    @property
    def port_range(self) -> range:
        first, _, last = self.ports.partition("-")
        return range(int(first), int(last or first) + 1)


def load_settings(
    path: Path | None = None, environment: Mapping[str, str] = os.environ, **overrides: Any
) -> FleetSettings:
    """Reads hubbub.toml (`path`, else the one here, if any), then the environment, then `overrides`.

    Raises SettingsError.
    """
    file = path or Path("hubbub.toml")
    given: dict[str, Any] = {}
    if path is not None or file.exists():
        try:
            given = tomllib.loads(file.read_text()).get("fleet", {})
        except (OSError, ValueError) as error:
            raise SettingsError(f"{file}: {error}") from None
    given |= {name: value for name, value in overrides.items() if value is not None}
    settings: FleetSettings = build(FleetSettings, given, "FLEET_", environment)
    check(settings)
    return settings


def dump_settings(settings: FleetSettings) -> dict[str, Any]:
    """Plain data for JSON, from which `parse_settings` makes the same again."""

    def plain(value: Any) -> Any:
        if is_dataclass(value):
            return {item.name: plain(getattr(value, item.name)) for item in fields(value)}
        return str(value) if isinstance(value, Path) else value

    data: dict[str, Any] = plain(settings)
    return data


def parse_settings(data: Mapping[str, Any]) -> FleetSettings:
    """The settings that were dumped, whatever the environment says. Raises SettingsError."""
    settings: FleetSettings = build(FleetSettings, data, "FLEET_", {})
    check(settings)
    return settings


def build(kind: Any, given: Mapping[str, Any], prefix: str, environment: Mapping[str, str]) -> Any:
    """An object of that class from a table of the file and the variables with that prefix."""
    hints = get_type_hints(kind)
    names = {item.name for item in fields(kind)}
    unknown = sorted(set(given) - names)
    if unknown:
        raise SettingsError(f"{prefix}{unknown[0].upper()}: there is no such setting.")
    values: dict[str, Any] = {}
    for name in names:
        variable = f"{prefix}{name.upper()}"
        hint = hints[name]
        if hint in (ProxySettings, RolloutSettings, ScaleSettings):
            values[name] = build(hint, given.get(name, {}), f"{variable}_", environment)
        elif variable in environment and name != "environment":
            values[name] = read(hint, environment[variable], variable)
        elif name in given:
            values[name] = read(hint, given[name], variable)
    made = kind(**values)
    if kind is FleetSettings:
        paths = {name: getattr(made, name).absolute() for name in ("directory", "log_dir")}
        return kind(**{item.name: getattr(made, item.name) for item in fields(kind)} | paths)
    return made


def read(hint: Any, value: Any, name: str) -> Any:
    """A value of the hinted type, from TOML or from text. Raises SettingsError."""
    try:
        if hint is bool and isinstance(value, str):
            return {"true": True, "1": True, "false": False, "0": False, "": False}[value.lower()]
        if hint == tuple[str, ...]:
            return tuple(value.split()) if isinstance(value, str) else tuple(map(str, value))
        if hint == Mapping[str, str]:
            return {str(key): str(word) for key, word in value.items()}
        return hint(value)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise SettingsError(f"{name}: {value!r} cannot be used.") from None


def check(settings: FleetSettings) -> None:
    """Raises SettingsError for what can be seen to be wrong before anything starts."""
    for name, value, allowed in (
        ("FLEET_MODE", settings.mode, MODES),
        ("FLEET_PROXY_DRIVER", settings.proxy.driver, DRIVERS),
        ("FLEET_PROXY_STICKINESS", settings.proxy.stickiness, STICKINESS),
    ):
        if value not in allowed:
            raise SettingsError(f"{name}: {value!r} is none of {', '.join(allowed)}.")
    if settings.workers != "max" and not re.fullmatch(r"[1-9]\d{0,2}", settings.workers):
        raise SettingsError("FLEET_WORKERS must be a number above 0, or max.")
    if not re.fullmatch(r"\d+(-\d+)?", settings.ports) or len(settings.port_range) < 2:
        raise SettingsError("FLEET_PORTS must be a range such as 3001-3100.")
    if settings.count * 2 > len(settings.port_range):
        raise SettingsError("FLEET_PORTS: a reload needs twice as many ports as there are workers.")
    if not 0 <= settings.scale.least <= settings.scale.most:
        raise SettingsError("FLEET_SCALE_LEAST must be between 0 and FLEET_SCALE_MOST.")
    if settings.scale.most * 2 > len(settings.port_range):
        raise SettingsError("FLEET_SCALE_MOST: a reload needs twice as many ports (FLEET_PORTS).")
    if settings.proxy.https and not settings.proxy.certificate:
        raise SettingsError("FLEET_PROXY_CERTIFICATE: https needs one, or self-signed for a trial.")
    for name, text in (
        ("FLEET_MEMORY_SOFT", settings.memory_soft),
        ("FLEET_LOG_BYTES", settings.log_bytes),
        ("FLEET_PROXY_LARGEST_BODY", settings.proxy.largest_body),
    ):
        try:
            size(text)
        except ValueError:
            raise SettingsError(f"{name}: {text!r} is no size such as 512M.") from None


def size(text: str) -> int:
    """Bytes of a size such as 512M or 1G. Raises ValueError."""
    match = re.fullmatch(r"(\d+)([KMG]?)", text)
    if match is None:
        raise ValueError(f"{text!r} is no size")
    return int(match[1]) * UNITS[match[2]]
