"""SQL of running: a page of an audience becomes rows and messages in the one transaction that moves the cursor.

So a campaign that is killed goes on behind the last contact that it has decided on, and with nobody twice: what was
decided stands with its messages, and what was not, does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Executable, and_, bindparam, func, literal_column, select, update

from campaigns.campaign import Cause, Deed, State
from campaigns.recipients import Decided, Skip
from campaigns.store import campaign_sql, email_sql, obstacle_sql, weekly_sql
from campaigns.store.campaign_schema import campaign_recipients, campaigns
from campaigns.trial import Split
from gateway.model import OutgoingMail
from gateway.store import bulk_sql
from gateway.store.bulk_sql import Bulk, Taken
from gateway.store.prepared import Gathered, Prepared, among_numbers, values_of


class Standing(StrEnum):
    """The states of a recipient."""

    SENT = "sent"
    SKIPPED = "skipped"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Advance:
    """A page that was decided on, in the order of contacts."""

    campaign_id: str
    lease: str
    decided: tuple[Decided, ...]
    bulk: Bulk | None
    """The messages of those that get one."""
    at: float
    was: int
    """The cursor that the page lies behind."""
    exhausted: bool = False
    """Whether nobody comes after them."""
    spent: OutgoingMail | None = None
    """What is told where the campaign's own limit is reached."""
    waited: bool = False
    """Whether these are contacts that have waited for their window: the cursor stays."""
    mails: Mapping[str, OutgoingMail] = field(default_factory=dict)
    """Those of a campaign by e-mail, by their ids."""
    most: int = 0
    """Contacts that it may reach as it was started or approved; 0 for any number."""
    grown: OutgoingMail | None = None
    """What is told where there are more."""


class Went(StrEnum):
    """What became of a page."""

    ON = "on"
    """It stands, or as much of it as a limit leaves room for: the next begins where that ends."""
    STALE = "stale"
    """The directory has changed since: decide anew."""
    ASIDE = "aside"
    """The campaign does not run any more, or in another process, or from another place."""
    SPENT = "spent"
    """Its own limit is reached: it is paused."""
    GROWN = "grown"
    """There are more contacts than it was started or approved for: it is paused."""
    CAPPED = "capped"
    """A daily limit of its account, key or organisation is reached."""


@dataclass(frozen=True, slots=True)
class Advanced:
    """The outcome, the cursor then, and messages made."""

    went: Went
    cursor: int = 0
    exhausted: bool = False
    messages: int = 0


def advance(connection: Connection, items: Sequence[Advance]) -> list[Advanced]:
    """Work: let pages stand."""
    return [_advance(connection, item) for item in items]


_RECIPIENT = Gathered(
    campaign_recipients,
    ("contact_id", "state", "reason", "variant", "message_id", "at", "address"),
    same=("campaign_id",),
)
_DECIDE = Prepared(
    lambda _dialect: (
        update(campaign_recipients)
        .where(
            campaign_recipients.c.campaign_id == bindparam("campaign"),
            campaign_recipients.c.contact_id == bindparam("contact"),
        )
        .values(
            state=bindparam("standing"),
            reason=bindparam("why"),
            variant=bindparam("language"),
            message_id=bindparam("message"),
            at=bindparam("moment"),
            address=bindparam("mailbox"),
        )
    )
)
_MOVE = Prepared(
    lambda _dialect: (
        update(campaigns)
        .where(campaigns.c.id == bindparam("campaign"))
        .values(
            cursor=bindparam("place"),
            exhausted=bindparam("over"),
            cause=literal_column("''"),
            recipients=campaigns.c.recipients + bindparam("looked_at"),
            messages=campaigns.c.messages + bindparam("sent"),
            waiting=campaigns.c.waiting + bindparam("wait"),
            skipped=campaigns.c.skipped + bindparam("left_out"),
            parts=campaigns.c.parts + bindparam("more_parts"),
            cost=campaigns.c.cost + bindparam("more_cost"),
        )
    )
)
_STANDING = Prepared(
    lambda _dialect: select(campaigns).where(campaigns.c.id == bindparam("campaign")).with_for_update()
)


