"""SQL of the list of a campaign's recipients: page by page in the order of contacts, with what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, or_, select, text

from campaigns.store.campaign_schema import campaign_recipients
from campaigns.store.schema import contacts
from gateway.store.schema import ENDED_BADLY, messages


class RecipientState(StrEnum):
    """What can be asked for."""

    SENT = "sent"
    """A message was made."""
    FAILED = "failed"
    """It has not arrived, or nobody knows whether."""
    WAITING = "waiting"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class RecipientFilter:
    """Which recipients of a campaign are wanted."""

    campaign_id: str
    state: RecipientState | None = None
    reason: str = ""
    """A word of `recipients.Skip`."""


@dataclass(frozen=True, slots=True)
class ListedRecipient:
    """A contact as the list shows it."""

    contact_id: int
    name: str
    """Empty where the contact is gone."""
    address: str
    """The phone or mail address that it went to, or would go to; empty for none."""
    state: str
    """sent, failed, waiting or skipped."""
    reason: str
    """Why it was skipped, or why its mail failed."""
    variant: str
    """The version and language of the text."""
    message_id: str | None
    message_state: str | None
    """Of an SMS, by the words of `MessageState`."""
    at: float
    """When that was decided; of one that waits, when it is due."""


def page(connection: Connection, wanted: RecipientFilter, after: int, size: int) -> list[ListedRecipient]:
    """Up to `size` recipients behind a contact; 0 to begin."""
    row = campaign_recipients.c
    query = (
        select(*row, contacts.c.name, contacts.c.phone, contacts.c.email, messages.c.to_number, messages.c.state)
        .outerjoin(contacts, contacts.c.id == row.contact_id)
        .outerjoin(messages, messages.c.id == row.message_id)
        .where(row.campaign_id == wanted.campaign_id, row.contact_id > after, *_asked(wanted))
        .order_by(row.contact_id)
        .limit(size)
    )
    return [
        ListedRecipient(
            each[row.contact_id],
            each[contacts.c.name] or "",
            each[row.address] or each[messages.c.to_number] or each[contacts.c.phone] or each[contacts.c.email] or "",
            each[row.state],
            each[row.reason],
            each[row.variant],
            each[row.message_id],
            each[messages.c.state],
            each[row.at],
        )
        for each in connection.execute(query).mappings()
    ]


def _asked(wanted: RecipientFilter) -> Sequence[ColumnElement[bool]]:
    row = campaign_recipients.c
    asked: list[ColumnElement[bool]] = [row.reason == wanted.reason] if wanted.reason else []
    if wanted.state is RecipientState.FAILED:
        # Those that ended badly are few, and stand in an index of their own.
        badly = select(messages.c.id).where(text(ENDED_BADLY), messages.c.id > wanted.campaign_id)
        asked.append(or_(row.state == "failed", row.message_id.in_(badly)))
    elif wanted.state is not None:
        asked.append(row.state == wanted.state.value)
    return asked
