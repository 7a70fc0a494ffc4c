"""Conversations of an account, as a chat in which one also writes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from gateway.errors import Refusal
from gateway.model import Account
from gateway.registry.errors import AccountError, NotFound
from gateway.registry.listings import AccountFilter, AccountSort
from gateway.scopes import Scope
from web.desk.desk import Desk
from web.identity.actor import Actor
from web.language import told, tongue
from web.pages.asked import Asked
from web.pages.render import page


def conversation_pages(desk: Desk) -> APIRouter:
    """Routes under `/conversations`."""
    router = APIRouter(prefix="/conversations")

    @router.get("")
    async def accounts(request: Request, actor: Asked, q: str = "", cursor: str = "") -> Response:
        if actor.account_id is not None:
            return RedirectResponse(f"/conversations/{actor.account_id}", 303)
        actor.require(Scope.MESSAGES_READ)
        wanted = AccountFilter(search=q or None, state=None, sort=AccountSort.ACTIVE, descending=True)
        found = await desk.accounts.list(actor, wanted, cursor=cursor or None)
        return page(request, "conversations/accounts.html", fragment="results", found=found, q=q)

    @router.get("/{account_id}")
    async def phones(request: Request, actor: Asked, account_id: str, cursor: str = "") -> Response:
        account = await desk.messages.account(actor, account_id)
        found = await desk.messages.conversations(actor, account.id, cursor=cursor or None)
        return page(
            request, "conversations/chat.html", account=account, found=found, phone="", said=None, text="", error=""
        )

    @router.get("/{account_id}/{phone}")
    async def chat(request: Request, actor: Asked, account_id: str, phone: str, before: str = "") -> Response:
        return await _chat(request, desk, actor, await desk.messages.account(actor, account_id), phone, before)

    @router.post("/{account_id}/{phone}")
    async def written(
        request: Request,
        actor: Asked,
        account_id: str,
        phone: str,
        text: Annotated[str, Form()] = "",
        identity: Annotated[str, Form()] = "",
    ) -> Response:
        account = await desk.messages.account(actor, account_id)
        try:
            await desk.sending.send(actor, account.id, [phone], text, identity or None)
        except Refusal as refusal:
            error = refusal.say(tongue().words)
        except AccountError as wrong:
            error = told(wrong)
        else:
            return RedirectResponse(str(request.url.path), 303)
        return await _chat(request, desk, actor, account, phone, text=text, error=error)

    return router


async def _chat(
    request: Request,
    desk: Desk,
    actor: Actor,
    account: Account,
    phone: str,
    before: str = "",
    *,
    text: str = "",
    error: str = "",
) -> Response:
    said = await desk.messages.conversation(actor, account.id, phone, cursor=before or None)
    if not said.items and not before and not error and not phone.startswith("+"):
        raise NotFound("there is no such conversation")
    return page(
        request,
        "conversations/chat.html",
        fragment="said",
        status=422 if error else 200,
        account=account,
        found=await desk.messages.conversations(actor, account.id),
        phone=phone,
        said=said,
        text=text,
        error=error,
    )
