"""Large campaigns ask a second person: asked, approved, sent back, and told by mail.

In: a campaign that somebody wants to start, or an answer. Out: the campaign as it stands then; NotNow where it cannot
be. Who may start and approve at all is asked by whoever calls; that it is another person is seen to here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from campaigns.approval import LONGEST_WORD, Approver, Approvers, Who, is_large
from campaigns.approval_letters import ApprovalLetters
from campaigns.campaign import Campaign, NotNow
from campaigns.store import approval_sql
from gateway.model import Clock, OutgoingMail
from gateway.registry.errors import BadValue
from gateway.store import mail_queue_sql
from gateway.store.database import Database
from gateway.store.mail_queue_sql import NewMails
from gateway.translation import sentence

MOST_TOLD = 50
"""People who are told of one campaign."""
MOST_WAITING = 200


class Approvals:
    """Asks and answers."""

    def __init__(
        self,
        *,
        database: Database,
        approvers: Approvers,
        letters: ApprovalLetters,
        above: int,
        clock: Clock,
        mail_queued: Callable[[], None] = lambda: None,
    ) -> None:
        """`above`: contacts above which a campaign needs it, where the organisation says nothing else; 0 is never."""
        self._database = database
        self._approvers = approvers
        self._letters = letters
        self._above = above
        self._clock = clock
        self._mail_queued = mail_queued

    async def above(self, org_id: str) -> int:
        """Contacts above which a campaign of an organisation needs an approval; 0 is never."""
        own = await self._database.read(partial(approval_sql.above, org_id=org_id))
        return self._above if own is None else own

    async def set_above(self, org_id: str, contacts: int | None) -> None:
        """Set that; None is as the gateway's configuration says. Raises BadValue."""
        if contacts is not None and not 0 <= contacts <= 1_000_000_000:
            raise BadValue(sentence("write a number of contacts, 0 for never"))
        await self._database.write(approval_sql.set_above, approval_sql.Above(org_id, contacts))

    async def needed(self, org_id: str, recipients: int) -> bool:
        """Whether so many contacts need an approval."""
        return is_large(recipients, await self.above(org_id))

    async def ask(self, campaign: Campaign, who: Who, recipients: int) -> Campaign | NotNow | None:
        """Let a campaign wait until somebody else has approved it, and tell them."""
        now = self._clock.now()
        told = await self._others(campaign.org_id, who.person_id)
        letters = tuple(self._letters.asked(campaign, who, recipients, each) for each in told)
        outcome = await self._database.write(
            approval_sql.ask, approval_sql.Ask(campaign, who, recipients, now, letters)
        )
        self._mail_queued()
        return outcome

    async def answer(
        self, campaign: Campaign, who: Who, *, approved: bool, word: str = "", asked_at: float | None = None
    ) -> Campaign | NotNow | None:
        """Approve it, or send it back with a word; `asked_at` is what was read. Raises BadValue."""
        word = word.strip()
        if len(word) > LONGEST_WORD:
            raise BadValue(sentence("write at most %(most)s characters", most=LONGEST_WORD))
        letters: tuple[OutgoingMail, ...] = ()
        if "@" in campaign.approval.asked_by:
            language = await self._language(campaign)
            letters = (self._letters.answered(campaign, who, approved=approved, word=word, language=language),)
        answer = approval_sql.Answer(campaign, who, self._clock.now(), approved, word, asked_at, letters)
        outcome = await self._database.write(approval_sql.answer, answer)
        self._mail_queued()
        return outcome

    async def tell_grown(self, campaign: Campaign) -> None:
        """Tell those who may let a campaign go on whose audience has grown."""
        letters = [
            self._letters.grown(campaign, each)
            for each in await self._others(campaign.org_id, campaign.approval.asked_person)
        ]
        if letters:
            await self._database.write(mail_queue_sql.put, NewMails(tuple(letters)))
            self._mail_queued()

    async def _others(self, org_id: str, person_id: str) -> list[Approver]:
        """Those who may approve, but for who has started it."""
        return [each for each in await self._approvers.of(org_id) if each.id != person_id][:MOST_TOLD]

    async def go_on(self, campaign: Campaign, who: Who, contacts: int) -> Campaign | NotNow | None:
        """Let one go on, and reach so many contacts, where `who` is another than who has started it."""
        answer = approval_sql.Answer(campaign, who, self._clock.now(), approved=True, contacts=contacts)
        return await self._database.write(approval_sql.go_on, answer)

    async def _language(self, campaign: Campaign) -> str:
        """Of who asked."""
        approvers = await self._approvers.of(campaign.org_id)
        return next((each.language for each in approvers if f"person:{each.id}" == campaign.approval.asked_id), "")

    async def waiting(self, org_id: str | None) -> list[Campaign]:
        """Campaigns that wait for approval, the longest first."""
        return await self._database.read(partial(approval_sql.waiting, org_id=org_id, most=MOST_WAITING))
