"""The tables of the web: people, their sessions, the audit log. Times are seconds since the epoch (UTC)."""

from __future__ import annotations

from sqlalchemy import Column, Double, ForeignKey, Index, Integer, String, Table, Text

from gateway.store.schema import metadata
from web.store import api_schema

__all__ = ["api_schema", "audit", "identities", "links", "people", "recovery_codes", "sessions", "sign_in_rates"]

people = Table(
    "people",
    metadata,
    Column("id", String, primary_key=True),
    Column("org_id", ForeignKey("organisations.id"), index=True),  # NULL: an operator
    Column("email", String, nullable=False),
    Column("email_folded", String, nullable=False, unique=True),
    Column("name", String, nullable=False, server_default=""),
    Column("role", String, nullable=False),
    Column("password", String, nullable=False, server_default=""),  # argon2id, PHC string; empty: none
    Column("totp", Text, nullable=False, server_default=""),  # sealed; empty: no second factor
    Column("totp_step", Integer, nullable=False, server_default="0"),  # the last time step used, never taken again
    Column("language", String, nullable=False, server_default=""),
    Column("timezone", String, nullable=False, server_default=""),
    Column("created_at", Double, nullable=False),
    Column("disabled_at", Double),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("person_id", ForeignKey("people.id"), primary_key=True),
    Column("digest", String, primary_key=True),  # HMAC-SHA256, hex; a code that was used is gone
    sqlite_with_rowid=False,
)

passkeys = Table(
    "passkeys",
    metadata,
    Column("id", String, primary_key=True),  # the credential's id, base64url
    Column("person_id", ForeignKey("people.id"), nullable=False, index=True),
    Column("public_key", Text, nullable=False),  # COSE, base64url
    Column("sign_count", Integer, nullable=False),
    Column("label", String, nullable=False, server_default=""),
    Column("created_at", Double, nullable=False),
    Column("used_at", Double),
    sqlite_with_rowid=False,
)

identities = Table(
    "identities",  # people at an OpenID Connect provider
    metadata,
    Column("issuer", String, primary_key=True),
    Column("subject", String, primary_key=True),
    Column("person_id", ForeignKey("people.id"), nullable=False, index=True),
    Column("since", Double, nullable=False),
    sqlite_with_rowid=False,
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", String, primary_key=True),  # HMAC-SHA256 of the cookie's token, hex
    Column("id", String, nullable=False, unique=True),  # what lists show
    Column("person_id", ForeignKey("people.id"), index=True),
    Column("account_id", ForeignKey("accounts.id"), index=True),  # an employee who came by a mailed link
    Column("created_at", Double, nullable=False),
    Column("seen_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("peer_ip", String, nullable=False, server_default=""),
    Column("user_agent", String, nullable=False, server_default=""),
    Column("awaits", String, nullable=False, server_default=""),  # a word of Awaits: what is still to be proven
    Column("email", String, nullable=False, server_default=""),  # where the employee's link was mailed to
    Index("ix_sessions_expires_at", "expires_at"),
)

links = Table(
    "links",
    metadata,
    Column("digest", String, primary_key=True),  # HMAC-SHA256 of the token, hex
    Column("id", String, nullable=False, unique=True),  # what lists show
    Column("kind", String, nullable=False),  # a word of LinkKind
    Column("org_id", ForeignKey("organisations.id"), index=True),
    Column("person_id", ForeignKey("people.id"), index=True),
    Column("account_id", ForeignKey("accounts.id"), index=True),
    Column("email", String, nullable=False, server_default=""),  # of somebody who is not there yet
    Column("name", String, nullable=False, server_default=""),
    Column("role", String, nullable=False, server_default=""),
    Column("language", String, nullable=False, server_default=""),
    Column("made_by", String, nullable=False, server_default=""),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False, index=True),
    Column("used_at", Double),
)

sign_in_rates = Table(
    "sign_in_rates",  # leaky buckets, one for each name that has failed to sign in lately
    metadata,
    Column("name", String, primary_key=True),
    Column("empty_at", Double, nullable=False, index=True),
    sqlite_with_rowid=False,
)

audit = Table(
    "audit",
    metadata,
    Column("id", String, primary_key=True),  # a ULID: sorted by time
    Column("at", Double, nullable=False),
    Column("org_id", String),
    Column("actor_kind", String, nullable=False),
    Column("actor_id", String, nullable=False),
    Column("actor_name", String, nullable=False),
    Column("peer_ip", String, nullable=False, server_default=""),
    Column("action", String, nullable=False),  # "account.open"
    Column("subject", String, nullable=False),  # id of what was changed
    Column("detail", Text, nullable=False, server_default=""),
    Index("ix_audit_organisation", "org_id", "id"),
)
