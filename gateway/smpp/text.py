"""What a text is on SMPP's wire: data coding, user data header, parts. Pure.

Out: `Wire` values, one for each submit_sm. In: what a phone sent, as text and place in a longer text.
Sources: SMPP v3.4 §5.2.19 (data_coding), §5.3.2.22-25 (sar_*), 3GPP TS 23.040 §9.2.3.24 (user data header), TS 23.038
§4 (data coding groups that message centres pass on as they are).

Promises: no part ends inside an escape pair or a surrogate pair; a header that says nonsense never costs the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.smpp.pdu import UDH_INDICATOR, ShortMessage, Tag
from gateway.sms import Encoding, InboundPart, SmsText
from gateway.sms_text import (
    GSM7_PART,
    UCS2_PART,
    cut_septets,
    cut_ucs2,
    from_septets,
    from_ucs2,
    septets,
    ucs2,
)

DEFAULT_CODING, IA5_CODING, LATIN1_CODING, UCS2_CODING = 0, 1, 3, 8
_SEPTETS_BESIDE_UDH16, _UNITS_BESIDE_UDH16 = 152, 66
"""What 140 octets hold beside a header of 7 octets: one septet and one code unit less than beside 6."""
_CODECS: Mapping[int, str] = {
    IA5_CODING: "latin-1",  # IA5 is its lower half
    LATIN1_CODING: "latin-1",
    5: "shift_jis",  # "JIS" in the specification; what is sent is Shift JIS
    6: "iso8859_5",
    7: "iso8859_8",
    10: "iso2022_jp",
    14: "euc_kr",
}
_NOT_IA5 = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f]")
"""Octets that no text in IA5 has: who sends them under its coding means the 7-bit alphabet (node-smpp does)."""


class LongText(StrEnum):
    """How a text of several parts leaves."""

    UDH8 = "udh8"
    """A user data header with an 8-bit reference: what every phone and message centre understands."""
    UDH16 = "udh16"
    """A user data header with a 16-bit reference."""
    PAYLOAD = "payload"
    """One PDU with message_payload; the message centre cuts it."""
    SAR = "sar"
    """sar_msg_ref_num, sar_total_segments and sar_segment_seqnum."""


class GsmEncoding(StrEnum):
    """What a message centre takes data coding 0 for."""

    GSM7 = "gsm7"
    """The 7-bit alphabet, one septet an octet."""
    LATIN1 = "latin1"
    """ISO 8859-1."""
    LATIN1_CODING = "latin1-dcs3"
    """The 7-bit alphabet, as what comes in; what goes out is sent as ISO 8859-1 under data coding 3."""


@dataclass(frozen=True, slots=True)
class Wire:
    """One submit_sm's share of a text."""

    text: bytes
    esm_class: int
    data_coding: int
    tlvs: Mapping[int, bytes] = field(default_factory=dict)


def encode(text: SmsText, long_text: LongText, gsm: GsmEncoding, reference: int) -> list[Wire]:
    """The parts of a text in order. `reference` tells them from those of other texts; only its low bits count."""
    coding, data = _encoded(text, gsm)
    if _fits_alone(text, coding, data):
        return [Wire(data, 0, coding)]
    if long_text is LongText.PAYLOAD:
        return [Wire(b"", 0, coding, {Tag.MESSAGE_PAYLOAD: data})]
    wide = long_text is LongText.UDH16
    pieces = _cut(coding, gsm, text, data, wide=wide)
    total = len(pieces)
    if total > 255:
        raise ValueError("a text has at most 255 parts")
    if long_text is LongText.SAR:
        return [
            Wire(
                piece,
                0,
                coding,
                {
                    Tag.SAR_MSG_REF_NUM: (reference & 0xFFFF).to_bytes(2, "big"),
                    Tag.SAR_TOTAL_SEGMENTS: bytes((total,)),
                    Tag.SAR_SEGMENT_SEQNUM: bytes((number,)),
                },
            )
            for number, piece in enumerate(pieces, 1)
        ]
    head = b"\6\x08\4" + (reference & 0xFFFF).to_bytes(2, "big") if wide else b"\5\0\3" + bytes((reference & 0xFF,))
    return [
        Wire(head + bytes((total, number)) + piece, UDH_INDICATOR, coding) for number, piece in enumerate(pieces, 1)
    ]


