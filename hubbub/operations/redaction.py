"""What of an error may be kept: enough to find its cause, nothing that somebody wrote or signs in with."""

import hashlib
import re
from traceback import extract_tb
from types import TracebackType

from hubbub.fleet.redaction import Redactor

LONGEST_MESSAGE = 300
LONGEST_STACK = 4_000
FRAMES = 24

SECRETS = Redactor()
PERSONAL = (
    (re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+"), "…@…"),
    # Everything after an address's path.
    (re.compile(r"(\w+://[^\s?#)]*)[?#][^\s):]*"), r"\1"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.I), "…"),
    (re.compile(r"\b[0-9a-fA-F]{24,}\b"), "…"),
    # A parser quotes what it could not parse; a name of the program stays.
    (re.compile(r'"(?![\w.$-]{1,40}")[^"\n]*"'), '"…"'),
)
CODES = re.compile(r"[^/\s]{16,}")
ASSET = re.compile(r"[-.][\w-]{8}\.(js|mjs)")
HOST = re.compile(r"\w+://[^\s/)]+")
BROWSERS = (
    ("Edge", re.compile(r"Edg\w*/(\d+)")),
    ("Opera", re.compile(r"OPR/(\d+)")),
    ("Firefox", re.compile(r"(?:Firefox|FxiOS)/(\d+)")),
    ("Chrome", re.compile(r"(?:Chrom\w+|CriOS)/(\d+)")),
    ("Safari", re.compile(r"Version/(\d+)[\d.]* (?:Mobile/\w+ )?Safari")),
)
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iOS"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def redact(text: str) -> str:
    """The text without credentials, addresses, ids and quotations."""
    text = SECRETS.text(text)
    for pattern, instead in PERSONAL:
        text = pattern.sub(instead, text)
    return text


def clean_message(text: str) -> str:
    """The first line of a message, redacted: what follows it often repeats what was given."""
    lines = text.strip().splitlines() or ["Unknown error"]
    return redact(lines[0])[:LONGEST_MESSAGE]


def clean_stack(stack: str) -> str:
    """A browser's stack: its frames only, without hosts and without what changes with every build."""
    frames = [line.strip() for line in stack.splitlines()]
    frames = [frame for frame in frames if frame.startswith("at ") or "@" in frame]
    cleaned = [ASSET.sub(r".\1", HOST.sub("", frame.split("?")[0])) for frame in frames[:FRAMES]]
    return "\n".join(redact_path(frame)[:300] for frame in cleaned)[:LONGEST_STACK]


def redact_path(path: str) -> str:
    """A path without what stands after it; ids and codes in it become `…`."""
    kept = path.partition("?")[0].partition("#")[0]
    return CODES.sub("…", kept) if kept.startswith("/") else redact(kept)


def describe_traceback(traceback: TracebackType | None) -> str:
    """Where a server's error came from, the innermost call first: no line of source, no value."""
    frames = [
        f"{frame.name} ({shorten(frame.filename)}:{frame.lineno})"
        for frame in reversed(extract_tb(traceback))
    ]
    return "\n".join(frames[:FRAMES])[:LONGEST_STACK]


def shorten(filename: str) -> str:
    """The file's name from its package on."""
    for mark in ("/site-packages/", "/hubbub/"):
        _, found, after = filename.rpartition(mark)
        if found:
            return f"hubbub/{after}" if mark == "/hubbub/" else after
    return filename.rpartition("/")[2]


def fingerprint(source: str, message: str, stack: str) -> str:
    """The same for errors of one kind: by the message, whatever its numbers are, and the innermost frame."""
    kind = re.sub(r"\d+", "0", message)
    top = stack.partition("\n")[0]
    return hashlib.sha256(f"{source}\n{kind}\n{top}".encode()).hexdigest()[:16]


def name_browser(agent: str) -> str:
    """`Firefox 143, Linux`: which browser and system, and no more."""
    browser = "Other browser"
    for name, pattern in BROWSERS:
        if match := pattern.search(agent):
            browser = f"{name} {match[1]}"
            break
    system = next((name for mark, name in SYSTEMS if mark in agent), "")
    return f"{browser}, {system}" if system else browser
