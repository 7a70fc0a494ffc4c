"""The choice: rules, weights, prices, senders, health; and what an outcome makes of it."""

from __future__ import annotations

import tomllib
from collections import Counter
from dataclasses import replace
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import SUPPORTED_REGIONS

from gateway.errors import Outcome
from gateway.money import Money
from gateway.numbers import NumberRange
from gateway.routes import GIVE_UP_AFTER, RETRY_SECONDS, after_attempt
from gateway.routing.choice import Book, Candidate, choose
from gateway.routing.configured import known_countries
from gateway.routing.prices import PriceList
from gateway.routing.router import NOWHERE, Router
from gateway.routing.rules import DEFAULT, OWNER, Facts, Rule, Way
from gateway.routing.senders import Country, Names, check_sender, objection_to
from gateway.sms import Encoding, MessageState, OutgoingSms, Priority, SmsText, SubmitResult

pytestmark = pytest.mark.proves("routes")

NAMES = ("a", "b", "c")
OURS = NumberRange.parse("+45609946000000..+45609946000999")
NOBODY_RESTS = lambda _provider: False  # noqa: E731


def money(amount: float) -> Money:
    made = Money.of(amount, "EUR")
    assert made is not None
    return made


def facts(phone: str = "+4530643064", kind: Priority = Priority.DIALOG, owner: str = "a", org: str = "O") -> Facts:
    return Facts(phone, "+45609946000001", org, kind, owner)


def book(*rules: Rule, any_sender: frozenset[str] = frozenset(NAMES), **more: object) -> Book:
    return Book(rules, frozenset(NAMES), any_sender, **more)  # type: ignore[arg-type]  # what a test varies


def ways(*names: str) -> tuple[Way, ...]:
    return tuple(map(Way, names))


def order(made: Book, about: Facts, rests=NOBODY_RESTS) -> list[str]:
    return [each.provider for each in choose(made, about, rests).candidates]


# --- rules -----------------------------------------------------------------------------------------------------------


def test_without_a_rule_that_fits_the_owner_carries_it():
    choice = choose(book(Rule("x", ways("b"), countries=frozenset({"SE"}))), facts(), NOBODY_RESTS)
    assert choice.rule is DEFAULT
    assert choice.candidates == (Candidate("a"),)


@pytest.mark.parametrize(
    ("rule", "about", "fits"),
    [
        (Rule("", ()), facts(), True),
        (Rule("", (), countries=frozenset({"DK"})), facts(), True),
        (Rule("", (), countries=frozenset({"SE"})), facts(), False),
        (Rule("", (), countries=frozenset({"001"})), facts("+881612345678"), True),
        (Rule("", (), prefixes=("+46", "+4530")), facts(), True),
        (Rule("", (), prefixes=("+4531",)), facts(), False),
        (Rule("", (), organisations=frozenset({"O"})), facts(), True),
        (Rule("", (), organisations=frozenset({"P"})), facts(), False),
        (Rule("", (), kinds=frozenset({Priority.CAMPAIGN})), facts(), False),
        (Rule("", (), kinds=frozenset({Priority.CAMPAIGN})), facts(kind=Priority.CAMPAIGN), True),
        (Rule("", (), prefixes=("+45",), organisations=frozenset({"P"})), facts(), False),
    ],
)
def test_a_rule_fits_where_all_that_it_names_does(rule: Rule, about: Facts, fits: bool):
    assert rule.fits(about) is fits


def test_the_first_rule_that_fits_counts():
    rules = (Rule("se", ways("c"), countries=frozenset({"SE"})), Rule("all", ways("b")), Rule("late", ways("a")))
    assert choose(book(*rules), facts(), NOBODY_RESTS).rule.name == "all"


def test_fallbacks_come_as_written_and_each_provider_once():
    rule = Rule("", ways("b"), ways("c", OWNER, "b", "a"))
    assert order(book(rule), facts(owner="a")) == ["b", "c", "a"]
    assert order(book(rule), facts(owner="c")) == ["b", "c", "a"]


@pytest.mark.parametrize("weights", [(1, 1), (3, 1), (1, 9), (5, 5, 10)])
def test_shares_come_out_as_weighted(weights: tuple[int, ...]):
    rule = Rule("", tuple(Way(name, weight) for name, weight in zip(NAMES, weights, strict=False)))
    phones = 20_000
    got = Counter(order(book(rule), facts(f"+4530{number:06}"))[0] for number in range(phones))
    for name, weight in zip(NAMES, weights, strict=False):
        assert got[name] / phones == pytest.approx(weight / sum(weights), abs=0.02)


