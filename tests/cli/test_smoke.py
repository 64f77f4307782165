"""`hubbub smoke` against real workers: good ones, and such as are broken in one thing each."""

import os
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psycopg
import pytest
from psycopg import sql

from tests.cluster.people import SECRET, running_nodes
from tests.servers import PostgreSQL, free_port
from tests.servers_redis import RedisProcess, redis_that_dies
from tests.support.server import ServerProcess
from tests.support.warm import ROOT, run_module

SECONDS = 60.0
OF_NODES = ("nodes", "operations_samples")


@dataclass
class Smoke:
    """What it said and how it ended."""

    code: int
    said: str
    seconds: float


PATIENT = ("--timeout", "240")
"""For those that must answer, however busy the machine is."""


def smoke(*arguments: str, new: str = "", old: str = "", **environment: str) -> Smoke:
    given = {**os.environ, "JWT_SECRET": SECRET, "FLEET_NEW": new, "FLEET_OLD": old, **environment}
    began = time.monotonic()
    done = run_module("hubbub", "smoke", *arguments, env=given, cwd=ROOT, timeout=SECONDS)
    return Smoke(done.returncode, done.stdout + done.stderr, time.monotonic() - began)


@dataclass
class Cluster:
    url: str
    redis: RedisProcess
    nodes: list[ServerProcess]


@pytest.fixture(scope="module")
def cluster(
    postgresql_server: PostgreSQL, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    url = postgresql_server.create("smoke")
    folder = tmp_path_factory.mktemp("smoke")
    try:
        with (
            redis_that_dies() as redis,
            running_nodes(folder, url, 3, redis.url, WEB_DIR=web(folder)) as nodes,
        ):
            yield Cluster(url, redis, nodes)
    finally:
        postgresql_server.drop("smoke")


def web(folder: Path, page: str = '<script type="module" src="/assets/a.js"></script>') -> str:
    """A built browser client, as small as can be."""
    (folder / "web" / "assets").mkdir(parents=True)
    (folder / "web" / "index.html").write_text(f"<!doctype html><html>{page}</html>")
    (folder / "web" / "assets" / "a.js").write_text("console.log(1)")
    return str(folder / "web")


def rows(url: str) -> dict[str, int]:
    """How much is in every table, but for those that nodes keep their own figures in."""
    count = "SELECT count(*) FROM {}"
    with psycopg.connect(url) as connection:
        names = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        ).fetchall()
        found = {}
        for (name,) in names:
            row = connection.execute(sql.SQL(count).format(sql.Identifier(name))).fetchone()
            assert row is not None
            found[name] = row[0]
    return {name: number for name, number in found.items() if name not in OF_NODES}


def test_good_workers_pass_and_nothing_is_left(cluster: Cluster) -> None:
    before = rows(cluster.url)
    new = " ".join(node.url for node in cluster.nodes[:2])
    done = smoke(*PATIENT, new=new, old=cluster.nodes[2].url)
    assert done.code == 0, done.said
    assert all(node.url in done.said for node in cluster.nodes[:2])
    # As arguments too; and an old worker that is gone is no fault of the new ones.
    done = smoke(*PATIENT, cluster.nodes[0].url, "--old", f"http://127.0.0.1:{free_port()}")
    assert done.code == 0, done.said
    assert "The old worker was not tried." in done.said
    assert rows(cluster.url) == before
    metrics = httpx2.get(f"{cluster.nodes[0].url}/metrics").text
    assert "hubbub_people_connected 0.0" in metrics


def test_another_secret_is_refused(cluster: Cluster) -> None:
    other = "another secret, long enough, " * 2
    done = smoke(*PATIENT, new=cluster.nodes[0].url, JWT_SECRET=other)
    assert done.code == 1
    for transport in ("websocket", "polling"):
        assert (
            f"{cluster.nodes[0].url}: socket by {transport}: refused: The smoke test's" in done.said
        )


def test_workers_that_do_not_hear_each_other(cluster: Cluster) -> None:
    one, other = cluster.nodes[:2]
    cluster.redis.pause()
    try:
        # A check has a quarter of that: enough for those that answer on a busy machine.
        done = smoke("--timeout", "80", new=f"{one.url} {other.url}")
        assert done.code == 1
        assert f"{one.url} did not hear {other.url}" in done.said or "the bus is" in done.said
    finally:
        cluster.redis.resume()
    wait_ready(one, other)
    done = smoke(*PATIENT, new=f"{one.url} {other.url}")
    assert done.code == 0, done.said


def test_it_ends_in_time(cluster: Cluster) -> None:
    node = cluster.nodes[2]
    os.kill(node.pid, signal.SIGSTOP)
    try:
        done = smoke(node.url, "--timeout", "1")
    finally:
        os.kill(node.pid, signal.SIGCONT)
    assert done.code == 1
    assert "Not done after 1 s. Under way:" in done.said
    assert f"{node.url}: health" in done.said


def test_a_worker_whose_database_is_gone(postgresql_server: PostgreSQL, tmp_path: Path) -> None:
    """And one without a browser client, and one of another schema."""
    url = postgresql_server.create("smoke_lost")
    try:
        with running_nodes(tmp_path, url, 1, WEB_DIR=web(tmp_path, "Nothing")) as (node,):
            done = smoke(*PATIENT, node.url)
            assert done.code == 1
            assert f"{node.url}: page: the browser client is not in it: no script." in done.said
            assert done.said.count(node.url) == 1, done.said

            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("UPDATE alembic_version SET version_num = '0001'")
                assert (
                    "the database has schema 0001, this release needs"
                    in smoke(*PATIENT, node.url).said
                )
            postgresql_server.drop("smoke_lost")
            done = smoke(node.url)
            assert done.code == 1
            # On a busy machine the answer may take longer than smoke waits.
            failed = "(not ready, failed: database is failed|no answer within)"
            assert re.search(f"{node.url}: health: {failed}", done.said), done.said
    finally:
        postgresql_server.drop("smoke_lost")


def test_one_worker_on_sqlite(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", WEB_DIR=web(tmp_path))
    try:
        server.start()
        own = {"DATA_DIR": str(server.data_dir), "JWT_SECRET": ""}
        done = smoke(*PATIENT, PORT=str(server.port), **own)
        assert done.code == 0, done.said
        assert server.url in done.said
        done = smoke(*PATIENT, f"http://127.0.0.1:{free_port()}", **own)
        assert done.code == 1
    finally:
        server.close()
    assert "health: All connection attempts failed." in done.said


def wait_ready(*nodes: ServerProcess) -> None:
    deadline = time.monotonic() + SECONDS
    for node in nodes:
        while httpx2.get(f"{node.url}/readyz").json()["checks"].get("bus") != "ok":
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_it_takes_as_long_as_a_supervisor_lets_it() -> None:
    def seconds(given: str) -> str:
        done = smoke(f"http://127.0.0.1:{free_port()}", FLEET_SMOKE_SECONDS=given)
        assert done.code != 0
        return done.said

    assert "FLEET_SMOKE_SECONDS is 'soon', not a number of seconds." in seconds("soon")
    # Even before it has connected.
    assert "Not done after 0.001 s. Under way:" in seconds("0.0015")
