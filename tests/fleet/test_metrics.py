"""The fleet's /metrics: complete, valid, and there whatever a worker does."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from hubbub.fleet import metrics
from hubbub.fleet.front import Front
from hubbub.fleet.host import Host, metrics_of
from hubbub.fleet.metrics import Page, merged
from hubbub.fleet.settings import load_settings
from hubbub.fleet.table import Alarm, Process, Rollout
from scripts.packages import find_program
from tests.servers import free_port

pytestmark = pytest.mark.anyio

WORKER = r"""# HELP http_requests_total Requests, "quoted" \\ and more
# TYPE http_requests_total counter
http_requests_total{method="GET",route="/a}b{\"c\",d=\"e"} 3.0
http_requests_total{method="POST",route="/x\\"} 1.0 1700000000000
# HELP http_seconds Time
# TYPE http_seconds histogram
http_seconds_bucket{le="0.1"} 1.0
http_seconds_bucket{le="+Inf"} 2.0
http_seconds_count 2.0
http_seconds_sum 1.5
# TYPE bare gauge
bare NaN
own{worker="mine",other="x"} 7
this is { no sample
"""


def parse(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample by name and labels; each must be there once, and each family once."""
    families = list(text_string_to_metric_families(text))
    names = [family.name for family in families]
    assert len(names) == len(set(names))
    found: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    for family in families:
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found
            found[key] = sample.value
    return found


def check(text: str) -> None:
    """As Prometheus itself reads it; what promtool has to say of names is only advice."""
    promtool = find_program("prometheus", "promtool")
    done = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, text=True, timeout=60
    )
    assert done.returncode in (0, 3), done.stderr
    assert "error while linting" not in done.stderr, done.stderr


async def test_merges_families_of_several_workers() -> None:
    page = Page()
    for name in ("blue-1", "blue-2"):
        page.take(WORKER, {"worker": name, "colour": "blue", "release": 'r"1'})
    text = page.text()
    assert text.count("# HELP http_requests_total") == 1
    assert text.count("# TYPE http_seconds histogram") == 1
    samples = parse(text)
    where = (("colour", "blue"), ("release", 'r"1'), ("worker", "blue-2"))
    assert (
        samples[
            "http_requests_total",
            tuple(sorted((*where, ("method", "GET"), ("route", '/a}b{"c",d="e')))),
        ]
        == 3
    )
    assert samples["http_seconds_bucket", tuple(sorted((*where, ("le", "+Inf"))))] == 2
    assert samples["own", tuple(sorted((*where, ("exported_worker", "mine"), ("other", "x"))))] == 7
    # 2 requests, 4 of the histogram, bare, own; of each worker.
    assert len(samples) == 16
    check(text)


async def test_a_worker_that_contradicts_another_is_left_out() -> None:
    page = Page()
    page.take("# TYPE a counter\na 1\n", {"worker": "w1"})
    page.take("# TYPE a gauge\na 2\n# TYPE b gauge\nb 3\n", {"worker": "w2"})
    text = page.text()
    assert 'a{worker="w1"} 1' in text
    assert 'a{worker="w2"}' not in text
    assert 'b{worker="w2"} 3' in text


