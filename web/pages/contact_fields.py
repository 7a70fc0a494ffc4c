"""The fields of an organisation's own, for contacts and for the objects that are linked to them."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from campaigns.model import Attribute, AttributeType
from gateway.registry.errors import BadValue
from gateway.scopes import Scope
from web.desk.desk import Desk
from web.identity.actor import Actor
from web.language import gettext as _
from web.language import told
from web.pages.asked import Asked
from web.pages.render import done, page

Words = Annotated[str, Form()]


def contact_field_pages(desk: Desk) -> APIRouter:
    """Routes under `/contacts/fields`; they stand before those of single contacts."""
    router = APIRouter(prefix="/contacts/fields")

    @router.get("")
    async def fields(request: Request, actor: Asked, org: str = "") -> Response:
        kinds = await desk.contact_fields.kinds(actor, org)
        organisations = await desk.organisations.list(actor) if actor.org_id is None else ()
        return page(
            request,
            "contacts/fields.html",
            kinds=kinds,
            org=org,
            organisations=organisations,
            types=dict(_types()),
            address=_address,
        )

    _add_new(router, desk)
    _add_changing(router, desk)
    return router


def _address(org: str, field: Attribute, deed: str) -> str:
    """Where a deed is done to a field."""
    said = urlencode({name: value for name, value in (("kind", field.kind), ("org", org)) if value})
    return f"/contacts/fields/{quote(field.key)}/{deed}" + (f"?{said}" if said else "")


def _list(org: str) -> str:
    return "/contacts/fields" + (f"?{urlencode({'org': org})}" if org else "")


def _types() -> list[tuple[str, str]]:
    return [
        (AttributeType.TEXT, _("text")),
        (AttributeType.NUMBER, _("number")),
        (AttributeType.DATE, _("date")),
        (AttributeType.CHOICE, _("choice")),
        (AttributeType.YES_NO, _("yes or no")),
    ]


def _choices(text: str) -> tuple[str, ...]:
    """Choices as they are typed: a line each."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _add_new(router: APIRouter, desk: Desk) -> None:
    @router.get("/new")
    async def new(request: Request, actor: Asked, org: str = "", kind: str = "") -> Response:
        return await _form(request, desk, actor, {"org": org, "kind": kind})

    @router.post("/new")
    async def made(
        request: Request,
        actor: Asked,
        org: Words = "",
        kind: Words = "",
        name: Words = "",
        label: Words = "",
        sort: Words = "",
        choices: Words = "",
    ) -> Response:
        actor.require(Scope.CONTACTS_WRITE)
        typed = {"org": org, "kind": kind, "name": name, "label": label, "sort": sort, "choices": choices}
        what = AttributeType(sort) if sort in set(AttributeType) else AttributeType.TEXT
        wanted = Attribute(name, label, what, _choices(choices) if what is AttributeType.CHOICE else (), kind)
        try:
            field = await desk.contact_fields.define(actor, org, wanted)
        except BadValue as error:
            return await _form(request, desk, actor, typed, told(error))
        return done(request, _("%(label)s is a field now", label=field.label), _list(org))


async def _form(request: Request, desk: Desk, actor: Actor, typed: dict[str, str], error: str = "") -> Response:
    actor.require(Scope.CONTACTS_WRITE)
    kinds = await desk.contact_fields.kinds(actor, typed["org"])
    values: dict[str, Any] = {"org": "", "kind": "", "name": "", "label": "", "sort": "text", "choices": ""} | typed
    values |= {"kinds": [each.name for each in kinds[1:]], "types": _types(), "field": None, "error": error}
    return page(request, "contacts/field.html", fragment="dialog", status=422 if error else 200, **values)


def _add_changing(router: APIRouter, desk: Desk) -> None:
    @router.get("/{key}/edit")
    async def edit(request: Request, actor: Asked, key: str, kind: str = "", org: str = "") -> Response:
        actor.require(Scope.CONTACTS_WRITE)
        field = await desk.contact_fields.get(actor, org, kind, key)
        return _changing(request, field, org, field.label, "\n".join(field.choices))

    @router.post("/{key}/edit")
    async def edited(
        request: Request,
        actor: Asked,
        key: str,
        kind: Words = "",
        org: Words = "",
        label: Words = "",
        choices: Words = "",
    ) -> Response:
        actor.require(Scope.CONTACTS_WRITE)
        field = await desk.contact_fields.get(actor, org, kind, key)
        try:
            changed = await desk.contact_fields.change(actor, org, kind, key, label=label, choices=_choices(choices))
        except BadValue as error:
            return _changing(request, field, org, label, choices, told(error))
        return done(request, _("%(label)s is changed", label=changed.label), _list(org))

    @router.get("/{key}/remove")
    async def ask(request: Request, actor: Asked, key: str, kind: str = "", org: str = "") -> Response:
        actor.require(Scope.CONTACTS_WRITE)
        field = await desk.contact_fields.get(actor, org, kind, key)
        return page(request, "contacts/field_remove.html", fragment="dialog", field=field, org=org)

    @router.post("/{key}/remove")
    async def removed(request: Request, actor: Asked, key: str, kind: Words = "", org: Words = "") -> Response:
        actor.require(Scope.CONTACTS_WRITE)
        await desk.contact_fields.remove(actor, org, kind, key)
        return done(request, _("The field is removed"), _list(org))


def _changing(request: Request, field: Attribute, org: str, label: str, choices: str, error: str = "") -> Response:
    values = {"field": field, "org": org, "label": label, "choices": choices, "error": error, "types": _types()}
    return page(request, "contacts/field.html", fragment="dialog", status=422 if error else 200, **values)
