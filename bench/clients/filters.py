"""`python -m bench.clients.filters URL FOLDER CONTACTS`: contacts into a database, then filters counted over them.

What is measured is `Groups.count` in this one process. Contacts have attributes of every type, tags, consents and
linked objects, and a fifth of them has got a campaign. Where the database has contacts already they are counted as they
are. Writes JSON: for each filter how many it finds, the median of seconds and of CPU seconds of this process.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import uvloop
from sqlalchemy import Connection, insert, select, update

from brevdue.roles import Role
from brevdue.rooms import Rooms
from campaigns.model import Attribute, AttributeType, Audience, Book, Consent, Draft, LabelSort, Point
from campaigns.store import consent_sql
from campaigns.store.campaign_schema import campaign_recipients
from campaigns.store.campaign_schema import campaigns as campaign_table
from campaigns.store.contact_sql import Change, numbered, slots, store
from campaigns.store.schema import contact_facts, contact_objects
from gateway.model import Account
from gateway.settings import GatewaySettings, LimitSettings, MailSettings, StoreSettings
from gateway.store import optout_sql
from gateway.store.database import Database, alone
from gateway.store.opening import open_database
from gateway.store.schema import inbound, messages

FILTERS = {
    "text equals": "city = Aarhus",
    "text contains": "city ~ ense",
    "range of a number": "age >= 30 and age < 40",
    "choice and yes or no": "size in (L, XL) and member = yes",
    "a date, so many days ago": "visited > today - 90",
    "tag": "tag: vip",
    "no tag": "not tag: newsletter",
    "consent": "consent: news",
    "linked object": "order: (total > 500 and status = paid)",
    "no linked object": "not has: order",
    "group by hand": "group: listed",
    "group by filter": "group: mature and tag: vip",
    "opted out": "not is: opted_out",
    "name begins": "name ^ 'anna'",
    "phone contains": "phone ~ '2012'",
    "received": "received: Spring",
    "not received": "consent: news and not received: Spring",
    "answered": "answered: Spring",
    "nested": (
        "(city = Aarhus or city = Odense or tag: vip) and not (age < 18 or order.total < 50) and "
        "(consent: news or member = yes) and visited >= today - 365 and not received: Spring"
    ),
}
"""What each is about, and the filter."""
_AT_ONCE = 10_000
_CAMPAIGN = "0"
"""Its id, from before those of its messages."""
_REPEATS = 5
_CITIES = ("Aarhus", "Odense", "Aalborg", "Esbjerg", "Randers", "Kolding", "Horsens", "Vejle", "Roskilde", "Herning")
_TAGS = (("newsletter", 0.4), ("vip", 0.05), ("web", 0.3), ("shop", 0.2), ("staff", 0.01), ("2025", 0.25))
_ATTRIBUTES = (
    Attribute("city", "City", AttributeType.TEXT),
    Attribute("zip", "Postcode", AttributeType.TEXT),
    Attribute("age", "Age", AttributeType.NUMBER),
    Attribute("points", "Points", AttributeType.NUMBER),
    Attribute("born", "Born", AttributeType.DATE),
    Attribute("visited", "Last visit", AttributeType.DATE),
    Attribute("size", "Size", AttributeType.CHOICE, ("S", "M", "L", "XL")),
    Attribute("member", "Member", AttributeType.YES_NO),
    Attribute("total", "Total", AttributeType.NUMBER, kind="order"),
    Attribute("status", "Status", AttributeType.TEXT, kind="order"),
    Attribute("paid", "Paid", AttributeType.DATE, kind="order"),
)


class Filling:
    """A million people, the same ones each time."""

    def __init__(self, rooms: Rooms, account: Account, number: int) -> None:
        self._rooms = rooms
        self._database: Database = rooms.database
        self._account = account
        self._org_id = account.org_id
        self._number = number
        self._random = random.Random(1)

    async def fill(self) -> None:
        """All of them, and what belongs to them."""
        contacts, groups = self._rooms.contacts, self._rooms.contact_groups
        for attribute in _ATTRIBUTES:
            await contacts.define(self._org_id, attribute)
        listed = await groups.make(await contacts.book(self._org_id), "Listed", None)
        await groups.make(await contacts.book(self._org_id), "Mature", "age >= 60")
        for first in range(0, self._number, _AT_ONCE):
            wanted = range(first, min(first + _AT_ONCE, self._number))
            change = Change(self._org_id, time.time(), [self._draft(each) for each in wanted])
            ids = (await self._database.write(store, change)).new
            agreed = [each for each in ids if self._random.random() < 0.6]
            given = Consent("News", time.time(), "web", "Yes, please")
            await self._database.write(consent_sql.give, consent_sql.Agreement(self._org_id, agreed, given))
            await groups.add(self._org_id, listed.id, ids[::20])
            book = await contacts.book(self._org_id)
            await self._rows(contact_objects, list(self._orders(book, ids)))
            await self._database.write(alone(partial(_note_kinds, book=book)), None)
            await self._campaign(ids[: len(ids) // 5], first)

    def _draft(self, number: int) -> Draft:
        draw = self._random
        first = draw.choice(("Anna", "Anders", "Bo", "Clara", "Dorte", "Erik", "Freja", "Gert"))
        phone = Point(f"+45{20 + number // 1_000_000}{number % 1_000_000:06}")
        attributes: dict[str, str | float | bool] = {
            "city": draw.choice(_CITIES),
            "zip": f"{draw.randrange(1000, 9999)}",
            "age": draw.randrange(12, 95),
            "points": draw.randrange(0, 10_000),
            "born": f"{draw.randrange(1930, 2014)}-{draw.randrange(1, 13):02}-{draw.randrange(1, 29):02}",
            "visited": time.strftime("%Y-%m-%d", time.gmtime(time.time() - draw.randrange(0, 1500) * 86_400)),
            "size": draw.choice(("S", "M", "L", "XL")),
            "member": draw.random() < 0.5,
        }
        tags = frozenset(name for name, share in _TAGS if draw.random() < share)
        emails = (Point(f"p{number}@people.example"),) if number % 3 else ()
        return Draft(f"{first} Hansen {number}", first, (phone,), emails, "da", attributes=attributes, tags=tags)

    def _orders(self, book: Book, ids: tuple[int, ...]) -> Iterator[dict[str, Any]]:
        kind = book.labels[LabelSort.KIND, "order"].number
        for contact_id in ids:
            for n in range(self._random.choice((0, 0, 0, 1, 2))):
                fields = {
                    "total": self._random.randrange(10, 2000),
                    "status": self._random.choice(("paid", "open", "sent")),
                    "paid": f"2026-{self._random.randrange(1, 13):02}-01",
                }
                place = {"book_id": book.id, "kind": kind, "contact_id": contact_id, "n": n + 1}
                found = {"text_1": None, "number_1": None, "number_2": None, **slots(book, "order", fields)}
                yield place | {"ref": "", "fields": json.dumps(fields), "updated_at": time.time(), **found}

    async def _campaign(self, ids: tuple[int, ...], first: int) -> None:
        """The campaign that some have got, and a twentieth of them answered."""
        now = time.time()
        if not first:
            await self._rows(campaign_table, [_campaign_row(self._account, now)])
        phones = {each: f"+45{20 + (first + n) // 1_000_000}{(first + n) % 1_000_000:06}" for n, each in enumerate(ids)}
        await self._rows(messages, [_message_row(self._account, each, phones[each], now) for each in ids])
        await self._rows(campaign_recipients, [_recipient_row(each, now) for each in ids])
        await self._rows(inbound, [_answer_row(self._account, each, phones[each], now) for each in ids[::20]])
        stopped = {(self._org_id, phones[each]): "stop" for each in ids[1::20]}
        await self._database.write(alone(lambda connection: optout_sql.opt_out_all(connection, stopped, now)), None)

    async def _rows(self, table: Any, rows: list[dict[str, Any]]) -> None:
        def put(connection: Connection) -> None:
            if rows:
                connection.execute(insert(table), rows)

        await self._database.write(alone(put), None)


def _note_kinds(connection: Connection, book: Book) -> None:
    """As linking objects one by one does."""
    kind = book.labels[LabelSort.KIND, "order"].number
    linked = select(contact_objects.c.contact_id).where(contact_objects.c.kind == kind)
    mine = (contact_facts.c.id.in_(linked), contact_facts.c.kinds.is_(None))
    connection.execute(update(contact_facts).where(*mine).values(kinds=numbered([kind])))


def _campaign_row(account: Account, now: float) -> dict[str, Any]:
    times = {"created_at": now, "state_at": now, "available_at": now}
    what = {"name": "Spring", "texts": "{}", "audience": "{}", "launch": "instant", "state": "finished"}
    return {"id": _CAMPAIGN, "org_id": account.org_id, "account_id": account.id, **what, **times}


def _message_row(account: Account, contact_id: int, phone: str, now: float) -> dict[str, Any]:
    who = {"org_id": account.org_id, "account_id": account.id, "key_id": account.key_id, "provider": "simulator"}
    what = {"from_number": "+4560994600", "to_number": phone, "text": "Hej", "encoding": "gsm7", "parts": 1, "units": 3}
    how = {
        "priority": 1,
        "state": "delivered" if contact_id % 25 else "failed",
        "state_at": now,
        "created_at": now,
        "available_at": now,
    }
    return {"id": f"A{contact_id}", "mail_id": _CAMPAIGN, **who, **what, **how}


def _recipient_row(contact_id: int, now: float) -> dict[str, Any]:
    what = {"state": "sent", "message_id": f"A{contact_id}", "at": now}
    return {"campaign_id": _CAMPAIGN, "contact_id": contact_id, **what}


def _answer_row(account: Account, contact_id: int, phone: str, now: float) -> dict[str, Any]:
    what = {"from_number": phone, "to_number": "+4560994600", "text": "Tak", "at": now, "received_at": now}
    whose = {"provider": "simulator", "ref": str(contact_id), "org_id": account.org_id, "account_id": account.id}
    return {"id": f"B{contact_id}", "state": "mailed", **whose, **what}


async def measure(url: str, folder: Path, number: int) -> dict[str, dict[str, float]]:
    """Fill, and count."""
    settings = GatewaySettings(
        mail=MailSettings(domains=("sms.example.com",)),
        store=StoreSettings(url=url, secret_file=folder / "secret"),
        limits=LimitSettings(account_parts=0, key_parts=0, organisation_parts=0),
    )
    rooms = Rooms(settings, await open_database(url), frozenset({Role.SCHEDULE}), shared=False)
    organisation = await rooms.accounts.ensure_organisation("Firm", "DK", "da")
    org_id, groups = organisation.id, rooms.contact_groups
    if not await groups.count(org_id, Audience(filter="")):
        key, _ = await rooms.accounts.create_key(organisation)
        account = await rooms.accounts.open_account(key.id, "anna@firm.example")
        await Filling(rooms, account, number).fill()
    found = {what: await _count(rooms, org_id, text) for what, text in FILTERS.items()}
    await rooms.database.close()
    return found


async def _count(rooms: Rooms, org_id: str, text: str) -> dict[str, float]:
    audience, took, cpu, count = Audience(filter=text), [], [], 0
    for _ in range(_REPEATS):
        began, before = time.perf_counter(), time.process_time()
        count = await rooms.contact_groups.count(org_id, audience)
        took.append(time.perf_counter() - began)
        cpu.append(time.process_time() - before)
    return {"count": count, "seconds": statistics.median(took), "cpu": statistics.median(cpu)}


if __name__ == "__main__":
    print(json.dumps(uvloop.run(measure(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))))
