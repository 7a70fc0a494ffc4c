"""SQL of campaigns by mail: which was shown to whom, and whether it was answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from campaigns.store.campaign_schema import campaign_mails
from gateway.store.dialect import insert


@dataclass(frozen=True, slots=True)
class Shown:
    """A campaign that was shown by mail, and waits for an answer."""

    campaign_id: str
    account_id: str
    """Whose answer counts."""
    identity: str
    """Of the mail that it was made from."""
    digest: str
    """Of what was shown (`campaign_rows.fingerprint`)."""
    asked_at: float
    contacts: int
    """How many its audience had then."""
    answered_at: float | None = None


def show(connection: Connection, items: Sequence[Shown]) -> list[None]:
    """Work: keep what is shown; of the same mail once."""
    for item in items:
        values = {
            "campaign_id": item.campaign_id,
            "account_id": item.account_id,
            "identity": item.identity,
            "digest": item.digest,
            "asked_at": item.asked_at,
            "contacts": item.contacts,
        }
        connection.execute(insert(connection, campaign_mails).values(**values).on_conflict_do_nothing())
    return [None] * len(items)


def shown(
    connection: Connection, account_id: str, *, campaign_id: str | None = None, identity: str | None = None
) -> Shown | None:
    """What was shown to the holder of an account: a campaign, or what a mail made."""
    query = select(campaign_mails).where(campaign_mails.c.account_id == account_id)
    if campaign_id is not None:
        query = query.where(campaign_mails.c.campaign_id == campaign_id)
    if identity is not None:
        query = query.where(campaign_mails.c.identity == identity)
    row = connection.execute(query).first()
    return None if row is None else Shown(**row._asdict())


@dataclass(frozen=True, slots=True)
class Answered:
    """That one was answered."""

    campaign_id: str
    now: float


def answered(connection: Connection, items: Sequence[Answered]) -> list[None]:
    """Work: let no further answer count."""
    for item in items:
        which = campaign_mails.c.campaign_id == item.campaign_id
        connection.execute(update(campaign_mails).where(which).values(answered_at=item.now))
    return [None] * len(items)
