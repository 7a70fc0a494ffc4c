"""What waits for a person: SMS in doubt, held, asked about and nobody's; and deciding about them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from gateway import maillog
from gateway.accounts import Accounts
from gateway.hand_delivery import HandDelivery
from gateway.listed_sms import ListedSms, Need, Undecided, Way
from gateway.maillog import Event
from gateway.message_log import MessageLog
from gateway.model import Account, ApiKey, Clock
from gateway.paging import PAGE_SIZE, Count, Page
from gateway.registry.employee_address import valid_address
from gateway.registry.errors import BadValue, NotFound
from gateway.scopes import Scope
from gateway.sms import MessageState
from gateway.store import overdue_sql
from gateway.store.database import Database
from gateway.store.overdue_sql import Ruling
from gateway.translation import sentence
from gateway.undecided import UndecidedSms
from web.desk.naming import named_account
from web.identity.actor import Actor
from web.identity.audit import Audit


class Verdict(StrEnum):
    """What a person says about an SMS of which nobody knows whether it was sent."""

    SENT = "sent"
    """It has left: its report is waited for."""
    NOT_SENT = "not-sent"
    """It has not left, and shall not."""
    AGAIN = "again"
    """It is sent again, and the phone may get it twice."""


_STATES = {
    Verdict.SENT: MessageState.SUBMITTED,
    Verdict.NOT_SENT: MessageState.FAILED,
    Verdict.AGAIN: MessageState.QUEUED,
}


@dataclass(frozen=True, slots=True)
class Waiting:
    """An SMS that waits, with the account and the paused key that hold it, where they do."""

    need: Need
    sms: ListedSms
    likely: tuple[str, ...]
    """Addresses of open accounts that it could be for."""
    last: str
    """The address of the account that had the number last, where nobody has it now."""
    key: ApiKey | None


@dataclass(frozen=True, slots=True)
class Handed:
    """To whom an SMS goes."""

    email: str
    answerable: bool
    """Whether the address has an account, so that an answer reaches the phone."""


class AttentionDesk:
    """Shows what waits, and decides. What belongs to no organisation is the operators'."""

    def __init__(
        self,
        database: Database,
        accounts: Accounts,
        hand_delivery: HandDelivery,
        audit: Audit,
        clock: Clock,
        *,
        mail_domains: tuple[str, ...],
        mail_queued: Callable[[], None],
    ) -> None:
        """`mail_queued` is called when a mail waits to leave; nobody has a mailbox at `mail_domains`."""
        self._database = database
        self._accounts = accounts
        self._hand_delivery = hand_delivery
        self._audit = audit
        self._clock = clock
        self._mail_domains = mail_domains
        self._mail_queued = mail_queued
        self._log = MessageLog(database)
        self._undecided = UndecidedSms(database)

    # --- looking -----------------------------------------------------------------------------------------------

    async def count(self, actor: Actor) -> dict[Need, Count]:
        """How many wait, by what they need."""
        actor.require(Scope.MESSAGES_READ)
        return await self._undecided.count(actor.org_id)

    async def list(
        self, actor: Actor, need: Need | None = None, *, cursor: str | None = None, size: int = PAGE_SIZE
    ) -> Page[Waiting]:
        """What waits, the newest first. Raises BadValue."""
        actor.require(Scope.MESSAGES_READ)
        found = await self._undecided.page(need, actor.org_id, cursor=cursor, size=size)
        waiting = await asyncio.gather(*(self._waiting(each) for each in found.items))
        return Page(tuple(waiting), found.next, found.previous, found.searched_to)

    async def get(self, actor: Actor, message_id: str) -> Waiting:
        """One SMS that waits and that the actor may decide about. Raises NotFound."""
        actor.require(Scope.MESSAGES_RESOLVE)
        sms = await self._log.find(message_id, org_id=actor.org_id)
        if sms is None or (sms.way, sms.state) not in _WAITING:
            raise _decided()
        found = await self._undecided.about(sms, actor.org_id)
        return await self._waiting(found)

    async def _waiting(self, found: Undecided) -> Waiting:
        account = await self._accounts.account(found.sms.account_id) if found.sms.account_id else None
        return Waiting(
            need=found.need,
            sms=found.sms,
            likely=tuple(each.email for each in found.candidates if each.closed_at is None),
            last=next((each.email for each in found.candidates if each.closed_at is not None), ""),
            key=await self._holding(account) if found.need is Need.HELD else None,
        )

    async def _holding(self, account: Account | None) -> ApiKey | None:
        return None if account is None else await self._accounts.key(account.key_id)

    # --- deciding ----------------------------------------------------------------------------------------------

    async def rule(self, actor: Actor, message_id: str, verdict: Verdict) -> None:
        """Say what became of an SMS in doubt. Raises NotFound, BadValue."""
        waiting = await self.get(actor, message_id)
        sms, state = waiting.sms, _STATES[verdict]
        if waiting.need is not Need.UNKNOWN:
            raise _decided()
        if verdict is Verdict.AGAIN and sms.text is None:
            raise BadValue(sentence("its text was removed: there is nothing to send again"))
        ruling = Ruling(sms.id, state, self._clock.now(), actor.name)
        if not await self._database.write(overdue_sql.rule, ruling):
            raise _decided()
        maillog.note(Event.SMS_RULED, id=sms.id, state=state, by=actor.kind)
        await self._audit.note(actor, "message.resolve", sms.id, org_id=sms.org_id, verdict=verdict, phone=sms.phone)

    async def deliver(self, actor: Actor, message_id: str, to: str) -> Handed:
        """Mail an SMS that has reached nobody to an account (address, number or id) or to any other mail address.

        Raises NotFound, BadAddress, BadValue, PausedKey.
        """
        waiting = await self.get(actor, message_id)
        sms = waiting.sms
        if waiting.need is Need.UNKNOWN:
            raise _decided()
        if sms.text is None:
            raise BadValue(sentence("its text was removed: there is nothing to hand on"))
        email = await self._address(actor, to)
        way = await self._hand_delivery.deliver(sms.id, email, actor.org_id)
        if way is None:
            raise _decided()
        self._mail_queued()
        await self._audit.note(actor, "message.deliver", sms.id, org_id=way.org_id or sms.org_id, to=email)
        return Handed(email, way.account_id is not None)

    async def _address(self, actor: Actor, to: str) -> str:
        if "@" in to:
            return valid_address(to, self._mail_domains)
        return (await named_account(self._accounts, actor, to)).email


_WAITING = {(Way.OUT if need is Need.UNKNOWN else Way.IN, str(need)) for need in Need}


def _decided() -> NotFound:
    return NotFound(sentence("this message waits for nobody: somebody has decided, or its report came"))
