"""What may be done with a campaign when, and when it may write to whom."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.campaign import Campaign, Content, Counts, Deed, Launch, Limits, NotNow, State, after, may, text_for
from campaigns.content import checked, field_names, startable
from campaigns.drafts import BadDraft
from campaigns.model import Attribute, AttributeType, Audience, Book
from campaigns.schedule import ALWAYS, Window, opens_at, read_window, write_window, zone_named
from campaigns.text_errors import TextError
from gateway.registry.errors import BadValue


def campaign(state: State = State.DRAFT, **content: object) -> Campaign:
    said = Content(**{"name": "Spring", "account_id": "a", "texts": {"": "Hej"}} | content)  # type: ignore[arg-type]
    return Campaign("c", "o", said, state, 0.0, 0.0)


@pytest.mark.proves("C7", "C8")
def test_a_campaign_goes_from_draft_to_its_end() -> None:
    assert after(campaign(), Deed.START, 5.0) is State.RUNNING
    later = {"launch": Launch.DEFERRED, "start_at": 10.0}
    assert after(campaign(**later), Deed.START, 5.0) is State.SCHEDULED
    assert after(campaign(**later), Deed.START, 10.0) is State.RUNNING
    assert after(campaign(State.SCHEDULED, **later), Deed.LAUNCH, 10.0) is State.RUNNING
    assert after(campaign(State.RUNNING), Deed.PAUSE, 5.0) is State.PAUSED
    assert after(campaign(State.PAUSED), Deed.RESUME, 5.0) is State.RUNNING
    assert after(campaign(State.PAUSED, **later), Deed.RESUME, 5.0) is State.SCHEDULED
    assert after(campaign(State.PAUSED), Deed.CANCEL, 5.0) is State.CANCELLED
    assert after(campaign(State.RUNNING), Deed.FINISH, 5.0) is State.FINISHED


@pytest.mark.parametrize("state", list(State))
def test_what_may_not_be_done_is_refused_in_a_sentence(state: State) -> None:
    for deed in Deed:
        if not may(campaign(state), deed):
            with pytest.raises(NotNow, match="campaign"):
                after(campaign(state), deed, 1.0)


def test_nothing_is_done_with_what_is_over() -> None:
    assert not any(may(campaign(State.FINISHED), deed) for deed in Deed)
    assert [deed for deed in Deed if may(campaign(State.CANCELLED), deed)] == [Deed.DELETE]


def test_who_has_got_something_stays_known() -> None:
    begun = replace(campaign(State.CANCELLED), counts=Counts(recipients=1))
    assert not any(may(begun, deed) for deed in Deed)
    with pytest.raises(NotNow, match="has begun and stays"):
        after(begun, Deed.DELETE, 1.0)


@pytest.mark.parametrize(
    ("language", "text", "variant"),
    [("da", "Hej", "da"), ("da-DK", "Hej", "da"), ("pt_BR", "Oi", "pt-br"), ("de", "Hi", ""), ("", "Hi", "")],
)
def test_the_text_for_a_language(language: str, text: str, variant: str) -> None:
    assert text_for({"": "Hi", "da": "Hej", "pt-br": "Oi"}, language) == (text, variant)


# --- content -------------------------------------------------------------------------------------------------------

_BOOK = Book(
    1,
    "o",
    "DK",
    {
        ("", "city"): Attribute("city", "City", AttributeType.TEXT),
        ("order", "number"): Attribute("number", "Number", AttributeType.TEXT, kind="order"),
    },
)


@pytest.mark.proves("C9")
def test_macros_are_fields_of_contacts_and_linked_objects() -> None:
    known = field_names(_BOOK)
    said = campaign(texts={"": "{{ first_name }} {{ city }} {{ order.number }}", "DA": " Hej ", "de": "  "}).content
    assert checked(said, known, 8).texts == {"": said.texts[""], "da": " Hej "}
    for text in ("{{ street }}", "{{ order.price }}", "{{ number }}"):
        with pytest.raises(TextError, match="there is no field called"):
            checked(campaign(texts={"": text}).content, known, 8)


@pytest.mark.proves("C9")
@pytest.mark.parametrize("text", ["Hej {first_name}!", "Hej { First_Name } ", "{{ name }}: {first_name}"])
def test_a_field_in_single_braces_is_not_sent_as_it_stands(text: str) -> None:
    with pytest.raises(TextError, match=r"would be sent as it stands: write {{ first_name }}"):
        checked(campaign(texts={"": text}).content, field_names(_BOOK), 8)
    with pytest.raises(BadDraft, match="as it stands"):
        checked(campaign(subjects={"": text}).content, field_names(_BOOK), 8)


def test_braces_around_what_is_no_field_are_text() -> None:
    said = campaign(texts={"": "Code {7}, {street} {{name}} {}"}).content
    assert checked(said, field_names(_BOOK), 8).texts == said.texts


@pytest.mark.proves("C7", "C8")
@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({"name": "  "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"launch": Launch.DEFERRED}, "start date"),
        ({"start_at": 5.0}, "no start date"),
        ({"limits": Limits(per_minute=-1)}, "limit"),
        ({"texts": {"": "x" * 2000}}, "SMS parts"),
        ({"texts": {"": "{{7*7}}"}}, "line 1, column 4"),
        ({"texts": {f"x{n}": "Hej" for n in range(201)}}, "at most 200 texts"),
        ({"texts": {f"x{n}": "x" * 9_000 for n in range(12)}}, "100000 characters"),
        ({"subjects": {f"x{n}": "Hej" for n in range(201)}}, "at most 200 texts"),
    ],
)
def test_what_can_be_no_campaign(content: dict[str, object], why: str) -> None:
    with pytest.raises(BadValue, match=why):
        checked(campaign(**content).content, field_names(None), 8)


def test_what_cannot_start_yet() -> None:
    with pytest.raises(BadValue, match="no text"):
        startable(campaign(texts={}).content)
    with pytest.raises(BadValue, match="no audience"):
        startable(campaign().content)
    startable(campaign(audience=Audience(filter="")).content)


# --- windows -------------------------------------------------------------------------------------------------------

pytest_window = pytest.mark.proves("campaign: send window")
DAY = Window(9 * 60, 20 * 60)


def at(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest_window
@pytest.mark.parametrize(
    ("window", "zone", "now", "opens"),
    [
        (DAY, "UTC", "2027-01-15 09:00", "2027-01-15 09:00"),
        (DAY, "UTC", "2027-01-15 19:59", "2027-01-15 19:59"),
        (DAY, "UTC", "2027-01-15 20:00", "2027-01-16 09:00"),
        (DAY, "UTC", "2027-01-15 03:00", "2027-01-15 09:00"),
        (DAY, "Europe/Copenhagen", "2027-01-15 08:30", "2027-01-15 08:30"),
        (DAY, "America/New_York", "2027-01-15 09:00", "2027-01-15 14:00"),
        (DAY, "Nowhere/Nothing", "2027-01-15 03:00", "2027-01-15 09:00"),
        (Window(9 * 60, 20 * 60, frozenset({0, 1, 2, 3, 4})), "UTC", "2027-01-16 10:00", "2027-01-18 09:00"),
        (Window(22 * 60, 6 * 60), "UTC", "2027-01-15 03:00", "2027-01-15 03:00"),
        (Window(22 * 60, 6 * 60, frozenset({5})), "UTC", "2027-01-17 03:00", "2027-01-17 03:00"),
        (Window(22 * 60, 6 * 60, frozenset({5})), "UTC", "2027-01-16 03:00", "2027-01-16 22:00"),
        (Window(2 * 60 + 30, 4 * 60), "Europe/Copenhagen", "2027-03-28 00:00", "2027-03-28 01:30"),
    ],
)
def test_when_a_window_is_open(window: Window, zone: str, now: str, opens: str) -> None:
    assert opens_at(window, zone, at(now)) == at(opens)


@pytest_window
@given(
    st.integers(0, 1439),
    st.integers(0, 1440),
    st.frozensets(st.integers(0, 6), min_size=1),
    st.sampled_from(["UTC", "Europe/Copenhagen", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
    st.floats(1_700_000_000, 1_900_000_000),
)
def test_a_window_opens_within_eight_days_and_is_open_then(
    begins: int, ends: int, days: frozenset[int], zone: str, now: float
) -> None:
    if begins == ends:
        return
    window = Window(begins, ends, days)
    opens = opens_at(window, zone, now)
    assert now <= opens <= now + 9 * 86_400
    moment = datetime.fromtimestamp(opens, ZoneInfo(zone))
    jumps = datetime.fromtimestamp(opens - 7200, ZoneInfo(zone)).utcoffset() != moment.utcoffset()
    assert jumps or opens_at(window, zone, opens) == opens


@pytest_window
def test_windows_as_people_write_them() -> None:
    assert read_window("") == ALWAYS
    assert read_window("9-20") == read_window("09:00-20:00") == DAY
    assert read_window("mon-fri 09:00-20:00") == Window(540, 1200, frozenset(range(5)))
    assert read_window("sat, sun 10-16") == Window(600, 960, frozenset({5, 6}))
    assert read_window("fri-mon 10-16").days == frozenset({4, 5, 6, 0})
    for window in (DAY, Window(540, 1200, frozenset({1, 5})), Window(22 * 60, 360), ALWAYS):
        assert read_window(write_window(window)) == window
    for text in ("nine", "9-9", "9:70-10", "25-26", "monday 9-10", "9", "-"):
        with pytest.raises(BadValue, match="window"):
            read_window(text)
    with pytest.raises(BadValue, match="no time zone called"):
        read_window("9-20", "Denmark/Aarhus")
    assert zone_named("Europe/Copenhagen") is not UTC
