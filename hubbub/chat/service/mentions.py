"""Finds whom a message mentions: `@Full Name`, the longest match among the room's members, or `@all`."""

import re
from collections.abc import Sequence

from sqlalchemy import Connection, select

from hubbub.chat.models import members
from hubbub.people.models import users

AT = re.compile(r"(?<![\w@])@(?=\w)")
EVERYBODY = "all"
MENTIONS_PER_MESSAGE = 500


def find_mentions(connection: Connection, room: str, bodies: Sequence[str]) -> list[list[str]]:
    """For each body the ids of the people it mentions, without repeats; one query for all of them."""
    if not any("@" in body for body in bodies):
        return [[] for _ in bodies]
    rows = connection.execute(
        select(users.c.id, users.c.name)
        .join(members, members.c.user == users.c.id)
        .where(members.c.room == room)
        .order_by(users.c.id)
    )
    people = sorted(((row.name.casefold(), row.id) for row in rows), key=lambda p: -len(p[0]))
    return [match_mentions(body, people) for body in bodies]


def match_mentions(body: str, people: Sequence[tuple[str, str]]) -> list[str]:
    """Ids of those of `people` (casefolded name, id; longest name first) that the body mentions."""
    found: dict[str, None] = {}
    folded = body.casefold()
    for at in AT.finditer(folded):
        rest = folded[at.end() :]
        if starts_with_word(rest, EVERYBODY):
            found.update(dict.fromkeys(person for _, person in people))
            continue
        matched = next((name for name, _ in people if starts_with_word(rest, name)), None)
        if matched is not None:
            found.update(dict.fromkeys(person for name, person in people if name == matched))
    return list(found)[:MENTIONS_PER_MESSAGE]


def starts_with_word(text: str, word: str) -> bool:
    return text.startswith(word) and not text[len(word) : len(word) + 1].isalnum()
