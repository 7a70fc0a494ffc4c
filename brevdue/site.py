"""What pages and API are made of, from the rooms of the program."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from fastapi import FastAPI

from brevdue.campaigning import rehearsal_of
from brevdue.providers import opened
from campaigns.audience import ContactReaders
from gateway.message_log import MessageLog
from gateway.numbers import NumberRange
from gateway.providers.simulator import SimulatorProvider
from gateway.routing.configured import make_router
from gateway.settings import GatewaySettings
from gateway.statistics import Statistics
from gateway.tally_files import Totals
from web.api.application import ApiParts, make_api
from web.api.idempotency import Answers
from web.desk.accounts import AccountDesk
from web.desk.attention import AttentionDesk
from web.desk.audit import AuditDesk
from web.desk.bulk import BulkDesk
from web.desk.campaign_estimates import EstimateDesk
from web.desk.campaign_live import LiveDesk
from web.desk.campaign_recipients import RecipientDesk
from web.desk.campaigns import CampaignDesk
from web.desk.contact_fields import FieldDesk
from web.desk.contact_history import ContactHistory
from web.desk.contacts import ContactDesk
from web.desk.desk import Desk
from web.desk.door import Door
from web.desk.email_optouts import EmailOptOutDesk
from web.desk.figures import FigureDesk
from web.desk.groups import GroupDesk
from web.desk.imports import ImportDesk
from web.desk.keys import KeyDesk
from web.desk.me import MyDesk
from web.desk.messages import MessageDesk
from web.desk.numbers import NumberDesk
from web.desk.optouts import OptOutDesk
from web.desk.organisations import OrganisationDesk
from web.desk.own import OwnDesk
from web.desk.people import PeopleDesk
from web.desk.privacy import PrivacyDesk
from web.desk.providers import ProviderDesk
from web.desk.routes import RouteDesk
from web.desk.sending import SendingDesk
from web.desk.spend import SpendDesk
from web.desk.webhooks import WebhookDesk
from web.desk.welcome import Welcome
from web.identity.identity import Identity, make_identity
from web.identity.openid import OpenId
from web.identity.post import Post
from web.identity.roles import must_have_second
from web.identity.single_sign_on import SingleSignOn
from web.pages.cookies import Cookies
from web.site import SiteParts, make_site

if TYPE_CHECKING:
    from brevdue.rooms import Rooms


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
    settings = rooms.settings
    required = must_have_second(settings.web.require_second_factor)
    return make_identity(
        rooms.database, rooms.keyring, rooms.clock, settings.http.public_url, must_have_second=required
    )


def api_of(rooms: Rooms, desk: Desk) -> FastAPI:
    """Make the API."""
    return make_api(
        ApiParts(
            desk=desk,
            keys=rooms.accounts,
            answers=Answers(rooms.database, rooms.keyring, rooms.clock, rooms.spool.lease),
            clock=rooms.clock,
            calls_per_minute=rooms.settings.http.api_calls_per_minute,
        )
    )


def single_sign_on_of(rooms: Rooms, identity: Identity) -> SingleSignOn | None:
    """Make what asks an OpenID Connect provider, where one is configured."""
    settings, oidc = rooms.settings, rooms.settings.web.oidc
    if not oidc.issuer:
        return None
    openid = OpenId(oidc, rooms.keyring, rooms.clock, f"{settings.http.public_url}/sign-in/sso/back")
    return SingleSignOn(oidc, openid, identity.people, rooms.accounts, rooms.database, rooms.clock)


def desk_of(rooms: Rooms, identity: Identity) -> Desk:
    """Make what people and programs can do."""
    settings, accounts, audit = rooms.settings, rooms.accounts, identity.audit
    kinds = {table.name: table.kind for table in settings.provider}

    async def totals() -> Totals:
        return await asyncio.to_thread(rooms.tally_files.totals)

    post = Post(rooms.database, settings.mail, rooms.clock, rooms.mail_out.nudge)
    welcome = Welcome(rooms.database, rooms.letters, rooms.mail_out.nudge)
    contacts = contact_desk(rooms, identity)
    routes = RouteDesk(make_router(settings), first_number(settings), settings.dialog.region, totals)
    return Desk(
        accounts=AccountDesk(accounts, audit, welcome),
        people=PeopleDesk(identity, accounts, post),
        me=MyDesk(identity),
        audit=AuditDesk(audit),
        door=Door(identity, accounts, post, single_sign_on_of(rooms, identity)),
        imports=ImportDesk(rooms.imports, rooms.contacts, accounts, audit),
        bulk=BulkDesk(accounts, audit, welcome),
        groups=GroupDesk(accounts=accounts, contacts=rooms.contacts, groups=rooms.contact_groups, audit=audit),
        keys=KeyDesk(accounts, audit, settings.mail.domains[0]),
        numbers=NumberDesk(accounts, audit),
        messages=MessageDesk(rooms.database, accounts),
        attention=attention_desk(rooms, identity),
        sending=SendingDesk(accounts, rooms.sending, rooms.pricing, settings.dialog),
        campaigns=CampaignDesk(
            campaigns=rooms.campaigns,
            rehearsal=rehearsal_of(rooms),
            contacts=rooms.contacts,
            groups=rooms.contact_groups,
            readers=ContactReaders(rooms.database, rooms.clock),
            accounts=accounts,
            audit=audit,
        ),
        estimates=EstimateDesk(rooms.campaigns, rooms.clock),
        recipients=RecipientDesk(rooms.database, rooms.campaigns),
        live=LiveDesk(rooms.campaigns, rooms.clock),
        optouts=OptOutDesk(rooms.database, accounts, audit, rooms.clock),
        email_optouts=EmailOptOutDesk(rooms.database, accounts, audit, rooms.clock),
        spend=SpendDesk(rooms.database, accounts, settings.limits, rooms.clock),
        figures=FigureDesk(Statistics(rooms.database, settings.limits)),
        organisations=OrganisationDesk(accounts, audit, settings.dialog.region),
        own=OwnDesk(accounts, MessageLog(rooms.database), audit),
        privacy=PrivacyDesk(rooms.database, accounts, audit, rooms.clock, settings.retention),
        providers=ProviderDesk(
            [(kinds[name], provider) for name, provider in rooms.providers.items()],
            partial(opened, settings=settings),
            totals,
        ),
        routes=routes,
        webhooks=WebhookDesk(rooms.webhook_endpoints, audit),
        contacts=contacts,
        contact_fields=FieldDesk(contacts, rooms.contacts, audit),
        contact_history=contact_history(rooms, contacts, routes),
    )


def attention_desk(rooms: Rooms, identity: Identity) -> AttentionDesk:
    """Make what decides about SMS that wait for a person."""
    return AttentionDesk(
        rooms.database,
        rooms.accounts,
        rooms.hand_delivery,
        identity.audit,
        rooms.clock,
        mail_domains=rooms.settings.mail.domains,
        mail_queued=rooms.mail_out.nudge,
    )


def contact_desk(rooms: Rooms, identity: Identity) -> ContactDesk:
    """Make what reads and changes contacts."""
    return ContactDesk(
        database=rooms.database,
        contacts=rooms.contacts,
        groups=rooms.contact_groups,
        imports=rooms.imports,
        accounts=rooms.accounts,
        audit=identity.audit,
    )


def contact_history(rooms: Rooms, desk: ContactDesk, routes: RouteDesk) -> ContactHistory:
    """Make what tells how things went with a contact."""
    return ContactHistory(
        desk=desk,
        database=rooms.database,
        contacts=rooms.contacts,
        groups=rooms.contact_groups,
        campaigns=rooms.campaigns,
        routes=routes,
    )


def first_number(settings: GatewaySettings) -> str:
    """The first number of the first pool; "" where there is none."""
    return next((NumberRange.parse(pool.range or pool.numbers[0]).first for pool in settings.pool), "")
