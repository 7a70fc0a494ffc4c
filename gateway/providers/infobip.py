"""Infobip by its SMS API, version 3.

Out: messages with our own ids, so reports and look-ups name a message even where no answer was read. In: reports and
messages from phones, several in one call. Nothing signs these calls: what proves them is the secret in the address,
and `networks`.
Source: infobip.com/docs/api/channels/sms, and Infobip's own client libraries (2021 to 2025).

Uncertain: the path of the balance (`balance_path`). A price is told by reports and look-ups alone, for each part. What
an SMS would cost is not told. Logs are kept for 48 hours.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import AfterValidator, Field

from gateway.errors import Outcome
from gateway.money import Money
from gateway.providers.base import Capability, Unreachable, Unreadable, WebhookRequest
from gateway.providers.batches import BatchingVendor, Messages
from gateway.providers.http_call import Answer, Call, json_call
from gateway.providers.options import ConnectionOptions, DoorOptions, Secret, address, read_table
from gateway.providers.places import ABSENT, items, parse_json, value
from gateway.providers.telling import by_status, discreet, moment, status_of, unclear
from gateway.providers.vendor import MAX_EVENTS
from gateway.sms import DeliveryReport, InboundEvent, InboundSms, LateAnswer, OutgoingSms, ReportStatus, SubmitResult

STATUSES: Mapping[str, ReportStatus] = {
    **dict.fromkeys(("ACCEPTED", "PENDING"), ReportStatus.ACCEPTED),
    "DELIVERED": ReportStatus.DELIVERED,
    "EXPIRED": ReportStatus.EXPIRED,
    **dict.fromkeys(("UNDELIVERABLE", "REJECTED"), ReportStatus.FAILED),
}
"""Groups of statuses."""
_GROUPS = ("ACCEPTED", "PENDING", "UNDELIVERABLE", "DELIVERED", "EXPIRED", "REJECTED")
"""By their numbers, from 0."""
_TEMPORARY: Mapping[str, float] = {
    "REJECTED_NOT_ENOUGH_CREDITS": 600.0,
    "REJECTED_SYSTEM_ERROR": 60.0,
    "REJECTED_FLOODING_FILTER": 60.0,
}
"""Refusals that pass, and how many seconds to wait."""
_REASONS: Mapping[str, str] = {
    "REJECTED_INVALID_DESTINATION": "bad-number",
    "REJECTED_PREFIX_MISSING": "bad-number",
    "REJECTED_DESTINATION": "opted-out",
    "REJECTED_DND": "opted-out",
    "REJECTED_SENDER": "not-allowed",
    "REJECTED_NETWORK": "not-allowed",
    "REJECTED_DESTINATION_NOT_REGISTERED": "not-allowed",
}


class InfobipOptions(ConnectionOptions):
    """The whole table of a provider of this kind."""

    api_key: Secret
    url: Annotated[str, AfterValidator(address)]
    balance_path: str = Field("/account/1/balance", pattern=r"^/[!-~]*$")
    connections: int = Field(20, ge=1, le=1000)
    batch: int = Field(100, ge=1, le=200, description="messages in one call")
    webhook: DoorOptions | None = None


class InfobipProvider(BatchingVendor):
    """One account at Infobip."""

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        self._options = made = read_table(InfobipOptions, options)
        super().__init__(name, made, made.webhook, made.batch)
        able = {Capability.BATCH, Capability.BALANCE, Capability.PING, Capability.LOOKUP}
        told = {Capability.INBOUND, Capability.CONCATENATES_INBOUND} if made.webhook else set()
        self.capabilities = frozenset(able | told)
        self._headers = {"Authorization": f"App {made.api_key.get_secret_value()}", "Accept": "application/json"}

    def call(self, messages: Messages) -> Call:
        """Messages with our own ids."""
        said = {"messages": [self._said(message) for message in messages]}
        return json_call(f"{self._options.url}/sms/3/messages", self._headers, said)

    def expected(self, message: OutgoingSms) -> tuple[str, ...]:
        """Our own id."""
        return (message.id,)

    def read(self, messages: Messages, answer: Answer) -> SubmitResult | Sequence[SubmitResult]:
        """A status for each message, or a refusal of all."""
        document = parse_json(answer.text)
        hidden = (self._options.api_key.get_secret_value(), *(message.text.text for message in messages))
        if answer.outcome is not Outcome.ACCEPTED:
            return by_status(answer, discreet(_words(document), hidden), time.time())
        if document is ABSENT:
            return unclear(answer, "the answer cannot be read")
        told = {value(each, ("messageId",)): each for each in items(document, ("messages", "*"))}
        return [self._meaning(message, told.get(message.id), answer, hidden) for message in messages]

    async def balance(self) -> Money:
        """Ask what is left."""
        account = await self._asked(self._options.balance_path)
        if (left := Money.of(value(account, ("balance",)), value(account, ("currency",)))) is None:
            raise Unreachable("the answer names no balance")
        return left

    async def ping(self) -> None:
        """Ask for the account."""
        await self._asked(self._options.balance_path)

    async def look_up(self, message: OutgoingSms, refs: Sequence[str]) -> Sequence[InboundEvent]:
        """Ask the log by our own id: a message that is in it was taken."""
        now, found = time.time(), list[InboundEvent]()
        for ref in refs or (message.id,):
            told = await self._asked(f"/sms/3/logs?messageId={quote(ref, safe='')}")
            for each in items(told, ("results", "*")):
                if value(each, ("messageId",)) == ref:
                    found += [LateAnswer(self.name, message.id, ref, now), self._report(each, now)]
        return found

    def events(self, request: WebhookRequest, now: float) -> Sequence[InboundEvent]:
        """Reports and messages from phones."""
        results = list(items(parse_json(request.body.decode("utf-8", "replace")), ("results", "*")))
        if not results:
            raise Unreadable("it has no results")
        if len(results) > MAX_EVENTS:
            raise Unreadable(f"more than {MAX_EVENTS} events in one call")
        return [self._event(each, now) for each in results]

    async def _asked(self, path: str) -> Any:
        return await self.told(Call("GET", f"{self._options.url}{path}", self._headers))

    def _said(self, message: OutgoingSms) -> dict[str, Any]:
        said = {
            "sender": message.from_number.removeprefix("+"),
            "destinations": [{"to": message.to_number.removeprefix("+"), "messageId": message.id}],
            "content": {"text": message.text.text},
        }
        if not self.callback:
            return said
        return said | {"webhooks": {"delivery": {"url": self.callback}, "contentType": "application/json"}}

    def _meaning(self, message: OutgoingSms, told: Any, answer: Answer, hidden: Sequence[str]) -> SubmitResult:
        group, name, words = _status(told)
        refs, cause = self.expected(message), discreet(f"{name} {words}", hidden)
        count = value(told, ("details", "messageCount")) or ""
        if group in {"ACCEPTED", "PENDING", "DELIVERED"}:
            return SubmitResult(Outcome.ACCEPTED, refs, parts=int(count) if _is_count(count) else None)
        if name in _TEMPORARY:
            return SubmitResult(Outcome.TEMPORARY, cause=cause, retry_after=_TEMPORARY[name])
        if group in STATUSES:
            reason = _REASONS.get(name, "rejected" if group == "REJECTED" else "unreachable")
            return SubmitResult(Outcome.PERMANENT, cause=cause, reason=reason, public_text=name)
        why = "it does not speak of this message" if told is None else f"unknown status {cause}"
        return replace(unclear(answer, why), refs=refs)

    def _event(self, told: Any, now: float) -> InboundEvent:
        ref = (value(told, ("messageId",)) or "").strip()
        if not ref:
            raise Unreadable("a result has no messageId")
        if isinstance(told, dict) and isinstance(told.get("status"), dict):
            return self._report(told, now)
        sender, to, text = (value(told, (name,)) for name in ("from", "to", "text"))
        if not sender or not to or text is None:
            raise Unreadable("a result is neither a report nor a message")
        return InboundSms(self.name, ref, sender, to, text, moment(value(told, ("receivedAt",)), now))

    def _report(self, told: Any, now: float) -> DeliveryReport:
        group, name, _words = _status(told)
        error = value(told, ("error", "name")) or ""
        cause = name if error in {"", "NO_ERROR"} else f"{name} {error}"
        status, cause = status_of(group, STATUSES, cause)
        at, to = moment(value(told, ("doneAt",)), now), value(told, ("to",)) or value(told, ("destination",)) or ""
        each = Money.of(value(told, ("price", "pricePerMessage")), value(told, ("price", "currency")))
        count = value(told, ("messageCount",)) or ""
        price = each * int(count) if each is not None and _is_count(count) else None
        reason = _REASONS.get(name, "") if status is ReportStatus.FAILED else ""
        return DeliveryReport(self.name, value(told, ("messageId",)) or "", status, at, to, cause, price, reason)


def _status(told: Any) -> tuple[str, str, str]:
    """Group, name and words of a status; the group by its number, for its name is written in several ways."""
    number, named, name, words = (
        value(told, ("status", each)) or "" for each in ("groupId", "groupName", "name", "description")
    )
    return _GROUPS[int(number)] if number in {"0", "1", "2", "3", "4", "5"} else named.upper(), name, words


def _words(document: Any) -> str:
    """What an error says, in the form of either version."""
    places = (("requestError", "serviceException", "text"), ("description",), ("violations", "0", "violation"))
    return " ".join(filter(None, (value(document, place) for place in places)))


def _is_count(written: str) -> bool:
    return written.isascii() and written.isdecimal() and 0 < len(written) < 4
