"""Whom an incoming SMS is for, and the mails that take it there.

A number is one account's, an organisation's with keywords, shared by several accounts, or nobody's. STOP and START are
obeyed whatever else the words may mean. Where a shared number leaves it open whose answer it is, those whose it could
be are asked; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from gateway.accounts import Accounts, PausedKey
from gateway.automatic_reply import AutomaticReplies
from gateway.concatenation import Assembled
from gateway.keywords import first_word
from gateway.letters import Letters
from gateway.mail_compose import INCOMPLETE, Fact, OperatorCase
from gateway.model import Account, Clock, Organisation, OutgoingMail
from gateway.numbers import display
from gateway.optout import Wish, read_wish
from gateway.rates import Rate
from gateway.registry.number_use import Keyword, OrganisationNumber
from gateway.settings import GatewaySettings
from gateway.sms import InboundSms
from gateway.store import claim_sql
from gateway.store import inbound_sql as sql
from gateway.store.database import Database
from gateway.store.inbound_sql import InboundState, Waiting
from gateway.store.reply_sql import AutomaticReply
from gateway.threads import Thread, Threads
from gateway.translation import Sentence, Translations, sentence, translations

OPERATOR_MAILS = 20
"""Mails an hour about SMS that belong to nobody, as many at once."""
MOST_ASKED = 20
"""Accounts that are asked whose an SMS is; where more could be meant it is the operator who finds out."""

_LATE: Final = sentence("(A part of this message was missing. It has arrived: this is the whole text.)")
_WISHES: Final[Mapping[Wish, Sentence]] = {
    Wish.STOP: sentence(
        "This phone has asked for no more SMS from your organisation. Answers are not sent until it writes START."
    ),
    Wish.START: sentence("This phone wants SMS from your organisation again."),
}


@dataclass(frozen=True, slots=True)
class Coming:
    """A whole SMS on its way in: new, or held back under an id of its own until now."""

    id: str
    whole: Assembled
    waiting: Waiting | None = None

    @property
    def sms(self) -> InboundSms:
        """The message."""
        return self.whole.sms


@dataclass(frozen=True, slots=True)
class Readers:
    """Who could be meant by an SMS: one account; several; an address that has none; or nobody."""

    accounts: tuple[Account, ...] = ()
    org_id: str | None = None
    email: str = ""
    """Of an organisation's number: who reads what comes with this word."""
    owned: OrganisationNumber | None = None
    keyword: Keyword | None = None

    def conversations(self, phone: str) -> set[tuple[str, str]]:
        """The conversations that it may continue."""
        return {(account.id, phone) for account in self.accounts}


@dataclass(frozen=True, slots=True)
class Way:
    """Where an SMS goes."""

    state: InboundState
    org_id: str | None = None
    account_id: str | None = None
    mails: tuple[OutgoingMail, ...] = ()
    references: tuple[tuple[str, str], ...] = ()
    """Message-IDs of the account's conversation and the phone that they belong to."""
    reply: AutomaticReply | None = None


