"""SQL of automatic answers by SMS: each once in its time, within what may be spent, never to who said STOP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, insert

from gateway.sms import MessageState, OutgoingSms
from gateway.spending import Charge
from gateway.store import optout_sql
from gateway.store.accept_sql import PRIORITIES
from gateway.store.dialect import insert as insert_or
from gateway.store.schema import automatic_replies, messages
from gateway.store.spend_sql import Ledger
from gateway.store.spool_items import AT_ONCE


@dataclass(frozen=True, slots=True)
class AutomaticReply:
    """An SMS that answers another by itself."""

    message: OutgoingSms
    about: str
    """What it is an answer to: the same phone is not answered about the same again for `quiet` seconds."""
    quiet: float
    charge: Charge


def send(connection: Connection, replies: Sequence[AutomaticReply]) -> None:
    """Queue the answers that may go; the others are left out without a word."""
    for reply in replies:
        message = reply.message
        pair = (message.org_id, message.to_number)
        if not _turn(connection, reply) or optout_sql.stopped(connection, [pair]):
            continue
        ledger = Ledger(connection, [reply.charge])
        if ledger.over(reply.charge, [0]) is None:
            _queue(connection, message)
            ledger.spend(reply.charge, [0])
            ledger.close()


def _turn(connection: Connection, reply: AutomaticReply) -> bool:
    """Whether the phone's last answer of this kind is long enough ago; this one is noted then."""
    now = reply.message.created_at
    return bool(
        connection.execute(
            insert_or(connection, automatic_replies)
            .values(phone=reply.message.to_number, about=reply.about, at=now)
            .on_conflict_do_update(
                index_elements=["phone", "about"],
                set_={"at": now},
                where=automatic_replies.c.at <= now - reply.quiet,
            )
        ).rowcount
    )


def _queue(connection: Connection, message: OutgoingSms) -> None:
    """No mail is behind it, and nobody is told where it fails."""
    connection.execute(
        insert(messages).values(
            id=message.id,
            org_id=message.org_id,
            account_id=message.account_id,
            key_id=message.key_id,
            provider=message.provider,
            from_number=message.from_number,
            to_number=message.to_number,
            text=message.text.text,
            encoding=message.text.encoding,
            parts=message.text.parts,
            units=message.text.units,
            priority=PRIORITIES[message.priority],
            state=MessageState.QUEUED,
            state_at=message.created_at,
            created_at=message.created_at,
            available_at=AT_ONCE,
            told_at=message.created_at,
        )
    )
