"""What came from elsewhere, and what was made of it."""

from sqlalchemy import Column, ForeignKey, String, Table, Text

from hubbub.kernel.database import Id, metadata

imports = Table(
    "imports",
    metadata,
    # Whose board it was there, and what there has become ours.
    Column("source", String(20), primary_key=True),
    Column("origin", String(64), primary_key=True),
    Column("kind", String(20), primary_key=True),
    Column("external", String(80), primary_key=True),
    Column("board", Id, ForeignKey("boards.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("ours", Id, nullable=False),
    # A digest of each field as it came last, as JSON: what differs has changed there since.
    Column("digests", Text, nullable=False),
)
