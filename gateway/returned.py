"""What comes back and what is for the operator: bounces to our return paths, mail to postmaster@ and abuse@."""

from __future__ import annotations

from gateway import maillog
from gateway.accounts import Accounts
from gateway.bounces import read_bounce
from gateway.keyring import Keyring
from gateway.letters import Letters
from gateway.mail_compose import Fact, OperatorCase
from gateway.maillog import Event
from gateway.model import Clock, Envelope, LocalAddress, Reply
from gateway.store.database import Database
from gateway.store.mail_queue_sql import Bounced, NewMails, bounce, put


class Returned:
    """Takes mail that no employee wrote."""

    def __init__(
        self, *, database: Database, accounts: Accounts, keyring: Keyring, letters: Letters, clock: Clock
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._keyring = keyring
        self._letters = letters
        self._clock = clock

    async def take_bounce(self, envelope: Envelope) -> dict[LocalAddress, Reply]:
        """Mark the mailbox that a mail of ours could not be delivered to; anything but a final bounce is let go."""
        bounced = read_bounce(envelope.content)
        for address in envelope.recipients:
            mail_id = self._keyring.open_token(address.value)
            if mail_id is None or bounced is None or not bounced.permanent:
                maillog.note(Event.MAIL_AUTOMATIC, id=envelope.id, about=mail_id, cause="not a final bounce")
                continue
            cause = f"{bounced.status} {bounced.diagnostic}".strip()
            mail = await self._database.write(bounce, Bounced(mail_id, self._clock.now(), cause))
            if mail is not None and mail.account_id is not None:
                await self._accounts.mark_mailbox(mail.account_id, cause)
                maillog.warn(Event.MAILBOX_BOUNCED, id=mail_id, account=mail.account_id, cause=cause)
        return dict.fromkeys(envelope.recipients, Reply(f"taken as {envelope.id}"))

    async def take_operator_mail(self, envelope: Envelope) -> dict[LocalAddress, Reply]:
        """Pass a mail on to the operator, whole, as an attachment."""
        facts = [(Fact.FROM, envelope.mail_from or "<>"), (Fact.ID, envelope.id)]
        letters = tuple(
            self._letters.operator(OperatorCase.FORWARDED, facts, address=address.address, original=envelope.content)
            for address in envelope.recipients
        )
        await self._database.write(put, NewMails(letters, about=envelope.id))
        maillog.note(Event.MAIL_ACCEPTED, id=envelope.id, phones=0, mail_from=envelope.mail_from)
        return dict.fromkeys(envelope.recipients, Reply(f"taken as {envelope.id}"))
