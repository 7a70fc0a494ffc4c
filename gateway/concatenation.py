"""Long incoming SMS put together from their parts (3GPP TS 23.040 §9.2.3.24.1). Pure.

Parts come in any order, twice, late, or not all. A second part with the same number and another text belongs to a later
message that happens to use the same reference: it is left for that one. What has gone on is remembered: a part that
comes again is known, and one that was missing makes its message whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.inbound_form import joined
from gateway.sms import InboundSms

TOGETHER = 3 * 3600.0
"""Seconds between the times of two parts of one message, at most: beyond that a reference names another message."""
AGAIN = 120.0
"""Seconds between the times of a part and its double, at most: some phones give all their messages one reference, and
two of them may end alike."""


@dataclass(frozen=True, slots=True)
class GoneOn:
    """A part that has become part of a message."""

    sms: InboundSms
    inbound_id: str
    incomplete: bool
    """Whether the message went on without some other part."""


@dataclass(frozen=True, slots=True)
class Assembled:
    """One message and the provider's ids of the parts in it (and of their doubles)."""

    sms: InboundSms
    part_refs: tuple[str, ...]
    incomplete: bool
    late: bool = False
    """Whether what had come in time went on before, without the parts that make it whole now."""


def known_again(waiting: Sequence[InboundSms], gone: Sequence[GoneOn]) -> dict[str, str]:
    """Parts that came once more after their message went on: the provider's id → the message's."""
    before = {(_number(each.sms), each.sms.text): each for each in gone}  # of several, the latest
    found = {}
    for sms in waiting:
        same = before.get((_number(sms), sms.text))
        if same is not None and abs(sms.at - same.sms.at) <= AGAIN:
            found[sms.ref] = same.inbound_id
    return found


def assemble(waiting: Sequence[InboundSms], gone: Sequence[GoneOn] = ()) -> Assembled:
    """Join the first part of each number, in order; both come oldest first and belong to one reference."""
    first: dict[int, InboundSms] = {}
    used = [sms.ref for sms in waiting if first.setdefault(_number(sms), sms).text == sms.text]
    total = max((sms.part.total for sms in waiting if sms.part), default=len(first))
    late = len(first) < total and _completes(first, gone, total)
    if late:
        first |= {_number(each.sms): each.sms for each in _missed(first, gone)}
    ordered = [first[number] for number in sorted(first)]
    whole = replace(
        ordered[0],
        ref=min(used),
        text=joined("".join(sms.text for sms in ordered)),
        at=min(sms.at for sms in ordered),
        part=None,
    )
    return Assembled(whole, tuple(used), incomplete=len(ordered) < total, late=late)


def _completes(first: dict[int, InboundSms], gone: Sequence[GoneOn], total: int) -> bool:
    """Whether these are just the parts that a message lacked when it went on."""
    missed = [_number(each.sms) for each in _missed(first, gone)]
    return first.keys().isdisjoint(missed) and len(first.keys() | set(missed)) == total


def _missed(first: dict[int, InboundSms], gone: Sequence[GoneOn]) -> list[GoneOn]:
    """What went on incomplete at the time of these parts."""
    return [each for each in gone if each.incomplete and all(_together(each.sms, mine) for mine in first.values())]


def _number(sms: InboundSms) -> int:
    return sms.part.number if sms.part else 1


def _together(one: InboundSms, other: InboundSms) -> bool:
    return abs(one.at - other.at) <= TOGETHER
