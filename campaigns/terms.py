"""The terms on which a campaign decides about contacts, put together from the rooms of the transport."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from campaigns.audience import Wanted
from campaigns.campaign import Campaign, Content
from campaigns.countries import holidays_of, zones_of
from campaigns.recipients import Terms
from campaigns.schedule import ALWAYS, Calendar, Openings, awake_hours, ever_opens
from campaigns.short_texts import NO_LINKS, Shortener
from campaigns.trial import NEVER, Rule, Split, versions_of
from gateway.accounts import Accounts
from gateway.model import Account
from gateway.money import Money
from gateway.registry.errors import BadValue
from gateway.routing.configured import make_router
from gateway.routing.router import Router, led
from gateway.settings import GatewaySettings
from gateway.sms import OutgoingSms
from gateway.spending import countries_of
from gateway.translation import sentence


def wanted_by(org_id: str, terms: Terms) -> Wanted:
    """What has to be read of the contacts of a campaign."""
    names = {name for text in (*terms.texts.values(), *terms.subjects.values()) for name in text.names}
    return Wanted(org_id, terms.content.audience, frozenset(name.partition(".")[0] for name in names))


def split_of(campaign: Campaign) -> Split | None:
    """Who of a campaign gets which version of its text; None where it has one."""
    content = campaign.content
    if content.trial is None:
        return None
    began = campaign.started_at or content.start_at or campaign.created_at
    until = NEVER if content.trial.rule is Rule.HAND else began + content.trial.hours * 3600
    versions = versions_of(content.texts)
    return Split(campaign.id, versions, content.trial.share, until, campaign.verdict.winner)


class TermsMaker:
    """Makes terms, by the settings of the gateway."""

    def __init__(self, settings: GatewaySettings, accounts: Accounts, shortener: Shortener) -> None:
        self._settings = settings
        self._accounts = accounts
        self._shortener = shortener
        self._router: Router = make_router(settings)
        self._routed = bool(settings.route)
        self._priced = bool(settings.price)
        self._awake = awake_hours(settings.campaigns.quiet_hours)

    async def sender(self, account_id: str) -> Account | None:
        """The account that a campaign leaves from; None where it may not send."""
        account = await self._accounts.account(account_id)
        if account is None or account.closed_at is not None:
            return None
        key = await self._accounts.key(account.key_id)
        return None if key is None or key.paused else account

    def terms(self, content: Content, account: Account, links: Mapping[str, int] = NO_LINKS) -> Terms:
        """What a campaign's decisions hang on; `links` are the numbers of its links. Raises TextError."""
        from campaigns import macros  # the library behind it is paid for by who has campaigns

        return Terms(
            content=content,
            account=account,
            texts={variant: macros.read(text) for variant, text in content.texts.items()},
            countries=countries_of(account.region, self._settings.limits),
            max_parts=self._settings.dialog.max_parts,
            lead=self._lead,
            openings=Openings(self.calendar(content)),
            subjects={variant: macros.read(text) for variant, text in content.subjects.items()},
            short=self._shortener.texts(content.texts, links) if content.short_links else {},
        )

    def bare(self, text: str, *, short_links: bool) -> str:
        """A text as it is where every macro is empty, with links as long as they will be. Raises TextError, TooMuch."""
        from campaigns import macros  # see `terms`

        read = macros.read(text)  # first of all: it says what is too long to be looked at
        if not short_links:
            return read.render({})
        short = self._shortener.text(text, NO_LINKS)
        return short.macros.render({name: self._shortener.address(link, 0) for name, link in short.links})

    def calendar(self, content: Content) -> Calendar:
        """When a campaign may write to people."""
        rests = self._settings.campaigns.holidays and not content.any_day
        awake = ALWAYS if content.any_hour else self._awake
        return Calendar(content.window, awake, holidays_of if rests else None, zones_of)

    def check_hours(self, content: Content) -> None:
        """Raise BadValue where a campaign could never write to anybody."""
        calendar = self.calendar(content)
        if not ever_opens(calendar.window, calendar.awake):
            raise BadValue(
                sentence(
                    "the window lies in the quiet hours, %(hours)s: choose another, or let the campaign write in them",
                    hours=self._settings.campaigns.quiet_hours,
                )
            )

    async def of(self, campaign: Campaign) -> Terms | None:
        """The terms of a campaign; None where its account may not send. Raises TextError."""
        account = await self.sender(campaign.content.account_id)
        return None if account is None else self.of_campaign(campaign, account)

    def of_campaign(self, campaign: Campaign, account: Account) -> Terms:
        """What the decisions of a campaign hang on that stands in the database. Raises TextError."""
        return replace(self.terms(campaign.content, account, campaign.links), split=split_of(campaign))

    def _lead(self, message: OutgoingSms) -> tuple[OutgoingSms, Money | None]:
        if not self._routed and not self._priced:
            return message, None
        first = self._router.choose(message, lambda _provider: False, message.provider).first
        return led(message, first) if self._routed else message, first.price if first else None
