"""`/groups`: contacts under one name, listed or by a filter; and how many a filter means (C11)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field, StringConstraints

from campaigns.filters.words import LONGEST
from campaigns.model import Group, Recipient
from gateway.paging import Page
from gateway.scopes import Scope
from web.api.answers import listed, nothing, one, only_if_unchanged, told
from web.api.forms import Form, Id, Listed, Moment, Phone, Shown, Word, moment
from web.api.routing import Caller, IfMatch, Limit, ThingId, needs, router
from web.desk.desk import Desk
from web.desk.groups import MOST_AT_ONCE

FilterText = Annotated[str, StringConstraints(max_length=LONGEST, pattern=r"^[^\x00]*$")]
ContactId = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,15}$")]
_FILTER = "city = Aarhus and tag: vip"
_WORDS = "In the language of filters (docs/groups.md); empty for everybody."
After = Annotated[
    str | None, Query(description="`next` of the page before.", max_length=15, pattern=r"^[0-9]+$", alias="cursor")
]


class GroupForm(Form):
    """A group to be made."""

    name: Word = Field(examples=["Regulars"])
    filter: FilterText | None = Field(
        None, examples=["has: phone"], description=f"{_WORDS} Left out: its members are listed."
    )


class GroupEdit(Form):
    """What is to be changed; what is left out stays."""

    name: Word | None = Field(None, examples=["Regulars in Aarhus"])
    filter: FilterText | None = Field(None, examples=["has: phone"], description=_WORDS)


class GroupShown(Shown):
    """A group."""

    id: Id
    name: str = Field(examples=["Regulars"])
    filter: str | None = Field(examples=[_FILTER], description="null where the members are listed.")
    created_at: Moment
    updated_at: Moment


class MemberShown(Shown):
    """A contact in a group."""

    contact: str = Field(examples=["4294967297"])
    name: str = Field(examples=["Anders Hansen"])
    phone: Phone | None
    email: str | None = Field(examples=["anders@people.example"])


class MembersForm(Form):
    """Contacts to be listed: named, or all whom a filter means now."""

    contacts: list[ContactId] = Field([], examples=[["4294967297"]], max_length=MOST_AT_ONCE)
    filter: FilterText | None = Field(None, examples=["has: phone"], description=_WORDS)


class Counted(Shown):
    """How many contacts there are."""

    count: int = Field(examples=[1024])


class FilterForm(Form):
    """A filter that is asked."""

    filter: FilterText = Field(examples=["has: phone"], description=_WORDS)


class FilterCounted(Counted):
    """Whom a filter means now."""

    filter: str = Field(examples=["has: phone"], description="The filter as it is written.")


def group_routes(desk: Desk) -> APIRouter:
    """Routes under `/groups`."""
    routes = router("groups")
    _add_looking(routes, desk)
    _add_changing(routes, desk)
    _add_members(routes, desk)
    return routes


def _add_looking(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/groups", response_model=Listed[GroupShown], **needs(Scope.CONTACTS_READ))
    async def list_groups(request: Request, caller: Caller) -> Response:
        """All groups by name."""
        found = await desk.groups.list(caller)
        return listed(request, Page(tuple(_shown(each.group) for each in found)))

    @routes.post("/groups/count", response_model=FilterCounted, **needs(Scope.CONTACTS_READ))
    async def count_filter(request: Request, caller: Caller, form: FilterForm) -> Response:
        """How many contacts a filter means now. 422 with the place of a mistake in it."""
        found = await desk.groups.look(caller, form.filter, size=0)
        return told(request, FilterCounted(count=found.count, filter=found.text))

    @routes.get("/groups/{group_id}", response_model=GroupShown, **needs(Scope.CONTACTS_READ, 304, 404))
    async def get_group(request: Request, caller: Caller, group_id: ThingId) -> Response:
        """One group."""
        return one(request, _shown(await desk.groups.get(caller, group_id)))

    @routes.get("/groups/{group_id}/count", response_model=Counted, **needs(Scope.CONTACTS_READ, 404))
    async def count_group(request: Request, caller: Caller, group_id: ThingId) -> Response:
        """How many contacts are in it now."""
        return told(request, Counted(count=await desk.groups.count(caller, group_id)))


def _add_changing(routes: APIRouter, desk: Desk) -> None:
    @routes.post(
        "/groups",
        status_code=201,
        response_model=GroupShown,
        **needs(Scope.CONTACTS_WRITE, 404, is_repeatable=True),
    )
    async def make_group(request: Request, caller: Caller, form: GroupForm) -> Response:
        """Make a group: with a filter, or with members that are listed."""
        made = await desk.groups.make(caller, form.name, form.filter)
        return one(request, _shown(made), 201, f"/groups/{made.id}")

    @routes.patch("/groups/{group_id}", response_model=GroupShown, **needs(Scope.CONTACTS_WRITE, 404, 412))
    async def change_group(
        request: Request, caller: Caller, group_id: ThingId, form: GroupEdit, if_match: IfMatch = None
    ) -> Response:
        """Change the name or the filter. Filters of other groups that name it go on naming it."""
        if if_match is not None:
            only_if_unchanged(request, _shown(await desk.groups.get(caller, group_id)))
        await desk.groups.change(caller, group_id, form.name, form.filter)
        return one(request, _shown(await desk.groups.get(caller, group_id)))

    @routes.delete("/groups/{group_id}", status_code=204, **needs(Scope.CONTACTS_WRITE, 404, 412))
    async def remove_group(request: Request, caller: Caller, group_id: ThingId, if_match: IfMatch = None) -> Response:
        """Remove a group. Its contacts stay; a campaign that is for it pauses."""
        if if_match is not None:
            only_if_unchanged(request, _shown(await desk.groups.get(caller, group_id)))
        await desk.groups.remove(caller, group_id)
        return nothing()


def _add_members(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/groups/{group_id}/members", response_model=Listed[MemberShown], **needs(Scope.CONTACTS_READ, 404))
    async def list_members(
        request: Request, caller: Caller, group_id: ThingId, cursor: After = None, limit: Limit = 50
    ) -> Response:
        """Who is in a group now, in the order in which they became contacts."""
        found = await desk.groups.members(caller, group_id, cursor or "", limit + 1)
        more = str(found[limit - 1].contact_id) if len(found) > limit else None
        return listed(request, Page(tuple(_member(each) for each in found[:limit]), more))

    @routes.post("/groups/{group_id}/members", response_model=Counted, **needs(Scope.CONTACTS_WRITE, 404))
    async def add_members(request: Request, caller: Caller, group_id: ThingId, form: MembersForm) -> Response:
        """List contacts in a group; how many of them there are. Once more changes nothing."""
        count = await desk.groups.add(caller, group_id, form.contacts)
        if form.filter is not None:
            count += await desk.groups.fill(caller, group_id, form.filter)
        return told(request, Counted(count=count))

    @routes.delete("/groups/{group_id}/members/{contact_id}", status_code=204, **needs(Scope.CONTACTS_WRITE, 404))
    async def remove_member(caller: Caller, group_id: ThingId, contact_id: ThingId) -> Response:
        """Take a contact off the list; the contact stays."""
        await desk.groups.drop(caller, group_id, [contact_id])
        return nothing()


def _shown(group: Group) -> GroupShown:
    return GroupShown(
        id=group.id,
        name=group.name,
        filter=group.filter,
        created_at=moment(group.created_at),
        updated_at=moment(group.updated_at),
    )


def _member(each: Recipient) -> MemberShown:
    return MemberShown(contact=str(each.contact_id), name=each.name, phone=each.phone, email=each.email)
