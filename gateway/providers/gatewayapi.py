"""GatewayAPI (gatewayapi.com, gatewayapi.eu) by its REST interface.

Out: an array of message objects, whose answer names an id for each and what all together cost. In: delivery reports and
messages from phones, each as a JWT in `X-Gwapi-Signature`; its claims are read, and never the body beside it.
Source: gatewayapi.com/docs/apis/rest (2020 to 2025).

Several recipients may share one id, so a report is about an id and a phone. Uncertain: that `ids` stand in the order of
the messages, which counts only where `details` are missing; and that the parts of one call to one country cost the
same, by which its cost is shared out (over several countries it is not). What an SMS would cost is not told: the price
list is that of the shop window, not of the account.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import quote

import jwt
from pydantic import AfterValidator, Field, SecretStr

from gateway.errors import Outcome
from gateway.money import Money
from gateway.providers.base import Capability, Forged, Unreachable, Unreadable, WebhookRequest
from gateway.providers.batches import BatchingVendor, Messages
from gateway.providers.http_call import Answer, Call, basic, json_call
from gateway.providers.options import ConnectionOptions, DoorOptions, Secret, address, read_table
from gateway.providers.places import ABSENT, items, parse_json, value, values
from gateway.providers.telling import by_status, discreet, moment, status_of, unclear
from gateway.sms import DeliveryReport, Encoding, InboundEvent, InboundSms, OutgoingSms, ReportStatus, SubmitResult

STATUSES: Mapping[str, ReportStatus] = {
    "DELIVERED": ReportStatus.DELIVERED,
    "EXPIRED": ReportStatus.EXPIRED,
    **dict.fromkeys(("UNDELIVERABLE", "REJECTED", "DELETED", "SKIPPED"), ReportStatus.FAILED),
    **dict.fromkeys(("UNKNOWN", "SCHEDULED", "BUFFERED", "ENROUTE", "ACCEPTED"), ReportStatus.ACCEPTED),
}
_SHORTEST_KEY = 32
"""Octets of a key for HS256 (RFC 7518 §3.2)."""


def _signing_key(key: SecretStr) -> SecretStr:
    if len(key.get_secret_value().encode()) < _SHORTEST_KEY:
        raise ValueError(f'must have at least {_SHORTEST_KEY} characters ("openssl rand -hex 32")')
    return key


class GatewayApiDoor(DoorOptions):
    """`[provider.webhook]`: also the key that GatewayAPI signs with."""

    key: Annotated[SecretStr, AfterValidator(_signing_key)]


class GatewayApiOptions(ConnectionOptions):
    """The whole table of a provider of this kind."""

    token: Secret
    url: Annotated[str, AfterValidator(address)] = "https://gatewayapi.com"
    message_class: str = Field("standard", alias="class")
    connections: int = Field(20, ge=1, le=40, description="GatewayAPI takes 40 from one address")
    batch: int = Field(100, ge=1, le=400, description="messages in one call")
    webhook: GatewayApiDoor | None = None


class GatewayApiProvider(BatchingVendor):
    """One account at GatewayAPI, which refuses a phone that stands twice."""

    one_a_phone = True

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        self._options = made = read_table(GatewayApiOptions, options)
        super().__init__(name, made, made.webhook, made.batch)
        able = {Capability.BATCH, Capability.BALANCE, Capability.PING, Capability.LOOKUP}
        told = {Capability.INBOUND, Capability.CONCATENATES_INBOUND} if made.webhook else set()
        self.capabilities = frozenset(able | told)
        self._headers = {"Authorization": basic(made.token.get_secret_value(), "")}

    async def balance(self) -> Money:
        """Ask what is left."""
        account = await self._asked("/rest/me")
        if (left := Money.of(value(account, ("credit",)), value(account, ("currency",)))) is None:
            raise Unreachable("the answer names no balance")
        return left

    async def ping(self) -> None:
        """Ask for the account."""
        await self._asked("/rest/me")

    async def look_up(self, message: OutgoingSms, refs: Sequence[str]) -> Sequence[InboundEvent]:
        """Ask by id; without one GatewayAPI cannot find a message, and a young one it may not find yet."""
        found: list[InboundEvent] = []
        for ref in refs:
            told = await self._asked(f"/rest/mtsms/{quote(ref, safe='')}", unknown=404)
            mine = [each for each in _recipients(told) if value(each, ("msisdn",)) == _msisdn(message)]
            found += [self._report(ref, {name.removeprefix("dsn"): each[name] for name in each}) for each in mine]
        return found

    async def _asked(self, path: str, unknown: int | None = None) -> Any:
        return await self.told(Call("GET", f"{self._options.url}{path}", self._headers), unknown)

    def call(self, messages: Messages) -> Call:
        """An array of message objects."""
        said = [self._said(message) for message in messages]
        return json_call(f"{self._options.url}/rest/mtsms", self._headers, said)

    def _said(self, message: OutgoingSms) -> dict[str, Any]:
        said = {
            "class": self._options.message_class,
            "message": message.text.text,
            "sender": message.from_number.removeprefix("+"),
            "recipients": [{"msisdn": _msisdn(message)}],
            "userref": message.id,
            "encoding": "UCS2" if message.text.encoding is Encoding.UCS2 else "UTF8",
            "max_parts": message.text.parts,
            "extra_details": "recipients_usage",
        }
        return said | ({"callback_url": self.callback} if self.callback else {})

    def read(self, messages: Messages, answer: Answer) -> SubmitResult | Sequence[SubmitResult]:
        """An id for each message, or a refusal of all."""
        document = parse_json(answer.text)
        if answer.outcome is not Outcome.ACCEPTED:
            hidden = (self._options.token.get_secret_value(), *(message.text.text for message in messages))
            words = " ".join(filter(None, (value(document, (name,)) for name in ("code", "message"))))
            return by_status(answer, discreet(words, hidden), time.time())
        if document is ABSENT:
            return unclear(answer, "the answer cannot be read")
        taken = _taken(messages, document)
        return [taken.get(_msisdn(message)) or unclear(answer, "the answer has no id") for message in messages]

    def events(self, request: WebhookRequest, now: float) -> Sequence[InboundEvent]:
        """Read one event from the signed claims."""
        if self._options.webhook is None:
            raise Forged("this provider has no webhook")
        token, key = request.headers.get("x-gwapi-signature", ""), self._options.webhook.key.get_secret_value()
        try:
            claims = parse_json(json.dumps(jwt.decode(token, key, algorithms=["HS256"])))
        except jwt.PyJWTError as error:
            raise Forged(f"wrong signature: {type(error).__name__}") from None
        ref, phone = value(claims, ("id",)), value(claims, ("msisdn",)) or value(claims, ("sender",))
        if not ref or not phone:
            raise Unreadable("the claims have no id or no msisdn")
        if value(claims, ("status",)):
            return [self._report(ref, claims, now)]
        text, receiver = value(claims, ("message",)), value(claims, ("receiver",))
        if text is None or not receiver:
            raise Unreadable("the claims are neither a status nor a message")
        return [InboundSms(self.name, ref, phone, receiver, text, moment(value(claims, ("senttime",)), now))]

    def _report(self, ref: str, said: Mapping[str, Any], now: float | None = None) -> DeliveryReport:
        """A report on one phone, as a call or a look-up names it."""
        code, words = value(said, ("code",)) or value(said, ("errorcode",)), value(said, ("error",))
        cause = " ".join(filter(None, (code, words)))
        status, cause = status_of(value(said, ("status",)) or "", STATUSES, cause)
        at = moment(value(said, ("time",)), time.time() if now is None else now)
        return DeliveryReport(self.name, ref, status, at, value(said, ("msisdn",)) or "", cause)


def _msisdn(message: OutgoingSms) -> str:
    return message.to_number.removeprefix("+")


def _recipients(found: Any) -> list[dict[str, Any]]:
    """The phones of a message that was looked up."""
    return [each for each in items(found, ("*", "recipients", "*")) if isinstance(each, dict)]


def _taken(messages: Messages, document: Any) -> dict[str, SubmitResult]:
    """What was taken, by phone, with its share of what the call cost."""
    known: dict[str, tuple[str, int]] = {}
    for each in items(document, ("details", "messages", "*")):
        for recipient in items(each, ("recipients", "*")):
            count = value(recipient, ("parts",)) or ""
            phone, ref = value(recipient, ("msisdn",)) or "", (value(each, ("id",)) or "").strip()
            if ref:
                known[phone] = (ref, int(count) if count.isdecimal() and len(count) < 4 else 0)
    ids = [ref.strip() for ref in values(document, ("ids", "*")) if ref.strip()]
    if not known and len(ids) == len(messages):
        known = {_msisdn(message): (ref, 0) for message, ref in zip(messages, ids, strict=True)}
    cost = Money.of(value(document, ("usage", "total_cost")), value(document, ("usage", "currency")))
    countries = list(items(document, ("usage", "countries", "*")))
    total = sum(parts for _, parts in known.values())
    results = {}
    for phone, (ref, parts) in known.items():
        price = cost if len(messages) == 1 else None
        if cost is not None and price is None and len(countries) == 1 and total:
            price = Money(round(cost.thousandths * parts / total), cost.currency)
        results[phone] = SubmitResult(Outcome.ACCEPTED, (ref,), parts=parts or None, price=price)
    return results
