"""`make setup`: from a fresh clone to a `hubbub` that runs.

Every step is stamped with a hash of what it was made from, written after the step succeeded and
removed before it starts again, so a second run does nothing and an interrupted one starts over
where it stopped. pip and npm are used as the machine has them configured (mirrors, proxies,
certificates); what they install is fixed by hashes in requirements/ and web/package-lock.json.
"""

import argparse
import fcntl
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from scripts.house import BIN, ROOT, VENV, WEB, fail, find_tool, run_quietly, tell
from scripts.packages import BENCH, ensure_packages, install_debian, may_install

REQUIREMENTS = ROOT / "requirements"
GATEWAY = ROOT / "hubbub" / "gateway"
STAMPS = VENV / ".hubbub"
UNFINISHED = STAMPS / "unfinished"
# Not sources of the browser client: changing them does not call for a build.
NOT_BUILT = {"node_modules", "dist", "coverage", "tests", "test-results"}
NPM_CI = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-progress"]
LOAD = ROOT / "bench" / "load"
PEERS = (ROOT / "bench" / "peers" / "node", ROOT / "bench" / "ops" / "peers")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make setup", description="Install Hubbub into .venv.")
    parser.add_argument("--dev", action="store_true", help="also the tools for tests and linting")
    parser.add_argument("--bench", action="store_true", help="also what `make bench` compares")
    parser.add_argument(
        "--only", choices=("python", "client"), help="what one runner of tests needs"
    )
    arguments = parser.parse_args()
    began = time.monotonic()
    with only_one():
        done = ensure(arguments.dev, arguments.bench, arguments.only)
    if done:
        tell(f"Ready after {time.monotonic() - began:.0f} s.")


def ensure(dev: bool, bench: bool, only: str | None) -> bool:
    """Whether anything was missing. `only` what tests of the server or of the client need: "python" or "client"."""
    if only == "python":
        steps = [ensure_venv(), ensure_python_packages("dev"), ensure_project(), ensure_chaos()]
    elif only == "client":
        steps = [ensure_venv(), ensure_node(), ensure_client_packages()]
    else:
        with ThreadPoolExecutor(1) as beside:
            steps = [ensure_venv(), ensure_node()]
            client = beside.submit(ensure_whole_client)
            steps += [ensure_python_packages("dev" if dev else "runtime"), ensure_project()]
            steps += [dev and ensure_chaos(), client.result(), bench and ensure_bench()]
    return any(steps)


