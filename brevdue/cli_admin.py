"""`brevdue admin`: who can sign in to the web pages, and the link that always lets somebody in who runs the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from brevdue.console import DEFAULT, CommandError, Options, moment, person, say, show

if TYPE_CHECKING:
    from brevdue.administration import Desk
    from web.identity.identity import Identity

admin = App(name="admin", help="People who sign in to the web pages.")


@admin.command
async def link(
    *,
    org: Annotated[
        str | None, Parameter(help="Make an owner of this organisation (name or id), instead of an operator.")
    ] = None,
    rescue: Annotated[
        str | None, Parameter(help="Give this person (mail address) a new password, and take the second factor off.")
    ] = None,
    options: Options = DEFAULT,
) -> None:
    """Print a link that lets somebody in once, within a day: a new operator or owner, or one who lost the way in."""
    from brevdue.administration import desk

    if org and rescue:
        raise CommandError("--org makes somebody new, --rescue is for somebody who is there: give one of them")
    async with desk(options) as at:
        identity = _identity(at)
        token, words = await (_rescue(at, identity, rescue) if rescue else _new(at, identity, org))
        url = identity.links.url(token)
    say(f"{url}\nOpen it in a browser, once, within a day: {words}.", {"link": url}, options)


@admin.command(name="list")
async def list_people(
    *,
    org: Annotated[str | None, Parameter(help="The people of this organisation (name or id); else operators.")] = None,
    options: Options = DEFAULT,
) -> None:
    """List who can sign in."""
    from brevdue.administration import desk

    async with desk(options) as at:
        owner = await at.accounts.organisation_named(org) if org else None
        found = await _identity(at).people.list_people(owner.id if owner else None)
    rows = [
        {
            "email": each.email,
            "name": each.name,
            "role": each.role,
            "second_factor": each.has_second_factor,
            "disabled": moment(each.disabled_at),
            "since": moment(each.created_at),
            "id": each.id,
        }
        for each in found
    ]
    show(rows, options, empty="nobody yet: brevdue admin link")


def _identity(at: Desk) -> Identity:
    from gateway.model import SystemClock
    from web.identity.identity import make_identity

    return make_identity(at.database, at.keyring, SystemClock(), at.settings.http.public_url)


async def _rescue(at: Desk, identity: Identity, email: str) -> tuple[str, str]:
    from web.identity.model import LinkKind

    found = await identity.people.person_at(email)
    if found is None:
        raise CommandError(f"nobody signs in as '{email}': brevdue admin list")
    if found.disabled_at is not None:
        raise CommandError(f"{found.email} is disabled: another operator or owner lets them in again")
    token = await identity.links.make(
        LinkKind.RESCUE, org_id=found.org_id, person_id=found.id, email=found.email, made_by=person()
    )
    await at.note("person.rescue", found.id, found.org_id, email=found.email)
    return token, f"{found.email} gets a new password, and the second factor goes"


async def _new(at: Desk, identity: Identity, org: str | None) -> tuple[str, str]:
    from web.identity.model import LinkKind
    from web.identity.roles import Role

    owner = await at.accounts.organisation_named(org) if org else None
    role = Role.OWNER if owner else Role.OPERATOR
    token = await identity.links.make(
        LinkKind.OPERATOR, org_id=owner.id if owner else None, role=role, made_by=person()
    )
    await at.note("link.make", role, owner.id if owner else None)
    return token, f"it makes an owner of {owner.name}" if owner else "it makes an operator"
