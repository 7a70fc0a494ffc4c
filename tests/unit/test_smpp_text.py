"""Texts on SMPP's wire: codings, parts and headers, there and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.smpp.pdu import Address, ShortMessage, Tag
from gateway.smpp.text import GsmEncoding, LongText, Wire, decode, decode_text, encode
from gateway.sms import InboundPart
from gateway.sms_text import GSM7_SINGLE, UCS2_SINGLE, measure

HERE = Address(1, 1, "4530643064")
GSM = "abc æøå ÆØÅ @£$ {}[]~^|\\€ \n ΔΩ"
letters = st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff\ufffe")
"""Without byte-order marks: where a text or a part of one begins with a mark, who receives it reads it as one."""
texts = st.text(st.sampled_from(GSM), max_size=700) | st.text(letters, max_size=300)


def received(wire: Wire) -> ShortMessage:
    return ShortMessage(HERE, HERE, wire.text, wire.esm_class, wire.data_coding, tlvs=wire.tlvs)


@given(texts, st.sampled_from(LongText), st.sampled_from(GsmEncoding), st.integers(0, 0xFFFFFFFF))
def test_a_text_there_and_back(text, long_text, gsm, reference):
    measured = measure(text)
    pieces = [decode(received(wire), gsm) for wire in encode(measured, long_text, gsm, reference)]
    assert "".join(piece for piece, _ in pieces) == measured.text
    if len(pieces) > 1:
        total = len(pieces)
        assert [(part.total, part.number) for _, part in pieces] == [(total, n) for n in range(1, total + 1)]
        assert len({part.ref for _, part in pieces}) == 1
    else:
        assert pieces[0][1] is None


@given(texts, st.sampled_from(LongText), st.sampled_from(GsmEncoding))
def test_every_part_fits_on_the_air_and_is_whole(text, long_text, gsm):
    for wire in encode(measure(text), long_text, gsm, 7):
        if Tag.MESSAGE_PAYLOAD in wire.tlvs:
            continue
        header = wire.text[0] + 1 if wire.esm_class else 6 if Tag.SAR_TOTAL_SEGMENTS in wire.tlvs else 0
        piece = wire.text[wire.text[0] + 1 :] if wire.esm_class else wire.text
        if wire.data_coding == 8:
            assert header + len(piece) <= 140
            piece.decode("utf-16-be")  # raises where a surrogate pair was cut
        else:
            septets = measure(decode_text(piece, wire.data_coding, gsm)).units
            assert septets <= (140 - header) * 8 // 7
            assert not (gsm is GsmEncoding.GSM7 and piece.endswith(b"\x1b"))


@given(texts)
def test_parts_are_those_that_were_counted(text):
    measured = measure(text)
    assert len(encode(measured, LongText.UDH8, GsmEncoding.GSM7, 1)) == measured.parts
    assert len(encode(measured, LongText.SAR, GsmEncoding.GSM7, 1)) == measured.parts
    assert len(encode(measured, LongText.PAYLOAD, GsmEncoding.GSM7, 1)) == 1


def test_a_lone_text_has_no_header():
    assert encode(measure("a" * GSM7_SINGLE), LongText.UDH8, GsmEncoding.GSM7, 1) == [Wire(b"a" * 160, 0, 0)]
    assert encode(measure("ж" * UCS2_SINGLE), LongText.UDH8, GsmEncoding.GSM7, 1) == [Wire(b"\4\x36" * 70, 0, 8)]


@pytest.mark.parametrize(
    ("long_text", "head", "tlvs"),
    [
        (LongText.UDH8, b"\5\0\3\x34\2\1", {}),
        (LongText.UDH16, b"\6\x08\4\x12\x34\2\1", {}),
        (
            LongText.SAR,
            b"",
            {Tag.SAR_MSG_REF_NUM: b"\x12\x34", Tag.SAR_TOTAL_SEGMENTS: b"\2", Tag.SAR_SEGMENT_SEQNUM: b"\1"},
        ),
    ],
)
def test_the_octets_of_a_first_part(long_text, head, tlvs):
    first, _second = encode(measure("a" * 200), long_text, GsmEncoding.GSM7, 0xAB1234)
    room = 152 if long_text is LongText.UDH16 else 153
    assert first == Wire(head + b"a" * room, 0x40 if head else 0, 0, tlvs)


def test_a_payload_is_whole():
    (wire,) = encode(measure("€" * 200), LongText.PAYLOAD, GsmEncoding.GSM7, 1)
    assert (wire.text, wire.esm_class, wire.tlvs) == (b"", 0, {Tag.MESSAGE_PAYLOAD: b"\x1be" * 200})


@pytest.mark.parametrize(
    ("gsm", "text", "coding", "octets"),
    [
        (GsmEncoding.GSM7, "æ@[", 0, b"\x1d\x00\x1b<"),
        (GsmEncoding.LATIN1, "æ@[", 0, b"\xe6@["),
        (GsmEncoding.LATIN1_CODING, "æ@[", 3, b"\xe6@["),
        (GsmEncoding.LATIN1, "5 €", 8, "5 €".encode("utf-16-be")),
        (GsmEncoding.LATIN1, "ж", 8, b"\4\x36"),
    ],
)
def test_what_a_message_centre_takes_coding_0_for(gsm, text, coding, octets):
    assert encode(measure(text), LongText.UDH8, gsm, 1) == [Wire(octets, 0, coding)]


def test_escaped_characters_cost_two_septets_in_latin1_too():
    wires = encode(measure("[" * 161), LongText.UDH8, GsmEncoding.LATIN1, 1)
    assert [len(wire.text) for wire in wires] == [6 + 76, 6 + 76, 6 + 9]


def test_more_than_255_parts_are_refused():
    with pytest.raises(ValueError, match="255"):
        encode(measure("a" * 153 * 256), LongText.UDH8, GsmEncoding.GSM7, 1)


# --- what phones send ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("coding", "octets", "text"),
    [
        (0, b"\x1d\x1be", "æ€"),
        (1, b"abc @_\r\n", "abc @_\r\n"),
        (1, b"abc\xe6", "abcæ"),
        (1, b"\x1d\x00 \x1be", "æ@ €"),
        (3, b"\xe6", "æ"),
        (8, b"\xd8\x3d\xde\x00", "😀"),
        (8, b"\xd8\x3d", "\ufffd"),
        (6, b"\xb6", "Ж"),
        (4, b"\x01\xff", "01 ff"),
        (2, b"\x01", "01"),
        (0xF0, b"\x1d", "æ"),
        (0xF4, b"\x1d", "1d"),
        (0x10, b"\x1d", "æ"),
        (0x18, b"\4\x36", "ж"),
        (0x14, b"\x1d", "1d"),
        (0x99, b"\x1d", "1d"),
    ],
)
def test_a_data_coding(coding, octets, text):
    assert decode_text(octets, coding, GsmEncoding.GSM7) == text


def test_coding_0_as_latin1():
    assert decode_text(b"\xe6@", 0, GsmEncoding.LATIN1) == "æ@"


@pytest.mark.parametrize(
    ("octets", "text", "part"),
    [
        (b"\5\0\3\x07\3\2Hej", "Hej", InboundPart("7", 3, 2)),
        (b"\6\x08\4\x01\x02\3\1Hej", "Hej", InboundPart("16-258", 3, 1)),
        (b"\x0a\x24\1\1\0\3\x07\3\2\1\0Hej", "Hej", InboundPart("7", 3, 2)),  # after another element
        (b"\5\0\3\x07\3\4Hej", "Hej", None),  # part 4 of 3
        (b"\5\0\3\x07\1\1Hej", "Hej", None),  # one of one
        (b"\5\0\2\x07\3\4Hej", "Hej", None),  # an element of the wrong size
        (b"\2\0\xffHej", "Hej", None),  # an element that reaches beyond the header
        (b"\0Hej", "Hej", None),
        (b"\x7fHej", "\x7fHej".replace("\x7f", "à"), None),  # a header longer than the message is none
        (b"", "", None),
    ],
)
def test_a_header_of_a_phone(octets, text, part):
    assert decode(ShortMessage(HERE, HERE, octets, esm_class=0x40), GsmEncoding.GSM7) == (text, part)


@pytest.mark.parametrize(
    ("tlvs", "part"),
    [
        (
            {Tag.SAR_MSG_REF_NUM: b"\1\2", Tag.SAR_TOTAL_SEGMENTS: b"\3", Tag.SAR_SEGMENT_SEQNUM: b"\1"},
            InboundPart("sar-258", 3, 1),
        ),
        ({Tag.SAR_MSG_REF_NUM: b"\1\2", Tag.SAR_TOTAL_SEGMENTS: b"\3"}, None),
        ({Tag.SAR_TOTAL_SEGMENTS: b"", Tag.SAR_SEGMENT_SEQNUM: b"\1"}, None),
    ],
)
def test_segments_of_a_phone(tlvs, part):
    assert decode(ShortMessage(HERE, HERE, b"Hej", tlvs=tlvs), GsmEncoding.GSM7) == ("Hej", part)


@given(st.binary(max_size=300), st.integers(0, 255), st.integers(0, 255), st.sampled_from(GsmEncoding))
def test_no_message_is_unreadable(octets, esm_class, coding, gsm):
    decode(ShortMessage(HERE, HERE, octets, esm_class, coding, tlvs={Tag.SAR_TOTAL_SEGMENTS: octets[:2]}), gsm)


def test_a_text_in_the_payload():
    message = ShortMessage(HERE, HERE, tlvs={Tag.MESSAGE_PAYLOAD: b"\5\0\3\x07\2\1Hej"}, esm_class=0x40)
    assert decode(message, GsmEncoding.GSM7) == ("Hej", InboundPart("7", 2, 1))
