"""SQL of sending: due messages begin, attempts end.

A message is queued, and nobody's; or it is being submitted, and leased to the process that does it. Between the two
lies a commit, with a row of `attempts`: whatever is being submitted when a process dies may have been sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Executable, bindparam, func, literal_column, null, or_, select, update

from gateway.errors import Outcome
from gateway.model import Hours
from gateway.pace import Sifted
from gateway.sms import OPTED_OUT, Encoding, LateAnswer, MessageState, OutgoingSms, Priority, SmsText
from gateway.store import event_sql, optout_sql, report_sql
from gateway.store.hold_schema import holds
from gateway.store.prepared import Prepared, among, insert_new, values_of
from gateway.store.schema import accounts, api_keys, attempts, messages, provider_refs
from gateway.store.spool_items import Demand, Departure, Settlement

PAUSED, CLOSED, CANCELLED = "paused", "account-closed", "cancelled"
"""Words of FailureReason for messages that may not go."""
HELD = "its campaign is paused"
"""The cause of a message that is held back."""
PARKED = 1e12
"""When a message is due whose record is held: never, until `hold_sql` lets it go."""
SHUT = 2e12
"""When a message is due whose hours are over: never, until `hours_sql` says when the next ones are."""
ASLEEP = "waits for its hours"
"""The cause of such a message."""
TURN = "waits for its turn"
"""The cause of a message that the pace of its number holds back."""

# --- attempts begin ------------------------------------------------------------------------------------------------


def _due(_dialect: str) -> Executable:
    return (
        select(messages)
        .where(
            messages.c.state == "queued",
            messages.c.provider == bindparam("wanted"),
            messages.c.priority == bindparam("rank"),
            messages.c.available_at <= bindparam("now"),
        )
        .order_by(messages.c.available_at, messages.c.id)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)
    )


def _paused(dialect: str) -> Executable:
    return select(api_keys.c.id).where(among(dialect, api_keys.c.id, "keys"), api_keys.c.paused_at.is_not(None))


DUE = Prepared(_due)


def _closed(dialect: str) -> Executable:
    return select(accounts.c.id).where(among(dialect, accounts.c.id, "accounts"), accounts.c.closed_at.is_not(None))


def _held(dialect: str) -> Executable:
    # Locked: whoever lets go waits until what is parked here is committed, or it would stay parked for ever.
    query = select(holds.c.record_id, holds.c.ended).where(among(dialect, holds.c.record_id, "records"))
    return query.order_by(holds.c.record_id).with_for_update(read=True)


_HELD = Prepared(_held)
_PAUSED = Prepared(_paused)
_CLOSED = Prepared(_closed)
_DEPART = Prepared(
    lambda _dialect: (
        update(messages)
        .where(messages.c.id == bindparam("message"), messages.c.state == "queued")
        .values(
            state="submitting", state_at=bindparam("now"), lease=bindparam("token"), attempts=messages.c.attempts + 1
        )
    )
)
_ATTEMPT = insert_new(attempts, ("message_id", "n", "provider", "started_at"))
_REST = Prepared(
    lambda _dialect: (
        update(messages)
        .where(messages.c.id == bindparam("message"), messages.c.state == "queued")
        .values(available_at=bindparam("due"), cause=bindparam("why"))
    )
)
_FAIL = Prepared(
    lambda _dialect: (
        update(messages)
        .where(messages.c.id == bindparam("message"), messages.c.state == "queued")
        .values(state="failed", state_at=bindparam("now"), cause=bindparam("why"), reason=bindparam("word"))
    )
)


def depart(connection: Connection, items: Sequence[Demand]) -> list[Departure]:
    """Begin an attempt of due messages, dialog before campaigns, oldest first, as far as there is room for them."""
    return [_depart(connection, demand) for demand in items]


def _depart(connection: Connection, demand: Demand) -> Departure:
    due, campaigns, full = _due_messages(connection, demand)
    held = held_records(connection, {record for record, _ in campaigns.values()})
    stopped = optout_sql.stopped(connection, {(message.org_id, message.to_number) for message in due})
    paused = _among(connection, _PAUSED, "keys", {message.key_id for message in due})
    closed = _among(connection, _CLOSED, "accounts", {message.account_id for message in due})
    go: list[OutgoingSms] = []
    failed: list[tuple[OutgoingSms, str]] = []
    rested: list[tuple[OutgoingSms, str]] = []
    parked: list[tuple[OutgoingSms, str]] = []
    asleep: list[tuple[OutgoingSms, float]] = []
    for message in due:
        record, hours = campaigns.get(message.id, _DIALOG)
        ended = held.get(record) if held else None
        if ended is not None:
            (failed if ended else parked).append((message, CANCELLED if ended else HELD))
        elif (message.org_id, message.to_number) in stopped:
            failed.append((message, OPTED_OUT))
        elif message.account_id in closed:
            failed.append((message, CLOSED))
        elif hours is not None and not hours.begin <= demand.now < hours.end:
            asleep.append((message, hours.begin if demand.now < hours.begin else SHUT))
        elif message.key_id in paused:
            (failed if message.created_at < demand.made_after else rested).append((message, PAUSED))
        else:
            go.append(message)
    sifted = demand.budget.sift(go) if demand.budget else Sifted(tuple(go), (), 0)
    _begin(connection, sifted.go, demand)
    give_up(connection, failed, demand.now)
    put_off(connection, [(message, word, demand.rest_until) for message, word in rested])
    put_off(connection, [(message, word, PARKED) for message, word in parked])
    put_off(connection, [(message, ASLEEP, due_at) for message, due_at in asleep])
    put_off(connection, [(message, TURN, demand.now + seconds) for message, seconds in sifted.later])
    more = full or sifted.left > 0
    rested += [*parked, *((message, ASLEEP) for message, _ in asleep)]
    return Departure(sifted.go, tuple(failed), tuple(rested), sifted.later, more=more)


_Campaign = tuple[str, Hours | None]
"""The record of a message that can be held, and its hours."""
_DIALOG: Final[_Campaign] = ("", None)


def _due_messages(connection: Connection, demand: Demand) -> tuple[list[OutgoingSms], dict[str, _Campaign], bool]:
    """Messages that are due; the records and hours of those of campaigns; whether there may be more."""

    def due(rank: int, most: int) -> list[Any]:
        return DUE.rows(connection, {"wanted": demand.provider, "rank": rank, "now": demand.now, "most": most})

    dialogs = due(0, demand.room)
    most = min(demand.campaigns, demand.room - len(dialogs))
    of_campaigns = due(1, most) if most > 0 else []
    campaigns = {row.id: (row.mail_id or "", hours_of(row)) for row in of_campaigns}
    return [message_of(row) for row in (*dialogs, *of_campaigns)], campaigns, len(of_campaigns) >= most


def hours_of(row: Any) -> Hours | None:
    """When what a row of `messages` or `mail_queue` holds may leave; None for always."""
    return None if row.hours_end is None else Hours(row.hours_begin, row.hours_end, row.hours_place)


def held_records(connection: Connection, records: set[str]) -> dict[str, bool]:
    """Those of the records that are held, and whether for ever; they stay so until the transaction ends."""
    if not records:
        return {}
    return {
        row.record_id: bool(row.ended)
        for row in _HELD.rows(connection, {"records": values_of(connection, sorted(records))})
    }


def message_of(row: Any) -> OutgoingSms:
    """Read a row of `messages` back."""
    return OutgoingSms(
        id=row.id,
        org_id=row.org_id,
        account_id=row.account_id,
        key_id=row.key_id,
        from_number=row.from_number,
        to_number=row.to_number,
        text=SmsText(row.text, Encoding(row.encoding), row.parts, row.units),
        provider=row.provider,
        priority=Priority.CAMPAIGN if row.priority else Priority.DIALOG,
        created_at=row.created_at,
        attempts=row.attempts,
        sender=row.sender,
        refused_by=row.refused_by,
        bound=bool(row.bound),
    )


def _among(connection: Connection, query: Prepared, name: str, ids: set[str]) -> frozenset[str]:
    if not ids:
        return frozenset()
    return frozenset(query.scalars(connection, {name: values_of(connection, sorted(ids))}))


def _begin(connection: Connection, go: Sequence[OutgoingSms], demand: Demand) -> None:
    _DEPART.many(connection, [{"message": message.id, "now": demand.now, "token": demand.lease} for message in go])
    _ATTEMPT.many(
        connection,
        [
            {
                "message_id": message.id,
                "n": message.attempts + 1,
                "provider": message.provider,
                "started_at": demand.now,
            }
            for message in go
        ],
    )


def give_up(connection: Connection, failed: Sequence[tuple[OutgoingSms, str]], now: float) -> None:
    """Fail queued messages, with the word of FailureReason that says why."""
    _FAIL.many(connection, [{"message": message.id, "now": now, "why": word, "word": word} for message, word in failed])
    event_sql.messages_moved(connection, ((message.org_id, message.id) for message, _ in failed))


def put_off(connection: Connection, rested: Iterable[tuple[OutgoingSms, str, float]]) -> None:
    """Let queued messages wait until they are due, with a word that says why."""
    _REST.many(connection, [{"message": message.id, "due": due, "why": word} for message, word, due in rested])


_HURRY = Prepared(
    lambda _dialect: (
        update(messages)
        .where(
            messages.c.state == "queued",
            messages.c.provider == bindparam("wanted"),
            messages.c.priority == bindparam("rank"),
            messages.c.available_at > bindparam("now"),
            messages.c.attempts > literal_column("0"),
        )
        .values(available_at=bindparam("now"))
    )
)


def hurry(connection: Connection, items: Sequence[tuple[str, float]]) -> list[None]:
    """Let messages that wait for another attempt at a provider be due: what kept it from taking them has passed."""
    _HURRY.many(
        connection, [{"wanted": provider, "rank": rank, "now": now} for provider, now in items for rank in (0, 1)]
    )
    return [None] * len(items)


# --- attempts end --------------------------------------------------------------------------------------------------

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
