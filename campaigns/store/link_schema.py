"""The tables of short links: one row for each link of a campaign, and one for each contact that has followed it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Double, ForeignKey, Index, Integer, String, Table, Text

from gateway.store.schema import metadata

NOBODY: Final = 0
"""Where the contact of a click would stand: nobody's, or that of contacts who were deleted."""

campaign_links = Table(
    "campaign_links",
    metadata,
    Column("id", Integer, primary_key=True),  # stands in codes, so none comes twice
    Column("campaign_id", String, nullable=False, index=True),
    Column("org_id", ForeignKey("organisations.id"), nullable=False),
    Column("written", Text, nullable=False),  # as the text has it, macros and all
    sqlite_autoincrement=True,
)

link_clicks = Table(
    "link_clicks",
    metadata,
    Column("link_id", Integer, primary_key=True, autoincrement=False),
    Column("contact_id", BigInteger, primary_key=True, autoincrement=False),
    Column("clicks", Integer, nullable=False),
    Column("people", Integer, nullable=False),  # 1; of nobody's: contacts who were deleted since
    Column("first_at", Double, nullable=False),
    Column("last_at", Double, nullable=False),
    Index("ix_link_clicks_contact_id", "contact_id"),
    sqlite_with_rowid=False,
)
