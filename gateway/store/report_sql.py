"""SQL of delivery reports: they come early, late, twice and out of order, and never move a message backwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, or_, select, tuple_, update

from gateway.model import DeliveryReport, MessageState, ReportStatus
from gateway.store.dialect import insert
from gateway.store.schema import messages, provider_refs, reports

_STATE = {
    ReportStatus.FAILED: MessageState.FAILED,
    ReportStatus.EXPIRED: MessageState.EXPIRED,
    ReportStatus.DELIVERED: MessageState.DELIVERED,
}
_OPEN = (MessageState.SUBMITTING, MessageState.SUBMITTED, MessageState.UNKNOWN)
"""States that a report may still move."""


@dataclass(frozen=True, slots=True)
class Received:
    """A report and when it came."""

    report: DeliveryReport
    received_at: float


def store_reports(connection: Connection, items: Sequence[Received]) -> list[tuple[str, MessageState] | None]:
    """Keep reports and move their messages; per report the message and its new state, None where nothing moved."""
    return [_store(connection, item) for item in items]


def _store(connection: Connection, item: Received) -> tuple[str, MessageState] | None:
    report = item.report
    fresh = connection.execute(
        insert(connection, reports)
        .values(
            provider=report.provider,
            ref=report.ref,
            to_number=report.to_number,
            status=report.status,
            at=report.at,
            received_at=item.received_at,
            cause=report.cause,
        )
        .on_conflict_do_nothing()
        .returning(reports.c.id)
    ).scalar_one_or_none()
    if fresh is None:
        return None
    named = select(provider_refs.c.message_id, provider_refs.c.to_number).where(
        provider_refs.c.provider == report.provider, provider_refs.c.ref == report.ref
    )
    if report.to_number:
        named = named.where(provider_refs.c.to_number == report.to_number)
    row = connection.execute(named).first()
    if row is None:
        return None
    connection.execute(update(reports).where(reports.c.id == fresh).values(message_id=row.message_id))
    _advance_ref(connection, report, row.to_number)
    return _advance_message(connection, row.message_id, item.received_at)


def _advance_ref(connection: Connection, report: DeliveryReport, to_number: str) -> None:
    """Note the furthest status of one id: a final one stays."""
    connection.execute(
        update(provider_refs)
        .where(
            provider_refs.c.provider == report.provider,
            provider_refs.c.ref == report.ref,
            provider_refs.c.to_number == to_number,
            or_(provider_refs.c.status.is_(None), provider_refs.c.status == ReportStatus.ACCEPTED),
        )
        .values(status=report.status, at=report.at, cause=report.cause)
    )


def _advance_message(connection: Connection, message_id: str, now: float) -> tuple[str, MessageState] | None:
    """Move a message when its parts allow: failed with the first failed part, delivered with the last delivered."""
    parts = connection.execute(
        select(provider_refs.c.status, provider_refs.c.cause).where(provider_refs.c.message_id == message_id)
    ).all()
    decided = next((part for part in parts if part.status in {ReportStatus.FAILED, ReportStatus.EXPIRED}), None)
    if decided is None:
        if not parts or any(part.status != ReportStatus.DELIVERED for part in parts):
            return None
        decided = parts[0]
    state = _STATE[ReportStatus(decided.status)]
    moved = connection.execute(
        update(messages)
        .where(messages.c.id == message_id, messages.c.state.in_(_OPEN))
        .values(state=state, state_at=now, lease=None, cause=decided.cause)
    ).rowcount
    return (message_id, state) if moved else None


def apply_early(connection: Connection, refs: Sequence[dict[str, Any]]) -> None:
    """Apply reports that were stored before the answer that named their ids."""
    keys = [(ref["provider"], ref["ref"]) for ref in refs]
    early = connection.execute(
        select(reports)
        .where(reports.c.message_id.is_(None), tuple_(reports.c.provider, reports.c.ref).in_(keys))
        .order_by(reports.c.id)
    ).all()
    for row in early:
        named = (ref for ref in refs if (ref["provider"], ref["ref"]) == (row.provider, row.ref))
        ref = next((ref for ref in named if row.to_number in {"", ref["to_number"]}), None)
        if ref is None:
            continue
        connection.execute(update(reports).where(reports.c.id == row.id).values(message_id=ref["message_id"]))
        report = DeliveryReport(row.provider, row.ref, ReportStatus(row.status), row.at, row.to_number, row.cause)
        _advance_ref(connection, report, ref["to_number"])
        _advance_message(connection, ref["message_id"], row.received_at)
