"""What pages and API are made of, from the rooms of the program."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from fastapi import FastAPI

from gateway.providers.simulator import SimulatorProvider
from web.api.application import ApiParts, make_api
from web.api.idempotency import Answers
from web.desk.accounts import AccountDesk
from web.desk.desk import Desk
from web.desk.keys import KeyDesk
from web.desk.messages import MessageDesk
from web.desk.numbers import NumberDesk
from web.desk.optouts import OptOutDesk
from web.desk.sending import SendingDesk
from web.desk.spend import SpendDesk
from web.identity.first_start import first_start_notice
from web.identity.identity import Identity, make_identity
from web.pages.cookies import Cookies
from web.site import SiteParts, make_site

if TYPE_CHECKING:
    from brevdue.app import Rooms


def site_of(rooms: Rooms) -> FastAPI:
    """Make the site."""
    http, identity = rooms.settings.http, identity_of(rooms)
    desk = desk_of(rooms, identity)
    return make_site(
        SiteParts(
            desk=desk,
            api=api_of(rooms, desk),
            cookies=Cookies(secure=http.public_url.startswith("https://"), digest=rooms.keyring.digest),
            actor_of=identity.sessions.actor_of,
            phones=any(isinstance(provider, SimulatorProvider) for provider in rooms.providers.values()),
        )
    )


def identity_of(rooms: Rooms) -> Identity:
    """Make what knows people."""
    return make_identity(rooms.database, rooms.keyring, rooms.clock, rooms.settings.http.public_url)


async def welcome(rooms: Rooms) -> None:
    """Tell whoever started the program how the first person gets in, as long as there is nobody."""
    identity = identity_of(rooms)
    notice = await first_start_notice(identity.people, identity.links, is_terminal=sys.stderr.isatty())
    if notice:
        print(notice, file=sys.stderr)


def api_of(rooms: Rooms, desk: Desk) -> FastAPI:
    """Make the API."""
    return make_api(
        ApiParts(
            desk=desk,
            keys=rooms.accounts,
            answers=Answers(rooms.database, rooms.keyring, rooms.clock),
            clock=rooms.clock,
            calls_per_minute=rooms.settings.http.api_calls_per_minute,
        )
    )


def desk_of(rooms: Rooms, identity: Identity) -> Desk:
    """Make what people and programs can do."""
    audit, accounts, settings = identity.audit, rooms.accounts, rooms.settings
    return Desk(
        accounts=AccountDesk(accounts, audit),
        keys=KeyDesk(accounts, audit, settings.mail.domains[0]),
        numbers=NumberDesk(accounts, audit),
        messages=MessageDesk(rooms.database, accounts),
        sending=SendingDesk(accounts, rooms.sending, rooms.pricing, settings.dialog),
        optouts=OptOutDesk(rooms.database, accounts, audit, rooms.clock),
        spend=SpendDesk(rooms.database, accounts, settings.limits, rooms.clock),
    )
