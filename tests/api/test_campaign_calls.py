"""Campaigns by programs: written, changed under a condition, checked for a contact, tried on oneself, forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Client, Firm, rest_key
from tests.gateway_process import Gateway, wait_for

pytestmark = pytest.mark.proves("C7", "C8", "C9", "C10", "C11")
PHONE = "+4530643201"


def draft(firm: Firm, **more: Any) -> dict[str, Any]:
    return {"name": "Spring", "account": firm.email, "texts": {"": "Hej {{ first_name }}!"}, **more}


@pytest.fixture(scope="module")
def contact(acme: Firm) -> str:
    form = {"name": "Åse Hansen", "first_name": "Åse", "phones": [{"value": PHONE}]}
    return str(acme.client.post("/contacts", form).body["id"])


def test_a_draft_is_written_with_every_setting_changed_and_forgotten(acme: Firm, contact: str):
    group = acme.client.post("/groups", {"name": "Regulars"}).body["id"]
    whole = draft(
        acme,
        texts={"": "Hej https://firm.example/a", "da": "Hej", "b/": "Hallo https://firm.example/b"},
        audience={"groups": [group], "contacts": [contact], "filter": "has: phone"},
        start_at="2099-01-01T10:00:00Z",
        window="mon-fri 09:00-20:00",
        zone="Europe/Copenhagen",
        any_day=True,
        short_links=True,
        trial={"share": 20, "rule": "clicks", "hours": 4},
        per_minute=100,
        per_week=2,
        max_parts=1000,
        max_cost={"amount": "100.00", "currency": "DKK"},
    )
    made = acme.client.post("/campaigns", whole)
    assert made.status == 201, made.content
    here = made.headers["location"].removeprefix("/api/v1")
    got = acme.client.get(here)
    assert (got.body["state"], got.body["name"], got.body["account"]) == ("draft", "Spring", acme.account_id)
    assert got.body["audience"] == {"contacts": [contact], "groups": [group], "without": [], "filter": "has: phone"}
    assert got.body["start_at"] == "2099-01-01T10:00:00.000Z"
    assert (float(got.body["max_cost"]["amount"]), got.body["max_cost"]["currency"]) == (100.0, "DKK")
    assert got.body["trial"]["share"] == 20
    plain = ("texts", "window", "zone", "any_day", "short_links", "per_minute", "per_week", "max_parts")
    assert {name: got.body[name] for name in plain} == {name: whole[name] for name in plain}

    seen = got.headers["etag"]
    changed = acme.client.call("PATCH", here, {"name": "Summer"}, If_Match=seen)
    assert (changed.status, changed.body["name"]) == (200, "Summer")
    assert {**changed.body, "name": ""} == {**got.body, "name": ""}, "what is left out stays"
    late = acme.client.call("PATCH", here, {"name": "Late"}, If_Match=seen)
    assert (late.status, late.code) == (412, "changed-meanwhile")
    assert acme.client.call("DELETE", here).status == 204
    assert acme.client.get(here).code == "not-found"


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"texts": {"": "Hej {{ shoe_size }}"}}, "texts"),
        ({"texts": {"": "Hej {{ name"}}, "texts"),
        ({"subjects": {"": "Hej {{ shoe_size }}"}}, "subjects"),
        ({"name": " "}, "name"),
        ({"window": "sometimes"}, "window"),
        ({"zone": "Nowhere/At all"}, "zone"),
        ({"trial": {"share": 10, "rule": "hand", "hours": 1}}, "trial"),
        ({"texts": {"": "a", "b/": "b"}, "trial": {"share": 10, "rule": "clicks", "hours": 1}}, "trial"),
        ({"audience": {"filter": "shoe_size = 42"}}, "filter"),
        ({"per_minute": -1}, "per_minute"),
        ({"max_cost": {"amount": "1", "currency": "kr"}}, "max_cost.currency"),
    ],
)
def test_a_mistake_stands_beside_its_field(acme: Firm, more: dict[str, Any], field: str):
    wrong = acme.client.post("/campaigns", draft(acme) | more)
    assert wrong.status == 422
    assert field in [each["field"] for each in wrong.body["errors"]], wrong.body
    assert all(each["message"] for each in wrong.body["errors"])
    kept = acme.client.post("/campaigns", draft(acme)).headers["location"].removeprefix("/api/v1")
    assert acme.client.call("PATCH", kept, more).status == 422
    assert acme.client.get(kept).body["texts"] == draft(acme)["texts"]


def test_what_one_contact_would_get_and_a_test_to_oneself(gateway: Gateway, acme: Firm, contact: str):
    made = acme.client.post("/campaigns", draft(acme, audience={"contacts": [contact]}))
    here = made.headers["location"].removeprefix("/api/v1")
    got = acme.client.post(f"{here}/check", {"contact": contact}).body
    assert (got["to"], got["text"], got["parts"], got["encoding"], got["reason"]) == (
        PHONE,
        "Hej Åse!",
        1,
        "gsm7",
        None,
    )
    own = "+4530643202"
    asked = {"contact": contact, "phone": own}
    sent = acme.client.post(f"{here}/test", asked, Idempotency_Key="try")
    assert (sent.status, sent.body["to"], sent.body["text"]) == (201, own, "Hej Åse!")
    assert acme.client.post(f"{here}/test", asked, Idempotency_Key="try").body == sent.body
    message = f"/messages/{sent.body['message']}"
    wait_for(lambda: acme.client.get(message).body["state"] == "delivered", "the test's delivery")
    assert acme.client.get(f"/messages?phone=%2B{own[1:]}").body["items"][0]["id"] == sent.body["message"]
    assert acme.client.post(f"{here}/test", {"contact": contact, "phone": "12"}).status == 422
    assert acme.client.post(f"{here}/test", {"contact": contact}).body["errors"][0]["field"] == "phone"
    assert acme.client.get(here).body["state"] == "draft"


def test_what_one_contact_would_get_by_e_mail(acme: Firm):
    form = {"name": "Eva Lund", "emails": [{"value": "eva@people.example"}]}
    eva = acme.client.post("/contacts", form).body["id"]
    made = acme.client.post("/campaigns", draft(acme, channel="email", subjects={"": "Til {{ name }}"}))
    here = made.headers["location"].removeprefix("/api/v1")
    got = acme.client.post(f"{here}/check", {"contact": eva}).body
    assert (got["subject"], got["to"], got["parts"]) == ("Til Eva Lund", "eva@people.example", None)
    sent = acme.client.post(f"{here}/test", {"contact": eva})
    assert (sent.status, sent.body["to"], sent.body["subject"]) == (201, acme.email, "Til Eva Lund")
    wrong = acme.client.post(f"{here}/test", {"contact": eva, "phone": PHONE})
    assert (wrong.status, wrong.body["errors"][0]["field"]) == (422, "phone")
    assert acme.client.post(f"{here}/check", {"contact": "1"}).status == 404


def test_who_gets_nothing_and_why(acme: Firm):
    nobody = acme.client.post("/contacts", {"name": "Nobody"}).body["id"]
    here = acme.client.post("/campaigns", draft(acme)).headers["location"].removeprefix("/api/v1")
    got = acme.client.post(f"{here}/check", {"contact": nobody}).body
    assert (got["reason"], got["text"]) == ("no-phone", None)
    wrong = acme.client.post(f"{here}/test", {"contact": nobody, "phone": PHONE})
    assert (wrong.status, wrong.code) == (422, "invalid")


def test_what_runs_is_not_changed_and_scopes_hold(gateway: Gateway, acme: Firm, contact: str):
    made = acme.client.post(
        "/campaigns", draft(acme, audience={"contacts": [contact]}, start_at="2099-01-01T10:00:00Z")
    )
    here = made.headers["location"].removeprefix("/api/v1")
    assert acme.client.post(f"{here}/start").body["state"] == "scheduled"
    assert acme.client.post(f"{here}/cancel").body["state"] == "cancelled"
    late = acme.client.call("PATCH", here, {"name": "Late"})
    assert (late.status, late.code) == (409, "not-now")
    reader = Client(gateway, rest_key(gateway, acme.name, "campaigns:read"))
    assert reader.post("/campaigns", draft(acme)).code == "scope-missing"
    assert reader.call("PATCH", here, {"name": "x"}).code == "scope-missing"
    assert reader.post(f"{here}/test", {"contact": contact, "phone": PHONE}).code == "scope-missing"
    assert reader.post(f"{here}/check", {"contact": contact}).code == "scope-missing", "it shows a contact"


@pytest.mark.proves("other organisations")
def test_what_is_another_organisations_cannot_be_written_with(acme: Firm, other: Firm, contact: str):
    assert other.client.post("/campaigns", draft(acme)).code == "not-found"
    here = other.client.post("/campaigns", draft(other)).headers["location"].removeprefix("/api/v1")
    assert other.client.call("PATCH", here, {"account": acme.email}).code == "not-found"
    theirs = acme.client.post("/groups", {"name": "Guests"}).body["id"]
    assert other.client.post("/campaigns", draft(other, audience={"groups": [theirs]})).code == "not-found"
    assert other.client.post(f"{here}/check", {"contact": contact}).code == "not-found"
    assert other.client.post(f"{here}/test", {"contact": contact, "phone": PHONE}).code == "not-found"


def test_a_list_is_read_page_by_page(acme: Firm):
    made = [str(acme.client.post("/campaigns", draft(acme, name=f"Page {n}")).body["id"]) for n in range(3)]
    first = acme.client.get("/campaigns?limit=2").body
    assert [each["id"] for each in first["items"]] == made[:0:-1]
    second = acme.client.get(f"/campaigns?limit=2&cursor={first['next']}").body
    assert second["items"][0]["id"] == made[0]


@pytest.mark.proves("campaign: limits")
def test_a_spent_budget_is_raised_and_the_other_one_stays(gateway: Gateway, acme: Firm, contact: str):
    """A money budget that nobody names must not go with the budget in parts."""
    cost = {"amount": "100.00", "currency": "DKK"}
    audience = {"contacts": [contact]}
    form = draft(
        acme, audience=audience, any_hour=True, any_day=True, max_parts=1, texts={"": "x" * 200}, max_cost=cost
    )
    made = str(acme.client.post("/campaigns", form).body["id"])
    here = f"/campaigns/{made}"

    def paused() -> bool:
        return bool(acme.client.get(here).body["state"] == "paused")

    assert acme.client.post(f"{here}/start").status == 200
    wait_for(paused, "its budget is spent")
    assert acme.client.post(f"{here}/resume", {"max_parts": 1000}).status == 200
    got = acme.client.get(here).body
    assert (got["max_parts"], got["max_cost"]) == (1000, cost)
    wait_for(paused, "no price is known")
    gateway.run("campaign", "resume", made, "--max-cost", "200 DKK")
    got = acme.client.get(here).body
    assert (got["max_parts"], got["max_cost"]["amount"]) == (1000, "200.00")
    wait_for(paused, "no price is known")
    gateway.run("campaign", "resume", made, "--max-parts", "0", "--max-cost", "")
    got = acme.client.get(here).body
    assert (got["max_parts"], got["max_cost"]) == (0, None)
    assert acme.client.post(f"{here}/resume", {"max_parts": -1}).status == 422
