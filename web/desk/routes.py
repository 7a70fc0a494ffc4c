"""Routes: which provider would carry what, and why others would not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.numbers import NumberError, country_of, to_e164
from gateway.registry.errors import BadValue, NotFound
from gateway.routing.choice import Choice
from gateway.routing.router import Router
from gateway.routing.rules import Rule
from gateway.scopes import Scope
from gateway.sms import OutgoingSms, Priority
from gateway.sms_text import measure
from gateway.tally_files import Totals
from gateway.translation import sentence
from web.identity.actor import Actor


@dataclass(frozen=True, slots=True)
class Explanation:
    """Who would carry a message, in order."""

    phone: str
    country: str
    """ISO 3166."""
    from_number: str
    owner: str
    """The provider that the number belongs to; "" where no pool holds it."""
    choice: Choice


class RouteDesk:
    """Shows rules and explains choices; nothing is sent."""

    def __init__(self, router: Router, first_number: str, region: str, totals: Callable[[], Awaitable[Totals]]) -> None:
        """`first_number` stands for an account's where none is named; `region` reads national phones."""
        self._router = router
        self._first_number = first_number
        self._region = region
        self._totals = totals

    def rules(self, actor: Actor) -> tuple[Rule, ...]:
        """The rules, in the order in which they are tried."""
        actor.require(Scope.PROVIDERS_READ)
        return self._router.book.rules

    async def explain(
        self, actor: Actor, phone: str, *, org_id: str = "", kind: Priority = Priority.DIALOG, sender: str = ""
    ) -> Explanation:
        """Say who would carry a message to a phone. Raises BadValue, NotFound."""
        actor.require(Scope.PROVIDERS_READ)
        if org_id and not actor.sees(org_id):
            raise NotFound(sentence("there is no such organisation"))
        number = self._number(sender) if sender.strip() else self._first_number
        if not number:
            raise BadValue(sentence("there is no [[pool]]: say from which number it leaves"))
        message = OutgoingSms(
            id="",
            org_id=actor.org_id or org_id,
            account_id="",
            key_id="",
            from_number=number,
            to_number=self._number(phone),
            text=measure("."),
            provider="",
            priority=kind,
        )
        resting = (await self._totals()).breakers_open
        return Explanation(
            phone=message.to_number,
            country=country_of(message.to_number),
            from_number=number,
            owner=self._router.owner_of(number),
            choice=self._router.choose(message, lambda provider: provider in resting),
        )

    def _number(self, written: str) -> str:
        digits = "".join(written.split())
        if self._router.owner_of(digits):  # our own numbers are in no plan
            return digits
        try:
            return to_e164(written, self._region)
        except NumberError as error:
            raise BadValue(sentence("'%(written)s' is no phone number", written=written)) from error
