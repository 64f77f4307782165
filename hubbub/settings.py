"""Every setting of Hubbub, read once from the environment.

Precedence: the process environment, then `.env` in the working directory, then these defaults (12-factor, III).
"""

import os
import re
import secrets
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Environment = Literal["development", "staging", "production"]

WELL_KNOWN_SECRETS = frozenset(
    {"secret", "changeme", "change-me", "your-secret-key", "your_jwt_secret", "password", "hubbub"}
)
SHORTEST_SECRET = 32

Words = Annotated[tuple[str, ...], NoDecode]
Role = Literal["all", "api", "realtime", "jobs"]
Roles = Annotated[tuple[Role, ...], NoDecode]


class SettingsError(Exception):
    """The settings cannot be used; the message names each variable at fault, one sentence each."""


class Settings(BaseSettings):
    """What is in force. Field names are the environment's variables in lower case."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, populate_by_name=True
    )

    hubbub_env: Environment = Field("development", description="development, staging or production")
    host: str = Field("127.0.0.1", description="Address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one")
    public_url: str = Field(
        "", description="How people reach this workspace: https://chat.example.com"
    )
    database_url: str = Field(
        "",
        description="postgresql://… (several hosts with commas) or sqlite:///…; empty: SQLite in DATA_DIR",
    )
    database_pool: int = Field(8, ge=2, le=100, description="Database connections for reading")
    database_replica_url: str = Field(
        "", description="PostgreSQL replicas, hosts with commas; they serve history and search"
    )
    redis_url: str = Field(
        "",
        description="redis://…, rediss://…, redis+sentinel://… or redis+cluster://…; joins processes",
    )
    jobs_url: str = Field(
        "", description="amqp://…, nats://… or redis://…; wakes job workers; empty: they look"
    )
    relay_url: str = Field(
        "", description="amqp://…, nats://… or kafka://…; every entry of the log is published there"
    )
    jwt_secret: SecretStr = Field(
        SecretStr(""),
        description="Signs access tokens; comma-separated to rotate, the first signs. "
        "Empty outside production: made once and kept in DATA_DIR",
    )
    allowed_origins: Words = Field(
        (), description="Other origins the browser client is served from, comma-separated"
    )
    trusted_proxies: Words = Field(
        (), description="Addresses or networks whose X-Forwarded-For is believed, comma-separated"
    )
    role: Roles = Field(
        ("all",),
        description="What this process does; apart only on PostgreSQL: api, realtime, jobs, or several with commas",
    )
    data_dir: Path = Field(Path("data"), description="Database, secrets and files live here (0700)")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Log level")
    log_dir: Path | None = Field(None, description="Also log to combined.log and error.log here")
    signup_open: bool = Field(False, description="Anyone may sign up without an invitation")
    node_name: str = Field("", description="This process's name in health and metrics")
    log_retention_days: int = Field(30, ge=1, description="Days the log of changes is kept")
    session_hours: float = Field(24.0, gt=0, description="Hours a session lives after its last use")
    guest_idle_hours: float = Field(
        2.0, gt=0, description="Hours after last use a guest session ends"
    )
    max_body_bytes: int = Field(1_000_000, ge=10_000, description="Largest HTTP request body")
    max_sockets: int = Field(50_000, ge=1, description="Sockets one process accepts")
    max_sockets_per_address: int = Field(
        2_000, ge=0, description="Sockets of one address, an office perhaps; 0: no limit"
    )
    connects_per_address: int = Field(
        100, ge=0, description="New sockets of one address a second, ten times that at once; 0: any"
    )
    web_dir: Path | None = Field(
        None, description="The built browser client; empty: the one shipped"
    )
    rate_limits: bool = Field(
        True, description="Hold requests, sockets and their events to the limits"
    )
    login_attempts: int = Field(5, ge=1, description="Sign-in attempts in 15 minutes")
    anonymous_calls: int = Field(100, ge=1, description="Anonymous API calls in 15 minutes")
    metrics_token: SecretStr = Field(
        SecretStr(""), description="Bearer token for /metrics; empty: loopback only"
    )
    traces_url: str = Field(
        "",
        validation_alias=AliasChoices("traces_url", "otel_exporter_otlp_endpoint"),
        description="OpenTelemetry traces go there, as OTLP over HTTP: http://collector:4318; empty: none",
    )
    traces_share: float = Field(1.0, ge=0, le=1, description="Share of the requests that is traced")
    sentry_dsn: SecretStr = Field(
        SecretStr(""), description="Errors are sent to this Sentry, without secrets; empty: none"
    )

    @field_validator("allowed_origins", "trusted_proxies", mode="before")
    @classmethod
    def split_words(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(word.strip().rstrip("/") for word in value.split(",") if word.strip())
        return value

    @field_validator("role", mode="before")
    @classmethod
    def split_roles(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(word.strip() for word in value.split(",") if word.strip()) or ("all",)
        return value

    @field_validator("traces_url")
    @classmethod
    def check_traces_url(cls, value: str) -> str:
        if value and not (urlsplit(value).scheme in ("http", "https") and urlsplit(value).hostname):
            raise ValueError("must be such as http://collector:4318")
        return value.rstrip("/")

    @field_validator("public_url")
    @classmethod
    def check_public_url(cls, value: str) -> str:
        if value and urlsplit(value).scheme not in ("http", "https"):
            raise ValueError("must start with http:// or https://")
        return value.rstrip("/")

    def does(self, role: Role) -> bool:
        """Whether this process has that role."""
        return "all" in self.role or role in self.role

    @property
    def roles(self) -> str:
        """The roles as they were given."""
        return ",".join(self.role)

    @property
    def production(self) -> bool:
        return self.hubbub_env == "production"

    @property
    def database(self) -> str:
        """The database's URL, with the embedded default filled in."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'hubbub.db'}"

    @property
    def base_url(self) -> str:
        return self.public_url or f"http://{self.host}:{self.port}"

    @property
    def secure_cookies(self) -> bool:
        return self.production or self.public_url.startswith("https://")


