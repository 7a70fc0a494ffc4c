"""SMS Dialog: the accounts (D4, D6, D7, D13)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from gateway.registry.errors import AccountError
from gateway.registry.listings import AccountFilter
from web.desk.desk import Desk
from web.language import gettext as _
from web.language import told
from web.pages.asked import Asked
from web.pages.render import done, page


def account_pages(desk: Desk) -> APIRouter:
    """Routes under `/accounts`."""
    router = APIRouter(prefix="/accounts")

    @router.get("")
    async def accounts(request: Request, actor: Asked, q: str = "") -> Response:
        found = await desk.accounts.list(actor, AccountFilter(search=q or None))
        return page(request, "accounts/list.html", fragment="results", accounts=found.items, q=q)

    _add_opening(router, desk)
    _add_deeds(router, desk)
    _add_qr(router, desk)
    return router


def _add_opening(router: APIRouter, desk: Desk) -> None:
    @router.get("/new")
    async def new(request: Request, actor: Asked) -> Response:
        keys = await desk.keys.dialog_keys(actor)
        return page(request, "accounts/open.html", fragment="dialog", keys=keys, email="", key="", error="")

    @router.post("/new")
    async def opened(
        request: Request, actor: Asked, email: Annotated[str, Form()] = "", key: Annotated[str, Form()] = ""
    ) -> Response:
        try:
            account = await desk.accounts.open(actor, key, email)
        except AccountError as error:
            keys = await desk.keys.dialog_keys(actor)
            values: dict[str, Any] = {"keys": keys, "email": email, "key": key, "error": told(error)}
            return page(request, "accounts/open.html", fragment="dialog", status=422, **values)
        return page(request, "accounts/opened.html", fragment="dialog", account=account)


def _add_deeds(router: APIRouter, desk: Desk) -> None:
    @router.get("/{account_id}/edit")
    async def edit(request: Request, actor: Asked, account_id: str) -> Response:
        account = await desk.accounts.get(actor, account_id)
        keys = await desk.keys.dialog_keys(actor)
        values: dict[str, Any] = {"keys": keys, "email": account.email, "key": account.key_id, "error": ""}
        return page(request, "accounts/edit.html", fragment="dialog", account=account, **values)

    @router.post("/{account_id}/edit")
    async def edited(
        request: Request,
        actor: Asked,
        account_id: str,
        email: Annotated[str, Form()] = "",
        key: Annotated[str, Form()] = "",
    ) -> Response:
        try:
            account = await desk.accounts.edit(actor, account_id, email=email, key_id=key)
        except AccountError as error:
            account = await desk.accounts.get(actor, account_id)
            keys = await desk.keys.dialog_keys(actor)
            values: dict[str, Any] = {"keys": keys, "email": email, "key": key, "error": told(error)}
            return page(request, "accounts/edit.html", fragment="dialog", status=422, account=account, **values)
        return done(request, _("%(email)s is changed", email=account.email), "/accounts")

    @router.get("/{account_id}/close")
    async def close(request: Request, actor: Asked, account_id: str) -> Response:
        account = await desk.accounts.get(actor, account_id)
        return page(request, "accounts/close.html", fragment="dialog", account=account)

    @router.post("/{account_id}/close")
    async def closed(request: Request, actor: Asked, account_id: str) -> Response:
        account = await desk.accounts.close(actor, account_id)
        return done(request, _("The account of %(email)s is closed", email=account.email), "/accounts")


def _add_qr(router: APIRouter, desk: Desk) -> None:
    @router.get("/{account_id}/qr")
    async def qr(request: Request, actor: Asked, account_id: str) -> Response:
        account = await desk.accounts.get(actor, account_id)
        return page(request, "accounts/qr.html", fragment="dialog", account=account)

    @router.get("/{account_id}/qr.png")
    async def picture(actor: Asked, account_id: str) -> Response:
        return Response(await desk.accounts.qr(actor, account_id), media_type="image/png")

    @router.get("/{account_id}/qr.zip")
    async def archive(actor: Asked, account_id: str) -> Response:
        account = await desk.accounts.get(actor, account_id)
        name = f"qr-sms-{account.number.removeprefix('+')}.zip"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(
            await desk.accounts.qr_package(actor, account_id), media_type="application/zip", headers=headers
        )
