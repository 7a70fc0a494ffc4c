"""Writing a campaign: one form of sections, for a new one and until it runs."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from campaigns.campaign import Campaign, Content, Deed, NotNow, may
from campaigns.model import Book, Channel, LabelSort
from campaigns.store.campaign_rows import fingerprint
from campaigns.text_errors import TooMuch
from campaigns.trial import Rule
from gateway.composer import count
from gateway.registry.errors import AccountError
from gateway.scopes import Scope
from web.desk.desk import Desk
from web.identity.actor import Actor
from web.language import gettext as _
from web.language import told, tongue
from web.pages.asked import Asked
from web.pages.campaign_form import (
    SECTIONS,
    WrongField,
    WrongFields,
    audience_of,
    fields_of,
    read_content,
    shown_of,
    typed_of,
)
from web.pages.campaign_wording import campaign_rule
from web.pages.render import done, page


def campaign_edit_pages(desk: Desk) -> APIRouter:
    """Routes under `/campaigns` that write."""
    router = APIRouter(prefix="/campaigns")
    _add_looking_up(router, desk)

    @router.get("/new")
    async def new(request: Request, actor: Asked, org: str = "") -> Response:
        org_id = await _place(desk, actor, org)
        account = await desk.campaigns.own_account(actor, org_id)
        typed = shown_of(Content("", "", {})) | {"account": account.email if account else ""}
        typed["zone"] = tongue().zone_name
        return await _form(request, desk, actor, org_id, typed)

    @router.post("/new")
    async def create(request: Request, actor: Asked, org: str = "") -> Response:
        org_id = await _place(desk, actor, org)
        return await _save(request, desk, actor, org_id, None)

    @router.get("/{campaign_id}/edit")
    async def ask(request: Request, actor: Asked, campaign_id: str) -> Response:
        actor.require(Scope.CAMPAIGNS_WRITE)
        campaign = await desk.campaigns.get(actor, campaign_id)
        account = await desk.campaigns.responsible(actor, campaign)
        typed = shown_of(campaign.content) | {"account": account.email if account else ""}
        return await _form(request, desk, actor, campaign.org_id, typed, campaign=campaign)

    @router.post("/{campaign_id}/edit")
    async def edit(request: Request, actor: Asked, campaign_id: str) -> Response:
        campaign = await desk.campaigns.get(actor, campaign_id)
        return await _save(request, desk, actor, campaign.org_id, campaign)

    return router


async def _place(desk: Desk, actor: Actor, org: str) -> str:
    """The organisation that is written for; an operator's first where none is named."""
    actor.require(Scope.CAMPAIGNS_WRITE)
    if actor.org_id is None and not org:
        organisations = await desk.organisations.list(actor)
        org = organisations[0].id if organisations else ""
    return await desk.campaigns.place(actor, org)


async def _save(request: Request, desk: Desk, actor: Actor, org_id: str, campaign: Campaign | None) -> Response:
    form = await request.form()
    typed, was = typed_of(form), str(form.get("was", ""))
    account_id, saved = "", None
    errors: dict[str, str] = {}
    try:
        account_id = (await desk.campaigns.sender(actor, org_id, typed["account"])).id
    except AccountError as error:
        errors["account"] = told(error)
    try:
        content = read_content(typed, account_id, campaign.content if campaign else None)
        if not errors:
            saved = await _saved(desk, actor, org_id, campaign, content, was)
    except WrongFields as wrong:
        errors |= {field: told(error) for field, error in wrong.errors.items()}
    except NotNow as error:
        errors = {"": told(error)}
        if campaign is not None and may(campaign, Deed.EDIT):
            errors[""] = _("It was changed meanwhile, and is not saved. Save again to put this in its place.")
    except AccountError as error:
        errors = fields_of(error, typed)
    if saved is not None:
        to = f"/campaigns/{saved.id}" + ("/check" if form.get("then") == "check" else "")
        return done(request, _("%(name)s is saved", name=saved.content.name), to, away=True)
    return await _form(request, desk, actor, org_id, typed, campaign=campaign, errors=errors)


