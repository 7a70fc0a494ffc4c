"""`/contacts/fields`: what an organisation knows of its contacts, and of what is linked to them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field

from campaigns.model import Attribute, AttributeType
from gateway.paging import Page
from gateway.scopes import Scope
from web.api.answers import listed, nothing, one
from web.api.forms import Form, Line, Listed, Shown, Word
from web.api.routing import Caller, ThingId, needs, router
from web.desk.desk import Desk

_KIND = Field("", examples=["order"], description="The kind of linked objects; empty for contacts themselves.")
Kind = Annotated[Line, Query(description="The kind of linked objects; empty for contacts themselves.")]


class FieldForm(Form):
    """A field to be made."""

    name: Word = Field(examples=["city"], description="As filters and texts call it: letters, digits, underscores.")
    label: Line = Field("", examples=["City"])
    type: AttributeType = Field(examples=["text"])
    choices: list[Word] = Field([], examples=[[]], max_length=200)
    kind: Line = _KIND


class FieldEdit(Form):
    """What is to be changed; what is left out stays."""

    label: Line | None = Field(None, examples=["Town"])
    choices: list[Word] | None = Field(None, examples=[None], max_length=200)


class FieldShown(Shown):
    """A field of the organisation's own."""

    name: str = Field(examples=["city"])
    label: str = Field(examples=["City"])
    type: AttributeType
    choices: list[str] = Field(examples=[[]])
    kind: str = Field(examples=["order"])
    in_filters: bool = Field(description="Whether filters can ask for it: of each type the first sixteen.")


def contact_field_routes(desk: Desk) -> APIRouter:
    """Routes under `/contacts/fields`; they stand before those of single contacts."""
    routes = router("contacts")

    @routes.get("/contacts/fields", response_model=Listed[FieldShown], **needs(Scope.CONTACTS_READ))
    async def list_contact_fields(request: Request, caller: Caller) -> Response:
        """All fields: those of contacts, then those of each kind of linked objects."""
        kinds = await desk.contact_fields.kinds(caller)
        return listed(request, Page(tuple(_shown(each) for kind in kinds for each in kind.fields)))

    @routes.post(
        "/contacts/fields",
        status_code=201,
        response_model=FieldShown,
        **needs(Scope.CONTACTS_WRITE, is_repeatable=True),
    )
    async def define_contact_field(request: Request, caller: Caller, form: FieldForm) -> Response:
        """Make a field. Its type stays for good."""
        wanted = Attribute(form.name, form.label, form.type, tuple(form.choices), form.kind)
        return one(request, _shown(await desk.contact_fields.define(caller, "", wanted)), 201)

    @routes.patch("/contacts/fields/{key}", response_model=FieldShown, **needs(Scope.CONTACTS_WRITE, 404))
    async def edit_contact_field(
        request: Request, caller: Caller, key: ThingId, form: FieldEdit, kind: Kind = ""
    ) -> Response:
        """Call a field otherwise, or give it other choices."""
        there = await desk.contact_fields.get(caller, "", kind, key)
        label = there.label if form.label is None else form.label
        choices = there.choices if form.choices is None else tuple(form.choices)
        return one(
            request, _shown(await desk.contact_fields.change(caller, "", kind, key, label=label, choices=choices))
        )

    @routes.delete("/contacts/fields/{key}", status_code=204, **needs(Scope.CONTACTS_WRITE, 404))
    async def remove_contact_field(caller: Caller, key: ThingId, kind: Kind = "") -> Response:
        """Forget a field with all its values."""
        await desk.contact_fields.remove(caller, "", kind, key)
        return nothing()

    return routes


def _shown(field: Attribute) -> FieldShown:
    return FieldShown(
        name=field.key,
        label=field.label,
        type=field.type,
        choices=list(field.choices),
        kind=field.kind,
        in_filters=field.slot is not None,
    )
