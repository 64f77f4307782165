"""Trello's texts in the lengths that Hubbub has, without losing words."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime

from hubbub.kernel.schemas import BIDI

SHORTEST_TITLE = 3
LONGEST_TITLE = 100
SPACES = re.compile(r"\s+")


def to_plain(text: str) -> str:
    """One line without control characters, as names are."""
    kept = (
        " " if unicodedata.category(letter) == "Cc" else letter
        for letter in text
        if letter not in BIDI
    )
    return SPACES.sub(" ", "".join(kept)).strip()


def to_text(text: str) -> str:
    """What the databases can hold."""
    return text.replace("\0", "")


def shorten(text: str, longest: int) -> str:
    """The first words, with an ellipsis where words are missing."""
    if len(text) <= longest:
        return text
    cut = text[: longest - 1]
    at_word = cut.rpartition(" ")[0]
    return (at_word if len(at_word) > longest // 2 else cut).rstrip() + "…"


def adapt_title(name: str) -> tuple[str, str]:
    """A title of 3 to 100 characters, and the whole one if that is another, otherwise ""."""
    whole = to_plain(name)
    if len(whole) > LONGEST_TITLE:
        return shorten(whole, LONGEST_TITLE), whole
    if len(whole) >= SHORTEST_TITLE:
        return whole, ""
    return (f"Task {whole}" if whole else "Untitled"), whole


def split_text(text: str, longest: int, first: int | None = None) -> list[str]:
    """The text in pieces of at most so many characters, the first one of at most `first`; cut between words."""
    pieces = []
    most = longest if first is None else first
    while len(text) > most:
        cut = max(text.rfind(" ", most // 2, most), text.rfind("\n", most // 2, most))
        place = cut + 1 if cut >= 0 else most
        pieces.append(text[:place])
        text, most = text[place:], longest
    return [piece for piece in (*pieces, text) if piece.strip()]


def join_blocks(blocks: Iterable[str]) -> str:
    return "\n\n".join(block for block in blocks if block.strip())


def link(name: str, address: str) -> str:
    """A Markdown link, or both as text where the address is none a browser should open."""
    shown = re.sub(r"([\\\[\]])", r"\\\1", to_plain(name)) or address
    if re.match(r"https?://[^\s<>]+$", address):
        return f"[{shown}](<{address}>)"
    return f"{shown} {to_plain(address)}".strip()


def bullets(title: str, lines: Iterable[str]) -> str:
    """A titled Markdown list; "" without lines."""
    shown = [f"- {line}" for line in lines]
    return "\n".join([f"**{title}**", "", *shown]) if shown else ""


def moment_text(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M} UTC"
