"""What `hubbub fleet` puts into the fleet's settings for Hubbub, and where it finds them again."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hubbub.cli.fleet_settings import (
    SMOKE,
    current_settings,
    one_process_only,
    read_settings,
    with_defaults,
)
from hubbub.fleet.errors import FleetError
from hubbub.fleet.settings import FleetSettings, ProxySettings, SettingsError
from hubbub.settings import SettingsError as ProductSettingsError

SHARED = {"DATABASE_URL": "postgresql://hubbub@localhost/hubbub", "REDIS_URL": "redis://localhost"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in, and nothing of ours in the environment."""
    for name in list(os.environ):
        if name.startswith("FLEET_") or name in ("DATABASE_URL", "REDIS_URL", "TRUSTED_PROXIES"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fleet(**changes: object) -> FleetSettings:
    return FleetSettings(log_dir=Path("/var/log/hubbub"), **changes)  # type: ignore[arg-type]


def test_workers_get_what_they_need_unless_the_file_says_otherwise() -> None:
    made = with_defaults(fleet(environment={**SHARED, "TRUSTED_PROXIES": "10.0.0.1"}))
    assert made.rollout.smoke == SMOKE
    assert made.environment["LOG_DIR"] == "/var/log/hubbub"
    assert made.environment["TRUSTED_PROXIES"] == "10.0.0.1"
    assert with_defaults(fleet(environment=SHARED)).environment["TRUSTED_PROXIES"] == "127.0.0.1"
    alone = with_defaults(fleet(environment=SHARED, proxy=ProxySettings(driver="none")))
    assert "TRUSTED_PROXIES" not in alone.environment


def test_proxies_before_ours_stay_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.1")
    made = with_defaults(fleet(environment=SHARED))
    assert made.environment["TRUSTED_PROXIES"] == "10.0.0.1,127.0.0.1"


def test_another_program_gets_nothing_of_hubbub() -> None:
    other = fleet(command=("my-server",))
    assert with_defaults(other) == other


@pytest.mark.parametrize("missing", ["DATABASE_URL", "REDIS_URL"])
def test_what_cannot_be_shared_is_served_by_one(missing: str) -> None:
    given = {name: value for name, value in SHARED.items() if name != missing}
    assert with_defaults(fleet(environment=given)).count == 1
    assert one_process_only(fleet(environment=given))
    for more in (fleet(environment=given, workers="2"), fleet(environment=given, mode="balanced")):
        with pytest.raises(FleetError, match="one process"):
            with_defaults(more)
    assert not one_process_only(fleet(environment=given, local=True))
    assert not one_process_only(fleet(environment=SHARED))


def test_what_hubbub_would_refuse_is_refused_at_once() -> None:
    with pytest.raises(ProductSettingsError, match="JWT_SECRET"):
        with_defaults(fleet(environment={**SHARED, "HUBBUB_ENV": "production", "JWT_SECRET": "x"}))


def test_the_env_file_of_the_release_counts(folder: Path) -> None:
    release = folder / "release"
    release.mkdir()
    (release / ".env").write_text("\n".join(f"{name}={value}" for name, value in SHARED.items()))
    assert one_process_only(fleet())
    assert not one_process_only(fleet(release=str(release)))


def test_a_reload_from_another_shell_means_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (folder / "hubbub.toml").write_text('[fleet]\nports = "4001-4100"\nworkers = "3"\n')
    supervisor = subprocess.Popen(
        [sys.executable, "-c", "import time; print('', flush=True); time.sleep(60)"],
        env={**os.environ, **SHARED, "FLEET_GRACE_SECONDS": "7", "FLEET_COMMAND": "my-server"},
        stdout=subprocess.PIPE,
    )
    try:
        assert supervisor.stdout is not None
        supervisor.stdout.readline()
        monkeypatch.chdir(elsewhere)
        monkeypatch.setenv("FLEET_WORKERS", "4")
        made = read_settings(supervisor.pid)
        assert (made.ports, made.grace_seconds, made.workers) == ("4001-4100", 7.0, "4")
        assert made.directory == folder / "data" / "fleet"
    finally:
        supervisor.kill()
        supervisor.communicate()
    with pytest.raises(FleetError, match="cannot be looked at"):
        read_settings(supervisor.pid)


def test_the_release_is_where_its_link_leads_now(folder: Path) -> None:
    (folder / "one").mkdir()
    (folder / "current").symlink_to("one")
    (folder / "hubbub.toml").write_text('[fleet]\nrelease = "current"\ncommand = ["my-server"]\n')
    assert read_settings().release == str((folder / "one").resolve())


def test_a_spoiled_file_hides_no_fleet_that_can_be_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert current_settings().directory == folder / "data" / "fleet"
    (folder / "hubbub.toml").write_text("[fleet")
    with pytest.raises(SettingsError, match=r"hubbub\.toml"):
        current_settings()
    monkeypatch.setenv("FLEET_DIRECTORY", str(folder / "state"))
    with pytest.raises(SettingsError, match=r"hubbub\.toml"):
        current_settings()
    from hubbub.fleet.daemon import hand_over

    started = replace(fleet(), directory=folder / "state", log_dir=folder / "logs", workers="3")
    hand_over(started)
    assert current_settings() == started
