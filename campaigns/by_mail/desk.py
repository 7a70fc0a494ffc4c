"""Takes mail to campaign@: a text makes a draft that is shown by mail, "OK" to that starts it.

In: a mail whose sender is proven, as for mail to phones. Out: a reply when everything that it leads to is durable; or
the Refusal. Promises: nothing is sent before somebody who may start campaigns has read what would be sent and answered
OK to that very text within a day; one OK starts it once. Machines are never answered (the intake sees to that).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final, Protocol

from campaigns.approval import Who, with_growth
from campaigns.approvals import Approvals
from campaigns.by_mail.letters import ByMailLetters
from campaigns.by_mail.words import MOST_NAMED, Answer, answer_of, groups_in, id_in, similar
from campaigns.campaign import Campaign, Content, NotNow, State
from campaigns.campaigns import Campaigns
from campaigns.model import Audience, Group
from campaigns.schedule import read_window
from campaigns.store import book_sql, mail_sql
from campaigns.store.campaign_rows import fingerprint
from campaigns.store.mail_sql import Answered, Shown
from gateway import errors
from gateway.accounts import Accounts
from gateway.local_forms import zone_of
from gateway.model import Account, Clock, Envelope, LocalAddress, OutgoingMail, ParsedMail, Proof, ProofMethod, Reply
from gateway.rates import Rate
from gateway.registry.errors import AccountError, NotFound
from gateway.spool import Spool
from gateway.store.database import Database
from gateway.store.spool_items import Acceptance, mail_record
from gateway.translation import Sentence, sentence

GOOD_SECONDS: Final = 24 * 3600.0
"""For which an answer counts."""
_EXPLAINED: Final = 3
"""Unknown names of a Subject for which similar ones are looked for."""
MAILS, MAIL_SECONDS = 20, 60.0
"""Mails that one account may write at once, and the seconds after which it may write one more."""


class Starters(Protocol):
    """Knows who may start campaigns."""

    async def starter(self, org_id: str, email: str) -> Who | None:
        """The person of this mail address, if they may start an organisation's campaigns, and by mail."""
        ...


Notes = Callable[[Who, str, Campaign], Awaitable[None]]
"""Keeps in the audit log who did what with which campaign."""


