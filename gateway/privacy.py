"""One person's data: everything that is stored about them as JSON, and the end of it.

A person is a phone number, or an employee by their mail address. The form of what `export` gives is that of
docs/privacy.md; it grows, and does not change. Erasing removes texts and puts a pseudonym in the place of the phone or
the address: a new one each time, drawn by lot, from which nobody finds the way back. States, counts and money stay, for
they are the organisation's own; so does a STOP, which would be broken if it were forgotten.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from gateway.model import Clock, JsonDict
from gateway.registry.employee_address import fold_email
from gateway.registry.errors import AccountError, NotFound
from gateway.store import erase_sql, person_sql
from gateway.store.database import Database
from gateway.store.erase_sql import Batch, Rest
from gateway.store.person_sql import Found, Person, UnderWay

__all__ = ["Erased", "Person", "StillUnderWay", "employee", "erase", "export", "phone", "readable"]

FORMAT: Final = "brevdue.person/1"
BATCH: Final = 200
"""Rows that are erased in one transaction."""
_MOMENTS = frozenset({"at", "since"})


class StillUnderWay(AccountError):
    """Something about a person is not over; the text says what, and what to do about it."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What erasing a person has done."""

    pseudonym: str
    counts: Mapping[str, int]
    opt_outs_kept: int
    left: int
    """Messages and SMS that came while the rest was erased: erase once more."""


def phone(number: str, org_id: str | None = None) -> Person:
    """Whoever has a phone number, in E.164; within one organisation, or over all."""
    return Person(phone=number, org_id=org_id)


def employee(email: str, org_id: str | None = None) -> Person:
    """Whoever writes from an address, with all accounts that it has or had."""
    return Person(email=fold_email(email), org_id=org_id)


async def export(database: Database, person: Person, clock: Clock) -> JsonDict:
    """All that is stored about a person, in the form of docs/privacy.md. Nobody else's request: it names others too."""
    stored = await database.read(partial(person_sql.everything, person=person))
    return {
        "format": FORMAT,
        "made_at": _moment(clock.now()),
        "person": {"phone": person.phone} if person.phone else {"email": person.email},
        "organisation": person.org_id,
        **{name: [readable(row) for row in rows] for name, rows in stored.items()},
    }


def readable(row: JsonDict) -> JsonDict:
    """Times as ISO 8601 in UTC; whatever else is stored, as it is."""
    return {name: _moment(value) if _is_moment(name, value) else value for name, value in row.items()}


def _is_moment(name: str, value: Any) -> bool:
    return isinstance(value, float) and (name in _MOMENTS or name.endswith(("_at", "_after")))


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def erase(database: Database, person: Person, clock: Clock) -> Erased:
    """Erase a person. Raises NotFound where nothing is stored, StillUnderWay while something is not over."""
    now = clock.now()
    found = await database.read(partial(person_sql.find, person=person))
    busy = await database.read(partial(person_sql.under_way, person=person, found=found, now=now))
    if obstacles := list(_obstacles(busy, person)):
        raise StillUnderWay(f"nothing was erased: {'; '.join(obstacles)}")
    if found == Found():
        raise NotFound(f"nothing is stored about {person.phone or person.email} that could be erased")
    pseudonym = f"erased-{secrets.token_hex(8)}" + ("" if person.phone else "@erased.invalid")
    rest, counts = Rest(person, pseudonym, found), {}
    kept = await database.write(erase_sql.erase_marks, rest)
    # What is found through something goes before it, so that whoever is interrupted can begin again.
    for name, work, ids in (
        ("letters", erase_sql.erase_letters, found.letters),
        ("mails", erase_sql.erase_mails, found.mails),
        ("incoming", erase_sql.erase_inbound, found.inbound),
        ("conversations", erase_sql.erase_conversations, found.conversations),
        ("messages", erase_sql.erase_messages, found.messages),
    ):
        counts[name] = 0
        for chunk in person_sql.chunks(ids, BATCH):
            counts[name] += await database.write(work, Batch(person, pseudonym, now, chunk))
    counts["accounts"] = await database.write(erase_sql.erase_accounts, rest) if found.accounts else 0
    since = await database.read(partial(person_sql.find, person=person))
    left = len(since.messages) + len(since.inbound) if person.phone else 0
    return Erased(pseudonym, counts, kept, left)


def _obstacles(busy: UnderWay, person: Person) -> Iterator[str]:
    """What stands against it, each with what to do."""
    who = person.phone or person.email
    if busy.open_accounts:
        yield f"{who} has an open account: close it first (brevdue account close {who})"
    if busy.reads:
        yield f"{who} reads what comes to an organisation's number: name another reader first (brevdue keyword list)"
    if busy.waiting:
        yield f"{_sms(busy.waiting)} still waiting to leave: erase when that has happened (brevdue message list)"
    if busy.unreported:
        yield f"of {_sms(busy.unreported)} a report may still come: erase when it has, or a week after they left"
    if busy.untold:
        yield f"of {_sms(busy.untold)} the sender is still to be told: erase in a quarter of an hour"
    if busy.receipts:
        yield "a sender is still owed a receipt: erase when all SMS of that mail have ended"
    if busy.held:
        yield f"{_sms(busy.held)} still held: resume the key, or wait for the missing parts (brevdue message held)"
    if busy.letters:
        yield f"{busy.letters} of our mails still waiting to leave: erase when that has happened (brevdue status)"


def _sms(count: int) -> str:
    return f"{count} SMS"
