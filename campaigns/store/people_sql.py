"""SQL of one person among contacts: what an organisation's books and campaigns hold of a phone or a mail address.

A person is whoever has the phone or the address: every contact that has it, with all that belongs to it. Beside the
contacts stand the mails of campaigns that went to the address, and its opt-out, which need no contact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select, true, update

from campaigns.model import Contact, PointKind
from campaigns.store import contact_sql, email_sql
from campaigns.store.book_sql import book
from campaigns.store.campaign_schema import campaign_recipients, campaigns
from campaigns.store.contact_sql import chunks
from campaigns.store.email_schema import email_bounces, email_optouts
from campaigns.store.link_schema import campaign_links, link_clicks
from campaigns.store.schema import (
    contact_books,
    contact_groups,
    contact_imports,
    contact_points,
    group_members,
    import_refusals,
)
from gateway.model import JsonDict, MailKind
from gateway.store.mail_queue_sql import QUEUED
from gateway.store.person_sql import Person
from gateway.store.schema import mail_queue


@dataclass(frozen=True, slots=True)
class Share:
    """What is found of a person: contacts by organisation, mails of campaigns, opt-outs and bounces of the address."""

    contacts: tuple[tuple[str, int], ...] = ()
    """Organisations' ids and those of their contacts."""
    mails: tuple[str, ...] = ()
    """Ids of mails in the queue, left or not."""
    opt_outs: int = 0
    """Of the address."""
    bounces: int = 0
    """The same."""


def find(connection: Connection, person: Person) -> Share:
    """What is stored about a person."""
    kind, value = (PointKind.PHONE, person.phone) if person.phone else (PointKind.EMAIL, person.email)
    theirs = (
        select(contact_books.c.org_id, contact_points.c.contact_id)
        .join(contact_books, contact_books.c.id == contact_points.c.book_id)
        .where(contact_points.c.kind == kind, contact_points.c.value == value, _within(contact_books, person))
        .order_by(contact_points.c.contact_id)
    )
    found = tuple((row.org_id, row.contact_id) for row in connection.execute(theirs))
    if not person.email:
        return Share(found)
    went = select(campaign_recipients.c.message_id).where(
        _recipient(person), campaign_recipients.c.message_id.is_not(None)
    )
    opt_outs, bounces = (
        connection.execute(select(func.count()).select_from(table).where(*_of_address(table, person))).scalar_one()
        for table in (email_optouts, email_bounces)
    )
    return Share(found, tuple(connection.execute(went).scalars()), opt_outs, bounces)


def _within(table: Any, person: Person) -> ColumnElement[bool]:
    return true() if person.org_id is None else table.c.org_id == person.org_id


def _of_address(table: Any, person: Person) -> tuple[ColumnElement[bool], ...]:
    return table.c.address == email_sql.folded(person.email), _within(table, person)


def _recipient(person: Person) -> ColumnElement[bool]:
    """What campaigns by e-mail noted of the address; sought campaign by campaign, as the index is."""
    own = select(campaigns.c.id).where(campaigns.c.channel == "email", _within(campaigns, person))
    return and_(
        campaign_recipients.c.campaign_id.in_(own),
        campaign_recipients.c.address == email_sql.folded(person.email),
    )


def waiting(connection: Connection, share: Share) -> int:
    """How many of the mails have not left yet."""
    return sum(
        int(
            connection.execute(
                select(func.count()).where(mail_queue.c.id.in_(some), mail_queue.c.state == QUEUED)
            ).scalar_one()
        )
        for some in chunks(share.mails)
    )


# --- all that is stored --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Everything:
    """All of it; rows by what they are, with the columns' own names."""

    contacts: tuple[Contact, ...]
    rows: dict[str, list[JsonDict]]