@contextmanager
def only_one() -> Iterator[None]:
    """Holds off a second setup in the same checkout until this one is done."""
    with (ROOT / "Makefile").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("Another setup is at work here; waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def digest(*parts: Path | str) -> str:
    """A hash of files (by their content and name below the checkout) and of plain words."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            name, content = str(part.relative_to(ROOT)).encode(), part.read_bytes()
        else:
            name, content = b"", part.encode()
        total.update(b"%d %s %d " % (len(name), name, len(content)))
        total.update(content)
    return total.hexdigest()


def is_current(stamp: Path, wanted: str) -> bool:
    try:
        return stamp.read_text() == wanted
    except FileNotFoundError:
        return False


@contextmanager
def step(sentence: str, stamp: Path, made_from: str) -> Iterator[None]:
    """One step of the setup: says what it does, and leaves its stamp only if it succeeded."""
    tell(sentence)
    stamp.unlink(missing_ok=True)
    yield
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(made_from)


def venv_works() -> bool:
    """Whether .venv has a Python and pip that run, and pip was never cut off in the middle."""
    if UNFINISHED.exists() or not (BIN / "python").exists():
        return False
    asked = subprocess.run([BIN / "python", "-m", "pip", "--version"], capture_output=True)
    return asked.returncode == 0


def ensure_venv() -> bool:
    """Makes .venv, anew if it was moved, is broken, or belongs to another Python."""
    stamp = STAMPS / "venv"
    made_from = f"{sys.version_info.major}.{sys.version_info.minor} {VENV}"
    if venv_works() and (is_current(stamp, made_from) or not stamp.exists()):
        # One without a stamp was made by hand, or this is the first run on it: keep it.
        stamp.parent.mkdir(exist_ok=True)
        stamp.write_text(made_from)
        return False
    if importlib.util.find_spec("ensurepip") is None:
        package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
        if not may_install():
            fail(f"This Python cannot make virtual environments: install {package}.")
        install_debian([package])
    with step("Making the virtual environment .venv", stamp, made_from):
        shutil.rmtree(VENV, ignore_errors=True)
        run_quietly([sys.executable, "-m", "venv", VENV])
    return True


def pip_install(*words: str | Path) -> None:
    python = str(BIN / "python")
    command = [python, "-m", "pip", "install", "--quiet", "--no-input", "--no-deps"]
    # pip takes a package for installed even if it was killed before the package's last file.
    UNFINISHED.touch()
    try:
        run_quietly([*command, "--disable-pip-version-check", *words])
    except SystemExit:
        UNFINISHED.unlink()
        raise
    UNFINISHED.unlink()


def install_pinned(*files: Path) -> None:
    """Installs exactly what the files pin; every wheel must have a hash in them.

    Nothing is built from source, since a build would fetch tools that no hash covers.
    """
    wanted = [f"--requirement={file}" for file in files]
    pip_install("--require-hashes", "--only-binary=:all:", *wanted)


def ensure_python_packages(group: str) -> bool:
    """Installs the `runtime` packages, or those and the tools (`dev`, which names both)."""
    build = REQUIREMENTS / "build.txt"
    made_from = {
        name: digest(build, REQUIREMENTS / f"{name}.txt", REQUIREMENTS / "runtime.txt")
        for name in ("runtime", "dev")
    }
    if is_current(STAMPS / group, made_from[group]):
        return False
    # The tools' versions are compiled under the runtime's, so installing them brings both.
    with step(f"Installing Python packages ({group})", STAMPS / group, made_from[group]):
        (STAMPS / "runtime").unlink(missing_ok=True)
        install_pinned(build, REQUIREMENTS / f"{group}.txt")
    (STAMPS / "runtime").write_text(made_from["runtime"])
    return True


def ensure_project() -> bool:
    """Installs the project itself, editable, so that `hubbub` is in .venv/bin.

    That compiles the gateway's loops, if the machine can.
    """
    stamp = STAMPS / "project"
    files = [ROOT / "pyproject.toml", REQUIREMENTS / "build.txt", GATEWAY / "_flush.c"]
    made_from = digest(*files, "compiled" if can_compile() else "")
    if is_current(stamp, made_from) and (BIN / "hubbub").exists():
        return False
    with step("Installing Hubbub itself", stamp, made_from):
        for library in GATEWAY.glob("_flush.*.so"):
            library.unlink()
        pip_install("--no-index", "--no-build-isolation", "--editable", ROOT)
    if not any(GATEWAY.glob("_flush.*.so")):
        tell(
            "The gateway's inner loops run in Python here, since they could not be compiled: "
            "that takes a C compiler and Python's headers."
        )
    return True


def ensure_chaos() -> bool:
    """Makes `hubbub-chaos`: the fault suite is run from the checkout and is no part of what is installed."""
    script = (
        f"#!{BIN / 'python'}\n"
        "import sys\n\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from chaos.__main__ import main\n\n"
        "sys.exit(main())\n"
    )
    path = BIN / "hubbub-chaos"
    if path.exists() and path.read_text() == script:
        return False
    path.write_text(script)
    path.chmod(0o755)
    return True


def can_compile() -> bool:
    """Whether there is what an extension module is made with: a later setup may find it."""
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    header = Path(sysconfig.get_path("include")) / "Python.h"
    return shutil.which(compiler) is not None and header.exists()


def ensure_bench() -> bool:
    """The benchmark's servers, its load generator, and what draws its pictures."""
    ensure_packages(BENCH)
    run_quietly(["make", "--directory", LOAD])
    peers = "Installing the benchmark's servers on Node"
    nodes = [ensure_node_packages(folder, peers, "--omit=dev") for folder in PEERS]
    return any([ensure_bench_packages(), *nodes])


def ensure_bench_packages() -> bool:
    stamp = STAMPS / "bench"
    made_from = digest(REQUIREMENTS / "bench.txt")
    if is_current(stamp, made_from):
        return False
    with step("Installing Python packages (bench)", stamp, made_from):
        install_pinned(REQUIREMENTS / "bench.txt")
    return True


def ensure_node_packages(folder: Path, sentence: str, *words: str) -> bool:
    """Installs what a folder's package-lock.json has, with `words` added to npm's own."""
    stamp = folder / "node_modules" / ".hubbub"
    files = [folder / "package.json", folder / "package-lock.json"]
    made_from = digest(*files, node_version(find_tool("node") or ""))
    if is_current(stamp, made_from):
        return False
    with step(sentence, stamp, made_from):
        # Scripts of packages do not run: none of ours needs one, and they could do anything.
        run_quietly([*NPM_CI, *words], cwd=folder)
    return True


def node_version(node: str | Path) -> str:
    """What `node --version` says (`v24.19.0`), or an empty word if it does not run."""
    try:
        done = subprocess.run([node, "--version"], capture_output=True, text=True)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def node_fits(version: str) -> bool:
    """Whether `node --version` is one that web/package.json names: `^24.15.0`, or `>=26.0.0`, or another."""
    engines = json.loads((WEB / "package.json").read_text())["engines"]["node"]
    found = version.removeprefix("v").split(".")
    if not all(number.isdigit() for number in found):
        return False
    numbers = [int(number) for number in found]
    for wanted in engines.split(" || "):
        least = [int(number) for number in re.findall(r"\d+", wanted)]
        if numbers >= least and (wanted.startswith(">=") or numbers[0] == least[0]):
            return True
    return False


def ensure_node() -> bool:
    """Puts Node into .venv, unless the machine has one (with npm) that fits."""
    stamp = STAMPS / "node"
    made_from = digest(REQUIREMENTS / "node.txt")
    if is_current(stamp, made_from):
        return False
    if not (BIN / "node").exists():
        node, npm = find_tool("node"), find_tool("npm")
        if node and npm and node_fits(node_version(node)):
            return False
    with step("Installing Node", stamp, made_from):
        install_pinned(REQUIREMENTS / "node.txt")
    return True


def client_sources() -> list[Path]:
    """Every file of web/ that the build may read, in a fixed order."""
    sources = []
    for folder, folders, files in os.walk(WEB):
        folders[:] = [name for name in folders if name not in NOT_BUILT]
        sources += [Path(folder) / name for name in files]
    return sorted(sources)


def ensure_whole_client() -> bool:
    """The browser client's packages, and the client itself."""
    packages = ensure_client_packages()
    return ensure_client() or packages


def ensure_client_packages() -> bool:
    return ensure_node_packages(WEB, "Installing the browser client's packages")


def ensure_client() -> bool:
    """Builds the browser client into web/dist if its sources changed."""
    stamp = STAMPS / "client"
    made_from = digest(*client_sources(), node_version(find_tool("node") or ""))
    if is_current(stamp, made_from) and (WEB / "dist" / "index.html").exists():
        return False
    with step("Building the browser client", stamp, made_from):
        run_quietly(["npm", "run", "--silent", "build"], cwd=WEB)
    return True


if __name__ == "__main__":
    main()