class InboundRoute:
    """Decides on SMS, from memory as far as possible."""

    def __init__(
        self,
        *,
        database: Database,
        accounts: Accounts,
        threads: Threads,
        letters: Letters,
        clock: Clock,
        replies: AutomaticReplies,
        language: str,
    ) -> None:
        """`language` is spoken to addresses of which nothing is known."""
        self._database = database
        self._accounts = accounts
        self._threads = threads
        self._letters = letters
        self._clock = clock
        self._replies = replies
        self._language = language
        self._shown = Rate(OPERATOR_MAILS, 3600 / OPERATOR_MAILS)

    # --- who could be meant ----------------------------------------------------------------------------------------

    async def readers(self, coming: Coming) -> Readers:
        """Who could be meant, as things stand now; `refresh` the accounts first."""
        if coming.waiting is not None and coming.waiting.account_id is not None:
            return await self._readers_of_held(coming, coming.waiting.account_id)
        return await self._readers_of_number(coming.sms)

    async def _readers_of_held(self, coming: Coming, account_id: str) -> Readers:
        """Of what was held for an account: the same; or, at a number that was never its own, its organisation's."""
        account = await self._accounts.account(account_id)
        if account is None:
            return Readers()
        number = coming.sms.to_number
        use = await self._accounts.number_use(number)
        shared = self._accounts.is_shared(number) or (use is not None and len(use.accounts) > 1)
        if account.number == number and not shared:
            return Readers((account,), account.org_id)
        readers = await self._readers_of_number(coming.sms)
        return readers if readers.org_id == account.org_id else Readers(org_id=account.org_id)

    async def _readers_of_number(self, sms: InboundSms) -> Readers:
        use = await self._accounts.number_use(sms.to_number)
        if use is None:
            return Readers(org_id=await self._last_organisation(sms.to_number))
        if use.organisation_number is not None:
            return await self._readers_of_organisation(sms, use.organisation_number)
        if len(use.accounts) == 1:
            return Readers(use.accounts, use.accounts[0].org_id)
        return Readers(await self._owners(sms, use.accounts), use.accounts[0].org_id)

    async def _last_organisation(self, number: str) -> str | None:
        return await self._database.read(lambda connection: sql.last_organisation(connection, number))

    async def _owners(self, sms: InboundSms, accounts: Sequence[Account]) -> tuple[Account, ...]:
        """Whose conversation it is: by a claim, or where only one has written to the phone; else all it could be."""
        ids = [account.id for account in accounts]
        found = await self._database.read(
            lambda connection: claim_sql.owners(connection, sms.to_number, sms.from_number, ids)
        )
        wanted: Collection[str] = {found.claimed} if found.claimed else found.writers or ids
        return tuple(account for account in accounts if account.id in wanted)

    async def _readers_of_organisation(self, sms: InboundSms, owned: OrganisationNumber) -> Readers:
        keyword = None if read_wish(sms.text) else owned.keywords.get(first_word(sms.text))
        email = keyword.email if keyword else owned.email
        own = [each for each in await self._accounts.accounts_of(email) if each.org_id == owned.org_id]
        # With several keys the oldest account that may be written to: each of them is the same person.
        own.sort(key=lambda account: account.opened_at)
        live = [account for account in own if await self._is_live(account)]
        return Readers(tuple((live or own)[:1]), owned.org_id, email, owned, keyword)

    async def _is_live(self, account: Account) -> bool:
        key = await self._accounts.key(account.key_id)
        return key is not None and not key.paused

    # --- where it goes ---------------------------------------------------------------------------------------------

    async def way(self, coming: Coming, readers: Readers, threads: Mapping[tuple[str, str], Thread]) -> Way:
        """Where an SMS goes, with the mails that take it there."""
        accounts = [account for account in readers.accounts if account.closed_at is None]
        live = [account for account in accounts if await self._is_live(account)]
        if accounts and not live:
            return Way(InboundState.HELD, readers.org_id, accounts[0].id)
        if len(readers.accounts) == 1 and live:
            way = await self._to_account(coming, live[0], threads, self._notes(coming, readers, live[0].language))
        elif len(readers.accounts) > 1 and len(live) <= MOST_ASKED:
            way = await self._to_several(coming, accounts, live, threads)
        elif readers.owned is not None:
            way = await self._to_reader(coming, readers, readers.owned)
        else:
            return self._to_nobody(coming, readers)
        return replace(way, org_id=readers.org_id, reply=await self._keyword_reply(coming, readers))

    async def _to_account(
        self, coming: Coming, account: Account, threads: Mapping[tuple[str, str], Thread], notes: Sequence[str]
    ) -> Way:
        thread = threads[account.id, coming.sms.from_number]
        letter = await self._letters.dialog(
            coming.sms, account, thread, note="\n".join(notes) or None, incomplete=coming.whole.incomplete
        )
        phone = coming.sms.from_number
        references = ((thread.references[0], phone), (self._letters.message_id(letter.id), phone))
        return Way(InboundState.MAILED, None, account.id, (letter,), references)

    async def _to_several(
        self,
        coming: Coming,
        meant: Sequence[Account],
        live: Sequence[Account],
        threads: Mapping[tuple[str, str], Thread],
    ) -> Way:
        """Ask all whose keys live; a STOP is nothing to be asked about, but for all of them to know."""
        wish = read_wish(coming.sms.text)
        people = ", ".join(account.email for account in meant)
        letters: list[OutgoingMail] = []
        for account in live:
            words = translations(account.language)
            notes = self._notes(coming, Readers(), account.language)
            if wish is None:
                number = display(coming.sms.to_number)
                whose = words.gettext(
                    "Who is this for? The number %(number)s is shared, and several could be meant: %(people)s. If it "
                    "is for you, answer this mail: the conversation is yours from then on.",
                    number=number,
                    people=people,
                )
                notes = [*notes, whose]
            way = await self._to_account(coming, account, threads, notes)
            letters += way.mails
        # Nothing is remembered of whose conversation it is: that is what is being asked.
        return Way(InboundState.ASKED if wish is None else InboundState.MAILED, mails=tuple(letters))

    async def _to_reader(self, coming: Coming, readers: Readers, owned: OrganisationNumber) -> Way:
        language = (await self._organisation(owned.org_id)).language
        notes = self._notes(coming, readers, language)
        if coming.whole.incomplete:
            notes = [translations(language).say(INCOMPLETE), *notes]
        letter = self._letters.reader(coming.sms, readers.email, language, notes)
        return Way(InboundState.MAILED, mails=(letter,))

    def _to_nobody(self, coming: Coming, readers: Readers) -> Way:
        """Keep it, and show it to the operator, unless a flood does: then the list of them must do."""
        sms, now = coming.sms, self._clock.now()
        mails: tuple[OutgoingMail, ...] = ()
        if not self._shown.take("operator", now):
            facts = [
                (Fact.FROM, sms.from_number),
                (Fact.TO, sms.to_number),
                (Fact.ID, coming.id),
                (Fact.TEXT, sms.text),
            ]
            mails = (self._letters.operator(OperatorCase.UNROUTED, facts),)
        reply = None
        if coming.waiting is None and not readers.accounts:
            reply = self._replies.to_unknown_number(coming.id, sms, readers.org_id)
        account_id = readers.accounts[0].id if len(readers.accounts) == 1 else None
        return Way(InboundState.UNROUTED, readers.org_id, account_id, mails, reply=reply)

    def _notes(self, coming: Coming, readers: Readers, language: str) -> list[str]:
        """What stands below the text: about parts, about the number and the word, about a wish."""
        words = translations(language)
        notes = [words.say(_LATE)] if coming.whole.late else []
        if readers.owned is not None:
            notes.append(_sent_to(words, readers.owned.number, readers.keyword))
        wish = read_wish(coming.sms.text)
        return [*notes, words.say(_WISHES[wish])] if wish else notes

    async def _keyword_reply(self, coming: Coming, readers: Readers) -> AutomaticReply | None:
        """The answer that a keyword has, unless the SMS had it when it came."""
        if readers.owned is None or readers.keyword is None or coming.waiting is not None:
            return None
        organisation = await self._organisation(readers.owned.org_id)
        return self._replies.to_keyword(coming.id, coming.sms, readers.keyword, organisation)

    async def _organisation(self, org_id: str) -> Organisation:
        organisation = await self._accounts.organisation(org_id)
        if organisation is None:
            raise LookupError(f"organisation {org_id} is missing")
        return organisation

    # --- by hand ---------------------------------------------------------------------------------------------------

    async def to_address(self, coming: Coming, email: str, org_id: str | None = None) -> Way:
        """An SMS for the address that somebody names: as if it had come for its account, where it has one.

        With `org_id` other organisations' accounts count for none. Raises PausedKey.
        """
        own = [each for each in await self._accounts.accounts_of(email) if org_id in {None, each.org_id}]
        live = [account for account in own if await self._is_live(account)]
        if own and not live:
            raise PausedKey(
                sentence("the key of %(address)s is paused: nothing goes there before it is resumed", address=email)
            )
        number = coming.sms.to_number
        if live:
            phone = coming.sms.from_number
            found = await self._threads.continue_with({(live[0].id, phone)})
            notes = self._notes(coming, Readers(), live[0].language)
            if live[0].number != number:
                notes = [*notes, _sent_to(translations(live[0].language), number, None)]
            return replace(await self._to_account(coming, live[0], found, notes), org_id=live[0].org_id)
        language = self._language
        notes = [*self._notes(coming, Readers(), language), _sent_to(translations(language), number, None)]
        return Way(InboundState.MAILED, mails=(self._letters.reader(coming.sms, email, language, notes),))


def _sent_to(words: Translations, number: str, keyword: Keyword | None) -> str:
    if keyword is None:
        return words.gettext("Sent to %(number)s.", number=display(number))
    return words.gettext("Sent to %(number)s with the keyword %(word)s.", number=display(number), word=keyword.written)


def inbound_route(
    settings: GatewaySettings, database: Database, accounts: Accounts, letters: Letters, clock: Clock
) -> InboundRoute:
    """The room with what it needs, for a server and for a single command alike."""
    dialog = settings.dialog
    return InboundRoute(
        database=database,
        accounts=accounts,
        threads=Threads(database, settings.mail.hostname),
        letters=letters,
        clock=clock,
        replies=AutomaticReplies(accounts=accounts, dialog=dialog, limits=settings.limits, clock=clock),
        language=dialog.language_for(dialog.region),
    )
