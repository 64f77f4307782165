"""Pieces of input every feature checks in the same way."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

# Overrides of the writing direction make a name read as another one.
BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def check_plain(text: str) -> str:
    """Raises ValueError when the text has control characters or bidirectional overrides."""
    if any(letter in BIDI or unicodedata.category(letter) in ("Cc", "Cs") for letter in text):
        raise ValueError("must not contain control characters")
    return text


plain_text = AfterValidator(check_plain)

Identifier = Annotated[
    str,
    StringConstraints(
        pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$", to_lower=True
    ),
]
"""An id as a client gives it: a UUID in its 36-character form."""

KeyText = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,128}$")]
"""An idempotency key: 1–128 visible ASCII characters."""
