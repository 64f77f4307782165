"""Tasks as an iCalendar (RFC 5545): lines of at most 75 octets that end with CRLF."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

LONGEST_LINE = 75
MINUTES = 30
"""How long a task with a time lasts: calendars hardly show what lasts no time."""

# Line breaks of any kind are written \n; other control characters cannot be written at all.
ESCAPES: dict[int, str | None] = {code: None for code in (*range(32), 127) if chr(code) != "\t"}
ESCAPES |= {ord(letter): f"\\{letter}" for letter in "\\;,"}
ESCAPES |= {ord(letter): "\\n" for letter in "\n\x85\u2028\u2029"}


@dataclass(frozen=True, slots=True)
class Event:
    """What is due, as a day (the midnight, UTC, at which it begins) or as a moment; times in milliseconds."""

    uid: str
    due_at: int
    has_time: bool
    summary: str
    description: str
    url: str
    categories: Sequence[str]
    created_at: int
    changed_at: int
    sequence: int

    def lines(self) -> Iterator[str]:
        changed = format_moment(self.changed_at)
        yield "BEGIN:VEVENT"
        yield f"UID:{self.uid}"
        # When it was last changed, not when it was asked for: the same tasks are the same bytes.
        yield f"DTSTAMP:{changed}"
        yield f"CREATED:{format_moment(self.created_at)}"
        yield f"LAST-MODIFIED:{changed}"
        yield f"SEQUENCE:{self.sequence}"
        if self.has_time:
            yield f"DTSTART:{format_moment(self.due_at)}"
            yield f"DURATION:PT{MINUTES}M"
        else:
            day = datetime.fromtimestamp(self.due_at // 1000, UTC)
            yield f"DTSTART;VALUE=DATE:{day:%Y%m%d}"
            yield f"DTEND;VALUE=DATE:{day + timedelta(days=1):%Y%m%d}"
        yield f"SUMMARY:{escape(self.summary)}"
        yield f"DESCRIPTION:{escape(self.description)}"
        yield f"URL:{self.url}"
        yield f"CATEGORIES:{','.join(map(escape, self.categories))}"
        yield "STATUS:CONFIRMED"
        # Nobody is busy all day because something is due.
        yield "TRANSP:TRANSPARENT"
        yield "END:VEVENT"


def format_calendar(name: str, events: Iterable[Event]) -> bytes:
    """The whole calendar, in UTF-8."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Hubbub//Tasks//EN",
        "CALSCALE:GREGORIAN",
        f"X-WR-CALNAME:{escape(name)}",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
        "X-PUBLISHED-TTL:PT1H",
    ]
    for event in events:
        lines += event.lines()
    lines.append("END:VCALENDAR")
    return b"".join(map(fold, lines))


def format_moment(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds // 1000, UTC):%Y%m%dT%H%M%SZ}"


def escape(text: str) -> str:
    """The text as a value of type TEXT."""
    return text.translate(ESCAPES)


def fold(line: str) -> bytes:
    """The line in UTF-8 with its end, broken where it is too long, but within no character."""
    octets = line.encode()
    parts = []
    start, most = 0, LONGEST_LINE
    while len(octets) - start > most:
        end = start + most
        while octets[end] & 0xC0 == 0x80:
            end -= 1
        parts.append(octets[start:end])
        # The space in front of what goes on counts, too.
        start, most = end, LONGEST_LINE - 1
    parts.append(octets[start:])
    return b"\r\n ".join(parts) + b"\r\n"
