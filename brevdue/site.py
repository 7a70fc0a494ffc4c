"""What pages and API are made of, from the rooms of the program."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from fastapi import FastAPI

from gateway.providers.simulator import SimulatorProvider
from web.desk.accounts import AccountDesk
from web.desk.desk import Desk
from web.desk.keys import KeyDesk
from web.identity.first_start import first_start_notice
from web.identity.identity import Identity, make_identity
from web.pages.cookies import Cookies
from web.site import SiteParts, make_site

if TYPE_CHECKING:
    from brevdue.app import Rooms


def site_of(rooms: Rooms) -> FastAPI:
    """Make the site."""
    http, identity = rooms.settings.http, identity_of(rooms)
    return make_site(
        SiteParts(
            desk=desk_of(rooms, identity),
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


def desk_of(rooms: Rooms, identity: Identity) -> Desk:
    """Make what people and programs can do."""
    audit = identity.audit
    return Desk(accounts=AccountDesk(rooms.accounts, audit), keys=KeyDesk(rooms.accounts, audit))
