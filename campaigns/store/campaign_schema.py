"""The tables of campaigns: one row each, and one for every contact that was looked at."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Double, ForeignKey, Index, Integer, String, Table, Text, text

from gateway.store.schema import metadata

campaigns = Table(
    "campaigns",
    metadata,
    Column("id", String, primary_key=True),  # and `mail_id` of its messages
    Column("org_id", ForeignKey("organisations.id"), nullable=False),
    Column("account_id", ForeignKey("accounts.id"), nullable=False),  # the responsible person's: it sends
    Column("name", Text, nullable=False),
    Column("texts", Text, nullable=False),  # JSON: texts with macros by language, "" for all others
    Column("audience", Text, nullable=False),
    Column("launch", String, nullable=False),  # instant, deferred
    Column("start_at", Double),
    Column("send_window", String, nullable=False, server_default=""),  # "mon-fri 09:00-20:00"; empty: always
    Column("zone", String, nullable=False, server_default="UTC"),  # of contacts whose own is not known
    Column("smart", Boolean, nullable=False, server_default=text("true")),
    Column("short_links", Boolean, nullable=False, server_default=text("false")),
    Column("per_minute", Integer, nullable=False, server_default="0"),
    Column("per_week", Integer, nullable=False, server_default="0"),
    Column("max_parts", BigInteger, nullable=False, server_default="0"),
    Column("max_cost", BigInteger),
    Column("currency", String, nullable=False, server_default=""),
    Column("state", String, nullable=False),
    Column("state_at", Double, nullable=False),
    Column("cause", String, nullable=False, server_default=""),
    Column("created_at", Double, nullable=False),
    Column("created_by", String, nullable=False, server_default=""),
    Column("started_at", Double),
    Column("finished_at", Double),
    Column("cursor", BigInteger, nullable=False, server_default="0"),  # the last contact that was looked at
    Column("exhausted", Boolean, nullable=False, server_default=text("false")),
    Column("available_at", Double, nullable=False),  # when there is something to do
    Column("lease", String),  # the process that runs it
    Column("recipients", Integer, nullable=False, server_default="0"),
    Column("messages", Integer, nullable=False, server_default="0"),
    Column("waiting", Integer, nullable=False, server_default="0"),
    Column("skipped", Integer, nullable=False, server_default="0"),
    Column("parts", BigInteger, nullable=False, server_default="0"),
    Column("cost", BigInteger, nullable=False, server_default="0"),
    Index("ix_campaigns_organisation", "org_id", "id"),
    Index(
        "ix_campaigns_due",
        "available_at",
        sqlite_where=text("state IN ('scheduled', 'running')"),
        postgresql_where=text("state IN ('scheduled', 'running')"),
    ),
)

campaign_recipients = Table(
    "campaign_recipients",
    metadata,
    Column("campaign_id", String, primary_key=True),
    Column("contact_id", BigInteger, primary_key=True, autoincrement=False),
    Column("state", String, nullable=False),  # sent: a message was made; skipped; waiting: its window is shut
    Column("reason", String, nullable=False, server_default=""),  # why it was skipped
    Column("variant", String, nullable=False, server_default=""),  # the language of its text
    Column("message_id", String),
    Column("at", Double, nullable=False),  # when that was decided; of one that waits, when it is due
    Index(
        "ix_campaign_recipients_waiting",
        "campaign_id",
        "at",
        "contact_id",
        sqlite_where=text("state = 'waiting'"),
        postgresql_where=text("state = 'waiting'"),
    ),
    sqlite_with_rowid=False,
)
