"""What must never be in the repository: hosts of registries, paths of a machine, secrets."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST_SOURCE = 600

# Written in pieces, so that this file passes its own check.
REGISTRY_HOSTS = [
    "pypi" + ".org",
    "python" + "hosted.org",
    "registry.npm" + "js.org",
    "registry.yarn" + "pkg.com",
    "deb.debian" + ".org",
    "security.debian" + ".org",
    "ftp.debian" + ".org",
]
# An absolute path below somebody's home, or below the folder of a build machine.
MACHINE_PATH = re.compile(r"(?<![\w.~/$}-])/(?:home|root|Users|work|builds)/[\w.-]+")
SECRETS = {
    "private key": re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"),
    "cloud key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "forge token": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|glpat-[\w-]{20})"),
    "chat token": re.compile(r"\bxox[abeoprs]-[\w-]{10,}"),
    "payment key": re.compile(r"\b[rs]k_live_[0-9A-Za-z]{16,}"),
    "signed token": re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}"),
    "password in a URL": re.compile(r"\b[a-z][a-z0-9+]*://[^\s/:@'\"{}<>]+:[^\s/@'\"{}<>*…]{12,}@"),
    "assigned secret": re.compile(
        r"(?i)(?:secret|passwd|password|api_?key|access_?token)[\"']?\s*[:=]\s*"
        r"[\"'](?=[^\"']*\d)(?=[^\"']*[A-Z])[A-Za-z0-9+/=_-]{28,}[\"']"
    ),
}

KERNEL_PICKS = re.compile(
    r"""["'](?:127\.0\.0\.1|0\.0\.0\.0|localhost|::1?)["'],\s*0\b|\bport=0\b|\blisten\(0\b"""
)
"""A server whose port the kernel picks, from those of outgoing connections."""
OF_TESTS = ("tests/", "chaos/", "bench/")


