"""A database with what a gateway keeps of people, row by row and as old as a test wants it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Table, func, insert, select

from gateway.model import new_id
from gateway.store import schema
from gateway.store.database import Database, alone

DAY = 86_400.0
NOW = 1_800_000_000.0
PHONE = "+4530643064"
NUMBER = "+45609946000001"
TEXT = "Kanariegult hemmeligt"
_numbers = itertools.count(1)


class Clock:
    """Stands still."""

    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> float:
        return self.time


@dataclass(frozen=True)
class Kept:
    """A database with an organisation, a key and an account, and ways to put more into it."""

    database: Database
    org: str = "01ORG"
    account: str = "01ACCOUNT"

    async def put(self, table: Table, *rows: dict[str, Any]) -> None:
        await self.database.write(alone(lambda connection: connection.execute(insert(table), list(rows))), None)

    async def do(self, statement: Any) -> None:
        await self.database.write(alone(lambda connection: connection.execute(statement)), None)

    async def count(self, table: Table) -> int:
        query = select(func.count()).select_from(table)
        return await self.database.read(lambda connection: connection.execute(query).scalar_one())

    async def all(self, *columns: Column[Any], where: Any = None) -> list[Any]:
        query = select(*columns).order_by(*columns)
        if where is not None:
            query = query.where(where)
        rows = await self.database.read(lambda connection: connection.execute(query).all())
        return [row[0] if len(columns) == 1 else tuple(row) for row in rows]

    async def sent(
        self, days: float, *, state: str = "delivered", phones: Sequence[str] = (PHONE,), **other: Any
    ) -> str:
        """A mail that was taken so many days ago, with one message to each phone; its id."""
        at, n = NOW - days * DAY, next(_numbers)
        mail = new_id(at)
        org, account = other.pop("org_id", self.org), other.pop("account_id", self.account)
        receipt_at = other.pop("receipt_at", None)
        await self.put(
            schema.mails, _mail(mail, at, n, phones) | {"org_id": org, "account_id": account, "receipt_at": receipt_at}
        )
        for place, phone in enumerate(phones, 1):
            message = f"{mail}.{place}"
            row = _message(message, mail, at, phone) | {"org_id": org, "account_id": account, "state": state} | other
            ref = {"provider": "p", "ref": f"r-{message}", "to_number": phone}
            reported = {"at": at, "cause": f"no route to {phone[1:]}", "status": "delivered"}
            await self.put(schema.messages, row)
            await self.put(schema.attempts, {"message_id": message, "n": 1, "provider": "p", "started_at": at})
            await self.put(schema.provider_refs, ref | reported | {"message_id": message, "part": 1})
            await self.put(schema.reports, ref | reported | {"received_at": at, "message_id": message})
            reference = {"account_id": account, "message_id": f"{n}@firm.example", "phone": phone, "at": at}
            await self.put(schema.thread_refs, reference)
        return mail

    async def came(self, days: float, *, state: str = "mailed", phone: str = PHONE, **other: Any) -> str:
        """An SMS in two parts that came so many days ago; its id."""
        at = NOW - days * DAY
        inbound = new_id(at)
        row = {
            "id": inbound, "provider": "p", "ref": f"in-{inbound}", "from_number": phone, "to_number": NUMBER,
            "text": TEXT, "at": at, "received_at": at, "state": state, "org_id": self.org, "account_id": self.account,
        }  # fmt: skip
        await self.put(schema.inbound, row | other)
        for number, text in enumerate((TEXT[:9], TEXT[9:]), 1):
            part = {
                "provider": "p", "ref": f"part-{number}-{inbound}", "from_number": phone, "to_number": NUMBER,
                "part_ref": "1", "total": 2, "number": number, "text": json.dumps(text), "at": at, "received_at": at,
                "inbound_id": inbound,
            }  # fmt: skip
            await self.put(schema.inbound_parts, part)
        return inbound

    async def letter(self, days: float, *, state: str = "failed", **other: Any) -> str:
        """A mail of ours, made so many days ago; its id."""
        at = NOW - days * DAY
        row = {
            "id": new_id(at), "kind": "dialog", "return_path": "b+x@sms.example", "recipient": "anna@firm.example",
            "content": TEXT.encode(), "account_id": self.account, "state": state, "created_at": at, "available_at": at,
            "cause": "550 5.1.1 <anna@firm.example> unknown",
        } | other  # fmt: skip
        await self.put(schema.mail_queue, row)
        return str(row["id"])


def _mail(mail: str, at: float, n: int, phones: Sequence[str]) -> dict[str, Any]:
    return {
        "id": mail, "received_at": at, "decision": "sms", "listener": "smtp", "peer_ip": "192.0.2.7",
        "helo": "annas-pc.firm.example", "tls": True, "mail_from": "anna@firm.example",
        "header_from": "Anna@firm.example", "message_id": f"{n}@firm.example", "proof": "dkim",
        "proof_detail": "d=firm.example", "size": 1234, "subject": ", ".join(phone[-8:] for phone in phones), "text": TEXT, "cut": f"> {TEXT}",
        "attachments": "kontrakt.pdf",
    }  # fmt: skip


def _message(message: str, mail: str, at: float, phone: str) -> dict[str, Any]:
    return {
        "id": message, "mail_id": mail, "key_id": "01KEY", "provider": "p", "from_number": NUMBER, "to_number": phone,
        "text": TEXT, "encoding": "gsm7", "parts": 1, "units": len(TEXT), "priority": 0, "dedupe": f"d-{message}",
        "state_at": at, "created_at": at, "available_at": 0.0, "attempts": 1, "price": 790, "currency": "DKK",
        "cause": f"no route to {phone[1:]}", "public_text": "",
    }  # fmt: skip


async def kept_in(database: Database) -> Kept:
    """An organisation, its key, and Anna's account, which is closed."""

    def fill(connection: Connection) -> None:
        for org in ("01ORG", "01OTHER"):
            row = {"id": org, "name": f"Firma {org}", "region": "DK", "language": "da", "created_at": 0.0}
            connection.execute(insert(schema.organisations), row)
            key = {"id": "01KEY" if org == "01ORG" else "01OTHERKEY", "org_id": org, "kind": "dialog"}
            connection.execute(insert(schema.api_keys), key | {"created_at": 0.0})
        connection.execute(insert(schema.accounts), an_account("01ACCOUNT", "01ORG", "01KEY", NUMBER))

    await database.write(alone(fill), None)
    return Kept(database)


def an_account(account: str, org: str, key: str, number: str) -> dict[str, Any]:
    """Anna's, closed."""
    return {
        "id": account, "org_id": org, "key_id": key, "email": "Anna@firm.example", "email_folded": "anna@firm.example",
        "number": number, "provider": "p", "language": "da", "region": "DK", "opened_at": 0.0, "closed_at": NOW - DAY,
        "sent_count": 7, "received_count": 3, "login_digest": "abc", "mailbox_fault": "550 <anna@firm.example> full",
    }  # fmt: skip
