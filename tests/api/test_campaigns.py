"""Campaigns by calls: written, changed until they run, checked for one contact; and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Firm
from tests.waiting import until

PHONE = "+4530643064"


@pytest.fixture(scope="module")
def anders(acme: Firm) -> str:
    """A contact."""
    form = {"name": "Anders And", "phones": [{"value": PHONE}], "emails": [{"value": "anders@people.example"}]}
    return str(acme.client.post("/contacts", form).body["id"])


def form(acme: Firm, **more: Any) -> dict[str, Any]:
    return {"name": "Spring", "account": acme.email, "texts": {"": "Hej {{ name }}"}} | more


@pytest.mark.proves("C7", "C8", "C9")
def test_all_that_is_written_is_shown_again(acme: Firm, anders: str):
    said = {
        "texts": {"": "Hej {{ name }}", "da": "Dav {{ name }}"},
        "audience": {"contacts": [anders], "filter": "has: phone"},
        "start_at": "2031-05-03T08:00:00Z",
        "window": "mon-fri 09:00-20:00",
        "zone": "Europe/Copenhagen",
        "any_hour": True,
        "any_day": True,
        "short_links": True,
        "per_minute": 60,
        "per_week": 2,
        "max_parts": 1000,
        "max_cost": {"amount": "100.5", "currency": "DKK"},
    }
    made = acme.client.post("/campaigns", form(acme, **said))
    assert made.status == 201
    shown = acme.client.get(f"/campaigns/{made.body['id']}").body
    assert (shown["state"], shown["account"], shown["channel"]) == ("draft", acme.account_id, "sms")
    assert shown["start_at"] == "2031-05-03T08:00:00.000Z"
    assert shown["audience"] == {"contacts": [anders], "groups": [], "without": [], "filter": "has: phone"}
    assert (shown["max_cost"]["amount"].rstrip("0"), shown["max_cost"]["currency"]) == ("100.5", "DKK")
    for name in (
        "texts",
        "window",
        "zone",
        "any_hour",
        "any_day",
        "short_links",
        "per_minute",
        "per_week",
        "max_parts",
    ):
        assert shown[name] == said[name], name


@pytest.mark.proves("C8")
def test_what_is_left_out_of_a_change_stays(acme: Firm, anders: str):
    made = acme.client.post("/campaigns", form(acme, per_week=2, audience={"contacts": [anders]})).body
    here = f"/campaigns/{made['id']}"
    before = acme.client.get(here)
    changed = acme.client.call("PATCH", here, {"name": "Summer"}, If_Match=before.headers["etag"])
    assert (changed.status, changed.body["name"], changed.body["per_week"]) == (200, "Summer", 2)
    assert changed.body["audience"]["contacts"] == [anders]
    late = acme.client.call("PATCH", here, {"name": "Autumn"}, If_Match=before.headers["etag"])
    assert late.status == 412
    mail = {"channel": "email", "subjects": {"": "Hej"}, "max_cost": None, "start_at": None}
    assert acme.client.call("PATCH", here, mail).body["channel"] == "email"
    assert acme.client.call("DELETE", here).status == 204
    assert acme.client.get(here).status == 404


@pytest.mark.proves("C10")
def test_one_contact_is_checked_word_for_word(acme: Firm, anders: str):
    made = acme.client.post("/campaigns", form(acme, audience={"contacts": [anders]})).body
    got = acme.client.post(f"/campaigns/{made['id']}/check", {"contact": anders}).body
    assert (got["text"], got["to"], got["parts"], got["reason"]) == ("Hej Anders And", PHONE, 1, None)
    mail = {"channel": "email", "subjects": {"": "Til {{ name }}"}}
    acme.client.call("PATCH", f"/campaigns/{made['id']}", mail)
    got = acme.client.post(f"/campaigns/{made['id']}/check", {"contact": anders}).body
    assert (got["subject"], got["to"], got["parts"]) == ("Til Anders And", "anders@people.example", None)
    assert acme.client.post(f"/campaigns/{made['id']}/check", {"contact": "1"}).status == 404


@pytest.mark.proves("C9", "C11")
@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"texts": {"": "Hej {{ nobody }}"}}, "nobody"),
        ({"audience": {"filter": "name ="}}, "filter"),
        ({"audience": {"groups": ["01KB0V3Y8QF6ZC5RCA3N4M7T2E"]}}, "group"),
        ({"window": "always"}, "window"),
        ({"zone": "Nowhere/Land"}, "Nowhere/Land"),
        ({"max_cost": {"amount": "-1", "currency": "DKK"}}, "amount"),
        ({"wish": "ponies"}, "wish"),
    ],
)
def test_what_cannot_be_meant_is_refused(acme: Firm, wrong: dict[str, Any], says: str):
    answer = acme.client.post("/campaigns", form(acme, **wrong))
    assert answer.status in {404, 422}
    assert says in answer.content.decode()


@pytest.mark.proves("C8", "C12")
async def test_what_runs_is_not_changed_any_more(acme: Firm, anders: str):
    made = acme.client.post("/campaigns", form(acme, audience={"contacts": [anders]}, any_hour=True, any_day=True)).body
    here = f"/campaigns/{made['id']}"
    assert acme.client.post(f"{here}/start", {}).status == 200
    await until(lambda: acme.client.get(here).body["state"] == "finished", "the end", seconds=30)
    answer = acme.client.call("PATCH", here, {"name": "Late"})
    assert (answer.status, answer.code) == (409, "not-now")
