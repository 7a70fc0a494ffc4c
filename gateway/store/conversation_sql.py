"""SQL of an account's conversations: its phones, those that wrote or were written to last first.

There is no table of conversations, which every SMS would have to write to: the account's SMS are walked from the newest
down until enough phones have come, all of it in an index. Phones that have newer SMS stood on an earlier page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import ColumnElement, Connection, Select, Table, select, union_all

from gateway.listed_sms import Conversation, LogFilter
from gateway.store import message_log_sql
from gateway.store.schema import inbound, messages

_FIRST_STEP, _GROWTH = 1_000, 8
"""SMS that are walked at once: first, and how many times as many in each further step."""
_TABLES: tuple[tuple[Table, ColumnElement[str]], ...] = (
    (messages, messages.c.to_number),
    (inbound, inbound.c.from_number),
)


def conversations(
    connection: Connection, org_id: str | None, account_id: str, before: str | None, size: int
) -> list[Conversation]:
    """Conversations whose last SMS has an id before this one; one more than fit where there are more."""
    seen = _phones_since(connection, account_id, before)
    last_ids: dict[str, str] = {}
    for step in _steps(connection, account_id, before):
        for message_id, phone in step:
            if phone not in seen:
                seen.add(phone)
                last_ids[phone] = message_id
        if len(last_ids) > size:
            break
    newest = list(last_ids.items())[: size + 1]
    wanted = LogFilter(org_id=org_id, account_id=account_id)
    found = message_log_sql.by_id(connection, wanted, [message_id for _, message_id in newest])
    return [Conversation(phone, found[message_id]) for phone, message_id in newest if message_id in found]


def _steps(connection: Connection, account_id: str, before: str | None) -> Iterator[Sequence[tuple[str, str]]]:
    """The account's SMS as (id, phone), the newest first, in steps."""
    length = _FIRST_STEP
    while True:
        rows = connection.execute(walk_query(account_id, before, length)).all()
        yield [(row.id, row.phone) for row in rows]
        if len(rows) < length:
            return
        before, length = rows[-1].id, length * _GROWTH


def walk_query(account_id: str, before: str | None, length: int) -> Select[tuple[str, str]]:
    """So many of an account's newest SMS before an id."""
    some = []
    for table, phone in _TABLES:
        query = select(table.c.id.label("id"), phone.label("phone")).where(table.c.account_id == account_id)
        if before is not None:
            query = query.where(table.c.id < before)
        newest = query.order_by(table.c.id.desc()).limit(length).subquery()
        some.append(select(newest.c.id, newest.c.phone))
    both = union_all(*some).subquery()
    return select(both.c.id, both.c.phone).order_by(both.c.id.desc()).limit(length)


def _phones_since(connection: Connection, account_id: str, message_id: str | None) -> set[str]:
    """Phones with SMS that have this id or a newer one; they stood on earlier pages."""
    found: set[str] = set()
    for table, phone in _TABLES if message_id is not None else ():
        query = select(phone).distinct().where(table.c.account_id == account_id, table.c.id >= message_id)
        found.update(connection.execute(query).scalars())
    return found
