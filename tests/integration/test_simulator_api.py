"""The simulator over HTTP, as scripts and the page use it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from gateway.providers.simulator import MAGIC, SimulatorProvider
from gateway.sms import InboundEvent, InboundPart, InboundSms, OutgoingSms
from gateway.sms_text import measure
from web.app import make_app
from web.server import WebServer
from web.simulator import LONGEST

OURS = "+45609946000001"
PHONE = "+4530643064"
FORM = {"from": PHONE, "to": OURS, "text": "Hej"}


class Gateway:
    """A simulator behind its HTTP routes, with what it handed in."""

    def __init__(self, simulators: dict[str, SimulatorProvider], http: aiohttp.ClientSession) -> None:
        self.simulators = simulators
        self.http = http
        self.taken: list[InboundEvent] = []

    async def take(self, events: Sequence[InboundEvent]) -> None:
        """The sink of all simulators."""
        self.taken += events

    @property
    def inbound(self) -> list[InboundSms]:
        """What phones sent."""
        return [event for event in self.taken if isinstance(event, InboundSms)]

    async def get(self, path: str, **query: str) -> Any:
        """The JSON at a path."""
        async with self.http.get(path, params=query) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def post(self, **form: Any) -> tuple[int, Any]:
        """Status and JSON of `POST /sim/inbound`."""
        async with self.http.post("/sim/inbound", data=form) as answer:
            return answer.status, await answer.json()

    async def send(self, to: str, text: str, ident: str = "M1.1", provider: str = "simulator") -> None:
        """Put an SMS on a phone."""
        message = OutgoingSms(ident, "o", "a", "k", OURS, to, measure(text), provider)
        await self.simulators[provider].submit(message)


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    simulators = {
        name: SimulatorProvider(name, {"path": str(tmp_path / name), "report_delay": 0})
        for name in ("simulator", "other")
    }
    server = WebServer(make_app(checks=(), simulators=simulators, region="DK"), "127.0.0.1", 0)
    await server.start()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as http:
        made = Gateway(simulators, http)
        for simulator in simulators.values():
            await simulator.start(made.take)
        yield made
    await server.stop()
    for simulator in simulators.values():
        await simulator.stop()


# --- reading -------------------------------------------------------------------------------------------------------


@pytest.mark.proves("D8")
async def test_messages_are_what_the_contract_says(gateway):
    await gateway.send(PHONE, "Æbler & pærer\n2 kg")
    await gateway.send("+4520304050", "🎉" * 40, "M2.1")
    everything = await gateway.get("/sim/messages")
    assert [entry.pop("at") > 1.7e9 for entry in everything] == [True, True]
    assert everything == [
        {"id": "M1.1", "from": OURS, "to": PHONE, "text": "Æbler & pærer\n2 kg", "parts": 1, "encoding": "gsm7"},
        {"id": "M2.1", "from": OURS, "to": "+4520304050", "text": "🎉" * 40, "parts": 2, "encoding": "ucs2"},
    ]
    assert [entry["id"] for entry in await gateway.get("/sim/messages", limit="1")] == ["M2.1"]


@pytest.mark.parametrize(
    "query", ["%2B4530643064", "+4530643064", "4530643064", "%2B45%2030%2064%2030%2064", "004530643064"]
)
async def test_a_phone_is_found_however_its_number_is_written(gateway, query):
    await gateway.send(PHONE, "Hej")
    await gateway.send("+4520304050", "en anden", "M2.1")
    async with gateway.http.get(URL(f"/sim/messages?to={query}", encoded=True)) as answer:
        assert [entry["text"] for entry in await answer.json()] == ["Hej"]


async def test_a_phone_that_received_nothing(gateway):
    assert await gateway.get("/sim/messages", to=PHONE) == []
    assert await gateway.get("/sim/conversation", phone=PHONE) == []
    assert await gateway.get("/sim/phones") == []


async def test_the_phones_latest_first_and_one_conversation(gateway):
    await gateway.send("+4520304050", "først")
    await gateway.send(PHONE, "ud", "M2.1")
    await gateway.post(**FORM)
    phones = await gateway.get("/sim/phones")
    assert [(phone["phone"], phone["shown"], phone["last"]["text"]) for phone in phones] == [
        (PHONE, "+45 30643064", "Hej"),
        ("+4520304050", "+45 20304050", "først"),
    ]
    talk = await gateway.get("/sim/conversation", phone=PHONE)
    assert [(entry["kind"], entry["phone"], entry["peer_shown"], entry["text"]) for entry in talk] == [
        ("received", PHONE, "+45 609946000001", "ud"),
        ("sent", PHONE, "+45 609946000001", "Hej"),
    ]


async def test_each_simulator_has_its_own_phones(gateway):
    await gateway.send(PHONE, "hos den anden", provider="other")
    assert await gateway.get("/sim/messages") == []
    assert [entry["text"] for entry in await gateway.get("/sim/messages", provider="other")] == ["hos den anden"]
    assert (await gateway.post(**FORM, provider="other"))[0] == 202
    assert gateway.inbound[0].provider == "other"


@pytest.mark.parametrize(
    "path", ["/sim", "/sim/messages", "/sim/phones", "/sim/conversation?phone=%2B4530643064", "/sim/events"]
)
async def test_a_simulator_that_is_not_there(gateway, path):
    async with gateway.http.get(path, params={"provider": "<b>"}) as answer:
        assert answer.status == 404
        assert (await answer.json())["detail"] == "no such simulator: there is simulator, other"


# --- sending -------------------------------------------------------------------------------------------------------


@pytest.mark.proves("D2")
async def test_a_phone_sends(gateway):
    status, answer = await gateway.post(**FORM | {"text": "Linje 1\r\nLinje 2 🎉 & = %41"})
    assert status == 202
    (event,) = gateway.inbound
    assert (event.provider, event.ref, event.from_number, event.to_number) == ("simulator", answer["id"], PHONE, OURS)
    assert event.text == "Linje 1\r\nLinje 2 🎉 & = %41"
    assert (await gateway.post(**FORM))[1]["id"] != answer["id"]


async def test_a_form_as_curl_sends_it_with_a_bare_plus(gateway):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    body = b"from=+4530643064&to=+45609946000001&text=Hej+du"
    async with gateway.http.post("/sim/inbound", data=body, headers=headers) as answer:
        assert answer.status == 202
    (event,) = gateway.inbound
    assert (event.from_number, event.to_number, event.text) == (PHONE, OURS, "Hej du")


@pytest.mark.parametrize("written", ["30643064", "30 64 30 64", "4530643064", "004530643064", "+45 30643064"])
async def test_a_phone_writes_however_its_number_is_written(gateway, written):
    assert (await gateway.post(**FORM | {"from": written}))[0] == 202
    assert gateway.inbound[0].from_number == PHONE


async def test_a_multipart_form(gateway):
    with aiohttp.MultipartWriter("form-data") as form:
        for name, value in FORM.items():
            form.append(value).set_content_disposition("form-data", name=name)
        async with gateway.http.post("/sim/inbound", data=form) as answer:
            assert answer.status == 202
    assert gateway.inbound[0].text == "Hej"


async def test_the_providers_id_and_a_part(gateway):
    assert await gateway.post(**FORM, id="p-1", part="7/3/1") == (202, {"id": "p-1"})
    assert (gateway.inbound[0].ref, gateway.inbound[0].part) == ("p-1", InboundPart("7", 3, 1))


async def test_the_longest_text_that_a_phone_can_send(gateway):
    assert (await gateway.post(**FORM | {"text": "x" * LONGEST}))[0] == 202
    status, problem = await gateway.post(**FORM | {"text": "x" * (LONGEST + 1)})
    assert (status, problem["errors"][0]["field"]) == (422, "text")
    assert "at most 39015 characters" in problem["detail"]


@pytest.mark.parametrize(
    ("form", "detail"),
    [
        ({"from": PHONE, "text": "Hej"}, "'to' is missing or empty in the form"),
        ({"from": PHONE, "to": "", "text": "Hej"}, "'to' is missing or empty in the form"),
        ({"to": OURS, "text": "Hej"}, "'from' is missing or empty in the form"),
        ({"from": PHONE, "to": OURS}, "'text' is missing or empty in the form"),
        ({"from": PHONE}, "'to' is missing or empty in the form; 'text' is missing or empty in the form"),
        (FORM | {"from": "Anna"}, "'Anna' is not a number in international form, such as +4530643064"),
        (
            FORM | {"from": "306430"},
            "'306430' is no phone number in DK (too short): write + and the country code before it",
        ),
        (FORM | {"to": "+45"}, "'+45' is not a number in international form, such as +4530643064"),
        (FORM | {"part": "7/3"}, "part is written reference/total/number, such as 7/3/1"),
        (FORM | {"part": "7/x/1"}, "part is written reference/total/number, such as 7/3/1"),
        (FORM | {"part": "7/³/1"}, "part is written reference/total/number, such as 7/3/1"),
        (FORM | {"part": "/3/1"}, "part is written reference/total/number, such as 7/3/1"),
        (FORM | {"part": "7/3/4"}, "part: the number is from 1 to the total, the total at most 255"),
        (FORM | {"part": "7/0/0"}, "part: the number is from 1 to the total, the total at most 255"),
        (FORM | {"part": "7/256/1"}, "part: the number is from 1 to the total, the total at most 255"),
    ],
)
async def test_wrong_input_is_explained(gateway, form, detail):
    status, problem = await gateway.post(**form)
    assert (status, problem["status"]) == (422, 422)
    assert problem["detail"] == detail
    assert gateway.taken == []


async def test_json_instead_of_a_form(gateway):
    async with gateway.http.post("/sim/inbound", json=FORM) as answer:
        assert answer.status == 422
        assert answer.content_type == "application/problem+json"
        assert "'from' is missing or empty in the form" in (await answer.json())["detail"]


@pytest.mark.parametrize(("query", "field"), [("limit=0", "limit"), ("limit=mange", "limit")])
async def test_a_wrong_query_is_explained(gateway, query, field):
    async with gateway.http.get(f"/sim/messages?{query}") as answer:
        problem = await answer.json()
        assert (answer.status, problem["errors"][0]["field"]) == (422, field)
        assert problem["detail"].startswith("'limit' in the query: input should be")
        assert "mange" not in problem["detail"]


# --- live ----------------------------------------------------------------------------------------------------------


async def next_entry(stream: aiohttp.ClientResponse) -> Any:
    while not (line := await asyncio.wait_for(stream.content.readline(), 2)).startswith(b"data: "):
        assert line, "the stream ended"
    return json.loads(line.removeprefix(b"data: "))


async def test_events_come_as_they_happen(gateway):
    async with gateway.http.get("/sim/events") as stream:
        assert stream.headers["X-Accel-Buffering"] == "no"
        await stream.content.readuntil(b"\n\n")
        await gateway.send(PHONE, "ud\n\ndata: {}\u2028<svg onload=alert(1)>")
        entry = await next_entry(stream)
        assert entry["text"] == "ud\n\ndata: {}\u2028<svg onload=alert(1)>"
        assert (entry["kind"], entry["phone_shown"]) == ("received", "+45 30643064")
        await gateway.post(**FORM)
        assert (await next_entry(stream))["kind"] == "sent"


async def test_a_quiet_stream_says_that_it_is_there(gateway, monkeypatch):
    monkeypatch.setattr("web.simulator.QUIET_SECONDS", 0.05)
    async with gateway.http.get("/sim/events") as stream:
        await stream.content.readuntil(b"\n\n")
        assert await asyncio.wait_for(stream.content.readline(), 2) == b": still here\n"
        await gateway.send(PHONE, "efter pausen")
        assert (await next_entry(stream))["text"] == "efter pausen"


async def test_a_page_that_is_closed_is_forgotten(gateway):
    async with gateway.http.get("/sim/events") as stream:
        await stream.content.readuntil(b"\n\n")
        assert len(gateway.simulators["simulator"]._listeners) == 1
        stream.close()
    for _ in range(100):
        if not gateway.simulators["simulator"]._listeners:
            break
        await asyncio.sleep(0.02)
    assert not gateway.simulators["simulator"]._listeners


# --- the page ------------------------------------------------------------------------------------------------------


@pytest.mark.proves("inert texts")
async def test_the_page_holds_the_magic_numbers_and_nothing_from_elsewhere(gateway):
    async with gateway.http.get("/sim") as answer:
        page = await answer.text()
        assert answer.content_type == "text/html"
    for digits, magic in MAGIC.items():
        assert f"{digits}</th><td>{magic.meaning}" in page
    assert "http://" not in page
    assert "https://" not in page
    assert "style=" not in page
    assert " on" not in {part[:3] for part in page.split('"') if part.endswith("=")}


async def test_what_the_page_loads_is_small_and_in_the_package(gateway):
    total = 0
    for name in ("simulator.js", "simulator.css", "brevdue.svg"):
        async with gateway.http.get(f"/static/{name}") as answer:
            assert answer.status == 200
            total += len(await answer.read())
    assert total < 30_000
