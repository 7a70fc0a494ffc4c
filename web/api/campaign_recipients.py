"""`/campaigns/{id}/recipients`: whom a campaign has looked at, and what became of each (C12)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field

from campaigns.campaign import Campaign
from campaigns.store.recipient_list_sql import ListedRecipient, RecipientFilter
from campaigns.trial import language_of, version_of
from gateway.scopes import Scope
from web.api.answers import listed
from web.api.forms import Id, Line, Listed, Moment, Shown, moment
from web.api.routing import Caller, Cursor, Limit, ThingId, needs, router
from web.desk.desk import Desk


class RecipientShown(Shown):
    """A contact that a campaign has looked at."""

    contact_id: Id = Field(examples=["4294967297"])
    name: str = Field(examples=["Anna Hansen"], description="Empty where the contact was deleted since.")
    address: str = Field(examples=["+4530643064"], description="The phone or mail address; empty for none.")
    state: str = Field(
        examples=["delivered"],
        description="waiting (for its hours or the winner), skipped, or where its message stands; sent where that is"
        " not known any more. Of e-mails: queued, sent, failed.",
    )
    reason: str = Field(examples=[""], description="Why it was skipped or failed, a word for programs.")
    cause: str = Field(examples=[""], description="What the provider or the mail server said.")
    version: str = Field(examples=[""], description="Of the text; empty where there is one.")
    language: str = Field(examples=["da"], description="Of the text; empty for the common one.")
    message_id: Id | None = Field(description="The SMS, or the mail; null where there is none.")
    at: Moment = Field(description="When that was decided; of one that waits, when it is due.")


def campaign_recipient_routes(desk: Desk) -> APIRouter:
    """Routes under `/campaigns/{id}/recipients`."""
    routes = router("campaigns")

    @routes.get(
        "/campaigns/{campaign_id}/recipients",
        response_model=Listed[RecipientShown],
        **needs(Scope.CAMPAIGNS_READ, 404),
    )
    async def list_campaign_recipients(
        request: Request,
        caller: Caller,
        campaign_id: ThingId,
        state: Annotated[Line, Query(description="Only those that stand so; sent: all that got a message.")] = "",
        reason: Annotated[Line, Query(description="Only those that were skipped, or failed, for this reason.")] = "",
        variant: Annotated[
            Line | None, Query(description='Only this text: "da", "b/da"; "" for the common one.')
        ] = None,
        phone: Annotated[Line | None, Query(description="Only contacts with this phone, E.164.")] = None,
        search: Annotated[Line, Query(description="A part of the name or phone, or the beginning of an address.")] = "",
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response:
        """Contacts in the order in which they were looked at. Needs `contacts:read` as well.

        Where what is asked for is rare, a page may come with few rows or none before the last one: go on with `next`.
        """
        campaign = await desk.recipients.campaign(caller, campaign_id)
        wanted = RecipientFilter(state, reason, variant, phone or None, search.strip())
        found = await desk.recipients.page(caller, campaign_id, wanted, cursor=cursor, size=limit)
        return listed(request, found.map(lambda each: _shown(each, campaign)))

    return routes


def _shown(each: ListedRecipient, campaign: Campaign) -> RecipientShown:
    return RecipientShown(
        contact_id=str(each.contact_id),
        name=each.name,
        address=each.address,
        state=each.state,
        reason=each.reason,
        cause=each.cause,
        version=version_of(each.variant) if campaign.content.trial is not None else "",
        language=language_of(each.variant),
        message_id=each.message_id,
        at=moment(each.at),
    )
