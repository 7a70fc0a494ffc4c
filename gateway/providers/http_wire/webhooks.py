"""Reads what a provider calls us with: proves the request, then makes events of it. Pure.

A request that its gate has admitted is proven by whatever else the configuration names: a signature over its body, a
secret field. Secrets are compared in constant time. Once a signature is wanted, only the signed body
is read: what stands in the query could have been added by anybody.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

from gateway.providers.base import Forged, Unreadable, WebhookRequest
from gateway.providers.http_wire.answers import condition
from gateway.providers.http_wire.options import (
    MessageOptions,
    ReportOptions,
    SecretFieldOptions,
    SignatureOptions,
    WebhookOptions,
)
from gateway.providers.places import (
    ABSENT,
    Condition,
    Steps,
    items,
    parse_form,
    parse_json,
    steps,
    value,
)
from gateway.providers.telling import moment, status_of
from gateway.smpp.text import GsmEncoding, decode_text
from gateway.sms import DeliveryReport, InboundEvent, InboundPart, InboundSms

_MAX_EVENTS = 1000
"""Events in one request: each costs a transaction's share before the request is answered."""


class WebhookReader:
    """Reads the requests of one provider."""

    def __init__(self, provider: str, options: WebhookOptions) -> None:
        self._signature = None if options.signature is None else _Signature(options.signature)
        self._field = None if options.field is None else _SecretField(options.field)
        self._list = None if options.list is None else steps(options.list)
        self._report = None if options.report is None else _ReportReader(provider, options.report)
        self._message = None if options.message is None else _MessageReader(provider, options.message)

    def read(self, request: WebhookRequest, now: float) -> list[InboundEvent]:
        """The events in an admitted request. Raises `Forged` or `Unreadable`."""
        if self._signature is not None:
            self._signature.check(request)
        document = self._document(request)
        if self._field is not None:
            self._field.check(document)
        found = [document] if self._list is None else _listed(document, self._list)
        if len(found) > _MAX_EVENTS:
            raise Unreadable(f"more than {_MAX_EVENTS} events in one request")
        return [self._event(each, now) for each in found]

    def _document(self, request: WebhookRequest) -> Any:
        """The fields of a form and the query, or a JSON document."""
        query = "" if self._signature is not None else request.query
        if not request.body:
            return _form(query)
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type == "application/x-www-form-urlencoded":
            return _form(_decoded(request.body), query)
        document = parse_json(_decoded(request.body))
        if document is ABSENT:
            raise Unreadable(f"the body is neither a form nor JSON ({media_type[:60] or 'without a type'})")
        if query and isinstance(document, dict):
            return _form(query) | document
        return document

    def _event(self, document: Any, now: float) -> InboundEvent:
        if self._report is not None and self._report.recognises(document):
            return self._report.read(document, now)
        if self._message is not None and self._message.recognises(document):
            return self._message.read(document, now)
        wanted = [reader.wanted for reader in (self._report, self._message) if reader is not None]
        raise Unreadable(f"it has not {' and not '.join(wanted)}")


class _Signature:
    """HMAC over the body."""

    def __init__(self, options: SignatureOptions) -> None:
        self._header = options.header.lower()
        self._key = options.key.get_secret_value().encode()
        self._algorithm = options.algorithm
        self._prefix = options.prefix
        self._in_hex = options.encoding == "hex"

    def check(self, request: WebhookRequest) -> None:
        """Raise Forged for a call whose body the provider has not signed."""
        if not request.body:  # a GET says everything in its address, which nothing proves
            raise Forged("no signed body")
        written = request.headers.get(self._header, "").strip()
        if not written.startswith(self._prefix):
            raise Forged("no signature")
        try:
            given = self._decode(written.removeprefix(self._prefix))
        except (binascii.Error, ValueError):
            raise Forged("malformed signature") from None
        if not hmac.compare_digest(given, hmac.digest(self._key, request.body, self._algorithm)):
            raise Forged("wrong signature")

    def _decode(self, written: str) -> bytes:
        return bytes.fromhex(written) if self._in_hex else base64.b64decode(written, validate=True)


class _SecretField:
    """A field that holds what only the provider knows."""

    def __init__(self, options: SecretFieldOptions) -> None:
        self._at = steps(options.at)
        self._digest = hashlib.sha256(options.value.get_secret_value().encode()).digest()

    def check(self, document: Any) -> None:
        """Raise Forged for a call that does not know the secret."""
        given = hashlib.sha256((value(document, self._at) or "").encode(errors="replace")).digest()
        if not hmac.compare_digest(given, self._digest):
            raise Forged("wrong secret in its field")


