"""The tables of webhooks that leave: who wants to be called, and the calls. Times are seconds since the epoch (UTC)."""

from __future__ import annotations

from sqlalchemy import Column, Double, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint, text

from gateway.store.schema import metadata

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", String, primary_key=True),
    Column("org_id", ForeignKey("organisations.id"), nullable=False, index=True),
    Column("url", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("events", Text, nullable=False),  # types, separated by spaces
    Column("secret", Text, nullable=False),  # sealed
    Column("old_secret", Text, nullable=False, server_default=""),  # sealed; empty: none
    Column("old_secret_until", Double),  # it signs as well until then
    Column("state", String, nullable=False),  # active, paused, disabled
    Column("state_reason", Text, nullable=False, server_default=""),
    Column("state_at", Double, nullable=False),
    Column("failing_since", Double),  # the first of the tries in vain since the last that was taken
    Column("created_at", Double, nullable=False),
)

webhook_calls = Table(
    "webhook_calls",
    metadata,
    Column("id", String, primary_key=True),  # a ULID: sorted by time
    Column("webhook_id", String, nullable=False),  # no foreign key: nobody waits for an endpoint that is being deleted
    Column("event_id", String, nullable=False),
    Column("type", String, nullable=False),
    Column("body", Text, nullable=False),  # as it is signed and sent
    Column("state", String, nullable=False),  # queued, delivered, failed
    Column("created_at", Double, nullable=False),
    Column("available_at", Double, nullable=False),
    Column("lease", String),  # the process that has it in hand, until `available_at`
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("tried_at", Double),
    Column("status", Integer),  # HTTP, of the last try
    Column("cause", Text, nullable=False, server_default=""),
    UniqueConstraint("webhook_id", "event_id"),
    Index("ix_webhook_calls_latest", "webhook_id", "id"),
    Index(
        "ix_webhook_calls_due",
        "webhook_id",
        "available_at",
        "id",
        sqlite_where=text("state = 'queued'"),
        postgresql_where=text("state = 'queued'"),
    ),
)
