"""Log files of several processes: no line lost, doubled or torn, whatever is rotated meanwhile."""

import gzip
import json
import logging
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from hubbub.fleet import log_file
from hubbub.fleet.log_file import LOCK, LogFile, Rotation, rotate_folder, rotated_files
from hubbub.fleet.logs import Lines, flush, follow, rotate
from hubbub.fleet.settings import FleetSettings, load_settings
from tests.servers import PATIENCE

WRITERS = 4
AHEAD = 256_000
"""A file larger than that waits for whoever else rotates it, however slow the machine is."""
PASSWORD = "s3cr3t-Va1ue"


def write_lines(
    path: Path, writer: int, rotation: Rotation | None, begin: Any, enough: Any, told: Any
) -> None:
    """One process: lines of different lengths until there are enough; tells at the end how many."""
    file = LogFile(path, rotation)
    number = 0
    begin.wait(PATIENCE)
    while not enough.value:
        line = {"worker": f"w{writer}", "number": number, "event": "x" * (number * 7 % 600)}
        assert file.write(json.dumps(line).encode() + b"\n")
        number += 1
        with suppress(FileNotFoundError):
            while not rotation and path.stat().st_size > AHEAD and not enough.value:
                time.sleep(0.001)
    file.close()
    told[writer] = number


def write_while(folder: Path, rotation: Rotation | None, turn: Callable[[], bool]) -> None:
    """Has the writers write while `turn` is called again and again, until it says that that is enough.

    Checks that every line is there exactly once over all files, and that every line parses.
    """
    path = folder / "combined.log"
    context = multiprocessing.get_context("spawn")
    begin = context.Barrier(WRITERS)
    # Without locks, which would make the writers take turns.
    enough, told = context.Value("b", False, lock=False), context.Array("i", WRITERS, lock=False)
    writers = [
        context.Process(target=write_lines, args=(path, number, rotation, begin, enough, told))
        for number in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    deadline = time.monotonic() + PATIENCE
    while any(writer.is_alive() for writer in writers):
        if turn() or time.monotonic() > deadline:
            enough.value = True
        time.sleep(0.001)
    assert [writer.exitcode for writer in writers] == [0] * WRITERS
    seen: Counter[tuple[str, int]] = Counter()
    for file in [*rotated_files(path), path]:
        for text in file.read_bytes().splitlines() if file.exists() else []:
            line = json.loads(text)
            seen[line["worker"], line["number"]] += 1
    assert set(seen) == {(f"w{w}", n) for w in range(WRITERS) for n in range(told[w])}
    assert set(seen.values()) == {1}


def settings_of(folder: Path, **given: Any) -> FleetSettings:
    return load_settings(
        environment={}, log_dir=str(folder), directory=str(folder / "state"), **given
    )


def test_each_line_is_there_once_while_another_process_rotates(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, log_bytes="64K", log_kept=10_000)
    rotated = 0

    def turn() -> bool:
        nonlocal rotated
        rotated += len(rotate(settings))
        return rotated >= 30

    write_while(tmp_path, None, turn)
    assert rotated >= 30


def test_each_line_is_there_once_while_the_writers_rotate_themselves(tmp_path: Path) -> None:
    def turn() -> bool:
        return len(rotated_files(tmp_path / "combined.log")) >= 100

    write_while(tmp_path, Rotation(largest=16_000, kept=10_000), turn)
    assert turn()


def test_keeps_as_many_as_it_shall_and_compresses_old_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_file, "SETTLED_SECONDS", -1.0)
    settings = settings_of(tmp_path, log_bytes="1K", log_kept=3, log_gzip=True)
    combined = LogFile(tmp_path / "combined.log")
    with (tmp_path / "blue-1.out").open("ab", buffering=0) as printed:
        for turn in range(6):
            combined.write(b"c%d" % turn + b"x" * 2_000 + b"\n")
            printed.write(b"o%d" % turn + b"x" * 2_000 + b"\n")
            assert len(rotate(settings)) == 2
    for name, letter in (("combined.log", "c"), ("blue-1.out", "o")):
        kept = rotated_files(tmp_path / name)
        texts = [gzip.decompress(path.read_bytes())[:2].decode() for path in kept]
        assert texts == [f"{letter}{n}" for n in (3, 4, 5)]
    assert (tmp_path / "blue-1.out").stat().st_size == 0
    assert rotate(settings) == []


def test_rotates_by_age(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, log_days="0.5")
    LogFile(tmp_path / "error.log").write(b"a line\n")
    assert rotate(settings) == []
    since = json.loads((tmp_path / LOCK).read_text())
    (tmp_path / LOCK).write_text(json.dumps({"error.log": since["error.log"] - 12.1 * 3600}))
    assert len(rotate(settings)) == 1
    assert rotate(settings) == []


def test_only_one_rotates_at_a_time(tmp_path: Path) -> None:
    LogFile(tmp_path / "combined.log").write(b"x" * 100 + b"\n")
    rotation = Rotation(largest=10)
    with log_file.holding(tmp_path / LOCK):
        assert rotate_folder(tmp_path, rotation) == []
    assert len(rotate_folder(tmp_path, rotation)) == 1


def test_a_spoilt_state_is_no_reason_to_stop(tmp_path: Path) -> None:
    LogFile(tmp_path / "combined.log").write(b"x" * 100 + b"\n")
    (tmp_path / LOCK).write_text("[not json")
    assert len(rotate_folder(tmp_path, Rotation(largest=10))) == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_loses_lines_but_raises_nothing(tmp_path: Path) -> None:
    (tmp_path / "combined.log").symlink_to("/dev/full")
    file = LogFile(tmp_path / "combined.log", Rotation(largest=10))
    assert not file.write(b"one\n")
    assert not file.write(b"two\nthree\n")
    assert file.lost == 3
    (tmp_path / "combined.log").unlink()
    assert file.write(b"four\n")
    assert (tmp_path / "combined.log").read_bytes() == b"four\n"