class _ReportReader:
    """Makes delivery reports."""

    def __init__(self, provider: str, options: ReportOptions) -> None:
        self._provider = provider
        self._id, self._status = steps(options.id), steps(options.status)
        self._to, self._at, self._cause = (_optional(place) for place in (options.to, options.at, options.cause))
        self._statuses = {word: status for status, words in options.statuses.items() for word in words}
        self._when = None if options.when is None else condition(options.when)
        self.wanted = f"{options.id} and {options.status} of a report"

    def recognises(self, document: Any) -> bool:
        """Whether this is a report."""
        return _holds(self._when, document) and bool(value(document, self._id)) and bool(value(document, self._status))

    def read(self, document: Any, now: float) -> DeliveryReport:
        """Make a report of it, as of `now` where it says no time."""
        written = (value(document, self._status) or "").strip().lower()
        status, cause = status_of(written, self._statuses, value(document, self._cause) or "")
        return DeliveryReport(
            self._provider,
            (value(document, self._id) or "").strip(),
            status,
            moment(value(document, self._at), now),
            (value(document, self._to) or "").strip(),
            cause,
        )


class _MessageReader:
    """Makes incoming SMS."""

    def __init__(self, provider: str, options: MessageOptions) -> None:
        self._provider = provider
        self._from, self._to, self._text = steps(options.from_), steps(options.to), steps(options.text)
        self._id, self._at = _optional(options.id), _optional(options.at)
        self._hex, self._coding = _optional(options.text_hex), _optional(options.coding)
        self._part = tuple(map(_optional, (options.part_ref, options.part_total, options.part_number)))
        self._when = None if options.when is None else condition(options.when)
        self.wanted = f"{options.from_}, {options.to} and {options.text} of a message"

    def recognises(self, document: Any) -> bool:
        """Whether this is an incoming SMS."""
        return (
            _holds(self._when, document)
            and bool(value(document, self._from))
            and bool(value(document, self._to))
            and value(document, self._text) is not None
        )

    def read(self, document: Any, now: float) -> InboundSms:
        """Make an SMS of it, as of `now` where it says no time."""
        sender, recipient = value(document, self._from) or "", value(document, self._to) or ""
        text = self._text_of(document)
        at = value(document, self._at)
        ref: str | None
        if self._id is not None:
            ref = (value(document, self._id) or "").strip()
        else:
            ref = at and _fingerprint(sender, recipient, text, at)
        if not ref:
            raise Unreadable("the message has neither id nor time by which it would be known again")
        return InboundSms(
            self._provider, ref, sender.strip(), recipient.strip(), text, moment(at, now), self._part_of(document)
        )

    def _text_of(self, document: Any) -> str:
        """The text, from its octets where the provider tells them: then no charset has been at it."""
        written, coding = value(document, self._hex) or "", value(document, self._coding) or "0"
        try:
            octets = bytes.fromhex(written)
        except ValueError:
            octets = b""
        if octets and _is_count(coding):
            return decode_text(octets, int(coding), GsmEncoding.GSM7)
        return value(document, self._text) or ""

    def _part_of(self, document: Any) -> InboundPart | None:
        ref, total, number = (value(document, place) for place in self._part)
        if ref is None or not _is_count(total) or not _is_count(number):
            return None
        return InboundPart(ref, int(total or 0), int(number or 0))


def _listed(document: Any, path: Steps) -> Sequence[Any]:
    """The events of a request that brings several; a list stands for its items."""
    found: list[Any] = []
    for each in items(document, path):
        found += each if isinstance(each, list) else [each]
    if not found:
        raise Unreadable("it has no list of events")
    return found


def _fingerprint(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode(errors="replace")).hexdigest()


def _optional(place: str | None) -> Steps | None:
    return None if place is None else steps(place)


def _holds(when: Condition | None, document: Any) -> bool:
    return when is None or when.holds(document, "")


def _is_count(written: str | None) -> bool:
    return written is not None and written.isascii() and written.isdecimal() and len(written) <= 3


def _decoded(body: bytes) -> str:
    return body.decode("utf-8", "replace")


def _form(*texts: str) -> dict[str, str]:
    try:
        return parse_form(*texts)
    except ValueError:
        raise Unreadable("too many fields") from None
