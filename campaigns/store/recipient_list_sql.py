"""SQL of the list of a campaign's recipients: filtered, page by page, in the order in which contacts were looked at.

Rows are read along the primary key of `campaign_recipients`. Where what is asked for stands in other tables, they are
read a window of it at a time: a window is all that one query can cost, however rare the wanted rows and however large
the campaign.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Select, func, or_, select

from campaigns.model import Channel, PointKind
from campaigns.store.book_sql import book
from campaigns.store.campaign_schema import campaign_recipients
from campaigns.store.run_sql import Standing
from campaigns.store.schema import contact_points, contacts
from campaigns.values import fold
from gateway.store.schema import mail_queue, messages

WINDOW = 20_000
"""Rows of a campaign that one query looks at where it reads other tables for each of them."""
_OWN_STATES = frozenset(Standing) | {""}
"""What stands in the row itself."""


@dataclass(frozen=True, slots=True)
class RecipientFilter:
    """Which recipients. What is empty or None asks for nothing; what is said holds together."""

    state: str = ""
    """waiting, skipped, or sent (a message was made); or where that stands, by the words of `MessageState`; of e-mails
    queued, sent, failed."""
    reason: str = ""
    """A word of `recipients.Skip` of those that were skipped; of `FailureReason` of those that failed."""
    variant: str | None = None
    """The language of the text, with its version where there are several; "" for the common one."""
    phone: str | None = None
    """A whole phone (E.164)."""
    search: str = ""
    """A part of the name or of the main phone, or the beginning of the main address."""


@dataclass(frozen=True, slots=True)
class ListedRecipient:
    """A contact that a campaign has looked at, and what became of it."""

    contact_id: int
    name: str
    """Empty where the contact was deleted since."""
    address: str
    """The phone or mail address that it was sent to; where nothing was, the contact's main one."""
    state: str
    """waiting, skipped, or where the message stands."""
    reason: str
    cause: str
    """What the provider or server said of a failure."""
    variant: str
    message_id: str | None
    at: float
    """When it was decided; of one that waits, when it is due."""


@dataclass(frozen=True, slots=True)
class Window:
    """Rows that were found, and where the look ended: the contact behind which it goes on; None at the end."""

    rows: tuple[ListedRecipient, ...]
    last: int | None


def is_windowed(wanted: RecipientFilter) -> bool:
    """Whether other tables are asked for each row."""
    if wanted.phone is not None:
        return False
    by_reason = bool(wanted.reason) and wanted.state != Standing.SKIPPED
    return wanted.state not in _OWN_STATES or by_reason or bool(wanted.search)


def look(
    connection: Connection, campaign: tuple[str, str, Channel], wanted: RecipientFilter, after: int, size: int
) -> Window:
    """Up to `size` rows of a campaign (its id, organisation and channel) behind a contact, within one window."""
    campaign_id, org_id, channel = campaign
    stop = connection.execute(stop_query(campaign_id, after)).scalar() if is_windowed(wanted) else None
    query = rows_query(campaign_id, channel, wanted, _book_id(connection, org_id)).where(after < CONTACT)
    if stop is not None:
        query = query.where(stop >= CONTACT)
    found = connection.execute(query.order_by(CONTACT).limit(size + 1)).all()
    if len(found) > size:
        stop = found[size - 1].contact_id
    return Window(tuple(_listed(row) for row in found[:size]), stop)


CONTACT = campaign_recipients.c.contact_id


def _book_id(connection: Connection, org_id: str) -> int:
    of = book(connection, org_id)
    return of.id if of is not None else 0


def stop_query(campaign_id: str, after: int) -> Select[Any]:
    """The last contact of a window; nothing where the campaign ends before that."""
    mine = campaign_recipients.c.campaign_id == campaign_id, after < CONTACT
    return select(CONTACT).where(*mine).order_by(CONTACT).offset(WINDOW - 1).limit(1)


def rows_query(campaign_id: str, channel: Channel, wanted: RecipientFilter, book_id: int) -> Select[Any]:
    """Rows that are wanted, in no order yet."""
    by_mail = channel is Channel.EMAIL
    sent_as = mail_queue if by_mail else messages
    stands = func.coalesce(sent_as.c.state, campaign_recipients.c.state)
    query = (
        select(
            CONTACT,
            func.coalesce(contacts.c.name, "").label("name"),
            _address(by_mail=by_mail).label("address"),
            (_mail_state(stands) if by_mail else stands).label("state"),
            (_mail_reason() if by_mail else _sms_reason()).label("reason"),
            func.coalesce(sent_as.c.cause, "").label("cause"),
            campaign_recipients.c.variant,
            campaign_recipients.c.message_id,
            campaign_recipients.c.at,
        )
        .select_from(_joined(sent_as))
        .where(campaign_recipients.c.campaign_id == campaign_id)
    )
    return query.where(*_conditions(wanted, stands, book_id, by_mail=by_mail))


def _joined(sent_as: Any) -> FromClause:
    return campaign_recipients.outerjoin(contacts, contacts.c.id == CONTACT).outerjoin(
        sent_as, sent_as.c.id == campaign_recipients.c.message_id
    )


def _address(*, by_mail: bool) -> ColumnElement[str]:
    if by_mail:
        return func.coalesce(campaign_recipients.c.address, contacts.c.email, "")
    return func.coalesce(messages.c.to_number, contacts.c.phone, "")


def _mail_state(stands: ColumnElement[str]) -> ColumnElement[str]:
    """A mail that has bounced was sent, for the queue; its recipient has failed."""
    return func.coalesce(func.nullif(campaign_recipients.c.state, Standing.SENT), stands)


def _mail_reason() -> ColumnElement[str]:
    return campaign_recipients.c.reason


def _sms_reason() -> ColumnElement[str]:
    return func.coalesce(func.nullif(campaign_recipients.c.reason, ""), messages.c.reason, "")


def _conditions(
    wanted: RecipientFilter, stands: ColumnElement[str], book_id: int, *, by_mail: bool
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.state in {Standing.WAITING, Standing.SKIPPED} or (wanted.state == Standing.SENT and not by_mail):
        conditions.append(campaign_recipients.c.state == wanted.state)
    elif wanted.state:
        conditions.append((_mail_state(stands) if by_mail else stands) == wanted.state)
    if wanted.reason:
        own = by_mail or wanted.state == Standing.SKIPPED
        conditions.append((campaign_recipients.c.reason if own else _sms_reason()) == wanted.reason)
    if wanted.variant is not None:
        conditions.append(campaign_recipients.c.variant == wanted.variant)
        conditions.append(campaign_recipients.c.state != Standing.SKIPPED)
    if wanted.phone is not None:
        mine = contact_points.c.book_id == book_id, contact_points.c.kind == PointKind.PHONE.value
        named = select(contact_points.c.contact_id).where(*mine, contact_points.c.value == wanted.phone)
        conditions.append(CONTACT.in_(named))
    if wanted.search:
        conditions.append(_called(wanted.search))
    return conditions


def _called(search: str) -> ColumnElement[bool]:
    found = [
        contacts.c.folded.contains(fold(search), autoescape=True),
        contacts.c.email.startswith(search.lower(), autoescape=True),
    ]
    if digits := "".join(letter for letter in search if letter.isdigit()):
        found.append(contacts.c.phone.contains(digits))
    return or_(*found)


def _listed(row: Any) -> ListedRecipient:
    return ListedRecipient(
        row.contact_id,
        row.name,
        row.address,
        row.state,
        row.reason,
        row.cause,
        row.variant,
        row.message_id,
        row.at,
    )
