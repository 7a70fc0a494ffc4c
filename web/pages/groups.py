"""Groups of contacts: the list, what is in each, and the form with its live count."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from campaigns.model import Attribute, Book, Group
from gateway.registry.errors import AccountError
from gateway.scopes import Scope
from web.desk.desk import Desk
from web.identity.actor import Actor
from web.language import gettext as _
from web.language import told
from web.pages.asked import Asked
from web.pages.render import done, page

Words = Annotated[str, Form()]


def group_pages(desk: Desk) -> APIRouter:
    """Routes under `/groups`."""
    router = APIRouter(prefix="/groups")

    @router.get("")
    async def groups(request: Request, actor: Asked, org: str = "") -> Response:
        actor.require(Scope.CONTACTS_READ)
        organisations = await desk.organisations.list(actor) if actor.org_id is None else ()
        if actor.org_id is None and not organisations:
            return page(request, "contacts/nobody.html")
        found = await desk.contacts.groups(actor, org)
        return page(request, "groups/list.html", found=found, org=org, organisations=organisations, address=_address)

    _add_new(router, desk)
    _add_one(router, desk)
    _add_changing(router, desk)
    return router


def _address(org: str, group: Group, deed: str = "") -> str:
    """Where a group is, or a deed is done to it."""
    return f"/groups/{group.id}" + (f"/{deed}" if deed else "") + _said(org)


def _said(org: str) -> str:
    return f"?{urlencode({'org': org})}" if org else ""


def _add_new(router: APIRouter, desk: Desk) -> None:
    @router.get("/new")
    async def new(request: Request, actor: Asked, org: str = "", where: str = "") -> Response:
        return await _form(request, desk, actor, {"org": org, "filter": where, "kind": "filter"})

    @router.post("/new")
    async def made(
        request: Request, actor: Asked, org: Words = "", name: Words = "", kind: Words = "filter", where: Words = ""
    ) -> Response:
        actor.require(Scope.CONTACTS_WRITE)
        try:
            group = await desk.groups.make(actor, org, name, None if kind == "listed" else where)
        except AccountError as error:
            typed = {"org": org, "name": name, "kind": kind, "filter": where}
            return await _form(request, desk, actor, typed, error=told(error))
        return done(request, _("%(name)s is a group now", name=group.name), _address(org, group))

    @router.post("/count")
    async def count(request: Request, actor: Asked, org: Words = "", where: Words = "") -> Response:
        actor.require(Scope.CONTACTS_READ)
        return page(request, "groups/members.html", **await _counted(desk, actor, org, where))


async def _counted(desk: Desk, actor: Actor, org: str, filter_text: str) -> dict[str, Any]:
    """Whom a filter means, or why nobody can say."""
    try:
        return {"members": await desk.groups.of_filter(actor, org, filter_text), "filter_error": ""}
    except AccountError as error:
        return {"members": None, "filter_error": told(error)}


async def _form(
    request: Request, desk: Desk, actor: Actor, typed: dict[str, str], group: Group | None = None, error: str = ""
) -> Response:
    actor.require(Scope.CONTACTS_WRITE)
    org = typed.get("org", "")
    book = await desk.contacts.book(actor, org)
    values: dict[str, Any] = {
        "typed": {"org": "", "name": "", "kind": "filter", "filter": ""} | typed,
        "group": group,
        "error": error,
        "fields": [(f"{each.kind}.{each.key}" if each.kind else each.key, each.label) for each in _known(book)],
        "said": _said(org),
    }
    counted = await _counted(desk, actor, org, typed.get("filter", ""))
    return page(request, "groups/form.html", status=422 if error else 200, **values, **counted)


def _known(book: Book) -> list[Attribute]:
    return [each for each in book.attributes.values() if each.slot is not None]


def _add_one(router: APIRouter, desk: Desk) -> None:
    @router.get("/{group_id}")
    async def one(request: Request, actor: Asked, group_id: str, org: str = "") -> Response:
        group = await desk.groups.get(actor, org, group_id)
        try:
            shown: dict[str, Any] = {"members": await desk.groups.members(actor, group), "filter_error": ""}
        except AccountError as error:
            shown = {"members": None, "filter_error": told(error)}
        users = await desk.groups.users(actor, group)
        return page(request, "groups/one.html", group=group, org=org, users=users, address=_address, **shown)

    @router.get("/{group_id}/count")
    async def size(request: Request, actor: Asked, group_id: str, org: str = "") -> Response:
        group = await desk.groups.get(actor, org, group_id)
        try:
            shown: dict[str, Any] = {"count": (await desk.groups.members(actor, group)).count, "error": ""}
        except AccountError as error:
            shown = {"count": None, "error": told(error)}
        return page(request, "groups/count.html", **shown)


def _add_changing(router: APIRouter, desk: Desk) -> None:
    @router.get("/{group_id}/edit")
    async def edit(request: Request, actor: Asked, group_id: str, org: str = "") -> Response:
        actor.require(Scope.CONTACTS_WRITE)
        group = await desk.groups.get(actor, org, group_id)
        typed = {"org": org, "name": group.name, "filter": group.filter or ""}
        return await _form(request, desk, actor, typed, group)

    @router.post("/{group_id}/edit")
    async def edited(
        request: Request, actor: Asked, group_id: str, org: Words = "", name: Words = "", where: Words = ""
    ) -> Response:
        actor.require(Scope.CONTACTS_WRITE)
        group = await desk.groups.get(actor, org, group_id)
        try:
            changed = await desk.groups.change(actor, org, group_id, name, where)
        except AccountError as error:
            return await _form(request, desk, actor, {"org": org, "name": name, "filter": where}, group, told(error))
        return done(request, _("%(name)s is changed", name=changed.name), _address(org, changed))

    @router.get("/{group_id}/remove")
    async def ask(request: Request, actor: Asked, group_id: str, org: str = "") -> Response:
        actor.require(Scope.CONTACTS_WRITE)
        group = await desk.groups.get(actor, org, group_id)
        users = await desk.groups.users(actor, group)
        return page(request, "groups/remove.html", fragment="dialog", group=group, org=org, users=users)

    @router.post("/{group_id}/remove")
    async def removed(request: Request, actor: Asked, group_id: str, org: Words = "") -> Response:
        actor.require(Scope.CONTACTS_WRITE)
        group = await desk.groups.remove(actor, org, group_id)
        return done(request, _("%(name)s is removed", name=group.name), f"/groups{_said(org)}")