@given(st.integers(10**6, 10**7 - 1), st.permutations([Way("a", 3), Way("b", 1), Way("c", 2)]))
def test_a_phone_keeps_its_provider_however_the_rule_is_written(digits: int, written: list[Way]):
    about = facts(f"+453{digits}")
    assert order(book(Rule("", tuple(written))), about) == order(
        book(Rule("", (Way("a", 3), Way("b", 1), Way("c", 2)))), about
    )


@given(st.integers(10**6, 10**7 - 1))
def test_a_provider_that_leaves_a_rule_moves_only_its_own_phones(digits: int):
    about = facts(f"+453{digits}")
    before = order(book(Rule("", ways("a", "b", "c"))), about)
    assert order(book(Rule("", ways("a", "b"))), about) == [name for name in before if name != "c"]


# --- prices ----------------------------------------------------------------------------------------------------------


def test_the_longest_prefix_has_the_price_then_the_country_then_the_rest():
    prices = PriceList.of({"+45": money(3), "+4530": money(1), "SE": money(4), "other": money(9)})
    assert [prices.part(phone, country) for phone, country in [("+4530643064", "DK"), ("+4540643064", "DK")]] == [
        money(1),
        money(3),
    ]
    assert [prices.part("+46701234567", "SE"), prices.part("+33612345678", "FR")] == [money(4), money(9)]
    assert PriceList.of({"SE": money(4)}).part("+4530643064", "DK") is None


def test_the_cheapest_comes_first_the_unknown_last_and_fallbacks_stay_behind():
    prices = {"a": PriceList.of({"DK": money(0.04)}), "b": PriceList.of({"DK": money(0.03)})}
    rule = Rule("", (Way("a", 1000), Way("b"), Way("c", 1000)), cheapest=True)
    assert order(book(rule, prices=prices), facts()) == ["b", "a", "c"]
    rule = Rule("", ways("a"), ways("b"), cheapest=True)
    assert order(book(rule, prices=prices), facts()) == ["a", "b"]


def test_what_is_too_dear_carries_nothing_and_says_so():
    prices = {"a": PriceList.of({"DK": money(0.05)}), "b": PriceList.of({"DK": money(0.04)})}
    choice = choose(book(Rule("", ways("a"), ways("b"), at_most=money(0.04)), prices=prices), facts(), NOBODY_RESTS)
    assert choice.candidates[0].objection == "too dear: 0.05 EUR a part, and the rule says at most 0.04 EUR"
    assert choice.first is not None
    assert choice.first.provider == "b"


# --- senders ---------------------------------------------------------------------------------------------------------


@pytest.mark.proves("senders")
@pytest.mark.parametrize("good", ["Firma", "Firma A/S", "12345678a", "+4530643064", "1234", "Æblegård", "Elevenchars"])
def test_senders_that_may_stand(good: str):
    assert check_sender(good) == good


@pytest.mark.proves("senders")
@pytest.mark.parametrize("bad", ["TwelveLetter", "Фирма", "12", " x", "x ", "…", "a\nb", "{Firma12345", "+45", "!!"])
def test_senders_that_no_phone_can_show(bad: str):
    with pytest.raises(ValueError, match="must be"):
        check_sender(bad)


@pytest.mark.proves("senders")
def test_a_dialog_keeps_its_number_wherever_it_may_and_a_campaign_has_its_name():
    made = book(Rule("", (Way("a", sender="Firma"),), (Way("b", sender="Firma"),)), any_sender=frozenset())
    for kind, senders in ((Priority.DIALOG, ["", "Firma"]), (Priority.CAMPAIGN, ["Firma", "Firma"])):
        assert [each.sender for each in choose(made, facts(kind=kind), NOBODY_RESTS).candidates] == senders


@pytest.mark.proves("senders")
def test_a_provider_that_takes_only_its_own_numbers_needs_another_sender():
    choice = choose(book(Rule("", ways("b")), any_sender=frozenset()), facts(), NOBODY_RESTS)
    assert choice.first is None
    assert choice.candidates[0].objection == (
        "cannot send as +45609946000001, which is not its own, and the rule names no other sender"
    )


@pytest.mark.proves("senders")
def test_what_a_country_takes_is_asked():
    countries = {"DK": Country(Names.NO, sure=True), "SE": Country(Names.REGISTERED)}
    assert objection_to("Firma", "DK", frozenset(), countries) == (
        "phones in DK get no names as sender, and 'Firma' is one"
    )
    assert "must be registered in SE as far as is known" in objection_to("Firma", "SE", frozenset(), countries)
    assert objection_to("Firma", "SE", frozenset({"SE"}), countries) == ""
    assert objection_to("+46701234567", "DK", frozenset(), countries) == ""
    assert objection_to("Firma", "NO", frozenset(), countries) == ""


