"""The terms on which a campaign decides about contacts, put together from the rooms of the transport."""

from __future__ import annotations

from collections.abc import Mapping

from campaigns import macros
from campaigns.audience import Wanted
from campaigns.campaign import Campaign, Content
from campaigns.recipients import Terms
from campaigns.short_texts import NO_LINKS, Shortener
from gateway.accounts import Accounts
from gateway.model import Account
from gateway.money import Money
from gateway.routing.configured import make_router
from gateway.routing.router import Router, led
from gateway.settings import GatewaySettings
from gateway.sms import OutgoingSms
from gateway.spending import countries_of


def wanted_by(org_id: str, terms: Terms) -> Wanted:
    """What has to be read of the contacts of a campaign."""
    names = {name for text in terms.texts.values() for name in text.names}
    return Wanted(org_id, terms.content.audience, frozenset(name.partition(".")[0] for name in names))


class TermsMaker:
    """Makes terms, by the settings of the gateway."""

    def __init__(self, settings: GatewaySettings, accounts: Accounts, shortener: Shortener) -> None:
        self._settings = settings
        self._accounts = accounts
        self._shortener = shortener
        self._router: Router = make_router(settings)
        self._routed = bool(settings.route)
        self._priced = bool(settings.price)

    async def sender(self, account_id: str) -> Account | None:
        """The account that a campaign leaves from; None where it may not send."""
        account = await self._accounts.account(account_id)
        if account is None or account.closed_at is not None:
            return None
        key = await self._accounts.key(account.key_id)
        return None if key is None or key.paused else account

    def terms(self, content: Content, account: Account, links: Mapping[str, int] = NO_LINKS) -> Terms:
        """What a campaign's decisions hang on; `links` are the numbers of its links. Raises TextError."""
        return Terms(
            content=content,
            account=account,
            texts={variant: macros.read(text) for variant, text in content.texts.items()},
            countries=countries_of(account.region, self._settings.limits),
            max_parts=self._settings.dialog.max_parts,
            lead=self._lead,
            short=self._shortener.texts(content.texts, links) if content.short_links else {},
        )

    async def of(self, campaign: Campaign) -> Terms | None:
        """The terms of a campaign; None where its account may not send. Raises TextError."""
        account = await self.sender(campaign.content.account_id)
        return None if account is None else self.terms(campaign.content, account, campaign.links)

    def _lead(self, message: OutgoingSms) -> tuple[OutgoingSms, Money | None]:
        if not self._routed and not self._priced:
            return message, None
        first = self._router.choose(message, lambda _provider: False, message.provider).first
        return led(message, first) if self._routed else message, first.price if first else None
