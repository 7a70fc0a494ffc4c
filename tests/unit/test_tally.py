"""Counting: what log events add up to, what is timed, and what it costs."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from gateway import maillog
from gateway.maillog import Event
from gateway.model import ProofMethod, new_id, time_of
from gateway.sms import MessageState
from gateway.tally import BUCKETS, HOUR, MINUTE, Histogram, Kind, Tally
from tests.log import log_into


class Hand:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.at = 1_790_000_000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def tally(hand: Hand) -> Iterator[Tally]:
    tally = Tally(hand)
    maillog.watch(tally.hear)
    with log_into(lambda _: None):
        yield tally
    maillog.unwatch(tally.hear)


def test_an_id_tells_when_it_was_made():
    assert time_of(new_id(1_790_000_000.123)) == 1_790_000_000.123
    assert time_of(new_id(1_790_000_000.5) + ".17") == 1_790_000_000.5
    with pytest.raises(ValueError):
        time_of("not an id!")


def test_every_event_is_counted_by_provider_and_its_own_word(tally):
    maillog.note(Event.MAIL_ACCEPTED, id=new_id(0), proof=ProofMethod.DKIM, account="a", phones=2)
    maillog.note(Event.SMS_REPORT, id="x", provider="acme", state=MessageState.DELIVERED)
    maillog.note(Event.SMS_REPORT, id="y", provider="acme", state=MessageState.DELIVERED)
    maillog.warn(Event.FAULT, where="sms-out", cause="+4530643064 is away")
    maillog.fault(Event.FAULT, RuntimeError("0123456789abcdef0123456789abcdef"), id="z", provider="acme")
    assert tally.counts == {
        Kind(Event.MAIL_ACCEPTED, "", "dkim"): 1,
        Kind(Event.SMS_REPORT, "acme", "delivered"): 2,
        Kind(Event.FAULT, "", ""): 2,
    }
    assert tally.total(Event.SMS_REPORT) == 2


def test_a_provider_is_up_while_one_of_its_connections_is(tally):
    def say(bind: int, state: str) -> str:
        maillog.note(Event.PROVIDER_STATE, provider="acme", bind=bind, state=state)
        return tally.provider_state("acme")

    assert tally.provider_state("acme") == "up", "no news is good news"
    assert [say(0, "down"), say(1, "up"), say(0, "up"), say(1, "down"), say(0, "down"), say(1, "up")] == [
        "down", "up", "up", "up", "down", "up",
    ]  # fmt: skip
    assert tally.provider_state("other") == "up"


def test_what_the_log_leaves_out_is_counted(tally):
    written: list[bytes] = []
    with log_into(written.append, level="error"):
        maillog.note(Event.SMS_SUBMITTED, id="x", provider="acme")
    assert not written
    assert tally.total(Event.SMS_SUBMITTED) == 1


def test_times_from_acceptance_to_submission_to_report(tally, hand):
    message = new_id(hand.at) + ".1"
    hand.at += 0.03
    maillog.note(Event.SMS_SUBMITTED, id=message, provider="acme")
    hand.at += 4
    maillog.note(Event.SMS_REPORT, id=message, provider="acme", state=MessageState.DELIVERED)
    maillog.note(Event.SMS_REPORT, id="of another process", provider="acme", state=MessageState.DELIVERED)
    assert tally.to_submission.counts[BUCKETS.index(0.05)] == 1
    assert tally.to_report.counts[BUCKETS.index(5.0)] == 1
    assert sum(tally.to_report.counts) == 1
    assert tally.to_submission.sum == pytest.approx(0.03, abs=0.001)


def test_an_id_of_another_form_is_counted_and_not_timed(tally):
    maillog.note(Event.SMS_SUBMITTED, id="campaign/7", provider="acme")
    assert tally.total(Event.SMS_SUBMITTED) == 1
    assert sum(tally.to_submission.counts) == 0


def test_submissions_whose_report_never_comes_take_a_fixed_room(tally, monkeypatch):
    monkeypatch.setattr("gateway.tally._GENERATION", 100)
    for n in range(1000):
        maillog.note(Event.SMS_SUBMITTED, id=f"{n}", provider="acme")
    assert len(tally._submitted) + len(tally._submitted_before) <= 200
    maillog.note(Event.SMS_REPORT, id="999", provider="acme", state=MessageState.DELIVERED)
    maillog.note(Event.SMS_REPORT, id="1", provider="acme", state=MessageState.DELIVERED)
    assert sum(tally.to_report.counts) == 1


@pytest.mark.parametrize(("seconds", "bucket"), [(-1, 0), (0, 0), (0.005, 0), (0.0051, 1), (1e9, len(BUCKETS))])
def test_a_duration_falls_into_its_bucket(seconds, bucket):
    histogram = Histogram()
    histogram.observe(seconds)
    assert histogram.counts[bucket] == 1
    assert histogram.sum >= 0


def test_the_last_minute_and_hour(tally, hand):
    for _ in range(2 * 360):  # two hours, one mail every ten seconds
        tally.remember()
        maillog.note(Event.MAIL_ACCEPTED, id="x", proof=ProofMethod.LOGIN)
        hand.at += 10
    minute, seconds = tally.lately(MINUTE)
    assert (minute, seconds) == ({Event.MAIL_ACCEPTED: 6}, 60)
    hour, seconds = tally.lately(HOUR)
    assert (hour, seconds) == ({Event.MAIL_ACCEPTED: 360}, 3600)


def test_a_young_process_tells_what_there_was_since_it_started(tally, hand):
    maillog.note(Event.MAIL_ACCEPTED, id="x", proof=ProofMethod.LOGIN)
    hand.at += 7
    assert tally.lately(MINUTE) == ({Event.MAIL_ACCEPTED: 1}, 7)
    assert tally.lately(HOUR) == ({Event.MAIL_ACCEPTED: 1}, 7)


@pytest.mark.stopwatch
@pytest.mark.proves("CPU per mail")
def test_counting_costs_little():
    """The three events of a mail; the best of several runs."""
    tally, best = Tally(time.time), 1.0
    ids = [new_id(time.time()) + ".1" for _ in range(5000)]
    events = [
        (Event.MAIL_ACCEPTED, [{"id": each, "proof": ProofMethod.TRUSTED, "phones": 1} for each in ids]),
        (Event.SMS_SUBMITTED, [{"id": each, "provider": "simulator", "attempt": 1} for each in ids]),
        (Event.SMS_REPORT, [{"id": each, "provider": "simulator", "state": MessageState.DELIVERED} for each in ids]),
    ]
    for _ in range(7):
        began = time.process_time()
        for event, all_fields in events:
            for fields in all_fields:
                tally.hear(event, fields)
        best = min(best, (time.process_time() - began) / (3 * len(ids)))
    assert best < 6e-6, f"{best * 1e6:.2f} µs an event"
