"""Files of contacts by programs: taken, looked at, started, and what was refused given back."""

from __future__ import annotations

import csv
import http.client
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from campaigns.imports.imports import MAX_BYTES
from tests.api.conftest import PREFIX, Answer, Client, Firm, firm, rest_key
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


@pytest.mark.proves("contacts at the terminal")
def test_a_terminal_and_a_gateway_work_at_the_same_file(gateway: Gateway, acme: Firm, tmp_path: Path):
    people = 3000
    place = tmp_path / "people.csv"
    place.write_text("Name,Email\n" + "".join(f"Both {n},both-{n}@firm.example\n" for n in range(people)))
    done = json.loads(gateway.run("contact", "import", str(place), "--org", acme.name, "--tag", "both", "--json"))
    assert (done["state"], done["new"], done["same"], done["refused"]) == ("finished", people, 0, 0)
    group = acme.client.post("/groups", {"name": "Both", "filter": "tag: both"}).body["id"]
    assert acme.client.get(f"/groups/{group}/count").body == {"count": people}


@pytest.mark.proves("kill -9")
def test_a_gateway_that_is_killed_goes_on_where_it_was(tmp_path: Path):
    people = 12_000  # many more than it gets through from the kill to the look after the next start
    with Gateway(tmp_path) as gateway:
        acme = firm(gateway, "Acme A/S", "anna@acme.example")
        rows = "Name,Email\n" + "".join(f"P {n},p-{n}@firm.example\n" for n in range(people))
        here = f"/imports/{upload(acme, rows.encode()).body['id']}"
        acme.client.post(f"{here}/start", {"tags": ["kept"]})
        wait_for(lambda: acme.client.get(here).body["created"], "the first contacts")
        gateway.stop(signal.SIGKILL)
        gateway.start()
        halfway = acme.client.get(here).body
        assert 0 < halfway["created"] < people
        wait_for(lambda: acme.client.get(here).body["state"] == "finished", "the end of the import", 60)
        done = acme.client.get(here).body
        assert (done["created"], done["same"], done["refused"]) == (people, 0, 0)
        group = acme.client.post("/groups", {"name": "Kept", "filter": "tag: kept"}).body["id"]
        assert acme.client.get(f"/groups/{group}/count").body == {"count": people}
