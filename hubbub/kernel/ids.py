"""Identifiers: UUIDv7 (RFC 9562, section 5.7), so that rows made together lie together."""

import uuid_utils


def new_id() -> str:
    """A fresh UUIDv7 in its 36-character form."""
    return str(uuid_utils.uuid7())
