"""The tables of campaigns by e-mail: which addresses want no more of an organisation, and which take none."""

from __future__ import annotations

from sqlalchemy import Column, Double, ForeignKey, String, Table, Text

from gateway.store.schema import metadata

email_optouts = Table(
    "email_optouts",
    metadata,
    Column("org_id", ForeignKey("organisations.id"), primary_key=True),
    Column("address", String, primary_key=True),  # folded
    Column("since", Double, nullable=False),
    Column("how", String, nullable=False),  # a word of `unsubscribing.Way`
    Column("campaign_id", String),  # whose mail was answered so
    Column("ended_at", Double),
)

email_bounces = Table(
    "email_bounces",
    metadata,
    Column("org_id", ForeignKey("organisations.id"), primary_key=True),
    Column("address", String, primary_key=True),  # folded
    Column("at", Double, nullable=False),
    Column("cause", Text, nullable=False),
)
