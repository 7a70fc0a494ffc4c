"""Statuses of SMPP and what they make of a message; addresses; turns; what came before."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Outcome
from gateway.smpp.addresses import from_address, to_address
from gateway.smpp.pace import FIRST_REST, LONGEST_REST, Pace
from gateway.smpp.pdu import Address, ShortMessage, Status, Tag
from gateway.smpp.redelivery import DOUBT_SECONDS, JUST_ANSWERED, MAX_EXPECTED, Redeliveries, fingerprint
from gateway.smpp.statuses import Answer, name_of, outcome_of, together
from gateway.writing.reports import FailureReason

TAKEN, NOT_NOW, NEVER, PERHAPS = Outcome.ACCEPTED, Outcome.TEMPORARY, Outcome.PERMANENT, Outcome.UNKNOWN

# --- statuses ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (0x00, TAKEN),
        (0x01, NEVER),
        (0x04, NOT_NOW),
        (0x05, NOT_NOW),
        (0x08, NOT_NOW),
        (0x0A, NEVER),
        (0x0B, NEVER),
        (0x0D, NOT_NOW),
        (0x14, NOT_NOW),
        (0x45, NEVER),
        (0x58, NOT_NOW),
        (0x62, NEVER),
        (0x64, NOT_NOW),
        (0x65, NEVER),
        (0x66, NEVER),
        (0xFF, NEVER),
        (0x0401, NEVER),
        (0xFFFFFFFF, NEVER),
    ],
)
def test_a_status(status, outcome):
    assert outcome_of(status) is outcome


def test_a_vendors_status_can_be_temporary():
    assert outcome_of(0x0401, frozenset({0x0401})) is NOT_NOW
    assert name_of(0x0401) == "status 0x00000401"
    assert name_of(0x58) == "ESME_RTHROTTLED"


def answers(*outcomes: Outcome) -> list[Answer]:
    return [Answer(each, f"id-{n}" if each is TAKEN else "", str(each)) for n, each in enumerate(outcomes, 1)]


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        ([TAKEN], TAKEN),
        ([NOT_NOW], NOT_NOW),
        ([NEVER], NEVER),
        ([PERHAPS], PERHAPS),
        ([TAKEN, TAKEN], TAKEN),
        ([TAKEN, NOT_NOW], PERHAPS),
        ([NOT_NOW, TAKEN], PERHAPS),
        ([TAKEN, NEVER], PERHAPS),
        ([TAKEN, PERHAPS], PERHAPS),
        ([PERHAPS, NOT_NOW], PERHAPS),
        ([NEVER, PERHAPS], PERHAPS),
        ([NOT_NOW, NOT_NOW], NOT_NOW),
        ([NOT_NOW, NEVER], NEVER),
        ([NEVER, NEVER], NEVER),
    ],
)
@pytest.mark.proves("never sent again blindly")
def test_parts_make_a_whole(parts, whole):
    result = together(answers(*parts))
    assert result.outcome is whole
    taken = tuple(f"id-{n}" if part is TAKEN else "" for n, part in enumerate(parts, 1))
    assert result.refs == (taken if any(taken) else ()), "each in its place"


@given(st.lists(st.sampled_from([TAKEN, NOT_NOW, NEVER, PERHAPS]), min_size=1, max_size=9))
def test_only_what_was_surely_not_taken_is_sent_again(parts):
    result = together(answers(*parts))
    if result.outcome in {NOT_NOW, NEVER}:
        assert not {TAKEN, PERHAPS} & set(parts)
    if result.outcome is TAKEN:
        assert set(parts) == {TAKEN}


def test_a_person_is_told_which_parts_went():
    result = together([Answer(TAKEN, "a"), Answer(NOT_NOW, cause="ESME_RTHROTTLED"), Answer(TAKEN, "c")])
    assert result.cause == "2 of 3 parts taken (ids a, c); another: ESME_RTHROTTLED"
    assert result.refs == ("a", "", "c")


def test_a_bad_number_is_called_one():
    result = together([Answer(NEVER, cause="ESME_RINVDSTADR", status=Status.ESME_RINVDSTADR)])
    assert (result.reason, result.cause) == (FailureReason.BAD_NUMBER, "ESME_RINVDSTADR")


@pytest.mark.parametrize("status", [status for status in Status if outcome_of(status) is NEVER])
def test_every_refusal_has_a_reason_that_people_are_told(status):
    result = together([Answer(NEVER, status=status)])
    assert result.reason in set(FailureReason)
    assert result.public_text


def test_taken_without_an_id_is_taken():
    assert (result := together([Answer(TAKEN)])).outcome is TAKEN
    assert result.cause == "taken without an id"


# --- addresses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "address"),
    [
        ("+4530643064", Address(1, 1, "4530643064")),
        ("+45609946219651", Address(1, 1, "45609946219651")),
        ("1204", Address(1, 1, "1204")),
        ("Brevdue", Address(5, 0, "Brevdue")),
    ],
)
def test_an_address_for_a_number(number, address):
    assert to_address(number, 1, 1) == address


@pytest.mark.parametrize("number", ["", "+", "+45 30643064", "A name too long", "Ærø", "+" + "4" * 21, "a\0"])
def test_no_address_for_that(number):
    with pytest.raises(ValueError, match="neither"):
        to_address(number, 1, 1)


@pytest.mark.parametrize(
    ("address", "region", "number"),
    [
        (Address(1, 1, "4530643064"), "", "+4530643064"),
        (Address(1, 1, "+4530643064"), "DK", "+4530643064"),
        (Address(0, 1, "004530643064"), "", "+4530643064"),
        (Address(0, 1, "4530643064"), "", "+4530643064"),
        (Address(0, 1, "4530643064"), "DK", "+4530643064"),
        (Address(0, 1, "30643064"), "DK", "+4530643064"),
        (Address(0, 0, "30643064"), "", "+30643064"),
        (Address(2, 1, "30643064"), "DK", "+4530643064"),
        (Address(2, 1, "30643064"), "", "30643064"),
        (Address(2, 1, "07700900123"), "GB", "+447700900123"),
        (Address(0, 1, "07700900123"), "GB", "+447700900123"),
        (Address(0, 1, "07700900123"), "", "07700900123"),
        (Address(0, 1, "45609946219651"), "DK", "+45609946219651"),
        (Address(1, 1, "45609946219651"), "DK", "+45609946219651"),
        (Address(0, 1, "1204"), "DK", "1204"),
        (Address(3, 1, "1204"), "DK", "1204"),
        (Address(6, 1, "4530643064"), "DK", "4530643064"),
        (Address(5, 0, "Brevdue"), "DK", "Brevdue"),
        (Address(5, 0, "12345678"), "DK", "12345678"),
        (Address(1, 1, ""), "DK", ""),
    ],
)
def test_the_number_of_an_address(address, region, number):
    assert from_address(address, region) == number


# --- rests ---------------------------------------------------------------------------------------------------------


def test_complaints_make_longer_and_longer_rests():
    pace, now, rests = Pace(), 100.0, []
    for _ in range(8):
        pace.slow_down(now)
        pace.slow_down(now)  # a window full of complaints is one
        rest = pace.later(1, now)
        rests.append(round(rest, 1))
        assert pace.rests(now)
        now += rest + 1
        assert not pace.rests(now)
    assert rests[:5] == [FIRST_REST, 2, 4, 8, 16]
    assert rests[-1] == LONGEST_REST
    pace.went_well(now)
    pace.slow_down(now)
    assert round(pace.later(1, now), 1) == FIRST_REST


def test_who_is_sent_away_comes_back_one_behind_the_other():
    pace = Pace()
    pace.slow_down(100.0)
    assert [pace.later(1, 100.0) for _ in range(3)] == pytest.approx([1.001, 1.002, 1.003])


# --- what came before ----------------------------------------------------------------------------------------------

JA = ShortMessage(Address(1, 1, "4530643064"), Address(1, 1, "456099462196"), b"Ja")


class Memory(Redeliveries):
    def __init__(self) -> None:
        ids = iter(range(1_000_000))
        super().__init__(lambda: f"ref-{next(ids)}")


def test_the_same_words_answered_are_two_messages():
    memory, ja = Memory(), fingerprint(JA)
    first = memory.ref(ja, 0)
    memory.answered("link", ja, first, 0)
    assert memory.ref(ja, 1) != first


def test_what_was_refused_comes_again_once():
    memory, ja = Memory(), fingerprint(JA)
    first = memory.ref(ja, 0)
    memory.expect(ja, first, 3600)
    assert memory.ref(ja, 60) == first
    assert memory.ref(ja, 60) != first


def test_two_refused_come_again_in_order():
    memory, ja = Memory(), fingerprint(JA)
    refs = [memory.ref(ja, 0) for _ in range(2)]
    for ref in refs:
        memory.expect(ja, ref, 3600)
    assert [memory.ref(ja, 1) for _ in range(2)] == refs


def test_an_answer_may_die_with_its_link():
    memory, ja, nej = Memory(), fingerprint(JA), fingerprint(ShortMessage(JA.source, JA.dest, b"Nej"))
    old, fresh = memory.ref(nej, 0), memory.ref(ja, 0)
    memory.answered("link", nej, old, 0)
    memory.answered("link", ja, fresh, JUST_ANSWERED + 1)
    memory.link_ended("other", JUST_ANSWERED + 1)
    memory.link_ended("link", JUST_ANSWERED + 1.5)
    assert memory.ref(ja, 10) == fresh
    assert memory.ref(nej, 10) != old


def test_memory_ends():
    memory, ja = Memory(), fingerprint(JA)
    first = memory.ref(ja, 0)
    memory.expect(ja, first, 60)
    assert memory.ref(ja, 61) != first
    memory.answered("link", ja, first, 100)
    memory.link_ended("link", 100)
    assert memory.ref(ja, 101 + DOUBT_SECONDS) != first
    for number in range(MAX_EXPECTED + 5):
        memory.expect(number.to_bytes(16, "big"), str(number), 60)
    assert memory.ref((4).to_bytes(16, "big"), 1) != "4"
    assert memory.ref((5).to_bytes(16, "big"), 1) == "5"


@pytest.mark.parametrize(
    "other",
    [
        ShortMessage(JA.source, JA.dest, b"ja"),
        ShortMessage(JA.dest, JA.source, b"Ja"),
        ShortMessage(JA.source, JA.dest, b"Ja", data_coding=8),
        ShortMessage(JA.source, JA.dest, tlvs={Tag.MESSAGE_PAYLOAD: b"Ja"}),
        ShortMessage(JA.source, JA.dest, b"Ja", tlvs={Tag.SAR_SEGMENT_SEQNUM: b"\1"}),
    ],
)
def test_other_messages_have_other_fingerprints(other):
    assert fingerprint(other) != fingerprint(JA)


def test_what_varies_between_two_copies_does_not_count():
    again = ShortMessage(JA.source, JA.dest, b"Ja", priority=1, tlvs={0x1401: b"try 2"})
    assert fingerprint(again) == fingerprint(JA)
