"""SQL of what contacts have got of campaigns within a week, and of campaigns that write to nobody too often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Executable, Select, bindparam, func, literal_column, select

from campaigns.recipients import Decided, Skip
from campaigns.store.campaign_schema import campaign_recipients, campaigns
from gateway.sms import MessageState
from gateway.store.mail_queue_sql import FAILED
from gateway.store.prepared import Prepared, among, among_numbers, values_of
from gateway.store.schema import mail_queue, messages

WEEK = 7 * 86_400.0


def _recent(dialect: str) -> Executable:
    # What never left is none: it was cancelled, stopped, or refused.
    sms: Select[Any] = select(literal_column("1")).where(messages.c.id == campaign_recipients.c.message_id)
    mail: Select[Any] = select(literal_column("1")).where(mail_queue.c.id == campaign_recipients.c.message_id)
    return (
        select(campaign_recipients.c.contact_id, func.count().label("times"))
        .where(
            among(dialect, campaign_recipients.c.campaign_id, "campaigns"),
            among_numbers(dialect, campaign_recipients.c.contact_id, "contacts"),
            campaign_recipients.c.state == "sent",
            campaign_recipients.c.at > bindparam("since"),
            ~sms.where(messages.c.state == MessageState.FAILED).exists(),
            ~mail.where(mail_queue.c.state == FAILED).exists(),
        )
        .group_by(campaign_recipients.c.contact_id)
    )


_RECENT = Prepared(_recent)
_OTHERS = Prepared(
    lambda _dialect: select(campaigns.c.id).where(
        campaigns.c.org_id == bindparam("org"),
        campaigns.c.started_at.is_not(None),
        func.coalesce(campaigns.c.finished_at, bindparam("now")) > bindparam("since"),
    )
)


def messages_within(connection: Connection, org_id: str, contacts: Sequence[int], now: float) -> dict[int, int]:
    """How many messages of campaigns contacts have got, or shall, within seven days; those without any are left out."""
    since = now - WEEK
    recent = _OTHERS.scalars(connection, {"org": org_id, "now": now, "since": since})
    if not recent:
        return {}
    wanted = {
        "campaigns": values_of(connection, recent),
        "contacts": values_of(connection, contacts),
        "since": since,
    }
    return {row.contact_id: row.times for row in _RECENT.rows(connection, wanted)}


def _in_turn(shared: str) -> Prepared:
    book = func.hashtextextended(bindparam("org"), literal_column("0"))
    return Prepared(lambda _dialect: select(getattr(func, f"pg_advisory_xact_lock{shared}")(book)))


_ALONE, _BESIDE_OTHERS = _in_turn(""), _in_turn("_shared")


def _keep_others_from_writing(connection: Connection, row: Any) -> None:
    """Where pages are committed side by side, one that counts what contacts have got waits for all others.

    Those of the same organisation that count nothing wait for one that does, and for nobody else.
    """
    if connection.dialect.name == "postgresql":
        (_ALONE if row.per_week else _BESIDE_OTHERS).rows(connection, {"org": row.org_id})


def not_too_often(connection: Connection, row: Any, at: float, decided: tuple[Decided, ...]) -> tuple[Decided, ...]:
    """Without messages to contacts that have got as many this week as the campaign of a row allows."""
    contacts = [each.contact_id for each in decided if each.id is not None] if row.per_week else []
    _keep_others_from_writing(connection, row)
    if not contacts:
        return decided
    times = messages_within(connection, row.org_id, contacts, at)
    return tuple(
        replace(each, message=None, email=None, reason=Skip.WEEKLY)
        if each.id is not None and times.get(each.contact_id, 0) >= row.per_week
        else each
        for each in decided
    )
