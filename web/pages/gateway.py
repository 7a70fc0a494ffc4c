"""The gateway itself: its organisations, providers and routes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from phonenumbers import SUPPORTED_REGIONS

from gateway.registry.errors import AccountError
from gateway.scopes import Scope
from gateway.sms import Priority
from gateway.translation import LANGUAGES
from web.desk.desk import Desk
from web.language import gettext as _
from web.language import told, tongue
from web.pages.asked import Asked
from web.pages.render import done, page


def gateway_pages(desk: Desk) -> APIRouter:
    """Routes under `/organisations`, `/providers` and `/routes`."""
    router = APIRouter()
    _add_organisations(router, desk)
    _add_providers(router, desk)
    _add_routes(router, desk)
    return router


def _add_organisations(router: APIRouter, desk: Desk) -> None:
    @router.get("/organisations")
    async def organisations(request: Request, actor: Asked) -> Response:
        actor.require(Scope.GATEWAY)
        return page(request, "organisations/list.html", organisations=await desk.organisations.list(actor))

    @router.get("/organisations/new")
    async def new(request: Request, actor: Asked) -> Response:
        actor.require(Scope.GATEWAY)
        return _organisation_form(request)

    @router.post("/organisations/new")
    async def made(
        request: Request,
        actor: Asked,
        name: Annotated[str, Form()] = "",
        region: Annotated[str, Form()] = "",
        language: Annotated[str, Form()] = "",
    ) -> Response:
        try:
            organisation = await desk.organisations.create(actor, name, region, language)
        except AccountError as error:
            return _organisation_form(request, name, region, language, error=told(error))
        return done(request, _("%(name)s is there: make its first key now", name=organisation.name), "/organisations")


def _organisation_form(
    request: Request, name: str = "", region: str = "", language: str = "", *, error: str = ""
) -> Response:
    countries = tongue().locale.territories
    named = sorted(((code, countries.get(code, code)) for code in SUPPORTED_REGIONS), key=lambda pair: pair[1])
    spoken = [(code, tongue().locale.languages.get(code, code)) for code in LANGUAGES]
    return page(
        request,
        "organisations/new.html",
        fragment="dialog",
        status=422 if error else 200,
        name=name,
        region=region,
        language=language,
        error=error,
        regions=[("", _("as the gateway")), *named],
        spoken=[("", _("that of the country")), *spoken],
    )


def _add_providers(router: APIRouter, desk: Desk) -> None:
    @router.get("/providers")
    async def providers(request: Request, actor: Asked) -> Response:
        return page(request, "providers/list.html", providers=await desk.providers.list(actor))

    @router.post("/providers/{name}/ask")
    async def ask(request: Request, actor: Asked, name: str) -> Response:
        answer = await desk.providers.ask(actor, name)
        return page(request, "providers/answer.html", fragment="dialog", name=name, answer=answer)


def _add_routes(router: APIRouter, desk: Desk) -> None:
    @router.get("/routes")
    async def routes(
        request: Request,
        actor: Asked,
        phone: str = "",
        organisation: str = "",
        kind: Priority = Priority.DIALOG,
        sender: str = "",
    ) -> Response:
        explanation, error = None, ""
        if phone.strip():
            try:
                explanation = await desk.routes.explain(actor, phone, org_id=organisation, kind=kind, sender=sender)
            except AccountError as wrong:
                error = told(wrong)
        return page(
            request,
            "routes/list.html",
            fragment="explanation",
            status=422 if error else 200,
            rules=desk.routes.rules(actor),
            organisations=await desk.organisations.list(actor),
            phone=phone,
            organisation=organisation,
            kind=kind,
            sender=sender,
            explanation=explanation,
            error=error,
        )
