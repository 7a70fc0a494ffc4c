"""SQL of short links: numbered when a campaign is written, looked up and counted when somebody follows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, exists, func, insert, select

from campaigns.campaign import Campaign
from campaigns.links import links_of
from campaigns.store.campaign_schema import campaign_recipients, campaigns
from campaigns.store.link_schema import NOBODY, campaign_links, link_clicks
from campaigns.store.schema import contact_books, contacts
from gateway.store.dialect import insert as insert_new
from gateway.store.prepared import Prepared

# --- written -------------------------------------------------------------------------------------------------------


def keep(connection: Connection, campaign: Campaign) -> Mapping[str, int]:
    """Give every link of a campaign a number, where it has short ones; the numbers, by how the links are written.

    A link that is no longer in the text keeps its number: a test may have gone out with it.
    """
    content = campaign.content
    if not content.short_links:
        return {}
    there = numbers(connection, campaign.id)
    for link in links_of(tuple(content.texts.values())):
        if link not in there:
            row = {"campaign_id": campaign.id, "org_id": campaign.org_id, "written": link}
            made = connection.execute(insert(campaign_links).values(**row).returning(campaign_links.c.id))
            there[link] = made.scalar_one()
    return there


def numbers(connection: Connection, campaign_id: str) -> dict[str, int]:
    """The numbers of a campaign's links, by how they are written."""
    query = select(campaign_links).where(campaign_links.c.campaign_id == campaign_id).order_by(campaign_links.c.id)
    return {row.written: row.id for row in connection.execute(query)}


def forget(connection: Connection, campaign: Campaign) -> None:
    """Forget the links of a campaign that nobody has got; those of others go on leading where they led."""
    if campaign.started_at is None:
        connection.execute(delete(campaign_links).where(campaign_links.c.campaign_id == campaign.id))


# --- followed ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Link:
    """A link that somebody follows."""

    id: int
    org_id: str
    written: str
    contact_id: int
    """`NOBODY` where the code names none that there could be."""


_LINK = Prepared(
    lambda _dialect: (
        select(
            campaign_links.c.org_id, campaign_links.c.written, contact_books.c.id.label("book"), contact_books.c.last
        )
        .outerjoin(contact_books, contact_books.c.org_id == campaign_links.c.org_id)
        .where(campaign_links.c.id == bindparam("link"))
    )
)


def find(connection: Connection, link_id: int, number: int) -> Link | None:
    """A link, and which contact of its organisation has this number; None where one of them has never been."""
    row = next(iter(_LINK.rows(connection, {"link": link_id})), None)
    if row is None or number > (row.last or 0):
        return None
    contact_id = (row.book << 32) | number if number else NOBODY
    return Link(link_id, row.org_id, row.written, contact_id)


@dataclass(frozen=True, slots=True)
class Clicks:
    """How often a contact has followed a link just now."""

    link_id: int
    contact_id: int
    times: int
    at: float


_STANDING = Prepared(
    lambda _dialect: (
        select(
            campaigns.c.started_at,
            exists()
            .where(
                campaign_recipients.c.campaign_id == campaign_links.c.campaign_id,
                campaign_recipients.c.contact_id == bindparam("contact"),
                campaign_recipients.c.state == "sent",
                contacts.c.id == campaign_recipients.c.contact_id,  # it may have been deleted since
            )
            .label("got"),
        )
        .select_from(campaign_links)
        .outerjoin(campaigns, campaigns.c.id == campaign_links.c.campaign_id)
        .where(campaign_links.c.id == bindparam("link"))
    )
)


def count(connection: Connection, items: Sequence[Sequence[Clicks]]) -> list[None]:
    """Work: count clicks; of a contact that has got the campaign as its own, of any other as nobody's.

    Nothing is counted before the campaign has begun: those who try it are not its audience.
    """
    for item in (each for some in items for each in some):
        row = next(iter(_STANDING.rows(connection, {"link": item.link_id, "contact": item.contact_id})), None)
        if row is None or row.started_at is None:
            continue
        contact_id = item.contact_id if row.got else NOBODY
        values: dict[str, float] = {"link_id": item.link_id, "contact_id": contact_id, "clicks": item.times}
        values |= {"people": int(contact_id != NOBODY), "first_at": item.at, "last_at": item.at}
        _add(connection, values)
    return [None] * len(items)


def _add(connection: Connection, values: Mapping[str, float]) -> None:
    adding = insert_new(connection, link_clicks).values(**values)
    people = adding.excluded.people if values["contact_id"] == NOBODY else 0
    connection.execute(
        adding.on_conflict_do_update(
            index_elements=["link_id", "contact_id"],
            set_={
                "clicks": link_clicks.c.clicks + adding.excluded.clicks,
                "people": link_clicks.c.people + people,
                "last_at": adding.excluded.last_at,
            },
        )
    )


def forget_contacts(connection: Connection, contact_ids: Sequence[int]) -> None:
    """Let clicks of contacts that are deleted be nobody's; they stay counted."""
    theirs = link_clicks.c.contact_id.in_(contact_ids)
    for row in connection.execute(select(link_clicks).where(theirs)).mappings().all():
        _add(connection, {**row, "contact_id": NOBODY})
    connection.execute(delete(link_clicks).where(theirs))


# --- looked at -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LinkClicks:
    """How often a link of a campaign was followed."""

    written: str
    clicks: int
    people: int
    """Contacts that have followed it, each once."""


def of_campaign(connection: Connection, campaign_id: str) -> list[LinkClicks]:
    """The links of a campaign in the order in which they were written."""
    total, people = func.sum(link_clicks.c.clicks), func.sum(link_clicks.c.people)
    query = (
        select(campaign_links.c.written, func.coalesce(total, 0), func.coalesce(people, 0))
        .outerjoin(link_clicks, link_clicks.c.link_id == campaign_links.c.id)
        .where(campaign_links.c.campaign_id == campaign_id)
        .group_by(campaign_links.c.id, campaign_links.c.written)
        .order_by(campaign_links.c.id)
    )
    return [LinkClicks(written, int(clicks), int(who)) for written, clicks, who in connection.execute(query)]


def clicked(connection: Connection, campaign_id: str) -> int:
    """Contacts that have followed any link of a campaign.

    Of those that were deleted it is not known who followed which: so many as have followed the same one, at least.
    """
    mine = select(campaign_links.c.id).where(campaign_links.c.campaign_id == campaign_id)
    known = select(func.count(func.distinct(link_clicks.c.contact_id))).where(
        link_clicks.c.link_id.in_(mine), link_clicks.c.contact_id != NOBODY
    )
    gone = select(func.coalesce(func.max(link_clicks.c.people), 0)).where(
        link_clicks.c.link_id.in_(mine), link_clicks.c.contact_id == NOBODY
    )
    return int(connection.execute(known).scalar_one()) + int(connection.execute(gone).scalar_one())
