"""The nodes that serve one workspace, as the database knows them (docs/cluster.md)."""

from sqlalchemy import BigInteger, Column, Integer, String, Table, Text

from hubbub.kernel.database import Id, metadata

nodes = Table(
    "nodes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("roles", String(60), nullable=False),
    Column("address", String(200), nullable=False),
    Column("port", Integer, nullable=False),
    Column("version", String(60), nullable=False),
    Column("process", String(200), nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("heard_at", BigInteger),
    Column("figures", Text, nullable=False),
)
