"""Versions of a text: who gets which, and which is the best."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.campaign import text_for
from campaigns.content import checked
from campaigns.trial import NEVER, Rule, Split, Trial, VersionFigures, best, by_version, language_of, version_of
from gateway.registry.errors import BadValue
from tests.unit.test_campaign import campaign

FOUND = [
    VersionFigures("a", 100, 90, 10, 5, 2),
    VersionFigures("b", 50, 40, 8, 2, 2),
    VersionFigures("c", 100, 95, 10, 6, 1),
]


@pytest.mark.proves("campaign: versions")
@pytest.mark.parametrize(
    ("rule", "version"),
    [(Rule.CLICKS, "b"), (Rule.ANSWERS, "c"), (Rule.OPT_OUTS, "c"), (Rule.DELIVERED, "c"), (Rule.HAND, "a")],
)
def test_the_best_is_told_by_shares_not_by_sums(rule: Rule, version: str) -> None:
    assert best(rule, FOUND) == version
    assert best(rule, FOUND[::-1]) == version


@pytest.mark.proves("campaign: versions")
@pytest.mark.parametrize("rule", list(Rule))
def test_of_two_that_are_as_good_the_first_wins_and_nobody_wins_by_having_sent_nothing(rule: Rule) -> None:
    same = [VersionFigures("b", 20, 18, 4, 2, 2), VersionFigures("a", 10, 9, 2, 1, 1)]
    assert best(rule, same) == "a"
    assert best(rule, [VersionFigures("a"), VersionFigures("b", 10, 0, 0, 0, 10)]) == "b"
    assert best(rule, [VersionFigures("a"), VersionFigures("b")]) == "a"
    assert best(rule, []) == "a"


@pytest.mark.proves("campaign: versions")
def test_each_version_gets_its_share_and_always_the_same_contacts() -> None:
    split = Split("01CAMPAIGN", ("a", "b", "c"), 10, NEVER, "")
    given_ = {contact: split.version(contact) for contact in range(1, 20_001)}
    counts = Counter(given_.values())
    assert all(1_850 < counts[version] < 2_150 for version in ("a", "b", "c"))
    assert counts[None] == 20_000 - sum(counts[version] for version in ("a", "b", "c"))
    decided = replace(split, winner="b")
    assert all(decided.version(contact) == (version or "b") for contact, version in given_.items())
    other = replace(split, campaign_id="01OTHER")
    assert sum(other.version(contact) == version for contact, version in given_.items()) < 15_000


@given(st.integers(2, 5), st.integers(0, 2**63))
def test_where_all_are_in_the_trial_nobody_waits_but_a_rest_of_division(count: int, contact: int) -> None:
    versions = ("a", "b", "c", "d", "e")[:count]
    split = Split("c", versions, 100 // count, NEVER, "")
    if 100 % count == 0:
        assert split.version(contact) in versions


def test_variants_are_of_a_version_and_a_language() -> None:
    texts = {"": "A", "da": "A da", "b/": "B", "b/de": "B de", "c/da": "C da"}
    assert text_for(texts, "da-DK") == ("A da", "da")
    assert text_for(texts, "da", "b") == ("B", "b/")
    assert text_for(texts, "de", "b") == ("B de", "b/de")
    assert text_for(texts, "fr", "c") == ("C da", "c/da")
    assert text_for(texts, "da", "d") == ("A da", "da")
    assert [version_of(each) for each in texts] == ["a", "a", "b", "b", "c"]
    assert [language_of(each) for each in texts] == ["", "da", "", "de", "da"]


def test_figures_of_languages_are_added_up() -> None:
    found = {
        "": VersionFigures("", 1, 1),
        "da": VersionFigures("da", 2, 1, 1),
        "b/da": VersionFigures("b/da", 3, 0, 0, 1),
    }
    assert by_version(found) == (VersionFigures("a", 3, 2, 1), VersionFigures("b", 3, 0, 0, 1))


@pytest.mark.proves("campaign: versions")
@pytest.mark.parametrize(
    ("texts", "trial", "why"),
    [
        ({"": "A"}, Trial(), "two texts or more"),
        ({"b/": "B", "c/": "C"}, Trial(), "two texts or more"),
        ({"": "A", "x/": "X"}, Trial(), "two texts or more"),
        ({"": "A", "b/": "B"}, Trial(51), "1 to 50 percent"),
        ({"": "A", "b/": "B"}, Trial(0), "1 to 50 percent"),
        ({"": "A", "b/": "B"}, Trial(hours=0), "within 720 hours"),
        ({"": "A", "b/": "B"}, Trial(rule=Rule.CLICKS), "short links"),
    ],
)
def test_what_cannot_be_tried_is_said_at_once(texts: dict[str, str], trial: Trial, why: str) -> None:
    with pytest.raises(BadValue, match=why):
        checked(campaign(texts=texts, trial=trial).content, frozenset(), 8)


def test_without_a_trial_other_versions_are_left_out() -> None:
    texts = {"": "A", "b/": "B", "b/da": "B"}
    assert checked(campaign(texts=texts).content, frozenset(), 8).texts == {"": "A"}
    kept = checked(campaign(texts=texts, trial=Trial(50)).content, frozenset(), 8)
    assert kept.texts == texts
