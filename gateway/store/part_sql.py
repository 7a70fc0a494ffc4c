"""SQL of the parts of long incoming SMS: here they wait, whichever process they came to, until they go on together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, func, or_, select, update

from gateway.concatenation import GoneOn
from gateway.sms import InboundPart, InboundSms
from gateway.store.dialect import insert
from gateway.store.schema import inbound, inbound_parts

REMEMBERED = 3 * 86_400.0
"""Seconds for which a part is known that comes again or late: as long as providers go on trying, and more."""
_GROUPS = 100
"""References that one look settles."""

_REFERENCE = (
    inbound_parts.c.from_number,
    inbound_parts.c.to_number,
    inbound_parts.c.part_ref,
    inbound_parts.c.provider,
    inbound_parts.c.total,
)
"""What parts of one message have in common, in the order of the index of those that wait."""


@dataclass(frozen=True, slots=True)
class Heap:
    """The parts of one reference, oldest first: those that wait, and those that have gone on lately."""

    waiting: list[InboundSms]
    gone: list[GoneOn]


def keep(connection: Connection, items: Sequence[tuple[InboundSms, float]]) -> list[None]:
    """Store parts of long SMS; a part that is known already stays as it is."""
    for sms, received_at in items:
        if not _insert(connection, sms, sms.ref, received_at) and _is_another(connection, sms):
            _insert(connection, sms, _second_ref(sms), received_at)
    return [None] * len(items)


def _insert(connection: Connection, sms: InboundSms, ref: str, received_at: float) -> bool:
    part = sms.part or InboundPart("", 1, 1)
    return bool(
        connection.execute(
            insert(connection, inbound_parts)
            .values(
                provider=sms.provider,
                ref=ref,
                from_number=sms.from_number,
                to_number=sms.to_number,
                part_ref=part.ref,
                total=part.total,
                number=part.number,
                text=json.dumps(sms.text),
                at=sms.at,
                received_at=received_at,
            )
            .on_conflict_do_nothing()
        ).rowcount
    )


def _is_another(connection: Connection, sms: InboundSms) -> bool:
    """Whether a provider gives all parts of a message one id, or an id twice: no part may be lost."""
    row = connection.execute(
        select(inbound_parts).where(inbound_parts.c.provider == sms.provider, inbound_parts.c.ref == sms.ref)
    ).one()
    known = _part(row)
    return (known.from_number, known.to_number, known.text, known.part) != (
        sms.from_number,
        sms.to_number,
        sms.text,
        sms.part,
    )


def _second_ref(sms: InboundSms) -> str:
    words = f"{sms.from_number}\0{sms.to_number}\0{sms.part}\0{json.dumps(sms.text)}"
    return f"{sms.ref}#{hashlib.sha256(words.encode()).hexdigest()[:8]}"


def heap_of(connection: Connection, sms: InboundSms, now: float) -> Heap:
    """All that may belong together with this part."""
    part = sms.part or InboundPart("", 1, 1)
    values = (sms.from_number, sms.to_number, part.ref, sms.provider, part.total)
    return _heap(connection, and_(*(column == value for column, value in zip(_REFERENCE, values, strict=True))), now)


def overdue(connection: Connection, before: float, now: float) -> list[Heap]:
    """Heaps to settle: complete ones that a crash left behind, and those whose last part is too long ago."""
    due = connection.execute(
        select(*_REFERENCE)
        .where(inbound_parts.c.inbound_id.is_(None))  # the index of those that wait: what became of others is not read
        .group_by(*_REFERENCE)
        .having(
            or_(
                func.max(inbound_parts.c.received_at) < before,
                func.count(inbound_parts.c.number.distinct()) >= inbound_parts.c.total,
            )
        )
        .limit(_GROUPS)
    ).all()
    return [
        _heap(connection, and_(*(column == value for column, value in zip(_REFERENCE, row, strict=True))), now)
        for row in due
    ]


def _heap(connection: Connection, reference: ColumnElement[bool], now: float) -> Heap:
    order = (inbound_parts.c.received_at, inbound_parts.c.number)
    waiting = select(inbound_parts).where(reference, inbound_parts.c.inbound_id.is_(None)).order_by(*order)
    gone = (
        select(inbound_parts, inbound.c.incomplete)
        .outerjoin(inbound, inbound.c.id == inbound_parts.c.inbound_id)
        .where(reference, inbound_parts.c.inbound_id.is_not(None), inbound_parts.c.received_at > now - REMEMBERED)
        .order_by(*order)
    )
    return Heap(
        [_part(row) for row in connection.execute(waiting)],
        [GoneOn(_part(row), row.inbound_id, bool(row.incomplete)) for row in connection.execute(gone)],
    )


def _part(row: Row[Any]) -> InboundSms:
    part = InboundPart(row.part_ref, row.total, row.number)
    return InboundSms(row.provider, row.ref, row.from_number, row.to_number, json.loads(row.text), row.at, part)


def claim(connection: Connection, provider: str, refs: Collection[str], inbound_id: str) -> bool:
    """Make waiting parts parts of a message, all or none; False where another process was first with one of them."""
    these = and_(
        inbound_parts.c.provider == provider, inbound_parts.c.ref.in_(refs), inbound_parts.c.inbound_id.is_(None)
    )
    # Locked first: two processes that have seen the same parts must not both make a message of them.
    waiting = connection.execute(
        select(inbound_parts.c.ref).where(these).order_by(inbound_parts.c.ref).with_for_update()
    )
    if len(waiting.all()) != len(refs):
        return False
    connection.execute(update(inbound_parts).where(these).values(inbound_id=inbound_id))
    return True


def know_again(connection: Connection, items: Sequence[tuple[str, str, str]]) -> list[None]:
    """Note of parts that came once more which message they are of: (provider, the provider's id, the message's)."""
    for provider, ref, inbound_id in items:
        connection.execute(
            update(inbound_parts)
            .where(
                inbound_parts.c.provider == provider,
                inbound_parts.c.ref == ref,
                inbound_parts.c.inbound_id.is_(None),
            )
            .values(inbound_id=inbound_id)
        )
    return [None] * len(items)