def _advance(connection: Connection, item: Advance) -> Advanced:
    row = next(iter(_STANDING.rows(connection, {"campaign": item.campaign_id})), None)
    against = _against(connection, row, item)
    if row is None or against is not None:
        return Advanced(against or Went.ASIDE)
    decided = _waiting_still(connection, item) if item.waited else item.decided
    decided = obstacle_sql.obeyed(connection, row, decided)
    decided = weekly_sql.not_too_often(connection, row, item.at, decided)
    kept = decided[: _room(row, decided)]
    if decided and not kept:
        _pause(connection, item, Cause.BUDGET, item.spent)
        return Advanced(Went.SPENT)
    if item.mails:
        mails = [item.mails[each.email.id] for each in kept if each.email is not None]
        refused = email_sql.put(connection, row.org_id, item.campaign_id, mails)
        return _write(connection, row, item, kept, refused, (len(mails) - len(refused), 0))
    taken, bulk = _put(connection, item, kept)
    if bulk is not None and taken.looked_at < len(bulk.messages):
        first_left = bulk.messages[taken.looked_at]
        kept = kept[: next(place for place, each in enumerate(kept) if each.message is first_left)]
        if not kept:
            return Advanced(Went.CAPPED)
    refused = _refused(taken, bulk) if bulk is not None else {}
    return _write(connection, row, item, kept, refused, _spent(kept, taken, bulk))


def _against(connection: Connection, row: Any, item: Advance) -> Went | None:
    """Why a page cannot stand: the campaign does not run here and from there, the directory has changed, or it grew."""
    if row is None or row.state != State.RUNNING or row.lease != item.lease:
        return Went.ASIDE
    if not item.waited and row.cursor != item.was:
        return Went.ASIDE
    if item.bulk is not None and not bulk_sql.is_current(connection, item.bulk.revision):
        return Went.STALE
    if item.most and not item.waited and row.recipients + len(item.decided) > item.most:
        _pause(connection, item, Cause.GROWN, item.grown)
        return Went.GROWN
    return None


def _put(connection: Connection, item: Advance, decided: Sequence[Decided]) -> tuple[Taken, Bulk | None]:
    if item.bulk is None:
        return Taken(), None
    messages = tuple(each.message for each in decided if each.message is not None)
    if not messages:
        return Taken(), None
    bulk = item.bulk
    if len(messages) < len(bulk.messages):
        bulk = bulk.only(messages)
    return bulk_sql.put(connection, bulk), bulk


def _spent(kept: Sequence[Decided], taken: Taken, bulk: Bulk | None) -> tuple[int, int]:
    """Parts and costs of messages that were stored."""
    costs = [each.cost for each in kept if each.message is not None]
    parts = sum(bulk.charge.parts[place] for place in taken.stored) if bulk is not None else 0
    return parts, sum(costs[place] for place in taken.stored)


def _write(
    connection: Connection,
    row: Any,
    item: Advance,
    kept: Sequence[Decided],
    refused: Mapping[str, Skip],
    spent: tuple[int, int],
) -> Advanced:
    rows = list(_rows(item, kept, refused))
    if item.waited:
        _DECIDE.many(
            connection, [{"campaign": item.campaign_id, **dict(zip(_NAMES, each, strict=True))} for each in rows]
        )
    else:
        _RECIPIENT.many(connection, rows, {"campaign_id": item.campaign_id})
    standing = [each[1] for each in rows]
    sent, waiting = standing.count(Standing.SENT), standing.count(Standing.WAITING)
    whole = len(kept) == len(item.decided)
    cursor = row.cursor if item.waited or not kept else kept[-1].contact_id
    exhausted = bool(row.exhausted) if item.waited else whole and item.exhausted
    parts, cost = spent
    moved = {
        "campaign": item.campaign_id,
        "place": cursor,
        "over": exhausted,
        "looked_at": 0 if item.waited else len(kept),
        "sent": sent,
        "wait": waiting - (len(kept) if item.waited else 0),
        "left_out": len(kept) - sent - waiting,
        "more_parts": parts,
        "more_cost": cost,
    }
    _MOVE.many(connection, [moved])
    return Advanced(Went.ON, cursor, exhausted, sent)


def _refused(taken: Taken, bulk: Bulk) -> dict[str, Skip]:
    """Messages that were not stored, and why."""
    refused = {bulk.messages[place].id: Skip.OPTED_OUT for place in taken.opted_out}
    return refused | {bulk.messages[place].id: Skip.DUPLICATE for place in taken.doubled}


