"""The load generator counts what arrives, and notices what does not."""

import json
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.peers.servers import Server, hubbub_gateway, running_server
from scripts.house import ROOT

SOURCES = ROOT / "bench" / "load"
FORGETFUL = """
    import sys
    from hubbub.gateway import echo
    from hubbub.gateway.namespace import Namespace

    emit = Namespace.emit
    count = 0

    def forget(self, event, *args, **options):
        global count
        count += event == "msg"
        if event != "msg" or count % 10:
            emit(self, event, *args, **options)

    Namespace.emit = forget
    echo.main()
"""


@pytest.fixture(scope="session")
def load(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The load generator, built apart from the checkout."""
    if not (shutil.which("gcc") and shutil.which("make")):
        pytest.skip("there is no C compiler")
    folder = tmp_path_factory.mktemp("load") / "load"
    shutil.copytree(SOURCES, folder, ignore=shutil.ignore_patterns("*.o", "load", "writer"))
    built = subprocess.run(["make", "-C", folder], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    assert "warning" not in built.stderr
    return folder / "load"


@pytest.fixture(scope="module")
def gateway() -> Iterator[Any]:
    with running_server(hubbub_gateway(), core=None) as running:
        yield running


def measure(load: Path, running: Any, *words: str) -> dict[str, Any]:
    common = ["--port", str(running.port), "--pid", str(running.pid)]
    common += ["--seconds", "0.5", "--warmup", "0.1"]
    done = subprocess.run([load, *words, *common], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    "words",
    [
        ("--rate", "100"),
        ("--publishers", "2", "--window", "4"),
        ("--rate", "100", "--binary", "--size", "1000"),
        ("--rate", "50", "--protocol", "polling"),
        ("--rate", "100", "--size", "70000"),
    ],
)
def test_every_delivery_is_counted(load: Path, gateway: Any, words: tuple[str, ...]) -> None:
    found = measure(load, gateway, "fanout", "--sockets", "12", "--rooms", "3", *words)
    assert found["sent"] > 0
    assert found["missing"] == found["out_of_order"] == 0
    assert found["deliveries"] > 0
    assert 0 < found["p50_ms"] <= found["p99_ms"] <= found["max_ms"]
    assert found["server_cpu"] > 0


def test_echoes_and_idle_sockets(load: Path, gateway: Any) -> None:
    found = measure(load, gateway, "echo", "--sockets", "5", "--window", "1")
    assert found["deliveries"] > 5
    found = measure(load, gateway, "idle", "--sockets", "20", "--sources", "3")
    assert found["connects_per_second"] > 0
    assert found["not_closed"] == 0


def test_events_at_a_rate_are_asked_in_turn(load: Path, gateway: Any, tmp_path: Path) -> None:
    """Every one of them is answered, and what is refused is counted."""
    script = tmp_path / "script"
    events = [["message-with-ack", {"ok": n < 2, "key": "%K", "list": [n]}] for n in range(3)]
    script.write_text((json.dumps({"auth": {}, "setup": [], "events": events}) + "\n") * 4)
    words = ("post", "--sockets", "4", "--rate", "120", "--script", str(script))
    found = measure(load, gateway, *words)
    assert found["asked"] == found["all_acks"] + found["errors"]
    assert found["asked"] / 4 <= found["errors"] <= found["asked"] / 2
    assert found["p50_ms"] > 0


def test_what_a_server_forgets_is_missing(load: Path, tmp_path: Path) -> None:
    script = tmp_path / "forgetful.py"
    script.write_text(textwrap.dedent(FORGETFUL))
    server = Server(
        "forgetful",
        "",
        (sys.executable, str(script), "--port", "{port}"),
        {"PYTHONPATH": str(ROOT)},
        "/socket.io/?EIO=4&transport=polling",
    )
    with running_server(server, core=None) as running:
        found = measure(load, running, "fanout", "--sockets", "4", "--rate", "100")
    assert found["missing"] > 0
    assert found["missing"] % 4 == 0
    assert found["out_of_order"] > 0
