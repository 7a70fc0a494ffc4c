"""SQL of consents: given and ended. What was agreed to stays readable after it has ended.

An end is obeyed at once by the campaigns that ask for the consent: what waits does not leave, and what is being
committed either sees the end or is seen by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Executable, and_, bindparam, func, insert, select, update

from campaigns.campaign import OPEN
from campaigns.model import Consent, LabelSort
from campaigns.recipients import Skip
from campaigns.store import stopping_sql
from campaigns.store.book_sql import labelled, made_book
from campaigns.store.campaign_schema import campaigns
from campaigns.store.contact_sql import chunks, existing, numbered
from campaigns.store.schema import consents, contact_books, contact_facts, contact_labels
from campaigns.values import fold
from gateway.store.prepared import Prepared, among_numbers, values_of


@dataclass(frozen=True, slots=True)
class Agreement:
    """A consent that contacts give; one that they have given already stays as it was given."""

    org_id: str
    contacts: Sequence[int]
    consent: Consent
    again: bool = True
    """Whether it counts for those who have given it before and withdrawn it: not where a list says it of all."""


def give(connection: Connection, items: Sequence[Agreement]) -> list[int]:
    """Work: note consents; for each how many contacts had not given it before."""
    return [give_one(connection, item) for item in items]


def give_one(connection: Connection, item: Agreement) -> int:
    """Note consents, as part of a transaction that does more; how many contacts had not given it before."""
    of, given = made_book(connection, item.org_id), item.consent
    label = labelled(connection, of, LabelSort.CONSENT, [given.purpose])[fold(given.purpose)]
    new = 0
    for ids in chunks(sorted(existing(connection, of, item.contacts))):
        latest = (
            select(consents.c.contact_id, func.max(consents.c.n).label("n"))
            .where(consents.c.contact_id.in_(ids))
            .group_by(consents.c.contact_id)
        )
        last = {row.contact_id: row.n for row in connection.execute(latest)}
        settled = _holding(connection, ids, label.number) if item.again else _asked(connection, ids, label.number)
        rows = [
            {
                "contact_id": contact_id,
                "n": last.get(contact_id, 0) + 1,
                "purpose": label.number,
                "given_at": given.given_at,
                "how": given.how,
                "wording": given.wording,
                "ended_how": "",
            }
            for contact_id in ids
            if contact_id not in settled
        ]
        if rows:
            connection.execute(insert(consents), rows)
            _note(connection, [int(str(row["contact_id"])) for row in rows])
        new += len(rows)
    return new


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """The end of a consent."""

    org_id: str
    contacts: Sequence[int]
    purpose: str
    now: float
    how: str


def withdraw(connection: Connection, items: Sequence[Withdrawal]) -> list[int]:
    """Work: end consents; for each how many contacts had given it."""
    return [_withdraw(connection, item) for item in items]


def _withdraw(connection: Connection, item: Withdrawal) -> int:
    of = made_book(connection, item.org_id)
    label = of.labels.get((LabelSort.CONSENT, fold(item.purpose)))
    if label is None:
        return 0
    asking = _campaigns_that_ask(connection, item)
    ended = 0
    for ids in chunks(sorted(existing(connection, of, item.contacts))):
        holding = sorted(_holding(connection, ids, label.number))
        mine = and_(
            consents.c.contact_id.in_(holding), consents.c.purpose == label.number, consents.c.ended_at.is_(None)
        )
        connection.execute(update(consents).where(mine).values(ended_at=item.now, ended_how=item.how))
        _note(connection, holding)
        stopping_sql.stop(connection, asking, holding, Skip.NO_CONSENT, item.now)
        ended += len(holding)
    return ended


def _campaigns_that_ask(connection: Connection, item: Withdrawal) -> list[str]:
    """Campaigns under way that ask for a consent, locked: a page that is being committed holds its campaign."""
    query = (
        select(campaigns.c.id, campaigns.c.consent)
        .where(campaigns.c.org_id == item.org_id, campaigns.c.state.in_(OPEN), campaigns.c.consent != "")
        .order_by(campaigns.c.id)
        .with_for_update()
    )
    return [row.id for row in connection.execute(query).all() if fold(row.consent) == fold(item.purpose)]


def _holding(connection: Connection, ids: Sequence[int], purpose: int) -> set[int]:
    query = select(consents.c.contact_id).where(
        consents.c.contact_id.in_(ids), consents.c.purpose == purpose, consents.c.ended_at.is_(None)
    )
    return set(connection.execute(query).scalars())


def _asked(connection: Connection, ids: Sequence[int], purpose: int) -> set[int]:
    """Those who have given it, whether or not they have withdrawn it since."""
    query = select(consents.c.contact_id).where(consents.c.contact_id.in_(ids), consents.c.purpose == purpose)
    return set(connection.execute(query).scalars())


def _note(connection: Connection, ids: Sequence[int]) -> None:
    """Write what holds now where filters look."""
    holding: dict[int, list[int]] = {contact_id: [] for contact_id in ids}
    query = select(consents.c.contact_id, consents.c.purpose).where(
        consents.c.contact_id.in_(ids), consents.c.ended_at.is_(None)
    )
    for contact_id, purpose in connection.execute(query):
        holding[contact_id].append(purpose)
    for contact_id, purposes in holding.items():
        connection.execute(
            update(contact_facts).where(contact_facts.c.id == contact_id).values(consents=numbered(purposes))
        )


def _agreeing(dialect: str) -> Executable:
    return (
        select(consents.c.contact_id)
        .join(
            contact_labels,
            and_(contact_labels.c.number == consents.c.purpose, contact_labels.c.sort == str(LabelSort.CONSENT)),
        )
        .join(contact_books, contact_books.c.id == contact_labels.c.book_id)
        .where(
            contact_books.c.org_id == bindparam("org"),
            contact_labels.c.folded == bindparam("purpose"),
            among_numbers(dialect, consents.c.contact_id, "contacts"),
            consents.c.ended_at.is_(None),
        )
    )


_AGREEING = Prepared(_agreeing)


def agreeing(connection: Connection, org_id: str, purpose: str, contact_ids: Sequence[int]) -> frozenset[int]:
    """Those of an organisation's contacts that agree to a purpose now."""
    wanted = {"org": org_id, "purpose": fold(purpose), "contacts": values_of(connection, contact_ids)}
    return frozenset(_AGREEING.scalars(connection, wanted))
