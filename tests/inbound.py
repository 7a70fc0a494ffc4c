"""The rooms that an incoming SMS passes, running over a real database, for tests of what becomes of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from sqlalchemy import select

from brevdue.roles import ALL_ROLES
from brevdue.rooms import Rooms
from gateway.model import Account, ApiKey, Envelope, Listener, Organisation, Peer, new_id
from gateway.settings import GatewaySettings
from gateway.sms import InboundSms
from gateway.store import mail_queue_sql as queue
from gateway.store import optout_sql, schema
from gateway.store.database import Database

PHONE = "+4530643064"
DAY = 86_400.0


class Watched:
    """A real database that counts which work is handed in."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.works: list[Any] = []

    async def read(self, query: Any) -> Any:
        return await self.database.read(query)

    async def write(self, work: Any, item: Any) -> Any:
        self.works.append(work)
        return await self.database.write(work, item)

    async def close(self) -> None:
        await self.database.close()


class Ahead:
    """The machine's clock, set forward by so many seconds."""

    seconds = 0.0

    def now(self) -> float:
        return time.time() + self.seconds

    def to_noon(self) -> None:
        """Go on to the next day's noon UTC: what is counted by the day has hours left, whatever time it is."""
        self.seconds = DAY * 1.5 - time.time() % DAY


class Gateway:
    """The rooms that an incoming SMS passes, running."""

    def __init__(self, rooms: Rooms, database: Watched, organisation: Organisation, key: ApiKey) -> None:
        self.rooms, self.database, self.organisation, self.key = rooms, database, organisation, key
        self.accounts: list[Account] = []
        self.clock = Ahead()
        rooms.clock = self.clock  # type: ignore[assignment]  # whoever asks for a clock from now on gets this one

    async def open(self, email: str) -> Account:
        return await self.rooms.accounts.open_account(self.key.id, email)

    async def write(self, account: Account, phone: str, text: str = "Hej", message_id: str = "") -> None:
        """An employee writes to a phone."""
        mail = EmailMessage()
        mail["From"], mail["Subject"] = account.email, phone
        if message_id:
            mail["Message-ID"] = message_id
        mail.set_content(text)
        [secret] = await self.rooms.accounts.show_key(self.key)
        peer = Peer("127.0.0.1", 25, "mail.firma.dk", Listener.SUBMISSION, tls=True, login=account.email)
        to = await self.rooms.intake.recipient(peer, account.email, f"{secret}@sms.example.com", ())
        content = mail.as_bytes().replace(b"\n", b"\r\n")
        envelope = Envelope(self.new_id(), peer, account.email, (to,), content, self.clock.now())
        [reply] = await self.rooms.intake.mail(envelope)
        assert reply.refusal is None, reply.refusal

    def new_id(self) -> str:
        return new_id(self.clock.now())

    async def receive(self, *messages: InboundSms) -> None:
        await self.rooms.sms_in.receive(messages)

    async def all(self, *columns: Any, **equal: Any) -> list[Any]:
        query = select(*columns)
        for column in columns[:1]:
            for name, value in equal.items():
                query = query.where(column.table.c[name] == value)
        return await self.database.read(lambda connection: connection.execute(query).all())

    async def has_stopped(self, account: Account) -> bool:
        pair = (account.org_id, PHONE)
        return pair in await self.database.read(lambda connection: optout_sql.stopped(connection, {pair}))

    async def sent(self, number: int) -> None:
        """Wait until so many mails have left."""
        async with asyncio.timeout(20):
            while len(await self.all(schema.mail_queue.c.id, state=queue.SENT)) < number:
                await asyncio.sleep(0.02)


@asynccontextmanager
async def gateway(
    database: Database, tmp_path: Path, relay: str, people: int = 1, sends: bool = True, **more: Mapping[str, Any] | Any
) -> AsyncIterator[Gateway]:
    settings = GatewaySettings.model_validate(
        {
            **more,
            "mail": {"domains": ["sms.example.com"], "hostname": "gw.example.com", "operator": "ops@example.com"},
            "mail_out": {"relay": relay, "timeout": 2},
            "store": {"secret_file": str(tmp_path / "secret")},
        }
    )
    watched = Watched(database)
    rooms = Rooms(settings, watched, ALL_ROLES, shared=False)
    organisation = await rooms.accounts.ensure_organisation("Firma")
    key, _ = await rooms.accounts.create_key(organisation)
    there = Gateway(rooms, watched, organisation, key)
    there.accounts = [await there.open(f"u{n}@firma.dk") for n in range(people)]
    services = [rooms.spool, *([rooms.mail_out] if sends else []), rooms.sms_in]
    for service in services:
        await service.start()
    try:
        yield there
    finally:
        for service in reversed(services):
            await service.stop()


def sms(account: Account, ref: str, text: str = "Hej", phone: str = PHONE, **changes: Any) -> InboundSms:
    return InboundSms("simulator", ref, phone, account.number, text, 1_764_000_000.0, **changes)
