"""Writing SMS: what a text would cost, and sending it (D2, D8, D9).

Who has sent a message stands in the message's own record, so nothing is added to the audit log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.accounts import Accounts
from gateway.composer import Count, count
from gateway.dialog import phones_of, written_targets
from gateway.model import Account, Author, Origin
from gateway.pricing import Estimate, Pricing
from gateway.scopes import Scope
from gateway.sending import Sending, Sent, Wish
from gateway.settings import DialogSettings
from gateway.sms_text import prepare
from web.desk.naming import named_account
from web.identity.actor import Actor, ActorKind


@dataclass(frozen=True, slots=True)
class Quote:
    """What a text would cost."""

    count: Count
    estimate: Estimate | None
    """By phone; None where neither account nor phones are known."""


class SendingDesk:
    """Sends, and says beforehand what that takes."""

    def __init__(self, accounts: Accounts, sending: Sending, pricing: Pricing, dialog: DialogSettings) -> None:
        self._accounts = accounts
        self._sending = sending
        self._pricing = pricing
        self._dialog = dialog

    async def send(
        self, actor: Actor, account: str, phones: Sequence[str], text: str, identity: str | None = None
    ) -> Sent:
        """Queue one SMS per phone from an account (id, number or address); durable when it returns.

        `identity` names the wish: the same twice is one SMS. Raises NotFound, BadValue, or the Refusal that explains
        why nothing can go.
        """
        sender = await named_account(self._accounts, actor, account)
        actor.require_for(Scope.MESSAGES_SEND, sender.id)
        return await self._sending.send(Wish(sender.id, tuple(phones), text, author_of(actor), identity))

    async def count(self, actor: Actor, text: str, account: str = "", phones: Sequence[str] = ()) -> Quote:
        """Parts, alphabet, what is dear, a cheaper text; with an account and phones, the price where it is known.

        Raises NotFound, BadValue, Refusal.
        """
        actor.require(Scope.MESSAGES_SEND)
        counted = count(text, smart=self._dialog.smart)
        sender = await named_account(self._accounts, actor, account) if account else None
        if sender is None or not phones:
            return Quote(counted, None)
        return Quote(counted, await self._estimate(sender, phones, counted))

    async def _estimate(self, sender: Account, phones: Sequence[str], counted: Count) -> Estimate:
        known = phones_of(written_targets(phones, sender.region, self._dialog.max_recipients))
        return await self._pricing.estimate(sender, known, prepare(counted.text, smart=self._dialog.smart))


def author_of(actor: Actor) -> Author:
    """Who a message is from, as its record says it."""
    origin = Origin.API if actor.kind is ActorKind.KEY else Origin.PAGE
    return Author(origin, actor.kind, actor.id, actor.name, actor.peer_ip)