@pytest.mark.proves("senders")
def test_a_campaign_of_the_owner_falls_back_on_the_number_where_names_are_not_taken():
    made = book(Rule("", (Way("a", sender="Firma"),)), countries={"DK": Country(Names.NO)})
    assert choose(made, facts(kind=Priority.CAMPAIGN), NOBODY_RESTS).candidates == (Candidate("a"),)


@pytest.mark.proves("senders")
def test_the_data_names_countries_that_there_are_and_nothing_else():
    tables = tomllib.loads(files("gateway").joinpath("data/senders.toml").read_text(encoding="utf-8"))
    assert set(tables) <= SUPPORTED_REGIONS
    assert {key for table in tables.values() for key in table} == {"names", "sure", "note"}
    assert set(known_countries()) == set(tables)
    assert {each.names for each in known_countries().values()} == set(Names)


# --- health ----------------------------------------------------------------------------------------------------------


def test_a_provider_whose_breaker_is_open_is_passed_by_while_there_is_another():
    made = book(Rule("", ways("a"), ways("b")))
    choice = choose(made, facts(), lambda provider: provider == "a")
    assert choice.first == Candidate("b")
    assert [each.rests for each in choice.candidates] == [True, False]
    assert choose(made, facts(), lambda _provider: True).first == Candidate("a", rests=True)


objections = st.sampled_from(["", "", "too dear"])


@given(st.lists(st.tuples(objections, st.booleans()), min_size=1, max_size=5))
def test_the_first_is_able_and_awake_where_anybody_is(states: list[tuple[str, bool]]):
    candidates = tuple(
        Candidate(f"p{place}", objection=objection, rests=rests and not objection)
        for place, (objection, rests) in enumerate(states)
    )
    from gateway.routing.choice import Choice

    first = Choice(DEFAULT, candidates).first
    able = [each for each in candidates if not each.objection]
    assert (first is None) is (not able)
    if first is not None:
        assert not first.objection
        assert not first.rests or all(each.rests for each in able)


# --- the router ------------------------------------------------------------------------------------------------------


def sms(provider: str = "a", attempts: int = 0, refused_by: str = "", kind: Priority = Priority.DIALOG) -> OutgoingSms:
    text = SmsText("hej", Encoding.GSM7, 1, 3)
    return OutgoingSms(
        "M.1", "O", "A", "K", "+45609946000001", "+4530643064", text, provider, kind, attempts=attempts,
        refused_by=refused_by,
    )  # fmt: skip


def router(*rules: Rule, any_sender: frozenset[str] = frozenset(NAMES)) -> Router:
    return Router(book(*rules, any_sender=any_sender), [("a", OURS), ("b", NumberRange.parse("+45609947000000"))])


def test_whose_number_it_is():
    asked = router()
    numbers = ["+45609946000000", "+45609946000999", "+45609947000000", "+45609946001000", "+1", "Firma"]
    assert [asked.owner_of(number) for number in numbers] == ["a", "a", "b", "", "", ""]


def test_what_nobody_may_carry_is_led_nowhere():
    led = router(Rule("", ways("c")), any_sender=frozenset()).assign(sms(), NOBODY_RESTS)
    assert (led.provider, led.sender) == (NOWHERE, "")


def test_a_number_that_no_pool_holds_any_more_stays_with_its_accounts_provider():
    led = router(Rule("", ways(OWNER))).assign(replace(sms("b"), from_number="+4511111111"), NOBODY_RESTS)
    assert led.provider == "b"


def test_what_a_provider_may_have_already_stays_there():
    assert router(Rule("", ways("b"))).escape(replace(sms("a"), bound=True), NOBODY_RESTS) is None


def test_who_has_refused_a_message_is_not_asked_again():
    asked = router(Rule("", ways("a"), ways("b")))
    assert asked.assign(sms(refused_by="a c"), NOBODY_RESTS).provider == "b"
    assert asked.assign(sms(refused_by="a b"), NOBODY_RESTS).provider == NOWHERE


def test_a_message_moves_away_only_where_somebody_else_takes_it():
    asked = router(Rule("", ways("a"), ways("b")))
    fled = asked.escape(sms("a"), lambda provider: provider == "a")
    assert fled is not None
    assert fled.provider == "b"
    assert asked.escape(sms("a"), lambda _provider: True) is None
    assert asked.escape(sms("a"), NOBODY_RESTS) is None
    assert router(Rule("", ways("a"))).escape(sms("a"), lambda _provider: True) is None


