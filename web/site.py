"""Pages and API as one application beside the machines' doors: who asks, in which language, and what errors look like.

It is made when somebody first asks, not at the start: a gateway that only carries mail never pays for it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import unquote

from fastapi import FastAPI, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from web.desk.desk import Desk
from web.identity.actor import Actor
from web.language import preferred, speak
from web.pages.accounts import account_pages
from web.pages.attention import attention_pages
from web.pages.audit import audit_pages
from web.pages.bulk import bulk_pages
from web.pages.campaign_edit import campaign_edit_pages
from web.pages.campaign_live import campaign_live_pages
from web.pages.campaign_recipients import campaign_recipient_pages
from web.pages.campaign_run import campaign_run_pages
from web.pages.campaigns import campaign_pages
from web.pages.contact_card import contact_card_pages
from web.pages.contact_fields import contact_field_pages
from web.pages.contact_messages import contact_message_pages
from web.pages.contacts import contact_files, contact_pages
from web.pages.conversations import conversation_pages
from web.pages.cookies import Cookies
from web.pages.email_optouts import email_optout_pages
from web.pages.employee import employee_pages
from web.pages.figures import figure_pages
from web.pages.gateway import gateway_pages
from web.pages.group_filters import group_filter_pages
from web.pages.groups import group_pages
from web.pages.imports import import_pages
from web.pages.keys import key_pages
from web.pages.links import link_pages
from web.pages.me import my_pages
from web.pages.messages import message_file, message_pages
from web.pages.numbers import number_pages
from web.pages.optouts import optout_pages
from web.pages.overview import overview_pages
from web.pages.people import people_pages
from web.pages.privacy import privacy_pages
from web.pages.refusals import answer_people
from web.pages.sign_in import sign_in_pages
from web.pages.webhooks import webhook_pages
from web.pages.write import write_pages

ActorOf = Callable[[str, str], Awaitable[Actor | None]]
"""Who holds a session's token, asking from an address."""


@dataclass(frozen=True, slots=True)
class SiteParts:
    """What the site is made of."""

    desk: Desk
    api: FastAPI
    """What stands under `/api/v1`."""
    cookies: Cookies
    actor_of: ActorOf
    phones: bool
    """Whether there are simulated phones to look at."""


def make_site(parts: SiteParts) -> FastAPI:
    """Put pages and API together."""
    app = FastAPI(title="Brevdue", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.state.cookies = parts.cookies
    app.state.phones = parts.phones
    answer_people(app)
    desk = parts.desk
    for pages in (
        sign_in_pages(desk.door),
        overview_pages(desk),
        link_pages(desk.door),
        my_pages(desk.me),
        people_pages(desk),
        audit_pages(desk.audit),
        import_pages(desk),
        bulk_pages(desk),  # before the pages of single accounts
        account_pages(desk),
        employee_pages(desk),
        key_pages(desk),
        number_pages(desk),
        email_optout_pages(desk),  # before the phones, whose addresses begin alike
        optout_pages(desk),
        group_filter_pages(desk),  # before the pages of single groups
        group_pages(desk),
        figure_pages(desk),
        message_file(desk),
        message_pages(desk),
        attention_pages(desk),
        conversation_pages(desk),
        write_pages(desk),
        campaign_edit_pages(desk),  # before the pages of single campaigns
        campaign_run_pages(desk),
        campaign_recipient_pages(desk),
        campaign_live_pages(desk, parts.actor_of),
        campaign_pages(desk),
        gateway_pages(desk),
        privacy_pages(desk),
        webhook_pages(desk),
        contact_files(desk),
        contact_pages(desk),  # these two before the pages of single contacts
        contact_field_pages(desk),
        contact_message_pages(desk),
        contact_card_pages(desk),
    ):
        app.include_router(pages, include_in_schema=False)
    app.mount("/api/v1", parts.api)
    app.add_middleware(KnowWho, actor_of=parts.actor_of, cookies=parts.cookies)
    return app


class KnowWho:
    """Finds out who asks, and speaks their language from there on."""

    def __init__(self, app: ASGIApp, actor_of: ActorOf, cookies: Cookies) -> None:
        self._app = app
        self._actor_of = actor_of
        self._cookies = cookies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with `state.actor`, which is None for strangers."""
        if scope["type"] == "http":
            request = Request(scope)
            token = self._cookies.session(request)
            client = request.client.host if request.client else ""
            actor = await self._actor_of(token, client) if token else None
            request.state.actor = actor
            browser = preferred(request.headers.get("accept-language", ""))
            zone = unquote(request.cookies.get("timezone", ""))
            own = (actor.language, actor.timezone) if actor else ("", "")
            speak([own[0], request.cookies.get("language", ""), browser], [own[1], zone])
        await self._app(scope, receive, send)