def tracked_files() -> list[Path]:
    """The files git has, and those it would add."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so nothing says which files are its own")
    # The checkout may belong to another user than the one who runs the tests.
    command = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"]
    command += ["--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    names = {name.decode() for name in listed.split(b"\0") if name}
    return [ROOT / name for name in sorted(names) if (ROOT / name).is_file()]


def tracked_texts() -> Iterator[tuple[str, str]]:
    """Name and content of every such file that is text."""
    for path in tracked_files():
        content = path.read_bytes()
        if b"\0" not in content:
            yield str(path.relative_to(ROOT)), content.decode(errors="replace")


def find_hosts(text: str) -> list[str]:
    return [host for host in REGISTRY_HOSTS if host in text.lower()]


def find_machine_paths(text: str) -> list[str]:
    here = re.findall(rf"(?<![\w.-]){re.escape(str(ROOT))}(?![\w.-])", text)
    return MACHINE_PATH.findall(text) + here


def find_secrets(text: str) -> list[str]:
    return [kind for kind, pattern in SECRETS.items() if pattern.search(text)]


def test_the_repository_is_seen() -> None:
    names = {name for name, _ in tracked_texts()}
    assert {"pyproject.toml", "requirements/runtime.txt", "web/package-lock.json"} <= names


def test_no_registry_host() -> None:
    found = {name: hosts for name, text in tracked_texts() if (hosts := find_hosts(text))}
    assert found == {}


def test_no_path_of_a_machine() -> None:
    found = {name: paths for name, text in tracked_texts() if (paths := find_machine_paths(text))}
    assert found == {}


def test_no_secret() -> None:
    found = {name: kinds for name, text in tracked_texts() if (kinds := find_secrets(text))}
    assert found == {}


def test_the_checks_find_what_they_look_for() -> None:
    assert find_hosts("https://files.Python" + "hosted.org/packages") == ["python" + "hosted.org"]
    assert find_machine_paths("see /ho" + "me/ann/notes and /wo" + "rk/x.") != []
    assert find_machine_paths(f'"{ROOT}"') != []
    assert find_machine_paths("web/home/page.ts https://x.example/home/a ~/work/a") == []
    for place in ('"127.0.0.1", ', '"::",\n    ', "port=", "listen("):
        assert KERNEL_PICKS.search(f"{place}0)")
        assert not KERNEL_PICKS.search(f"{place}5000)")
    planted = {
        "private key": "-----BEGIN RSA PRIVATE" + " KEY-----",
        "cloud key": "AKIA" + "IOSFODNN7EXAMPLE",
        "forge token": "ghp_" + "a1" * 18,
        "chat token": "xoxb-" + "1234567890-abc",
        "payment key": "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc",
        "signed token": "eyJ" + "hbGciOiJIUzI1NiJ9.eyJ" + "zdWIiOiJhbm4ifQ12.x" + "y" * 30,
        "password in a URL": "postgresql://ann:" + "correct-horse-battery@db/x",
        "assigned secret": 'SECRET = "' + "q9" * 14 + 'Z"',
    }
    assert planted.keys() == SECRETS.keys()
    assert {kind: find_secrets(text) for kind, text in planted.items()} == {
        kind: [kind] for kind in planted
    }


def test_no_lock_file_that_names_hosts() -> None:
    names = {path.name for path in tracked_files()}
    assert names.isdisjoint({"uv.lock", "poetry.lock", "Pipfile.lock", "yarn.lock"})


def test_every_requirement_is_pinned_with_hashes() -> None:
    files = sorted((ROOT / "requirements").glob("*.txt"))
    assert [file.stem for file in files] == ["bench", "build", "dev", "node", "runtime"]
    for file in files:
        entries = re.split(r"\n(?=[A-Za-z0-9])", file.read_text())[1:]
        assert entries, file.name
        for entry in entries:
            assert re.match(r"[\w.-]+(\[[\w,-]+\])?==\S+", entry), f"{file.name}: {entry[:60]}"
            assert "--hash=sha256:" in entry, f"{file.name}: {entry[:60]}"


def test_the_tools_do_not_change_what_runs() -> None:
    """The same versions run in `make run` and in `make test`."""

    def pins(name: str) -> set[str]:
        text = (ROOT / "requirements" / f"{name}.txt").read_text()
        return set(re.findall(r"^([\w.-]+(?:\[[\w,-]+\])?==[^\s;]+)", text, re.MULTILINE))

    assert pins("runtime") - pins("dev") == set()


def test_the_client_lock_names_every_platform() -> None:
    """npm drops platforms it saw no package for; `npm ci` then fails on every machine.

    Compile the lock anew without node_modules, and pin a version whose packages all exist.
    """
    packages = json.loads((ROOT / "web" / "package-lock.json").read_text())["packages"]
    known = {place.rpartition("node_modules/")[2] for place in packages}
    missing = {
        f"{place} wants {wanted}"
        for place, package in packages.items()
        for wanted in package.get("optionalDependencies", {})
        if wanted not in known
    }
    assert missing == set()
    # What came inside another package is covered by that package's hash.
    of_their_own = {p: package for p, package in packages.items() if not package.get("inBundle")}
    assert [p for p, package in of_their_own.items() if p and "integrity" not in package] == []


def test_sources_fit_on_a_few_screens() -> None:
    sources = [path for path in tracked_files() if path.suffix == ".py"]
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in sources
        if path.is_relative_to(ROOT / "hubbub")
    }
    assert lengths, "no sources found"
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_SOURCE} == {}


def test_the_kernel_picks_no_port_of_a_test() -> None:
    texts = {name: text for name, text in tracked_texts() if name.startswith(OF_TESTS)}
    assert texts, "no files found"
    found = {name: picks for name, text in texts.items() if (picks := KERNEL_PICKS.findall(text))}
    assert found == {}


def test_text_files_end_with_a_newline() -> None:
    assert [name for name, text in tracked_texts() if text and not text.endswith("\n")] == []


def test_links_between_pages_lead_somewhere() -> None:
    pages = [(name, text) for name, text in tracked_texts() if name.endswith(".md")]
    broken = [
        f"{name}: {link}"
        for name, text in pages
        for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
        if "://" not in link and not (ROOT / name).parent.joinpath(link).exists()
    ]
    assert broken == []
