"""Events as receivers of webhooks read them: their types, and the JSON that a call carries. Pure.

The form is that of Standard Webhooks (https://www.standardwebhooks.com): `type`, `timestamp`, `data`. Times are
ISO 8601 in UTC, phone numbers E.164. `docs/webhooks.md` tells receivers what stands here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from gateway.sms import MessageState


class EventType(StrEnum):
    """What can be told."""

    MESSAGE_RECEIVED = "message.received"
    """An SMS has come in."""
    MESSAGE_SUBMITTED = "message.submitted"
    """A provider has taken an SMS."""
    MESSAGE_DELIVERED = "message.delivered"
    MESSAGE_FAILED = "message.failed"
    MESSAGE_EXPIRED = "message.expired"
    MESSAGE_UNKNOWN = "message.unknown"
    """An SMS may have been sent, and nobody knows."""
    OPTOUT_CREATED = "optout.created"
    """A phone has said STOP."""
    OPTOUT_ENDED = "optout.ended"
    PING = "webhook.ping"
    """A test; it comes whatever an endpoint has chosen."""


CHOICES = tuple(kind for kind in EventType if kind is not EventType.PING)
"""What an endpoint can choose."""
TOLD_STATES = {
    MessageState.SUBMITTED: EventType.MESSAGE_SUBMITTED,
    MessageState.DELIVERED: EventType.MESSAGE_DELIVERED,
    MessageState.FAILED: EventType.MESSAGE_FAILED,
    MessageState.EXPIRED: EventType.MESSAGE_EXPIRED,
    MessageState.UNKNOWN: EventType.MESSAGE_UNKNOWN,
}
"""What is told when a message comes to stand so; the other states pass by themselves."""


@dataclass(frozen=True, slots=True)
class HookEvent:
    """Something that has happened in an organisation."""

    org_id: str
    id: str
    """What receivers know it by: the same in each try, and never with a full stop in it."""
    type: EventType
    at: float
    data: Mapping[str, Any] = field(repr=False)

    def body(self) -> str:
        """What a call carries, byte for byte."""
        content = {"type": self.type, "timestamp": iso(self.at), "data": self.data}
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(errors="replace").decode()


def event_id(*parts: object) -> str:
    """The id of an event, made of what makes it that event."""
    return "-".join(str(part) for part in parts).replace(".", "-")


def iso(seconds: float) -> str:
    """A moment as receivers read it, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_choice(words: Iterable[str]) -> tuple[EventType, ...]:
    """The event types that somebody chooses, in their order; "message" or "message.*" for all of a kind.

    Raises ValueError with what could have been meant.
    """
    chosen: set[EventType] = set()
    for word in words:
        wanted = word.strip().lower()
        fitting = [kind for kind in CHOICES if kind == wanted or kind.partition(".")[0] == wanted.removesuffix(".*")]
        if not fitting:
            raise ValueError(f"there is no event '{word.strip()}': {', '.join(CHOICES)}")
        chosen.update(fitting)
    return tuple(kind for kind in CHOICES if kind in chosen)
