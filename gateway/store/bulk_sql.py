"""SQL of many messages of one record at once, as campaigns make them: put into the spool in somebody's transaction.

What holds for a mail holds here (`accept_sql`), phone by phone rather than all or none: who has said STOP gets none, a
phone gets one message of a record, and what a cap leaves no room for is not stored. Nobody is told of a single failure
by mail: whoever put them shows how they stand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Executable, bindparam, func, select, update

from gateway.model import Hours
from gateway.sms import MessageState, OutgoingSms
from gateway.spending import Charge, OverCap
from gateway.store import claim_sql, directory_sql, optout_sql, thread_sql
from gateway.store.accept_sql import PRIORITIES
from gateway.store.claim_sql import Written
from gateway.store.prepared import Gathered, Prepared, among, values_of
from gateway.store.schema import accounts, messages
from gateway.store.spend_sql import Ledger
from gateway.store.spool_items import AT_ONCE

_MESSAGE = Gathered(
    messages,
    ("id", "to_number", "text", "encoding", "parts", "units", "provider", "sender", "dedupe"),
    unless=("dedupe",),
    same=(
        "mail_id", "org_id", "account_id", "key_id", "from_number", "priority", "state", "state_at", "created_at",
        "available_at", "attempts", "told_at", "hours_begin", "hours_end", "hours_place",
    ),
)  # fmt: skip


def _taken(dialect: str) -> Executable:
    return select(messages.c.dedupe).where(among(dialect, messages.c.dedupe, "identities"))


_TAKEN = Prepared(_taken)
_COUNT_SENT = Prepared(
    lambda _dialect: (
        update(accounts)
        .where(accounts.c.id == bindparam("account"))
        .values(sent_count=accounts.c.sent_count + bindparam("more"), active_at=bindparam("moment"))
    )
)


@dataclass(frozen=True, slots=True)
class Bulk:
    """Messages of one account, at least one."""

    record_id: str
    """What they belong to, where a message has its mail."""
    messages: tuple[OutgoingSms, ...]
    revision: int
    """The directory's, that this was decided on."""
    charge: Charge
    """In the order of the messages."""
    at: float
    shared: bool = False
    """Whether others have the number as well."""

    def only(self, messages: tuple[OutgoingSms, ...]) -> Bulk:
        """The same with some of its messages."""
        wanted = {message.id for message in messages}
        places = [place for place, message in enumerate(self.messages) if message.id in wanted]
        parts, costs = (tuple(each[place] for place in places) for each in (self.charge.parts, self.charge.costs))
        return replace(self, messages=messages, charge=replace(self.charge, parts=parts, costs=costs))


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of messages, by their places."""

    stored: tuple[int, ...] = ()
    opted_out: tuple[int, ...] = ()
    """Their phones have said STOP."""
    doubled: tuple[int, ...] = ()
    """Their phones have, or had, a message of the same record."""
    looked_at: int = 0
    """How many of them, from the first on: a cap leaves no room for the others."""
    over: OverCap | None = None
    """That cap."""


def named(record_id: str) -> str:
    """What the identities of a record's messages begin with: of its id only the part that chance has made (50 bits).

    Phones come in no order, so each message has a page of the identities' index to itself: the shorter these are, the
    fewer pages there are to read and write. With whole ids storing a message took a quarter more CPU time.
    """
    return record_id[-10:]


def identity(record_id: str, phone: str) -> str:
    """What makes a message of a record to a phone the same."""
    return named(record_id) + phone


def is_current(connection: Connection, revision: int) -> bool:
    """Whether the directory is still as it was decided on; if not, decide anew."""
    return directory_sql.revision(connection) == revision


def put(connection: Connection, bulk: Bulk) -> Taken:
    """Store what may be stored, from the first message on as far as caps have room."""
    identities = [identity(bulk.record_id, message.to_number) for message in bulk.messages]
    stopped = optout_sql.stopped(connection, {(each.org_id, each.to_number) for each in bulk.messages})
    seen = set(_TAKEN.scalars(connection, {"identities": values_of(connection, identities)}))
    opted_out: list[int] = []
    doubled: list[int] = []
    clear: list[int] = []
    for place, (message, name) in enumerate(zip(bulk.messages, identities, strict=True)):
        if stopped and (message.org_id, message.to_number) in stopped:
            opted_out.append(place)
        elif name in seen:
            doubled.append(place)
        else:
            seen.add(name)
            clear.append(place)
    ledger = Ledger(connection, [bulk.charge])
    clear, end, over = _within_caps(ledger, bulk, clear)
    _store(connection, bulk, clear, identities)
    ledger.spend(bulk.charge, clear)
    ledger.close()
    return Taken(
        tuple(clear),
        tuple(place for place in opted_out if place < end),
        tuple(place for place in doubled if place < end),
        end,
        over,
    )


def _within_caps(ledger: Ledger, bulk: Bulk, clear: list[int]) -> tuple[list[int], int, OverCap | None]:
    """Those that caps have room for; the place of the first that they have none for; and that cap."""
    end = len(bulk.messages)
    if ledger.over(bulk.charge, clear) is None:
        return clear, end, None
    for count, place in enumerate(clear):
        over = ledger.over(bulk.charge, [place])
        if over is not None:
            return clear[:count], place, over
    return clear, end, None


def _store(connection: Connection, bulk: Bulk, places: Sequence[int], identities: Sequence[str]) -> None:
    if not places:
        return
    first = bulk.messages[0]
    by_hours: dict[Hours | None, list[int]] = {}
    for place in places:
        by_hours.setdefault(bulk.messages[place].hours, []).append(place)
    for hours, some in by_hours.items():  # mostly one: of a country, or a few
        _MESSAGE.many(connection, list(_rows(bulk, some, identities)), _same(bulk, first, hours))
    _COUNT_SENT.many(connection, [{"account": first.account_id, "more": len(places), "moment": bulk.at}])
    if bulk.shared:
        # Where a number is shared, whom an account has written to says whose the answer is.
        sent = [bulk.messages[place] for place in places]
        thread_sql.remember(
            connection,
            [
                {
                    "account_id": each.account_id,
                    "message_id": f"{bulk.record_id}@unnamed.invalid",
                    "phone": each.to_number,
                    "at": bulk.at,
                }
                for each in sent
            ],
        )
        claim_sql.write(
            connection, [Written(each.account_id, each.from_number, each.to_number, bulk.at) for each in sent]
        )


def _rows(bulk: Bulk, places: Sequence[int], identities: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    for place in places:
        message = bulk.messages[place]
        text = message.text
        yield (
            message.id,
            message.to_number,
            text.text,
            text.encoding,
            text.parts,
            text.units,
            message.provider,
            message.sender,
            identities[place],
        )


def _same(bulk: Bulk, first: OutgoingSms, hours: Hours | None) -> dict[str, Any]:
    """What all messages of one account, one moment and the same hours share."""
    return {
        "mail_id": bulk.record_id,
        "org_id": first.org_id,
        "account_id": first.account_id,
        "key_id": first.key_id,
        "from_number": first.from_number,
        "priority": PRIORITIES[first.priority],
        "state": MessageState.QUEUED,
        "state_at": bulk.at,
        "created_at": bulk.at,
        "available_at": AT_ONCE,
        "attempts": 0,
        "told_at": bulk.at,
        "hours_begin": hours.begin if hours else None,
        "hours_end": hours.end if hours else None,
        "hours_place": hours.place if hours else None,
    }


def _waiting(_dialect: str) -> Executable:
    some = select(messages.c.id).where(
        messages.c.state == "queued",
        messages.c.provider == bindparam("wanted"),
        messages.c.priority == bindparam("rank"),
        messages.c.available_at < bindparam("until"),
    )
    return select(func.count().label("waiting")).select_from(some.limit(bindparam("most")).subquery())


_WAITING = Prepared(_waiting)


def waiting(connection: Connection, providers: Sequence[str], until: float, most: int) -> int:
    """How many messages of campaigns wait for these providers, counted no further than `most`."""
    count = 0
    for provider in providers:
        wanted = {"wanted": provider, "rank": 1, "until": until, "most": most - count}
        count += _WAITING.scalars(connection, wanted)[0]
        if count >= most:
            break
    return count
