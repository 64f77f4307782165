"""Every alert rule fires when it shall and resolves afterwards, as Prometheus itself evaluates it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from scripts.packages import find_program

FOLDER = Path(__file__).parents[2] / "deploy/prometheus"
RULES = FOLDER / "alerts.yml"
WORKER = 'worker="blue-1"'

Case = tuple[str, dict[str, str], int, int]
# The alert, its series (one value a minute: `5x3` is four fives), when it fires and when it has resolved, in minutes.
CASES: list[Case] = [
    ("Outage", {'up{job="hubbub"}': "1x4 0x4 1x20"}, 8, 12),
    ("Outage", {'fleet_workers_ready{job="hubbub"}': "2x4 0x4 1x20"}, 8, 12),
    ("NoMetrics", {'up{job="hubbub"}': "_x10 1x20"}, 8, 13),
    (
        "HighErrorRate",
        {
            'hubbub_http_requests_total{route="/a",status="200"}': "0+100x60",
            'hubbub_http_requests_total{route="/a",status="500"}': "0x5 0+10x10 100x40",
            # A worker that drains says 503 to the probes.
            'hubbub_http_requests_total{route="/readyz",status="503"}': "0+300x60",
        },
        12,
        30,
    ),
    (
        "SlowAnswers",
        {
            'hubbub_http_seconds_bucket{route="/a",le="1.0"}': "0+1x20 30+10x30",
            'hubbub_http_seconds_bucket{route="/a",le="5.0"}': "0+10x51",
            'hubbub_http_seconds_bucket{route="/a",le="+Inf"}': "0+10x51",
            'hubbub_http_seconds_bucket{route="other",le="1.0"}': "0+1000x51",
            'hubbub_http_seconds_bucket{route="other",le="+Inf"}': "0+1000x51",
        },
        15,
        35,
    ),
    ("WorkerMissing", {"fleet_workers_ready": "1x10 2x20", "fleet_workers_wanted": "2x30"}, 5, 12),
    (
        "WorkerFailed",
        {'fleet_process_state{process="blue-1",state="failed"}': "0x4 1x4 0x9"},
        7,
        11,
    ),
    (
        "WorkerRestarting",
        {'fleet_process_restarts_total{process="blue-1"}': "0x5 0+1x5 5x40"},
        11,
        35,
    ),
    (
        "WorkerSilent",
        {'fleet_process_heartbeat_age_seconds{process="blue-1"}': "1x4 60x4 1x9"},
        7,
        11,
    ),
    ("WorkerMemory", {'fleet_process_memory_bytes{kind="worker"}': "1.2e9x10 5e8x9"}, 7, 13),
    ("LoopLag", {f"hubbub_loop_lag_max_seconds{{{WORKER}}}": "2x10 0.01x9"}, 5, 13),
    ("FleetAlarm", {'fleet_alarm{name="proxy",about="proxy"}': "1x10 _x9"}, 7, 17),
    (
        "RolloutFailed",
        {
            'fleet_rollout_outcome{outcome="failed"}': "1x100",
            "fleet_rollout_ended_seconds": "600x100",
        },
        20,
        75,
    ),
    ("NodeDeaf", {f'hubbub_bus_state{{{WORKER},state="deaf"}}': "0x4 1x4 0x9"}, 7, 11),
    ("BusDegraded", {f'hubbub_bus_state{{{WORKER},state="degraded"}}': "0x4 1x4 0x9"}, 8, 11),
    ("BusDegraded", {f"hubbub_bus_ok{{{WORKER}}}": "1x4 0x4 1x9"}, 8, 11),
    ("JobsDead", {f"hubbub_jobs_dead{{{WORKER}}}": "2x5 0x9"}, 3, 8),
    ("JobsLate", {f"hubbub_jobs_oldest_seconds{{{WORKER}}}": "400x15 0x9"}, 8, 18),
    ("RelayBehind", {f"hubbub_relay_lag_entries{{{WORKER}}}": "20000x10 0x9"}, 8, 13),
    ("RelayBehind", {f"hubbub_relay_failing{{{WORKER}}}": "1x10 0x9"}, 8, 13),
    ("BackupOld", {"hubbub_backup_completed_seconds": "-93000x26 1800x20"}, 24, 30),
    (
        "MemoryShort",
        {"host_memory_available_bytes": "5x10 50x20", "host_memory_total_bytes": "100x30"},
        8,
        13,
    ),
    ("DiskShort", {"host_disk_free_bytes": "5x10 50x20", "host_disk_total_bytes": "100x30"}, 8, 13),
    (
        "DiskFilling",
        {"host_disk_free_bytes": "1e9-1e6x90 5e9x40", "host_disk_total_bytes": "4e9x130"},
        80,
        110,
    ),
    (
        "ProcessorBusy",
        {
            'host_cpu_seconds_total{mode="idle"}': "0x30 0+60x40",
            'host_cpu_seconds_total{mode="user"}': "0+60x70",
        },
        25,
        50,
    ),
    ("CertificateEnds", {"fleet_certificate_expires_seconds": "864000x69 8640000x60"}, 66, 75),
    ("CertificateEndsSoon", {"fleet_certificate_expires_seconds": "172800x9 8640000x20"}, 5, 13),
]


@pytest.fixture
def promtool() -> str:
    return find_program("prometheus", "promtool")


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_every_alert_is_tried_and_says_what_to_do() -> None:
    assert {rule["alert"] for rule in rules()} == {case[0] for case in CASES}
    for rule in rules():
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["action"]


def test_each_alert_fires_and_resolves(promtool: str, tmp_path: Path) -> None:
    tests = []
    for alert, series, fires, resolved in CASES:
        firing = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)'
        expected = [(0, 0), (fires, 1), (resolved, 0)]
        if alert in ("RolloutFailed", "CertificateEndsSoon"):
            # Without a delay, and what it asks for is so from the beginning.
            expected = expected[1:]
        tests.append(
            {
                "interval": "1m",
                "input_series": [{"series": k, "values": v} for k, v in series.items()],
                "promql_expr_test": [
                    {
                        "expr": firing,
                        "eval_time": f"{minute}m",
                        "exp_samples": [{"labels": "{}", "value": value}],
                    }
                    for minute, value in expected
                ],
            }
        )
    # JSON is YAML.
    file = tmp_path / "alerts.json"
    document = {"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": tests}
    file.write_text(json.dumps(document))
    done = subprocess.run(
        [promtool, "test", "rules", str(file)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_configuration_is_valid(promtool: str) -> None:
    done = subprocess.run(
        [promtool, "check", "config", str(FOLDER / "prometheus.yml")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
