"""Providers' bugs brought into form, and long messages put together."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.concatenation import assemble
from gateway.inbound_form import joined, tidy, tidy_report
from gateway.sms import DeliveryReport, InboundPart, InboundSms, ReportStatus


def sms(
    text: str = "hej", *, sender: str = "+4530643064", part: InboundPart | None = None, ref: str = "r"
) -> InboundSms:
    return InboundSms("p", ref, sender, "+45609946000001", text, 1.0, part)


@pytest.mark.proves("D2", "provider with a bug")
@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("4530643064", "+4530643064"),
        ("004530643064", "+4530643064"),
        ("+45 30 64 30 64", "+4530643064"),
        ("INFO", "INFO"),
        ("1234", "1234"),
        ("", ""),
    ],
)
def test_a_number_is_e164_and_a_name_stays_a_name(written: str, read: str):
    assert tidy(sms(sender=written)).from_number == read


@pytest.mark.proves("provider with a bug")
@pytest.mark.parametrize(
    "part", [InboundPart("1", 0, 0), InboundPart("1", 2, 3), InboundPart("1", 2**70, 1), InboundPart("1", 1, 1)]
)
def test_a_part_that_counts_wrong_is_a_message(part: InboundPart):
    assert tidy(sms(part=part)).part is None


@pytest.mark.proves("provider with a bug")
@given(st.text(st.characters(), max_size=60), st.text(st.characters(), max_size=60))
def test_whatever_comes_can_be_stored(text: str, ref: str):
    made = tidy(sms(text, sender=ref, ref=ref))
    for value in (joined(made.text), made.ref, made.from_number):
        assert "\0" not in value
        value.encode()
    tidy_report(DeliveryReport("p", ref, ReportStatus.FAILED, 1.0, ref, text)).cause.encode()


@pytest.mark.proves("parts")
def test_a_character_cut_in_two_is_whole_again():
    first, second = "👍".encode("utf-16-le")[:2].decode("utf-16-le", "surrogatepass"), "\udc4d"
    parts = [
        sms(second + " ja", part=InboundPart("7", 2, 2), ref="b"),
        sms("ok " + first, part=InboundPart("7", 2, 1), ref="a"),
    ]
    assert assemble(parts).sms.text == "ok 👍 ja"


@pytest.mark.proves("parts")
def test_parts_in_every_order_make_the_same_message():
    parts = [sms(text, part=InboundPart("7", 3, n), ref=text) for n, text in enumerate(("en ", "to ", "tre"), 1)]
    wholes = {assemble(order).sms for order in itertools.permutations(parts)}
    assert {whole.text for whole in wholes} == {"en to tre"}
    assert not assemble(parts).incomplete
    assert assemble(parts[:2]).incomplete


@pytest.mark.proves("parts")
def test_a_reference_used_again_belongs_to_a_later_message():
    old = [sms("en", part=InboundPart("7", 2, 1), ref="1"), sms("to", part=InboundPart("7", 2, 2), ref="2")]
    new = sms("ny", part=InboundPart("7", 2, 1), ref="3")
    whole = assemble([*old, new])
    assert whole.sms.text == "ento"
    assert whole.part_refs == ("1", "2")
