"""Fills a gateway's spool with messages that wait, as rows in its own tables: sending them in would take too long.

Each message has its mail and its reference to the conversation, as if it had come in by SMTP. The gateway must not run.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, Table, create_engine, select, text

from gateway.model import new_id
from gateway.store.schema import accounts, mails, messages, thread_refs

_CHUNK = 10_000
_TEXT = "Hej, moedet er flyttet til klokken 14 i dag. Vi ses ved indgangen, og husk tegningerne. Hilsen Anna"


@dataclass(frozen=True)
class Waiting:
    """So many messages for one provider, due at a time (seconds since the epoch)."""

    number: int
    provider: str
    due: float


def fill(database: Path, waiting: Waiting) -> None:
    """Put them on the only account there is."""
    engine = create_engine(f"sqlite:///{database}")
    with engine.connect() as connection:
        # Whether this survives a power cut is no question while it is being made.
        connection.execute(text("PRAGMA synchronous = OFF"))
        connection.commit()
        account = connection.execute(select(accounts)).one()
        numbers = iter(range(waiting.number))
        while chunk := list(itertools.islice(numbers, _CHUNK)):
            _insert(connection, account, waiting, chunk)
            connection.commit()
        connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    engine.dispose()


def _insert(connection: Connection, account: Row[Any], waiting: Waiting, numbers: Iterable[int]) -> None:
    rows = list(_rows(account, waiting, numbers))
    for table in (mails, messages, thread_refs):
        connection.execute(table.insert(), [_fitting(table, row[table.name]) for row in rows])


def _fitting(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """The columns that this version's table has."""
    return {name: value for name, value in row.items() if name in table.c}


def _rows(account: Row[Any], waiting: Waiting, numbers: Iterable[int]) -> Iterator[dict[str, dict[str, Any]]]:
    now = time.time()
    for number in numbers:
        mail_id, phone, message_id = new_id(now), f"+45{30_000_000 + number}", f"waiting.{number}@client.firm.example"
        message = {
            "id": f"{mail_id}.1",
            "mail_id": mail_id,
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
            "dedupe": f"{account.id}:{message_id}:{phone}",
            "state": "queued",
            "state_at": now,
            "created_at": now,
            "available_at": waiting.due,
        }
        yield {
            "mails": _mail(mail_id, message_id, account, now),
            "messages": message,
            "thread_refs": {"account_id": account.id, "message_id": message_id, "phone": phone, "at": now},
        }


def _mail(mail_id: str, message_id: str, account: Row[Any], now: float) -> dict[str, Any]:
    return {
        "id": mail_id,
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
        "message_id": message_id,
        "proof": "trusted",
        "proof_detail": "127.0.0.0/8",
        "size": 600,
        "subject": "+453…",
        "text": _TEXT,
    }
