"""Where a page of a list ended, as an opaque word."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

import orjson

from hubbub.kernel.errors import Invalid

LONGEST = 600
NO_CURSOR = "cursor: this is no cursor of this list."

Place = list[str | int]
"""What the last row of a page is sorted by, its id last."""


def make_cursor(order: str, place: Sequence[str | int]) -> str:
    """A word for the place in a list of that order."""
    packed = orjson.dumps([order, *place])
    return urlsafe_b64encode(packed).decode().rstrip("=")


def read_cursor(cursor: str, order: str, types: Sequence[type]) -> Place:
    """The place that `make_cursor` made the word of. Raises Invalid for any other word, or for another order's."""
    try:
        packed = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)) if cursor.isascii() else b""
        found = orjson.loads(packed) if len(packed) <= LONGEST else None
    except (binascii.Error, orjson.JSONDecodeError):
        raise Invalid(NO_CURSOR) from None
    if not isinstance(found, list) or len(found) != len(types) + 1 or found[0] != order:
        raise Invalid(NO_CURSOR)
    place: Place = found[1:]
    # True is an int to isinstance; text with NUL is none to PostgreSQL.
    if any(type(value) is not kind for value, kind in zip(place, types, strict=True)) or any(
        (isinstance(value, str) and "\0" in value)
        or (isinstance(value, int) and not -(2**63) <= value < 2**63)
        for value in place
    ):
        raise Invalid(NO_CURSOR)
    return place