def test_a_line_cut_short_ends_and_the_next_stands_alone(tmp_path: Path) -> None:
    path = tmp_path / "combined.log"
    file = LogFile(path)
    file.write(b"whole\n")
    with path.open("ab") as other:
        other.write(b"half of a li")
    # As after a write that a full disk took a part of.
    file._end_line()
    file.write(b"next\n")
    assert path.read_bytes().splitlines() == [b"whole", b"half of a l", b"next"]


class Follower:
    """`follow` in a thread, as the command line has it."""

    def __init__(self, lines: Iterator[str]) -> None:
        self.lines: list[str] = []
        self._thread = Thread(target=self._read, args=(lines,), daemon=True)
        self._thread.start()

    def _read(self, lines: Iterator[str]) -> None:
        for line in lines:
            self.lines.append(line)

    def wait(self, count: int) -> list[str]:
        deadline = time.monotonic() + PATIENCE
        while len(self.lines) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.lines


def line_of(worker: str, number: int) -> bytes:
    return json.dumps({"worker": worker, "event": number}).encode() + b"\n"


def test_follows_through_rotations(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, log_bytes="1K", log_kept=100)
    file = LogFile(tmp_path / "combined.log")
    for number in range(150):
        file.write(line_of("blue-1", number))
    follower = Follower(follow(settings))
    assert [json.loads(line)["event"] for line in follower.wait(100)] == list(range(50, 150))
    for number in range(150, 1_000):
        file.write(line_of("blue-1", number))
        if number % 50 == 0:
            rotate(settings)
        if number % 300 == 0:
            time.sleep(0.3)
    assert len(rotated_files(tmp_path / "combined.log")) > 10
    assert [json.loads(line)["event"] for line in follower.wait(950)] == list(range(50, 1_000))


def test_follows_one_worker_and_what_it_prints(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    file = LogFile(tmp_path / "combined.log")
    for number in range(4):
        file.write(line_of(f"blue-{number % 2 + 1}", number))
    (tmp_path / "blue-1.out").write_bytes(b"hello\n" + line_of("blue-1", 0))
    (tmp_path / "blue-2.out").write_bytes(b"from another\n")
    LogFile(tmp_path / "error.log").write(line_of("blue-2", 9))

    def shown(**options: Any) -> list[str]:
        return list(follow(settings, follow=False, **options))

    assert shown(worker="blue-1") == [
        "[blue-1] hello",
        '{"worker": "blue-1", "event": 0}',
        '{"worker": "blue-1", "event": 2}',
    ]
    assert len(shown()) == 6
    (tmp_path / "supervisor.out").write_bytes(b"2026-11-21 INFO blue-1 started\n")
    file.write(line_of("supervisor", 5))
    assert len(shown()) == 7
    assert shown(worker="supervisor") == ["[supervisor] 2026-11-21 INFO blue-1 started"]
    assert shown(errors=True) == ['{"worker": "blue-2", "event": 9}']
    assert shown(errors=True, worker="blue-1") == []

    follower = Follower(follow(settings, worker="green-1"))
    (tmp_path / "green-1.out").write_bytes(b"starting\npart of")
    assert follower.wait(1) == ["[green-1] starting"]
    # Emptied as a rotation does it; what comes then is read from the beginning.
    with (tmp_path / "green-1.out").open("ab", buffering=0) as printed:
        printed.write(b" a line\n")
        assert follower.wait(2)[1:] == ["[green-1] part of a line"]
        os.truncate(tmp_path / "green-1.out", 0)
        time.sleep(0.5)
        printed.write(b"again\n")
    assert follower.wait(3)[2:] == ["[green-1] again"]


def test_follows_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "later")
    assert list(follow(settings, follow=False)) == []
    assert rotate(settings) == []
    assert flush(settings) == 0


def test_flush_empties_what_is_written_and_removes_what_was_rotated(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, log_bytes="1K")
    file = LogFile(tmp_path / "combined.log")
    file.write(b"x" * 2_000 + b"\n")
    rotate(settings)
    file.write(b"y" * 10 + b"\n")
    (tmp_path / "blue-1.out").write_bytes(b"z" * 20)
    assert flush(settings) == 2_001 + 11 + 20
    assert rotated_files(tmp_path / "combined.log") == []
    file.write(b"after\n")
    assert (tmp_path / "combined.log").read_bytes() == b"after\n"
    assert (tmp_path / "blue-1.out").read_bytes() == b""


def test_the_supervisor_writes_among_its_workers(tmp_path: Path) -> None:
    logger = logging.getLogger("fleet.test")
    handler = Lines(tmp_path)
    logger.addHandler(handler)
    try:
        logger.warning("blue-1 said %s", f"password={PASSWORD}")
        try:
            raise ValueError(f"postgresql://u:{PASSWORD}@h/d {'x' * 50_000}")
        except ValueError:
            logger.exception("failed")
    finally:
        logger.removeHandler(handler)
    text = (tmp_path / "combined.log").read_text()
    assert "Va1ue" not in text
    said, failed = (json.loads(line) for line in text.splitlines())
    assert said["event"] == "blue-1 said password=***"
    assert (said["level"], said["worker"], said["time"][-1]) == ("warning", "supervisor", "Z")
    assert failed["exception"].startswith("Traceback")
    assert len(text) < 12_000
    assert json.loads((tmp_path / "error.log").read_text()) == failed
