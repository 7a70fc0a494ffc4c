"""The tables.

Times are seconds since the epoch (UTC); phone numbers are E.164; states are the words of `gateway.sms`;
prices are thousandths of the minor unit of the currency beside them (`gateway.money`).

`gateway/store/migrations` brings any older database to this shape, forwards only.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# --- directory -----------------------------------------------------------------------------------------------------

organisations = Table(
    "organisations",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("region", String, nullable=False),
    Column("language", String, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("texts_days", Integer),  # how long texts are kept, 0 for ever; NULL: as [retention] says
    Column("metadata_days", Integer),  # the same for the rows around them
    Column("approval_above", Integer),  # contacts from which on a campaign needs a second person; NULL: as [campaigns]
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String, primary_key=True),
    Column("org_id", ForeignKey("organisations.id"), nullable=False, index=True),
    Column("kind", String, nullable=False),
    Column("label", String, nullable=False, server_default=""),
    Column("domains", Text, nullable=False, server_default=""),  # separated by spaces
    Column("scopes", Text, nullable=False, server_default=""),  # of the kind REST; separated by spaces
    Column("created_at", Double, nullable=False),
    Column("paused_at", Double),
)

key_secrets = Table(
    "key_secrets",
    metadata,
    Column("digest", String, primary_key=True),  # HMAC-SHA256 of the key, hex
    Column("key_id", ForeignKey("api_keys.id"), nullable=False, index=True),
    Column("sealed", Text, nullable=False),  # AEAD, for showing it and for writing From
    Column("created_at", Double, nullable=False),
    Column("retires_at", Double),  # after a rotation: the old secret works until then
    Column("made_by", String, nullable=False, server_default=""),  # the person who has seen it; empty: the terminal
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", String, primary_key=True),
    Column("org_id", ForeignKey("organisations.id"), nullable=False),
    Column("key_id", ForeignKey("api_keys.id"), nullable=False),
    Column("email", String, nullable=False),
    Column("email_folded", String, nullable=False),
    Column("number", String, nullable=False, index=True),
    Column("provider", String, nullable=False),
    Column("language", String, nullable=False),
    Column("region", String, nullable=False),
    Column("cut_signature", Boolean, nullable=False, server_default=text("false")),
    Column("login_digest", String),  # HMAC-SHA256 of the submission password, hex
    Column("opened_at", Double, nullable=False),
    Column("closed_at", Double),
    Column("mailbox_fault", Text),
    Column("mailbox_fault_at", Double),
    Column("sent_count", Integer, nullable=False, server_default="0"),
    Column("received_count", Integer, nullable=False, server_default="0"),
    Column("active_at", Double),
    Index("ix_accounts_email", "email_folded", "id", "number", "closed_at"),  # all that a search looks at
    Index("ix_accounts_organisation", "org_id", "id", "email_folded", "number", "closed_at"),
    Index(
        "ix_accounts_refusing",
        "id",
        sqlite_where=text("mailbox_fault IS NOT NULL AND closed_at IS NULL"),
        postgresql_where=text("mailbox_fault IS NOT NULL AND closed_at IS NULL"),
    ),
    Index(
        "uq_accounts_open_email",
        "key_id",
        "email_folded",
        unique=True,
        sqlite_where=text("closed_at IS NULL"),
        postgresql_where=text("closed_at IS NULL"),
    ),
)

numbers = Table(
    "numbers",
    metadata,
    Column("number", String, primary_key=True),
    Column("provider", String, nullable=False),
    Column("account_id", ForeignKey("accounts.id")),  # NULL while it rests in quarantine
    Column("taken_at", Double, nullable=False),
    Column("free_after", Double),  # end of quarantine; NULL while in use
)

revisions = Table(
    "revisions",
    metadata,
    Column("name", String, primary_key=True),  # "directory": bumped by every change of the tables above
    Column("value", Integer, nullable=False),
)

optouts = Table(
    "optouts",
    metadata,
    Column("org_id", ForeignKey("organisations.id"), primary_key=True),
    Column("phone", String, primary_key=True),
    Column("since", Double, nullable=False),
    Column("word", String, nullable=False),  # what the person wrote, or the provider that told
    Column("ended_at", Double),
)

spend = Table(
    "spend",
    metadata,
    Column("purse", String, primary_key=True),  # "account:ID", "key:ID", "organisation:ID"
    Column("day", Integer, primary_key=True),  # days since the epoch, UTC
    Column("parts", BigInteger, nullable=False),
    Column("cost", BigInteger, nullable=False),  # minor units
    sqlite_with_rowid=False,
)

# --- processes -----------------------------------------------------------------------------------------------------

processes = Table(
    "processes",
    metadata,
    Column("token", String, primary_key=True),  # what a lease names
    Column("host", String, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("alive_until", Double, nullable=False),  # moved on by its heartbeat; a lease is good until then
)

ENDED_BADLY = "state IN ('unknown', 'expired', 'failed')"
"""As its indices and queries say it: SQLite uses a partial index only where its condition stands in the query word for
word. The order is not that of `ix_messages_untold`, whose queries would else read these indices."""
IN_DOUBT = "state || '' = 'unknown'"
"""The same of one state, with a concatenation for the same reason."""

# --- mail to SMS ---------------------------------------------------------------------------------------------------

mails = Table(
    "mails",
    metadata,
    Column("id", String, primary_key=True),
    Column("received_at", Double, nullable=False),
    Column("decision", String, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("org_id", String),
    Column("account_id", String),
    Column("listener", String, nullable=False),
    Column("peer_ip", String, nullable=False),
    Column("helo", String, nullable=False),
    Column("tls", Boolean, nullable=False),
    Column("mail_from", String, nullable=False),
    Column("header_from", String, nullable=False),
    Column("message_id", String),
    Column("proof", String, nullable=False),
    Column("proof_detail", Text, nullable=False, server_default=""),
    Column("size", Integer, nullable=False),
    Column("subject", Text, nullable=False, server_default=""),
    Column("text", Text, nullable=False, server_default=""),
    Column("cut", Text, nullable=False, server_default=""),
    Column("attachments", Text, nullable=False, server_default=""),
    Column("receipt_at", Double),  # when to look whether its receipt can be written; NULL: none is owed
    Column("text_removed_at", Double),  # when subject, text, cut and attachments were removed
    Index(
        "ix_mails_receipt_at",
        "receipt_at",
        sqlite_where=text("receipt_at IS NOT NULL"),
        postgresql_where=text("receipt_at IS NOT NULL"),
    ),
)

messages = Table(
    "messages",
    metadata,
    Column("id", String, primary_key=True),
    Column("mail_id", String, index=True),
    Column("org_id", String, nullable=False),
    Column("account_id", String, nullable=False),
    Column("key_id", String, nullable=False),
    Column("provider", String, nullable=False),
    Column("from_number", String, nullable=False),
    Column("to_number", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("encoding", String, nullable=False),
    Column("parts", Integer, nullable=False),
    Column("units", Integer, nullable=False),
    Column("priority", Integer, nullable=False),  # 0 dialog, 1 campaign
    Column("dedupe", String, unique=True),
    Column("state", String, nullable=False),
    Column("state_at", Double, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("available_at", Double, nullable=False),
    Column("lease", String),  # the process that submits it
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("cause", Text, nullable=False, server_default=""),
    Column("reason", String, nullable=False, server_default=""),  # a word of FailureReason, for the sender
    Column("public_text", Text, nullable=False, server_default=""),
    Column("told_at", Double),  # when its sender was told of a failure
    Column("billed_parts", Integer),  # as the provider counts
    Column("price", BigInteger),  # of all parts together
    Column("currency", String),
    Column("sender", String, nullable=False, server_default=""),  # instead of from_number, where a route says so
    Column("refused_by", String, nullable=False, server_default=""),  # providers that never will, separated by spaces
    Column("bound", Boolean, nullable=False, server_default=text("false")),  # its provider may have it already
    Column("text_removed_at", Double),  # when its text was removed, by age or at a person's wish
    Column("hours_begin", Double),  # when it may leave; NULL: always
    Column("hours_end", Double),
    Column("hours_place", String),  # by whose clock: "Europe/Copenhagen DK"
    Index("ix_messages_organisation", "org_id", "id", "to_number"),  # ids sort by time
    Index("ix_messages_account", "account_id", "id", "to_number"),
    Index(
        "ix_messages_ended_badly",
        "id",
        sqlite_where=text(ENDED_BADLY),
        postgresql_where=text(ENDED_BADLY),
    ),
    Index(
        "ix_messages_unknown",
        "id",
        sqlite_where=text(IN_DOUBT),
        postgresql_where=text(IN_DOUBT),
    ),
    Index(
        "ix_messages_ended_badly_organisation",
        "org_id",
        "id",
        "state",
        sqlite_where=text(ENDED_BADLY),
        postgresql_where=text(ENDED_BADLY),
    ),
    Index(
        "ix_messages_due",
        "provider",
        "priority",
        "available_at",
        "id",
        sqlite_where=text("state = 'queued'"),
        postgresql_where=text("state = 'queued'"),
    ),
    Index(
        "ix_messages_in_flight",
        "lease",
        sqlite_where=text("state = 'submitting'"),
        postgresql_where=text("state = 'submitting'"),
    ),
    Index(
        "ix_messages_submitted",  # what waits for reports
        "provider",
        "state_at",
        sqlite_where=text("state = 'submitted'"),
        postgresql_where=text("state = 'submitted'"),
    ),
    Index(
        "ix_messages_untold",
        "state_at",
        sqlite_where=text("state IN ('failed', 'expired', 'unknown') AND told_at IS NULL"),
        postgresql_where=text("state IN ('failed', 'expired', 'unknown') AND told_at IS NULL"),
    ),
)

attempts = Table(
    "attempts",
    metadata,
    Column("message_id", String, primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("provider", String, nullable=False),
    Column("started_at", Double, nullable=False),  # committed before the bytes leave
    Column("finished_at", Double),
    Column("outcome", String),
    Column("cause", Text, nullable=False, server_default=""),
    sqlite_with_rowid=False,
)

provider_refs = Table(
    "provider_refs",
    metadata,
    Column("provider", String, primary_key=True),
    Column("ref", String, primary_key=True),
    Column("to_number", String, primary_key=True),
    Column("message_id", String, nullable=False, index=True),
    Column("part", Integer, nullable=False),
    Column("total", Integer),  # ids that the message has in all; NULL: those that are here
    Column("status", String),  # the furthest report so far
    Column("at", Double),
    Column("cause", Text, nullable=False, server_default=""),
    Column("reason", String, nullable=False, server_default=""),  # a word of FailureReason
    Column("price", BigInteger),  # of this part, as a report told it
    Column("currency", String),
    sqlite_with_rowid=False,
)

reports = Table(
    "reports",
    metadata,
    Column("provider", String, primary_key=True),
    Column("ref", String, primary_key=True),
    Column("to_number", String, primary_key=True, server_default=""),
    Column("status", String, primary_key=True),
    Column("at", Double, nullable=False),
    Column("received_at", Double, nullable=False),
    Column("cause", Text, nullable=False, server_default=""),
    Column("reason", String, nullable=False, server_default=""),  # a word of FailureReason
    Column("message_id", String),  # NULL: came before the answer that names the id
    Column("price", BigInteger),
    Column("currency", String),
    sqlite_with_rowid=False,
)

# --- SMS to mail ---------------------------------------------------------------------------------------------------

inbound = Table(
    "inbound",
    metadata,
    Column("id", String, primary_key=True),
    Column("provider", String, nullable=False),
    Column("ref", String, nullable=False),
    Column("from_number", String, nullable=False),
    Column("to_number", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("received_at", Double, nullable=False),
    Column("state", String, nullable=False, index=True),  # mailed, held, asked, unrouted
    Column("incomplete", Boolean, nullable=False, server_default=text("false")),
    Column("late", Boolean, nullable=False, server_default=text("false")),  # a part came after its time
    Column("org_id", String),
    Column("account_id", String),
    Column("mail_id", String),
    Column("text_removed_at", Double),
    UniqueConstraint("provider", "ref"),
    Index("ix_inbound_organisation", "org_id", "id", "from_number"),
    Index("ix_inbound_account", "account_id", "id", "from_number"),
)

inbound_parts = Table(
    "inbound_parts",
    metadata,
    Column("provider", String, primary_key=True),
    Column("ref", String, primary_key=True),
    Column("from_number", String, nullable=False),
    Column("to_number", String, nullable=False),
    Column("part_ref", String, nullable=False),
    Column("total", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("text", Text, nullable=False),  # a JSON string: a part may end in the middle of a character
    Column("at", Double, nullable=False),
    Column("received_at", Double, nullable=False),
    Column("inbound_id", String),  # the message that it became part of
    Index(
        "ix_inbound_parts_waiting",
        "from_number",
        "to_number",
        "part_ref",
        sqlite_where=text("inbound_id IS NULL"),
        postgresql_where=text("inbound_id IS NULL"),
    ),
    Index(
        "ix_inbound_parts_gone_on",
        "from_number",
        "to_number",
        "part_ref",
        sqlite_where=text("inbound_id IS NOT NULL"),
        postgresql_where=text("inbound_id IS NOT NULL"),
    ),
)

thread_refs = Table(
    "thread_refs",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("message_id", String, primary_key=True),
    Column("phone", String, primary_key=True),
    Column("at", Double, nullable=False),
    Index("ix_thread_refs_latest", "account_id", "phone", "at"),
    sqlite_with_rowid=False,
)

claims = Table(
    "claims",
    metadata,
    Column("number", String, primary_key=True),  # shared by accounts
    Column("phone", String, primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), nullable=False),  # whose conversation it is, by its own word
    Column("since", Double, nullable=False),
    sqlite_with_rowid=False,
)

organisation_numbers = Table(
    "organisation_numbers",
    metadata,
    Column("number", String, primary_key=True),
    Column("org_id", ForeignKey("organisations.id"), nullable=False, index=True),
    Column("provider", String, nullable=False),
    Column("email", String, nullable=False),  # gets what no keyword is for
    Column("since", Double, nullable=False),
)

keywords = Table(
    "keywords",
    metadata,
    Column("number", ForeignKey("organisation_numbers.number"), primary_key=True),
    Column("word", String, primary_key=True),  # folded
    Column("written", String, nullable=False),
    Column("email", String, nullable=False),
    Column("reply", Text, nullable=False, server_default=""),  # an SMS back; empty for none
    sqlite_with_rowid=False,
)

automatic_replies = Table(
    "automatic_replies",
    metadata,
    Column("phone", String, primary_key=True),
    Column("about", String, primary_key=True),  # number and word of a keyword; empty for numbers that nobody has
    Column("at", Double, nullable=False),
    sqlite_with_rowid=False,
)

# --- mail out ------------------------------------------------------------------------------------------------------

mail_queue = Table(
    "mail_queue",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("return_path", String, nullable=False),
    Column("recipient", String, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("account_id", String),
    Column("about", String, index=True),  # the inbound SMS, message, mail or campaign that it is about
    Column("priority", Integer, nullable=False, server_default="0"),  # 1: of a campaign, behind all others
    Column("state", String, nullable=False),  # queued, sent, failed
    Column("created_at", Double, nullable=False),
    Column("available_at", Double, nullable=False),
    Column("settled_at", Double),
    Column("lease", String),
    Column("lease_until", Double),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("cause", Text, nullable=False, server_default=""),
    Column("hours_begin", Double),  # when it may leave; NULL: always
    Column("hours_end", Double),
    Column("hours_place", String),  # by whose clock: "Europe/Copenhagen DK"
    Index(
        "ix_mail_queue_leased",
        "lease",
        sqlite_where=text("lease IS NOT NULL"),
        postgresql_where=text("lease IS NOT NULL"),
    ),
    Index(
        "ix_mail_queue_operator_failed",
        "settled_at",
        sqlite_where=text("state = 'failed' AND kind = 'operator'"),
        postgresql_where=text("state = 'failed' AND kind = 'operator'"),
    ),
    Index(
        "ix_mail_queue_due",
        "priority",
        "available_at",
        sqlite_where=text("state = 'queued'"),
        postgresql_where=text("state = 'queued'"),
    ),
)
