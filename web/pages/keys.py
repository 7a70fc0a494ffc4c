"""API keys (D3, D14): what there is, making one, pausing, rotating, and what a key makes of the mail domain."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from gateway.model import ApiKey, KeyKind
from gateway.registry.errors import AccountError
from gateway.scopes import DEFAULT_KEY_SCOPES, KEY_SCOPES, Scope
from web.desk.desk import Desk
from web.identity.actor import Actor
from web.language import gettext as _
from web.language import told
from web.pages.asked import Asked
from web.pages.render import done, page

Words = Annotated[str, Form()]
Ticked = Annotated[list[str], Form(default_factory=list)]
ROTATION_DAYS = 30
"""Days that the old secret works on where nobody says otherwise."""


def key_pages(desk: Desk) -> APIRouter:
    """Routes under `/keys`."""
    router = APIRouter(prefix="/keys")

    @router.get("")
    async def keys(request: Request, actor: Asked) -> Response:
        return page(request, "keys/list.html", keys=await desk.keys.list(actor))

    _add_making(router, desk)
    _add_one(router, desk)
    _add_editing(router, desk)
    _add_pausing(router, desk)
    _add_rotating(router, desk)
    return router


def _add_making(router: APIRouter, desk: Desk) -> None:
    @router.get("/new")
    async def new(request: Request, actor: Asked) -> Response:
        typed = {"kind": KeyKind.DIALOG, "label": "", "chosen": DEFAULT_KEY_SCOPES, "org": "", "error": ""}
        return await _making(request, actor, desk, typed)

    @router.post("/new")
    async def made(
        request: Request, actor: Asked, scopes: Ticked, kind: Words = "", label: Words = "", org: Words = ""
    ) -> Response:
        wanted = KeyKind.REST if kind == KeyKind.REST else KeyKind.DIALOG
        try:
            shown = await desk.keys.create(actor, wanted, label, scopes=scopes, org_id=org or None)
        except AccountError as error:
            typed = {"kind": wanted, "label": label, "chosen": scopes, "org": org, "error": told(error)}
            return await _making(request, actor, desk, typed, 422)
        return page(request, "keys/made.html", fragment="dialog", shown=shown, rotated=False)


async def _making(request: Request, actor: Actor, desk: Desk, typed: dict[str, Any], status: int = 200) -> Response:
    actor.require(Scope.KEYS_WRITE)
    organisations = await desk.organisations.list(actor) if actor.org_id is None else ()
    values = typed | {"organisations": organisations, "scopes": _scopes(actor)}
    return page(request, "keys/new.html", fragment="dialog", status=status, **values)


def _scopes(actor: Actor, key: ApiKey | None = None) -> list[tuple[Scope, str]]:
    """What an actor can let a key do, in words."""
    words = {
        Scope.MESSAGES_SEND: _("Send SMS"),
        Scope.MESSAGES_READ: _("Read messages"),
        Scope.MESSAGES_RESOLVE: _("Decide about messages in doubt"),
        Scope.ACCOUNTS_READ: _("See accounts"),
        Scope.ACCOUNTS_WRITE: _("Open, edit and close accounts"),
        Scope.KEYS_READ: _("See keys"),
        Scope.KEYS_WRITE: _("Make, pause and rotate keys"),
        Scope.NUMBERS_READ: _("See numbers"),
        Scope.NUMBERS_WRITE: _("Change keywords of numbers"),
        Scope.OPTOUTS_READ: _("See opt-outs"),
        Scope.OPTOUTS_WRITE: _("Change opt-outs"),
        Scope.WEBHOOKS_READ: _("See webhooks"),
        Scope.WEBHOOKS_WRITE: _("Change webhooks"),
        Scope.PROVIDERS_READ: _("See providers, routes and prices"),
        Scope.SPEND_READ: _("See limits and spending"),
        Scope.CONTACTS_READ: _("See contacts and groups"),
        Scope.CONTACTS_WRITE: _("Change contacts and groups"),
        Scope.CAMPAIGNS_READ: _("See campaigns"),
        Scope.CAMPAIGNS_WRITE: _("Write campaigns"),
        Scope.CAMPAIGNS_RUN: _("Start and stop campaigns"),
        Scope.PRIVACY_WRITE: _("Export and erase people's data"),
    }
    held = key.scopes if key else frozenset()
    return [(scope, words.get(scope, scope)) for scope in KEY_SCOPES if actor.may(scope) or scope in held]


def _add_one(router: APIRouter, desk: Desk) -> None:
    @router.get("/{key_id}")
    async def key(request: Request, actor: Asked, key_id: str) -> Response:
        listing = await desk.keys.listing(actor, key_id)
        return page(request, "keys/one.html", listing=listing, key=listing.key, scopes=_scopes(actor, listing.key))

    @router.post("/{key_id}/show")
    async def show(request: Request, actor: Asked, key_id: str) -> Response:
        shown = await desk.keys.show(actor, key_id)
        return page(request, "keys/shown.html", fragment="dialog", shown=shown)


def _add_editing(router: APIRouter, desk: Desk) -> None:
    @router.get("/{key_id}/edit")
    async def edit(request: Request, actor: Asked, key_id: str) -> Response:
        actor.require(Scope.KEYS_WRITE)
        key = await desk.keys.get(actor, key_id)
        return _editing(request, actor, key, key.label, "\n".join(key.domains), list(key.scopes))

    @router.post("/{key_id}/edit")
    async def edited(
        request: Request, actor: Asked, key_id: str, scopes: Ticked, label: Words = "", domains: Words = ""
    ) -> Response:
        key = await desk.keys.get(actor, key_id)
        is_dialog = key.kind is KeyKind.DIALOG
        names = re.split(r"[\s,;]+", domains.strip()) if domains.strip() else []
        try:
            await desk.keys.edit(
                actor,
                key_id,
                label=label,
                domains=names if is_dialog else None,
                scopes=None if is_dialog else scopes,
            )
        except AccountError as error:
            return _editing(request, actor, key, label, domains, scopes, told(error))
        return done(request, _("The key is changed"), f"/keys/{key_id}")


def _editing(
    request: Request, actor: Actor, key: ApiKey, label: str, domains: str, chosen: list[Any], error: str = ""
) -> Response:
    values = {"key": key, "label": label, "domains": domains, "chosen": chosen, "error": error}
    return page(
        request,
        "keys/edit.html",
        fragment="dialog",
        status=422 if error else 200,
        scopes=_scopes(actor, key),
        **values,
    )


def _add_pausing(router: APIRouter, desk: Desk) -> None:
    @router.get("/{key_id}/pause")
    async def ask(request: Request, actor: Asked, key_id: str) -> Response:
        actor.require(Scope.KEYS_WRITE)
        listing = await desk.keys.listing(actor, key_id)
        return page(request, "keys/pause.html", fragment="dialog", listing=listing, key=listing.key)

    @router.post("/{key_id}/pause")
    async def pause(request: Request, actor: Asked, key_id: str) -> Response:
        key = await desk.keys.pause(actor, key_id)
        return done(request, _("%(label)s is paused", label=key.label or _("The key")), f"/keys/{key_id}")

    @router.post("/{key_id}/resume")
    async def resume(request: Request, actor: Asked, key_id: str) -> Response:
        key = await desk.keys.resume(actor, key_id)
        return done(request, _("%(label)s works again", label=key.label or _("The key")), f"/keys/{key_id}")


def _add_rotating(router: APIRouter, desk: Desk) -> None:
    @router.get("/{key_id}/rotate")
    async def ask(request: Request, actor: Asked, key_id: str) -> Response:
        actor.require(Scope.KEYS_WRITE)
        listing = await desk.keys.listing(actor, key_id)
        return _rotating(request, listing, str(ROTATION_DAYS))

    @router.post("/{key_id}/rotate")
    async def rotate(request: Request, actor: Asked, key_id: str, days: Words = "") -> Response:
        try:
            shown = await desk.keys.rotate(actor, key_id, _days(days))
        except AccountError as error:
            return _rotating(request, await desk.keys.listing(actor, key_id), days, told(error))
        return page(request, "keys/made.html", fragment="dialog", shown=shown, rotated=True)

    @router.get("/{key_id}/retire")
    async def ask_retiring(request: Request, actor: Asked, key_id: str) -> Response:
        actor.require(Scope.KEYS_WRITE)
        listing = await desk.keys.listing(actor, key_id)
        return page(request, "keys/retire.html", fragment="dialog", listing=listing, key=listing.key)

    @router.post("/{key_id}/retire")
    async def retire(request: Request, actor: Asked, key_id: str) -> Response:
        await desk.keys.retire(actor, key_id)
        return done(request, _("The old secret works no more"), f"/keys/{key_id}")


def _rotating(request: Request, listing: Any, days: str, error: str = "") -> Response:
    status = 422 if error else 200
    values = {"listing": listing, "key": listing.key, "days": days, "error": error}
    return page(request, "keys/rotate.html", fragment="dialog", status=status, **values)


def _days(text: str) -> float:
    """Days as a person writes them; what is no number is one that no key takes."""
    return int(text) if re.fullmatch(r"[0-9]{1,4}", text.strip()) else -1
