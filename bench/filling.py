"""Fills a gateway's spool with messages that wait, as rows in its own tables: sending them in would take too long.

Each message has its mail and its reference to the conversation, as if it had come in by SMTP. The gateway must not run.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Integer, Row, Table, create_engine, func, literal, select, text, update

from gateway.model import new_id
from gateway.store.schema import accounts, mails, messages, thread_refs

_TEXT = "Hej, moedet er flyttet til klokken 14 i dag. Vi ses ved indgangen, og husk tegningerne. Hilsen Anna"
_PRAGMAS = ("synchronous = OFF", "cache_size = -1000000", "temp_store = MEMORY")
"""Whether this survives a power cut is no question while it is being made."""


@dataclass(frozen=True)
class Waiting:
    """So many messages for one provider, due at a time (seconds since the epoch)."""

    number: int
    provider: str
    due: float


def fill(database: Path, waiting: Waiting) -> None:
    """Put them on the only account there is."""
    with _connected(database) as connection:
        account = connection.execute(select(accounts)).one()
        for table, values in _values(account, waiting).items():
            _insert(connection, table, values, waiting.number)


def make_due(database: Path, due: float) -> None:
    """Let everything that waits be due at another time."""
    with _connected(database) as connection:
        connection.execute(update(messages).values(available_at=due))


@contextmanager
def _connected(database: Path) -> Iterator[Connection]:
    engine = create_engine(f"sqlite:///{database}")
    with engine.connect() as connection:
        for pragma in _PRAGMAS:
            connection.execute(text(f"PRAGMA {pragma}"))
        connection.commit()
        yield connection
        connection.commit()
        connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    engine.dispose()


def _insert(connection: Connection, table: Table, values: Mapping[str, Any], number: int) -> None:
    """So many rows, counted by a column `n` that values may speak of; made by the database itself, which is fast."""
    counted = select(literal(0, Integer).label("n")).cte("counted", recursive=True)
    counted = counted.union_all(select(counted.c.n + 1).where(counted.c.n + 1 < number))
    made = [value(counted.c.n) if callable(value) else literal(value) for value in values.values()]
    connection.execute(table.insert().from_select(list(values), select(*made).select_from(counted)))


def _values(account: Row[Any], waiting: Waiting) -> dict[Table, dict[str, Any]]:
    """What stands in each column; a function where it depends on the row's number."""
    now = time.time()
    stamp = new_id(now)[:10]  # the milliseconds of a ULID; what follows counts instead of being random
    message_id, phone = _numbered("waiting.%d@client.firm.example"), _numbered("+45%d", first=30_000_000)
    return {
        mails: _mail(account, now) | {"id": _numbered(stamp + "%016d"), "message_id": message_id},
        messages: {
            "id": _numbered(stamp + "%016d.1"),
            "mail_id": _numbered(stamp + "%016d"),
            "org_id": account.org_id,
            "account_id": account.id,
            "key_id": account.key_id,
            "provider": waiting.provider,
            "from_number": account.number,
            "to_number": phone,
            "text": _TEXT,
            "encoding": "gsm7",
            "parts": 1,
            "units": len(_TEXT),
            "priority": 0,
            "dedupe": lambda _n: func.lower(func.hex(func.randomblob(32))),
            "state": "queued",
            "state_at": now,
            "created_at": now,
            "available_at": waiting.due,
        },
        thread_refs: {"account_id": account.id, "message_id": message_id, "phone": phone, "at": now},
    }


def _numbered(form: str, first: int = 0) -> Any:
    return lambda n: func.printf(form, n + first)


def _mail(account: Row[Any], now: float) -> dict[str, Any]:
    return {
        "received_at": now,
        "decision": "sms",
        "org_id": account.org_id,
        "account_id": account.id,
        "listener": "smtp",
        "peer_ip": "127.0.0.1",
        "helo": "client.firm.example",
        "tls": False,
        "mail_from": account.email,
        "header_from": account.email,
        "proof": "trusted",
        "proof_detail": "127.0.0.0/8",
        "size": 600,
        "subject": "+453…",
        "text": _TEXT,
    }
