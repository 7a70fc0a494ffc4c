"""SQL of what stands by now against contacts of a page that was decided on a moment ago. Its campaign is locked.

Whoever makes such a thing true locks the campaign after it, and stops what was committed before (`stopping_sql`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Executable, false, func, select

from campaigns.model import Channel
from campaigns.recipients import Decided, Skip
from campaigns.store import consent_sql
from campaigns.store.schema import contacts
from gateway.store.prepared import Prepared, among_numbers, values_of

_IN_BOOKS = 1 << 32
"""Where the numbers of contacts begin that stand in books: another is of an audience that was read from none."""


def _asked(what: ColumnElement[int], *, unmarked: bool) -> Prepared:
    """Of some contacts, those that are there; and not marked, where that is asked."""

    def query(dialect: str) -> Executable:
        found = select(what).where(among_numbers(dialect, contacts.c.id, "contacts"))
        return found.where(contacts.c.no_sms == false()) if unmarked else found

    return Prepared(query)


_THERE, _COUNT_THERE = _asked(contacts.c.id, unmarked=False), _asked(func.count(), unmarked=False)
_UNMARKED, _COUNT_UNMARKED = _asked(contacts.c.id, unmarked=True), _asked(func.count(), unmarked=True)


def obeyed(connection: Connection, campaign: Any, decided: tuple[Decided, ...]) -> tuple[Decided, ...]:
    """Without messages to contacts that were deleted or marked since, or have withdrawn what the campaign asks for.

    `campaign` is its row.
    """
    ids = [each.contact_id for each in decided if each.id is not None]
    against = _unreachable(connection, ids, Channel(campaign.channel)) if ids else {}
    if ids and campaign.consent:
        agree = consent_sql.agreeing(connection, campaign.org_id, campaign.consent, ids)
        against = {each: Skip.NO_CONSENT for each in ids if each not in agree} | against
    if not against:
        return decided
    return tuple(
        replace(each, message=None, email=None, reason=against[each.contact_id])
        if each.id is not None and each.contact_id in against
        else each
        for each in decided
    )


def _unreachable(connection: Connection, contact_ids: Sequence[int], channel: Channel) -> dict[int, Skip]:
    """Those that are deleted or, where it is about SMS, marked."""
    ids = [each for each in contact_ids if each >= _IN_BOOKS]
    fitting, count = (_UNMARKED, _COUNT_UNMARKED) if channel is Channel.SMS else (_THERE, _COUNT_THERE)
    if not ids or count.scalars(connection, {"contacts": values_of(connection, ids)})[0] == len(set(ids)):
        return {}  # as of nearly every page: one number says so
    fit = _among(connection, fitting, ids)
    others = [each for each in ids if each not in fit]
    there = _among(connection, _THERE, others)
    return {each: Skip.NO_SMS if each in there else Skip.GONE for each in others}


def _among(connection: Connection, query: Prepared, ids: Sequence[int]) -> set[int]:
    return set(query.scalars(connection, {"contacts": values_of(connection, ids)})) if ids else set()
