"""Messages of one account to phones become durable and leave, whoever has written them: by mail, on a page, by REST.

In: a draft: an account, targets, a text, the record of what asked for them. Out: what of it stands, after one commit.
Promises: whom an account may write to, how often, for how much and whether the phone wants it is asked here alone; a
draft under an identity that is stored already adds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from gateway import errors, maillog
from gateway.accounts import Accounts
from gateway.dialog import Target, abroad, dedupe_key, phones_of, refusal_of, without_abroad, without_opted_out
from gateway.lane import Reservation
from gateway.maillog import Event
from gateway.model import Account, OutgoingMail
from gateway.rates import Rate
from gateway.registry.directory import StaleDirectory
from gateway.settings import GatewaySettings
from gateway.sms import OutgoingSms, SmsText
from gateway.spending import Runs, charge, countries_of
from gateway.spool import Spool
from gateway.store.spool_items import Acceptance, MailRecord, Verdict
from gateway.threads import Threads

Letters: TypeAlias = Callable[[Sequence[Target]], tuple[OutgoingMail, ...]]
"""Writes what is queued with the messages, knowing who gets none."""


class Departures(Protocol):
    """Where messages leave from: asked for room before they are committed."""

    def reserve(self, messages: Sequence[OutgoingSms]) -> Reservation:
        """Choose the way of messages, and ask for room for them."""
        ...


@dataclass(frozen=True, slots=True)
class Draft:
    """One mail, page or call, understood."""

    account: Account
    targets: tuple[Target, ...]
    text: SmsText
    record: MailRecord
    """Its id and time become those of the messages."""
    identity: str
    """The same twice, to the same phone, is one SMS."""
    revision: int
    """The directory's, that all this was decided on."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What stands of a draft."""

    targets: tuple[Target, ...]
    """Those of the draft, with the problems that the commit has met."""
    messages: tuple[OutgoingSms, ...]
    new: frozenset[str]
    """Ids of the messages that were not stored before under the same identity."""


class Outbox:
    """The one way on which messages that people write get into the spool."""

    def __init__(
        self,
        *,
        settings: GatewaySettings,
        accounts: Accounts,
        spool: Spool,
        threads: Threads,
        departures: Departures,
        mail_queued: Callable[[], None],
    ) -> None:
        self._limits = settings.limits
        self._most = settings.dialog.max_recipients
        per_minute = settings.dialog.mails_per_minute
        self._rate = Rate(per_minute, 60 / per_minute) if per_minute else None
        self._runs = Runs(settings.limits.adjacent_numbers)
        self._accounts = accounts
        self._spool = spool
        self._threads = threads
        self._departures = departures
        self._mail_queued = mail_queued

    async def admit(self, account: Account) -> None:
        """Raise the Refusal of an account that rests under its key."""
        key = await self._accounts.key(account.key_id)
        if key is None or key.paused:
            raise errors.paused_key()

    def wait(self, account: Account, now: float) -> float:
        """Count one more of an account and give 0; or, where it has written too often, the seconds to wait."""
        return self._rate.take(account.id, now) if self._rate is not None else 0.0

    async def reachable(self, account: Account, targets: tuple[Target, ...]) -> tuple[Target, ...]:
        """Mark the targets that the account may not write to. Raises the Refusal where there are too many."""
        if len(phones_of(targets)) > self._most:
            raise errors.too_many_recipients(self._most)
        foreign = abroad(targets, countries_of(account.region, self._limits))
        if not foreign:
            return targets
        # Who has written to the account may be answered, wherever the phone is from.
        known = await self._threads.known(account.id, foreign)
        return without_abroad(targets, [phone for phone in foreign if phone not in known])

    async def put(self, draft: Draft, letters: Letters | None = None) -> Taken:
        """Commit one SMS per phone, and let them leave; `letters` are committed with them.

        Raises the Refusal where nothing can go at all, and StaleDirectory where the draft must be decided on anew.
        """
        targets = draft.targets
        while True:
            phones = phones_of(targets)
            if not phones:
                raise refusal_of(targets[0])
            messages, verdict = await self._commit(draft, phones, letters(targets) if letters is not None else ())
            if verdict.stored:
                break
            if verdict.over is not None:
                raise errors.daily_limit(verdict.over.whose, verdict.over.limit, verdict.over.what)
            targets = without_opted_out(targets, verdict.opted_out)
        self._watch(draft, phones)
        return Taken(targets, messages, verdict.new)

    async def _commit(
        self, draft: Draft, phones: Sequence[str], letters: tuple[OutgoingMail, ...]
    ) -> tuple[tuple[OutgoingSms, ...], Verdict]:
        account = draft.account
        with self._departures.reserve(_messages(draft, phones)) as room:
            messages = room.messages
            verdict = await self._spool.put(
                Acceptance(
                    mail=draft.record,
                    messages=messages,
                    dedupe=tuple(dedupe_key(account.id, draft.identity, phone) for phone in phones),
                    mails=letters,
                    revision=draft.revision,
                    charge=charge(account, messages, self._limits, draft.record.received_at),
                    departs=room.granted,
                    shared=self._accounts.is_shared(account.number),
                )
            )
            room.committed(verdict.new)
        if verdict.stale:
            raise StaleDirectory
        if letters:
            self._mail_queued()
        return messages, verdict

    def _watch(self, draft: Draft, phones: Sequence[str]) -> None:
        """Tell the operator of an account that writes to one number after the other."""
        run = self._runs.notice(draft.account.id, phones, draft.record.received_at)
        if run:
            maillog.warn(
                Event.ADJACENT_NUMBERS, id=draft.record.id, account=draft.account.id, phones=run, last=phones[-1]
            )


def _messages(draft: Draft, phones: Sequence[str]) -> tuple[OutgoingSms, ...]:
    account = draft.account
    return tuple(
        OutgoingSms(
            id=f"{draft.record.id}.{number}",
            org_id=account.org_id,
            account_id=account.id,
            key_id=account.key_id,
            from_number=account.number,
            to_number=phone,
            text=draft.text,
            provider=account.provider,
            created_at=draft.record.received_at,
        )
        for number, phone in enumerate(phones, 1)
    )
