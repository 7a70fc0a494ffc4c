"""Which message from a phone is the one that came before, sent again. Pure.

SMPP gives incoming messages no id. One is the same as an earlier one when its content is the same and the message
centre had reason to send it again: it was refused, or the connection ended before the answer, or just after it. A
person who writes the same words twice, and both were answered, has sent two messages.
Times are seconds of one monotonic clock.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from hashlib import blake2b

from gateway.smpp.pdu import ShortMessage, Tag

MEMORY_SECONDS = 3600.0
"""How long a message is expected again that was refused, or not answered."""
DOUBT_SECONDS = 300.0
"""How long one is expected again whose answer may not have been read."""
MAX_EXPECTED = 10_000
JUST_ANSWERED = 2.0
"""Seconds in which an answer may not have been read when its connection ends."""
_PLACE = (Tag.MESSAGE_PAYLOAD, Tag.SAR_MSG_REF_NUM, Tag.SAR_TOTAL_SEGMENTS, Tag.SAR_SEGMENT_SEQNUM)


def fingerprint(message: ShortMessage) -> bytes:
    """What two copies of one message have in common."""
    digest = blake2b(digest_size=16)
    head = (message.source, message.dest, message.esm_class & 0x40, message.data_coding)
    for piece in (repr(head).encode(), message.text, *(message.tlvs.get(tag, b"") for tag in _PLACE)):
        digest.update(len(piece).to_bytes(4, "big") + piece)
    return digest.digest()


class Redeliveries:
    """The memory of one provider. `make_ref` gives new ids."""

    def __init__(self, make_ref: Callable[[], str]) -> None:
        self._make_ref = make_ref
        self._expected: OrderedDict[bytes, deque[tuple[str, float]]] = OrderedDict()
        self._answered: dict[Hashable, deque[tuple[float, bytes, str]]] = {}

    def ref(self, print_: bytes, now: float) -> str:
        """The id of a message that has come: the earlier one's where it was expected again."""
        waiting = self._expected.get(print_)
        while waiting:
            ref, until = waiting.popleft()
            if not waiting:
                del self._expected[print_]
            if now <= until:
                return ref
        return self._make_ref()

    def expect(self, print_: bytes, ref: str, until: float) -> None:
        """A message will come again, if it does so by then."""
        self._expected.setdefault(print_, deque()).append((ref, until))
        self._expected.move_to_end(print_)
        while len(self._expected) > MAX_EXPECTED:
            self._expected.popitem(last=False)

    def answered(self, link: Hashable, print_: bytes, ref: str, now: float) -> None:
        """A message was answered on this link."""
        recent = self._answered.setdefault(link, deque())
        recent.append((now, print_, ref))
        while recent[0][0] < now - JUST_ANSWERED:
            recent.popleft()

    def link_ended(self, link: Hashable, now: float) -> None:
        """The link is gone: what was answered just now may not have been read."""
        for answered_at, print_, ref in self._answered.pop(link, ()):
            if now - answered_at <= JUST_ANSWERED:
                self.expect(print_, ref, now + DOUBT_SECONDS)
