"""Providers' bugs brought into form, and long messages put together."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.concatenation import AGAIN, TOGETHER, GoneOn, assemble, known_again
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


def gone(part: InboundSms, *, incomplete: bool = True) -> GoneOn:
    return GoneOn(part, "01SMS", incomplete)


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[list[str], list[InboundSms]]:
    """A message's texts, and its parts in any order, each once or more often."""
    texts = draw(st.lists(st.text(st.characters(), max_size=5), min_size=2, max_size=9))
    numbers = draw(st.permutations([n for n in range(1, len(texts) + 1) for _ in range(draw(st.integers(1, 3)))]))
    parts = [
        tidy(sms(texts[n - 1], part=InboundPart("7", len(texts), n), ref=f"r{place}"))
        for place, n in enumerate(numbers)
    ]
    return texts, parts


@pytest.mark.proves("parts")
@given(arrivals(), st.data())
def test_any_order_with_doubles_and_a_time_out_anywhere_gives_the_text(
    coming: tuple[list[str], list[InboundSms]], data: st.DataObject
):
    texts, parts = coming
    text = joined("".join(texts).replace("\0", ""))
    assert assemble(parts).sms.text == text
    assert sorted(assemble(parts).part_refs) == sorted(part.ref for part in parts)

    cut = data.draw(st.integers(1, len(parts)))
    early, rest = parts[:cut], parts[cut:]
    before = assemble(early)
    went = [gone(part, incomplete=before.incomplete) for part in early]
    again = known_again(rest, went)
    late = [part for part in rest if part.ref not in again]
    if not before.incomplete:
        assert not late, "all that comes after a whole message is known"
        return
    after = assemble(late, went)
    assert (after.sms.text, after.incomplete, after.late) == (text, False, True)
    assert not set(after.part_refs) & set(before.part_refs)


@pytest.mark.proves("parts")
def test_a_part_of_another_day_completes_nothing():
    old = gone(sms("gammel ", part=InboundPart("7", 2, 1), ref="1"))
    new = replace(sms("ny", part=InboundPart("7", 2, 2), ref="2"), at=old.sms.at + TOGETHER + 1)
    assert assemble([new], [old]).incomplete


@pytest.mark.proves("parts")
def test_a_phone_that_knows_one_reference_loses_no_greeting():
    old = [
        gone(sms(text, part=InboundPart("0", 2, n), ref=text), incomplete=False) for n, text in ((1, "en "), (2, "Mvh"))
    ]
    new = [
        replace(sms(text, part=InboundPart("0", 2, n), ref=f"{text}2"), at=old[0].sms.at + AGAIN + 1)
        for n, text in ((1, "to "), (2, "Mvh"))
    ]
    assert known_again(new, old) == {}
    assert assemble(new, old).sms.text == "to Mvh"
    assert list(known_again([replace(new[1], at=old[1].sms.at + AGAIN)], old)) == ["Mvh2"]


@pytest.mark.proves("parts")
def test_a_whole_message_is_not_mixed_with_an_older_one():
    old = gone(sms("gammel ", part=InboundPart("7", 2, 1), ref="1"))
    new = [sms(text, part=InboundPart("7", 2, n), ref=text) for n, text in ((2, "to"), (1, "en"))]
    whole = assemble(new, [old])
    assert (whole.sms.text, whole.late) == ("ento", False)
