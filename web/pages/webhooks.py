"""Webhooks that we call: list, make, change, test, and what became of the calls."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from gateway.hooks.events import CHOICES
from gateway.registry.errors import AccountError
from gateway.scopes import Scope
from web.desk.desk import Desk
from web.identity.actor import Actor
from web.language import gettext as _
from web.language import told
from web.pages.asked import Asked
from web.pages.render import done, page


def webhook_pages(desk: Desk) -> APIRouter:
    """Routes under `/webhooks`."""
    router = APIRouter(prefix="/webhooks")

    @router.get("")
    async def webhooks(request: Request, actor: Asked) -> Response:
        names = {each.id: each.name for each in await desk.organisations.list(actor)}
        return page(request, "webhooks/list.html", webhooks=await desk.webhooks.list(actor), organisations=names)

    _add_making(router, desk)
    _add_one(router, desk)
    _add_deeds(router, desk)
    return router


async def _form(
    request: Request, actor: Actor, desk: Desk, *, url: str, events: list[str], description: str, error: str = ""
) -> Response:
    return page(
        request,
        "webhooks/new.html",
        fragment="dialog",
        status=422 if error else 200,
        organisations=await desk.organisations.list(actor),
        choices=CHOICES,
        url=url,
        events=events,
        description=description,
        error=error,
    )


def _add_making(router: APIRouter, desk: Desk) -> None:
    @router.get("/new")
    async def new(request: Request, actor: Asked) -> Response:
        actor.require(Scope.WEBHOOKS_WRITE)
        return await _form(request, actor, desk, url="", events=list(CHOICES), description="")

    @router.post("/new")
    async def made(
        request: Request,
        actor: Asked,
        url: Annotated[str, Form()] = "",
        organisation: Annotated[str, Form()] = "",
        events: Annotated[list[str] | None, Form()] = None,
        description: Annotated[str, Form()] = "",
    ) -> Response:
        try:
            org_id = actor.org_id or organisation
            webhook, secret = await desk.webhooks.create(actor, org_id, url, events or (), description)
        except AccountError as error:
            return await _form(
                request, actor, desk, url=url, events=events or [], description=description, error=told(error)
            )
        return page(request, "webhooks/secret.html", fragment="dialog", webhook=webhook, secrets=[secret])


def _add_one(router: APIRouter, desk: Desk) -> None:
    @router.get("/{webhook_id}")
    async def one(request: Request, actor: Asked, webhook_id: str, before: str | None = None) -> Response:
        webhook = await desk.webhooks.get(actor, webhook_id)
        calls = await desk.webhooks.calls(actor, webhook_id, before=before)
        return page(request, "webhooks/one.html", webhook=webhook, calls=calls)

    @router.post("/{webhook_id}/secret")
    async def secret(request: Request, actor: Asked, webhook_id: str) -> Response:
        webhook = await desk.webhooks.get(actor, webhook_id)
        secrets = await desk.webhooks.secrets(actor, webhook_id)
        return page(request, "webhooks/secret.html", fragment="dialog", webhook=webhook, secrets=secrets)

    @router.post("/{webhook_id}/ping")
    async def ping(request: Request, actor: Asked, webhook_id: str) -> Response:
        webhook = await desk.webhooks.get(actor, webhook_id)
        return page(
            request,
            "webhooks/ping.html",
            fragment="dialog",
            webhook=webhook,
            ping=await desk.webhooks.ping(actor, webhook_id),
        )


def _add_deeds(router: APIRouter, desk: Desk) -> None:
    @router.post("/{webhook_id}/pause")
    async def pause(request: Request, actor: Asked, webhook_id: str) -> Response:
        await desk.webhooks.pause(actor, webhook_id)
        return done(request, _("It is not called for now; what happens meanwhile waits"), f"/webhooks/{webhook_id}")

    @router.post("/{webhook_id}/resume")
    async def resume(request: Request, actor: Asked, webhook_id: str) -> Response:
        await desk.webhooks.resume(actor, webhook_id)
        return done(request, _("It is called again"), f"/webhooks/{webhook_id}")

    @router.post("/{webhook_id}/rotate")
    async def rotate(request: Request, actor: Asked, webhook_id: str) -> Response:
        secret = await desk.webhooks.rotate(actor, webhook_id)
        webhook = await desk.webhooks.get(actor, webhook_id)
        return page(request, "webhooks/secret.html", fragment="dialog", webhook=webhook, secrets=[secret])

    @router.get("/{webhook_id}/delete")
    async def ask(request: Request, actor: Asked, webhook_id: str) -> Response:
        actor.require(Scope.WEBHOOKS_WRITE)
        webhook = await desk.webhooks.get(actor, webhook_id)
        return page(request, "webhooks/delete.html", fragment="dialog", webhook=webhook)

    @router.post("/{webhook_id}/delete")
    async def delete(request: Request, actor: Asked, webhook_id: str) -> Response:
        await desk.webhooks.delete(actor, webhook_id)
        return done(request, _("The webhook is deleted"), "/webhooks", away=True)

    @router.post("/{webhook_id}/calls/{call_id}")
    async def again(request: Request, actor: Asked, webhook_id: str, call_id: str) -> Response:
        await desk.webhooks.call_again(actor, webhook_id, call_id)
        return done(request, _("The call is made once more"), f"/webhooks/{webhook_id}")
