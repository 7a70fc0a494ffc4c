"""SMPP on the wire: PDUs cut anywhere, bodies there and back, and nothing but one error for nonsense."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.smpp import pdu as wire
from gateway.smpp.pdu import (
    MAX_PDU,
    Address,
    Bind,
    Command,
    Frames,
    MalformedPduError,
    Pdu,
    ShortMessage,
    Status,
    Tag,
    frame,
)

latin1 = st.characters(min_codepoint=1, max_codepoint=255)
octet = st.integers(0, 255)


def strings(size: int) -> st.SearchStrategy[str]:
    return st.text(latin1, max_size=size - 1)


addresses = st.builds(Address, octet, octet, strings(21))
tlvs = st.dictionaries(st.integers(0, 0xFFFF), st.binary(max_size=300), max_size=5)
messages = st.builds(
    ShortMessage,
    source=addresses,
    dest=addresses,
    text=st.binary(max_size=254),
    esm_class=octet,
    data_coding=octet,
    service_type=strings(6),
    protocol_id=octet,
    priority=octet,
    schedule=strings(17),
    validity=strings(17),
    registered_delivery=octet,
    replace_if_present=octet,
    default_msg_id=octet,
    tlvs=tlvs,
)
binds = st.builds(Bind, strings(16), strings(9), strings(13), octet, octet, octet, strings(41))
PLAIN = ShortMessage(Address(1, 1, "4530643064"), Address(5, 0, "Brevdue"), b"Hej", tlvs={Tag.MESSAGE_STATE: b"\2"})


# --- cutting -------------------------------------------------------------------------------------------------------

STREAM = [
    Pdu(Command.SUBMIT_SM, 0, 1, wire.write_message(PLAIN)),
    Pdu(0x80000015, 0, 2, b""),
    Pdu(0x80000004, 0x58, 3, b""),
    Pdu(0x80000004, 0, 0x7FFFFFFF, b"id-1\0"),
]
OCTETS = b"".join(frame(pdu.command, pdu.sequence, pdu.body, pdu.status) for pdu in STREAM)


@pytest.mark.parametrize("at", range(len(OCTETS) + 1))
def test_pdus_cut_at_every_byte_are_the_same_pdus(at):
    frames = Frames()
    assert frames.feed(OCTETS[:at]) + frames.feed(OCTETS[at:]) == STREAM


@given(st.lists(st.integers(1, 40)))
def test_pdus_cut_anyhow_are_the_same_pdus(sizes):
    frames, rest, got = Frames(), OCTETS, []
    for size in sizes:
        got += frames.feed(rest[:size])
        rest = rest[size:]
    assert got + frames.feed(rest) == STREAM


def test_pdus_that_come_byte_by_byte():
    frames = Frames()
    assert [pdu for byte in OCTETS for pdu in frames.feed(bytes((byte,)))] == STREAM


@pytest.mark.parametrize("length", [0, 1, 15, MAX_PDU + 1, 0x7FFFFFFF, 0xFFFFFFFF])
def test_an_impossible_length_ends_the_reading_after_what_came_before(length):
    frames = Frames()
    assert frames.feed(OCTETS + struct.pack(">I", length)) == STREAM
    assert f"{length} bytes" in str(frames.fault)
    assert frames.feed(OCTETS) == []


def test_the_longest_pdu_is_held_and_no_more():
    frames = Frames()
    body = bytes(MAX_PDU - 16)
    assert frames.feed(frame(5, 1, body)) == [Pdu(5, 0, 1, body)]
    assert frames.fault is None


# --- bodies --------------------------------------------------------------------------------------------------------


@given(messages)
def test_a_message_there_and_back(message):
    assert wire.read_message(wire.write_message(message)) == message


@given(messages)
def test_a_data_sm_there_and_back(message):
    read = wire.read_data(wire.write_data(message))
    assert (read.source, read.dest, read.data_coding) == (message.source, message.dest, message.data_coding)
    assert read.tlvs == ({**message.tlvs, Tag.MESSAGE_PAYLOAD: message.text} if message.text else message.tlvs)


@given(binds)
def test_a_bind_there_and_back(bind):
    assert wire.read_bind(wire.write_bind(bind)) == bind


@given(st.binary(max_size=400))
def test_nonsense_is_one_error_or_a_message(octets):
    for read in (wire.read_message, wire.read_data, wire.read_bind):
        with contextlib.suppress(MalformedPduError):
            read(octets)
    wire.first_string(octets)


@given(messages, st.data())
def test_a_message_cut_short_is_malformed_or_has_fewer_tlvs(message, data):
    body = wire.write_message(message)
    cut = body[: data.draw(st.integers(0, len(body) - 1))]
    try:
        read = wire.read_message(cut)
    except MalformedPduError:
        return
    assert read.text == message.text
    assert read.tlvs.items() <= dict(message.tlvs).items()
    assert len(read.tlvs) < len(message.tlvs)


def test_what_is_wrong_is_said_in_smpps_words():
    body = bytearray(wire.write_message(ShortMessage(PLAIN.source, PLAIN.dest, b"Hej")))
    body[-4] = 200
    with pytest.raises(MalformedPduError) as cut:
        wire.read_message(bytes(body))
    assert cut.value.status is Status.ESME_RINVMSGLEN
    whole = wire.write_message(PLAIN)
    for tail, status in ((b"\4", Status.ESME_RINVOPTPARSTREAM), (b"\4\x24\0\2a", Status.ESME_RINVPARLEN)):
        with pytest.raises(MalformedPduError) as bad:
            wire.read_message(whole + tail)
        assert bad.value.status is status


def test_the_octets_of_a_submit():
    """Field by field, as SMPP v3.4 §4.4.1 lists them."""
    message = ShortMessage(
        Address(5, 0, "Brevdue"),
        Address(1, 1, "4530643064"),
        b"Hej",
        validity="000001000000000R",
        registered_delivery=1,
    )
    fields = (
        b"\0",  # service_type
        b"\5\0" + b"Brevdue\0",
        b"\1\1" + b"4530643064\0",
        b"\0\0\0",  # esm_class, protocol_id, priority_flag
        b"\0" + b"000001000000000R\0",  # schedule_delivery_time, validity_period
        b"\1\0\0\0",  # registered_delivery, replace_if_present_flag, data_coding, sm_default_msg_id
        b"\3Hej",
    )
    assert wire.write_message(message) == b"".join(fields)
    assert frame(Command.SUBMIT_SM, 7, b"ab") == b"\0\0\0\x12\0\0\0\4\0\0\0\0\0\0\0\7ab"


@pytest.mark.parametrize(
    "message",
    [
        ShortMessage(Address(1, 1, "4" * 21), PLAIN.dest),
        ShortMessage(Address(1, 1, "45\0"), PLAIN.dest),
        ShortMessage(Address(1, 1, "Ж"), PLAIN.dest),
        ShortMessage(PLAIN.source, PLAIN.dest, bytes(255)),
        ShortMessage(PLAIN.source, PLAIN.dest, service_type="VMNEXT"),
        ShortMessage(PLAIN.source, PLAIN.dest, tlvs={Tag.MESSAGE_PAYLOAD: bytes(65536)}),
    ],
)
def test_what_does_not_fit_is_refused(message):
    with pytest.raises(ValueError):
        wire.write_message(message)


@pytest.mark.parametrize(
    ("body", "text"), [(b"", ""), (b"\0", ""), (b"abc\0", "abc"), (b"abc", "abc"), (b"a\0b\0", "a")]
)
def test_the_first_string_of_an_answer(body, text):
    assert wire.first_string(body) == text


def test_the_password_shows_nowhere():
    assert "hemmelig" not in repr(Bind("a", "hemmelig"))
