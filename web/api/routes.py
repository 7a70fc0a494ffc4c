"""All routes of the API."""

from __future__ import annotations

from fastapi import APIRouter

from web.api.accounts import account_routes
from web.api.attention import attention_routes
from web.api.campaign_recipients import campaign_recipient_routes
from web.api.campaigns import campaign_routes
from web.api.contact_fields import contact_field_routes
from web.api.contacts import contact_routes
from web.api.email_optouts import email_optout_routes
from web.api.groups import group_routes
from web.api.imports import import_routes
from web.api.incoming import incoming_routes
from web.api.keys import key_routes
from web.api.messages import message_routes
from web.api.numbers import number_routes
from web.api.optouts import optout_routes
from web.api.spend import spend_routes
from web.api.webhooks import webhook_routes
from web.desk.desk import Desk


def api_routes(desk: Desk) -> APIRouter:
    """Routes of all subjects."""
    routes = APIRouter(generate_unique_id_function=lambda route: route.name)
    for subject in (
        message_routes,
        incoming_routes,
        attention_routes,
        account_routes,
        key_routes,
        number_routes,
        optout_routes,
        email_optout_routes,
        group_routes,
        webhook_routes,
        spend_routes,
        campaign_routes,
        campaign_recipient_routes,
        contact_field_routes,  # before those of single contacts
        contact_routes,
        import_routes,
    ):
        routes.include_router(subject(desk))
    return routes