def load_settings(**overrides: object) -> Settings:
    """The settings in force, `overrides` (as from the command line) above the environment.

    Raises SettingsError when a value is malformed, or insecure in production.
    """
    try:
        settings = Settings(**{k: v for k, v in overrides.items() if v is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        lines = [
            f"{'.'.join(map(str, problem['loc'])).upper()}: {problem['msg']}."
            for problem in error.errors()
        ]
        raise SettingsError("\n".join(lines)) from None
    problems = list(find_insecure(settings)) if settings.production else []
    if problems:
        raise SettingsError("\n".join(problems))
    return settings


def find_insecure(settings: Settings) -> list[str]:
    """One sentence for each setting that production refuses, naming the variable."""
    problems = []
    for secret in split_secrets(settings.jwt_secret) or [""]:
        if not secret:
            problems.append(
                "JWT_SECRET is missing: production needs one of at least 32 characters."
            )
        elif secret.lower() in WELL_KNOWN_SECRETS or len(set(secret)) < 8:
            problems.append("JWT_SECRET is well known or has too few different characters.")
        elif len(secret) < SHORTEST_SECRET:
            problems.append("JWT_SECRET is too short: it needs at least 32 characters.")
    if not settings.public_url.startswith("https://"):
        problems.append("PUBLIC_URL must be the https:// address people use.")
    if "*" in settings.allowed_origins:
        problems.append("ALLOWED_ORIGINS must name origins; '*' is refused in production.")
    for name, url in (
        ("DATABASE_URL", settings.database),
        ("DATABASE_REPLICA_URL", settings.database_replica_url),
    ):
        verified = parse_qs(url.partition("?")[2]).get("sslmode", [""])[-1] == "verify-full"
        if url.startswith("postgres") and is_remote(url) and not verified:
            problems.append(f"{name} must verify the server: add ?sslmode=verify-full.")
    for name, url in (
        ("REDIS_URL", settings.redis_url),
        ("JOBS_URL", settings.jobs_url),
        ("RELAY_URL", settings.relay_url),
    ):
        base, _, kind = url.partition("://")[0].partition("+")
        if base in ("redis", "amqp") and is_remote(url):
            encrypted = f"{base}s+{kind}" if kind else f"{base}s"
            problems.append(f"{name} must be encrypted: use {encrypted}://.")
    return problems


LOCAL = ("", "localhost", "127.0.0.1", "[::1]", "::1")


def is_remote(url: str) -> bool:
    """Whether any of the URL's hosts, which may be several with commas, is another machine."""
    # Not `urlsplit`: it takes several hosts in brackets for a mistake.
    place, _, query = url.partition("://")[2].partition("?")
    places = place.partition("/")[0].rpartition("@")[2].split(",")
    hosts = [re.sub(r":\d*$", "", place) for place in places]
    given = parse_qs(query)
    hosts += [
        host for key in ("host", "hostaddr") for host in ",".join(given.get(key, [])).split(",")
    ]
    # A host that is a path is a unix socket.
    return any(host not in LOCAL and not unquote(host).startswith("/") for host in hosts)


def split_secrets(secret: SecretStr) -> list[str]:
    return [word.strip() for word in secret.get_secret_value().split(",") if word.strip()]


def prepare_data_dir(path: Path) -> None:
    """Makes the data directory, readable by its owner alone.

    Raises SettingsError when it belongs to somebody else or cannot be made private.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.stat().st_mode & 0o077:
            path.chmod(0o700)
    except OSError as error:
        raise SettingsError(f"DATA_DIR {path} cannot be used: {error.strerror}.") from None


def load_secrets(settings: Settings) -> list[str]:
    """The signing secrets, newest first; outside production one is made and kept in DATA_DIR."""
    given = split_secrets(settings.jwt_secret)
    if given:
        return given
    prepare_data_dir(settings.data_dir)
    path = settings.data_dir / "jwt_secret"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        pass
    else:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
            file.flush()
            os.fsync(file.fileno())
    kept = path.read_text().strip()
    if len(kept) < SHORTEST_SECRET:
        raise SettingsError(f"{path} does not hold a secret: remove it, and a new one is made.")
    return [kept]
