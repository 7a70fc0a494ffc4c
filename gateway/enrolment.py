"""Accounts opened and closed by mail: subscribe@ (D5) and unsubscribe@ (D13)."""

from __future__ import annotations

import re
from collections.abc import Callable

from gateway import errors, maillog
from gateway.accounts import Accounts
from gateway.letters import Letters
from gateway.maillog import Event
from gateway.model import Account, Envelope, LocalAddress, OutgoingMail, ParsedMail, Proof, Reply
from gateway.rates import Rate
from gateway.registry.employee_address import fold_email
from gateway.spool import Spool
from gateway.store.spool_items import Acceptance, mail_record

_KEY = re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{32}(?![0-9A-Fa-f])")
_GROUPED = re.compile(r"(?<![0-9A-Za-z])(?:[0-9A-Fa-f][ \t\n-]{0,2}){31}[0-9A-Fa-f](?![0-9A-Za-z])")
"""As people copy it: in groups, or broken over two lines."""


OPENINGS, OPENING_SECONDS = 3, 8 * 3600.0
"""Accounts that one address may open by mail, and the seconds after which it may open one more.

Each takes a number, and one that was dropped rests for weeks: whoever opens and closes all day would leave none."""

_MAX_SEARCHED = 100_000
"""Characters of a mail that are searched for the key."""


class Enrolment:
    """Takes mail to subscribe@ and unsubscribe@ from proven senders."""

    def __init__(self, *, accounts: Accounts, spool: Spool, letters: Letters, mail_queued: Callable[[], None]) -> None:
        self._mail_queued = mail_queued
        self._accounts = accounts
        self._spool = spool
        self._letters = letters
        self._openings = Rate(OPENINGS, OPENING_SECONDS)

    async def subscribe(self, envelope: Envelope, mail: ParsedMail, proof: Proof) -> dict[LocalAddress, Reply]:
        """Open the sender's account and queue the welcome; asked again, the same number is told again."""
        key = _first_key(mail.subject, mail.text)
        if key is None:
            raise errors.subscription_refused("key missing")
        await self._accounts.refresh()
        account = await self._open(key, envelope, mail.from_address, proof)
        maillog.note(Event.ACCOUNT_OPENED, id=envelope.id, account=account.id, proof=proof.method)
        welcome = await self._letters.welcome(account, mail.message_id)
        return await self._answer(envelope, mail, proof, account, "subscribe", welcome)

    async def unsubscribe(self, envelope: Envelope, mail: ParsedMail, proof: Proof) -> dict[LocalAddress, Reply]:
        """Close the sender's account under the key that stands anywhere in the mail, and confirm."""
        key = _first_key(mail.subject, mail.text, mail.cut)
        if key is None:
            raise errors.key_missing()
        await self._accounts.refresh()
        account = await self._accounts.unsubscribe(key, mail.from_address)
        if account is None:
            raise errors.nothing_to_close()
        maillog.note(Event.ACCOUNT_CLOSED, id=envelope.id, account=account.id, proof=proof.method)
        closed = self._letters.closed(account, mail.message_id)
        return await self._answer(envelope, mail, proof, account, "unsubscribe", closed)

    async def _open(self, key: str, envelope: Envelope, sender: str, proof: Proof) -> Account:
        """The sender's account under the key, which is told as often as it is asked for and opened only so often."""
        name = fold_email(sender)
        wait = self._openings.wait(name, envelope.received_at)
        if wait and not await self._has_account(key, sender):
            raise errors.opened_too_often(wait)
        account = await self._accounts.subscribe(key, sender, proof)
        if account.opened_at >= envelope.received_at:
            self._openings.count(name, envelope.received_at)
        return account

    async def _has_account(self, secret: str, sender: str) -> bool:
        key = await self._accounts.find_key(secret)
        return key is not None and await self._accounts.account_of(key.id, sender) is not None

    async def _answer(
        self,
        envelope: Envelope,
        mail: ParsedMail,
        proof: Proof,
        account: Account,
        decision: str,
        letter: OutgoingMail,
    ) -> dict[LocalAddress, Reply]:
        record = mail_record(envelope, mail, proof, decision, account)
        await self._spool.put(Acceptance(record, mails=(letter,)))
        self._mail_queued()
        return dict.fromkeys(envelope.recipients, Reply(f"taken as {envelope.id}"))


def _first_key(*texts: str) -> str | None:
    """The first thing that looks like a key; a person may write it with words around."""
    for form in (_KEY, _GROUPED):
        for text in texts:
            if found := form.search(text[:_MAX_SEARCHED]):
                return re.sub(r"[^0-9a-f]", "", found.group().lower())
    return None
