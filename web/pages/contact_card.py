"""One contact: the card, and changing what stands on it: who it is, consents, linked objects."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from campaigns.drafts import BadDraft, ChangedMeanwhile
from campaigns.model import Book, LabelSort, LinkedObject, Point
from gateway.registry.errors import BadValue, NotFound
from gateway.scopes import Scope
from gateway.translation import sentence
from web.desk.contact_fields import kinds_of
from web.desk.desk import Desk
from web.identity.actor import Actor
from web.language import gettext as _
from web.language import told, tongue
from web.pages.asked import Asked
from web.pages.contact_forms import Typed, beside, own_fields, read_form, read_object, shown_values, typed_of
from web.pages.render import done, page

Words = Annotated[str, Form()]


def contact_card_pages(desk: Desk) -> APIRouter:
    """Routes of single contacts; those of the list and of fields stand before them."""
    router = APIRouter(prefix="/contacts")
    _add_new(router, desk)
    _add_card(router, desk)
    _add_editing(router, desk)
    _add_consents(router, desk)
    _add_objects(router, desk)
    return router


# --- who it is -----------------------------------------------------------------------------------------------------


def _add_new(router: APIRouter, desk: Desk) -> None:
    @router.get("/new")
    async def new(request: Request, actor: Asked, org: str = "", phone: str = "") -> Response:
        actor.require(Scope.CONTACTS_WRITE)
        book = await desk.contacts.book(actor, org)
        return _form(request, book, Typed(phones=_point(phone)))

    @router.post("/new")
    async def made(request: Request, actor: Asked, org: Words = "", more: Words = "") -> Response:
        actor.require(Scope.CONTACTS_WRITE)
        book = await desk.contacts.book(actor, org)
        typed = read_form(await request.form(), book)
        if more:
            return _form(request, book, typed.more(more))
        try:
            contact = await desk.contacts.add(actor, book.org_id, typed.draft())
        except BadDraft as error:
            return _form(request, book, typed, errors=beside(error))
        return done(request, _("%(name)s is kept", name=contact.name), f"/contacts/{contact.id}", away=True)


def _point(phone: str) -> tuple[Point, ...]:
    return (Point(phone[:60]),) if phone.strip() else ()


def _form(
    request: Request,
    book: Book,
    typed: Typed,
    *,
    contact_id: str = "",
    errors: Mapping[str, str] | None = None,
    changed: bool = False,
) -> Response:
    """The form, with what stands beside its fields; `changed` says that the contact is another than it was made of."""
    values: dict[str, Any] = {
        "book": book,
        "typed": typed,
        "own": own_fields(book.own()),
        "tags": [label.name for (sort, _folded), label in book.labels.items() if sort is LabelSort.TAG],
        "contact_id": contact_id,
        "errors": errors or {},
        "changed": changed,
    }
    return page(request, "contacts/edit.html", status=422 if changed or errors else 200, **values)


def _add_card(router: APIRouter, desk: Desk) -> None:
    @router.get("/{contact_id}")
    async def card(request: Request, actor: Asked, contact_id: str, cursor: str = "") -> Response:
        contact = await desk.contacts.get(actor, contact_id)
        place = await desk.contacts.place(actor, contact_id)
        book = await desk.contacts.book(actor, place.org_id)
        said, error = None, ""
        try:
            if actor.may(Scope.MESSAGES_READ):
                said = await desk.contact_history.said(actor, contact_id, cursor=cursor or None)
        except BadValue as wrong:
            error = told(wrong)
        sees_campaigns = actor.may(Scope.CAMPAIGNS_READ)
        values: dict[str, Any] = {
            "contact": contact,
            "values": shown_values(contact.attributes),
            "own": book.own(),
            "kinds": kinds_of(book)[1:],
            "objects": [(each, shown_values(each.fields)) for each in contact.objects],
            "optouts": await desk.contacts.optouts(actor, contact_id),
            "unsubscribed": await desk.contacts.unsubscribed(actor, contact_id),
            "said": said,
            "received": await desk.contact_history.received(actor, contact_id) if sees_campaigns else (),
            "error": error,
        }
        return page(request, "contacts/card.html", fragment="said", status=422 if error else 200, **values)


def _add_editing(router: APIRouter, desk: Desk) -> None:
    @router.get("/{contact_id}/edit")
    async def edit(request: Request, actor: Asked, contact_id: str) -> Response:
        actor.require(Scope.CONTACTS_WRITE)
        contact = await desk.contacts.get(actor, contact_id)
        return _form(request, await _book(desk, actor, contact_id), typed_of(contact), contact_id=contact_id)

    @router.post("/{contact_id}/edit")
    async def edited(request: Request, actor: Asked, contact_id: str, more: Words = "") -> Response:
        actor.require(Scope.CONTACTS_WRITE)
        await desk.contacts.get(actor, contact_id)
        book = await _book(desk, actor, contact_id)
        typed = read_form(await request.form(), book)
        if more:
            return _form(request, book, typed.more(more), contact_id=contact_id)
        try:
            contact = await desk.contacts.change(actor, contact_id, lambda _: typed.draft(), typed.seen)
        except BadDraft as error:
            return _form(request, book, typed, contact_id=contact_id, errors=beside(error))
        except ChangedMeanwhile:
            now = typed_of(await desk.contacts.get(actor, contact_id))
            return _form(request, book, typed.again(now), contact_id=contact_id, errors=typed.unlike(now), changed=True)
        return done(request, _("%(name)s is changed", name=contact.name), f"/contacts/{contact_id}", away=True)

    @router.get("/{contact_id}/remove")
    async def ask(request: Request, actor: Asked, contact_id: str) -> Response:
        actor.require(Scope.CONTACTS_WRITE)
        contact = await desk.contacts.get(actor, contact_id)
        return page(request, "contacts/remove.html", fragment="dialog", contact=contact)

    @router.post("/{contact_id}/remove")
    async def removed(request: Request, actor: Asked, contact_id: str) -> Response:
        actor.require(Scope.CONTACTS_WRITE)
        contact = await desk.contacts.get(actor, contact_id)
        await desk.contacts.remove(actor, contact_id)
        return done(request, _("%(name)s is removed", name=contact.name), "/contacts", away=True)


async def _book(desk: Desk, actor: Actor, contact_id: str) -> Book:
    return await desk.contacts.book(actor, (await desk.contacts.place(actor, contact_id)).org_id)


# --- what they agreed to -------------------------------------------------------------------------------------------


def _add_consents(router: APIRouter, desk: Desk) -> None:
    @router.get("/{contact_id}/consent")
    async def ask(request: Request, actor: Asked, contact_id: str) -> Response:
        return await _consenting(request, desk, actor, contact_id, {})

    @router.post("/{contact_id}/consent")
    async def given(
        request: Request,
        actor: Asked,
        contact_id: str,
        purpose: Words = "",
        how: Words = "",
        wording: Words = "",
        day: Words = "",
    ) -> Response:
        typed = {"purpose": purpose, "how": how, "wording": wording, "day": day}
        actor.require(Scope.CONTACTS_WRITE)
        await desk.contacts.get(actor, contact_id)
        try:
            at = _noon(day)
            new = await desk.contacts.give_consent(actor, contact_id, purpose, how=how, wording=wording, at=at)
        except BadValue as error:
            return await _consenting(request, desk, actor, contact_id, typed, told(error))
        words = _("The consent is noted") if new else _("They had agreed to that already")
        return done(request, words, f"/contacts/{contact_id}")

    @router.get("/{contact_id}/consent/end")
    async def ask_end(request: Request, actor: Asked, contact_id: str, purpose: str = "") -> Response:
        actor.require(Scope.CONTACTS_WRITE)
        contact = await desk.contacts.get(actor, contact_id)
        return page(request, "contacts/consent_end.html", fragment="dialog", contact=contact, purpose=purpose)

    @router.post("/{contact_id}/consent/end")
    async def ended(request: Request, actor: Asked, contact_id: str, purpose: Words = "", how: Words = "") -> Response:
        await desk.contacts.end_consent(actor, contact_id, purpose, how=how)
        return done(request, _("The consent has ended"), f"/contacts/{contact_id}")


async def _consenting(
    request: Request, desk: Desk, actor: Actor, contact_id: str, typed: dict[str, str], error: str = ""
) -> Response:
    actor.require(Scope.CONTACTS_WRITE)
    contact = await desk.contacts.get(actor, contact_id)
    book = await _book(desk, actor, contact_id)
    purposes = [label.name for (sort, _folded), label in book.labels.items() if sort is LabelSort.CONSENT]
    today = datetime.now(tongue().zone).date().isoformat()
    values = {"purpose": "", "how": "", "wording": "", "day": today} | typed
    return page(
        request,
        "contacts/consent.html",
        fragment="dialog",
        status=422 if error else 200,
        contact=contact,
        purposes=purposes,
        error=error,
        **values,
    )


def _noon(day: str) -> float | None:
    """The middle of a day where the viewer is; None for none. Raises BadValue."""
    if not day.strip():
        return None
    try:
        at = datetime.fromisoformat(day.strip()).replace(hour=12, tzinfo=tongue().zone).timestamp()
    except (ValueError, OverflowError):
        at = -1.0
    if not 0 <= at < datetime.now(tongue().zone).timestamp() + 86_400:
        raise BadValue(sentence("%(day)s is no day until today", day=day[:40]))
    return min(at, datetime.now(tongue().zone).timestamp())


# --- linked objects ------------------------------------------------------------------------------------------------


def _add_objects(router: APIRouter, desk: Desk) -> None:
    @router.get("/{contact_id}/objects/{kind}")
    async def new(request: Request, actor: Asked, contact_id: str, kind: str) -> Response:
        actor.require(Scope.CONTACTS_WRITE)
        return await _thing(request, desk, actor, contact_id, LinkedObject(kind, {}))

    @router.post("/{contact_id}/objects/{kind}")
    async def made(request: Request, actor: Asked, contact_id: str, kind: str) -> Response:
        return await _keep(request, desk, actor, contact_id, kind)

    @router.get("/{contact_id}/objects/{kind}/{number}")
    async def edit(request: Request, actor: Asked, contact_id: str, kind: str, number: str) -> Response:
        actor.require(Scope.CONTACTS_WRITE)
        thing = await desk.contacts.linked(actor, contact_id, kind, _number(number))
        return await _thing(request, desk, actor, contact_id, thing)

    @router.post("/{contact_id}/objects/{kind}/{number}")
    async def edited(request: Request, actor: Asked, contact_id: str, kind: str, number: str) -> Response:
        return await _keep(request, desk, actor, contact_id, kind, _number(number))

    @router.post("/{contact_id}/objects/{kind}/{number}/remove")
    async def removed(request: Request, actor: Asked, contact_id: str, kind: str, number: str) -> Response:
        await desk.contacts.unlink(actor, contact_id, kind, _number(number))
        return done(request, _("It is removed"), f"/contacts/{contact_id}")


def _number(text: str) -> int:
    """The number of an object; one that none has for what is no number."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1


async def _keep(request: Request, desk: Desk, actor: Actor, contact_id: str, kind: str, number: int = 0) -> Response:
    actor.require(Scope.CONTACTS_WRITE)
    await desk.contacts.get(actor, contact_id)
    thing = read_object(await request.form(), await _book(desk, actor, contact_id), kind, number)
    try:
        await desk.contacts.link(actor, contact_id, thing)
    except BadDraft as error:
        return await _thing(request, desk, actor, contact_id, thing, error)
    return done(request, _("It is kept"), f"/contacts/{contact_id}")


async def _thing(
    request: Request, desk: Desk, actor: Actor, contact_id: str, thing: LinkedObject, error: BadDraft | None = None
) -> Response:
    contact = await desk.contacts.get(actor, contact_id)
    attributes = (await _book(desk, actor, contact_id)).own(thing.kind)
    if not attributes:
        raise NotFound(sentence("there is no kind %(kind)s: define a field of it first", kind=thing.kind[:60]))
    values: dict[str, Any] = {
        "contact": contact,
        "thing": thing,
        "typed": shown_values(thing.fields),
        "own": own_fields(attributes),
        "errors": beside(error) if error else {},
    }
    return page(request, "contacts/object.html", fragment="dialog", status=422 if error else 200, **values)
