"""SQL of the parts of long incoming SMS: here they wait, whichever process they came to, until they go on together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Executable, bindparam, func, or_, select, update

from gateway.concatenation import GoneOn
from gateway.sms import InboundPart, InboundSms
from gateway.store.prepared import Prepared, among, insert_new, values_of
from gateway.store.schema import inbound, inbound_parts

NO_TEXT = json.dumps("")
"""What stands in the place of a part's text that was removed."""
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


_PART = insert_new(
    inbound_parts,
    (
        "provider", "ref", "from_number", "to_number", "part_ref", "total", "number", "text", "at", "received_at",
    ),
    unless=("provider", "ref"),
)  # fmt: skip


def keep(connection: Connection, items: Sequence[tuple[InboundSms, float]]) -> list[None]:
    """Store parts of long SMS; a part that is known already stays as it is."""
    # Where the driver does not count, each is looked at.
    if _PART.many(connection, [_row(sms, sms.ref, at) for sms, at in items]) != len(items):
        again = [_row(sms, _second_ref(sms), at) for sms, at in items if _is_another(connection, sms)]
        _PART.many(connection, again)
    return [None] * len(items)


def _row(sms: InboundSms, ref: str, received_at: float) -> dict[str, Any]:
    part = sms.part or InboundPart("", 1, 1)
    return {
        "provider": sms.provider,
        "ref": ref,
        "from_number": sms.from_number,
        "to_number": sms.to_number,
        "part_ref": part.ref,
        "total": part.total,
        "number": part.number,
        "text": json.dumps(sms.text),
        "at": sms.at,
        "received_at": received_at,
    }


_KNOWN = Prepared(
    lambda _dialect: select(inbound_parts).where(
        inbound_parts.c.provider == bindparam("whose"), inbound_parts.c.ref == bindparam("which")
    )
)


def _is_another(connection: Connection, sms: InboundSms) -> bool:
    """Whether a provider gives all parts of a message one id, or an id twice: no part may be lost."""
    [row] = _KNOWN.rows(connection, {"whose": sms.provider, "which": sms.ref})
    if row.inbound_id is not None and row.text == NO_TEXT:  # removed: what a provider calls the same is the same
        return False
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


def _same_reference() -> list[ColumnElement[bool]]:
    return [column == bindparam(f"{column.name}_") for column in _REFERENCE]


_WAITING = Prepared(
    lambda _dialect: (
        select(inbound_parts)
        .where(*_same_reference(), inbound_parts.c.inbound_id.is_(None))
        .order_by(inbound_parts.c.received_at, inbound_parts.c.number)
    )
)
_GONE = Prepared(
    lambda _dialect: (
        select(inbound_parts, inbound.c.incomplete)
        .outerjoin(inbound, inbound.c.id == inbound_parts.c.inbound_id)
        .where(
            *_same_reference(),
            inbound_parts.c.inbound_id.is_not(None),
            inbound_parts.c.received_at > bindparam("since"),
        )
        .order_by(inbound_parts.c.received_at, inbound_parts.c.number)
    )
)


def heap_of(connection: Connection, sms: InboundSms, now: float) -> Heap:
    """All that may belong together with this part."""
    part = sms.part or InboundPart("", 1, 1)
    return _heap(connection, (sms.from_number, sms.to_number, part.ref, sms.provider, part.total), now)


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
    return [_heap(connection, row, now) for row in due]


def _heap(connection: Connection, reference: Iterable[Any], now: float) -> Heap:
    wanted = {f"{column.name}_": value for column, value in zip(_REFERENCE, reference, strict=True)}
    return Heap(
        [_part(row) for row in _WAITING.rows(connection, wanted)],
        [
            GoneOn(_part(row), row.inbound_id, bool(row.incomplete))
            for row in _GONE.rows(connection, wanted | {"since": now - REMEMBERED})
        ],
    )


def _part(row: Any) -> InboundSms:
    part = InboundPart(row.part_ref, row.total, row.number)
    return InboundSms(row.provider, row.ref, row.from_number, row.to_number, json.loads(row.text), row.at, part)


def _unclaimed(dialect: str) -> Executable:
    # Locked: two processes that have seen the same parts must not both make a message of them.
    return (
        select(inbound_parts.c.ref)
        .where(
            inbound_parts.c.provider == bindparam("whose"),
            among(dialect, inbound_parts.c.ref, "refs"),
            inbound_parts.c.inbound_id.is_(None),
        )
        .order_by(inbound_parts.c.ref)
        .with_for_update()
    )


_UNCLAIMED = Prepared(_unclaimed)
_CLAIM = Prepared(
    lambda _dialect: (
        update(inbound_parts)
        .where(
            inbound_parts.c.provider == bindparam("whose"),
            inbound_parts.c.ref == bindparam("which"),
            inbound_parts.c.inbound_id.is_(None),
        )
        .values(inbound_id=bindparam("message"))
    )
)


def claim(connection: Connection, provider: str, refs: Sequence[str], inbound_id: str) -> bool:
    """Make waiting parts parts of a message, all or none; False where another process was first with one of them."""
    wanted = {"whose": provider, "refs": values_of(connection, refs)}
    if len(_UNCLAIMED.scalars(connection, wanted)) != len(refs):
        return False
    _CLAIM.many(connection, [{"whose": provider, "which": ref, "message": inbound_id} for ref in refs])
    return True


def know_again(connection: Connection, items: Sequence[tuple[str, str, str]]) -> list[None]:
    """Note of parts that came once more which message they are of: (provider, the provider's id, the message's)."""
    _CLAIM.many(connection, [{"whose": whose, "which": ref, "message": inbound_id} for whose, ref, inbound_id in items])
    return [None] * len(items)
