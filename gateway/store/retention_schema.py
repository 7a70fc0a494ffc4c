"""What outlives a message whose row was removed by age."""

from __future__ import annotations

from sqlalchemy import Column, Double, String, Table

from gateway.store.schema import metadata

spent_identities = Table(
    "spent_identities",
    metadata,
    Column("identity", String, primary_key=True),  # `messages.dedupe`: whoever sends that signed mail again is told so
    Column("at", Double, nullable=False),
    sqlite_with_rowid=False,
)
