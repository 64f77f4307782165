"""How far the log was published, and who may publish: one process in the whole cluster per target."""

from sqlalchemy import BigInteger, CheckConstraint, Column, String, Table

from hubbub.kernel.database import Id, metadata

relay_targets = Table(
    "relay_targets",
    metadata,
    Column("target", String(300), primary_key=True),
    Column("holder", String(200), nullable=False, server_default=""),
    # Goes up with each holder and each replay: what an earlier one writes finds nothing to change.
    Column("generation", BigInteger, nullable=False, server_default="0"),
    # In milliseconds of the database's clock.
    Column("held_until", BigInteger, nullable=False, server_default="0"),
    Column("replays", BigInteger, nullable=False, server_default="0"),
    Column("error", String(300), nullable=False, server_default=""),
)

relay_cursors = Table(
    "relay_cursors",
    metadata,
    Column("target", String(300), primary_key=True),
    Column("stream", Id, primary_key=True),
    # The broker has confirmed every entry up to this one.
    Column("seq", BigInteger, nullable=False),
    CheckConstraint("seq >= 0", name="seq"),
)
