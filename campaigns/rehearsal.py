"""What one contact would get, sent to oneself before the campaign starts: as an SMS, or as an e-mail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from campaigns.campaign import Campaign
from campaigns.campaigns import Campaigns, Checked
from campaigns.drafts import BadDraft
from campaigns.emails import Email, EmailWriter
from campaigns.model import Channel
from gateway.accounts import Accounts
from gateway.model import Author, Clock, new_id
from gateway.registry.errors import BadValue, NotFound
from gateway.sending import Sending, Sent, Wish
from gateway.store import mail_queue_sql
from gateway.store.database import Database
from gateway.store.mail_queue_sql import NewMails
from gateway.translation import sentence


class Rehearsal:
    """Sends tests. The campaign does not count them, and they change nothing of the contact."""

    def __init__(
        self,
        *,
        database: Database,
        campaigns: Campaigns,
        accounts: Accounts,
        sending: Sending,
        emails: EmailWriter,
        clock: Clock,
        mail_queued: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._campaigns = campaigns
        self._accounts = accounts
        self._sending = sending
        self._emails = emails
        self._clock = clock
        self._mail_queued = mail_queued

    async def by_sms(self, org_id: str | None, campaign_id: str, contact_id: int, phone: str, author: Author) -> Sent:
        """Send the text that a contact would get to a phone. Raises NotFound, BadValue, the Refusal of the SMS."""
        campaign = await self._campaigns.get(org_id, campaign_id)
        if campaign.content.channel is not Channel.SMS:
            raise BadDraft({"phone": sentence("a campaign by e-mail is tried by e-mail: leave the phone out")})
        got = await self._campaigns.check(org_id, campaign_id, contact_id)
        if got.text is None:
            raise _nothing_to_try(got)
        return await self._sending.send(Wish(campaign.content.account_id, (phone,), got.text.text, author))

    async def by_email(self, org_id: str | None, campaign_id: str, contact_id: int, address: str | None) -> Email:
        """Queue the mail that a contact would get for another address, that of the person responsible for None.

        Nobody can be unsubscribed by it. Raises NotFound, BadValue.
        """
        campaign = await self._campaigns.get(org_id, campaign_id)
        if campaign.content.channel is not Channel.EMAIL:
            raise BadDraft({"phone": sentence("say which phone the test goes to")})
        got = await self._campaigns.check(org_id, campaign_id, contact_id)
        if got.email is None:
            raise _nothing_to_try(got)
        return await self._queue(campaign, got.email, address)

    async def _queue(self, campaign: Campaign, email: Email, address: str | None) -> Email:
        account = await self._accounts.account(campaign.content.account_id)
        owner = await self._accounts.organisation(campaign.org_id)
        if account is None or owner is None:
            raise NotFound(sentence("there is no such campaign"))
        now = self._clock.now()
        tried = replace(email, id=new_id(now), address=address or account.email)
        mail = self._emails.rehearsal(tried, account, owner.name, now)
        await self._database.write(mail_queue_sql.put, NewMails((mail,)))
        self._mail_queued()
        return tried


def _nothing_to_try(got: Checked) -> BadValue:
    reason = got.reason.words if got.reason else ""
    return BadValue(sentence("this contact gets no text to try: %(reason)s", reason=reason))
