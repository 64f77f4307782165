"""An asyncio client for bots, scripts, and Hubbub's own load and fault tests.

It speaks docs/api.md and nothing else: it keeps a cursor for each stream, resumes after a lost connection, fills
holes, drops what comes twice, and sends a command again with the same key until it is acknowledged.
"""

from hubbub.client.client import Client, ClientError, Refused
from hubbub.client.follower import Entry, Reset

__all__ = ["Client", "ClientError", "Entry", "Refused", "Reset"]
