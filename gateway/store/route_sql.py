"""SQL of messages that wait for a provider which cannot carry them: they go another way, or are put off, or given up.

Only what is queued is moved, and queued messages are nobody's: there is never a second attempt beside one under way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Executable, bindparam, func, select, tuple_, update

from gateway.sms import OutgoingSms
from gateway.store.accept_sql import PRIORITIES
from gateway.store.prepared import Prepared
from gateway.store.schema import messages
from gateway.store.spool_items import AT_ONCE, Demand, Departure, Escape, Move, Removal, Removed
from gateway.store.spool_sql import DUE, give_up, message_of, put_off


def _waiting(_dialect: str) -> Executable:
    return (
        select(messages)
        .where(
            messages.c.state == "queued",
            messages.c.provider == bindparam("wanted"),
            messages.c.priority == bindparam("rank"),
            tuple_(messages.c.available_at, messages.c.id) > tuple_(bindparam("due"), bindparam("after")),
        )
        .order_by(messages.c.available_at, messages.c.id)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)
    )


_WAITING = Prepared(_waiting)
_MOVE = Prepared(
    lambda _dialect: (
        update(messages)
        .where(
            messages.c.id == bindparam("message"),
            messages.c.state == "queued",
            messages.c.provider == bindparam("left"),
        )
        .values(provider=bindparam("onward"), sender=bindparam("name"), available_at=bindparam("due"))
    )
)


def remove(connection: Connection, items: Sequence[Removal]) -> list[Removed]:
    """Move the messages of each batch that have another way; the others stay as they are."""
    return [_remove(connection, item) for item in items]


def _remove(connection: Connection, item: Removal) -> Removed:
    due, after = item.after
    wanted = {
        "wanted": item.provider,
        "rank": PRIORITIES[item.priority],
        "due": due,
        "after": after,
        "most": item.most,
    }
    rows = _WAITING.rows(connection, wanted)
    moved = _move(connection, map(message_of, rows), item.escape)
    return Removed(tuple(moved), (rows[-1].available_at, rows[-1].id) if len(rows) == item.most else None)


def _move(connection: Connection, waiting: Iterable[OutgoingSms], escape: Escape) -> list[Move]:
    moved = [(message, onward) for message in waiting if (onward := escape(message)) is not None]
    _MOVE.many(
        connection,
        [
            {
                "message": message.id,
                "left": message.provider,
                "onward": onward.provider,
                "name": onward.sender,
                "due": AT_ONCE,
            }
            for message, onward in moved
        ],
    )
    return moved


# --- messages without a provider -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Strays:
    """A wish to look after messages whose provider is none of the known."""

    known: Collection[str]
    word: str
    """The word of FailureReason that says why they cannot go."""
    nowhere: str
    """The name of no provider, for messages that nobody may carry: they have nothing to wait for."""
    demand: Demand
    escape: Escape | None = None


def strays(connection: Connection, items: Sequence[Strays]) -> list[Departure]:
    """Move messages whose provider is not known, or put them off, or give them up."""
    return [_put_off_strays(connection, item) for item in items]


def _put_off_strays(connection: Connection, item: Strays) -> Departure:
    demand = item.demand
    moved: list[Move] = []
    failed: list[tuple[OutgoingSms, str]] = []
    rested: list[tuple[OutgoingSms, str]] = []
    for provider in waiting_for(connection):
        if provider in item.known:
            continue
        for rank in (0, 1):
            wanted = {"wanted": provider, "rank": rank, "now": demand.now, "most": demand.room}
            due = list(map(message_of, DUE.rows(connection, wanted)))
            fled = _move(connection, due, item.escape) if item.escape else []
            moved += fled
            gone = {message.id for message, _ in fled}
            for message in due:
                if message.id not in gone:
                    hopeless = provider == item.nowhere or message.created_at < demand.made_after
                    (failed if hopeless else rested).append((message, item.word))
    give_up(connection, failed, demand.now)
    put_off(connection, [(message, word, demand.rest_until) for message, word in rested])
    return Departure(failed=tuple(failed), rested=tuple(rested), moved=tuple(moved))


def waiting_for(connection: Connection) -> Iterable[str]:
    """The providers that messages wait for: one look into the index for each."""
    queued = select(func.min(messages.c.provider)).where(messages.c.state == "queued")
    provider = connection.execute(queued).scalar()
    while provider is not None:
        yield provider
        provider = connection.execute(queued.where(messages.c.provider > provider)).scalar()
