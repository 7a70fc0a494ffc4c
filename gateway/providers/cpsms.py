"""CPSMS (cpsms.dk) by its API, version 2.

Out: one message a call, with a reference of ours in the address that reports go to, for CPSMS names no id. In: reports,
to which it appends `status` and `receiver`. Nothing signs them: what proves them is the secret in the address, and
`networks`. What comes from phones it does not hand on.
Source: api.cpsms.dk/documentation (2016).

It counts in points, not in money: with `point_price` a price and a balance are known, without it they are not. Its log
may be asked every two minutes only, so nothing is looked up. Uncertain: the word for texts beyond GSM-7
(`unicode_format`), and whether `status` is appended with "?" or "&" (either is read).
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import AfterValidator, Field

from gateway.errors import Outcome
from gateway.money import Money
from gateway.providers.base import Capability, NotAvailable, Unreachable, Unreadable, WebhookRequest
from gateway.providers.http_call import Answer, Call, basic, json_call
from gateway.providers.options import ConnectionOptions, DoorOptions, Secret, address, read_table
from gateway.providers.places import ABSENT, items, parse_form, parse_json, value
from gateway.providers.telling import by_status, discreet, status_of, unclear
from gateway.providers.vendor import HttpVendor
from gateway.sms import DeliveryReport, Encoding, InboundEvent, OutgoingSms, ReportStatus, SubmitResult

STATUSES: Mapping[str, ReportStatus] = {
    "1": ReportStatus.DELIVERED,
    "2": ReportStatus.FAILED,
    "3": ReportStatus.ACCEPTED,
    "4": ReportStatus.FAILED,
}
_LONGEST_REFERENCE = 32


class CpsmsOptions(ConnectionOptions):
    """The whole table of a provider of this kind."""

    user: str = Field(min_length=1, pattern="^[^:]+$")
    key: Secret
    url: Annotated[str, AfterValidator(address)] = "https://api.cpsms.dk"
    point_price: Decimal | None = Field(None, gt=0, description="what a point costs, in the currency's major unit")
    currency: str = Field("DKK", pattern="^[A-Z]{3}$")
    unicode_format: str = "UNICODE"
    connections: int = Field(20, ge=1, le=1000)
    webhook: DoorOptions | None = None


class CpsmsProvider(HttpVendor):
    """One account at CPSMS."""

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        self._options = made = read_table(CpsmsOptions, options)
        super().__init__(name, made, made.webhook)
        self.capabilities = frozenset({Capability.PING} | (set() if made.point_price is None else {Capability.BALANCE}))
        self._headers = {"Authorization": basic(made.user, made.key.get_secret_value())}

    async def submit(self, message: OutgoingSms) -> SubmitResult:
        """Hand over one message; reports name it by our own id."""
        return await self.client.submit(self._call(message), lambda answer: self._read(message, answer), (message.id,))

    async def balance(self) -> Money:
        """Ask how many points are left, and what they are worth."""
        credit = await self._credit()
        if self._options.point_price is None:
            raise NotAvailable("CPSMS tells points: set point_price")
        if (left := self._worth(credit.replace(".", "").replace(",", "."))) is None:
            raise Unreachable("the answer names no credit")
        return left

    async def ping(self) -> None:
        """Ask for the credit."""
        await self._credit()

    async def _credit(self) -> str:
        told = await self.told(Call("GET", f"{self._options.url}/v2/creditvalue", self._headers))
        return value(told, ("credit",)) or ""

    def _call(self, message: OutgoingSms) -> Call:
        said = {
            "to": message.to_number.removeprefix("+"),
            "from": message.from_number.removeprefix("+"),
            "message": message.text.text,
        }
        if message.text.encoding is Encoding.UCS2 and self._options.unicode_format:
            said["format"] = self._options.unicode_format
        if len(message.id) <= _LONGEST_REFERENCE:
            said["reference"] = message.id
        if self.callback:
            said["dlr_url"] = f"{self.callback}?id={quote(message.id, safe='')}"
        return json_call(f"{self._options.url}/v2/send", self._headers, said)

    def _read(self, message: OutgoingSms, answer: Answer) -> SubmitResult:
        """Taken, if the phone stands under `success`; refused, if an error names it or none is named."""
        document = parse_json(answer.text)
        taken = [each for each in _flat(document, "success") if value(each, ("to",)) == message.to_number[1:]]
        refused = _flat(document, "error")
        if taken and answer.outcome is Outcome.ACCEPTED:
            return SubmitResult(Outcome.ACCEPTED, (message.id,), price=self._worth(value(taken[0], ("cost",))))
        if refused and answer.outcome is Outcome.ACCEPTED:
            answer = Answer(int(_code(refused[0]) or 400), answer.text)
        if answer.outcome is Outcome.ACCEPTED:
            why = "the answer cannot be read" if document is ABSENT else "it does not speak of this message"
            said = unclear(answer, why)
        else:
            hidden = (self._options.key.get_secret_value(), message.text.text)
            words = " ".join(f"{_code(each)} {_words(each)}" for each in refused)
            said = by_status(answer, discreet(words, hidden), time.time())
        return replace(said, refs=(message.id,)) if said.outcome is Outcome.UNKNOWN else said

    def _worth(self, points: str | None) -> Money | None:
        """Money for points; None where nothing says what one costs."""
        price, many = self._options.point_price, Money.of(points, self._options.currency)
        if price is None or many is None:
            return None
        return Money(round(many.thousandths * price), many.currency)

    def events(self, request: WebhookRequest, now: float) -> Sequence[InboundEvent]:
        """One report."""
        try:
            said = parse_form(request.query.replace("?", "&"), request.body.decode("utf-8", "replace"))
        except ValueError:
            raise Unreadable("too many fields") from None
        ref, word = said.get("id", "").strip(), said.get("status", "").strip()
        if not ref or not word:
            raise Unreadable("it has no id or no status")
        status, cause = status_of(word, STATUSES, f"status {word}")
        return [DeliveryReport(self.name, ref, status, now, said.get("receiver", "").strip(), cause)]


def _flat(document: Any, name: str) -> list[Any]:
    """What stands under a name: a table, a list of them, or (as older pages show it) a list in a list."""
    found = [each for item in items(document, (name,)) for each in (item if isinstance(item, list) else [item])]
    return [each for item in found for each in (item if isinstance(item, list) else [item]) if isinstance(each, dict)]


def _code(error: Any) -> str:
    code = value(error, ("errorCode",)) or value(error, ("code",)) or ""
    return code if re.fullmatch("[45][0-9][0-9]", code) else ""


def _words(error: Any) -> str:
    return value(error, ("errMsg",)) or value(error, ("message",)) or ""
