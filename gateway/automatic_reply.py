"""Answers by SMS that nobody writes: to a keyword, and to a number of ours that nobody has.

Every one can meet a machine that answers too, or a phone whose answers cost a fortune. So: no answer to machines, short
codes, names or numbers of ours, none to countries that are not written to, none twice about the same within its time,
and what they cost counts. Whether it is time again is decided where the answer is committed (`store.reply_sql`).
"""

from __future__ import annotations

from gateway.accounts import Accounts
from gateway.automatic_sms import why_not
from gateway.model import Clock, Organisation
from gateway.rates import Rate
from gateway.registry.number_use import Keyword
from gateway.settings import DialogSettings, LimitSettings
from gateway.sms import InboundSms, OutgoingSms
from gateway.sms_text import prepare
from gateway.spending import Purse, charge_to, countries_of
from gateway.store.reply_sql import AutomaticReply

KEYWORD_QUIET = 3600.0
"""Seconds for which a phone is not answered again about the same keyword."""
UNKNOWN_NUMBER_QUIET = 86_400.0
"""Seconds for which a phone that writes to a number that nobody has is not answered again, at whatever number."""
REPLIES, REPLY_SECONDS = 10, 60.0
"""Automatic answers to one phone at once, and the seconds after which it may have one more."""
UNKNOWN_NUMBER_PARTS = 1000
"""SMS parts a day for numbers that nobody has: nobody else pays for them."""


class AutomaticReplies:
    """Makes automatic answers, and none where there should be none."""

    def __init__(self, *, accounts: Accounts, dialog: DialogSettings, limits: LimitSettings, clock: Clock) -> None:
        self._accounts = accounts
        self._dialog = dialog
        self._limits = limits
        self._clock = clock
        self._pace = Rate(REPLIES, REPLY_SECONDS)

    def to_keyword(
        self, inbound_id: str, sms: InboundSms, keyword: Keyword, organisation: Organisation
    ) -> AutomaticReply | None:
        """What a keyword answers; its organisation pays."""
        if not keyword.reply or not self._may_answer(sms, keyword.reply, organisation.region):
            return None
        caps = self._limits.organisation_parts, self._limits.organisation_cost
        purse = Purse("organisation", organisation.id, *caps)
        message = self._message(inbound_id, sms, keyword.reply, organisation.id)
        return self._reply(message, f"{sms.to_number} {keyword.word}", KEYWORD_QUIET, purse)

    def to_unknown_number(self, inbound_id: str, sms: InboundSms, org_id: str | None) -> AutomaticReply | None:
        """What a phone reads that writes to a number which nobody has; `org_id` had it last."""
        text = self._dialog.unknown_number_reply
        if (
            not text
            or not self._accounts.is_ours(sms.to_number)
            or not self._may_answer(sms, text, self._dialog.region)
        ):
            return None
        purse = Purse("gateway", "unknown-number", UNKNOWN_NUMBER_PARTS, 0)
        return self._reply(self._message(inbound_id, sms, text, org_id or ""), "", UNKNOWN_NUMBER_QUIET, purse)

    def _may_answer(self, sms: InboundSms, text: str, region: str) -> bool:
        if sms.text.strip() == text:  # another gateway with the same words
            return False
        if self._accounts.is_ours(sms.from_number) or why_not(sms, countries_of(region, self._limits)):
            return False
        return not self._pace.take(sms.from_number, self._clock.now())

    def _message(self, inbound_id: str, sms: InboundSms, text: str, org_id: str) -> OutgoingSms:
        return OutgoingSms(
            id=f"{inbound_id}.1",
            org_id=org_id,
            account_id="",
            key_id="",
            from_number=sms.to_number,
            to_number=sms.from_number,
            text=prepare(text, smart=self._dialog.smart),
            provider=sms.provider,
            created_at=self._clock.now(),
        )

    def _reply(self, message: OutgoingSms, about: str, quiet: float, purse: Purse) -> AutomaticReply:
        charge = charge_to((purse,), [message], self._limits, message.created_at)
        return AutomaticReply(message, about, quiet, charge)
