"""SQL of organisations' numbers and their keywords. Changes are work functions, as in `account_sql`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from gateway.registry.number_use import Keyword, OrganisationNumber
from gateway.registry.pool import NumberPool
from gateway.store import number_sql
from gateway.store.dialect import insert as insert_or
from gateway.store.directory_sql import begin_change, organisation_number
from gateway.store.schema import keywords, organisation_numbers


@dataclass(frozen=True, slots=True)
class Gift:
    """A number to be given to an organisation: this one, or any that is free."""

    org_id: str
    email: str
    number: str | None
    now: float
    pool: NumberPool


def give(connection: Connection, items: Sequence[Gift]) -> list[OrganisationNumber | None]:
    """Give numbers to organisations; None where the number is taken, or none is free."""
    begin_change(connection)
    return [_give(connection, item) for item in items]


def _give(connection: Connection, gift: Gift) -> OrganisationNumber | None:
    owned = None if gift.number is None else organisation_number(connection, gift.number)
    if owned is not None and owned.org_id == gift.org_id:
        connection.execute(
            update(organisation_numbers).where(organisation_numbers.c.number == owned.number).values(email=gift.email)
        )
        return organisation_number(connection, owned.number)
    drawn = (
        number_sql.draw(connection, gift.pool, (), gift.now)
        if gift.number is None
        else number_sql.free(connection, gift.pool, gift.number, gift.now)
    )
    if drawn is None:
        return None
    number, provider = drawn
    number_sql.take(connection, number, provider, None, gift.now)
    connection.execute(
        insert(organisation_numbers).values(
            number=number, org_id=gift.org_id, provider=provider, email=gift.email, since=gift.now
        )
    )
    return organisation_number(connection, number)


def take_back(connection: Connection, items: Sequence[tuple[str, float]]) -> list[bool]:
    """Take numbers from their organisations, and let them rest: (number, end of quarantine)."""
    begin_change(connection)
    return [_take_back(connection, number, free_after) for number, free_after in items]


def _take_back(connection: Connection, number: str, free_after: float) -> bool:
    connection.execute(delete(keywords).where(keywords.c.number == number))
    gone = connection.execute(delete(organisation_numbers).where(organisation_numbers.c.number == number)).rowcount
    if gone:
        number_sql.quarantine(connection, number, None, free_after)
    return bool(gone)


def put_keyword(connection: Connection, items: Sequence[tuple[str, Keyword]]) -> list[bool]:
    """Add keywords to numbers, or change them. False for a number that no organisation has."""
    begin_change(connection)
    return [_put_keyword(connection, number, keyword) for number, keyword in items]


def _put_keyword(connection: Connection, number: str, keyword: Keyword) -> bool:
    if organisation_number(connection, number) is None:
        return False
    values = {"written": keyword.written, "email": keyword.email, "reply": keyword.reply}
    connection.execute(
        insert_or(connection, keywords)
        .values(number=number, word=keyword.word, **values)
        .on_conflict_do_update(index_elements=["number", "word"], set_=values)
    )
    return True


def remove_keyword(connection: Connection, items: Sequence[tuple[str, str]]) -> list[bool]:
    """Remove keywords: (number, word). False for one that is not there."""
    begin_change(connection)
    return [
        bool(connection.execute(delete(keywords).where(keywords.c.number == number, keywords.c.word == word)).rowcount)
        for number, word in items
    ]


def list_numbers(connection: Connection, org_id: str | None) -> list[OrganisationNumber]:
    """Organisations' numbers with their keywords, ascending."""
    query = select(organisation_numbers.c.number).order_by(organisation_numbers.c.number)
    if org_id is not None:
        query = query.where(organisation_numbers.c.org_id == org_id)
    found = (organisation_number(connection, number) for number in connection.execute(query).scalars().all())
    return [each for each in found if each is not None]
