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
    Column("channel", String, nullable=False, server_default="sms"),  # sms, email
    Column("subjects", Text, nullable=False, server_default=""),  # JSON, as texts; of e-mails
    Column("texts", Text, nullable=False),  # JSON: texts with macros by language, "" for all others
    Column("audience", Text, nullable=False),
    Column("consent", String, nullable=False, server_default=""),  # what somebody must have agreed to
    Column("launch", String, nullable=False),  # instant, deferred
    Column("start_at", Double),
    Column("send_window", String, nullable=False, server_default=""),  # "mon-fri 09:00-20:00"; empty: always
    Column("zone", String, nullable=False, server_default="UTC"),  # of contacts whose own is not known
    Column("any_hour", Boolean, nullable=False, server_default=text("false")),  # in quiet hours as well
    Column("any_day", Boolean, nullable=False, server_default=text("false")),  # on holidays as well
    Column("smart", Boolean, nullable=False, server_default=text("true")),
    Column("short_links", Boolean, nullable=False, server_default=text("false")),
    Column("trial", Text, nullable=False, server_default=""),  # JSON: how versions of the text are tried
    Column("winner", String, nullable=False, server_default=""),  # the version that the others get, once it is decided
    Column("decided_at", Double),
    Column("decided_by", String, nullable=False, server_default=""),  # empty: the rule
    Column("decided_on", Text, nullable=False, server_default=""),  # JSON: figures of the versions at that time
    Column("per_minute", Integer, nullable=False, server_default="0"),
    Column("per_week", Integer, nullable=False, server_default="0"),
    Column("max_parts", BigInteger, nullable=False, server_default="0"),
    Column("max_cost", BigInteger),
    Column("currency", String, nullable=False, server_default=""),
    Column("asked_by", String, nullable=False, server_default=""),  # who started it
    Column("asked_id", String, nullable=False, server_default=""),  # "person:ID", "key:ID", "terminal:name"
    Column("asked_person", String, nullable=False, server_default=""),  # who that is, or who has made the key
    Column("asked_at", Double),
    Column("asked_for", Integer, nullable=False, server_default="0"),  # contacts of its audience then; 0: not counted
    Column("answered_by", String, nullable=False, server_default=""),  # who approved it or sent it back
    Column("answered_id", String, nullable=False, server_default=""),
    Column("answered_at", Double),
    Column("approved", Boolean, nullable=False, server_default=text("false")),
    Column("answer", Text, nullable=False, server_default=""),  # the word with which it was sent back
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
    Column("address", String),  # of an e-mail, folded: an address gets one
    Index(
        "ix_campaign_recipients_address",
        "campaign_id",
        "address",
        unique=True,
        sqlite_where=text("address IS NOT NULL"),
        postgresql_where=text("address IS NOT NULL"),
    ),
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

campaign_mails = Table(
    "campaign_mails",  # what was shown by mail, and waits for "OK"
    metadata,
    Column("campaign_id", String, primary_key=True),  # stands in the Subject
    Column("account_id", String, nullable=False),  # whose answer counts
    Column("identity", String, nullable=False),  # of the mail: one that comes again makes no second campaign
    Column("digest", String, nullable=False),  # of what was shown
    Column("asked_at", Double, nullable=False),
    Column("contacts", Integer, nullable=False),  # of its audience then
    Column("answered_at", Double),
    Index("ix_campaign_mails_identity", "account_id", "identity", unique=True),
)
