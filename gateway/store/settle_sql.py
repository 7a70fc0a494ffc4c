"""SQL of sending: attempts end, with an answer, a late one, or none; how they begin is `spool_sql`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Executable, bindparam, func, null, or_, select, update

from gateway.errors import Outcome
from gateway.sms import LateAnswer, MessageState, OutgoingSms
from gateway.store import event_sql, optout_sql, report_sql
from gateway.store.prepared import Prepared, among, insert_new, values_of
from gateway.store.schema import attempts, messages, provider_refs
from gateway.store.spool_items import Settlement

_END_ATTEMPT = Prepared(
    lambda _dialect: (
        update(attempts)
        .where(attempts.c.message_id == bindparam("message"), attempts.c.n == bindparam("number"))
        .values(finished_at=bindparam("now"), outcome=bindparam("result"), cause=bindparam("why"))
    )
)
_SETTLE = Prepared(
    lambda _dialect: (
        update(messages)
        .where(
            messages.c.id == bindparam("message"),
            messages.c.attempts == bindparam("number"),
            or_(messages.c.state == "submitting", messages.c.state == "unknown"),
        )
        .values(
            state=bindparam("new_state"),
            state_at=bindparam("now"),
            available_at=bindparam("due"),
            lease=null(),
            cause=bindparam("fault"),
            reason=bindparam("word"),
            public_text=bindparam("public"),
            billed_parts=bindparam("billed"),
            price=bindparam("amount"),
            currency=bindparam("code"),
        )
    )
)
_GO_ON = Prepared(
    lambda _dialect: (
        update(messages)
        .where(
            messages.c.id == bindparam("message"),
            messages.c.attempts == bindparam("number"),
            messages.c.state == "queued",
        )
        .values(provider=bindparam("onward"), sender=bindparam("name"), refused_by=bindparam("refused"))
    )
)
_REF = insert_new(provider_refs, ("provider", "ref", "to_number", "message_id", "part", "total"))


def _stops(items: Sequence[Settlement]) -> dict[tuple[str, str], str]:
    """Phones that said STOP to a provider, which tells us by refusing a message."""
    return {
        (item.message.org_id, item.message.to_number): item.message.provider for item in items if item.result.says_stop
    }


def settle(connection: Connection, items: Sequence[Settlement]) -> list[None]:
    """Write down what became of attempts, then apply reports that came before the answer.

    An attempt that is not the message's latest no longer says where the message stands.
    """
    rows = [_settlement_row(item) for item in items]
    _END_ATTEMPT.many(connection, rows)
    _SETTLE.many(connection, rows)
    _GO_ON.many(connection, [_onward_row(item, item.onward) for item in items if item.onward])
    refs = [row for item in items for row in _ref_rows(item)]
    _REF.many(connection, refs)
    unknown = [item.message.id for item in items if _lacks_ids(item)]
    _resolve_complete(connection, unknown, items[-1].at)
    report_sql.apply_early(connection, refs, items[-1].at)
    optout_sql.opt_out_all(connection, _stops(items), items[-1].at)
    event_sql.messages_moved(connection, ((item.message.org_id, item.message.id) for item in items))
    return [None] * len(items)


def _awaited(dialect: str) -> Executable:
    # Locked: of two parts that are answered at once, the one that is committed last must see the other.
    query = select(messages.c.id, messages.c.org_id, messages.c.to_number, messages.c.state).where(
        among(dialect, messages.c.id, "ids"), or_(messages.c.state == "submitting", messages.c.state == "unknown")
    )
    return query.order_by(messages.c.id).with_for_update()


def _ids_known(dialect: str) -> Executable:
    return (
        select(
            provider_refs.c.message_id,
            func.count(provider_refs.c.part.distinct()).label("known"),
            func.max(provider_refs.c.total).label("total"),
        )
        .where(among(dialect, provider_refs.c.message_id, "ids"))
        .group_by(provider_refs.c.message_id)
    )


_AWAITED = Prepared(_awaited)
_IDS_KNOWN = Prepared(_ids_known)
_RESOLVE = Prepared(
    lambda _dialect: (
        update(messages)
        .where(messages.c.id == bindparam("message"), messages.c.state == "unknown")
        .values(state="submitted", state_at=bindparam("now"), cause="")
    )
)


def resolve(connection: Connection, items: Sequence[LateAnswer]) -> list[bool]:
    """Keep ids that came late; per answer whether its message was unknown and is now submitted.

    An answer may come before the attempt's outcome is written down: then that finds its id.
    """
    now = max(item.at for item in items)
    ids = sorted({item.message_id for item in items})
    awaited = {row.id: row for row in _AWAITED.rows(connection, {"ids": values_of(connection, ids)})}
    refs = [_late_row(item, awaited[item.message_id].to_number) for item in items if item.message_id in awaited]
    _REF.many(connection, refs)
    resolved = _resolve_complete(connection, [row.id for row in awaited.values() if row.state == "unknown"], now)
    report_sql.apply_early(connection, refs, now)
    event_sql.messages_moved(connection, ((awaited[message].org_id, message) for message in resolved))
    last = {item.message_id: place for place, item in enumerate(items)}
    return [item.message_id in resolved and last[item.message_id] == place for place, item in enumerate(items)]


def _resolve_complete(connection: Connection, unknown: Sequence[str], now: float) -> frozenset[str]:
    """Submit, of messages that are unknown, those whose ids are all known; which they are."""
    if not unknown:
        return frozenset()
    known = _IDS_KNOWN.rows(connection, {"ids": values_of(connection, sorted(unknown))})
    whole = frozenset(row.message_id for row in known if row.total is not None and row.known >= row.total)
    _RESOLVE.many(connection, [{"message": message, "now": now} for message in sorted(whole)])
    return whole


def _late_row(item: LateAnswer, phone: str) -> dict[str, Any]:
    return {
        "provider": item.provider,
        "ref": item.ref,
        "to_number": phone,
        "message_id": item.message_id,
        "part": item.part,
        "total": item.total,
    }


def _settlement_row(item: Settlement) -> dict[str, Any]:
    result = item.result
    return {
        "message": item.message.id,
        "number": item.message.attempts + 1,
        "now": item.at,
        "result": result.outcome,
        "why": result.cause,
        "new_state": item.state,
        "due": item.available_at,
        "fault": "" if result.outcome is Outcome.ACCEPTED else result.cause,
        "word": result.reason,
        "public": result.public_text,
        "billed": result.parts,
        "amount": result.price.thousandths if result.price else None,
        "code": result.price.currency if result.price else None,
    }


def _onward_row(item: Settlement, onward: OutgoingSms) -> dict[str, Any]:
    return {
        "message": item.message.id,
        "number": item.message.attempts + 1,
        "onward": onward.provider,
        "name": onward.sender,
        "refused": onward.refused_by,
    }


def _lacks_ids(item: Settlement) -> bool:
    """Whether late answers may have told, or may still tell, what became of a message."""
    return item.state is MessageState.UNKNOWN and (not item.result.refs or "" in item.result.refs)


def _ref_rows(item: Settlement) -> Iterable[dict[str, Any]]:
    refs = item.result.refs
    total = len(refs) if "" in refs else len(set(refs))  # one id may stand for several parts
    for part, ref in enumerate(refs, 1):
        if ref:
            yield {
                "provider": item.message.provider,
                "ref": ref,
                "to_number": item.message.to_number,
                "message_id": item.message.id,
                "part": part,
                "total": total,
            }
