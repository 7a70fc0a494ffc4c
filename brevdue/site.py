"""What pages and API are made of, from the rooms of the program."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from fastapi import FastAPI

from brevdue.providers import opened
from gateway.message_log import MessageLog
from gateway.numbers import NumberRange
from gateway.providers.simulator import SimulatorProvider
from gateway.routing.configured import make_router
from gateway.settings import GatewaySettings
from gateway.tally_files import Totals
from web.desk.accounts import AccountDesk
from web.desk.bulk import BulkDesk
from web.desk.desk import Desk
from web.desk.keys import KeyDesk
from web.desk.numbers import NumberDesk
from web.desk.organisations import OrganisationDesk
from web.desk.own import OwnDesk
from web.desk.privacy import PrivacyDesk
from web.desk.providers import ProviderDesk
from web.desk.routes import RouteDesk
from web.desk.webhooks import WebhookDesk
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


def desk_of(rooms: Rooms, identity: Identity) -> Desk:
    """Make what people and programs can do."""
    settings, accounts, audit = rooms.settings, rooms.accounts, identity.audit
    kinds = {table.name: table.kind for table in settings.provider}

    async def totals() -> Totals:
        return await asyncio.to_thread(rooms.tally_files.totals)

    return Desk(
        accounts=AccountDesk(accounts, audit),
        bulk=BulkDesk(accounts, audit),
        keys=KeyDesk(accounts, audit, settings.mail.domains[0]),
        numbers=NumberDesk(accounts, audit),
        organisations=OrganisationDesk(accounts, audit),
        own=OwnDesk(accounts, MessageLog(rooms.database), audit),
        privacy=PrivacyDesk(rooms.database, accounts, audit, rooms.clock, settings.retention),
        providers=ProviderDesk(
            [(kinds[name], provider) for name, provider in rooms.providers.items()],
            partial(opened, settings=settings),
            totals,
        ),
        routes=RouteDesk(make_router(settings), first_number(settings), settings.dialog.region, totals),
        webhooks=WebhookDesk(rooms.webhook_endpoints, audit),
    )


def first_number(settings: GatewaySettings) -> str:
    """The first number of the first pool; "" where there is none."""
    return next((NumberRange.parse(pool.range or pool.numbers[0]).first for pool in settings.pool), "")
