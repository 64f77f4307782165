"""The fleet's settings with Hubbub's own defaults put in, which `hubbub/fleet` itself knows nothing of."""

import os
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import hubbub.settings as hubbub_settings
from hubbub.fleet.daemon import SETTINGS, settings_of
from hubbub.fleet.errors import FleetError
from hubbub.fleet.settings import FleetSettings, SettingsError, load_settings
from hubbub.settings import Settings

PREFIX = "FLEET_"
LOOPBACK = "127.0.0.1"
FILE = Path("hubbub.toml")
DEFAULT = FleetSettings.directory
SMOKE = (sys.executable, "-m", "hubbub", "smoke")


def read_settings(pid: int = 0) -> FleetSettings:
    """hubbub.toml and the environment as they are now.

    With `pid`, a running supervisor's: its folder, and its environment's FLEET_… where ours says nothing else, so
    that a reload from another shell means the same. Raises FleetError or SettingsError.
    """
    environment: dict[str, str] = dict(os.environ)
    if pid:
        try:
            kept = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
            os.chdir(f"/proc/{pid}/cwd")
            os.chdir(Path.cwd().resolve())
        except OSError as error:
            raise FleetError(
                f"The supervisor, process {pid}, cannot be looked at: {error}."
            ) from None
        theirs = dict(line.split("=", 1) for line in kept.split("\0") if line.startswith(PREFIX))
        environment = theirs | environment
    settings = load_settings(environment=environment)
    if settings.release:
        # A link may lead elsewhere by the time a worker is added.
        settings = replace(settings, release=str(Path(settings.release).resolve()))
    return with_defaults(settings)


def current_settings() -> FleetSettings:
    """What the fleet of this folder was started by, or would be.

    hubbub.toml may be wrong by now, and must not keep anybody from a rollback. Raises SettingsError where there was no
    start yet, or the folder of the state cannot be found.
    """
    directory = os.environ.get("FLEET_DIRECTORY", "")
    try:
        table = tomllib.loads(FILE.read_text()).get("fleet", {})
        directory = directory or str(table.get("directory", ""))
    except FileNotFoundError:
        pass
    except (OSError, ValueError, AttributeError) as error:
        if not directory and not (DEFAULT / SETTINGS).exists():
            raise SettingsError(f"{FILE}: {error}") from None
    found = (Path(directory) if directory else DEFAULT).absolute()
    return settings_of(found) if (found / SETTINGS).exists() else load_settings()


def with_defaults(settings: FleetSettings) -> FleetSettings:
    """What Hubbub's workers need, where hubbub.toml says nothing else. Raises FleetError."""
    if not runs_hubbub(settings):
        return settings
    hubbub = product_settings(settings)
    given = {"LOG_DIR": str(settings.log_dir)}
    if settings.proxy.driver != "none":
        trusted = dict.fromkeys([*hubbub.trusted_proxies, LOOPBACK])
        given["TRUSTED_PROXIES"] = ",".join(trusted)
    settings = replace(
        settings,
        environment={**given, **settings.environment},
        rollout=replace(settings.rollout, smoke=settings.rollout.smoke or SMOKE),
    )
    reason = one_process_only(settings)
    if not reason or settings.count == 1:
        return settings
    if settings.workers == "max" and settings.mode == "production":
        return replace(settings, workers="1")
    raise FleetError(
        f"{settings.count} workers cannot be run: {reason} Set DATABASE_URL and REDIS_URL, or use --local."
    )


def runs_hubbub(settings: FleetSettings) -> bool:
    """Whether the workers are Hubbub's own, and not another program that keeps the contract."""
    return "hubbub" in settings.command and "serve" in settings.command


def product_settings(settings: FleetSettings) -> Settings:
    """Hubbub's settings as a worker will read them. Raises its SettingsError for those it would refuse."""
    given: dict[str, object] = {name.lower(): value for name, value in settings.environment.items()}
    return hubbub_settings.load_settings(**given, _env_file=Path(settings.release, ".env"))


def one_process_only(settings: FleetSettings) -> str:
    """Why two workers cannot serve the same workspace, in a sentence; "" when they can."""
    if settings.local or not runs_hubbub(settings):
        return ""
    hubbub = product_settings(settings)
    if hubbub.database.startswith("sqlite"):
        return "SQLite serves one process."
    if not hubbub.redis_url:
        return "Without Redis (REDIS_URL) the database is served by one process."
    return ""
