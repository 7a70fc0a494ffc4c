"""People of the organisation, and their invitations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from gateway.registry.errors import AccountError, BadValue, NotFound
from web.desk.desk import Desk
from web.identity.actor import Actor
from web.identity.roles import Role
from web.language import NAMES, pgettext, told
from web.language import gettext as _
from web.pages.asked import Asked
from web.pages.render import done, page

Text = Annotated[str, Form()]


def people_pages(desk: Desk) -> APIRouter:
    """Routes under `/people`."""
    router = APIRouter()

    @router.get("/people")
    async def people(request: Request, actor: Asked, org: str = "") -> Response:
        found, invitations = await desk.people.everybody(actor, org or None)
        managed = desk.people.grantable(actor, actor.org_id or org or None)
        values: dict[str, Any] = {
            "people": found,
            "invitations": invitations,
            "managed": managed,
            "org": org,
            "role_name": role_name,
        }
        organisations = await desk.people.organisations(actor)
        return page(request, "people/list.html", organisations=organisations, **values)

    _add_inviting(router, desk)
    _add_editing(router, desk)
    _add_deeds(router, desk)
    return router


def _add_inviting(router: APIRouter, desk: Desk) -> None:
    @router.get("/people/invite")
    async def invite(request: Request, actor: Asked, org: str = "") -> Response:
        return await _invite(request, desk, actor, org=org)

    @router.post("/people/invite")
    async def invited(
        request: Request, actor: Asked, email: Text = "", role: Text = "", language: Text = "", org: Text = ""
    ) -> Response:
        try:
            address = await desk.people.invite(actor, email, _role(role), org or None, language=language)
        except NotFound:
            raise
        except AccountError as error:
            given = {"email": email, "role": role, "language": language, "org": org, "error": told(error)}
            return await _invite(request, desk, actor, status=422, **given)
        words = _("%(email)s is invited: a mail with a link is on its way", email=address)
        return done(request, words, f"/people?org={org}" if org else "/people")

    @router.post("/people/invitations/{link_id}/end")
    async def take_back(request: Request, actor: Asked, link_id: str, org: Text = "") -> Response:
        await desk.people.take_back(actor, link_id, org or None)
        return done(request, _("The invitation is taken back"), f"/people?org={org}" if org else "/people")


async def _invite(
    request: Request, desk: Desk, actor: Actor, *, org: str = "", status: int = 200, **given: Any
) -> Response:
    roles = _named(desk.people.inviting(actor))
    organisations = [(each.id, each.name) for each in await desk.people.organisations(actor)]
    spoken = [("", _("As the organisation")), *NAMES.items()]
    values = {"email": "", "role": Role.SENDER.value, "language": "", "error": "", **given}
    return page(
        request,
        "people/invite.html",
        fragment="dialog",
        status=status,
        roles=roles,
        spoken=spoken,
        org=org,
        organisations=organisations,
        **values,
    )


def _add_editing(router: APIRouter, desk: Desk) -> None:
    @router.get("/people/{person_id}/edit")
    async def edit(request: Request, actor: Asked, person_id: str) -> Response:
        person = await desk.people.managed(actor, person_id)
        roles = _named(desk.people.grantable(actor, person.org_id))
        values: dict[str, Any] = {
            "person": person,
            "roles": roles,
            "name": person.name,
            "role": person.role,
            "error": "",
        }
        return page(request, "people/edit.html", fragment="dialog", **values)

    @router.post("/people/{person_id}/edit")
    async def edited(request: Request, actor: Asked, person_id: str, role: Text = "", name: Text = "") -> Response:
        try:
            person = await desk.people.change(actor, person_id, role=_role(role), name=name)
        except NotFound:
            raise
        except AccountError as error:
            person = await desk.people.get(actor, person_id)
            roles = _named(desk.people.grantable(actor, person.org_id))
            values = {"person": person, "roles": roles, "name": name, "role": role, "error": told(error)}
            return page(request, "people/edit.html", fragment="dialog", status=422, **values)
        return done(request, _("%(email)s is changed", email=person.email), _back(person.org_id, actor))


def _add_deeds(router: APIRouter, desk: Desk) -> None:
    @router.get("/people/{person_id}/disable")
    async def disable(request: Request, actor: Asked, person_id: str) -> Response:
        person = await desk.people.managed(actor, person_id)
        return page(request, "people/disable.html", fragment="dialog", person=person, error="")

    @router.post("/people/{person_id}/disable")
    async def disabled(request: Request, actor: Asked, person_id: str) -> Response:
        try:
            person = await desk.people.disable(actor, person_id)
        except NotFound:
            raise
        except AccountError as error:
            person = await desk.people.get(actor, person_id)
            values: dict[str, Any] = {"person": person, "error": told(error)}
            return page(request, "people/disable.html", fragment="dialog", status=422, **values)
        return done(request, _("%(email)s is let in no more", email=person.email), _back(person.org_id, actor))

    @router.post("/people/{person_id}/enable")
    async def enabled(request: Request, actor: Asked, person_id: str) -> Response:
        person = await desk.people.enable(actor, person_id)
        return done(request, _("%(email)s is let in again", email=person.email), _back(person.org_id, actor))

    @router.post("/people/{person_id}/sessions/end")
    async def end_sessions(request: Request, actor: Asked, person_id: str) -> Response:
        person = await desk.people.end_sessions(actor, person_id)
        return done(request, _("%(email)s is signed out everywhere", email=person.email), _back(person.org_id, actor))

    @router.post("/people/{person_id}/second-factor/off")
    async def second_factor_off(request: Request, actor: Asked, person_id: str) -> Response:
        person = await desk.people.drop_second_factor(actor, person_id)
        words = _("%(email)s signs in with the password alone, until they set up a new app", email=person.email)
        return done(request, words, _back(person.org_id, actor))


def _back(org_id: str | None, actor: Actor) -> str:
    return f"/people?org={org_id}" if org_id and actor.org_id is None else "/people"


def _role(word: str) -> Role:
    try:
        return Role(word)
    except ValueError as error:
        raise BadValue(_("choose a role")) from error


def _named(roles: Sequence[Role]) -> list[tuple[str, str]]:
    return [(role.value, f"{role_name(role)} – {_meaning(role)}") for role in roles]


def role_name(role: Role) -> str:
    """A role in the viewer's language."""
    return {
        Role.OPERATOR: pgettext("role", "Operator"),
        Role.OWNER: pgettext("role", "Owner"),
        Role.ADMINISTRATOR: pgettext("role", "Administrator"),
        Role.SENDER: pgettext("role", "Sender"),
        Role.READER: pgettext("role", "Reader"),
    }[role]


def _meaning(role: Role) -> str:
    return {
        Role.OPERATOR: _("runs the gateway for all organisations"),
        Role.OWNER: _("everything, and who else may"),
        Role.ADMINISTRATOR: _("everything but owners"),
        Role.SENDER: _("reads and writes messages, contacts and campaigns"),
        Role.READER: _("sees, and changes nothing"),
    }[role]
