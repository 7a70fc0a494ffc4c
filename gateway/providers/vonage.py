"""Vonage by its SMS API (rest.nexmo.com, Nexmo of old).

Out: a form; the answer is 200 whatever it says, and has an entry with a status, an id and a price for each part, so one
part may be refused and the others sent. In: reports, one for each part, and messages from phones, whose parts come one
by one; as a query, a form or JSON, signed where the account's settings say so. Our own id goes along and comes back in
reports, so a message of one part is known again where no answer was read.
Source: Vonage's OpenAPI of the SMS and account APIs (2021), its client libraries, and
developer.vonage.com/en/messaging/sms (2025).

Uncertain: the currency, which the SMS API never names (`currency`); that `scts` is in UTC. A price beforehand is what
Vonage names for the country, and a network may differ. A message cannot be looked up.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from gateway.errors import Outcome
from gateway.money import Money
from gateway.numbers import country_of
from gateway.providers.base import Capability, Forged, NotAvailable, Unreachable, Unreadable, WebhookRequest
from gateway.providers.http_call import Answer, Call, basic, form_call
from gateway.providers.options import HOUR, ConnectionOptions, DoorOptions, Secret, address, read_table
from gateway.providers.places import ABSENT, parse_form, parse_json, value
from gateway.providers.signatures import Method, is_vonage, vonage_signature
from gateway.providers.telling import by_status, discreet, moment, status_of, unclear
from gateway.providers.vendor import HttpVendor
from gateway.providers.vonage_codes import STATUSES, meaning, scts
from gateway.sms import (
    DeliveryReport,
    Encoding,
    InboundEvent,
    InboundPart,
    InboundSms,
    LateAnswer,
    OutgoingSms,
    SmsText,
    SubmitResult,
)

_BALANCE = "/account/get-balance"
_LONG = "-"
"""Stands in a reference between our id and the number of parts: of several, a report does not say which it is on."""


class VonageDoor(DoorOptions):
    """`[provider.webhook]`."""

    signed: bool = True


class VonageOptions(ConnectionOptions):
    """The whole table of a provider of this kind."""

    api_key: str = Field(min_length=1)
    api_secret: Secret
    signature_secret: Secret | None = None
    signature_method: Method = Method.MD5_HASH
    sign: bool = Field(default=False, description="sign what is sent, and leave the secret out of it")
    url: Annotated[str, AfterValidator(address)] = "https://rest.nexmo.com"
    sender: str = Field("", description="a sender name or number; empty for the employee's number")
    ttl: int | None = Field(None, ge=20, le=604800, description="seconds that a message is tried")
    currency: str = Field("EUR", pattern="^[A-Z]{3}$")
    connections: int = Field(20, ge=1, le=1000)
    validity: float = Field(73 * HOUR, gt=0, description="seconds after which it reports no more on a message")
    webhook: VonageDoor | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        checks = self.webhook is not None and self.webhook.signed
        if self.signature_secret is None and (self.sign or checks):
            why = "to sign with" if self.sign else "to check calls with (or 'webhook.signed = false')"
            raise ValueError(f"'signature_secret' is missing {why}")
        if self.ttl is not None and self.ttl > self.validity:
            raise ValueError("'ttl' must not be longer than 'validity'")
        return self


class VonageProvider(HttpVendor):
    """One account at Vonage."""

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        self._options = made = read_table(VonageOptions, options)
        super().__init__(name, made, made.webhook)
        able = {Capability.PRICE, Capability.BALANCE, Capability.PING}
        self.capabilities = frozenset(able | ({Capability.INBOUND} if made.webhook else set()))
        self._secret_of_account = made.api_secret.get_secret_value()
        self._signing = made.signature_secret.get_secret_value() if made.signature_secret else ""
        self._headers = {"Authorization": basic(made.api_key, self._secret_of_account)}

    async def submit(self, message: OutgoingSms) -> SubmitResult:
        """Try once to hand over one message."""
        call = form_call(f"{self._options.url}/sms/json", self._said(message))
        return await self.client.submit(call, lambda answer: self._read(message, answer))

    def _said(self, message: OutgoingSms) -> dict[str, str]:
        made = self._options
        said = {
            "api_key": made.api_key,
            "from": made.sender or message.from_number.removeprefix("+"),
            "to": message.to_number.removeprefix("+"),
            "text": message.text.text,
            "type": "unicode" if message.text.encoding is Encoding.UCS2 else "text",
            "client-ref": message.id if message.text.parts == 1 else f"{message.id}{_LONG}{message.text.parts}",
        }
        said |= {"ttl": str(made.ttl * 1000)} if made.ttl is not None else {}
        said |= {"callback": self.callback} if self.callback else {}
        if not made.sign:
            return said | {"api_secret": self._secret_of_account}
        said["timestamp"] = str(int(time.time()))
        return said | {"sig": vonage_signature(self._signing, made.signature_method, said)}

    def _read(self, message: OutgoingSms, answer: Answer) -> SubmitResult:
        document = parse_json(answer.text)
        hidden = (self._secret_of_account, self._signing, message.text.text)
        if answer.outcome is not Outcome.ACCEPTED:
            words = value(document, ("error_title",)) or value(document, ("error-code-label",)) or ""
            return by_status(answer, discreet(words, hidden), time.time())
        if document is ABSENT:
            return unclear(answer, "the answer cannot be read")
        return meaning(document, answer, self._options.currency, hidden)

    async def price(self, text: SmsText, to_number: str, from_number: str) -> Money:  # noqa: ARG002 - not asked for
        """Ask what the phone's country costs."""
        told = await self._asked(f"/account/get-pricing/outbound/sms?country={country_of(to_number)}")
        each = Money.of(value(told, ("defaultPrice",)), value(told, ("currency",)))
        if each is None:
            raise NotAvailable
        return each * text.parts

    async def balance(self) -> Money:
        """Ask what is left."""
        if (left := Money.of(value(await self._asked(_BALANCE), ("value",)), self._options.currency)) is None:
            raise Unreachable("the answer names no balance")
        return left

    async def ping(self) -> None:
        """Ask for the balance."""
        await self._asked(_BALANCE)

    async def _asked(self, path: str) -> Any:
        return await self.told(Call("GET", f"{self._options.url}{path}", self._headers))

    def events(self, request: WebhookRequest, now: float) -> Sequence[InboundEvent]:
        """Prove a call and read it: a report, or a message from a phone or a part of one."""
        if not request.query and not request.body:
            return []  # whoever saves an address in the account's settings has it called once, and needs 200
        fields = _fields(request)
        door, made = self._options.webhook, self._options
        if (door is None or door.signed) and not is_vonage(self._signing, made.signature_method, fields):
            raise Forged("wrong signature")
        if not (ref := fields.get("messageId", "").strip()):
            raise Unreadable("it has no messageId")
        if fields.get("status"):
            return self._reports(ref, fields, now)
        sender, to, text = fields.get("msisdn"), fields.get("to"), fields.get("text", fields.get("data"))
        if not sender or not to or text is None:
            raise Unreadable("it is neither a report nor a message")
        at = moment(fields.get("timestamp") or fields.get("message-timestamp"), now)
        return [InboundSms(self.name, ref, sender, to, text, at, _part(fields))]

    def _reports(self, ref: str, fields: Mapping[str, str], now: float) -> list[InboundEvent]:
        """A report on a part; and that it was taken, if it is the whole, for whoever has read no answer."""
        word, code, own = fields["status"], fields.get("err-code", ""), fields.get("client-ref", "")
        status, cause = status_of(word, STATUSES, word if code in {"", "0"} else f"{word} {code}")
        at = scts(fields.get("scts", "")) or moment(fields.get("message-timestamp"), now)
        price = Money.of(fields.get("price"), self._options.currency)
        report = DeliveryReport(self.name, ref, status, at, fields.get("msisdn", ""), cause, price)
        return [report, LateAnswer(self.name, own, ref, now)] if own and _LONG not in own else [report]


def _fields(request: WebhookRequest) -> Mapping[str, str]:
    """What a call says, in any of the three ways that an account's settings offer."""
    body = request.body.decode("utf-8", "replace")
    if request.method == "POST" and "json" in request.headers.get("content-type", "").lower():
        document = parse_json(body)
        known = document if isinstance(document, dict) else {}
        return {name: text for name in known if (text := value(known, (name,))) is not None}
    try:
        return parse_form(body if request.method == "POST" else request.query)
    except ValueError:
        raise Unreadable("too many fields") from None


def _part(fields: Mapping[str, str]) -> InboundPart | None:
    """Where a part belongs; None for a whole message, and for what cannot be put together."""
    if fields.get("concat", "").lower() != "true":
        return None
    ref, *counted = (fields.get(f"concat-{name}", "") for name in ("ref", "total", "part"))
    if not all(each.isascii() and each.isdecimal() and len(each) < 4 for each in counted):
        return None
    total, number = map(int, counted)
    return InboundPart(ref, total, number) if ref and 1 <= number <= total <= 255 else None
