"""SQL of sending: due messages begin. How their attempts end is `settle_sql`.

A message is queued, and nobody's; or it is being submitted, and leased to the process that does it. Between the two
lies a commit, with a row of `attempts`: whatever is being submitted when a process dies may have been sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Executable, bindparam, literal_column, select, update

from gateway.model import Hours
from gateway.pace import Sifted
from gateway.sms import OPTED_OUT, Encoding, OutgoingSms, Priority, SmsText
from gateway.store import event_sql, optout_sql
from gateway.store.hold_schema import holds
from gateway.store.prepared import Prepared, among, insert_new, values_of
from gateway.store.schema import accounts, api_keys, attempts, messages
from gateway.store.spool_items import Demand, Departure

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
