"""Groups by programs: made, counted, filled, changed under a condition, removed."""

from __future__ import annotations

import pytest

from tests.api.conftest import Firm

pytestmark = pytest.mark.proves("C11", "filters")


def test_a_group_is_made_counted_changed_and_removed(acme: Firm):
    client = acme.client
    made = client.post("/groups", {"name": "Reachable", "filter": "has:  phone"})
    assert made.status == 201
    here = made.headers["location"].removeprefix("/api/v1")
    group = client.get(here)
    assert (group.body["name"], group.body["filter"]) == ("Reachable", "has:  phone")
    assert client.get(f"{here}/count").body == {"count": 0}
    assert client.get(f"{here}/members").body == {"items": [], "next": None}
    assert client.post("/groups", {"name": "reachable"}).status == 422
    changed = client.call("PATCH", here, {"name": "Anybody"}, If_Match=group.headers["etag"])
    assert (changed.status, changed.body["name"], changed.body["filter"]) == (200, "Anybody", "has:  phone")
    assert client.call("PATCH", here, {"filter": ""}, If_Match=group.headers["etag"]).code == "changed-meanwhile"
    assert "Anybody" in [each["name"] for each in client.get("/groups").body["items"]]
    assert client.post(f"{here}/members", {"contacts": ["1"]}).status == 422
    assert client.call("DELETE", here).status == 204
    assert client.get(here).code == "not-found"


def test_a_list_takes_contacts_that_are_there(acme: Firm):
    here = acme.client.post("/groups", {"name": "Invited"}).headers["location"].removeprefix("/api/v1")
    assert acme.client.post(f"{here}/members", {"contacts": ["4294967297"], "filter": ""}).body == {"count": 0}
    assert acme.client.call("DELETE", f"{here}/members/4294967297").status == 204
    assert acme.client.call("PATCH", here, {"filter": "has: phone"}).status == 422
    acme.client.call("DELETE", here)


@pytest.mark.parametrize(
    ("text", "at", "length"),
    [
        ("has: phone andd", 11, 4),
        ("nothing = 1", 0, 7),
        ("name = 'x", 7, 2),
        ("(" * 5000, 40, 1),
        ("name = \ud83d", 7, 1),
    ],
)
def test_a_filter_with_a_mistake_says_where(acme: Firm, text: str, at: int, length: int):
    answer = acme.client.post("/groups/count", {"filter": text})
    assert (answer.status, answer.code) == (422, "bad-filter" if "\ud83d" not in text else "invalid")
    if answer.code == "bad-filter":
        assert (answer.body["at"], answer.body["length"]) == (at, length)


def test_a_filter_is_counted_and_written_anew(acme: Firm):
    answer = acme.client.post("/groups/count", {"filter": "HAS: 'phone'   and not (name = x)"})
    assert answer.body == {"count": 0, "filter": "has: phone and not name = x"}
