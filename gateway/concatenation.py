"""Long incoming SMS put together from their parts (3GPP TS 23.040 §9.2.3.24.1). Pure.

Parts come in any order, twice, or not all. A second part with the same number and another text belongs to a later
message that happens to use the same reference: it is left for that one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.inbound_form import joined
from gateway.sms import InboundSms


@dataclass(frozen=True, slots=True)
class Assembled:
    """One message and the provider's ids of the parts in it (and of their doubles)."""

    sms: InboundSms
    part_refs: tuple[str, ...]
    incomplete: bool


def assemble(parts: Sequence[InboundSms]) -> Assembled:
    """Join the first part of each number, in order; `parts` come oldest first and belong to one reference."""
    first: dict[int, InboundSms] = {}
    used: list[str] = []
    for sms in parts:
        number = sms.part.number if sms.part else 1
        if first.setdefault(number, sms).text == sms.text:
            used.append(sms.ref)
    ordered = [first[number] for number in sorted(first)]
    total = max((sms.part.total for sms in parts if sms.part), default=len(ordered))
    whole = replace(
        ordered[0],
        ref=min(used),
        text=joined("".join(sms.text for sms in ordered)),
        at=min(sms.at for sms in ordered),
        part=None,
    )
    return Assembled(whole, tuple(used), incomplete=len(ordered) < total)
