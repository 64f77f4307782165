"""A real fleet of the product: its /metrics is whole and valid, and has all that dashboard and alerts ask for."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from prometheus_client.parser import text_string_to_metric_families

from hubbub.fleet.settings import ProxySettings
from tests.fleet.fleets import PATIENCE, Fleet
from tests.servers import free_port

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARD = DEPLOY / "grafana/hubbub.json"
METRIC = re.compile(r"\b(?:hubbub|fleet|host|haproxy|process|python)_[a-z0-9_]+")
NOT_HERE = {
    # Without RELAY_URL there is no relay, and backups come with an issue of their own.
    "hubbub_relay_lag_entries",
    "hubbub_relay_failing",
    "hubbub_backup_completed_seconds",
}
TOKEN = "a-token-for-metrics-only"


@pytest.fixture(scope="module")
def told() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """/metrics and combined.log of a supervisor with one worker of the product, and HAProxy with TLS."""
    # A short path: unix sockets have 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="hubbub-dash-"))
    metrics, http, https = (f"127.0.0.1:{free_port()}" for _ in range(3))
    fleet = Fleet(
        folder,
        workers="1",
        command=(sys.executable, "-m", "hubbub", "serve"),
        metrics=metrics,
        environment={
            "DATA_DIR": str(folder / "data"),
            "LOG_DIR": str(folder / "logs"),
            "METRICS_TOKEN": TOKEN,
        },
        proxy=ProxySettings(http=http, https=https, certificate="self-signed"),
    )
    try:
        fleet.start()
        fleet.ready(1)
        fleet.until(lambda: fleet.worker("blue-1")["heard_at"])
        fleet.until(lambda: answers(f"http://{http}/"))
        page = whole_page(metrics)
        log = (folder / "logs/combined.log").read_bytes()
        yield page, [json.loads(line) for line in log.splitlines()]
    finally:
        fleet.close()
        shutil.rmtree(folder, ignore_errors=True)


def whole_page(address: str) -> str:
    """With what the worker and the proxy have to say: who is slow is left out of one page, and is in a later one."""
    deadline = time.monotonic() + PATIENCE
    while True:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=PATIENCE) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            page: str = answer.read().decode()
        whole = re.search(r"^fleet_worker_scraped\{.*\} 1$", page, re.M) and "\nhaproxy_" in page
        if whole or time.monotonic() > deadline:
            return page


@pytest.fixture(scope="module")
def page(told: tuple[str, list[dict[str, Any]]]) -> str:
    return told[0]


def answers(url: str) -> bool:
    """Anything at all: the redirect to a certificate nobody trusts is an answer too."""
    try:
        urllib.request.build_opener(NoRedirect).open(url, timeout=10).close()
    except OSError as error:
        return hasattr(error, "code")
    return True


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


@pytest.fixture(scope="module")
def names(page: str) -> set[str]:
    """What has samples, or is declared and will have some once there is something to count."""
    found = set(re.findall(r"^# TYPE (\S+)", page, re.M))
    for family in text_string_to_metric_families(page):
        found |= {sample.name for sample in family.samples}
    return found


def expressions() -> list[str]:
    """Everything the dashboard asks Prometheus."""
    board = json.loads(DASHBOARD.read_text())
    found = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    found += [item["expr"] for item in board["annotations"]["list"]]
    found += [item["query"]["query"] for item in board["templating"]["list"][1:]]
    return found


def test_the_page_is_valid_and_has_the_worker(page: str) -> None:
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=page, capture_output=True, text=True, timeout=60
    )
    # 3 is advice on names; HAProxy has one that promtool would call otherwise.
    assert done.returncode in (0, 3), done.stderr
    ours = [line for line in done.stderr.splitlines() if not line.startswith("haproxy_")]
    assert ours == []
    assert re.search(
        r'^hubbub_sockets\{worker="blue-1",colour="blue",release="[^"]*"\} 0', page, re.M
    )
    assert 'fleet_worker_scraped{worker="blue-1"' in page
    assert re.search(r'^hubbub_http_seconds_bucket\{worker="blue-1".*route="/readyz"', page, re.M)
    assert TOKEN not in page


def test_supervisor_and_worker_share_a_log(told: tuple[str, list[dict[str, Any]]]) -> None:
    lines = told[1]
    assert {"supervisor", "blue-1"} <= {line["worker"] for line in lines}
    assert all({"time", "level", "event", "node"} <= set(line) for line in lines)
    assert any(line["event"] == "Hubbub is up" for line in lines)


def test_the_dashboard_asks_for_what_there_is(names: set[str]) -> None:
    asked = {name for text in expressions() for name in METRIC.findall(text)}
    assert len(asked) > 30
    assert asked - names == set()


def test_the_alerts_ask_for_what_there_is(names: set[str]) -> None:
    groups = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())["groups"]
    rules = [rule["expr"] for group in groups for rule in group["rules"]]
    asked = {name for text in rules for name in METRIC.findall(text)}
    assert asked - names - NOT_HERE == set()


def test_what_the_dashboard_asks_is_valid(tmp_path: Path) -> None:
    rules = [
        {"record": f"dashboard:{number}", "expr": text.replace("$__rate_interval", "5m")}
        for number, text in enumerate(expressions())
        if not text.startswith("label_values")
    ]
    file = tmp_path / "rules.json"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = subprocess.run(
        ["promtool", "check", "rules", str(file)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_panels_have_their_own_places() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
