"""What pages and API are made of, from the rooms of the program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI

from gateway.providers.simulator import SimulatorProvider
from web.desk.accounts import AccountDesk
from web.desk.desk import Desk
from web.desk.keys import KeyDesk
from web.identity.audit import Audit
from web.identity.sessions import Sessions
from web.pages.cookies import Cookies
from web.site import SiteParts, make_site

if TYPE_CHECKING:
    from brevdue.app import Rooms


def site_of(rooms: Rooms) -> FastAPI:
    """Make the site."""
    http = rooms.settings.http
    return make_site(
        SiteParts(
            desk=desk_of(rooms),
            cookies=Cookies(secure=http.public_url.startswith("https://"), digest=rooms.keyring.digest),
            actor_of=Sessions(rooms.database, rooms.keyring, rooms.clock).actor_of,
            phones=any(isinstance(provider, SimulatorProvider) for provider in rooms.providers.values()),
        )
    )


def desk_of(rooms: Rooms) -> Desk:
    """Make what people and programs can do."""
    audit = Audit(rooms.database, rooms.clock)
    return Desk(accounts=AccountDesk(rooms.accounts, audit), keys=KeyDesk(rooms.accounts, audit))
