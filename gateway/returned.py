"""What comes back and what is for the operator: bounces to our return paths, mail to postmaster@ and abuse@."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from gateway import errors, maillog
from gateway.accounts import Accounts
from gateway.bounces import Bounce, is_complaint, read_bounce
from gateway.errors import Refusal
from gateway.keyring import Keyring
from gateway.letters import Letters
from gateway.mail_compose import Fact, OperatorCase
from gateway.mail_parse import parse
from gateway.maillog import Event
from gateway.model import Clock, Envelope, LocalAddress, OutgoingMail, Reply
from gateway.rates import Rate
from gateway.store.database import Database
from gateway.store.mail_queue_sql import Bounced, NewMails, bounce, put

MAX_OPERATOR_MAIL = 1_000_000
"""Bytes of a mail that is passed on to the operator: anybody may write there, and each is stored whole."""
OPERATOR_MAILS = 60
"""Mails an hour that are passed on to the operator, as many at once."""

Bouncing = Callable[[Any, Sequence[Bounced]], list[OutgoingMail | None]]


class Returned:
    """Takes mail that no employee wrote."""

    def __init__(
        self,
        *,
        database: Database,
        accounts: Accounts,
        keyring: Keyring,
        letters: Letters,
        clock: Clock,
        mail_queued: Callable[[], None],
        bounce: Bouncing = bounce,
        complained: Callable[[str], Awaitable[bool]] | None = None,
    ) -> None:
        """`bounce` is the work that notes a bounce; `complained` hears of a mail whose reader called it junk."""
        self._bounce = bounce
        self._complained = complained
        self._mail_queued = mail_queued
        self._database = database
        self._accounts = accounts
        self._keyring = keyring
        self._letters = letters
        self._clock = clock
        self._passed_on = Rate(OPERATOR_MAILS, 3600 / OPERATOR_MAILS)

    async def take_bounce(self, envelope: Envelope) -> dict[LocalAddress, Reply]:
        """Mark the mailbox that a mail of ours could not be delivered to; anything but a final bounce is let go."""
        bounced = await asyncio.to_thread(read_bounce, envelope.content)
        complaint = bounced is None and await asyncio.to_thread(is_complaint, envelope.content)
        for address in envelope.recipients:
            mail_id = self._keyring.open_token(address.value)
            if not (complaint and mail_id is not None and await self._complaint(mail_id)):
                await self._mark(envelope, mail_id, bounced)
        return dict.fromkeys(envelope.recipients, Reply(f"taken as {envelope.id}"))

    async def _complaint(self, mail_id: str) -> bool:
        return self._complained is not None and await self._complained(mail_id)

    async def _mark(self, envelope: Envelope, mail_id: str | None, bounced: Bounce | None) -> None:
        if mail_id is None or bounced is None or not bounced.permanent:
            maillog.note(Event.MAIL_AUTOMATIC, id=envelope.id, about=mail_id, cause="not a final bounce")
            return
        cause = f"{bounced.status} {bounced.diagnostic}".strip()
        mail = await self._database.write(self._bounce, Bounced(mail_id, self._clock.now(), cause))
        if mail is not None and mail.account_id is not None:
            await self._accounts.mark_mailbox(mail.account_id, cause)
            maillog.warn(Event.MAILBOX_BOUNCED, id=mail_id, account=mail.account_id, cause=cause)

    async def take_operator_mail(self, envelope: Envelope) -> dict[LocalAddress, Reply]:
        """Pass a mail on to the operator as an attachment, once, whatever number of roles it was sent to.

        A machine's mail ends here, so that no two gateways write to each other's operators for ever. Anybody may write
        to these addresses without proof, so size and number are limited (RFC 5321 §4.5.1 allows refusing abuse).
        """
        automatic = await self._automatic(envelope)
        if automatic:
            maillog.note(Event.MAIL_AUTOMATIC, id=envelope.id, cause=automatic, mail_from=envelope.mail_from)
            return dict.fromkeys(envelope.recipients, Reply("automatic mail, not passed on"))
        if len(envelope.content) > MAX_OPERATOR_MAIL:
            raise errors.too_big(MAX_OPERATOR_MAIL)
        if self._passed_on.take("operator", self._clock.now()):
            raise errors.too_many_for_operator()
        facts = [(Fact.FROM, envelope.mail_from or "<>"), (Fact.ID, envelope.id)]
        letter = self._letters.operator(
            OperatorCase.FORWARDED, facts, address=envelope.recipients[0].address, original=envelope.content
        )
        await self._database.write(put, NewMails((letter,), about=envelope.id))
        self._mail_queued()
        maillog.note(Event.MAIL_ACCEPTED, id=envelope.id, phones=0, mail_from=envelope.mail_from)
        return dict.fromkeys(envelope.recipients, Reply(f"taken as {envelope.id}"))

    async def _automatic(self, envelope: Envelope) -> str | None:
        if not envelope.mail_from:
            return "null return path"
        try:
            return (await asyncio.to_thread(parse, envelope.content)).automatic
        except Refusal as refusal:
            if refusal.cause == errors.mail_loop().cause:
                raise
            return None  # unreadable to us, perhaps not to the operator
