"""The tables of contacts and groups. Times are seconds since the epoch (UTC).

An organisation's contacts are its book. A contact's id is a number: the book's in the upper bits, the contact's own in
the lower 32. So the contacts of an organisation are one range of ids, in the order in which they came, and every table
by contact is sorted by organisation without naming it.

What a contact is stands twice. `contacts` has all of it, as people wrote it. `contact_facts` has what filters ask, as
they compare it, in rows that are as short as they can be: any filter at all is one pass over them, which for a million
contacts takes a fifth of a second, and no attribute needs an index that every change would have to keep.
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
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from campaigns.store import campaign_schema, email_schema, link_schema
from gateway.store.schema import metadata

__all__ = ["campaign_schema", "email_schema", "link_schema"]

SLOTS = 16
"""Attributes of each kind of value that filters compare in `contact_facts`; those beyond are read from `contacts`."""
OBJECT_SLOTS = 8
"""The same for the fields of one kind of linked object."""

_ID = BigInteger().with_variant(Integer, "sqlite")
"""SQLite keeps a table in the order of a key only where it is an INTEGER by name."""


def _slots(count: int) -> list[Column[str] | Column[float]]:
    """`text_1` … for texts and choices, folded; `number_1` … for numbers, dates (20261231) and yes or no (1, 0)."""
    texts = [Column(f"text_{n}", String) for n in range(1, count + 1)]
    return [*texts, *(Column(f"number_{n}", Double) for n in range(1, count + 1))]


contact_books = Table(
    "contact_books",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("org_id", ForeignKey("organisations.id"), nullable=False, unique=True),
    Column("last", BigInteger, nullable=False, server_default="0"),  # the number that the last contact got
)

contact_attributes = Table(
    "contact_attributes",
    metadata,
    Column("book_id", Integer, primary_key=True),
    Column("kind", String, primary_key=True),  # of linked object; empty for contacts themselves
    Column("key", String, primary_key=True),  # what filters and macros call it
    Column("label", String, nullable=False),
    Column("type", String, nullable=False),  # text, number, date, choice, yes_no
    Column("choices", Text, nullable=False, server_default=""),  # a JSON list
    Column("slot", String),  # where its values stand as filters compare them; NULL: in the JSON alone
    Column("created_at", Double, nullable=False),
    sqlite_with_rowid=False,
)

contact_labels = Table(
    "contact_labels",  # words that rows name by number: tags, what consents are for, kinds of linked objects
    metadata,
    Column("book_id", Integer, primary_key=True),
    Column("sort", String, primary_key=True),  # tag, consent, kind
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("name", String, nullable=False),
    Column("folded", String, nullable=False),
    UniqueConstraint("book_id", "sort", "folded"),
    sqlite_with_rowid=False,
)

contacts = Table(
    "contacts",
    metadata,
    Column("id", _ID, primary_key=True, autoincrement=False),
    Column("book_id", Integer, nullable=False),
    Column("name", String, nullable=False),
    Column("first_name", String, nullable=False, server_default=""),
    Column("folded", String, nullable=False),  # the name, as searches compare it
    Column("phone", String),  # the main one
    Column("email", String),  # the main one
    Column("language", String, nullable=False, server_default=""),
    Column("zone", String, nullable=False, server_default=""),  # of time, as the IANA names it
    Column("no_sms", Boolean, nullable=False, server_default=text("false")),  # no campaign writes to this contact
    Column("attributes", Text, nullable=False, server_default=""),  # JSON: key to value
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Index("ix_contacts_name", "book_id", "folded", "id"),
)

contact_facts = Table(
    "contact_facts",
    metadata,
    Column("id", _ID, primary_key=True, autoincrement=False),
    Column("has", Integer, nullable=False),  # bits of `campaigns.model.Has`
    Column("language", String),
    Column("zone", String),
    Column("country", String),  # of the main phone, ISO 3166
    Column("created", Integer, nullable=False),  # a date, as 20261231
    Column("tags", String),  # numbers of labels: " 3 17 "
    Column("consents", String),  # the same of those that hold
    Column("kinds", String),  # the same of the linked objects that there are
    *_slots(SLOTS),
)

contact_points = Table(
    "contact_points",  # phones and mail addresses
    metadata,
    Column("book_id", Integer, primary_key=True),
    Column("kind", String, primary_key=True),  # phone, email
    Column("value", String, primary_key=True),  # E.164, or the folded address
    Column("contact_id", _ID, primary_key=True, autoincrement=False),
    Column("place", Integer, nullable=False),  # 0: the main one
    Column("written", String, nullable=False),  # an address as it is written
    Column("label", String, nullable=False, server_default=""),
    Index("ix_contact_points_contact_id", "contact_id"),
    sqlite_with_rowid=False,
)

contact_objects = Table(
    "contact_objects",  # an order, a car, a child
    metadata,
    Column("book_id", Integer, primary_key=True),
    Column("kind", Integer, primary_key=True),  # a label's number
    Column("contact_id", _ID, primary_key=True, autoincrement=False),
    Column("n", Integer, primary_key=True, autoincrement=False),  # the latest has the highest
    Column("ref", String, nullable=False, server_default=""),  # the organisation's own name for it
    Column("fields", Text, nullable=False, server_default=""),  # JSON: key to value
    Column("updated_at", Double, nullable=False),
    *_slots(OBJECT_SLOTS),
    Index("ix_contact_objects_contact_id", "contact_id"),
    sqlite_with_rowid=False,
)

consents = Table(
    "consents",
    metadata,
    Column("contact_id", _ID, primary_key=True, autoincrement=False),
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("purpose", Integer, nullable=False),  # a label's number
    Column("given_at", Double, nullable=False),
    Column("how", String, nullable=False),
    Column("wording", Text, nullable=False),
    Column("ended_at", Double),
    Column("ended_how", String, nullable=False, server_default=""),
    sqlite_with_rowid=False,
)

contact_groups = Table(
    "contact_groups",
    metadata,
    Column("id", String, primary_key=True),
    Column("org_id", ForeignKey("organisations.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("folded", String, nullable=False),
    Column("filter", Text),  # in the language of campaigns.filters; NULL: its members are listed
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    UniqueConstraint("org_id", "folded"),
)

group_members = Table(
    "group_members",
    metadata,
    Column("group_id", String, primary_key=True),
    Column("contact_id", _ID, primary_key=True, autoincrement=False),
    Column("added_at", Double, nullable=False),
    Index("ix_group_members_contact_id", "contact_id"),
    sqlite_with_rowid=False,
)

contact_imports = Table(
    "contact_imports",
    metadata,
    Column("id", String, primary_key=True),
    Column("org_id", ForeignKey("organisations.id"), nullable=False),
    Column("name", String, nullable=False),  # the file's
    Column("state", String, nullable=False),  # uploading, ready, running, finished, cancelled
    Column("head", Text, nullable=False),  # a JSON list: how the columns are called
    Column("plan", Text, nullable=False, server_default=""),  # JSON of campaigns.imports.plan
    Column("by", String, nullable=False, server_default=""),
    Column("rows", Integer, nullable=False, server_default="0"),  # in the file
    Column("chunks", Integer, nullable=False, server_default="0"),
    Column("done_chunks", Integer, nullable=False, server_default="0"),
    Column("created_count", Integer, nullable=False, server_default="0"),
    Column("updated_count", Integer, nullable=False, server_default="0"),
    Column("same_count", Integer, nullable=False, server_default="0"),  # what was known already, word for word
    Column("refused_count", Integer, nullable=False, server_default="0"),
    Column("created_at", Double, nullable=False),
    Column("finished_at", Double),
    Index("ix_contact_imports_org_id", "org_id", "id"),
    Index(
        "ix_contact_imports_running",
        "id",
        sqlite_where=text("state = 'running'"),
        postgresql_where=text("state = 'running'"),
    ),
)

import_chunks = Table(
    "import_chunks",  # the rows of a file, some hundred each; gone when the import is over
    metadata,
    Column("import_id", String, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("rows", Text, nullable=False),  # JSON: [line, cells] each
)

import_refusals = Table(
    "import_refusals",
    metadata,
    Column("import_id", String, primary_key=True),
    Column("line", Integer, primary_key=True, autoincrement=False),
    Column("why", Text, nullable=False),  # JSON: by field, the pieces of a sentence that is said in any language
    Column("cells", Text, nullable=False),  # a JSON list, as the file has them
    sqlite_with_rowid=False,
)

import_plans = Table(
    "import_plans",  # how columns were read the last time
    metadata,
    Column("org_id", String, primary_key=True),
    Column("head", String, primary_key=True),  # the digest of a file's head
    Column("plan", Text, nullable=False),
    Column("used_at", Double, nullable=False),
    sqlite_with_rowid=False,
)
