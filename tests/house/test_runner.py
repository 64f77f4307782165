"""`make test` tells a flaky test from a broken one: tried with real runs of pytest and vitest over small tests."""

import itertools
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from scripts import house, runners, setup, test
from scripts.runners import Outcomes, Run
from tests.support.javascript import tool

FLAKY = """
import pathlib
import pytest

seen = pathlib.Path({seen!r})

def test_{name}():
    count = len(seen.read_text()) if seen.exists() else 0
    seen.write_text("x" * (count + 1))
    assert count >= {failures}, "the {name} one failed"

@pytest.mark.parametrize("word", ["a b", "c::d[e]"])
def test_word(word):
    assert word
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the commands of the house in it, and no test yet."""
    (tmp_path / "scripts").symlink_to(house.ROOT / "scripts")
    (tmp_path / "tests").mkdir()
    monkeypatch.setattr(runners, "ROOT", tmp_path)
    # These runs are none of the run that this test belongs to.
    for name in [name for name in os.environ if name.startswith("PYTEST_")]:
        monkeypatch.delenv(name)
    return tmp_path


def write_test(checkout: Path, name: str, failures: int) -> str:
    """Makes a file of three tests, of which one fails so often before it passes; that one's name."""
    text = FLAKY.format(seen=str(checkout / f"seen-{name}"), name=name, failures=failures)
    (checkout / "tests" / f"test_{name}.py").write_text(text)
    return f"tests/test_{name}.py::test_{name}"


def judge_python(*arguments: str) -> tuple[Run, test.Verdict]:
    # Loading it would take longer than everything else.
    run = runners.run_pytest(["-p", "no:schemathesis", *arguments])
    return run, test.judge({"pytest": (run, runners.repeat_pytest)})


