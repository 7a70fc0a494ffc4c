"""What programs do with the API, and what keeps them from doing what they may not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.model import SystemClock
from gateway.store.opening import open_database
from tests.api.conftest import Client, Firm, firm, rest_key
from tests.gateway_process import Gateway, wait_for
from web.identity.audit import Audit

pytestmark = pytest.mark.proves("REST")


# --- sending -------------------------------------------------------------------------------------------------------


def test_an_sms_leaves_and_is_followed_to_its_end(gateway: Gateway, acme: Firm):
    sent = acme.send("30 64 20 01", "12", text="Hej Anders!")
    assert sent.status == 201
    first, second = sent.body["messages"]
    assert (first["phone"], first["problem"]) == ("+4530642001", None)
    assert (second["id"], second["problem"]) == (None, "bad-number")
    (sms,) = gateway.sms("+4530642001")
    assert (sms["from"], sms["text"]) == (acme.number, "Hej Anders!")

    def delivered() -> bool:
        return bool(acme.client.get(f"/messages/{first['id']}").body["state"] == "delivered")

    wait_for(delivered, "delivered")
    steps = acme.client.get(f"/messages/{first['id']}/trace").body["steps"]
    assert steps[0]["event"] == "SMS written"
    assert [step["at"] for step in steps] == sorted(step["at"] for step in steps)
    listed = acme.client.get("/messages?phone=%2B4530642001&state=delivered").body["items"]
    assert [each["id"] for each in listed] == [first["id"]]


def test_an_answer_is_read_and_the_conversation_is_whole(gateway: Gateway, acme: Firm):
    acme.send("+4530642002", text="Hvornår?")
    gateway.sms("+4530642002")
    gateway.text("+4530642002", acme.number, "Kl. 12")
    (came,) = wait_for(lambda: acme.client.get("/incoming?phone=%2B4530642002").body["items"], "the answer")
    assert (came["way"], came["text"], came["account_id"]) == ("in", "Kl. 12", acme.account_id)
    assert acme.client.get(f"/incoming/{came['id']}").body == came
    assert acme.client.get(f"/messages/{came['id']}").status == 404, "it is none of the messages that went out"
    said = acme.client.get(f"/conversations/{acme.account_id}/%2B4530642002").body["items"]
    assert [each["text"] for each in said] == ["Kl. 12", "Hvornår?"]
    theirs = acme.client.get(f"/conversations?account={acme.email}").body["items"]
    assert next(each for each in theirs if each["phone"] == "+4530642002")["unanswered"]


@pytest.mark.proves("refusals help")
@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ({"account": "nobody@acme.example", "to": ["30642003"], "text": "Hej"}, 404, "not-found"),
        ({"account": "anna@acme.example", "to": ["12"], "text": "Hej"}, 422, "bad-number"),
        ({"account": "anna@acme.example", "to": ["30642003"], "text": " "}, 422, "empty-text"),
        ({"account": "anna@acme.example", "to": ["30642003"], "text": "x" * 5000}, 422, "too-long"),
        ({"account": "anna@acme.example", "to": ["+14155550123"], "text": "Hej"}, 422, "country-not-allowed"),
        ({"account": "anna@acme.example", "to": [], "text": "Hej"}, 422, "invalid"),
        ({"account": "anna@acme.example", "to": ["30642003"], "text": "Hej", "flash": True}, 422, "invalid"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_a_word_and_a_sentence(acme: Firm, form: dict, status: int, code: str):
    answer = acme.client.post("/messages", form)
    assert (answer.status, answer.code) == (status, code)
    assert len(answer.body["detail"]) > 10


@pytest.mark.proves("counting as one types")
def test_a_text_is_counted_before_it_is_sent(acme: Firm):
    form = {"text": "Hej 🙂 " * 12, "account": acme.email, "to": ["30642004", "30642005"]}
    counted = acme.client.post("/messages/count", form).body
    assert (counted["encoding"], counted["parts"]) == ("ucs2", 2)
    assert counted["dear"][0]["character"] == "🙂"
    assert counted["cheaper"]["parts"] == 1
    assert counted["total"] == {"amount": "1.00", "currency": "DKK"}


@pytest.mark.proves("unknown is resolved or shown")
def test_what_waits_is_listed_and_decided_on(gateway: Gateway, acme: Firm):
    doubt = acme.send("20999907").body["messages"][0]["id"]

    def waits() -> list[dict]:
        return [each for each in acme.client.get("/attention?need=unknown").body["items"] if each["sms"]["id"] == doubt]

    wait_for(waits, "an SMS in doubt", 40)
    path = f"/attention/{doubt}"
    assert acme.client.post(f"{path}/deliver", {"to": acme.email}).status == 404, "it went out"
    assert acme.client.post(f"{path}/rule", {"verdict": "not-sent"}).status == 204
    assert acme.client.post(f"{path}/rule", {"verdict": "sent"}).status == 404, "it is decided"
    assert acme.client.get(f"/messages/{doubt}").body["state"] == "failed"
    acme.client.post(f"/keys/{acme.key_id}/pause")
    gateway.text("+4530642060", acme.number, "Hvor er du?")

    def held() -> list[dict]:
        return list(acme.client.get("/attention?need=held").body["items"])

    (waiting,) = wait_for(held, "an SMS that is held")
    acme.client.post(f"/keys/{acme.key_id}/resume")
    assert waiting["sms"]["text"] == "Hvor er du?"


@pytest.mark.proves("audit log")
async def test_what_a_key_changes_stands_in_the_audit_log(gateway: Gateway, acme: Firm):
    made = acme.client.post("/keys", {"kind": "dialog", "label": "Noted"}).body["key"]["id"]
    database = await open_database(f"sqlite:///{gateway.folder / 'brevdue.db'}")
    try:
        entries = await Audit(database, SystemClock()).page(None, action="key.create")
    finally:
        await database.close()
    entry = next(each for each in entries if each.subject == made)
    assert (entry.actor_kind, entry.peer_ip, entry.detail["label"]) == ("key", "127.0.0.1", "Noted")


# --- keys ----------------------------------------------------------------------------------------------------------


@pytest.mark.proves("REST keys")
def test_a_key_without_a_live_secret_is_401_and_says_how_to_send_one(gateway: Gateway, acme: Firm):
    dialog = acme.client.post("/keys", {"kind": "dialog"}).body["secret"]
    for secret, code in (("", "no-key"), ("brevdue_" + "0" * 32, "wrong-key"), (dialog, "wrong-key")):
        answer = Client(gateway, secret).get("/keys")
        assert (answer.status, answer.code) == (401, code)
        assert answer.headers["www-authenticate"].startswith("Bearer ")
    basic = Client(gateway).get("/keys", Authorization="Basic YTpi")
    assert (basic.status, basic.code) == (401, "no-key")
    assert Client(gateway).get(f"/keys?access_token={acme.client.secret}").status == 401


@pytest.mark.proves("REST keys")
def test_a_pause_a_rotation_and_a_lost_scope_are_obeyed_at_once(gateway: Gateway, acme: Firm):
    made = acme.client.post("/keys", {"kind": "rest", "scopes": ["messages:read", "optouts:read"]}).body
    key, client = made["key"]["id"], Client(gateway, made["secret"])
    assert client.get("/optouts").status == 200
    acme.client.call("PATCH", f"/keys/{key}", {"scopes": ["messages:read"]})
    lost = client.get("/optouts")
    assert (lost.status, lost.code) == (403, "scope-missing")
    assert 'scope="optouts:read"' in lost.headers["www-authenticate"]
    acme.client.post(f"/keys/{key}/pause")
    assert client.get("/messages").code == "key-paused"
    acme.client.post(f"/keys/{key}/resume")
    fresh = acme.client.post(f"/keys/{key}/rotate", {"days": 0}).body["secret"]
    assert client.get("/messages").status == 401
    assert Client(gateway, fresh).get("/messages").status == 200


@pytest.mark.proves("REST keys", "no scope grows")
def test_no_key_gets_or_gives_what_it_does_not_hold(gateway: Gateway, acme: Firm):
    made = acme.client.post("/keys", {"kind": "rest", "scopes": ["keys:write"]}).body
    weak = Client(gateway, made["secret"])
    assert weak.post("/keys", {"kind": "rest", "scopes": ["accounts:write"]}).code == "scope-missing"
    assert weak.post("/keys", {"kind": "rest"}).code == "scope-missing", "the usual scopes are more than it has"
    strong = acme.client.post("/keys", {"kind": "rest", "scopes": ["accounts:write"]}).body["key"]["id"]
    assert weak.post(f"/keys/{strong}/rotate", {"days": 1}).code == "scope-missing", "its secret would be a way up"
    own = made["key"]["id"]
    assert weak.call("PATCH", f"/keys/{own}", {"scopes": ["keys:write", "messages:send"]}).code == "scope-missing"
    assert weak.post("/keys", {"kind": "rest", "scopes": ["keys:read"]}).status == 201
    for unheld in ("gateway:manage", "people:write", "nothing:at-all"):
        assert acme.client.post("/keys", {"kind": "rest", "scopes": [unheld]}).status in {403, 422}


@pytest.mark.proves("secrets are shown once")
def test_a_secret_stands_in_one_answer_alone(gateway: Gateway, acme: Firm):
    made = acme.client.post("/keys", {"kind": "rest"}, Idempotency_Key="one secret")
    secret = made.body["secret"]
    assert made.headers["cache-control"] == "no-store"
    for path in ("/keys", "/messages", "/accounts"):
        assert secret.encode() not in acme.client.get(path).content
    assert secret not in gateway.log.read_text()
    for file in gateway.folder.glob("brevdue.db*"):
        assert secret.encode() not in file.read_bytes(), "neither in the answer that is kept"


@pytest.mark.proves("guessing keys")
def test_who_guesses_waits_and_who_has_called_before_does_not(tmp_path: Path):
    with Gateway(tmp_path) as gateway:
        client = Client(gateway, rest_key(gateway, "Acme A/S"))
        assert client.get("/keys").status == 200
        answers = [Client(gateway, f"brevdue_{n:032x}").get("/keys") for n in range(25)]
        assert [answer.status for answer in answers].count(429) >= 4
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert client.get("/keys").status == 200
        stranger = Client(gateway, rest_key(gateway, "Acme A/S"))
        assert stranger.get("/keys").status == 429, "from the same address, a new one cannot be told from a guess"


# --- how often -----------------------------------------------------------------------------------------------------


@pytest.mark.proves("calls a minute")
def test_a_key_has_so_many_calls_a_minute(tmp_path: Path):
    gateway = Gateway(tmp_path)
    gateway.config.write_text(gateway.config.read_text().replace("[http]\n", "[http]\napi_calls_per_minute = 5\n"))
    with gateway:
        client, other = (Client(gateway, rest_key(gateway, "Acme A/S")) for _ in range(2))
        answers = [client.get("/keys") for _ in range(5)]
        assert [answer.headers["ratelimit"].split(";")[1] for answer in answers] == ["r=4", "r=3", "r=2", "r=1", "r=0"]
        assert answers[0].headers["ratelimit-policy"] == '"key";q=5;w=60'
        late = client.get("/keys")
        assert (late.status, late.code) == (429, "rate-limited")
        assert 1 <= int(late.headers["retry-after"]) <= 12
        assert other.get("/keys").status == 200


# --- the same call twice -------------------------------------------------------------------------------------------


@pytest.mark.proves("Idempotency-Key", "sent once")
def test_the_same_call_twice_is_one_deed_with_one_answer(gateway: Gateway, acme: Firm):
    first = acme.send("30642010", Idempotency_Key="order 7")
    again = acme.send("30642010", Idempotency_Key="order 7")
    assert (again.status, again.content) == (first.status, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    other = acme.send("30642010", text="Hej igen", Idempotency_Key="order 7")
    assert (other.status, other.code) == (422, "idempotency-key-used")
    acme.send("30642010", text="bagefter")
    assert [sms["text"] for sms in gateway.sms("+4530642010", 2)] == ["Hej", "bagefter"]


@pytest.mark.proves("Idempotency-Key")
def test_two_keys_may_use_the_same_word(gateway: Gateway, acme: Firm, other: Firm):
    first = acme.client.post("/keys", {"kind": "dialog"}, Idempotency_Key="mine").body["key"]["id"]
    assert other.client.post("/keys", {"kind": "dialog"}, Idempotency_Key="mine").body["key"]["id"] != first


@pytest.mark.proves("Idempotency-Key")
def test_a_refusal_is_answered_again_as_well(acme: Firm):
    first = acme.send("12", Idempotency_Key="bad")
    again = acme.send("12", Idempotency_Key="bad")
    assert (first.status, again.status, again.content) == (422, 422, first.content)
    assert again.headers["content-type"] == "application/problem+json"


# --- conditions, pages, bodies -------------------------------------------------------------------------------------


@pytest.mark.proves("ETag")
def test_what_is_known_is_not_sent_and_what_has_changed_is_not_overwritten(acme: Firm):
    path = f"/keys/{acme.key_id}"
    known = acme.client.get(path).headers["etag"]
    same = acme.client.get(path, If_None_Match=f'"other", W/{known}')
    assert (same.status, same.content, same.headers["etag"]) == (304, b"", known)
    changed = acme.client.call("PATCH", path, {"label": "Service"}, If_Match=known)
    assert (changed.status, changed.body["label"]) == (200, "Service")
    late = acme.client.call("PATCH", path, {"label": "Lost"}, If_Match=known)
    assert (late.status, late.code) == (412, "changed-meanwhile")
    assert acme.client.get(path).body["label"] == "Service"
    account = acme.client.post("/accounts", {"key": acme.key_id, "email": "bo@acme.example"})
    where = account.headers["location"].removeprefix("/api/v1")
    assert acme.client.call("DELETE", where, If_Match='"other"').status == 412
    assert acme.client.call("DELETE", where, If_Match=account.headers["etag"]).status == 204
    assert acme.client.get(where).body["closed_at"]


def test_head_tells_what_get_would(acme: Firm):
    got, head = acme.client.get("/keys"), acme.client.call("HEAD", "/keys")
    assert (head.status, head.content) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"]


@pytest.mark.proves("pages of lists")
def test_a_list_is_read_to_its_end_by_its_links(gateway: Gateway, acme: Firm):
    texts = [f"nummer {n}" for n in range(7)]
    for text in texts:
        acme.send("30642020", text=text)
    path, seen = "/messages?phone=%2B4530642020&limit=3", []
    while path:
        answer = acme.client.get(path)
        seen += [each["text"] for each in answer.body["items"]]
        link = answer.headers.get("link", "")
        assert bool(link) == bool(answer.body["next"])
        path = link.partition(">")[0].removeprefix("</api/v1")
    assert seen == texts[::-1]
    for query in ("cursor=nonsense", "limit=0", "limit=201", "since=yesterday", "state=lost"):
        assert acme.client.get(f"/messages?{query}").status == 422


@pytest.mark.proves("body limit")
def test_a_body_has_a_limit_and_must_be_json(acme: Firm):
    large = acme.client.post("/messages", b'{"text": "' + b"x" * 300_000 + b'"}')
    assert (large.status, large.code) == (413, "too-large")
    for body in (b"\xff\xfe", b"{", b"[]", b'"text"', b'{"text": NaN}'):
        answer = acme.client.post("/messages", body)
        assert (answer.status, answer.code) == (422, "invalid")


@pytest.mark.proves("always problems")
def test_nothing_of_it_is_ever_html(gateway: Gateway, acme: Firm):
    for method, path in (("GET", "/nothing"), ("POST", "/openapi.json"), ("PATCH", "/messages"), ("GET", "/%0a")):
        answer = acme.client.call(method, path, Accept="text/html")
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.body["status"] == answer.status
    assert gateway.get("/api/v1/openapi.json")["info"]["title"] == "Brevdue"


def test_a_cookie_opens_nothing_and_another_sites_page_sends_nothing(gateway: Gateway, acme: Firm):
    assert Client(gateway).get("/keys", Cookie=f"brevdue={acme.client.secret}").status == 401
    cross = acme.client.post("/keys", {"kind": "dialog"}, Sec_Fetch_Site="cross-site")
    assert (cross.status, cross.headers["content-type"]) == (403, "application/problem+json")
    assert "access-control-allow-origin" not in acme.client.get("/keys", Origin="https://evil.example").headers


# --- accounts, numbers, opt-outs, spend ----------------------------------------------------------------------------


@pytest.mark.proves("D4", "D6", "D7", "D13")
def test_an_account_is_opened_edited_shown_as_a_code_and_closed(acme: Firm):
    opened = acme.client.post("/accounts", {"key": acme.key_id, "email": "carl@acme.example"})
    account = opened.body
    assert opened.status == 201
    assert acme.client.post("/accounts", {"key": acme.key_id, "email": "carl@acme.example"}).body["id"] == account["id"]
    path = f"/accounts/{account['id']}"
    edited = acme.client.call("PATCH", path, {"email": "carla@acme.example", "language": "de", "cut_signature": True})
    assert (edited.body["email"], edited.body["language"], edited.body["cut_signature"]) == (
        "carla@acme.example",
        "de",
        True,
    )
    assert edited.body["number"] == account["number"]
    taken = acme.client.call("PATCH", path, {"email": acme.email})
    assert (taken.status, taken.code) == (409, "account-exists")
    for suffix, start in (("png", b"\x89PNG"), ("svg", b"<?xml"), ("zip", b"PK")):
        assert acme.client.get(f"{path}/qr.{suffix}").content.startswith(start)
    found = acme.client.get("/accounts?search=carla&sort=email").body["items"]
    assert [each["id"] for each in found] == [account["id"]]
    assert acme.client.call("DELETE", path).status == 204
    assert acme.client.call("DELETE", path).status == 204, "closing twice is closing"
    assert acme.send("30642030").status == 201
    numbers = {each["number"] for each in acme.client.get("/numbers").body["items"]}
    assert acme.number in numbers
    assert account["number"] not in numbers


@pytest.mark.proves("keywords")
def test_a_keyword_of_the_organisations_number_goes_where_it_says(gateway: Gateway, acme: Firm):
    given = gateway.run("number", "give", "--org", acme.name, "--to", "info@acme.example", "--json")
    path = f"/organisation-numbers/{json.loads(given)['number']}"
    form = {"email": "sales@acme.example", "reply": "Tak!"}
    assert acme.client.call("PUT", f"{path}/keywords/Salg", form).body == {"word": "Salg", **form}
    assert acme.client.get(path).body["keywords"] == [{"word": "Salg", **form}]
    assert acme.client.call("DELETE", f"{path}/keywords/salg").status == 204
    assert acme.client.call("DELETE", f"{path}/keywords/salg").status == 404
    assert acme.client.call("PUT", f"{path}/keywords/two%20words", form).status == 422


@pytest.mark.proves("secrets are shown once")
def test_a_password_for_a_mail_client_is_made_and_ended(acme: Firm):
    made = acme.client.post(f"/accounts/{acme.account_id}/password")
    assert made.status == 201
    assert len(made.body["password"]) > 25
    assert acme.client.call("DELETE", f"/accounts/{acme.account_id}/password").status == 204


@pytest.mark.proves("STOP")
def test_a_phone_on_the_list_gets_nothing_until_it_is_taken_off(gateway: Gateway, acme: Firm, other: Firm):
    assert acme.client.call("PUT", "/optouts/30642040").status == 201
    assert acme.client.call("PUT", "/optouts/%2B4530642040").status == 200, "it is there already"
    assert acme.send("30642040").code == "opted-out"
    assert other.send("30642040").status == 201, "it is said to one organisation"
    listed = acme.client.get("/optouts?phone=642040").body["items"]
    assert [each["phone"] for each in listed] == ["+4530642040"]
    assert acme.client.call("DELETE", "/optouts/30642040").status == 204
    assert acme.client.call("DELETE", "/optouts/30642040").status == 404
    assert acme.send("30642040").status == 201


@pytest.mark.proves("opt-outs by hand")
def test_an_address_is_put_on_the_list_and_taken_off(acme: Firm, other: Firm):
    vera = "/email-optouts/Vera@Customer.example"
    assert acme.client.call("PUT", vera).status == 201
    again = acme.client.call("PUT", vera)
    assert (again.status, again.body["address"], again.body["how"]) == (200, "vera@customer.example", "hand")
    assert acme.client.call("PUT", "/email-optouts/nobody").code == "invalid"
    listed = acme.client.get("/email-optouts?address=customer").body["items"]
    assert [each["address"] for each in listed] == ["vera@customer.example"]
    assert other.client.get(vera).status == 404, "it is said to one organisation"
    assert acme.client.call("DELETE", vera).status == 204
    assert acme.client.call("DELETE", vera).status == 404


def test_what_was_spent_is_told_beside_what_may_be(gateway: Gateway, tmp_path: Path):
    fresh = firm(gateway, "Fresh ApS", "f@fresh.example")
    fresh.send("30642050", "30642051", text="x" * 200)
    purses = {each["whose"]: each for each in fresh.client.get(f"/spend?account={fresh.email}").body["purses"]}
    assert {whose: each["parts"] for whose, each in purses.items()} == {"account": 4, "key": 4, "organisation": 4}
    assert purses["organisation"]["parts_limit"] == 1_000_000
    assert purses["account"]["cost_limit"] is None
