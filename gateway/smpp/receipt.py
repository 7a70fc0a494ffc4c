"""Delivery receipts: what a message centre says became of a message, in our words. Pure.

In: a deliver_sm or data_sm. Out: a `Receipt`, or None where a phone wrote. Sources: SMPP v3.4 §5.2.12 (esm_class),
§5.2.28 (message_state), Appendix B (receipts as text), §5.3.2.12 (receipted_message_id).

Promises: a text that only looks like a receipt is a message; a status that no table has moves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateway.smpp.pdu import ShortMessage, Tag
from gateway.sms import ReportStatus

_MESSAGE_TYPE = 0x3C
_RECEIPT, _INTERMEDIATE = 0x04, 0x20
_STATES: Mapping[int, tuple[str, ReportStatus]] = {
    1: ("ENROUTE", ReportStatus.ACCEPTED),
    2: ("DELIVRD", ReportStatus.DELIVERED),
    3: ("EXPIRED", ReportStatus.EXPIRED),
    4: ("DELETED", ReportStatus.FAILED),
    5: ("UNDELIV", ReportStatus.FAILED),
    6: ("ACCEPTD", ReportStatus.ACCEPTED),
    8: ("REJECTD", ReportStatus.FAILED),
}
"""message_state (§5.2.28) and its word in a text (Appendix B). UNKNOWN (7) says nothing, and stays that way."""
_WORDS: Mapping[str, ReportStatus] = dict(_STATES.values())
_FIELD = re.compile(rb"\b(id|stat|err):\s*([^\s\0]+)", re.IGNORECASE)
_MAX_WORD = 32


class IdForm(StrEnum):
    """How a message centre writes ids in its answers, and how in its receipts."""

    TEXT = "text"
    """The same characters in both."""
    HEX = "hex"
    """Hexadecimal in both, with or without leading zeros, in either case."""
    DECIMAL = "decimal"
    """Decimal in both, with or without leading zeros."""
    HEX_TO_DECIMAL = "hex-to-decimal"
    """Hexadecimal in the answer, decimal in the receipt."""
    DECIMAL_TO_HEX = "decimal-to-hex"
    """Decimal in the answer, hexadecimal in the receipt."""


_BASES: Mapping[IdForm, tuple[int, int]] = {
    IdForm.HEX: (16, 16),
    IdForm.DECIMAL: (10, 10),
    IdForm.HEX_TO_DECIMAL: (16, 10),
    IdForm.DECIMAL_TO_HEX: (10, 16),
}
_DIGITS: Mapping[int, re.Pattern[str]] = {16: re.compile(r"(?:0[xX])?[0-9a-fA-F]+"), 10: re.compile(r"[0-9]+")}


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one id."""

    ref: str
    """In the form that `answered_id` gives; "" where the receipt names none."""
    status: ReportStatus
    cause: str


def answered_id(written: str, form: IdForm) -> str:
    """The id in a submit_sm_resp, in the one form in which ids are compared."""
    return _normal(written, _BASES[form][0]) if form is not IdForm.TEXT else written


def asked_id(ref: str, form: IdForm) -> str:
    """What to call a message when asking about it: as in a submit_sm_resp, without leading zeros, A-F for a-f."""
    hexadecimal = form is not IdForm.TEXT and _BASES[form][0] == 16 and _DIGITS[10].fullmatch(ref)
    return f"{int(ref):X}" if hexadecimal else ref


def receipted_id(written: str, form: IdForm) -> str:
    """The id in a receipt, in the one form in which ids are compared."""
    return _normal(written, _BASES[form][1]) if form is not IdForm.TEXT else written


def _normal(written: str, base: int) -> str:
    return str(int(written, base)) if len(written) <= 65 and _DIGITS[base].fullmatch(written) else written


def state_of(code: int) -> tuple[str, ReportStatus] | None:
    """The word for a message_state, and what it means; None where it says nothing."""
    return _STATES.get(code)


def read_receipt(message: ShortMessage, form: IdForm) -> Receipt | None:
    """Read a receipt. None for a message from a phone: what it wrote cannot make it a receipt."""
    tlvs = message.tlvs
    kind = message.esm_class & _MESSAGE_TYPE
    if kind not in {_RECEIPT, _INTERMEDIATE} and not (Tag.RECEIPTED_MESSAGE_ID in tlvs and Tag.MESSAGE_STATE in tlvs):
        return None
    written: dict[bytes, bytes] = {}
    for name, value in _FIELD.findall(message.text or tlvs.get(Tag.MESSAGE_PAYLOAD, b"")):
        written.setdefault(name.lower(), value)
    ref = tlvs[Tag.RECEIPTED_MESSAGE_ID].rstrip(b"\0") if Tag.RECEIPTED_MESSAGE_ID in tlvs else written.get(b"id", b"")
    word, status = _status(tlvs.get(Tag.MESSAGE_STATE, b""), written.get(b"stat", b""))
    if kind == _INTERMEDIATE:
        status = ReportStatus.ACCEPTED
    return Receipt(receipted_id(ref.decode("latin-1"), form), status, _cause(word, tlvs, written.get(b"err", b"")))


def _status(state: bytes, stat: bytes) -> tuple[str, ReportStatus]:
    """The word for the log, and what it means; ACCEPTED, which moves nothing, where nobody can tell."""
    if len(state) == 1 and state[0] in _STATES:
        return _STATES[state[0]]
    word = stat.decode("latin-1").upper()[:_MAX_WORD]
    if word:
        return word, _WORDS.get(word, ReportStatus.ACCEPTED)
    return (f"state {state.hex()}" if state else "no status"), ReportStatus.ACCEPTED


def _cause(word: str, tlvs: Mapping[int, bytes], err: bytes) -> str:
    """The status, with the network's error where there is one (§5.3.2.31: a network type and a code)."""
    network = tlvs.get(Tag.NETWORK_ERROR_CODE, b"")
    if len(network) == 3:
        return f"{word}, network error {network[0]}/{int.from_bytes(network[1:], 'big')}"
    code = err.decode("latin-1")[:_MAX_WORD]
    return f"{word}, error {code}" if code.strip("0") else word
