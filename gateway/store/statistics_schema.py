"""Tables of statistics: what became of the SMS of each hour."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Integer, String, Table, Text

from gateway.store.schema import metadata

message_hours = Table(
    "message_hours",
    metadata,
    Column("org_id", String, primary_key=True),  # empty: all organisations together
    Column("hour", Integer, primary_key=True),  # hours since the epoch, UTC, in which they were stored
    Column("way", String, primary_key=True),
    Column("provider", String, primary_key=True),
    Column("state", String, primary_key=True),
    Column("currency", String, primary_key=True),  # empty: no price is known
    Column("messages", Integer, nullable=False),
    Column("parts", BigInteger, nullable=False),
    Column("price", BigInteger, nullable=False),  # thousandths of the currency's minor unit
    Column("delays", Text, nullable=False, server_default=""),  # JSON: messages by the time that they took to arrive
    sqlite_with_rowid=False,
)

counted_hours = Table(
    "counted_hours",
    metadata,
    Column("hour", Integer, primary_key=True),
    Column("counted_at", Double, nullable=False),
)
