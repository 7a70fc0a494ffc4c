"""Room at a provider: reserved before a commit, drawn for what waits, closed when nothing gets through."""

from __future__ import annotations

import pytest

from gateway.errors import Outcome
from gateway.lane import PATIENCE, PROBE_SECONDS, Lane, Reservation
from gateway.sms import Encoding, OutgoingSms, SmsText

pytestmark = pytest.mark.proves("routes")


def sms(number: int) -> OutgoingSms:
    text = SmsText("x", Encoding.GSM7, 1, 1)
    return OutgoingSms(f"M.{number}", "O", "A", "K", "+45609946000001", "+4530643064", text, "p")


def closed_lane() -> Lane:
    lane = Lane("p", 10)
    for _ in range(PATIENCE):
        assert lane.reserve(1)
        lane.ended(Outcome.TEMPORARY, 100.0)
    return lane


def test_there_is_room_up_to_the_window():
    lane = Lane("p", 3)
    assert lane.reserve(2)
    assert not lane.reserve(2)
    assert lane.reserve(1)
    lane.ended(Outcome.ACCEPTED, 0.0)
    assert lane.draw(0.0) == 1


def test_no_message_goes_past_those_that_wait():
    lane = Lane("p", 3)
    lane.wait()
    assert lane.wake.is_set(), "there is room to draw them"
    assert not lane.reserve(1)
    lane.behind = False
    assert lane.reserve(1)


def test_a_half_free_window_is_worth_a_draw_while_more_waits():
    lane = Lane("p", 4)
    assert lane.draw(0.0) == 4
    lane.more = True
    lane.ended(Outcome.ACCEPTED, 0.0)
    assert not lane.wake.is_set()
    lane.ended(Outcome.ACCEPTED, 0.0)
    assert lane.wake.is_set()


@pytest.mark.proves("provider throttles")
def test_a_provider_that_takes_nothing_gets_one_probe_at_a_time_ever_more_seldom():
    lane = closed_lane()
    assert lane.closed
    assert not lane.reserve(1), "messages wait unspoiled"
    now = 100.0
    for pause in PROBE_SECONDS:
        assert lane.draw(now + pause - 0.1) == 0
        now += pause
        assert lane.draw(now) == 1
        assert lane.draw(now) == 0, "while the probe is under way"
        lane.ended(Outcome.TEMPORARY, now)


@pytest.mark.proves("provider throttles")
@pytest.mark.parametrize("outcome", [Outcome.ACCEPTED, Outcome.PERMANENT])
def test_a_provider_that_answers_again_has_its_whole_window_at_once(outcome: Outcome):
    lane = closed_lane()
    assert lane.draw(200.0) == 1
    lane.ended(outcome, 200.0)
    assert lane.reserve(10)


@pytest.mark.proves("provider throttles")
def test_some_that_are_refused_between_others_close_nothing():
    lane = Lane("p", 10)
    for _ in range(3 * PATIENCE):
        assert lane.reserve(2)
        lane.ended(Outcome.TEMPORARY, 0.0)
        lane.ended(Outcome.ACCEPTED, 0.0)
    assert not lane.closed


def test_what_a_commit_did_not_need_is_given_back():
    lane, begun = Lane("p", 5), []
    assert lane.reserve(3)
    with Reservation(lane, 3, lambda _lane, messages: begun.extend(messages)) as room:
        assert room.granted
        room.committed([sms(1)])
    assert ([message.id for message in begun], lane.taken) == (["M.1"], 1)


def test_a_failed_commit_gives_all_back():
    lane = Lane("p", 5)
    assert lane.reserve(3)
    with pytest.raises(OSError, match="disk"), Reservation(lane, 3, lambda *_: None):
        raise OSError("disk")
    assert lane.taken == 0


def test_what_was_committed_without_room_makes_the_lane_look():
    lane = Lane("p", 5)
    with Reservation(lane, 0, lambda *_: pytest.fail("there was no room")) as room:
        room.committed([sms(1)])
    assert lane.behind
    assert lane.wake.is_set()
