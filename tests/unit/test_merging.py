"""Rows that are the same person become one contact, wherever a file is cut into chunks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.imports.merging import Fate, Known, ReadRow, merge
from campaigns.imports.plan import Existing, Plan
from campaigns.model import Draft, Point
from gateway.registry.employee_address import fold_email

pytestmark = pytest.mark.proves("contact imports")


def person(phones: str, emails: str = "", name: str = "Anna") -> Draft:
    """A contact of phones and addresses that a letter stands for."""
    return Draft(
        name,
        phones=tuple(Point(f"+453064306{ord(each) - ord('a')}") for each in phones),
        emails=tuple(Point(f"{each}@firm.example") for each in emails),
    )


def known(there: list[Draft]) -> Known:
    """As the store finds them: numbered from 1, the oldest of those that have a phone or an address."""
    phones: dict[str, int] = {}
    emails: dict[str, int] = {}
    for number, each in enumerate(there, 1):
        for point in each.phones:
            phones.setdefault(point.value, number)
        for point in each.emails:
            emails.setdefault(fold_email(point.value), number)
    return Known(phones, emails, dict(enumerate(there, 1)))


def imported(there: list[Draft], rows: list[ReadRow], plan: Plan, chunk: int) -> tuple[list[Draft], dict[int, Fate]]:
    """Who is there after so many rows at a time, and what became of each row."""
    people = list(there)
    fates: dict[int, Fate] = {}
    for start in range(0, len(rows), chunk):
        done = merge(rows[start : start + chunk], plan, known(people))
        for number, draft in done.changed.items():
            people[number - 1] = draft
        people += done.new
        fates |= done.fates
    return people, fates


@pytest.mark.parametrize("chunk", [1, 3])
def test_what_a_row_adds_to_a_known_contact_names_it_in_the_next_row(chunk: int) -> None:
    rows = [ReadRow(n, draft) for n, draft in enumerate((person("a", "k"), person("b", "K"), person("b", "m")), 2)]
    people, fates = imported([person("a")], rows, Plan(()), chunk)
    assert people == [person("ab", "km")]
    assert set(fates.values()) == {Fate.UPDATED}


@pytest.mark.parametrize("chunk", [1, 2])
def test_the_phone_says_who_it_is_before_the_address_does(chunk: int) -> None:
    rows = [ReadRow(2, person("b", name="Bo")), ReadRow(3, person("b", "k", name="Bo"))]
    people, _ = imported([person("a", "k")], rows, Plan(()), chunk)
    assert people == [person("a", "k"), person("b", "k", name="Bo")]


people = st.builds(person, st.text("abc", max_size=2), st.text("kKm", max_size=2), st.sampled_from(["Anna", "Bo"]))
people = people.filter(lambda draft: len(set(draft.phones)) == len(draft.phones))


@given(
    st.lists(people, max_size=3),
    st.lists(people, max_size=6),
    st.integers(2, 6),
    st.sampled_from(Existing),
    st.booleans(),
)
def test_it_does_not_matter_where_a_file_is_cut(
    there: list[Draft], drafts: list[Draft], chunk: int, existing: Existing, create: bool
) -> None:
    rows = [ReadRow(n, draft) for n, draft in enumerate(drafts, 2)]
    plan = Plan((), existing=existing, create=create)
    assert imported(there, rows, plan, chunk)[0] == imported(there, rows, plan, 1)[0]
