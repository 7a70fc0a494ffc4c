"""One mail in, one decision out: what it leads to is stored, or a refusal explains itself.

The SMTP edge asks here (`gateway.model.MailTaker`). A reply without refusal means that everything the mail leads to
is durably committed. This room sorts recipients and asks who wrote; what a mail to phones, a subscription or a bounce
needs is done in the rooms that it calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from gateway import errors, maillog
from gateway.accounts import Accounts
from gateway.address import read_recipient
from gateway.dialog_in import DialogIn
from gateway.enrolment import Enrolment
from gateway.errors import Refusal
from gateway.keyring import LEAVING, Keyring
from gateway.mail_auth import MailAuth
from gateway.mail_parse import parse
from gateway.maillog import Event
from gateway.model import AddressKind, Envelope, LocalAddress, ParsedMail, Peer, Proof, Reply
from gateway.numbers import NumberError, from_local_part
from gateway.returned import Returned
from gateway.settings import GatewaySettings
from gateway.store.database import StoreUnavailableError

IN_LOOP = 4 * 1024
"""Bytes up to which a mail is parsed in the loop; a larger one could stall it, and is parsed in a thread."""

_SMS = {AddressKind.KEY, AddressKind.NUMBER}
_ROOM = {kind: AddressKind.KEY if kind in _SMS else kind for kind in AddressKind}
"""Kinds that one room decides on together."""

Replies = dict[LocalAddress, Reply]
_Takes = Callable[[Envelope], Awaitable[Replies]]
TakesProven = Callable[[Envelope, ParsedMail, Proof], Awaitable[Replies]]
"""Decides on a mail that a person wrote and somebody vouches for; raises the Refusal."""


class Intake:
    """Decides on every recipient and every mail."""

    def __init__(
        self,
        *,
        settings: GatewaySettings,
        accounts: Accounts,
        keyring: Keyring,
        mail_auth: MailAuth,
        dialog: DialogIn,
        enrolment: Enrolment,
        returned: Returned,
        leave: _Takes | None = None,
        campaign: TakesProven | None = None,
    ) -> None:
        """`leave` takes what is written to addresses that unsubscribe from campaigns, `campaign` what to campaign@."""
        self._settings = settings
        self._accounts = accounts
        self._keyring = keyring
        self._mail_auth = mail_auth
        self._rooms: tuple[tuple[frozenset[AddressKind], _Takes], ...] = (
            (frozenset({AddressKind.RETURN_PATH}), returned.take_bounce),
            (frozenset({AddressKind.LEAVE}), leave or returned.take_operator_mail),
            (frozenset({AddressKind.OPERATOR}), returned.take_operator_mail),
            (frozenset({AddressKind.SUBSCRIBE}), self._proven(enrolment.subscribe)),
            (frozenset({AddressKind.UNSUBSCRIBE}), self._proven(enrolment.unsubscribe)),
            (frozenset(_SMS), self._proven(dialog.take)),
        )
        if campaign is not None:
            self._rooms += ((frozenset({AddressKind.CAMPAIGN}), self._proven(campaign)),)
        self._takes_campaigns = campaign is not None

    # --- RCPT and AUTH ---------------------------------------------------------------------------------------------

    async def recipient(
        self,
        peer: Peer,  # noqa: ARG002 - the shape of MailTaker
        mail_from: str,
        address: str,
        so_far: Sequence[LocalAddress],
    ) -> LocalAddress:
        """Understand one RCPT address, or raise the Refusal that explains why not."""
        local = read_recipient(address, self._settings.mail.domains, self._is_return_path, self._may_leave)
        if local.kind is AddressKind.CAMPAIGN and not self._takes_campaigns:
            raise errors.no_such_recipient()
        if any(_ROOM[local.kind] is not _ROOM[other.kind] for other in so_far):
            raise errors.one_kind_at_a_time()
        try:
            if local.kind is AddressKind.KEY:
                await self._accounts.decide(lambda _revision: self._check_key(local))
            elif local.kind is AddressKind.NUMBER:
                await self._accounts.decide(lambda _revision: self._check_number(local, mail_from, so_far))
        except StoreUnavailableError as error:
            raise errors.storage_unavailable() from error
        return local

    def _is_return_path(self, token: str) -> bool:
        return self._keyring.open_token(token) is not None

    def _may_leave(self, token: str) -> bool:
        return self._keyring.open_token(token, LEAVING) is not None

    async def _check_key(self, local: LocalAddress) -> None:
        if await self._accounts.find_key(local.value) is None:
            raise errors.no_such_recipient()

    async def _check_number(self, local: LocalAddress, mail_from: str, so_far: Sequence[LocalAddress]) -> None:
        """Refuse a number that is none in any region that the mail may mean."""
        limit = self._settings.dialog.max_recipients
        if sum(address.kind is AddressKind.NUMBER for address in so_far) >= limit:
            raise errors.too_many_recipients(limit)
        if _is_number(local.value, self._settings.dialog.region):
            return
        if not any(_is_number(local.value, region) for region in await self._regions(mail_from, so_far)):
            raise errors.bad_number(local.value)

    async def _regions(self, mail_from: str, so_far: Sequence[LocalAddress]) -> set[str]:
        """Regions of the accounts that the sender may have, and of the key that was named before."""
        regions = {account.region for account in await self._accounts.accounts_of(mail_from)} if mail_from else set()
        for address in so_far:
            key = await self._accounts.find_key(address.value) if address.kind is AddressKind.KEY else None
            organisation = await self._accounts.organisation(key.org_id) if key else None
            if organisation is not None:
                regions.add(organisation.region)
        return regions

    async def login(self, peer: Peer, user: str, password: str) -> str | None:  # noqa: ARG002 - MailTaker
        """Check AUTH credentials; the proven account address, or None."""
        return await self._accounts.check_login(user, password)

    # --- DATA ------------------------------------------------------------------------------------------------------

    async def mail(self, envelope: Envelope) -> list[Reply]:
        """Take one mail: one Reply per recipient, in order."""
        replies: Replies = {}
        for kinds, take in self._rooms:
            addresses = tuple(address for address in envelope.recipients if address.kind in kinds)
            if addresses:
                replies.update(await self._guarded(take, replace(envelope, recipients=addresses)))
        return [replies[address] for address in envelope.recipients]

    async def _guarded(self, take: _Takes, envelope: Envelope) -> Replies:
        """Turn a refusal into everyone's reply; a fault that nobody expected is temporary."""
        answer: Refusal
        try:
            return await take(envelope)
        except Refusal as refusal:
            answer = refusal
        except StoreUnavailableError as error:
            maillog.warn(Event.FAULT, id=envelope.id, cause=str(error))
            answer = errors.storage_unavailable()
        except Exception as error:
            maillog.fault(Event.FAULT, error, id=envelope.id)
            answer = errors.internal_fault()
        maillog.note(
            Event.MAIL_REFUSED, id=envelope.id, cause=answer.cause, mail_from=envelope.mail_from, ip=envelope.peer.ip
        )
        return dict.fromkeys(envelope.recipients, Reply(refusal=answer))

    def _proven(self, take: TakesProven) -> _Takes:
        """Read the mail, leave machines unanswered, and ask who wrote it, before `take` sees it."""

        async def taken(envelope: Envelope) -> Replies:
            mail = await _read(envelope)
            automatic = mail.automatic or (None if envelope.mail_from else "null return path")
            if automatic:
                # No SMS, no answer: a refusal would come back to the sender's robot as one more mail.
                maillog.note(Event.MAIL_AUTOMATIC, id=envelope.id, cause=automatic, mail_from=envelope.mail_from)
                return dict.fromkeys(envelope.recipients, Reply("automatic mail, not passed on"))
            return await take(envelope, mail, await self._mail_auth.prove(envelope, mail.from_address))

        return taken


async def _read(envelope: Envelope) -> ParsedMail:
    if len(envelope.content) <= IN_LOOP:
        return parse(envelope.content)
    return await asyncio.to_thread(parse, envelope.content)


def _is_number(local: str, region: str) -> bool:
    try:
        from_local_part(local, region)
    except NumberError:
        return False
    return True
