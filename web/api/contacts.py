"""`/contacts`: who they are, what they agreed to, and what is linked to them (C6)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr

from campaigns.drafts import ChangedMeanwhile, version
from campaigns.model import Consent, Contact, ContactListing, Draft, LinkedObject, Point, Values
from campaigns.store.contact_list_sql import ContactSort
from gateway.scopes import Scope
from web.api import problems
from web.api.answers import listed, nothing, one, only_if_unchanged
from web.api.forms import (
    Form,
    Instant,
    Line,
    Listed,
    Moment,
    Phone,
    Shown,
    Word,
    moment,
    moment_or_none,
)
from web.api.routing import Caller, Cursor, IfMatch, Limit, ThingId, needs, router
from web.desk.desk import Desk
from web.identity.actor import Actor

_ID = Field(examples=["4294967297"])
_FIELDS: Any = Field(
    default_factory=dict,
    examples=[{}],
    description="Values of the organisation's own fields by name; dates as 2026-12-31. null removes one.",
)
Written = StrictStr | StrictBool | StrictInt | StrictFloat | None
FilterText = Annotated[str, Query(max_length=5000, pattern=r"^[^\x00-\x1f\x7f]*$")]
ObjectNumber = Annotated[int, Path(ge=1, le=2**31 - 1, examples=[1])]


class PointForm(Form):
    """A phone or an address."""

    value: Word = Field(examples=["+4530643064"])
    label: Line = Field("", examples=["work"])


class ContactForm(Form):
    """A contact to be made: a name, a phone or an address is enough."""

    name: Line = Field("", examples=["Anna Hansen"])
    first_name: Line = Field("", examples=["Anna"])
    phones: list[PointForm] = Field([], examples=[[{"value": "+4530643064", "label": "work"}]], max_length=20)
    emails: list[PointForm] = Field([], examples=[[{"value": "anna@firm.example"}]], max_length=20)
    language: Line = Field("", examples=["da"])
    zone: Line = Field("", examples=["Europe/Copenhagen"], description="Of time, by the IANA.")
    no_sms: StrictBool = Field(default=False, examples=[False], description="Whether campaigns leave the contact out.")
    tags: list[Line] = Field([], examples=[["VIP"]], max_length=100)
    attributes: dict[str, Written] = _FIELDS


class ContactEdit(Form):
    """What is to be changed; what is left out stays. Lists are given whole; of attributes those that change."""

    name: Line | None = Field(None, examples=["Anna Berg"])
    first_name: Line | None = Field(None, examples=["Anna"])
    phones: list[PointForm] | None = Field(None, examples=[None], max_length=20)
    emails: list[PointForm] | None = Field(None, examples=[None], max_length=20)
    language: Line | None = Field(None, examples=["da"])
    zone: Line | None = Field(None, examples=["Europe/Copenhagen"])
    no_sms: StrictBool | None = Field(None, examples=[True])
    tags: list[Line] | None = Field(None, examples=[None], max_length=100)
    attributes: dict[str, Written] | None = Field(None, examples=[None])


class ConsentForm(Form):
    """What a contact agreed to."""

    purpose: Word = Field(examples=["newsletter"])
    how: Word = Field(examples=["form on the website"])
    wording: Word = Field(examples=["Yes, write to me about offers."])
    given_at: Instant | None = Field(None, examples=[None], description="Now where it is left out.")


class ObjectForm(Form):
    """An order, a car, a child."""

    kind: Word = Field(examples=["order"])
    ref: Line = Field("", examples=["A-1"], description="Your own name: one that comes again takes its place.")
    fields: dict[str, Written] = _FIELDS


class ObjectEdit(Form):
    """The same, as it is to be from now on."""

    ref: Line = Field("", examples=["A-1"])
    fields: dict[str, Written] = _FIELDS


class PointShown(Shown):
    """A phone in E.164, or an address."""

    value: str = Field(examples=["+4530643064"])
    label: str = Field(examples=["work"])


class ConsentShown(Shown):
    """What was agreed to; it stays when it has ended."""

    purpose: str = Field(examples=["newsletter"])
    given_at: Moment
    how: str = Field(examples=["form on the website"])
    wording: str = Field(examples=["Yes, write to me about offers."])
    ended_at: Moment | None
    ended_how: str = Field(examples=["by telephone"])


class ObjectShown(Shown):
    """What is linked to a contact."""

    kind: str = Field(examples=["order"])
    number: int = Field(examples=[1], description="Among those of the contact and kind; the latest has the highest.")
    ref: str = Field(examples=["A-1"])
    fields: dict[str, str | float | bool] = Field(examples=[{"total": 99.5}])


class ContactListed(Shown):
    """A contact as lists show it."""

    id: str = _ID
    name: str = Field(examples=["Anna Hansen"])
    phone: Phone | None
    email: str | None = Field(examples=["anna@firm.example"])
    language: str = Field(examples=["da"])
    no_sms: bool
    opted_out: bool
    tags: list[str] = Field(examples=[["VIP"]])
    created_at: Moment


class ContactShown(Shown):
    """A contact with all that belongs to it."""

    id: str = _ID
    name: str = Field(examples=["Anna Hansen"])
    first_name: str = Field(examples=["Anna"])
    phones: list[PointShown] = Field(description="The first is the main one: campaigns write to it.")
    emails: list[PointShown]
    language: str = Field(examples=["da"])
    zone: str = Field(examples=["Europe/Copenhagen"])
    no_sms: bool = Field(description="Campaigns leave the contact out; a single SMS still goes.")
    opted_out: bool = Field(description="Has said STOP from the main phone: nothing goes there.")
    tags: list[str] = Field(examples=[["VIP"]])
    attributes: dict[str, str | float | bool] = Field(examples=[{"city": "Aarhus"}])
    consents: list[ConsentShown]
    objects: list[ObjectShown]
    created_at: Moment
    updated_at: Moment


def contact_routes(desk: Desk) -> APIRouter:
    """Routes under `/contacts`; those of fields stand before them."""
    routes = router("contacts")
    _add_listing(routes, desk)
    _add_changing(routes, desk)
    _add_belongings(routes, desk)
    _add_objects(routes, desk)
    return routes


def _add_listing(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/contacts", response_model=Listed[ContactListed], **needs(Scope.CONTACTS_READ))
    async def list_contacts(
        request: Request,
        caller: Caller,
        search: Annotated[Line, Query(description="A part of the name or of a phone, or how an address begins.")] = "",
        filter: FilterText = "",  # noqa: A002 - the word of the address
        sort: Annotated[ContactSort, Query(description="With a filter the newest come first.")] = ContactSort.NAME,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response:
        """Contacts that are looked for, or that a filter is true of: `city = Aarhus and not tag: VIP`."""
        wanted = await desk.contacts.wanted(caller, search=search, filter_text=filter, sort=sort)
        found = await desk.contacts.page(caller, wanted, cursor=cursor, size=limit)
        return listed(request, found.map(_listed))

    @routes.get("/contacts/{contact_id}", response_model=ContactShown, **needs(Scope.CONTACTS_READ, 304, 404))
    async def get_contact(request: Request, caller: Caller, contact_id: ThingId) -> Response:
        """One contact with all that belongs to it."""
        return one(request, await _one(desk, caller, contact_id))


def _add_changing(routes: APIRouter, desk: Desk) -> None:
    @routes.post(
        "/contacts",
        status_code=201,
        response_model=ContactShown,
        **needs(Scope.CONTACTS_WRITE, is_repeatable=True),
    )
    async def add_contact(request: Request, caller: Caller, form: ContactForm) -> Response:
        """Make a contact. Whether there is one like it is not asked: look for the phone first."""
        made = await desk.contacts.add(caller, "", _draft(form))
        return one(request, _shown(made), 201, f"/contacts/{made.id}")

    @routes.patch("/contacts/{contact_id}", response_model=ContactShown, **needs(Scope.CONTACTS_WRITE, 404, 412))
    async def edit_contact(
        request: Request, caller: Caller, contact_id: ThingId, form: ContactEdit, if_match: IfMatch = None
    ) -> Response:
        """Change what is named."""
        seen = None
        if if_match is not None:
            contact = await desk.contacts.get(caller, contact_id)
            only_if_unchanged(request, _shown(contact))
            # Another process may change it before this one does.
            seen = version(contact.draft())
        try:
            changed = await desk.contacts.change(caller, contact_id, partial(_edited, form=form), seen)
        except ChangedMeanwhile:
            raise problems.changed_meanwhile() from None
        return one(request, _shown(changed))

    @routes.delete("/contacts/{contact_id}", status_code=204, **needs(Scope.CONTACTS_WRITE, 404, 412))
    async def remove_contact(
        request: Request, caller: Caller, contact_id: ThingId, if_match: IfMatch = None
    ) -> Response:
        """Remove a contact for good. Its SMS stay in the log, its STOP on the list of opt-outs."""
        if if_match is not None:
            only_if_unchanged(request, await _one(desk, caller, contact_id))
        await desk.contacts.remove(caller, contact_id)
        return nothing()


def _add_belongings(routes: APIRouter, desk: Desk) -> None:
    @routes.put("/contacts/{contact_id}/tags/{tag}", status_code=204, **needs(Scope.CONTACTS_WRITE, 404))
    async def put_tag(caller: Caller, contact_id: ThingId, tag: ThingId) -> Response:
        """Put a tag on a contact. Once more changes nothing."""
        await desk.contacts.tag_one(caller, contact_id, tag)
        return nothing()

    @routes.delete("/contacts/{contact_id}/tags/{tag}", status_code=204, **needs(Scope.CONTACTS_WRITE, 404))
    async def remove_tag(caller: Caller, contact_id: ThingId, tag: ThingId) -> Response:
        """Take a tag off a contact."""
        await desk.contacts.tag_one(caller, contact_id, tag, ends=True)
        return nothing()

    @routes.post(
        "/contacts/{contact_id}/consents",
        status_code=201,
        response_model=ContactShown,
        **needs(Scope.CONTACTS_WRITE, 404, is_repeatable=True),
    )
    async def give_consent(request: Request, caller: Caller, contact_id: ThingId, form: ConsentForm) -> Response:
        """Note what a contact agreed to. One that holds already stays as it was given."""
        at = form.given_at.timestamp() if form.given_at is not None else None
        await desk.contacts.give_consent(caller, contact_id, form.purpose, how=form.how, wording=form.wording, at=at)
        return one(request, await _one(desk, caller, contact_id), 201)

    @routes.delete("/contacts/{contact_id}/consents/{purpose}", status_code=204, **needs(Scope.CONTACTS_WRITE, 404))
    async def end_consent(
        caller: Caller, contact_id: ThingId, purpose: ThingId, how: Annotated[Line, Query()] = ""
    ) -> Response:
        """Note that a contact agrees no longer; `how` they said so."""
        await desk.contacts.end_consent(caller, contact_id, purpose, how=how)
        return nothing()


def _add_objects(routes: APIRouter, desk: Desk) -> None:
    @routes.post(
        "/contacts/{contact_id}/objects",
        status_code=201,
        response_model=ObjectShown,
        **needs(Scope.CONTACTS_WRITE, 404, is_repeatable=True),
    )
    async def link_object(request: Request, caller: Caller, contact_id: ThingId, form: ObjectForm) -> Response:
        """Link an object to a contact. Its kind has fields already."""
        made = await desk.contacts.link(caller, contact_id, LinkedObject(form.kind, _values(form.fields), form.ref))
        return one(request, _object(made), 201)

    @routes.put(
        "/contacts/{contact_id}/objects/{kind}/{number}",
        response_model=ObjectShown,
        **needs(Scope.CONTACTS_WRITE, 404),
    )
    async def store_object(
        request: Request, caller: Caller, contact_id: ThingId, kind: ThingId, number: ObjectNumber, form: ObjectEdit
    ) -> Response:
        """Store a linked object as it is to be."""
        thing = LinkedObject(kind, _values(form.fields), form.ref, number)
        return one(request, _object(await desk.contacts.link(caller, contact_id, thing)))

    @routes.delete(
        "/contacts/{contact_id}/objects/{kind}/{number}", status_code=204, **needs(Scope.CONTACTS_WRITE, 404)
    )
    async def unlink_object(caller: Caller, contact_id: ThingId, kind: ThingId, number: ObjectNumber) -> Response:
        """Remove a linked object."""
        await desk.contacts.unlink(caller, contact_id, kind, number)
        return nothing()


# --- how they are written ------------------------------------------------------------------------------------------


def _draft(form: ContactForm) -> Draft:
    return Draft(
        form.name,
        form.first_name,
        _points(form.phones),
        _points(form.emails),
        form.language,
        form.zone,
        form.no_sms,
        _values(form.attributes),
        frozenset(form.tags),
    )


def _edited(draft: Draft, form: ContactEdit) -> Draft:
    """A draft with what a call names."""
    plain = ("name", "first_name", "language", "zone", "no_sms")
    said = {name: value for name in plain if (value := getattr(form, name)) is not None}
    named = form.attributes or {}
    kept = {key: value for key, value in draft.attributes.items() if key not in named}
    return replace(
        draft,
        **said,
        phones=draft.phones if form.phones is None else _points(form.phones),
        emails=draft.emails if form.emails is None else _points(form.emails),
        tags=draft.tags if form.tags is None else frozenset(form.tags),
        attributes={**kept, **_values(named)},
    )


def _points(points: list[PointForm]) -> tuple[Point, ...]:
    return tuple(Point(each.value, each.label) for each in points)


def _values(written: dict[str, Written]) -> Values:
    return {key: value for key, value in written.items() if value is not None}


async def _one(desk: Desk, caller: Actor, contact_id: str) -> ContactShown:
    return _shown(await desk.contacts.get(caller, contact_id))


def _shown(contact: Contact) -> ContactShown:
    return ContactShown(
        id=str(contact.id),
        name=contact.name,
        first_name=contact.first_name,
        phones=[PointShown(value=each.value, label=each.label) for each in contact.phones],
        emails=[PointShown(value=each.value, label=each.label) for each in contact.emails],
        language=contact.language,
        zone=contact.zone,
        no_sms=contact.no_sms,
        opted_out=contact.opted_out,
        tags=list(contact.tags),
        attributes=dict(contact.attributes),
        consents=[_consent(each) for each in contact.consents],
        objects=[_object(each) for each in contact.objects],
        created_at=moment(contact.created_at),
        updated_at=moment(contact.updated_at),
    )


def _consent(consent: Consent) -> ConsentShown:
    return ConsentShown(
        purpose=consent.purpose,
        given_at=moment(consent.given_at),
        how=consent.how,
        wording=consent.wording,
        ended_at=moment_or_none(consent.ended_at),
        ended_how=consent.ended_how,
    )


def _object(thing: LinkedObject) -> ObjectShown:
    return ObjectShown(kind=thing.kind, number=thing.number, ref=thing.ref, fields=dict(thing.fields))


def _listed(contact: ContactListing) -> ContactListed:
    return ContactListed(
        id=str(contact.id),
        name=contact.name,
        phone=contact.phone,
        email=contact.email,
        language=contact.language,
        no_sms=contact.no_sms,
        opted_out=contact.opted_out,
        tags=list(contact.tags),
        created_at=moment(contact.created_at),
    )
