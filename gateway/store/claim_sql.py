"""SQL of numbers that accounts share: whose a conversation with a phone is.

Each who shares the number and has written to the phone could own the answer. A claim is one account's word that the
conversation is its own; it holds until another of them writes to that phone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select, update

from gateway.store.dialect import insert
from gateway.store.schema import claims, inbound, thread_refs

ASKED = "asked"
"""The state of an incoming SMS that waits for a claim."""


@dataclass(frozen=True, slots=True)
class Owners:
    """Of a number and a phone: who has claimed the conversation, and who among those that share has written."""

    claimed: str | None
    writers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Written:
    """An account has written to a phone from a number that it shares."""

    account_id: str
    number: str
    phone: str
    at: float


def owners(connection: Connection, number: str, phone: str, account_ids: Collection[str]) -> Owners:
    """Who could own what a phone writes to a shared number, among these accounts."""
    claimed = connection.execute(
        select(claims.c.account_id).where(
            claims.c.number == number, claims.c.phone == phone, claims.c.account_id.in_(account_ids)
        )
    ).scalar_one_or_none()
    writers = connection.execute(
        select(thread_refs.c.account_id)
        .where(thread_refs.c.account_id.in_(account_ids), thread_refs.c.phone == phone)
        .distinct()
    ).scalars()
    return Owners(claimed, frozenset(writers))


def write(connection: Connection, items: Sequence[Written]) -> None:
    """Whoever answers what was asked claims the conversation; whoever writes otherwise ends another's claim."""
    for item in items:
        if _answers(connection, item):
            claim = {"account_id": item.account_id, "since": item.at}
            connection.execute(
                insert(connection, claims)
                .values(number=item.number, phone=item.phone, **claim)
                .on_conflict_do_update(index_elements=["number", "phone"], set_=claim)
            )
        else:
            connection.execute(
                delete(claims).where(
                    claims.c.number == item.number,
                    claims.c.phone == item.phone,
                    claims.c.account_id != item.account_id,
                )
            )


def _answers(connection: Connection, item: Written) -> bool:
    """Whether this settles a question; the SMS that were asked about are this account's then."""
    return bool(
        connection.execute(
            update(inbound)
            .where(
                inbound.c.state == ASKED,
                inbound.c.to_number == item.number,
                inbound.c.from_number == item.phone,
            )
            .values(state="mailed", account_id=item.account_id)
        ).rowcount
    )
