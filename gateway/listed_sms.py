"""What people are shown of SMS, both ways in one list: a line of the log, a conversation, what waits for a person.

Whose they are is asked in every question: `org_id` is the organisation that may see them, None for operators alone;
`account_id` narrows that to one employee.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.money import Money


class Way(StrEnum):
    """Which way an SMS went."""

    OUT = "out"
    """To a phone."""
    IN = "in"
    """From a phone."""


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which SMS. What is None or empty asks for nothing; what is said holds together."""

    org_id: str | None = None
    account_id: str | None = None
    way: Way | None = None
    states: frozenset[str] = frozenset()
    """Words of `MessageState` and `InboundState`; any of them."""
    key_id: str | None = None
    """The key that it was sent under: of outgoing SMS alone."""
    phone: str | None = None
    """The other side, E.164 or a name."""
    phones: frozenset[str] = frozenset()
    """The same: any of them."""
    number: str | None = None
    """Our side, E.164."""
    provider: str | None = None
    reason: str | None = None
    """A word of `FailureReason`: of outgoing SMS alone."""
    text: str | None = None
    """A part of the text, whatever its case."""
    since: float | None = None
    """Stored at that moment or later."""
    until: float | None = None
    """Stored before that moment."""
    changed_since: float | None = None
    """New or in another state since then, looked for among the newest `LIVE` alone: for a list that people watch."""
    oldest_first: bool = False


@dataclass(frozen=True, slots=True)
class ListedSms:
    """One SMS, whichever way it went."""

    id: str
    way: Way
    at: float
    """When it was stored."""
    state: str
    state_at: float
    org_id: str | None
    account_id: str | None
    email: str
    """The account's address; empty where none is known."""
    number: str
    """Our side."""
    phone: str
    """The other side."""
    sender: str
    """The name that it was sent under instead of the number; empty for none."""
    provider: str
    text: str | None
    """None where it was removed, by age or at a person's wish."""
    mail_id: str | None
    """The mail that it came from, or became."""
    key_id: str | None = None
    parts: int | None = None
    price: Money | None = None
    reason: str = ""
    """A word of `FailureReason`, for the sender."""
    cause: str = ""
    """What the provider said, for who looks after it."""
    incomplete: bool = False
    """Parts of it never came."""
    late: bool = False
    """A part came after the others had gone on."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """An account and a phone."""

    phone: str
    last: ListedSms

    @property
    def unanswered(self) -> bool:
        """Whether the phone has had the last word."""
        return self.last.way is Way.IN


class Need(StrEnum):
    """What waits for a person's decision."""

    UNKNOWN = "unknown"
    """It may have been sent or not."""
    HELD = "held"
    """It came in while the key is paused."""
    ASKED = "asked"
    """It came to a shared number, and nobody has said to be meant."""
    UNROUTED = "unrouted"
    """It came to a number that nobody has."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An account that an incoming SMS could be for: it has the number, or had it last."""

    account_id: str
    email: str
    closed_at: float | None


@dataclass(frozen=True, slots=True)
class Undecided:
    """An SMS that waits for a person, with what is known."""

    need: Need
    sms: ListedSms
    candidates: tuple[Candidate, ...] = ()
