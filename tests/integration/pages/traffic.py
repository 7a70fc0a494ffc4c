"""SMS for pages to show: some that were sent, some of which nobody knows, some that came in."""

from __future__ import annotations

import itertools
from dataclasses import replace

from gateway.errors import Outcome
from gateway.listed_sms import ListedSms, LogFilter, Way
from gateway.message_log import MessageLog
from gateway.model import Account, new_id
from gateway.sms import InboundSms, MessageState, OutgoingSms, SubmitResult
from gateway.sms_text import measure
from gateway.store.spool_items import Acceptance, MailRecord, Settlement
from tests.site import Site

PHONE = "+4530643064"
_refs = itertools.count(1)


async def sent(
    site: Site, account: Account, text: str = "Hej", state: MessageState = MessageState.UNKNOWN, phone: str = PHONE
) -> str:
    """The id of an SMS that an account has sent, and that stands so."""
    now = site.rooms.clock.now()
    mail = new_id(now)
    record = MailRecord(mail, now, "sms", "smtp", "::1", "x", False, "a@b", "a@b", f"{mail}@b", "trusted", "", 1)
    message = OutgoingSms(
        new_id(now), account.org_id, account.id, account.key_id, account.number, phone, measure(text), "simulator",
        created_at=now,
    )  # fmt: skip
    await site.rooms.spool.put(Acceptance(record, (message,), (mail,), departs=True))
    outcome = Outcome.UNKNOWN if state is MessageState.UNKNOWN else Outcome.ACCEPTED
    result = SubmitResult(outcome, (f"ref{next(_refs)}",), cause="" if outcome is Outcome.ACCEPTED else "no answer")
    await site.rooms.spool.settle(Settlement(message, result, state, now, now))
    return message.id


async def came(site: Site, number: str, text: str = "Hej", phone: str = PHONE) -> ListedSms:
    """An SMS that has come to a number."""
    sms = InboundSms("simulator", f"in{next(_refs)}", phone, number, text, site.rooms.clock.now())
    await site.rooms.sms_in.receive([sms])
    found = await MessageLog(site.rooms.database).page(LogFilter(way=Way.IN, number=number))
    return next(each for each in found.items if each.text == text)


async def stands(site: Site, message_id: str) -> ListedSms:
    """How an SMS stands now; when is left out."""
    found = await MessageLog(site.rooms.database).find(message_id)
    assert found is not None
    return replace(found, at=0.0, state_at=0.0)
