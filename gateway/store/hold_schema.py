"""Records whose queued messages do not leave for now: those of a campaign that is paused, or was cancelled."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Double, String, Table, text

from gateway.store.schema import metadata

holds = Table(
    "holds",
    metadata,
    Column("record_id", String, primary_key=True),  # `messages.mail_id`
    Column("since", Double, nullable=False),
    Column("ended", Boolean, nullable=False, server_default=text("false")),  # they never leave: they fail
    sqlite_with_rowid=False,
)
