"""SQL of events: what happened in an organisation is written down for its webhooks, where it has any.

Called within the transaction that makes an event true, by whoever writes that: what is committed is told, and what is
not, is not. Organisations without webhooks pay nothing: which have some is kept with each connection, and looked at
again when a second is over. A new webhook therefore hears of what happens a second after it was made.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Executable, literal_column, or_, select

from gateway.hooks.events import TOLD_STATES, EventType, HookEvent, event_id, iso
from gateway.model import new_id
from gateway.sms import InboundSms, MessageState
from gateway.store.prepared import Prepared, among, insert_new, values_of
from gateway.store.schema import mails, messages, revisions
from gateway.store.webhook_schema import webhook_calls, webhooks

REVISION = "webhooks"
"""The row of `revisions` that every change of webhooks makes another."""
_LOOK_AGAIN = 1.0
"""Seconds for which a connection trusts what it knows of webhooks."""
_KEPT = "webhooks"
"""The name under which a connection keeps it."""

Wanted = Mapping[str, Sequence[tuple[str, frozenset[str]]]]
"""By organisation: its webhooks, each with the types that it has chosen."""


@dataclass(slots=True)
class _Known:
    revision: int
    until: float
    """On the monotonic clock."""
    wanted: Wanted


_NOW_AT = Prepared(
    lambda _dialect: select(revisions.c.value).where(revisions.c.name == literal_column(f"'{REVISION}'"))
)
_WANTED = Prepared(
    lambda _dialect: select(webhooks.c.id, webhooks.c.org_id, webhooks.c.events).where(
        or_(webhooks.c.state == literal_column("'active'"), webhooks.c.state == literal_column("'paused'"))
    )
)
_CALL = insert_new(
    webhook_calls,
    ("id", "webhook_id", "event_id", "type", "body", "state", "created_at", "available_at"),
    unless=("webhook_id", "event_id"),
)


def wanted(connection: Connection) -> Wanted:
    """Which organisations want to be told of anything, as of a second ago at most."""
    known: _Known | None = connection.info.get(_KEPT)
    now = time.monotonic()
    if known is not None and now < known.until:
        return known.wanted
    revision = next(iter(_NOW_AT.scalars(connection, {})), 0)
    if known is None or known.revision != revision:
        known = _Known(revision, 0.0, _read(connection) if revision else {})
        connection.info[_KEPT] = known
    known.until = now + _LOOK_AGAIN
    return known.wanted


def _read(connection: Connection) -> Wanted:
    found: dict[str, list[tuple[str, frozenset[str]]]] = {}
    for row in _WANTED.rows(connection, {}):
        found.setdefault(row.org_id, []).append((row.id, frozenset(row.events.split())))
    return found


def forget(connection: Connection) -> None:
    """Look again at once: this connection has changed something."""
    connection.info.pop(_KEPT, None)


def put(connection: Connection, events: Iterable[HookEvent]) -> None:
    """Queue a call to each webhook that has chosen an event's type; an event that is told already is not told again."""
    listeners = wanted(connection)
    rows = [
        _row(event, webhook)
        for event in events
        for webhook, types in listeners.get(event.org_id, ())
        if event.type in types
    ]
    # In one order everywhere, so that two transactions with the same events do not wait in a ring.
    _CALL.many(connection, sorted(rows, key=lambda row: (row["webhook_id"], row["event_id"])))


def _row(event: HookEvent, webhook: str) -> dict[str, Any]:
    return {
        "id": new_id(event.at),
        "webhook_id": webhook,
        "event_id": event.id,
        "type": str(event.type),
        "body": event.body(),
        "state": "queued",
        "created_at": event.at,
        "available_at": event.at,
    }


# --- messages that leave -------------------------------------------------------------------------------------------


def _told(dialect: str) -> Executable:
    return (
        select(messages, mails.c.message_id.label("mail_message_id"))
        .outerjoin(mails, mails.c.id == messages.c.mail_id)
        .where(among(dialect, messages.c.id, "ids"))
    )


_TOLD = Prepared(_told)


def messages_moved(connection: Connection, moved: Iterable[tuple[str, str]]) -> None:
    """Tell where messages stand by now, given as (organisation, id); call it after all that moves them.

    Whoever is not sure that one has moved may name it all the same: how it stands is told once.
    """
    listeners = wanted(connection)
    if not listeners:
        return
    ids = sorted({message for org_id, message in moved if org_id in listeners})
    if ids:
        rows = _TOLD.rows(connection, {"ids": values_of(connection, ids)})
        put(connection, [_moved(row) for row in rows if row.state in TOLD_STATES])


def _moved(row: Any) -> HookEvent:
    state = MessageState(row.state)
    return HookEvent(
        row.org_id,
        event_id(row.id, state, int(row.state_at * 1000)),
        TOLD_STATES[state],
        row.state_at,
        {
            "id": row.id,
            "state": state,
            "reason": row.reason,
            "account": row.account_id,
            "from": row.sender or row.from_number,
            "to": row.to_number,
            "text": row.text,
            "parts": row.parts,
            "created_at": iso(row.created_at),
            "mail_message_id": row.mail_message_id,
        },
    )


# --- SMS that come in ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Came:
    """An SMS that has come in for an organisation."""

    id: str
    org_id: str
    sms: InboundSms
    received_at: float
    state: str
    account_id: str | None
    incomplete: bool


def messages_received(connection: Connection, came: Sequence[Came]) -> None:
    """Tell of SMS that have come in."""
    listeners = wanted(connection)
    if not listeners:
        return
    put(connection, [_received(each) for each in came if each.org_id in listeners])


def _received(came: Came) -> HookEvent:
    sms = came.sms
    return HookEvent(
        came.org_id,
        event_id(came.id, "received"),
        EventType.MESSAGE_RECEIVED,
        came.received_at,
        {
            "id": came.id,
            "state": came.state,
            "account": came.account_id,
            "from": sms.from_number,
            "to": sms.to_number,
            "text": sms.text,
            "incomplete": came.incomplete,
            "sent_at": iso(sms.at),
            "received_at": iso(came.received_at),
        },
    )


# --- STOP and START ------------------------------------------------------------------------------------------------


def optout_changed(connection: Connection, org_id: str, phone: str, now: float, *, ended: bool) -> None:
    """Tell that a phone is on an organisation's list now, or no longer."""
    if org_id not in wanted(connection):
        return
    kind = EventType.OPTOUT_ENDED if ended else EventType.OPTOUT_CREATED
    put(connection, [HookEvent(org_id, event_id("optout", new_id(now)), kind, now, {"phone": phone})])