# --- what an outcome makes of it ---------------------------------------------------------------------------------------

BOTH = router(Rule("", ways("a"), ways("b")))
TEMPORARY = SubmitResult(Outcome.TEMPORARY, cause="no credit")
OF_THE_ROUTE = SubmitResult(Outcome.PERMANENT, cause="no such country here", reason="no-route")


def after(message: OutgoingSms, result: SubmitResult, rests=NOBODY_RESTS, asked: Router = BOTH, now: float = 10.0):
    return after_attempt(message, result, now, asked.choose(message, rests))


@pytest.mark.proves("never sent again blindly")
@pytest.mark.parametrize(
    ("result", "state"),
    [
        (SubmitResult(Outcome.UNKNOWN), MessageState.UNKNOWN),
        (SubmitResult(Outcome.ACCEPTED), MessageState.SUBMITTED),
        (SubmitResult(Outcome.PERMANENT, reason="bad-number"), MessageState.FAILED),
        (SubmitResult(Outcome.PERMANENT, reason="opted-out"), MessageState.FAILED),
        (SubmitResult(Outcome.PERMANENT), MessageState.FAILED),
    ],
)
def test_what_may_have_been_sent_or_is_the_phones_own_fault_goes_nowhere(result: SubmitResult, state: MessageState):
    done = after(sms(), result)
    assert (done.state, done.onward) == (state, None)


def test_what_was_not_taken_goes_on_at_once():
    state, due, onward = after(sms("a"), TEMPORARY)
    assert onward is not None
    assert (state, due, onward.provider) == (MessageState.QUEUED, 10.0, "b")


def test_after_the_last_the_round_begins_anew_with_a_pause():
    state, due, onward = after(sms("b"), TEMPORARY)
    assert onward is not None
    assert (state, due, onward.provider) == (MessageState.QUEUED, 10.0 + RETRY_SECONDS[0], "a")


@pytest.mark.parametrize("reason", ["no-route", "not-allowed", "limit"])
def test_a_reason_of_the_provider_is_no_reason_of_the_phone(reason: str):
    assert after(sms("a"), SubmitResult(Outcome.PERMANENT, reason=reason)).state is MessageState.QUEUED


def test_where_all_others_rest_it_waits_for_its_own():
    state, due, onward = after(sms("b"), TEMPORARY, lambda provider: provider == "a")
    assert (state, due, onward) == (MessageState.QUEUED, 10.0 + RETRY_SECONDS[0], None)


def test_a_refusal_of_the_route_is_remembered_and_fails_only_with_the_last():
    first = after(sms("a"), OF_THE_ROUTE)
    assert first.onward is not None
    assert (first.state, first.onward.provider, first.onward.refused_by) == (MessageState.QUEUED, "b", "a")
    assert after(first.onward, TEMPORARY).onward is None, "the one that refused is not asked again"
    assert after(first.onward, OF_THE_ROUTE).state is MessageState.FAILED


def test_a_refusal_of_the_route_goes_to_one_that_rests_rather_than_fail():
    done = after(sms("a"), OF_THE_ROUTE, lambda provider: provider == "b")
    assert done.onward is not None
    assert (done.state, done.due, done.onward.provider) == (MessageState.QUEUED, 10.0 + RETRY_SECONDS[0], "b")


def test_a_message_that_has_outlived_its_use_goes_nowhere():
    assert after(sms("a"), TEMPORARY, now=GIVE_UP_AFTER + 1).state is MessageState.FAILED


outcomes = st.lists(st.sampled_from([TEMPORARY, OF_THE_ROUTE]), min_size=1, max_size=30)


@given(outcomes, st.sets(st.sampled_from(NAMES)))
def test_no_message_runs_in_circles_without_a_pause(results: list[SubmitResult], resting: set[str]):
    """However providers refuse: between two attempts at one provider lies a pause, and a refusal for good is the last."""
    asked = router(Rule("", ways("a", "b"), ways("c")))
    message, now = asked.assign(sms(), resting.__contains__), 0.0
    last: dict[str, float] = {}
    for attempts, result in enumerate(results):
        assert message.provider not in message.refused_by.split()
        assert now >= last.get(message.provider, -1.0) + (RETRY_SECONDS[0] if message.provider in last else 0.0)
        last[message.provider] = now
        done = after(message, result, resting.__contains__, asked, now)
        if done.state is MessageState.FAILED:
            assert set(message.refused_by.split()) | {message.provider} == set(NAMES)
            return
        onward, now = done.onward or message, done.due
        message = sms(onward.provider, attempts + 1, onward.refused_by)
