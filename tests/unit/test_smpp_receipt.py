"""Delivery receipts of SMPP, as different message centres write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.smpp.pdu import Address, ShortMessage, Tag
from gateway.smpp.receipt import IdForm, Receipt, answered_id, read_receipt, receipted_id
from gateway.sms import ReportStatus

HERE = Address(1, 1, "4530643064")
ACCEPTED, DELIVERED, FAILED, EXPIRED = (
    ReportStatus.ACCEPTED,
    ReportStatus.DELIVERED,
    ReportStatus.FAILED,
    ReportStatus.EXPIRED,
)


def read(
    text: bytes = b"", tlvs: dict[int, bytes] | None = None, esm: int = 4, form: IdForm = IdForm.TEXT
) -> Receipt | None:
    return read_receipt(ShortMessage(HERE, HERE, text, esm, tlvs=tlvs or {}), form)


@pytest.mark.parametrize(
    ("text", "receipt"),
    [
        (
            b"id:abc-1 sub:001 dlvrd:001 submit date:2611231000 done date:2611231001 stat:DELIVRD err:000 text:Hej",
            Receipt("abc-1", DELIVERED, "DELIVRD"),
        ),
        (b"id:1 stat:EXPIRED err:000", Receipt("1", EXPIRED, "EXPIRED")),
        (b"id:1 stat:UNDELIV err:034", Receipt("1", FAILED, "UNDELIV, error 034")),
        (b"id:1 stat:DELETED", Receipt("1", FAILED, "DELETED")),
        (b"id:1 stat:REJECTD", Receipt("1", FAILED, "REJECTD")),
        (b"id:1 stat:ENROUTE", Receipt("1", ACCEPTED, "ENROUTE")),
        (b"id:1 stat:ACCEPTD", Receipt("1", ACCEPTED, "ACCEPTD")),
        (b"id:1 stat:UNKNOWN", Receipt("1", ACCEPTED, "UNKNOWN")),  # nobody knows: it moves nothing
        (b"id:1 stat:FILTERED", Receipt("1", ACCEPTED, "FILTERED")),
        (b"id:1 stat:DELIVERED", Receipt("1", ACCEPTED, "DELIVERED")),  # not a word of the specification
        (b"ID:1 Stat:delivrd Err:0", Receipt("1", DELIVERED, "DELIVRD")),
        (b"id: 1 stat: DELIVRD", Receipt("1", DELIVERED, "DELIVRD")),
        (b"id:1", Receipt("1", ACCEPTED, "no status")),
        (b"stat:DELIVRD", Receipt("", DELIVERED, "DELIVRD")),
        (b"", Receipt("", ACCEPTED, "no status")),
        (b"id:1 stat:DELIVRD err:000 text:id:2 stat:UNDELIV", Receipt("1", DELIVERED, "DELIVRD")),
        (b"id:\xff\xfe stat:" + b"X" * 100, Receipt("\xff\xfe", ACCEPTED, "X" * 32)),
    ],
)
def test_a_receipt_as_text(text, receipt):
    assert read(text) == receipt


@pytest.mark.parametrize(
    ("state", "status", "word"),
    [
        (1, ACCEPTED, "ENROUTE"),
        (2, DELIVERED, "DELIVRD"),
        (3, EXPIRED, "EXPIRED"),
        (4, FAILED, "DELETED"),
        (5, FAILED, "UNDELIV"),
        (6, ACCEPTED, "ACCEPTD"),
        (7, ACCEPTED, "state 07"),
        (8, FAILED, "REJECTD"),
        (0, ACCEPTED, "state 00"),
        (9, ACCEPTED, "state 09"),
        (255, ACCEPTED, "state ff"),
    ],
)
def test_a_receipt_as_tlvs(state, status, word):
    tlvs = {Tag.RECEIPTED_MESSAGE_ID: b"abc\0", Tag.MESSAGE_STATE: bytes((state,))}
    assert read(tlvs=tlvs) == Receipt("abc", status, word)
    assert read(b"Hej", tlvs, esm=0) == Receipt("abc", status, word)


def test_tlvs_go_before_the_text_and_the_networks_error_is_told():
    tlvs = {
        Tag.RECEIPTED_MESSAGE_ID: b"abc",
        Tag.MESSAGE_STATE: b"\5",
        Tag.NETWORK_ERROR_CODE: b"\3\0\x22",
    }
    assert read(b"id:xyz stat:DELIVRD err:001", tlvs) == Receipt("abc", FAILED, "UNDELIV, network error 3/34")


def test_a_state_of_the_wrong_size_says_nothing():
    assert read(b"id:1", {Tag.MESSAGE_STATE: b"\0\2"}) == Receipt("1", ACCEPTED, "state 0002")


def test_an_intermediate_notification_is_never_final():
    assert read(b"id:1 stat:UNDELIV", esm=0x20) == Receipt("1", ACCEPTED, "UNDELIV")


@pytest.mark.parametrize("esm", [0, 0x40, 0x08, 0x10, 0x18, 0x03])
@pytest.mark.parametrize("tlvs", [{}, {Tag.RECEIPTED_MESSAGE_ID: b"1"}, {Tag.MESSAGE_STATE: b"\2"}])
def test_a_phone_cannot_write_a_receipt(esm, tlvs):
    assert read(b"id:1 stat:DELIVRD err:000", tlvs, esm) is None


def test_a_receipt_in_the_payload():
    assert read(tlvs={Tag.MESSAGE_PAYLOAD: b"id:7 stat:DELIVRD"}) == Receipt("7", DELIVERED, "DELIVRD")


@pytest.mark.parametrize(
    ("form", "answered", "receipted"),
    [
        (IdForm.TEXT, "00Ab", "00Ab"),
        (IdForm.HEX, "00Ab", "AB"),
        (IdForm.HEX, "0xab", "0000ab"),
        (IdForm.DECIMAL, "0017", "17"),
        (IdForm.HEX_TO_DECIMAL, "1A2b", "6699"),
        (IdForm.HEX_TO_DECIMAL, "00001A2B", "0000006699"),
        (IdForm.DECIMAL_TO_HEX, "6699", "1a2b"),
        (IdForm.HEX, "not-hex", "not-hex"),
        (IdForm.DECIMAL, "12ab", "12ab"),
        (IdForm.DECIMAL, "", ""),
        (IdForm.DECIMAL, "٤", "٤"),
    ],
)
def test_ids_meet(form, answered, receipted):
    assert answered_id(answered, form) == receipted_id(receipted, form)
    (receipt,) = (
        [read(f"id:{receipted} stat:DELIVRD".encode(), form=form)] if receipted.isascii() and receipted else [None]
    )
    assert receipt is None or receipt.ref == answered_id(answered, form)


@pytest.mark.parametrize(("form", "answered", "receipted"), [(IdForm.TEXT, "ab", "AB"), (IdForm.HEX, "10", "16")])
def test_ids_that_differ_stay_apart(form, answered, receipted):
    assert answered_id(answered, form) != receipted_id(receipted, form)


@given(st.integers(0, 2**64))
def test_ids_of_two_forms_meet(number):
    assert answered_id(f"{number:X}", IdForm.HEX_TO_DECIMAL) == receipted_id(f"{number:020}", IdForm.HEX_TO_DECIMAL)
    assert answered_id(str(number), IdForm.DECIMAL_TO_HEX) == receipted_id(f"{number:x}", IdForm.DECIMAL_TO_HEX)


@given(st.text(max_size=70), st.sampled_from(IdForm))
def test_no_id_is_a_fault(written, form):
    assert isinstance(answered_id(written, form), str)
    assert isinstance(receipted_id(written, form), str)


@given(st.binary(max_size=200), st.dictionaries(st.sampled_from(Tag), st.binary(max_size=70)), st.integers(0, 255))
def test_no_receipt_is_a_fault(text, tlvs, esm):
    read(text, tlvs, esm, IdForm.HEX)
