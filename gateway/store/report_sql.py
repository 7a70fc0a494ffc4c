"""SQL of delivery reports: they come early, late, twice and out of order, and never move a message backwards."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Executable, bindparam, func, literal_column, null, or_, select, update

from gateway.money import Money
from gateway.sms import DeliveryReport, MessageState, ReportStatus
from gateway.store import event_sql, meeting, optout_sql
from gateway.store.prepared import Prepared, among, insert_new, values_of
from gateway.store.schema import messages, provider_refs, reports
from gateway.store.writer import Again

_STATE = {
    ReportStatus.FAILED: MessageState.FAILED,
    ReportStatus.EXPIRED: MessageState.EXPIRED,
    ReportStatus.DELIVERED: MessageState.DELIVERED,
}
NO_WORD = "no-word"
"""The word of FailureReason for a message whose report never came. It can still come."""
_OPEN = frozenset({MessageState.SUBMITTING, MessageState.SUBMITTED, MessageState.UNKNOWN})
"""States that a report may still move."""


@dataclass(frozen=True, slots=True)
class Received:
    """A report and when it came."""

    report: DeliveryReport
    received_at: float
    again: bool = False
    """Whether it is stored already, and all that might have named its id meanwhile is committed."""


@dataclass(frozen=True, slots=True)
class _Matched:
    """A report, and the message (and phone) whose id it names."""

    report: DeliveryReport
    message_id: str
    to_number: str


@dataclass(frozen=True, slots=True)
class _Verdict:
    state: MessageState
    cause: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Moved:
    """A message that a report moved."""

    message_id: str
    state: MessageState


Refs = Mapping[tuple[str, str], Sequence[Mapping[str, Any]]]
"""Rows of `provider_refs` by provider and id: a provider may give one id to all recipients of a call."""


def _refs_by_ref(dialect: str) -> Executable:
    return select(provider_refs).where(
        among(dialect, provider_refs.c.provider, "providers"), among(dialect, provider_refs.c.ref, "refs")
    )


def _refs_by_message(dialect: str) -> Executable:
    refs = provider_refs.c
    return select(refs.message_id, refs.total, refs.status, refs.cause, refs.reason).where(
        among(dialect, provider_refs.c.message_id, "ids")
    )


def _early(dialect: str) -> Executable:
    return (
        select(reports)
        .where(
            among(dialect, reports.c.provider, "providers"),
            among(dialect, reports.c.ref, "refs"),
            reports.c.message_id.is_(None),
        )
        .order_by(reports.c.received_at)
    )


def _states(dialect: str) -> Executable:
    # Locked, since two parts' reports must not pass each other unseen; in one order, so that nobody waits in a ring.
    query = select(messages.c.id, messages.c.org_id, messages.c.state, messages.c.reason).where(
        among(dialect, messages.c.id, "ids")
    )
    return query.order_by(messages.c.id).with_for_update()


def _sum_of_parts() -> Executable:
    """The price of a message whose parts have all told theirs, in one currency."""
    parts = provider_refs.alias()
    of_message = parts.c.message_id == bindparam("message")
    total, currency = (
        select(each).where(of_message).scalar_subquery()
        for each in (func.sum(parts.c.price), func.min(parts.c.currency))
    )
    whole = (
        select(literal_column("1"))
        .where(of_message)
        .group_by(parts.c.message_id)
        .having(func.count() == func.count(parts.c.price), func.min(parts.c.currency) == func.max(parts.c.currency))
        .exists()
    )
    return update(messages).where(messages.c.id == bindparam("message"), whole).values(price=total, currency=currency)


_REPORT = insert_new(
    reports,
    (
        "provider", "ref", "to_number", "status", "at", "received_at", "cause", "message_id", "price", "currency",
        "reason",
    ),
)  # fmt: skip
_REFS_BY_REF = Prepared(_refs_by_ref)
_REFS_BY_MESSAGE = Prepared(_refs_by_message)
_EARLY = Prepared(_early)
_STATES = Prepared(_states)
_ADOPT = Prepared(
    lambda _dialect: (
        update(reports)
        .where(
            reports.c.provider == bindparam("name"),
            reports.c.ref == bindparam("named"),
            reports.c.to_number == bindparam("phone"),
            reports.c.status == bindparam("word"),
        )
        .values(message_id=bindparam("message"))
    )
)
_THIS_REF = (
    provider_refs.c.provider == bindparam("name"),
    provider_refs.c.ref == bindparam("named"),
    provider_refs.c.to_number == bindparam("phone"),
)
_NOTE = Prepared(
    lambda _dialect: (
        update(provider_refs)
        .where(
            *_THIS_REF,
            or_(provider_refs.c.status.is_(None), provider_refs.c.status == "accepted"),
        )
        .values(status=bindparam("word"), at=bindparam("moment"), cause=bindparam("why"), reason=bindparam("said"))
    )
)
_PRICE_PART = Prepared(
    lambda _dialect: (
        update(provider_refs).where(*_THIS_REF).values(price=bindparam("price"), currency=bindparam("currency"))
    )
)
_PRICE_MESSAGE = Prepared(lambda _dialect: _sum_of_parts())
_MOVE = Prepared(
    lambda _dialect: (
        update(messages)
        .where(messages.c.id == bindparam("message"))
        .values(
            state=bindparam("new_state"),
            state_at=bindparam("now"),
            lease=null(),
            cause=bindparam("why"),
            reason=bindparam("said"),
        )
    )
)


def store_reports(connection: Connection, items: Sequence[Received]) -> list[Moved | Again | None]:
    """Keep reports and move their messages; per report the message that it moved, or None.

    A report that came before changes nothing; one that names an id that is not known yet waits for it. Where the answer
    that names it may stand in a transaction that is not committed yet, the report is looked at again afterwards.
    """
    refs = _refs_named(connection, [item.report for item in items])
    matches = [_match(item.report, refs) for item in items]
    matched = [match for match in matches if match is not None]
    pairs = list(zip(items, matches, strict=True))
    # In one order everywhere, so that two transactions with the same reports do not wait in a ring.
    _REPORT.many(connection, sorted((_report_row(*pair) for pair in pairs if not pair[0].again), key=_identity))
    _adopt(connection, [match for item, match in pairs if item.again and match is not None])
    moved = _apply(connection, matched, max(item.received_at for item in items))
    told: dict[DeliveryReport, Moved] = {}
    for match in matched:
        if (state := moved.pop(match.message_id, None)) is not None:
            told[match.report] = Moved(match.message_id, state)
    unseen = meeting.needed(connection)
    return [
        Again(replace(item, again=True)) if match is None and unseen and not item.again else told.pop(item.report, None)
        for item, match in pairs
    ]


def _identity(row: Mapping[str, Any]) -> tuple[str, ...]:
    return row["provider"], row["ref"], row["to_number"], row["status"]


def _report_row(item: Received, match: _Matched | None) -> dict[str, Any]:
    report = item.report
    return {
        "provider": report.provider,
        "ref": report.ref,
        "to_number": report.to_number,
        "status": report.status,
        "at": report.at,
        "received_at": item.received_at,
        "cause": report.cause,
        "reason": report.reason,
        "message_id": match.message_id if match else None,
        **_price_row(report),
    }


def _refs_named(connection: Connection, named: Sequence[DeliveryReport]) -> Refs:
    """The provider ids that reports name, with the messages that they belong to."""
    found: defaultdict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    wanted = _names(connection, [(report.provider, report.ref) for report in named])
    for row in _REFS_BY_REF.rows(connection, wanted):
        found[row.provider, row.ref].append(row._asdict())
    return found


def _names(connection: Connection, pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    return {
        "providers": values_of(connection, sorted({provider for provider, _ in pairs})),
        "refs": values_of(connection, sorted({ref for _, ref in pairs})),
    }


def _match(report: DeliveryReport, refs: Refs) -> _Matched | None:
    for ref in refs.get((report.provider, report.ref), ()):
        if report.to_number in {"", ref["to_number"]}:
            return _Matched(report, ref["message_id"], ref["to_number"])
    return None


def _apply(connection: Connection, matched: Sequence[_Matched], now: float) -> dict[str, MessageState]:
    """Note the furthest status of each id, then move the messages that their ids allow to move.

    A report that comes twice finds its id's status and its message as it left them, and moves nothing.
    """
    if not matched:
        return {}
    ids = sorted({match.message_id for match in matched})
    standing = _STATES.rows(connection, {"ids": values_of(connection, ids)})
    _NOTE.many(connection, [_note_row(match) for match in matched])
    _add_prices(connection, matched)
    organisations = {row.id: row.org_id for row in standing}
    _obey_stops(connection, matched, organisations, now)
    verdicts = _verdicts(connection, [row.id for row in standing if _is_open(row)])
    _MOVE.many(
        connection,
        [
            {
                "message": message,
                "new_state": verdict.state,
                "now": now,
                "why": verdict.cause,
                "said": verdict.reason,
            }
            for message, verdict in verdicts.items()
        ],
    )
    event_sql.messages_moved(connection, ((organisations[message], message) for message in verdicts))
    return {message: verdict.state for message, verdict in verdicts.items()}


def _is_open(row: Any) -> bool:
    """Whether a report may still move a message; one that expired for want of a report is moved by the report."""
    return row.state in _OPEN or (row.state == MessageState.EXPIRED and row.reason == NO_WORD)


def _add_prices(connection: Connection, matched: Sequence[_Matched]) -> None:
    """Keep what reports say that parts cost; a message costs their sum once every part has told.

    Until then it costs what the answer to the submit said, which is for the whole message.
    """
    priced = [match for match in matched if match.report.price is not None]
    if not priced:
        return
    _PRICE_PART.many(connection, [_note_row(match) | _price_row(match.report) for match in priced])
    _PRICE_MESSAGE.many(connection, [{"message": message} for message in sorted({each.message_id for each in priced})])


def _obey_stops(
    connection: Connection, matched: Sequence[_Matched], organisations: Mapping[str, str], now: float
) -> None:
    """Put phones on the list that have said STOP to a provider, which tells it with a failure."""
    stops = {
        (organisations[match.message_id], match.to_number): match.report.provider
        for match in matched
        if match.report.says_stop
    }
    optout_sql.opt_out_all(connection, stops, now)


def _price_row(report: DeliveryReport) -> dict[str, Any]:
    price = report.price
    return {"price": price.thousandths if price else None, "currency": price.currency if price else None}


def _note_row(match: _Matched) -> dict[str, Any]:
    report = match.report
    return {
        "name": report.provider,
        "named": report.ref,
        "phone": match.to_number,
        "word": report.status,
        "moment": report.at,
        "why": report.cause,
        "said": report.reason,
    }


def _verdicts(connection: Connection, ids: Sequence[str]) -> dict[str, _Verdict]:
    """What the ids of messages amount to: failed with the first that failed, delivered with the last delivered.

    While ids are missing, nothing says that what they name was delivered.
    """
    if not ids:
        return {}
    parts: defaultdict[str, list[Any]] = defaultdict(list)
    for row in _REFS_BY_MESSAGE.rows(connection, {"ids": values_of(connection, ids)}):
        parts[row.message_id].append(row)
    verdicts = {message: _verdict(known) for message, known in parts.items()}
    return {message: verdict for message, verdict in verdicts.items() if verdict is not None}


def _verdict(parts: Sequence[Any]) -> _Verdict | None:
    for part in parts:
        if part.status in {ReportStatus.FAILED, ReportStatus.EXPIRED}:
            return _Verdict(_STATE[ReportStatus(part.status)], part.cause, part.reason)
    total = max(part.total or 0 for part in parts)
    if len(parts) >= total and all(part.status == ReportStatus.DELIVERED for part in parts):
        return _Verdict(MessageState.DELIVERED, parts[0].cause)
    return None


def apply_early(connection: Connection, refs: Sequence[Mapping[str, Any]], now: float) -> None:
    """Apply reports that were stored before the answer that named their ids."""
    if not refs:
        return
    early = _EARLY.rows(connection, _names(connection, [(ref["provider"], ref["ref"]) for ref in refs]))
    if not early:
        return
    named: defaultdict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for each in refs:
        named[each["provider"], each["ref"]].append(each)
    matched = [match for row in early if (match := _match(_report(row), named)) is not None]
    _adopt(connection, matched)
    _apply(connection, matched, now)


def _adopt(connection: Connection, matched: Sequence[_Matched]) -> None:
    """Note on stored reports whose they are."""
    rows = [{**_note_row(match), "phone": match.report.to_number, "message": match.message_id} for match in matched]
    _ADOPT.many(connection, sorted(rows, key=itemgetter("name", "named", "phone", "word")))


def _report(row: Any) -> DeliveryReport:
    price = None if row.price is None else Money(row.price, row.currency)
    return DeliveryReport(
        row.provider, row.ref, ReportStatus(row.status), row.at, row.to_number, row.cause, price, row.reason
    )
