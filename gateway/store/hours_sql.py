"""SQL of hours: what waits in the spool or the mail queue after its hours were over gets new ones.

Departing (`spool_sql.depart`, `mail_queue_sql.claim`) meets what may not leave any more and parks it (`SHUT`). Whoever
has put it there knows when it may leave next, by its `place`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, literal_column, select, update

from gateway.model import Hours
from gateway.store.prepared import Prepared
from gateway.store.route_sql import waiting_for
from gateway.store.schema import mail_queue, messages
from gateway.store.spool_sql import SHUT

_SMS = Prepared(
    lambda _dialect: (
        select(messages.c.id, messages.c.mail_id.label("record_id"), messages.c.hours_place)
        .where(
            messages.c.state == "queued",
            messages.c.provider == bindparam("wanted"),
            messages.c.priority == literal_column("1"),
            messages.c.available_at >= bindparam("shut"),
        )
        .limit(bindparam("most"))
    )
)
_MAILS = Prepared(
    lambda _dialect: (
        select(mail_queue.c.id, mail_queue.c.about.label("record_id"), mail_queue.c.hours_place)
        .where(
            mail_queue.c.state == literal_column("'queued'"),
            mail_queue.c.priority == literal_column("1"),
            mail_queue.c.available_at >= bindparam("shut"),
        )
        .limit(bindparam("most"))
    )
)


@dataclass(frozen=True, slots=True)
class Shut:
    """Something whose hours are over."""

    id: str
    record_id: str
    place: str
    by_mail: bool


def shut(connection: Connection, most: int) -> list[Shut]:
    """Query: what waits for new hours, so many SMS at most, and so many mails."""
    found: list[Shut] = []
    for provider in waiting_for(connection):
        wanted = {"wanted": provider, "shut": SHUT, "most": most - len(found)}
        found += [_shut(row, by_mail=False) for row in _SMS.rows(connection, wanted)]
        if len(found) >= most:
            break
    return [*found, *(_shut(row, by_mail=True) for row in _MAILS.rows(connection, {"shut": SHUT, "most": most}))]


def _shut(row: Any, *, by_mail: bool) -> Shut:
    return Shut(row.id, row.record_id or "", row.hours_place or "", by_mail)


@dataclass(frozen=True, slots=True)
class Opened:
    """What may leave again, in new hours; without hours at any time."""

    item: Shut
    hours: Hours | None


def _open(table: Any) -> Prepared:
    return Prepared(
        lambda _dialect: (
            update(table)
            .where(
                table.c.id == bindparam("item"),
                table.c.state == literal_column("'queued'"),
                table.c.available_at >= bindparam("shut"),
            )
            .values(available_at=bindparam("due"), hours_begin=bindparam("begin"), hours_end=bindparam("end"))
        )
    )


_OPEN_SMS, _OPEN_MAIL = _open(messages), _open(mail_queue)


def reopen(connection: Connection, items: Sequence[tuple[Opened, ...]]) -> list[None]:
    """Work: give new hours to what still waits for them."""
    for each in items:
        for by_mail, statement in ((False, _OPEN_SMS), (True, _OPEN_MAIL)):
            statement.many(connection, [_row(opened) for opened in each if opened.item.by_mail is by_mail])
    return [None] * len(items)


def _row(opened: Opened) -> dict[str, Any]:
    hours = opened.hours
    begin, end = (hours.begin, hours.end) if hours is not None else (None, None)
    return {"item": opened.item.id, "shut": SHUT, "due": begin or 0.0, "begin": begin, "end": end}
