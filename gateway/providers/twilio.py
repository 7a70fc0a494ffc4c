"""Twilio by its Messages resource (API version 2010-04-01).

Out: a form; the answer names the message's SID and how many segments it has, and never a price: that is told by a
look-up once the message was sent. In: reports and messages from phones, signed with the account's auth token over our
public address; Twilio reads TwiML back.
Source: twilio.com/docs/messaging/api/message-resource, /docs/usage/security, /docs/api/errors, and Twilio's OpenAPI.

What an SMS would cost is not told: that depends on the carrier, which nobody names beforehand. A message that nobody
knows the SID of cannot be looked up.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self
from urllib.parse import parse_qsl, quote

from pydantic import AfterValidator, Field, model_validator

from gateway.errors import Outcome
from gateway.money import Money
from gateway.providers.base import Capability, Forged, Unreachable, Unreadable, WebhookAnswer, WebhookRequest
from gateway.providers.http_call import Answer, Call, basic, form_call
from gateway.providers.options import ConnectionOptions, DoorOptions, Secret, address, read_table
from gateway.providers.places import ABSENT, parse_json, value
from gateway.providers.signatures import is_twilio
from gateway.providers.telling import discreet, status_of, unclear
from gateway.providers.twilio_codes import EXPIRED, STATUSES, count_of, price_of, reason_of, refused
from gateway.providers.vendor import HttpVendor
from gateway.sms import DeliveryReport, InboundEvent, InboundSms, OutgoingSms, ReportStatus, SubmitResult

_MAX_MEDIA = 10
_SIGNED = ("x-twilio-signature", "x-twilio-webhooks-signature-settings")


class TwilioDoor(DoorOptions):
    """`[provider.webhook]`."""

    key: Secret | None = Field(None, description="what calls are signed with where it is not the auth token")


class TwilioOptions(ConnectionOptions):
    """The whole table of a provider of this kind."""

    account_sid: str = Field(pattern="^AC[0-9a-fA-F]{32}$")
    auth_token: Secret | None = None
    api_key: str | None = Field(None, pattern="^SK[0-9a-fA-F]{32}$")
    api_secret: Secret | None = None
    url: Annotated[str, AfterValidator(address)] = "https://api.twilio.com"
    sender: str = Field("", description="a sender name or number; empty for the employee's number")
    messaging_service: str | None = Field(None, pattern="^MG[0-9a-fA-F]{32}$")
    service_chooses: bool = Field(default=False, description="leave the sender to the messaging service")
    ttl: int | None = Field(None, ge=1, le=36000, description="seconds that a message may wait at Twilio")
    connections: int = Field(20, ge=1, le=1000)
    webhook: TwilioDoor | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.api_key is None) != (self.api_secret is None):
            raise ValueError("'api_key' and 'api_secret' belong together")
        if self.auth_token is None and self.api_key is None:
            raise ValueError("'auth_token' is missing (or 'api_key' and 'api_secret')")
        if self.webhook is not None and self.webhook.key is None and self.auth_token is None:
            raise ValueError("'webhook' needs 'auth_token' as well, which Twilio signs its calls with")
        if self.service_chooses and (self.messaging_service is None or self.sender):
            raise ValueError("'service_chooses' needs a 'messaging_service', and no 'sender'")
        return self


class TwilioProvider(HttpVendor):
    """One account at Twilio."""

    heard = WebhookAnswer(text="<Response/>", media_type="text/xml; charset=utf-8")

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        self._options = made = read_table(TwilioOptions, options)
        super().__init__(name, made, made.webhook)
        able = {Capability.BALANCE, Capability.PING, Capability.LOOKUP}
        told = {Capability.INBOUND, Capability.CONCATENATES_INBOUND} if made.webhook else set()
        self.capabilities = frozenset(able | told)
        token, secret = (each.get_secret_value() if each else "" for each in (made.auth_token, made.api_secret))
        key = made.webhook.key if made.webhook else None
        self._key = key.get_secret_value() if key else token
        self._secrets = (token, secret, self._key)
        self._headers = {"Authorization": basic(made.api_key or made.account_sid, secret or token)}
        self._account = f"{made.url}/2010-04-01/Accounts/{made.account_sid}"

    async def submit(self, message: OutgoingSms) -> SubmitResult:
        """Try once to hand over one message."""
        call = form_call(f"{self._account}/Messages.json", self._said(message), self._headers)
        return await self.client.submit(call, lambda answer: self._read(message, answer))

    def _said(self, message: OutgoingSms) -> dict[str, str]:
        made = self._options
        said = {"To": message.to_number, "Body": message.text.text}
        if not made.service_chooses:
            said["From"] = made.sender or message.from_number
        if made.messaging_service is not None:
            said["MessagingServiceSid"] = made.messaging_service
        if made.ttl is not None:
            said["ValidityPeriod"] = str(made.ttl)
        return said | ({"StatusCallback": self.callback} if self.callback else {})

    def _read(self, message: OutgoingSms, answer: Answer) -> SubmitResult:
        document = parse_json(answer.text)
        hidden = (*self._secrets, message.text.text)
        if answer.outcome is not Outcome.ACCEPTED:
            code, words = value(document, ("code",)) or "", value(document, ("message",)) or ""
            return refused(answer, code, discreet(f"{code} {words}", hidden), time.time())
        if document is ABSENT:
            return unclear(answer, "the answer cannot be read")
        if not (ref := (value(document, ("sid",)) or "").strip()):
            return unclear(answer, "the answer has no sid")
        code = value(document, ("error_code",)) or ""
        if STATUSES.get(value(document, ("status",)) or "") is ReportStatus.FAILED:
            words = discreet(f"failed {code} {value(document, ('error_message',)) or ''}", hidden)
            return SubmitResult(Outcome.PERMANENT, (), words, reason_of(code), f"failed with {code or 0}")
        return SubmitResult(Outcome.ACCEPTED, (ref,), parts=count_of(document), price=price_of(document))

    async def balance(self) -> Money:
        """Ask what is left; an account below another one has no balance of its own."""
        account = await self._asked("/Balance.json")
        if (left := Money.of(value(account, ("balance",)), value(account, ("currency",)))) is None:
            raise Unreachable("the answer names no balance")
        return left

    async def ping(self) -> None:
        """Ask for the latest message."""
        await self._asked("/Messages.json?PageSize=1")

    async def look_up(self, message: OutgoingSms, refs: Sequence[str]) -> Sequence[InboundEvent]:
        """Ask by SID, status and price; without one Twilio cannot find a message."""
        now, found = time.time(), list[InboundEvent]()
        for ref in refs:
            told = await self._asked(f"/Messages/{quote(ref, safe='')}.json", unknown=404)
            if told is not None:
                code, status = value(told, ("error_code",)) or "", value(told, ("status",)) or ""
                found.append(self._report(ref, (status, code), now, message.to_number, price_of(told)))
        return found

    async def _asked(self, path: str, unknown: int | None = None) -> Any:
        return await self.told(Call("GET", f"{self._account}{path}", self._headers), unknown)

    def events(self, request: WebhookRequest, now: float) -> Sequence[InboundEvent]:
        """Prove a call and read it: a report, or a message from a phone with the addresses of what is attached."""
        fields = self._proven(request)
        ref = fields.get("MessageSid") or fields.get("SmsSid") or fields.get("SmsMessageSid")
        status = fields.get("MessageStatus") or fields.get("SmsStatus") or ""
        if not ref:
            raise Unreadable("it has no MessageSid")
        if "Body" not in fields and status:
            return [self._report(ref, (status, fields.get("ErrorCode", "")), now, fields.get("To", ""))]
        if "Body" not in fields or not fields.get("From") or not fields.get("To"):
            raise Unreadable("it is neither a report nor a message")
        media = [fields.get(f"MediaUrl{number}", "") for number in range(_MAX_MEDIA)]
        text = "\n".join(filter(None, (fields["Body"], *media)))
        return [InboundSms(self.name, ref, fields["From"], fields["To"], text, now)]

    def _proven(self, request: WebhookRequest) -> Mapping[str, str]:
        """The fields of a call that is signed: a form, a query, or JSON by the hash that the signed address names."""
        try:
            query = parse_qsl(request.query, keep_blank_values=True, max_num_fields=200)
            body = request.body.decode("utf-8", "replace")
            is_form = "json" not in request.headers.get("content-type", "").lower()
            pairs = parse_qsl(body, keep_blank_values=True, max_num_fields=200) if is_form else []
        except ValueError:
            raise Forged("too many fields") from None
        url = f"{self.callback}?{request.query}" if request.query else self.callback
        given, settings = (request.headers.get(name, "") for name in _SIGNED)
        if not self._key or not is_twilio(given, settings, self._key, url, pairs):
            raise Forged("wrong signature")
        if is_form:
            return dict(reversed(pairs if request.method == "POST" else query))
        hashed = dict(query).get("bodySHA256", "").lower().encode()
        if not hmac.compare_digest(hashlib.sha256(request.body).hexdigest().encode(), hashed):
            raise Forged("wrong hash of the body")
        document = parse_json(body)
        return {name: value(document, (name,)) or "" for name in document} if isinstance(document, dict) else {}

    def _report(
        self, ref: str, said: tuple[str, str], at: float, to: str, price: Money | None = None
    ) -> DeliveryReport:
        """A report of a status and a code."""
        status, code = said
        known, cause = status_of(status, STATUSES, " ".join(filter(None, (status, code))))
        known = ReportStatus.EXPIRED if code == EXPIRED else known
        reason = reason_of(code) if code and known is ReportStatus.FAILED else ""
        return DeliveryReport(self.name, ref, known, at, to, cause, price, reason)