class CampaignByMail:
    """Takes the mails."""

    def __init__(
        self,
        *,
        database: Database,
        accounts: Accounts,
        campaigns: Campaigns,
        approvals: Approvals,
        starters: Starters,
        note: Notes,
        letters: ByMailLetters,
        spool: Spool,
        clock: Clock,
        mail_queued: Callable[[], None],
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._campaigns = campaigns
        self._approvals = approvals
        self._starters = starters
        self._note = note
        self._letters = letters
        self._spool = spool
        self._clock = clock
        self._mail_queued = mail_queued
        self._rate = Rate(MAILS, MAIL_SECONDS)

    async def take(self, envelope: Envelope, mail: ParsedMail, proof: Proof) -> dict[LocalAddress, Reply]:
        """Make a campaign, or start one; the answer is a mail. Raises Refusal."""
        if proof.method is ProofMethod.NONE:
            raise errors.unproven_sender("whoever starts campaigns has to be proven")
        account, who = await self._sender(mail.from_address)
        wait = self._rate.take(account.id, envelope.received_at)
        if wait:
            raise errors.too_many_mails("your account", wait).to(account.language)
        asked = id_in(mail.subject)
        letter = await (self._answered(account, who, mail, asked) if asked else self._made(account, who, mail))
        record = mail_record(envelope, mail, proof, "campaign-mail", account)
        await self._spool.put(Acceptance(record, mails=(letter,)))
        self._mail_queued()
        return dict.fromkeys(envelope.recipients, Reply(f"taken as {envelope.id}"))

    async def _sender(self, email: str) -> tuple[Account, Who]:
        """The one account of a person who may start campaigns from it."""
        await self._accounts.refresh()
        owned = await self._accounts.accounts_of(email)
        if not owned:
            raise errors.no_campaigns()
        able = [(account, await self._starters.starter(account.org_id, email)) for account in owned]
        mine = [(account, who) for account, who in able if who is not None]
        if not mine:
            raise errors.no_campaigns().to(owned[0].language)
        if len(mine) > 1:
            raise errors.several_accounts().to(owned[0].language)
        key = await self._accounts.key(mine[0][0].key_id)
        if key is None or key.paused:
            raise errors.paused_key().to(owned[0].language)
        return mine[0]

    # --- a text becomes a draft ------------------------------------------------------------------------------------

    async def _made(self, account: Account, who: Who, mail: ParsedMail) -> OutgoingMail:
        identity = mail.message_id or mail.content_hash
        before = await self._database.read(partial(mail_sql.shown, account_id=account.id, identity=identity))
        try:
            if before is not None:
                campaign = await self._campaigns.get(account.org_id, before.campaign_id)
                if campaign.state is not State.DRAFT:
                    return self._letters.said(account, mail, [_ANSWERED], campaign)
            else:
                made = await self._draft(account, who, mail)
                if isinstance(made, OutgoingMail):
                    return made
                campaign = made
            return await self._shown(account, mail, campaign, identity)
        except AccountError as error:
            return self._letters.said(account, mail, [_NOT_MADE, error.told])

    async def _draft(self, account: Account, who: Who, mail: ParsedMail) -> Campaign | OutgoingMail:
        book = await self._database.read(partial(book_sql.book, org_id=account.org_id))
        groups = book.groups if book is not None else {}
        found, unknown = groups_in(mail.subject, groups)
        if unknown or not found:
            return self._letters.said(account, mail, _no_group(unknown, groups))
        content = Content(
            name=", ".join(group.name for group in found)[:200],
            account_id=account.id,
            texts={"": mail.text.strip()},
            audience=Audience(groups=tuple(group.id for group in found)),
            window=read_window("", zone_of(account.region).key),
        )
        made = await self._campaigns.create(account.org_id, content, who.name)
        await self._note(who, "campaign.create", made)
        return made

    async def _shown(self, account: Account, mail: ParsedMail, campaign: Campaign, identity: str) -> OutgoingMail:
        estimate = [each async for each in self._campaigns.estimate(account.org_id, campaign.id)][-1]
        example = await self._campaigns.example(account.org_id, campaign.id)
        said = fingerprint(campaign.content)
        kept = Shown(campaign.id, account.id, identity, said, self._clock.now(), estimate.total)
        await self._database.write(mail_sql.show, kept)
        above = await self._approvals.above(account.org_id)
        return self._letters.shown(account, mail, campaign, estimate, example, above)

    # --- an answer to what was shown -------------------------------------------------------------------------------

    async def _answered(self, account: Account, who: Who, mail: ParsedMail, campaign_id: str) -> OutgoingMail:
        shown = await self._database.read(partial(mail_sql.shown, account_id=account.id, campaign_id=campaign_id))
        campaign = await self._found(account, campaign_id) if shown is not None else None
        if shown is None or campaign is None:
            return self._letters.said(account, mail, [_UNKNOWN])
        if shown.answered_at is not None or campaign.state is not State.DRAFT:
            return self._letters.said(account, mail, [_ANSWERED], campaign)
        meant = answer_of(mail.text)
        if meant is Answer.NO:
            return await self._dropped(account, who, mail, campaign)
        against = [_UNCLEAR, _HOW] if meant is Answer.UNCLEAR else await self._outdated(shown, campaign)
        if against:
            return self._letters.said(account, mail, against, campaign)
        return await self._started(account, who, mail, campaign)

    async def _found(self, account: Account, campaign_id: str) -> Campaign | None:
        try:
            return await self._campaigns.get(account.org_id, campaign_id)
        except NotFound:  # somebody has deleted it
            return None

    async def _outdated(self, shown: Shown, campaign: Campaign) -> list[Sentence | str]:
        """Why an OK does not count any more; nothing where it does."""
        if self._clock.now() > shown.asked_at + GOOD_SECONDS:
            return [_TOO_LATE, _ANEW]
        if fingerprint(campaign.content) != shown.digest:
            return [_CHANGED, _ANEW]
        try:
            contacts = await self._campaigns.contacts(campaign)
        except AccountError as error:
            return [_NOT_STARTED, error.told]
        return [_grown(shown.contacts, contacts), _ANEW] if contacts > with_growth(shown.contacts) else []

    async def _dropped(self, account: Account, who: Who, mail: ParsedMail, campaign: Campaign) -> OutgoingMail:
        try:
            dropped = await self._campaigns.cancel(account.org_id, campaign.id)
        except NotNow:  # it is over in another way
            return self._letters.said(account, mail, [_ANSWERED], campaign)
        await self._over(dropped, who, "campaign.cancel")
        return self._letters.said(account, mail, [_DROPPED])

    async def _started(self, account: Account, who: Who, mail: ParsedMail, campaign: Campaign) -> OutgoingMail:
        try:
            started = await self._campaigns.start(account.org_id, campaign.id, who, shown=fingerprint(campaign.content))
        except NotNow:  # another answer was faster
            return self._letters.said(account, mail, [_ANSWERED], campaign)
        except AccountError as error:
            return self._letters.said(account, mail, [_NOT_STARTED, error.told], campaign)
        await self._over(started, who, "campaign.start")
        return self._letters.said(account, mail, [_WAITS if started.state is State.APPROVAL else _STARTED], started)

    async def _over(self, campaign: Campaign, who: Who, deed: str) -> None:
        """No further answer counts."""
        await self._database.write(mail_sql.answered, Answered(campaign.id, self._clock.now()))
        await self._note(who, deed, campaign)


def _grown(before: int, now: int) -> Sentence:
    return sentence(
        "It had %(before)s contacts when it was shown to you and has %(now)s now: nothing was sent.",
        before=before,
        now=now,
    )


def _no_group(unknown: tuple[str, ...], groups: Mapping[str, Group]) -> list[Sentence | str]:
    said: list[Sentence | str] = [_no_such(unknown)]
    close = list(dict.fromkeys(name for each in unknown[:_EXPLAINED] for name in similar(each, groups)))
    if close:
        said.append(sentence("Did you mean one of these? %(names)s", names=", ".join(close)))
    names = sorted(group.name for group in groups.values())
    if names:
        more = ", …" if len(names) > MOST_NAMED else ""
        said.append(sentence("Your groups: %(names)s", names=", ".join(names[:MOST_NAMED]) + more))
    else:
        said.append(sentence("There is no group yet: make one on the web page."))
    said.append(sentence("Write the name of a group as the Subject, and the text below it."))
    return said


def _no_such(unknown: tuple[str, ...]) -> Sentence:
    if unknown:
        return sentence("There is no group %(name)s.", name=unknown[0][:60])
    return sentence("The Subject names no group.")


_NOT_MADE = sentence("This could not be made a campaign.")
_NOT_STARTED = sentence("The campaign was not started.")
_UNKNOWN = sentence("There is no such campaign of yours: send its text once more, with the group as the Subject.")
_ANSWERED = sentence("This campaign was answered before: nothing was started now.")
_DROPPED = sentence("The campaign is dropped: nothing was sent.")
_UNCLEAR = sentence("Nothing was sent.")
_HOW = sentence("To send it, answer with nothing but OK on the first line; to drop it, with no.")
_TOO_LATE = sentence("More than 24 hours have gone by: nothing was sent.")
_CHANGED = sentence("The campaign was changed after it was shown to you: nothing was sent.")
_ANEW = sentence("Send the text once more, with the group as the Subject, or start it on its page.")
_STARTED = sentence("The campaign has started.")
_WAITS = sentence("The campaign waits until a second person approves it.")