@asynccontextmanager
async def worker(answer: bytes | None, asked: list[bytes]) -> AsyncIterator[int]:
    """A port that answers every request with those bytes, or never."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        if answer is not None:
            writer.write(answer)
            writer.close()

    port = free_port()
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    async with server:
        yield port
        server.close()


def http(body: bytes, status: str = "200 OK") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(body), body)


class FixedProxy:
    """What the page needs of a proxy."""

    async def figures(self) -> str:
        return "# HELP haproxy_up Up\n# TYPE haproxy_up gauge\nhaproxy_up 1\n"

    def certificate_expires(self) -> float:
        return 1_900_000_000.0


async def test_tells_of_everything_though_some_do_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "WORKER_SECONDS", 5.0)
    monkeypatch.setattr(metrics, "LARGEST_WORKER", 100_000)
    (tmp_path / "hubbub.toml").write_text('[fleet.environment]\nMETRICS_TOKEN = "the-token"\n')
    fleet = Front(
        load_settings(tmp_path / "hubbub.toml", {}, directory=str(tmp_path), log_dir=str(tmp_path))
    )
    fleet.proxy = FixedProxy()  # type: ignore[assignment]
    answers = [
        http(WORKER.encode()),
        http(b"no", "403 Forbidden"),
        None,
        http(b"x 1\n" * 100_000),
        b"not http at all",
        b"",
    ]
    asked: list[bytes] = []
    async with AsyncExitStack() as stack:
        for number, answer in enumerate(answers, 1):
            fleet.table.processes.append(
                Process(
                    f"blue-{number}",
                    "worker",
                    [],
                    number=number,
                    release="/srv/releases/r7/",
                    port=await stack.enter_async_context(worker(answer, asked)),
                    state="ready",
                    pid=4_000_000 + number,
                    restarts=number,
                    memory=50 << 20,
                    heartbeat={"pid": 1, "lag": 0.25, "sockets": 12},
                    heard_at=1.0,
                )
            )
        fleet.table.processes.append(Process("proxy", "proxy", [], state="failed"))
        fleet.table.wanted = 6
        fleet.table.alarms = [
            Alarm("failed", "proxy", "it is given up", 1.0),
            Alarm("memory", "blue-1", "over", 1.0, until=2.0),
        ]
        fleet.table.rollouts = [
            Rollout("1", "ada", 1.0, "r6", "r7", ended_at=9.0, outcome="failed")
        ]
        text = await asyncio.wait_for(merged(fleet), 60)
    check(text)
    samples = parse(text)

    def value(metric: str, **labels: str) -> float | None:
        found = [
            value
            for (sample, pairs), value in samples.items()
            if sample == metric and labels.items() <= dict(pairs).items()
        ]
        assert len(found) <= 1
        return found[0] if found else None

    assert all(b"authorization: bearer the-token" in request.lower() for request in asked)
    assert value("bare", worker="blue-1", colour="blue", release="r7") is not None
    scraped = [value("fleet_worker_scraped", worker=f"blue-{n}") for n in range(1, 7)]
    assert scraped == [1, 0, 0, 0, 0, 0]
    assert value("fleet_process_state", process="proxy", state="failed") == 1
    assert value("fleet_process_state", process="proxy", state="ready") == 0
    assert value("fleet_process_restarts_total", process="blue-3", release="r7") == 3
    assert value("fleet_process_memory_bytes", process="blue-1") == 50 << 20
    assert value("fleet_process_lag_seconds", process="blue-1") == 0.25
    assert (value("fleet_process_heartbeat_age_seconds", process="blue-1") or 0) > 1e9
    assert value("fleet_workers_wanted") == 6
    assert value("fleet_workers_ready") == 6
    assert value("fleet_alarm", name="failed", about="proxy") == 1
    assert value("fleet_alarm", name="memory") is None
    assert value("fleet_rollout_outcome", outcome="failed") == 1
    assert value("fleet_certificate_expires_seconds") == 1_900_000_000
    assert value("haproxy_up") == 1
    assert (value("host_memory_total_bytes") or 0) > 1e8
    assert (value("host_disk_total_bytes") or 0) > 1e8
    assert (value("host_cpu_seconds_total", mode="idle") or 0) > 0


async def test_nothing_runs_yet(tmp_path: Path) -> None:
    settings = load_settings(environment={}, directory=str(tmp_path), log_dir=str(tmp_path))
    text = await merged(Front(settings))
    check(text)
    assert parse(text)["fleet_workers_wanted", ()] == 0


def write_proc(folder: Path, idle: int, received: int) -> None:
    (folder / "net").mkdir(parents=True, exist_ok=True)
    (folder / "stat").write_text(f"cpu  100 0 100 {idle} 0 0 0 0 0 0\ncpu0 1 2 3\n")
    (folder / "meminfo").write_text("MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable: 400 kB\n")
    head = "Inter-|   Receive\n face |bytes\n"
    line = "{}: {} 0 0 0 0 0 0 0 {} 0 0 0 0 0 0 0\n"
    text = head + line.format("    lo", 10**9, 10**9) + line.format("  eth0", received, 7)
    (folder / "net/dev").write_text(text)


async def test_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("hubbub.fleet.host.time.monotonic", lambda: clock[0])
    write_proc(tmp_path, idle=1_000, received=1_000)
    machine = Host(tmp_path, tmp_path)
    assert machine.network() == {"eth0": (1_000, 7)}
    # 100 more of user and system are not there: only idle grew, by 300 ticks.
    write_proc(tmp_path, idle=1_300, received=5_000)
    clock[0] += 2.0
    figures = machine.figures()
    assert figures["cpu"] == 0.0
    assert figures["network_in"] == 2_000
    assert figures["memory_used"] == 600 * 1024
    assert figures["memory_total"] == 1_000 * 1024
    assert 0 < figures["disk_used"] < figures["disk_total"]
    # At once again: what was found stays.
    write_proc(tmp_path, idle=1_300, received=50_000)
    assert machine.figures()["network_in"] == 2_000
    clock[0] += 1.0
    (tmp_path / "stat").write_text("cpu  200 0 100 1300 0 0 0 0 0 0\n")
    assert machine.figures()["cpu"] == 1.0


async def test_a_machine_without_proc(tmp_path: Path) -> None:
    machine = Host(tmp_path / "none", tmp_path / "none")
    assert machine.figures()["memory_total"] == 0
    page = Page()
    for name, kind, text, labels, value in metrics_of(machine):
        page.add(name, kind, text, labels, value)
    check(page.text())


def test_stays_small() -> None:
    """The supervisor holds a few megabytes more with a page of 16 workers than without."""
    program = f"""
import resource
from hubbub.fleet.metrics import Page

from scripts.packages import find_program
text = {WORKER!r} + "".join(
    f'http_seconds_bucket{{{{le="{{n}}",route="/api/route/{{n % 60}}"}}}} {{n}}\\n' for n in range(1500)
)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
page = Page()
for number in range(16):
    page.take(text, {{"worker": f"blue-{{number}}", "colour": "blue", "release": "r"}})
page.text()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert int(done.stdout) < 20_000
