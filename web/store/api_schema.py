"""The table of the API: what calls with an `Idempotency-Key` were answered. Times are seconds since the epoch (UTC)."""

from __future__ import annotations

from sqlalchemy import Column, Double, Integer, String, Table, Text

from gateway.store.schema import metadata

api_answers = Table(
    "api_answers",
    metadata,
    Column("key_id", String, primary_key=True),
    Column("name", String, primary_key=True),  # HMAC-SHA256 of the client's Idempotency-Key, hex
    Column("request", String, nullable=False),  # HMAC-SHA256 of what was asked, hex
    Column("claim", String, nullable=False),  # names the call that is, or was, at it
    Column("process", String, nullable=False),  # which answers it: `processes.token`
    Column("claimed_at", Double, nullable=False, index=True),
    Column("status", Integer),  # NULL while the call is running
    Column("answer", Text, nullable=False, server_default=""),  # headers and body, sealed: it may hold a secret
    sqlite_with_rowid=False,
)
