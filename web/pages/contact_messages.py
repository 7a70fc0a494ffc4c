"""SMS to a contact: written on the card (C1-C3), and why a campaign reached the contact or did not."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from gateway.errors import Refusal
from gateway.model import new_id
from gateway.registry.errors import AccountError, BadValue
from gateway.registry.listings import AccountFilter, AccountSort
from gateway.scopes import Scope
from gateway.translation import sentence
from web.desk.desk import Desk
from web.identity.actor import Actor
from web.language import gettext as _
from web.language import told, tongue
from web.pages.asked import Asked
from web.pages.render import done, page
from web.pages.write import marked, quote_of

Words = Annotated[str, Form()]
_OFFERED = 20


def contact_message_pages(desk: Desk) -> APIRouter:
    """Routes under `/contacts/{contact_id}`."""
    router = APIRouter(prefix="/contacts")
    _add_writing(router, desk)
    _add_why(router, desk)
    return router


def _add_writing(router: APIRouter, desk: Desk) -> None:
    @router.get("/{contact_id}/sms")
    async def write(
        request: Request, actor: Asked, contact_id: str, account: str = "", phones: str = "", text: str = ""
    ) -> Response:
        return await _form(request, desk, actor, contact_id, account, phones, text)

    @router.post("/{contact_id}/sms")
    async def written(
        request: Request,
        actor: Asked,
        contact_id: str,
        account: Words = "",
        phones: Words = "",
        text: Words = "",
        identity: Words = "",
    ) -> Response:
        actor.require(Scope.MESSAGES_SEND)
        contact = await desk.contacts.get(actor, contact_id)
        try:
            if phones not in {point.value for point in contact.phones}:
                raise BadValue(sentence("choose one of the contact's phones"))
            await desk.sending.send(actor, account, [phones], text, identity or None)
        except Refusal as refusal:
            error = refusal.say(tongue().words)
        except AccountError as wrong:
            error = told(wrong)
        else:
            return done(request, _("Message sent"), f"/contacts/{contact_id}")
        return await _form(request, desk, actor, contact_id, account, phones, text, error)


async def _form(
    request: Request,
    desk: Desk,
    actor: Actor,
    contact_id: str,
    account: str,
    phones: str,
    text: str,
    error: str = "",
) -> Response:
    actor.require(Scope.MESSAGES_SEND)
    place = await desk.contacts.place(actor, contact_id)
    contact = await desk.contacts.get(actor, contact_id)
    offered = await _offered(desk, actor, place.org_id)
    account = account or next((each for each in offered if each == actor.name), offered[0] if offered else "")
    phones = phones or (contact.phones[0].value if contact.phones else "")
    quote = await quote_of(desk, actor, account, phones, text)
    values: dict[str, Any] = {
        "contact": contact,
        "account": account,
        "phones": phones,
        "text": text,
        "offered": offered,
        "optouts": await desk.contacts.optouts(actor, contact_id),
        "error": error,
        "quote": quote,
        "pieces": list(marked(quote)),
        "identity": new_id(0),
    }
    return page(request, "contacts/sms.html", fragment="dialog", status=422 if error else 200, **values)


async def _offered(desk: Desk, actor: Actor, org_id: str) -> list[str]:
    """Addresses of accounts to write from, those that wrote last first."""
    wanted = AccountFilter(org_id=org_id, sort=AccountSort.ACTIVE, descending=True)
    return [each.account.email for each in (await desk.accounts.list(actor, wanted)).items[:_OFFERED]]


def _add_why(router: APIRouter, desk: Desk) -> None:
    @router.get("/{contact_id}/why")
    async def why(request: Request, actor: Asked, contact_id: str, campaign: str = "") -> Response:
        contact = await desk.contacts.get(actor, contact_id)
        campaigns = await desk.contact_history.campaigns(actor, contact_id)
        found = await desk.contact_history.why(actor, contact_id, campaign) if campaign else None
        values: dict[str, Any] = {"contact": contact, "campaigns": campaigns, "why": found, "chosen": campaign}
        return page(request, "contacts/why.html", fragment="answer", **values)