def _encoded(text: SmsText, gsm: GsmEncoding) -> tuple[int, bytes]:
    if text.encoding is Encoding.UCS2:
        return UCS2_CODING, ucs2(text.text)
    if gsm is GsmEncoding.GSM7:
        return DEFAULT_CODING, septets(text.text)
    try:
        latin1 = text.text.encode("latin-1")
    except UnicodeEncodeError:  # the euro sign and Greek capitals are in GSM-7 only
        return UCS2_CODING, ucs2(text.text)
    return (DEFAULT_CODING if gsm is GsmEncoding.LATIN1 else LATIN1_CODING), latin1


def _fits_alone(text: SmsText, coding: int, data: bytes) -> bool:
    if coding == UCS2_CODING:
        return len(data) <= 140
    return text.parts == 1


def _cut(coding: int, gsm: GsmEncoding, text: SmsText, data: bytes, *, wide: bool) -> list[bytes]:
    """Cut so that every piece fits beside its header; a Latin-1 text costs the septets that it will have on the air."""
    if coding == UCS2_CODING:
        return cut_ucs2(data, _UNITS_BESIDE_UDH16 if wide else UCS2_PART)
    room = _SEPTETS_BESIDE_UDH16 if wide else GSM7_PART
    if gsm is GsmEncoding.GSM7:
        return cut_septets(data, room)
    return [from_septets(piece).encode("latin-1") for piece in cut_septets(septets(text.text), room)]


def decode(message: ShortMessage, gsm: GsmEncoding) -> tuple[str, InboundPart | None]:
    """The text of a message from a phone, and its place in a longer one. Never fails."""
    data = message.text or message.tlvs.get(Tag.MESSAGE_PAYLOAD, b"")
    part = _sar(message.tlvs)
    if message.esm_class & UDH_INDICATOR and data and data[0] < len(data):
        header, data = data[1 : data[0] + 1], data[data[0] + 1 :]
        part = _concatenation(header) or part
    return decode_text(data, message.data_coding, gsm), part


def decode_text(data: bytes, coding: int, gsm: GsmEncoding) -> str:
    """Read octets by their data coding. Never fails: what is no text is shown in hexadecimal."""
    coding = _alphabet(coding)
    if coding == UCS2_CODING:
        return from_ucs2(data)
    if coding == DEFAULT_CODING:
        return data.decode("latin-1") if gsm is GsmEncoding.LATIN1 else from_septets(data)
    if coding == IA5_CODING and _NOT_IA5.search(data):
        return from_septets(data)
    if codec := _CODECS.get(coding):
        return data.decode(codec, "replace")
    return data.hex(" ")


def _alphabet(coding: int) -> int:
    """Map the groups of TS 23.038 §4 that carry a message class onto the plain codings."""
    if coding >> 4 == 0xF:
        return 4 if coding & 4 else DEFAULT_CODING
    if 0x10 <= coding < 0x40:
        return (DEFAULT_CODING, 4, UCS2_CODING, DEFAULT_CODING)[coding >> 2 & 3]
    return coding


def _sar(tlvs: Mapping[int, bytes]) -> InboundPart | None:
    if Tag.SAR_TOTAL_SEGMENTS not in tlvs:
        return None
    ref, total, number = (
        int.from_bytes(tlvs.get(tag, b""), "big")
        for tag in (Tag.SAR_MSG_REF_NUM, Tag.SAR_TOTAL_SEGMENTS, Tag.SAR_SEGMENT_SEQNUM)
    )
    return _part(f"sar-{ref}", total, number)


def _concatenation(header: bytes) -> InboundPart | None:
    """The concatenation element among a header's elements (TS 23.040 §9.2.3.24.1 and .8)."""
    for kind, value in _elements(header):
        if kind == 0 and len(value) == 3:
            return _part(f"{value[0]}", value[1], value[2])
        if kind == 8 and len(value) == 4:
            return _part(f"16-{value[0] << 8 | value[1]}", value[2], value[3])
    return None


def _elements(header: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 2 <= len(header):
        kind, length = header[at], header[at + 1]
        yield kind, header[at + 2 : at + 2 + length]
        at += 2 + length


def _part(ref: str, total: int, number: int) -> InboundPart | None:
    return InboundPart(ref, total, number) if 1 <= number <= total <= 255 and total > 1 else None
