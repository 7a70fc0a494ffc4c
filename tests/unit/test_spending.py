"""Which countries may be written to, what messages cost, and runs of adjacent numbers."""

from __future__ import annotations

import pytest

from gateway.dialog import Problem, Target, abroad, without_abroad
from gateway.model import Account
from gateway.numbers import country_of
from gateway.settings import LimitSettings
from gateway.sms import Encoding, OutgoingSms, SmsText
from gateway.spending import DAY, Runs, charge, countries_of

pytestmark = pytest.mark.proves("toll fraud")

ACCOUNT = Account(
    "A", "O", "K", "anna@firm.example", "+45609946000001", "p", "da", "DK", cut_signature=False, opened_at=0
)


def sms(phone: str, parts: int = 1) -> OutgoingSms:
    return OutgoingSms("M.1", "O", "A", "K", ACCOUNT.number, phone, SmsText("x", Encoding.GSM7, parts, 1), "p")


@pytest.mark.parametrize(
    ("phone", "country"),
    [
        ("+4530643064", "DK"),
        ("+46701234567", "SE"),
        ("+12025550123", "US"),
        ("+79161234567", "RU"),
        ("+8816123456789", "001"),
        ("+5351234567", "CU"),
    ],
)
def test_a_phone_is_of_one_country(phone: str, country: str):
    assert country_of(phone) == country


@pytest.mark.proves("country allow-list")
@pytest.mark.parametrize(
    ("region", "countries", "may", "may_not"),
    [
        ("DK", ("near",), "DK SE DE FR GB FO", "CU US RU SO 001"),
        ("US", ("near",), "US CA", "DO JM CU DK"),
        ("RU", ("near",), "RU", "KZ DK 001"),
        ("DK", (), "DK", "SE DE"),
        ("DK", ("SE", "001"), "DK SE 001", "NO"),
    ],
)
def test_the_own_country_and_those_that_are_allowed(region: str, countries: tuple[str, ...], may: str, may_not: str):
    allowed = countries_of(region, LimitSettings(countries=countries))
    assert allowed is not None
    assert allowed.issuperset(may.split())
    assert allowed.isdisjoint(may_not.split())


def test_the_whole_world_is_a_choice():
    assert countries_of("DK", LimitSettings(countries=("any",))) is None


def test_only_the_foreign_target_is_marked():
    targets = (Target("30643064", "+4530643064"), Target("x", "+5351234567"), Target("bad", problem=Problem.BAD_NUMBER))
    foreign = abroad(targets, {"DK"})
    assert foreign == ("+5351234567",)
    marked = without_abroad(targets, foreign)
    assert [target.problem for target in marked] == [None, Problem.COUNTRY, Problem.BAD_NUMBER]
    assert abroad(targets, None) == ()


@pytest.mark.proves("daily caps")
def test_a_charge_names_who_pays_and_what():
    limits = LimitSettings(part_cost={"DK": 30, "other": 90}, account_parts=7)
    made = charge(ACCOUNT, [sms("+4530643064", 2), sms("+46701234567")], limits, 3 * DAY + 5.0)
    assert (made.day, made.parts, made.costs) == (3, (2, 1), (60, 90))
    assert [(purse.name, purse.parts_cap) for purse in made.purses] == [
        ("account:A", 7),
        ("key:K", limits.key_parts),
        ("organisation:O", limits.organisation_parts),
    ]


@pytest.mark.proves("adjacent numbers")
def test_a_run_of_adjacent_numbers_is_noticed_once_in_any_order():
    runs = Runs(5)
    numbers = [f"+4530643{n:03}" for n in (104, 100, 103, 101)]
    assert [runs.notice("A", [number], 0.0) for number in numbers] == [0, 0, 0, 0]
    assert runs.notice("B", ["+4530643102"], 0.0) == 0, "another account's"
    assert runs.notice("A", ["+4530643102"], 1.0) == 5
    assert runs.notice("A", ["+4530643105"], 1.0) == 0, "told once"


def test_what_was_written_yesterday_makes_no_run():
    runs = Runs(3)
    assert runs.notice("A", ["+4530643101", "+4530643102"], 0.0) == 0
    assert runs.notice("A", ["+4530643103"], DAY + 1.0) == 0
    assert Runs(0).notice("A", [f"+453064310{n}" for n in range(9)], 0.0) == 0