def everything(connection: Connection, person: Person) -> Everything:
    """All that is stored about a person among contacts and campaigns."""
    share = find(connection, person)
    ids = [contact_id for _, contact_id in share.contacts]
    orgs = dict.fromkeys(org_id for org_id, _ in share.contacts)
    loaded = [
        contact
        for org_id in orgs
        if (of := book(connection, org_id)) is not None
        for contact in contact_sql.load(connection, of, ids)
    ]
    of_contact = campaign_recipients.c.contact_id.in_(ids)
    got = or_(of_contact, _recipient(person)) if person.email else of_contact
    recipients = select(campaign_recipients).where(
        campaign_recipients.c.campaign_id.in_(select(campaigns.c.id).where(_within(campaigns, person))), got
    )
    clicks = (
        select(campaign_links.c.campaign_id, campaign_links.c.written, link_clicks)
        .join(campaign_links, campaign_links.c.id == link_clicks.c.link_id)
        .where(link_clicks.c.contact_id.in_(ids))
    )
    members = (
        select(contact_groups.c.name, group_members)
        .join(contact_groups, contact_groups.c.id == group_members.c.group_id)
        .where(group_members.c.contact_id.in_(ids))
    )
    rows = {
        "group_memberships": _rows(connection, members),
        "campaign_recipients": _rows(connection, recipients),
        "link_clicks": _rows(connection, clicks),
        "email_opt_outs": [],
        "email_bounces": [],
    }
    if person.email:
        rows["email_opt_outs"] = _rows(connection, select(email_optouts).where(*_of_address(email_optouts, person)))
        rows["email_bounces"] = _rows(connection, select(email_bounces).where(*_of_address(email_bounces, person)))
    return Everything(tuple(loaded), rows)


def _rows(connection: Connection, query: Any) -> list[JsonDict]:
    return [dict(row) for row in connection.execute(query).mappings()]


# --- the end of it -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ending:
    """A person whose share ends, and what stands in the place of the address from now on."""

    person: Person
    share: Share
    pseudonym: str
    now: float


def erase(connection: Connection, items: Sequence[Ending]) -> list[dict[str, int]]:
    """Work: contacts go with all that belongs to them, addresses out of what campaigns noted; how many of what.

    An opt-out stays with its address: without it the next campaign would write to somebody who has forbidden it.
    """
    return [_erase(connection, item) for item in items]


def _erase(connection: Connection, item: Ending) -> dict[str, int]:
    person, share = item.person, item.share
    by_org: dict[str, list[int]] = {}
    for org_id, contact_id in share.contacts:
        by_org.setdefault(org_id, []).append(contact_id)
    removals = [contact_sql.Removal(org_id, ids, item.now) for org_id, ids in by_org.items()]
    removed = sum(contact_sql.remove(connection, removals))
    counts = {"contacts": removed, "campaign_mails": _forget_mails(connection, item)}
    if person.email:
        connection.execute(update(campaign_recipients).where(_recipient(person)).values(address=None))
        connection.execute(delete(email_bounces).where(*_of_address(email_bounces, person)))
    counts["import_rows"] = _forget_rows(connection, person)
    return counts


def _forget_mails(connection: Connection, item: Ending) -> int:
    gone = {"recipient": item.pseudonym, "content": b"", "cause": ""}
    return sum(
        connection.execute(
            update(mail_queue)
            .where(mail_queue.c.id.in_(some), mail_queue.c.kind == MailKind.CAMPAIGN, mail_queue.c.state != QUEUED)
            .values(gone)
        ).rowcount
        for some in chunks(item.share.mails)
    )


def _forget_rows(connection: Connection, person: Person) -> int:
    """Rows of imported files that were refused, in which the phone or the address stands."""
    written = person.email or person.phone[-8:]
    of_orgs = import_refusals.c.import_id.in_(select(contact_imports.c.id).where(_within(contact_imports, person)))
    named = func.lower(import_refusals.c.cells).contains(written, autoescape=True)
    return connection.execute(delete(import_refusals).where(of_orgs, named)).rowcount