def test_a_test_that_passes_the_second_time_is_flaky(
    checkout: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    flaky = write_test(checkout, "flaky", failures=1)
    write_test(checkout, "sound", failures=0)
    run, verdict = judge_python("tests/test_flaky.py", "tests/test_sound.py")
    assert (run.status, run.outcomes) == (1, Outcomes(5, 0, (flaky,), whole=True))
    assert verdict == test.Verdict((flaky,), ())
    said = capfd.readouterr().out
    assert "AssertionError: the flaky one failed" in said
    assert f"Once more, alone: {flaky}" in said
    test.close([run], verdict.flaky)
    last = capfd.readouterr().out.splitlines()[-2:]
    assert last[0] == f"flaky: {flaky}"
    assert re.fullmatch(r"=+ 1 failed, 5 passed in .*=+", last[1])


def test_a_test_that_fails_twice_is_broken(checkout: Path) -> None:
    broken = write_test(checkout, "broken", failures=2)
    _, verdict = judge_python("tests/test_broken.py")
    assert verdict == test.Verdict((), (broken,))
    assert (checkout / "seen-broken").read_text() == "xx"


def test_only_tests_are_run_again(checkout: Path) -> None:
    write_test(checkout, "flaky", failures=1)
    (checkout / "tests" / "test_unreadable.py").write_text("import nothing_of_that_name\n")
    run, verdict = judge_python("tests/test_flaky.py", "tests/test_unreadable.py")
    assert not run.explained
    assert verdict.broken[0] == "pytest"
    _, none = judge_python("tests/test_flaky.py", "-k", "absent")
    assert none == test.Verdict((), ("pytest",))
    _, unknown = judge_python("--no-such-option")
    assert unknown == test.Verdict((), ("pytest",))


def test_a_run_that_was_stopped_is_not_whole(checkout: Path) -> None:
    write_test(checkout, "flaky", failures=1)
    run, verdict = judge_python("-x", "tests/test_flaky.py")
    assert not run.outcomes.whole
    assert "pytest" in verdict.broken


def test_a_process_that_dies_fails_its_test_alone(checkout: Path) -> None:
    (checkout / "tests" / "test_dies.py").write_text(
        "import os, pathlib\n"
        f"seen = pathlib.Path({str(checkout / 'died')!r})\n"
        "def test_dies():\n"
        "    if not seen.exists():\n"
        "        seen.touch()\n"
        "        os._exit(3)\n"
    )
    write_test(checkout, "sound", failures=0)
    run, verdict = judge_python("tests/test_dies.py", "tests/test_sound.py")
    assert run.outcomes.failed == ("tests/test_dies.py::test_dies",)
    assert verdict == test.Verdict(("tests/test_dies.py::test_dies",), ())


def outcome(*failed: str, whole: bool = True) -> Run:
    return Run(int(bool(failed) or not whole), "", Outcomes(9, 0, failed, whole))


@pytest.mark.parametrize(
    ("failed", "strict", "said"),
    [
        ((), False, None),
        ((), True, None),
        (("a",), False, None),
        (("a",), True, "Passed only the second time: a."),
        (("a", "b"), False, "Passed only the second time: a, b."),
        (("a", "broken"), False, "Failed: broken."),
        (("broken",), False, "Failed: broken."),
        (tuple("abcdefghi"), False, "Failed: 9 tests."),
    ],
)
@pytest.mark.parametrize("where", ["server", "client"])
def test_what_is_green(
    failed: tuple[str, ...],
    strict: bool,
    said: str | None,
    where: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    runs = (outcome(*failed), outcome()) if where == "server" else (outcome(), outcome(*failed))
    monkeypatch.setattr(test, "ensure_packages", lambda _needed: None)
    monkeypatch.setattr(test, "run_both", lambda _arguments, coverage: runs)
    again = lambda name: outcome(name) if name == "broken" else outcome()  # noqa: E731
    monkeypatch.setattr(test, "repeat_pytest" if where == "server" else "repeat_vitest", again)
    if said is None:
        test.test_everything([], strict)
        assert (f"flaky: {failed[0]}\n" if failed else "") in capsys.readouterr().out
    else:
        with pytest.raises(SystemExit) as ended:
            test.test_everything([], strict)
        assert ended.value.code == 1
        assert capsys.readouterr().err == f"{said}\n"


@pytest.mark.parametrize(
    ("arguments", "workers"),
    [
        ([], runners.WORKERS),
        (["-k", "word"], runners.WORKERS),
        (["tests/house"], runners.WORKERS),
        (["tests/house/test_runner.py"], 1),
        (["tests/house/test_runner.py::test_how_many_files", "-q"], 1),
        (["tests/house/test_runner.py", "tests/house/test_scripts.py"], 2),
        (["tests/house/test_runner.py", "tests/house"], runners.WORKERS),
    ],
)
def test_how_many_files(arguments: list[str], workers: int) -> None:
    """One file is run in one process, which is ready much sooner than several."""
    assert min(runners.WORKERS, runners.count_files(arguments)) == workers


CLIENT = """
import { existsSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

describe("a group", () => {
  it("is sound (always) > ever", () => expect(1).toBe(1));
  it("is flaky (once) [x] > y", () => {
    const seen = existsSync(SEEN);
    writeFileSync(SEEN, "");
    expect(seen).toBe(true);
  });
});
"""


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with vitest and our reporter in it, and no test yet."""
    web = tmp_path / "web"
    (web / "tests").mkdir(parents=True)
    with setup.only_one():
        setup.ensure_node()
        setup.ensure_client_packages()
    (web / "node_modules").symlink_to(house.WEB / "node_modules")
    (web / "scripts").symlink_to(house.WEB / "scripts")
    (web / "package.json").write_text(
        json.dumps({"type": "module", "scripts": {"test": "vitest run"}})
    )
    monkeypatch.setattr(runners, "WEB", web)
    return web


def write_client_test(web: Path, name: str, text: str) -> None:
    seen = json.dumps(str(web / f"seen-{name}"))
    (web / "tests" / f"{name}.test.js").write_text(text.replace("SEEN", seen))


def judge_client() -> tuple[Run, test.Verdict]:
    run = runners.run_vitest()
    return run, test.judge({"vitest": (run, runners.repeat_vitest)})


def test_a_test_of_the_client_that_passes_the_second_time_is_flaky(client: Path) -> None:
    write_client_test(client, "group", CLIENT)
    write_client_test(client, "other", CLIENT.replace('"a group"', '"another"'))
    (client / "seen-other").touch()
    run, verdict = judge_client()
    name = "tests/group.test.js: a group > is flaky (once) [x] > y"
    assert run.outcomes == Outcomes(3, 0, (name,), whole=True), run.output
    assert run.closing == "vitest: 3 passed, 1 failed"
    assert verdict == test.Verdict((name,), ())


@pytest.mark.parametrize(
    "beside",
    [
        "import './absent.js';\n",
        "import { afterAll, it } from 'vitest';\nafterAll(() => { throw new Error('x'); });\nit('is', () => {});\n",
        "import { it } from 'vitest';\nit('is', () => { Promise.reject(new Error('x')); });\n",
    ],
    ids=["not loaded", "a hook", "nobody's error"],
)
def test_what_fails_beside_the_tests_is_not_run_again(client: Path, beside: str) -> None:
    write_client_test(client, "group", CLIENT)
    write_client_test(client, "beside", beside)
    run, verdict = judge_client()
    assert run.status != 0
    assert "vitest" in verdict.broken, run.output


def test_no_test_of_the_client_is_no_success(client: Path) -> None:
    run, verdict = judge_client()
    assert run.status != 0
    assert verdict == test.Verdict((), ("vitest",))


def run_node(version: str, script: str) -> subprocess.CompletedProcess[str]:
    """What a script says that has `fits` of web/scripts/node.mjs, in a Node that says it is of that version."""
    told = (
        f"const node = {{ ...process.versions, node: {json.dumps(version)} }};"
        "Object.defineProperty(process, 'versions', { value: node });"
        f"const {{ fits }} = await import({json.dumps((house.WEB / 'scripts' / 'node.mjs').as_uri())});"
    )
    command = [tool("node"), "--input-type=module", "--eval", told + script]
    return subprocess.run(command, capture_output=True, text=True)


def test_both_sides_agree_on_which_node_fits() -> None:
    numbers = itertools.product((18, 20, 22, 23, 24, 25, 26, 30), (0, 15, 22, 30), (0, 2))
    versions = [".".join(map(str, number)) for number in numbers]
    asked = f"console.log(JSON.stringify({json.dumps(versions)}.map((version) => fits(version))));"
    done = run_node("26.0.0", asked)
    assert done.returncode == 0, done.stderr
    fits = json.loads(done.stdout)
    assert fits == [setup.node_fits(f"v{version}") for version in versions]
    assert {True, False} == set(fits)


def test_a_node_that_does_not_fit_is_told_what_is_wanted() -> None:
    wanted = json.loads((house.WEB / "package.json").read_text())["engines"]["node"]
    done = run_node("20.20.2", "")
    assert done.returncode == 1
    assert f"needs Node {wanted}, and this is 20.20.2" in done.stderr


def test_the_configuration_of_the_client_looks_at_node_first() -> None:
    first = (house.WEB / "vitest.config.ts").read_text().splitlines()[0]
    assert first == 'import "./scripts/node.mjs";'