def _rows(item: Advance, kept: Sequence[Decided], refused: Mapping[str, Skip]) -> Iterator[tuple[Any, ...]]:
    """Of each contact, in the order of `_NAMES`."""
    for each in kept:
        message_id = each.id
        against = refused.get(message_id or "") if refused else None
        reason = against or each.reason
        message_id = None if against else message_id
        state = Standing.SENT if message_id else Standing.WAITING if each.due_at is not None else Standing.SKIPPED
        address = email_sql.folded(each.email.address) if message_id and each.email is not None else None
        yield each.contact_id, state, reason, each.variant, message_id, each.due_at or item.at, address


_NAMES = ("contact", "standing", "why", "language", "message", "moment", "mailbox")


# --- what stands against them --------------------------------------------------------------------------------------


def _room(row: Any, decided: Sequence[Decided]) -> int:
    """How many of them the campaign's own limits have room for, were all of them to get a message."""
    if not row.max_parts and row.max_cost is None:
        return len(decided)
    parts = row.max_parts - row.parts if row.max_parts else None
    cost = row.max_cost - row.cost if row.max_cost is not None else None
    for place, each in enumerate(decided):
        if each.id is None:
            continue
        if cost is not None and each.message is not None and not _is_priced(each, row.currency):
            return place
        if parts is not None:
            parts -= each.parts
        if cost is not None:
            cost -= each.cost
        if (parts is not None and parts < 0) or (cost is not None and cost < 0):
            return place
    return len(decided)


def _is_priced(each: Decided, currency: str) -> bool:
    """Whether it is known how much of a budget in this currency an SMS takes: what is not is not within it."""
    return each.price is not None and each.price.currency == currency


def _pause(connection: Connection, item: Advance, cause: Cause, letter: OutgoingMail | None) -> None:
    wish = campaign_sql.Wish(item.campaign_id, Deed.PAUSE, item.at, cause=cause, letter=letter)
    campaign_sql.do(connection, [wish])


def _still_waiting(dialect: str) -> Executable:
    return select(campaign_recipients.c.contact_id).where(
        campaign_recipients.c.campaign_id == bindparam("campaign"),
        among_numbers(dialect, campaign_recipients.c.contact_id, "contacts"),
        campaign_recipients.c.state == "waiting",
    )


_STILL_WAITING = Prepared(_still_waiting)


def _waiting_still(connection: Connection, item: Advance) -> tuple[Decided, ...]:
    contacts = values_of(connection, [each.contact_id for each in item.decided])
    found = set(_STILL_WAITING.scalars(connection, {"campaign": item.campaign_id, "contacts": contacts}))
    return tuple(each for each in item.decided if each.contact_id in found)


# --- contacts that wait --------------------------------------------------------------------------------------------


def open_now(connection: Connection, campaign_id: str, now: float, most: int, split: Split | None = None) -> list[int]:
    """Contacts whose window has opened, the longest ago first; and those that wait for a verdict that is given."""
    if split is None:
        return _waiting(connection, campaign_id, campaign_recipients.c.at <= now, most)
    if split.winner and (found := _waiting(connection, campaign_id, campaign_recipients.c.at == split.until, most)):
        return found
    opened = campaign_recipients.c.at <= now, campaign_recipients.c.at != split.until
    return _waiting(connection, campaign_id, and_(*opened), most)


def _waiting(connection: Connection, campaign_id: str, until: ColumnElement[bool], most: int) -> list[int]:
    query = (
        select(campaign_recipients.c.contact_id)
        .where(campaign_recipients.c.campaign_id == campaign_id, campaign_recipients.c.state == "waiting", until)
        .order_by(campaign_recipients.c.at, campaign_recipients.c.contact_id)
        .limit(most)
    )
    return list(connection.execute(query).scalars())


def next_opening(connection: Connection, campaign_id: str) -> float | None:
    """When the next window opens; None where nobody waits."""
    query = select(func.min(campaign_recipients.c.at)).where(
        campaign_recipients.c.campaign_id == campaign_id, campaign_recipients.c.state == "waiting"
    )
    return connection.execute(query).scalar()
