"""Files of contacts by programs: taken, looked at, started, and what was refused given back."""

from __future__ import annotations

import csv
import http.client
from typing import Any

import pytest

from campaigns.imports.imports import MAX_BYTES
from tests.api.conftest import PREFIX, Answer, Client, Firm, rest_key
from tests.gateway_process import Gateway, wait_for
from tests.unit.test_sheets import workbook

pytestmark = pytest.mark.proves("contact imports", "contacts by API")
FILE = "Navn;Mobil;Note\nÅse;30643061;a\nBo;12;b\nCy;30643063;c\n".encode("cp1252")


def upload(firm: Firm, content: bytes = FILE, name: str = "people.csv") -> Answer:
    return firm.client.post(f"/imports?name={name}", content, Content_Type="application/octet-stream")


def ended(firm: Firm, made: Answer) -> Any:
    here = f"/imports/{made.body['id']}"
    wait_for(lambda: firm.client.get(here).body["state"] == "finished", "the end of the import")
    return firm.client.get(here).body


def test_a_file_is_taken_looked_at_and_run(acme: Firm):
    made = upload(acme)
    assert (made.status, made.body["state"], made.body["head"]) == (201, "ready", ["Navn", "Mobil", "Note"])
    here = made.headers["location"].removeprefix(PREFIX)
    guess = acme.client.post(f"{here}/preview", {}).body
    assert (guess["columns"], guess["has_head"], guess["created"]) == (["name", "phone", ""], True, 2)
    problem = {"field": "phone", "message": "12 is no phone number: too short"}
    assert guess["refused"] == [{"line": 3, "errors": [problem]}]
    assert not acme.client.get("/contacts?search=30643061").body["items"], "a look changes nothing"

    plan = {"columns": ["first_name", "phone", ""], "tags": ["fair"]}
    assert acme.client.post(f"{here}/start", plan).body["state"] in {"running", "finished"}
    done = ended(acme, made)
    assert (done["created"], done["refused"], done["progress"]) == (2, 1, 1.0)
    refused = acme.client.get(f"{here}/refused")
    assert refused.headers["content-type"].startswith("text/csv")
    rows = list(csv.reader(refused.content.decode("utf-8-sig").splitlines()))
    assert rows[1][0::2] == ["3", "Bo", "b"]
    assert len(acme.client.get("/contacts?filter=tag%3A%20fair").body["items"]) == 2
    assert acme.client.post(f"{here}/start", {}).status == 422
    assert acme.client.post(f"{here}/cancel").status == 422
    assert acme.client.get("/imports").body["items"][0]["id"] == made.body["id"]


def test_a_workbook_and_one_larger_than_other_bodies(acme: Firm):
    made = upload(acme, workbook([["Name", "Phone"], ["Di", "30643064"]]), "people.xlsx")
    assert (made.status, made.body["rows"]) == (201, 2)
    rows = 20_000
    large = b"Name,Email\n" + b"".join(b"Person %d,person-%d@firm.example\n" % (n, n) for n in range(rows))
    assert len(large) > 2 * 256_000
    made = upload(acme, large)
    assert (made.status, made.body["rows"]) == (201, rows + 1)
    stopped = acme.client.post(f"/imports/{made.body['id']}/cancel")
    assert stopped.body["state"] == "cancelled"


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({"columns": ["shoe", "phone"]}, "no field shoe"),
        ({"columns": ["name", "name"]}, "two columns"),
        ({"columns": ["", ""]}, "choose which column"),
        ({"group": "nonsense"}, "no such group"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_a_plan_that_cannot_be_carried_out(acme: Firm, plan: dict[str, object], words: str):
    here = f"/imports/{upload(acme).body['id']}"
    for deed in ("preview", "start"):
        wrong = acme.client.post(f"{here}/{deed}", plan)
        assert wrong.status == 422
        assert words in wrong.content.decode()
    assert acme.client.get(here).body["state"] == "ready"


def test_what_is_no_file(acme: Firm):
    for content in (b"", b"PK\x03\x04 and then nothing", b"ab\0\0c"):
        assert (upload(acme, content).status, upload(acme, content).code) == (422, "invalid")


def test_a_file_that_is_too_large_is_refused_before_it_comes(gateway: Gateway, acme: Firm):
    connection = http.client.HTTPConnection("127.0.0.1", gateway.http_port, timeout=20)
    connection.putrequest("POST", f"{PREFIX}/imports")
    connection.putheader("Authorization", f"Bearer {acme.client.secret}")
    connection.putheader("Content-Length", str(MAX_BYTES + 1))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert b"too-large" in answer.read()
    connection.close()


def test_who_may_not_write_sends_no_file(gateway: Gateway, acme: Firm):
    reader = Client(gateway, rest_key(gateway, acme.name, "contacts:read"))
    assert reader.post("/imports", FILE).code == "scope-missing"
    assert Client(gateway).post("/imports", FILE).code == "no-key"


def test_a_file_with_an_idempotency_key_is_no_other_file(acme: Firm):
    first = acme.client.post("/imports", b"Name\nEva\n", Idempotency_Key="once")
    second = acme.client.post("/imports", b"Name\nFie\nGro\n", Idempotency_Key="once")
    assert (first.body["rows"], second.body["rows"]) == (2, 3), "a file is not compared: each is an import of its own"
