"""Contacts by API: made, changed by whoever has seen them, found by a filter, with what belongs to them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.api.conftest import Firm

pytestmark = pytest.mark.proves("contacts by API")
ANNA = {
    "name": "Anna Hansen",
    "phones": [{"value": "30 64 31 01", "label": "work"}, {"value": "+46701234567"}],
    "emails": [{"value": "anna@firm.example"}],
    "tags": ["VIP"],
}


@pytest.fixture(scope="module")
def fields(acme: Firm) -> None:
    """Fields of contacts and of orders."""
    for name, kind, of in (("city", "text", ""), ("age", "number", ""), ("total", "number", "order")):
        form = {"name": name, "label": name.title(), "type": kind, "kind": of}
        assert acme.client.post("/contacts/fields", form).status == 201


@pytest.mark.usefixtures("fields")
def test_a_contact_is_made_changed_and_removed(acme: Firm):
    made = acme.client.post("/contacts", ANNA | {"attributes": {"city": "Aarhus", "age": 37}})
    assert made.status == 201
    path = f"/contacts/{made.body['id']}"
    assert made.headers["location"].endswith(path)
    assert [each["value"] for each in made.body["phones"]] == ["+4530643101", "+46701234567"]
    got = acme.client.get(path)
    assert got.body == made.body
    seen = {"If-Match": got.headers["etag"]}
    changed = acme.client.call("PATCH", path, {"no_sms": True, "attributes": {"age": None}}, **seen)
    assert changed.body["attributes"] == {"city": "Aarhus"}
    assert (changed.body["no_sms"], changed.body["tags"]) == (True, ["VIP"])
    late = acme.client.call("PATCH", path, {"name": "B"}, **seen)
    assert (late.status, late.code) == (412, "changed-meanwhile")
    assert acme.client.call("DELETE", path).status == 204
    assert acme.client.get(path).status == 404


@pytest.mark.usefixtures("fields")
def test_what_a_change_does_not_name_stays_whoever_changes_it_at_that_moment(acme: Firm):
    path = f"/contacts/{acme.client.post('/contacts', ANNA).body['id']}"
    changes: list[dict[str, object]] = [
        {"no_sms": True}, {"name": "Anna Berg"}, {"first_name": "Ann"}, {"language": "de"}, {"zone": "Europe/Berlin"},
        {"attributes": {"city": "Odense"}}, {"attributes": {"age": 37}},
    ]  # fmt: skip
    with ThreadPoolExecutor(len(changes)) as callers:
        answers = list(callers.map(lambda change: acme.client.call("PATCH", path, change), changes))
    assert {each.status for each in answers} == {200}
    now = acme.client.get(path).body
    assert now["attributes"] == {"city": "Odense", "age": 37}
    for change in changes[:-2]:
        assert {name: now[name] for name in change} == change


@pytest.mark.usefixtures("fields")
def test_every_field_that_cannot_be_meant_is_named(acme: Firm):
    wrong = acme.client.post("/contacts", {"phones": [{"value": "12"}], "attributes": {"age": "old", "shoe": 42}})
    assert (wrong.status, wrong.code) == (422, "invalid")
    assert {each["field"] for each in wrong.body["errors"]} == {"phone", "age", "shoe"}
    assert acme.client.post("/contacts", {}).status == 422


@pytest.mark.usefixtures("fields")
def test_a_filter_finds_and_says_what_it_does_not_understand(acme: Firm):
    for number in range(3):
        acme.client.post("/contacts", {"name": f"Filter {number}", "attributes": {"city": "Ribe", "age": number}})
    first = acme.client.get("/contacts?filter=city%3DRibe&limit=2").body
    second = acme.client.get(f"/contacts?filter=city%3DRibe&limit=2&cursor={first['next']}").body
    found = [each["name"] for each in (*first["items"], *second["items"])]
    assert (found, second["next"]) == (["Filter 2", "Filter 1", "Filter 0"], None)
    wrong = acme.client.get("/contacts?filter=citty%3DRibe")
    assert wrong.status == 422
    assert "did you mean city" in wrong.body["detail"]


@pytest.mark.usefixtures("fields")
def test_what_belongs_to_a_contact(acme: Firm):
    path = f"/contacts/{acme.client.post('/contacts', {'name': 'Carl'}).body['id']}"
    assert acme.client.call("PUT", f"{path}/tags/Spring").status == 204
    given = {"purpose": "news", "how": "form", "wording": "Yes", "given_at": "2026-01-05T10:00:00Z"}
    assert acme.client.post(f"{path}/consents", given).body["consents"][0]["given_at"].startswith("2026-01-05T10:00")
    linked = acme.client.post(f"{path}/objects", {"kind": "order", "ref": "A-1", "fields": {"total": 9.5}})
    assert (linked.status, linked.body["number"]) == (201, 1)
    stored = acme.client.call("PUT", f"{path}/objects/order/1", {"ref": "A-1", "fields": {"total": 10}})
    assert stored.body["fields"] == {"total": 10}
    assert acme.client.call("DELETE", f"{path}/consents/news?how=by%20telephone").status == 204
    contact = acme.client.get(path).body
    assert contact["tags"] == ["Spring"]
    assert contact["consents"][0]["ended_how"] == "by telephone"
    assert contact["objects"][0]["fields"] == {"total": 10}
    assert acme.client.call("DELETE", f"{path}/objects/order/1").status == 204
    assert acme.client.call("DELETE", f"{path}/objects/order/1").status == 404
    assert acme.client.call("DELETE", f"{path}/tags/Spring").status == 204
    assert acme.client.get(path).body["tags"] == []


def test_fields_are_made_changed_and_removed(acme: Firm):
    form = {"name": "size", "label": "Size", "type": "choice", "choices": ["S", "XL"]}
    assert acme.client.post("/contacts/fields", form).body["in_filters"] is True
    assert acme.client.post("/contacts/fields", form).status == 422
    changed = acme.client.call("PATCH", "/contacts/fields/size", {"label": "Shirt"})
    assert (changed.body["label"], changed.body["choices"]) == ("Shirt", ["S", "XL"])
    assert "size" in [each["name"] for each in acme.client.get("/contacts/fields").body["items"]]
    assert acme.client.call("DELETE", "/contacts/fields/size").status == 204
    assert acme.client.call("DELETE", "/contacts/fields/size").status == 404