async def _saved(
    desk: Desk, actor: Actor, org_id: str, campaign: Campaign | None, content: Content, was: str
) -> Campaign:
    if campaign is None:
        return await desk.campaigns.create(actor, org_id, content)
    return await desk.campaigns.edit(actor, campaign.id, content, was)


async def _form(
    request: Request,
    desk: Desk,
    actor: Actor,
    org_id: str,
    typed: dict[str, Any],
    *,
    campaign: Campaign | None = None,
    errors: dict[str, str] | None = None,
) -> Response:
    book = await desk.campaigns.book(actor, org_id)
    reads = actor.may(Scope.CONTACTS_READ)
    ids = [int(each) for each in typed["contacts"] if len(each) < 19]
    return page(
        request,
        "campaigns/edit.html",
        status=422 if errors else 200,
        campaign=campaign,
        was=fingerprint(campaign.content) if campaign else "",
        rules=[(str(rule), campaign_rule(rule)) for rule in Rule],
        closed=campaign is not None and not may(campaign, Deed.EDIT),
        org_id=org_id,
        organisations=await desk.organisations.list(actor) if actor.org_id is None and campaign is None else (),
        sections=[each.template for each in SECTIONS],
        typed=typed,
        errors=errors or {},
        book_groups=list(book.groups.values()),
        purposes=_purposes(book, typed["consent"]),
        fields=await desk.campaigns.fields(actor, org_id),
        people=await desk.campaigns.named(actor, org_id, ids) if reads and ids else [],
        offered=await desk.campaigns.senders(actor, org_id),
        zone_name=tongue().zone_name,
        **_counted(desk, typed),
        **await _members(desk, actor, org_id, typed),
    )


def _purposes(book: Book, chosen: str) -> list[tuple[str, str]]:
    """What contacts have agreed to, and what the campaign asks for whether anybody has or not."""
    known = [label.name for (sort, _folded), label in book.labels.items() if sort is LabelSort.CONSENT]
    return [(name, name) for name in sorted({*known, *filter(None, [chosen])}, key=str.casefold)]


def _counted(desk: Desk, typed: dict[str, Any]) -> dict[str, Any]:
    """What an SMS counts where every macro is empty, or why the text cannot be read."""
    try:
        bare = desk.campaigns.bare(typed["text"], short_links=typed["short_links"] == "on")
        by_mail = typed["channel"] == Channel.EMAIL
        return {"counted": None if by_mail else count(bare, smart=True), "text_error": ""}
    except AccountError as error:
        return {"counted": None, "text_error": told(error)}
    except TooMuch:
        return {"counted": None, "text_error": ""}


async def _members(desk: Desk, actor: Actor, org_id: str, typed: dict[str, Any]) -> dict[str, Any]:
    """How many the audience has, or why nobody can say."""
    try:
        return {"members": await desk.campaigns.count(actor, org_id, audience_of(typed)), "audience_error": ""}
    except WrongField as wrong:
        return {"members": None, "audience_error": told(wrong.error)}
    except AccountError as error:
        return {"members": None, "audience_error": told(error)}


def _add_looking_up(router: APIRouter, desk: Desk) -> None:
    @router.post("/count")
    async def text(request: Request, actor: Asked) -> Response:
        actor.require(Scope.CAMPAIGNS_WRITE)
        typed = typed_of(await request.form())
        return page(request, "campaigns/count.html", **_counted(desk, typed))

    @router.post("/audience")
    async def audience(request: Request, actor: Asked, org: str = "") -> Response:
        org_id = await _place(desk, actor, org)
        typed = typed_of(await request.form())
        return page(request, "campaigns/members.html", **await _members(desk, actor, org_id, typed))

    @router.get("/people")
    async def people(request: Request, actor: Asked, org: str = "", search: str = "") -> Response:
        org_id = await _place(desk, actor, org)
        found = await desk.campaigns.people(actor, org_id, search) if search.strip() else ()
        return page(request, "campaigns/people.html", found=found, search=search)

    @router.get("/accounts")
    async def accounts(request: Request, actor: Asked, org: str = "", account: str = "") -> Response:
        org_id = await _place(desk, actor, org)
        found = await desk.campaigns.senders(actor, org_id, account)
        return page(request, "write/offered.html", offered=[each.email for each in found])
