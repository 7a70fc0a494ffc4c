"""The vocabulary of SMS: what leaves, what a provider says about it, and what comes in.

Times are seconds since the epoch (UTC); phone numbers are E.164; parts are concatenated short messages.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from gateway.errors import Outcome
from gateway.model import Hours
from gateway.money import Money

# --- SMS out -------------------------------------------------------------------------------------------------------

OPTED_OUT = "opted-out"
"""The word of `gateway.writing.reports.FailureReason` for a phone that has said STOP, to us or to a provider."""


class Encoding(StrEnum):
    """3GPP TS 23.038: the 7-bit default alphabet or UCS-2."""

    GSM7 = "gsm7"
    UCS2 = "ucs2"


@dataclass(frozen=True, slots=True)
class SmsText:
    """A text as it will leave, with what it costs on the air."""

    text: str
    encoding: Encoding
    parts: int
    """SMS parts (concatenated short messages), at least 1."""
    units: int
    """Septets (GSM-7) or 16-bit code units (UCS-2) in all."""
    forced_by: tuple[str, ...] = ()
    """The distinct characters outside GSM-7, in order of appearance."""


class MessageState(StrEnum):
    """Where an outgoing SMS stands. It only ever moves forward, save QUEUED <-> SUBMITTING."""

    QUEUED = "queued"
    SUBMITTING = "submitting"
    SUBMITTED = "submitted"
    DELIVERED = "delivered"
    FAILED = "failed"
    EXPIRED = "expired"
    UNKNOWN = "unknown"
    """May have been sent: shown to a person, never sent again blindly."""


class Priority(StrEnum):
    """Dialog always goes first."""

    DIALOG = "dialog"
    CAMPAIGN = "campaign"


@dataclass(frozen=True, slots=True)
class OutgoingSms:
    """One SMS to one phone."""

    id: str
    """The mail's id, a dot and a counter: one id from mail to delivery report."""
    org_id: str
    account_id: str
    key_id: str
    from_number: str
    to_number: str
    text: SmsText
    provider: str
    priority: Priority = Priority.DIALOG
    created_at: float = 0.0
    attempts: int = 0
    sender: str = ""
    """What stands as sender instead of `from_number`, where a route says so. An adapter gets it as `from_number`."""
    refused_by: str = ""
    """Providers that would carry it under no circumstances, with spaces between."""
    bound: bool = False
    """Whether its provider may have it already and is asked again, since it would know it: nobody else may have it."""
    hours: Hours | None = None
    """When it may leave, where it has just been written; None for always."""


def as_sent(message: OutgoingSms) -> OutgoingSms:
    """A message as adapters get it: what stands as sender on the phone is its `from_number`."""
    return replace(message, from_number=message.sender) if message.sender else message


@dataclass(frozen=True, slots=True)
class SubmitResult:
    """What a provider said about one attempt."""

    outcome: Outcome
    refs: tuple[str, ...] = ()
    """The provider's ids, one per part where it gives one per part.

    Where the outcome is unknown, one place for each id that there must be, and "" where it is not known.
    """
    cause: str = ""
    """For the log and the trace: the provider's code and words."""
    reason: str = ""
    """For the sender: a word of `gateway.writing.reports.FailureReason`; "" where nothing is known."""
    public_text: str = ""
    """For the sender's Diagnostic-Code: English, without provider internals."""
    retry_after: float | None = None
    """Seconds the provider asked to wait."""
    parts: int | None = None
    """SMS parts that the provider counts; None where it does not say."""
    price: Money | None = None
    """What it takes for the whole message; None where it does not say, or not yet."""

    @property
    def says_stop(self) -> bool:
        """Whether the phone has said STOP to the provider."""
        return self.reason == OPTED_OUT and self.outcome is Outcome.PERMANENT


class ReportStatus(StrEnum):
    """A delivery report's meaning, in our words."""

    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    FAILED = "failed"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """A provider's word on one id (one part, or a whole message where it has one id)."""

    provider: str
    ref: str
    status: ReportStatus
    at: float
    to_number: str = ""
    cause: str = ""
    price: Money | None = None
    """What the provider takes for what the id names; None where it does not say."""
    reason: str = ""
    """For the sender, of a failure: a word of `gateway.writing.reports.FailureReason`; "" where nothing is known."""

    @property
    def says_stop(self) -> bool:
        """Whether the phone has said STOP to the provider."""
        return self.reason == OPTED_OUT and self.status is ReportStatus.FAILED


@dataclass(frozen=True, slots=True)
class LateAnswer:
    """A provider's word, after its time, that it has taken a message, or a part of it, under this id.

    A message that was unknown is known when all of its ids are.
    """

    provider: str
    message_id: str
    ref: str
    at: float
    part: int = 1
    """1-based: which of the message's ids this is."""
    total: int = 1
    """Ids that the message has in all."""


# --- SMS in --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class InboundPart:
    """Where one piece of a long incoming SMS belongs: (from, to, ref, total) names the message."""

    ref: str
    total: int
    number: int
    """1-based."""


@dataclass(frozen=True, slots=True)
class InboundSms:
    """An SMS that a provider handed to us."""

    provider: str
    ref: str
    """The provider's id: the key that makes a second copy one message."""
    from_number: str
    to_number: str
    text: str
    at: float
    part: InboundPart | None = None


InboundEvent = InboundSms | DeliveryReport | LateAnswer
"""What a provider can tell us on its own accord."""
