"""SQL of conversations: which Message-ID belongs to which account and phone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from gateway.store.prepared import insert_new
from gateway.store.schema import thread_refs

_REFERENCE = insert_new(thread_refs, ("account_id", "message_id", "phone", "at"))


def known(connection: Connection, account_id: str, phones: Sequence[str]) -> frozenset[str]:
    """Those of the phones that an account has exchanged messages with."""
    query = select(thread_refs.c.phone).where(thread_refs.c.account_id == account_id, thread_refs.c.phone.in_(phones))
    return frozenset(connection.execute(query.distinct()).scalars())


def phones(connection: Connection, account_id: str, message_ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """The phones that each Message-ID belongs to, within an account."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    rows = connection.execute(
        select(thread_refs.c.message_id, thread_refs.c.phone).where(
            thread_refs.c.account_id == account_id, thread_refs.c.message_id.in_(message_ids)
        )
    )
    for row in rows:
        found[row.message_id].append(row.phone)
    return found


def remember(connection: Connection, references: Sequence[dict[str, Any]]) -> None:
    """Store rows of `thread_refs`; known ones stay."""
    _REFERENCE.many(connection, references)
