"""The parts of the house's commands that decide something."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import house, packages, setup


@pytest.mark.parametrize(
    ("version", "fits"),
    [
        ("v20.20.2", False),
        ("v22.12.0", False),
        ("v22.23.0", True),
        ("v23.11.0", False),
        ("v24.14.1", False),
        ("v24.15.0", True),
        ("v25.9.0", False),
        ("v26.0.0", True),
        ("v30.1.0", True),
        ("", False),
        ("not node", False),
    ],
)
def test_which_node_fits(version: str, fits: bool) -> None:
    assert setup.node_fits(version) is fits


def test_a_program_that_is_not_node_has_no_version(tmp_path: Path) -> None:
    assert setup.node_version(tmp_path / "absent") == ""
    assert setup.node_version("/bin/false") == ""


def test_the_hash_follows_content_and_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup, "ROOT", tmp_path)
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("1")
    two.write_text("1")
    before = setup.digest(one)
    assert before == setup.digest(one)
    assert before != setup.digest(two)
    assert setup.digest("ab", "c") != setup.digest("a", "bc")
    one.write_text("2")
    assert before != setup.digest(one)


def test_a_step_leaves_its_stamp_only_when_it_succeeded(tmp_path: Path) -> None:
    stamp = tmp_path / "stamps" / "step"
    with setup.step("first", stamp, "made from a"):
        assert not setup.is_current(stamp, "made from a")
    assert setup.is_current(stamp, "made from a")
    with pytest.raises(OSError, match="broken"), setup.step("second", stamp, "made from b"):
        raise OSError("broken")
    assert not stamp.exists()


def test_the_client_is_built_from_its_sources_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup, "WEB", tmp_path)
    for name in ("src/main.ts", "index.html", "dist/a.js", "node_modules/x/y.js", "tests/a.ts"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert setup.client_sources() == [tmp_path / "index.html", tmp_path / "src" / "main.ts"]


def test_missing_packages_are_named_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(packages, "may_install", lambda: False)
    with pytest.raises(SystemExit) as ended:
        packages.ensure_packages({"haproxy": lambda: False, "nginx": lambda: True})
    assert ended.value.code == 1
    assert capsys.readouterr().err == "These Debian packages are needed: haproxy.\n"


def test_services_are_kept_from_starting_only_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / "policy-rc.d"
    monkeypatch.setattr(packages, "POLICY", policy)
    with packages.no_services():
        assert subprocess.run([policy]).returncode == 101
    assert not policy.exists()
    policy.write_text("the machine's own")
    with packages.no_services():
        pass
    assert policy.read_text() == "the machine's own"


def test_a_failing_tool_shows_its_output(capsys: pytest.CaptureFixture[str]) -> None:
    house.run_quietly([sys.executable, "-c", "print('fine')"])
    assert capsys.readouterr() == ("", "")
    with pytest.raises(SystemExit):
        house.run_quietly([sys.executable, "-c", "print('why'); raise SystemExit(3)"])
    said = capsys.readouterr().err
    assert said.startswith("why\nFailed with status 3: ")


def test_tools_see_the_virtual_environment_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    environment = house.tool_environment()
    assert environment["PATH"].split(os.pathsep)[0] == str(house.BIN)
    assert "PYTHONPATH" not in environment


def test_a_second_setup_waits_for_the_first(tmp_path: Path) -> None:
    """The lock is one of the system: it holds between processes, and ends with its holder."""
    (tmp_path / "Makefile").touch()
    script = (
        "import pathlib, sys, time\n"
        "from scripts import setup\n"
        "setup.ROOT = pathlib.Path(sys.argv[1])\n"
        "with setup.only_one():\n"
        "    print('in', flush=True)\n"
        "    time.sleep(float(sys.argv[2]))\n"
    )

    def start(seconds: int) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", script, str(tmp_path), str(seconds)]
        return subprocess.Popen(command, cwd=house.ROOT, stdout=subprocess.PIPE, text=True)

    with start(600) as holder:
        try:
            assert holder.stdout
            assert holder.stdout.readline() == "in\n"
            second = start(0)
            assert second.stdout
            assert "waiting" in second.stdout.readline()
            assert second.poll() is None
        finally:
            holder.kill()
    rest, _ = second.communicate(timeout=60)
    assert rest == "in\n"
