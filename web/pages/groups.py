"""Groups (C11): the list, one group and who is in it, listing contacts by hand, renaming, removing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from campaigns.groups import GroupUses
from campaigns.model import Group, Recipient
from gateway.registry.errors import AccountError, NotFound
from gateway.scopes import Scope
from web.desk.desk import Desk
from web.identity.actor import Actor
from web.language import gettext as _
from web.language import ngettext, told
from web.pages.asked import Asked
from web.pages.render import done, page

Words = Annotated[str, Form()]
Chosen = Annotated[list[str] | None, Form()]
_ROWS = 50


def group_pages(desk: Desk) -> APIRouter:
    """Routes under `/groups`, but for those of filters, which stand before them."""
    router = APIRouter(prefix="/groups")

    @router.get("")
    async def groups(request: Request, actor: Asked, org: str = "") -> Response:
        actor.require(Scope.CONTACTS_READ)
        organisations = await desk.organisations.list(actor) if actor.org_id is None else []
        there = bool(organisations) or actor.org_id is not None
        found = await desk.groups.list(actor, org) if there else []
        values: dict[str, Any] = {"found": found, "organisations": organisations, "org": org, "here": _query(org)}
        return page(request, "groups/list.html", fragment="results", **values)

    _add_making(router, desk)
    _add_looking(router, desk)
    _add_renaming(router, desk)
    _add_removing(router, desk)
    _add_members(router, desk)
    return router


def _query(org: str) -> str:
    return f"?{urlencode({'org': org})}" if org else ""


def _add_looking(router: APIRouter, desk: Desk) -> None:
    @router.get("/{group_id}/count")
    async def count(request: Request, actor: Asked, group_id: str) -> Response:
        error, counted = "", 0
        try:
            counted = await desk.groups.count(actor, group_id)
        except NotFound:
            raise
        except AccountError as wrong:
            error = told(wrong)
        return page(request, "groups/count.html", counted=counted, error=error)

    @router.get("/{group_id}")
    async def group(request: Request, actor: Asked, group_id: str, after: str = "") -> Response:
        return await _shown(request, desk, actor, group_id, after)


async def _shown(request: Request, desk: Desk, actor: Actor, group_id: str, after: str) -> Response:
    found = await desk.groups.get(actor, group_id)
    error = ""
    members: Sequence[Recipient] = ()
    try:
        members = await desk.groups.members(actor, group_id, after, _ROWS + 1)
    except NotFound:
        raise
    except AccountError as wrong:
        error = told(wrong)
    values: dict[str, Any] = {
        "group": found,
        "uses": await desk.groups.uses(actor, group_id),
        "members": members[:_ROWS],
        "next": members[_ROWS - 1].contact_id if len(members) > _ROWS else "",
        "after": after,
        "error": error,
    }
    return page(request, "groups/one.html", fragment="results", **values)


def _add_making(router: APIRouter, desk: Desk) -> None:
    @router.get("/new")
    async def ask(request: Request, actor: Asked, org: str = "") -> Response:
        actor.require(Scope.CONTACTS_WRITE)
        return _naming(request, {"org": org})

    @router.post("/new")
    async def make(request: Request, actor: Asked, name: Words = "", org: Words = "") -> Response:
        actor.require(Scope.CONTACTS_WRITE)
        try:
            made = await desk.groups.make(actor, name, None, org)
        except NotFound:
            raise
        except AccountError as wrong:
            return _naming(request, {"name": name, "org": org}, told(wrong))
        return done(request, _("Now add contacts to %(name)s", name=made.name), f"/groups/{made.id}", away=True)


def _naming(request: Request, typed: dict[str, str], error: str = "") -> Response:
    values = {"name": "", "org": "", "group": None, "uses": None, **typed, "error": error}
    return page(request, "groups/name.html", fragment="dialog", status=422 if error else 200, **values)


def _add_renaming(router: APIRouter, desk: Desk) -> None:
    async def asking(request: Request, actor: Actor, group_id: str, name: str | None, error: str = "") -> Response:
        group = await desk.groups.get(actor, group_id)
        values: dict[str, Any] = {"group": group, "uses": await desk.groups.uses(actor, group_id)}
        values |= {"name": group.name if name is None else name, "org": "", "error": error}
        return page(request, "groups/name.html", fragment="dialog", status=422 if error else 200, **values)

    @router.get("/{group_id}/rename")
    async def ask(request: Request, actor: Asked, group_id: str) -> Response:
        actor.require(Scope.CONTACTS_WRITE)
        return await asking(request, actor, group_id, None)

    @router.post("/{group_id}/rename")
    async def rename(request: Request, actor: Asked, group_id: str, name: Words = "") -> Response:
        actor.require(Scope.CONTACTS_WRITE)
        try:
            changed = await desk.groups.change(actor, group_id, name)
        except NotFound:
            raise
        except AccountError as wrong:
            return await asking(request, actor, group_id, name, told(wrong))
        return done(request, _("The group is called %(name)s now", name=changed.name), f"/groups/{group_id}")


def _add_removing(router: APIRouter, desk: Desk) -> None:
    @router.get("/{group_id}/remove")
    async def ask(request: Request, actor: Asked, group_id: str) -> Response:
        actor.require(Scope.CONTACTS_WRITE)
        group: Group = await desk.groups.get(actor, group_id)
        uses: GroupUses = await desk.groups.uses(actor, group_id)
        return page(request, "groups/remove.html", fragment="dialog", group=group, uses=uses)

    @router.post("/{group_id}/remove")
    async def remove(request: Request, actor: Asked, group_id: str) -> Response:
        gone = await desk.groups.remove(actor, group_id)
        back = "/groups" if actor.org_id is not None else f"/groups{_query(gone.org_id)}"
        return done(request, _("The group %(name)s is removed", name=gone.name), back, away=True)


def _add_members(router: APIRouter, desk: Desk) -> None:
    async def asking(
        request: Request, actor: Actor, group_id: str, search: str, typed: str = "", error: str = ""
    ) -> Response:
        actor.require(Scope.CONTACTS_WRITE)
        group = await desk.groups.get(actor, group_id)
        found = await desk.groups.search(actor, group_id, search)
        values: dict[str, Any] = {"group": group, "search": search, "found": found, "filter": typed, "error": error}
        return page(request, "groups/add.html", fragment="found", status=422 if error else 200, **values)

    @router.get("/{group_id}/add")
    async def ask(request: Request, actor: Asked, group_id: str, q: str = "") -> Response:
        return await asking(request, actor, group_id, q[:200])

    @router.post("/{group_id}/add")
    async def add(
        request: Request,
        actor: Asked,
        group_id: str,
        q: Words = "",
        filter: Words = "",  # noqa: A002 - as the form and the address of the list of contacts call it
        by: Words = "",
        chosen: Chosen = None,
    ) -> Response:
        actor.require(Scope.CONTACTS_WRITE)
        try:
            if by == "filter":
                count = await desk.groups.fill(actor, group_id, filter)
            else:
                count = await desk.groups.add(actor, group_id, chosen or [])
        except NotFound:
            raise
        except AccountError as wrong:
            return await asking(request, actor, group_id, q[:200], filter, told(wrong))
        words = ngettext("%(num)s contact is in the group", "%(num)s contacts are in the group", count)
        return done(request, words, f"/groups/{group_id}", away=True)

    @router.post("/{group_id}/drop")
    async def drop(request: Request, actor: Asked, group_id: str, contact: Words = "") -> Response:
        await desk.groups.drop(actor, group_id, [contact])
        return done(request, _("The contact is not in the group any more"), f"/groups/{group_id}")
