"""SQL of delivery reports: they come early, late, twice and out of order, and never move a message backwards."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, or_, select, tuple_, update

from gateway.model import DeliveryReport, MessageState, ReportStatus
from gateway.store.dialect import insert
from gateway.store.schema import messages, provider_refs, reports

_STATE = {
    ReportStatus.FAILED: MessageState.FAILED,
    ReportStatus.EXPIRED: MessageState.EXPIRED,
    ReportStatus.DELIVERED: MessageState.DELIVERED,
}
_OPEN = frozenset({MessageState.SUBMITTING, MessageState.SUBMITTED, MessageState.UNKNOWN})
"""States that a report may still move."""


@dataclass(frozen=True, slots=True)
class Received:
    """A report and when it came."""

    report: DeliveryReport
    received_at: float


@dataclass(frozen=True, slots=True)
class _Matched:
    """A stored report, and the message (and phone) whose id it names."""

    id: int
    report: DeliveryReport
    message_id: str
    to_number: str


@dataclass(frozen=True, slots=True)
class _Verdict:
    state: MessageState
    cause: str


@dataclass(frozen=True, slots=True)
class Moved:
    """A message that a report moved."""

    message_id: str
    state: MessageState


def store_reports(connection: Connection, items: Sequence[Received]) -> list[Moved | None]:
    """Keep reports and move their messages; per report the message that it moved, or None.

    A report that was stored before changes nothing; one that names an id that is not known yet waits for it.
    """
    fresh = _insert(connection, items)
    keys = {(report.provider, report.ref) for _, report in fresh}
    refs = _refs_named(connection, keys)
    matched = [
        _Matched(row_id, report, ref["message_id"], ref["to_number"])
        for row_id, report in fresh
        if (ref := _ref_for(report, refs[report.provider, report.ref])) is not None
    ]
    moved = _apply(connection, matched, max(item.received_at for item in items))
    told: dict[DeliveryReport, Moved] = {}
    for match in matched:
        if (state := moved.pop(match.message_id, None)) is not None:
            told[match.report] = Moved(match.message_id, state)
    return [told.pop(item.report, None) for item in items]


def _insert(connection: Connection, items: Sequence[Received]) -> list[tuple[int, DeliveryReport]]:
    """Store the reports that are new, with their row ids, in order."""
    rows = [
        {
            "provider": item.report.provider,
            "ref": item.report.ref,
            "to_number": item.report.to_number,
            "status": item.report.status,
            "at": item.report.at,
            "received_at": item.received_at,
            "cause": item.report.cause,
        }
        for item in items
    ]
    statement = insert(connection, reports).on_conflict_do_nothing().returning(*reports.c)
    return [(row.id, _report(row)) for row in sorted(connection.execute(statement, rows), key=lambda row: row.id)]


def _report(row: Any) -> DeliveryReport:
    return DeliveryReport(row.provider, row.ref, ReportStatus(row.status), row.at, row.to_number, row.cause)


def _refs_named(
    connection: Connection, keys: Iterable[tuple[str, str]]
) -> Mapping[tuple[str, str], list[dict[str, Any]]]:
    """The provider ids that reports name, with the messages that they belong to."""
    named: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    rows = connection.execute(
        select(provider_refs).where(tuple_(provider_refs.c.provider, provider_refs.c.ref).in_(list(keys)))
    )
    for row in rows.mappings():
        named[row["provider"], row["ref"]].append(dict(row))
    return named


def _ref_for(report: DeliveryReport, refs: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The id that a report is about; a provider may give one id to all recipients of a call."""
    return next((ref for ref in refs if report.to_number in {"", ref["to_number"]}), None)


def _apply(connection: Connection, matched: Sequence[_Matched], now: float) -> dict[str, MessageState]:
    """Note the furthest status of each id, then move the messages that their ids allow to move."""
    if not matched:
        return {}
    connection.execute(
        update(reports).where(reports.c.id == bindparam("row")).values(message_id=bindparam("message")),
        [{"row": match.id, "message": match.message_id} for match in matched],
    )
    standing = _lock_messages(connection, {match.message_id for match in matched})
    connection.execute(
        update(provider_refs)
        .where(
            provider_refs.c.provider == bindparam("provider_name"),
            provider_refs.c.ref == bindparam("provider_ref"),
            provider_refs.c.to_number == bindparam("phone"),
            or_(provider_refs.c.status.is_(None), provider_refs.c.status == ReportStatus.ACCEPTED),
        )
        .values(status=bindparam("new_status"), at=bindparam("moment"), cause=bindparam("why")),
        [
            {
                "provider_name": match.report.provider,
                "provider_ref": match.report.ref,
                "phone": match.to_number,
                "new_status": match.report.status,
                "moment": match.report.at,
                "why": match.report.cause,
            }
            for match in matched
        ],
    )
    verdicts = _verdicts(connection, [message for message, state in standing.items() if state in _OPEN])
    if verdicts:
        connection.execute(
            update(messages)
            .where(messages.c.id == bindparam("message"))
            .values(state=bindparam("new_state"), state_at=now, lease=None, cause=bindparam("why")),
            [
                {"message": message, "new_state": verdict.state, "why": verdict.cause}
                for message, verdict in verdicts.items()
            ],
        )
    return {message: verdict.state for message, verdict in verdicts.items()}


def _lock_messages(connection: Connection, ids: Iterable[str]) -> dict[str, MessageState]:
    """The states of messages; locked, since two parts' reports must not pass each other unseen."""
    rows = connection.execute(
        select(messages.c.id, messages.c.state)
        .where(messages.c.id.in_(sorted(ids)))
        .order_by(messages.c.id)
        .with_for_update()
    )
    return {row.id: MessageState(row.state) for row in rows}


def _verdicts(connection: Connection, ids: Sequence[str]) -> dict[str, _Verdict]:
    """What the ids of messages amount to: failed with the first that failed, delivered with the last delivered."""
    parts: defaultdict[str, list[Any]] = defaultdict(list)
    rows = connection.execute(
        select(provider_refs.c.message_id, provider_refs.c.status, provider_refs.c.cause).where(
            provider_refs.c.message_id.in_(ids)
        )
    )
    for row in rows:
        parts[row.message_id].append(row)
    verdicts = {message: _verdict(known) for message, known in parts.items()}
    return {message: verdict for message, verdict in verdicts.items() if verdict is not None}


def _verdict(parts: Sequence[Any]) -> _Verdict | None:
    for part in parts:
        if part.status in {ReportStatus.FAILED, ReportStatus.EXPIRED}:
            return _Verdict(_STATE[ReportStatus(part.status)], part.cause)
    if all(part.status == ReportStatus.DELIVERED for part in parts):
        return _Verdict(MessageState.DELIVERED, parts[0].cause)
    return None


def apply_early(connection: Connection, refs: Sequence[Mapping[str, Any]], now: float) -> None:
    """Apply reports that were stored before the answer that named their ids."""
    keys = [(ref["provider"], ref["ref"]) for ref in refs]
    early = connection.execute(
        select(reports)
        .where(reports.c.message_id.is_(None), tuple_(reports.c.provider, reports.c.ref).in_(keys))
        .order_by(reports.c.id)
    ).all()
    if not early:
        return
    named: defaultdict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for each in refs:
        named[each["provider"], each["ref"]].append(each)
    matched = [
        _Matched(row.id, _report(row), ref["message_id"], ref["to_number"])
        for row in early
        if (ref := _ref_for(_report(row), named[row.provider, row.ref])) is not None
    ]
    _apply(connection, matched, now)
