"""SQL of holding back: the queued messages and mails of a record stay, or end, from the commit on that says so.

Messages are not looked for when a hold begins: departing (`spool_sql.depart`, `mail_queue_sql.claim`) meets them, and
parks or fails each once.
What is under way already is not called back. Only messages of campaigns are held.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, literal_column, or_, update

from gateway.store.dialect import insert
from gateway.store.hold_schema import holds
from gateway.store.prepared import Prepared
from gateway.store.route_sql import waiting_for
from gateway.store.schema import mail_queue, messages
from gateway.store.spool_items import AT_ONCE
from gateway.store.spool_sql import PARKED

_FREE = Prepared(
    lambda _dialect: (
        update(messages)
        .where(
            messages.c.state == "queued",
            messages.c.provider == bindparam("wanted"),
            messages.c.priority == bindparam("rank"),
            messages.c.available_at >= bindparam("since"),
            messages.c.mail_id == bindparam("record"),
        )
        .values(available_at=bindparam("due"), cause="")
    )
)

_FREE_MAIL = Prepared(
    lambda _dialect: (
        update(mail_queue)
        .where(
            mail_queue.c.state == literal_column("'queued'"),
            mail_queue.c.priority == literal_column("1"),
            mail_queue.c.available_at >= bindparam("since"),
            # One in hand is settled by whoever has it.
            or_(mail_queue.c.lease.is_(None), mail_queue.c.available_at >= literal_column(str(PARKED))),
            mail_queue.c.about == bindparam("record"),
        )
        .values(available_at=bindparam("due"))
    )
)


def hold(connection: Connection, record_id: str, now: float) -> None:
    """Let nothing of a record leave until it is let go."""
    _put(connection, record_id, now, ended=False)


def let_go(connection: Connection, record_id: str) -> None:
    """Let what was held back leave."""
    connection.execute(delete(holds).where(holds.c.record_id == record_id))
    _wake(connection, record_id, PARKED)


def end(connection: Connection, record_id: str, now: float) -> None:
    """Fail whatever of a record has not left."""
    _put(connection, record_id, now, ended=True)
    _wake(connection, record_id, now)  # also what waits for its hours or another attempt


def _put(connection: Connection, record_id: str, now: float, *, ended: bool) -> None:
    values = {"since": now, "ended": ended}
    connection.execute(
        insert(connection, holds)
        .values(record_id=record_id, **values)
        .on_conflict_do_update(index_elements=["record_id"], set_=values)
    )


def _wake(connection: Connection, record_id: str, since: float) -> None:
    """Let departing meet at once what would be due then or later."""
    _FREE_MAIL.many(connection, [{"since": since, "record": record_id, "due": AT_ONCE}])
    providers: Sequence[str] = list(waiting_for(connection))
    same = {"rank": 1, "since": since, "record": record_id, "due": AT_ONCE}
    _FREE.many(connection, [{"wanted": provider} | same for provider in providers])
