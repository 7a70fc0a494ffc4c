"""SMS.ru by its HTTP interface.

Out: a form with a text for each phone; the answer has a status for the call, and one for each phone. In: reports, many
in one call, under a hash of our api_id and what they say; SMS.ru reads "100" back, else it comes again for five days.
Source: sms.ru/api/send, /api/cost, /api/status, /api/callback.

Uncertain: how the hash is made (`signed = false` does without), that prices are in roubles (`currency`), and what codes
from 230 on mean (`temporary` names those that pass). A price after sending is read where an answer has one; parts are
told by /sms/cost alone.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import parse_qsl

from pydantic import AfterValidator, Field

from gateway.errors import Outcome
from gateway.money import Money
from gateway.providers.base import Capability, Forged, Unreachable, Unreadable, WebhookAnswer, WebhookRequest
from gateway.providers.batches import BatchingVendor, Messages
from gateway.providers.http_call import Answer, Call, form_call
from gateway.providers.options import ConnectionOptions, DoorOptions, Secret, address, read_table
from gateway.providers.places import ABSENT, items, parse_json, value
from gateway.providers.telling import by_status, discreet, moment, status_of, unclear
from gateway.providers.vendor import MAX_EVENTS
from gateway.sms import DeliveryReport, InboundEvent, OutgoingSms, ReportStatus, SmsText, SubmitResult

STATUSES: Mapping[str, ReportStatus] = {
    **dict.fromkeys(("100", "101", "102"), ReportStatus.ACCEPTED),
    **dict.fromkeys(("103", "110"), ReportStatus.DELIVERED),
    "104": ReportStatus.EXPIRED,
    **dict.fromkeys(("105", "106", "107", "108", "150"), ReportStatus.FAILED),
}
_DATA = re.compile(r"data\[([0-9]{1,9})\]")
_TAKEN = "100"
_TEMPORARY: Mapping[str, float | None] = {
    **dict.fromkeys(("200", "203", "204", "206", "210", "211", "220", "221", "300", "301", "302"), None),
    "201": 600.0,
    "231": 60.0,
}
"""Refusals that pass, and how long to wait: no money, no such sender yet, a token, our limit for the day."""
_PERMANENT: Mapping[str, str] = {
    "202": "bad-number",
    "209": "opted-out",
    **dict.fromkeys(("205", "212"), "text"),
    **dict.fromkeys(("207", "214", "216"), "not-allowed"),
    **dict.fromkeys(("230", "232"), "limit"),
}
"""Refusals that last, and what the sender is told."""


class SmsRuDoor(DoorOptions):
    """`[provider.webhook]`."""

    signed: bool = True


class SmsRuOptions(ConnectionOptions):
    """The whole table of a provider of this kind."""

    api_id: Secret
    url: Annotated[str, AfterValidator(address)] = "https://sms.ru"
    sender: str = Field("", description="a sender name in the account; empty for the employee's number")
    currency: str = Field("RUB", pattern="^[A-Z]{3}$")
    temporary: tuple[int, ...] = ()
    connections: int = Field(20, ge=1, le=1000)
    batch: int = Field(100, ge=1, le=100, description="messages in one call")
    webhook: SmsRuDoor | None = None


class SmsRuProvider(BatchingVendor):
    """One account at SMS.ru, whose form has one text for a phone and one sender."""

    capabilities = frozenset(
        {Capability.BATCH, Capability.PRICE, Capability.BALANCE, Capability.PING, Capability.LOOKUP}
    )
    one_a_phone = True
    heard = WebhookAnswer(text="100")

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        self._options = made = read_table(SmsRuOptions, options)
        super().__init__(name, made, made.webhook, made.batch)
        self._temporary = {**_TEMPORARY, **dict.fromkeys(map(str, made.temporary), None)}

    async def price(self, text: SmsText, to_number: str, from_number: str) -> Money:
        """Ask what a text would cost."""
        phone = _digits(to_number)
        told = await self._asked("/sms/cost", {"from": self._sender(from_number), f"to[{phone}]": text.text})
        if (code := value(told, ("sms", phone, "status_code"))) != _TAKEN:
            raise Unreachable(f"SMS.ru answers with {code} for this phone")
        return self._money(value(told, ("sms", phone, "cost")))

    async def balance(self) -> Money:
        """Ask what is left."""
        return self._money(value(await self._asked("/my/balance", {}), ("balance",)))

    async def ping(self) -> None:
        """Ask whether our api_id is valid."""
        await self._asked("/auth/check", {})

    async def look_up(self, message: OutgoingSms, refs: Sequence[str]) -> Sequence[InboundEvent]:
        """Ask by id; without one SMS.ru cannot find a message."""
        told = await self._asked("/sms/status", {"sms_id": ",".join(refs)}) if refs else None
        codes = {ref: value(told, ("sms", ref, "status_code")) or "" for ref in refs}
        now, phone = time.time(), message.to_number
        return [self._report(ref, code, now, phone) for ref, code in codes.items() if code.isdecimal()]

    async def _asked(self, path: str, fields: Mapping[str, str]) -> Any:
        told = await self.told(self._form(path, fields))
        if (code := value(told, ("status_code",))) != _TAKEN:
            raise Unreachable(f"SMS.ru answers with {code}")
        return told

    def _form(self, path: str, fields: Mapping[str, str]) -> Call:
        secret = {"api_id": self._options.api_id.get_secret_value(), "json": "1"}
        return form_call(f"{self._options.url}{path}", secret | dict(fields))

    def _sender(self, number: str) -> str:
        return self._options.sender or _digits(number)

    def _money(self, amount: str | None) -> Money:
        if (read := Money.of(amount, self._options.currency)) is None:
            raise Unreachable("the answer names no amount")
        return read

    def alike(self, message: OutgoingSms) -> str:
        """The sender."""
        return self._sender(message.from_number)

    def call(self, messages: Messages) -> Call:
        """A form with a text for each phone."""
        texts = {f"to[{_digits(message.to_number)}]": message.text.text for message in messages}
        return self._form("/sms/send", {"from": self._sender(messages[0].from_number)} | texts)

    def read(self, messages: Messages, answer: Answer) -> SubmitResult | Sequence[SubmitResult]:
        """A status for each phone, or one of the call."""
        document = parse_json(answer.text)
        hidden = (self._options.api_id.get_secret_value(), *(message.text.text for message in messages))
        if answer.outcome is not Outcome.ACCEPTED:
            return by_status(answer, discreet(value(document, ("status_text",)) or "", hidden), time.time())
        if document is ABSENT:
            return unclear(answer, "the answer cannot be read")
        if value(document, ("status_code",)) != _TAKEN:
            return self._meaning(document, answer, hidden)
        told = [next(items(document, ("sms", _digits(message.to_number))), None) for message in messages]
        return [self._meaning(each, answer, hidden) for each in told]

    def _meaning(self, told: Any, answer: Answer, hidden: Sequence[str]) -> SubmitResult:
        """What a status says, of the call or of one phone."""
        code, ref = value(told, ("status_code",)) or "", (value(told, ("sms_id",)) or "").strip()
        words = discreet(" ".join(filter(None, (code, value(told, ("status_text",))))), hidden)
        price = Money.of(value(told, ("cost",)), self._options.currency)
        if code == _TAKEN:
            return SubmitResult(Outcome.ACCEPTED, (ref,), price=price) if ref else unclear(answer, "no id")
        if code in self._temporary:
            return SubmitResult(Outcome.TEMPORARY, cause=words, retry_after=self._temporary[code])
        if code in _PERMANENT or (value(told, ("status",)) == "ERROR" and code[:1] in {"2", "3"}):
            reason = _PERMANENT.get(code, "rejected")
            return SubmitResult(Outcome.PERMANENT, (), words, reason, f"refused with {code}")
        return unclear(answer, words or "it does not speak of this message")

    def events(self, request: WebhookRequest, now: float) -> Sequence[InboundEvent]:
        """Read the reports of a call, in the order in which it numbers them; what is no report is passed over."""
        try:
            pairs = parse_qsl(request.body.decode("utf-8", "replace"), max_num_fields=MAX_EVENTS + 1)
        except ValueError:
            raise Unreadable("too many fields") from None
        numbered = {int(found[1]): told for name, told in pairs if (found := _DATA.fullmatch(name))}
        entries = [numbered[number] for number in sorted(numbered)]
        self._prove(entries, dict(pairs).get("hash", ""))
        if not entries:
            raise Unreadable("it has no data")
        reports = [entry.split("\n") for entry in entries if entry.startswith("sms_status\n")]
        if any(len(lines) < 3 or not lines[1].strip() for lines in reports):
            raise Unreadable("a report has no id or no status")
        return [self._report(lines[1], lines[2], moment("".join(lines[3:4]), now)) for lines in reports]

    def _prove(self, entries: Sequence[str], given: str) -> None:
        if self._options.webhook is not None and not self._options.webhook.signed:
            return
        signed = self._options.api_id.get_secret_value() + "".join(entries)
        if not hmac.compare_digest(hashlib.sha256(signed.encode()).hexdigest().encode(), given.lower().encode()):
            raise Forged("wrong hash")

    def _report(self, ref: str, code: str, at: float, phone: str = "") -> DeliveryReport:
        status, cause = status_of(code.strip(), STATUSES, code.strip())
        return DeliveryReport(self.name, ref.strip(), status, at, phone, cause)


def _digits(number: str) -> str:
    return number.removeprefix("+")
