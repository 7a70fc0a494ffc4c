"""Transactions on PostgreSQL that must learn of each other, while neither sees what the other has not committed.

One kind writes something, then looks for what the other kind wrote. The other kind writes and commits, waits until
every transaction that is under way then (`under_way`) has ended, and looks after that. Whatever had begun to write is
committed and seen; whatever begins to write later looks later, and sees. Nobody holds a lock for it, so nobody who has
to write is kept waiting, and nobody waits in a ring. SQLite has one writer at a time and needs none of this.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

_UNDER_WAY = text(
    "SELECT CAST(backend_xid AS text) FROM pg_stat_activity"
    " WHERE datname = current_database() AND backend_xid IS NOT NULL AND pid <> pg_backend_pid()"
)
"""A transaction has an id from its first write until others see what it wrote."""


def needed(connection: Connection) -> bool:
    """Whether transactions run beside each other."""
    return connection.dialect.name == "postgresql"


def under_way(connection: Connection) -> frozenset[str]:
    """The transactions in this database that have written and not ended. One look for each transaction of the asker."""
    return frozenset(connection.execute(_UNDER_WAY).scalars())
