"""Data protection: how long texts are kept, and one person's data."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from gateway.registry.errors import AccountError, BadValue
from gateway.scopes import Scope
from gateway.translation import sentence
from web.desk.desk import Desk
from web.identity.actor import Actor
from web.language import gettext as _
from web.language import told
from web.pages.asked import Asked
from web.pages.render import done, page


def privacy_pages(desk: Desk) -> APIRouter:
    """Routes under `/privacy`."""
    router = APIRouter(prefix="/privacy")

    @router.get("")
    async def privacy(request: Request, actor: Asked, organisation: str = "") -> Response:
        return await _page(request, actor, desk, organisation)

    @router.post("/retention")
    async def retention(
        request: Request,
        actor: Asked,
        organisation: Annotated[str, Form()] = "",
        texts: Annotated[str, Form()] = "",
        metadata: Annotated[str, Form()] = "",
    ) -> Response:
        org_id = actor.org_id or organisation
        try:
            await desk.privacy.set_days(actor, org_id, _days(texts), _days(metadata))
        except AccountError as error:
            return await _page(request, actor, desk, org_id, retention_error=told(error))
        return done(request, _("The days are set"), f"/privacy?organisation={org_id}")

    @router.post("/person")
    async def person(
        request: Request,
        actor: Asked,
        organisation: Annotated[str, Form()] = "",
        name: Annotated[str, Form()] = "",
        deed: Annotated[str, Form()] = "export",
        sure: Annotated[str, Form()] = "",
    ) -> Response:
        org_id = actor.org_id or organisation
        try:
            if deed == "export":
                return _download(await desk.privacy.export(actor, org_id, name))
            if not sure:
                return page(request, "privacy/erase.html", fragment="dialog", name=name, organisation=org_id)
            erased = await desk.privacy.erase(actor, org_id, name)
        except AccountError as error:
            return await _page(request, actor, desk, org_id, name=name, person_error=told(error))
        words = _("Erased; what is left says %(pseudonym)s", pseudonym=erased.pseudonym)
        return done(request, words, f"/privacy?organisation={org_id}")

    return router


async def _page(
    request: Request,
    actor: Actor,
    desk: Desk,
    org_id: str,
    *,
    name: str = "",
    retention_error: str = "",
    person_error: str = "",
) -> Response:
    actor.require(Scope.PRIVACY_WRITE)
    organisations = await desk.organisations.list(actor)
    chosen = next((each for each in organisations if each.id == org_id), organisations[0] if organisations else None)
    return page(
        request,
        "privacy/page.html",
        status=422 if retention_error or person_error else 200,
        organisations=organisations,
        chosen=chosen,
        days=await desk.privacy.days(actor, chosen.id) if chosen else None,
        defaults=desk.privacy.defaults,
        name=name,
        retention_error=retention_error,
        person_error=person_error,
    )


def _days(written: str) -> int | None:
    """A number of days, or None for what the gateway says. Raises BadValue."""
    text = written.strip()
    if not text:
        return None
    if not text.isdecimal() or len(text) > 6:
        raise BadValue(sentence("write a number of days, 0 for ever, or nothing for what the gateway says"))
    return int(text)


def _download(stored: object) -> Response:
    content = json.dumps(stored, ensure_ascii=False, indent=2)
    headers = {"Content-Disposition": 'attachment; filename="person.json"'}
    return Response(content, media_type="application/json", headers=headers)
