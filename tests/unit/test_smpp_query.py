"""query_sm: the octets of a question, and what is read from answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.smpp.pdu import Address, MalformedPduError
from gateway.smpp.query import read_query_answer, write_query
from gateway.smpp.receipt import IdForm, Receipt, answered_id, asked_id
from gateway.sms import ReportStatus


def test_the_octets_of_a_question():
    assert write_query("ab", Address(1, 1, "45")) == b"ab\0\1\x0145\0"
    with pytest.raises(ValueError):
        write_query("a" * 65, Address(1, 1, "45"))


@pytest.mark.parametrize(
    ("body", "receipt"),
    [
        (b"ab\0\0\2\0", Receipt("r", ReportStatus.DELIVERED, "DELIVRD")),
        (b"ab\x00261123100000000+\0\3\0", Receipt("r", ReportStatus.EXPIRED, "EXPIRED")),
        (b"\0\0\5\7and more", Receipt("r", ReportStatus.FAILED, "UNDELIV, error 7")),
        (b"ab\0\0\7\0", None),
        (b"ab\0\0\0\0", None),
        (b"ab\0\0\xff\0", None),
    ],
)
def test_an_answer(body, receipt):
    assert read_query_answer(body, "r") == receipt


@given(st.binary(max_size=30))
def test_nonsense_is_one_error(body):
    try:
        read_query_answer(body, "r")
    except MalformedPduError:
        assert body.count(0) < 2 or len(body) - body.index(0, body.index(0) + 1) < 3


@given(st.text(max_size=70), st.sampled_from(IdForm))
def test_an_id_that_is_asked_for_is_the_same_id(written, form):
    ref = answered_id(written, form)
    assert answered_id(asked_id(ref, form), form) == ref
