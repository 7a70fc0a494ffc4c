"""Room at a provider: reserved before a commit, drawn for what waits, closed when nothing gets through."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.errors import Outcome
from gateway.lane import PATIENCE, PROBE_SECONDS, Lane, Reservation, shares_of, take_room
from gateway.pace import BURST, Paces
from gateway.sms import Encoding, OutgoingSms, Priority, SmsText
from gateway.store.spool_items import Departure

pytestmark = pytest.mark.proves("routes")


def sms(number: int = 1, parts: int = 1, provider: str = "p", from_number: str = "+45609946000001") -> OutgoingSms:
    text = SmsText("x", Encoding.GSM7, parts, 1)
    return OutgoingSms(f"M.{number}", "O", "A", "K", from_number, "+4530643064", text, provider)


def some(count: int) -> list[OutgoingSms]:
    return [sms(number) for number in range(1, count + 1)]


def closed_lane() -> Lane:
    lane = Lane("p", 10)
    for _ in range(PATIENCE):
        assert lane.reserve(some(1), 100.0)
        lane.ended(Outcome.TEMPORARY, 100.0)
    return lane


def test_there_is_room_up_to_the_window():
    lane = Lane("p", 3)
    assert lane.reserve(some(2), 0.0)
    assert not lane.reserve(some(2), 0.0)
    assert lane.reserve(some(1), 0.0)
    lane.ended(Outcome.ACCEPTED, 0.0)
    assert lane.draw(0.0) == 1


def test_no_message_goes_past_those_that_wait():
    lane = Lane("p", 3)
    lane.wait()
    assert lane.wake.is_set(), "there is room to draw them"
    assert not lane.reserve(some(1), 0.0)
    lane.behind = False
    assert lane.reserve(some(1), 0.0)


def test_a_half_free_window_is_worth_a_draw_while_more_waits():
    lane = Lane("p", 4)
    assert lane.draw(0.0) == 4
    lane.more = True
    lane.ended(Outcome.ACCEPTED, 0.0)
    assert not lane.wake.is_set()
    lane.ended(Outcome.ACCEPTED, 0.0)
    assert lane.wake.is_set()


@pytest.mark.proves("dialog goes first")
def test_campaigns_leave_a_part_of_the_window_to_dialogs():
    lane = Lane("p", 16)
    room = lane.draw(0.0)
    assert (room, lane.for_campaigns(room)) == (14, 14)
    assert lane.reserve(some(2), 0.0), "a dialog that comes now need not wait"
    assert not lane.reserve(some(1), 0.0)
    lane.wait()
    for _ in range(8):
        lane.ended(Outcome.ACCEPTED, 0.0)
    assert lane.wake.is_set()
    room = lane.draw(0.0)
    assert (room, lane.for_campaigns(room)) == (8, 6), "those that wait may have all of it, campaigns may not"


@pytest.mark.proves("provider throttles")
def test_a_provider_that_takes_nothing_gets_one_probe_at_a_time_ever_more_seldom():
    lane = closed_lane()
    assert lane.closed
    assert not lane.reserve(some(1), 100.0), "messages wait unspoiled"
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
    assert lane.reserve(some(10), 0.0)


@pytest.mark.proves("provider throttles")
def test_some_that_are_refused_between_others_close_nothing():
    lane = Lane("p", 10)
    for _ in range(3 * PATIENCE):
        assert lane.reserve(some(2), 0.0)
        lane.ended(Outcome.TEMPORARY, 0.0)
        lane.ended(Outcome.ACCEPTED, 0.0)
    assert not lane.closed


def reservation(messages: list[OutgoingSms], *lanes: Lane, begun: list[str], granted: bool = True) -> Reservation:
    shares = shares_of(messages, {lane.provider: lane for lane in lanes})
    assert take_room(shares, 0.0) is granted or not granted
    begin = lambda lane, messages: begun.extend(f"{lane.provider}:{message.id}" for message in messages)  # noqa: E731
    return Reservation(messages, shares, begin, granted=granted)


def test_what_a_commit_did_not_need_is_given_back():
    lane, begun = Lane("p", 5), []
    with reservation(some(3), lane, begun=begun) as room:
        assert room.granted
        room.committed({"M.1"})
    assert (begun, lane.taken) == (["p:M.1"], 1)


def test_a_failed_commit_gives_all_back():
    lane = Lane("p", 5)
    with pytest.raises(OSError, match="disk"), reservation(some(3), lane, begun=[]):
        raise OSError("disk")
    assert lane.taken == 0


def test_what_was_committed_without_room_makes_the_lane_look():
    lane = Lane("p", 5)
    messages = some(1)
    with Reservation(
        messages, shares_of(messages, {"p": lane}), lambda *_: pytest.fail("no room"), granted=False
    ) as room:
        room.committed({"M.1"})
    assert lane.behind
    assert lane.wake.is_set()


def test_messages_of_one_mail_by_two_providers_leave_together_or_wait_together():
    one, other, begun = Lane("one", 5), Lane("other", 1), []
    messages = [sms(1, provider="one"), sms(2, provider="other"), sms(3, provider="one")]
    with reservation(messages, one, other, begun=begun) as room:
        room.committed({"M.1", "M.2"})
    assert sorted(begun) == ["one:M.1", "other:M.2"]
    assert (one.taken, other.taken) == (1, 1)
    assert not take_room(shares_of(messages, {"one": one, "other": other}), 0.0)
    assert (one.taken, other.taken) == (1, 1), "what the one had room for is given back"


# --- the breaker, where there is another way ---------------------------------------------------------------------------


def test_a_provider_that_leaves_everything_in_doubt_is_avoided_though_not_closed():
    lane = Lane("p", 10)
    for _ in range(PATIENCE):
        assert lane.reserve(some(1), 100.0)
        lane.ended(Outcome.UNKNOWN, 100.0)
    assert (lane.sick, lane.closed) == (True, False)
    assert lane.rests(100.0)
    assert lane.reserve(some(2), 100.0), "who has no other way goes"


def test_one_message_at_a_time_finds_out_whether_a_closed_lane_takes_messages_again():
    lane = closed_lane()
    due = 100.0 + PROBE_SECONDS[0]
    assert lane.rests(due - 0.1)
    assert not lane.rests(due)
    assert not lane.reserve(some(2), due), "a probe is one message"
    assert lane.reserve(some(1), due)
    assert lane.rests(due), "while the probe is under way"
    lane.ended(Outcome.ACCEPTED, due)
    assert not lane.sick


# --- pace --------------------------------------------------------------------------------------------------------------


def drawn(lane: Lane, waiting: list[OutgoingSms], now: float) -> list[OutgoingSms]:
    """What a draw begins of what waits, as the store does it; it ends at once."""
    room = lane.draw(now)
    if not room:
        return []
    budget = lane.budget(now)
    assert budget is not None
    sifted = budget.sift(waiting[:room])
    lane.drawn(Departure(sifted.go, later=sifted.later, more=len(waiting) > len(sifted.go)), now)
    lane.give_back(room)
    for message in sifted.go:
        waiting.remove(message)
    return list(sifted.go)


@pytest.mark.proves("pace")
@pytest.mark.parametrize(("rate", "parts"), [(1, 1), (7, 1), (20, 3), (100, 1), (1000, 2)])
def test_a_pace_counts_parts_and_is_kept_to_within_what_may_be_saved_up(rate: float, parts: int):
    lane, now, sent = Lane("p", 1000, rate), 1000.0, 0
    waiting = [sms(number, parts) for number in range(20_000)]
    while now < 1020.0:
        sent += parts * len(drawn(lane, waiting, now))
        now += lane.pause(now)
    most = 20 * rate + BURST * rate + parts
    assert most * 0.93 - parts <= sent <= most + parts


@pytest.mark.proves("pace")
def test_a_pace_lets_messages_leave_with_their_commit_until_it_is_used_up():
    lane = Lane("p", 100, 10)
    assert lane.reserve(some(1), 50.0)
    assert not lane.reserve(some(1), 50.05)
    assert lane.reserve(some(1), 50.1)


@pytest.mark.proves("pace")
def test_a_number_has_a_pace_of_its_own_and_holds_up_no_other():
    lane = Lane("p", 100, 0, 1)
    busy = [sms(number, from_number="+4511") for number in range(5)]
    assert lane.reserve(busy[:1], 10.0)
    assert not lane.reserve(busy[1:2], 10.5)
    assert lane.reserve([sms(9, from_number="+4522")], 10.5)
    budget = lane.budget(10.5)
    assert budget is not None
    sifted = budget.sift([*busy[1:], sms(8, from_number="+4533")])
    assert [message.id for message in sifted.go] == ["M.8"]
    assert [seconds for _, seconds in sifted.later] == pytest.approx([0.45, 1.45, 2.45, 3.45]), "each a turn of its own"


@pytest.mark.proves("pace")
def test_numbers_that_have_nothing_to_remember_are_forgotten():
    paces = Paces(0, 1000)
    for number in range(30_000):
        assert paces.take([sms(from_number=f"+45{number}")], number / 100)
    assert len(paces._turns) <= 10_001


@pytest.mark.proves("pace")
def test_a_dialog_does_not_queue_behind_the_turns_that_a_campaign_was_promised():
    paces = Paces(0, 1)
    assert paces.take(some(1), 10.0)
    campaign = [replace(sms(number), priority=Priority.CAMPAIGN) for number in range(100)]
    paces.promise(paces.budget(10.0).sift(campaign).later, 10.0)
    ((_, seconds),) = paces.budget(10.0).sift([sms()]).later
    assert seconds == pytest.approx(1 - BURST)


@pytest.mark.proves("pace")
def test_a_closed_lane_is_probed_whatever_the_pace():
    lane = Lane("p", 10, 0.001)
    for _ in range(PATIENCE):
        lane.taken += 1
        lane.ended(Outcome.TEMPORARY, 100.0)
    assert lane.draw(101.0) == 1
