"""Keeps secrets out of what is written down: by the name of a field, by shape in text, and those known by value."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

HIDDEN = "***"
DEPTH = 6
LONGEST_ITEMS = 100
LONGEST_TEXT = 40_000
"""Of a text its beginning and its end are kept; a line of the log is shorter still."""
SHORTEST_KNOWN = 8
"""A shorter secret would be found in ordinary words."""

# A name is secret when it has one of these words in it…
NAMES = (
    r"passwor[dt]|passwd|passphrase|pwd|secret|token|api[_-]?key|apikey|private[_-]?key|authorization|"
    r"cookie|credential|signature|otp|pin[_-]?code|recovery[_-]?code|invitation[_-]?code|invite[_-]?code|dsn"
)
SECRET_NAME = re.compile(NAMES, re.IGNORECASE)
# …unless it only tells of one.
HARMLESS_NAME = re.compile(
    r"(_|\b)(count|kind|type|id|expires?_at|expires?_in|seconds|name|policy|limit)$|^tokens$",
    re.IGNORECASE,
)

TEXT = (
    # Every line of a cookie header, which has several values: Cookie: a=1; b=2
    (re.compile(r"(?i)((?:set-)?cookie[\"']?\s*:\s*)(?![\"'])[^\r\n\"']+"), rf"\g<1>{HIDDEN}"),
    # user:password@ in an address, with or without the user. The last @ before the host counts.
    (
        re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,30}://[^\s:/@\"'<>]{0,200}):[^\s/\"'<>]{1,500}@"),
        rf"\g<1>:{HIDDEN}@",
    ),
    # https://KEY@host, as of Sentry.
    (re.compile(r"(?i)\b(https?://)[^\s:/@\"'<>?]{1,500}@"), rf"\g<1>{HIDDEN}@"),
    # Authorization: Bearer x, Basic x
    (
        re.compile(r"(?i)\b(bearer|basic|digest|negotiate)(\s+)(?!realm)[a-z0-9._~+/=-]{6,}"),
        rf"\g<1>\g<2>{HIDDEN}",
    ),
    # JSON web tokens, wherever they are.
    (re.compile(r"\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?"), HIDDEN),
    # Password = 'x', "token": "x", \"secret\": \"x\", (b'authorization', b'x'), ?code=x, PGPASSWORD=x
    (
        re.compile(
            rf"(?i)((?:{NAMES})(?![_-]?count)[a-z0-9_-]{{0,40}}\\?[\"']?\s{{0,9}}(?:=>|[=:,])\s{{0,9}}b?)"
            r"(\\?\"(?:[^\"\\]|\\(?!\")[^\"]|\\\\.)*\\?\"|'(?:[^'\\]|\\.)*'|"
            # A quote that is not closed: the text was cut.
            r"\\?[\"'][^\r\n]*|(?![\s\"'=(\[{<])[^\s\"',;&)\]}>]+)"
        ),
        rf"\g<1>{HIDDEN}",
    ),
    (
        re.compile(r"(?i)([?&#](?:code|key|sig|access|refresh|state|jwt)=)[^&\s\"'#]+"),
        rf"\g<1>{HIDDEN}",
    ),
    # Codes that are part of a path: invitations and guests' links.
    (
        re.compile(r"(/(?:join|guest|invitations|guest-links|reset|verify)/)[^/\s?#\"'<>{}]+"),
        rf"\g<1>{HIDDEN}",
    ),
    # Keys in PEM.
    (
        re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(-----END|$)", re.DOTALL),
        rf"\g<1>{HIDDEN}\g<2>",
    ),
)
# Nothing is looked for in a text that has none of these: most have not.
SUSPICIOUS = re.compile(
    rf"(?i){NAMES}|://|bearer|basic|digest|negotiate|eyJ|[?&#](?:code|key|sig|access|refresh|state|jwt)=|"
    r"/(?:join|guest|invitations|guest-links|reset|verify)/|PRIVATE KEY"
)


class Redactor:
    """Hides secrets in text and in structures; `known` are secrets in force, hidden wherever they appear."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._words: set[str] = set()
        self._known: re.Pattern[str] | None = None
        self.learn(known)

    def learn(self, known: Iterable[str]) -> None:
        """Hides these, too, from now on."""
        self._words |= {word for word in known if len(word) >= SHORTEST_KNOWN}
        # The longest first: one may be the beginning of another.
        words = sorted(self._words, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, words))) if words else None

    def text(self, text: str) -> str:
        """The text with every secret that can be told from its shape, or is known, replaced."""
        if len(text) > LONGEST_TEXT:
            half = LONGEST_TEXT // 2
            # From the next word on: the rest of a secret would not be known as one.
            text = f"{text[:half]} … cut … {text[-half:].partition(' ')[2]}"
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        if SUSPICIOUS.search(text) is None:
            return text
        for pattern, replacement in TEXT:
            text = pattern.sub(replacement, text)
        return text

    def fields(self, fields: Mapping[Any, Any], depth: int = DEPTH) -> dict[str, Any]:
        """A copy of a structure, without what its names or its texts say is secret."""
        kept: dict[str, Any] = {}
        for key, value in list(fields.items())[:LONGEST_ITEMS]:
            name = key.decode("latin-1") if isinstance(key, bytes) else str(key)
            kept[name] = HIDDEN if value and is_secret(name) else self.value(value, depth - 1)
        return kept

    def value(self, value: Any, depth: int = DEPTH) -> Any:
        """As `fields`, for any value; what has no JSON form becomes its text."""
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, bytes):
            return self.text(value.decode("utf-8", "replace"))
        if depth <= 0:
            return self.text(repr(value))
        if isinstance(value, Mapping):
            return self.fields(value, depth)
        if isinstance(value, Sequence | set | frozenset):
            items = list(value)[:LONGEST_ITEMS]
            if len(items) == 2 and isinstance(items[0], str | bytes) and is_secret(items[0]):
                # A header, as ASGI has it: (name, value).
                return [self.value(items[0]), HIDDEN]
            return [self.value(item, depth - 1) for item in items]
        return self.text(str(value))


def is_secret(name: str | bytes) -> bool:
    """Whether a field of that name holds a secret."""
    text = name.decode("latin-1") if isinstance(name, bytes) else name
    return SECRET_NAME.search(text) is not None and HARMLESS_NAME.search(text) is None
