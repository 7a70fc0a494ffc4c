"""The log, a message's story, conversations and the page to write: what they show, to whom, and what they do."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest

from gateway.sms import MessageState
from tests.integration.pages.conftest import House
from tests.integration.pages.traffic import PHONE, came, sent

pytestmark = pytest.mark.proves("message pages")

NASTY = "<svg onload=alert(1)> & 'quotes' \"more\""


async def test_the_log_shows_both_ways_and_filters(house: House):
    out = await sent(house.site, house.account, "Din bil er klar", MessageState.SUBMITTED)
    await came(house.site, house.account.number, "Tak, jeg kommer")
    page = await house.reader.get("/messages")
    assert f'href="/messages/{out}"' in page
    assert "Din bil er klar" in page
    assert "Tak, jeg kommer" in page
    for query, shown, hidden in (
        ("way=in", "Tak", "Din bil"),
        ("state=submitted", "Din bil", "Tak"),
        ("q=bil", "Din bil", "Tak"),
        ("q=30643064&way=out", "Din bil", "Tak"),
    ):
        found = await house.reader.get(f"/messages?{query}")
        assert shown in found, query
        assert hidden not in found, query
    assert "Nothing found" in await house.reader.get("/messages?q=nobody+said+this")
    assert "<!doctype" not in (await house.reader.get("/messages", **{"HX-Request": "true"})).lower()


async def test_the_days_of_the_log_are_the_viewers(house: House):
    await sent(house.site, house.account, "Din bil er klar")
    assert "Din bil" in await house.reader.get("/messages?since=2020-01-01")
    assert "Din bil" not in await house.reader.get("/messages?until=2020-01-01")
    for odd in ("since=yesterday", "since=9999-12-31&until=0001-01-01", "cursor=x", "state=odd"):
        await house.reader.get(f"/messages?{odd}", 422 if odd.startswith("cursor") else 200)


@pytest.mark.proves("tenants")
async def test_what_another_organisation_says_is_not_there(house: House):
    theirs = await sent(house.site, house.other_account, "Hemmeligt")
    assert "Hemmeligt" not in await house.owner.get("/messages")
    assert "Hemmeligt" not in (await house.owner.fetch("/messages.csv"))[1].decode()
    assert "Hemmeligt" in await house.operator.get("/messages")
    await house.owner.get(f"/messages/{theirs}", 404)
    other = f"/conversations/{house.other_account.id}"
    await house.owner.get(other, 404)
    await house.owner.get(f"{other}/{quote(PHONE)}", 404)
    await house.owner.post(f"{other}/{quote(PHONE)}", 404, text="Hej")
    await house.owner.post("/write", 422, account=house.other_account.email, phones=PHONE, text="Hej")


@pytest.mark.proves("inert texts")
async def test_texts_are_inert_wherever_they_stand(house: House):
    sms = await came(house.site, house.account.number, NASTY)
    for path in ("/messages", f"/messages/{sms.id}", f"/conversations/{house.account.id}/{quote(PHONE)}"):
        page = await house.owner.get(path)
        assert "<svg onload" not in page, path
        assert "&lt;svg onload" in page, path


async def test_the_file_holds_what_is_filtered_and_no_formula(house: House):
    await came(house.site, house.account.number, "=1+1")
    await sent(house.site, house.account, "Din bil er klar")
    answer, content = await house.reader.fetch("/messages.csv?way=in")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    text = content.decode("utf-8-sig")
    assert "'=1+1" in text
    assert "Din bil" not in text


async def test_a_story_is_told_step_by_step(house: House):
    sent_page = await house.owner.post("/write", 200, account=house.account.email, phones=PHONE, text="Din bil er klar")
    (out,) = re.findall(r'href="/messages/([\w.]+)"', sent_page)
    events = re.findall(r"<h3>(.+?)</h3>", await house.reader.get(f"/messages/{out}"))
    assert events[:2] == ["SMS written", "SMS stored"]
    await house.reader.get("/messages/nothing", 404)


async def test_a_conversation_is_read_and_answered(house: House):
    await came(house.site, house.account.number, "Er I der?")
    chat = f"/conversations/{house.account.id}/{quote(PHONE)}"
    assert house.account.id in await house.owner.get("/conversations")
    assert "unanswered" in await house.owner.get(f"/conversations/{house.account.id}")
    assert "Er I der?" in await house.owner.get(chat)
    await house.owner.post(chat, 303, text="Ja, til kl. 17")
    said = await house.owner.get(chat, **{"HX-Request": "true"})
    assert said.index("Er I der?") < said.index("Ja, til kl. 17")
    refused = await house.owner.post(chat, 422, text="  ")
    assert "write a text" in refused


@pytest.mark.proves("readers change nothing")
async def test_a_reader_reads_and_writes_nothing(house: House):
    await came(house.site, house.account.number, "Er I der?")
    chat = f"/conversations/{house.account.id}/{quote(PHONE)}"
    assert "<textarea" not in await house.reader.get(chat)
    await house.reader.post(chat, 403, text="Ja")
    await house.reader.get("/write", 403)
    await house.reader.post("/write", 403, account=house.account.email, phones=PHONE, text="Hej")
    await house.reader.post("/write/count", 403, text="Hej")


@pytest.mark.proves("employees see their own")
async def test_an_employee_writes_in_their_own_conversation_alone(house: House):
    await came(house.site, house.account.number, "Er I der?")
    anna = await house.site.employee(house.account)
    chat = f"/conversations/{house.account.id}/{quote(PHONE)}"
    assert "Er I der?" in await anna.get(chat)
    await anna.post(chat, 303, text="Ja")
    await anna.get(f"/conversations/{house.other_account.id}", 404)
    await anna.get(f"/conversations/{house.other_account.id}/{quote(PHONE)}", 404)
    await anna.post("/write", 403, account=house.other_account.email, phones=PHONE, text="Hej")


@pytest.mark.proves("counting as one types")
async def test_what_makes_a_text_dear_is_marked_with_a_cheaper_one(house: House):
    text = "Vi ses kl. 10 – husk nøglen 😀 " + "x" * 60
    counted = await house.owner.post("/write/count", 200, text=text, account="", phones="")
    assert "2 SMS" in counted
    assert re.findall(r'<mark class="ucs2" title="[^"]*">(.)</mark>', counted) == ["–", "😀"]
    assert "Take the cheaper text" in counted
    priced = await house.owner.post(
        "/write/count", 200, text="Hej", account=house.account.email, phones=f"{PHONE}, 20212223"
    )
    assert "1 SMS" in priced


async def test_an_sms_is_written_from_the_page(house: House):
    form = await house.owner.get(f"/write?account={house.account.email}")
    found = re.search(r'name="identity" value="(\w+)"', form)
    assert found is not None
    fields = {"account": house.account.email, "phones": f"{PHONE}; 123", "text": "Hej", "identity": found[1]}
    sent_page = await house.owner.post("/write", 200, **fields)
    assert "Message sent" in sent_page
    assert "123" in sent_page
    ids = re.findall(r'href="/messages/([\w.]+)"', sent_page)
    assert len(ids) == 1
    again = await house.owner.post("/write", 200, **fields)  # the button was pressed twice
    assert re.findall(r'href="/messages/([\w.]+)"', again) == ids
    refused = await house.owner.post("/write", 422, account=house.account.email, phones="", text="Hej <b>")
    assert "Hej &lt;b&gt;" in refused
    assert house.account.email in await house.owner.get("/write/accounts?account=ann")
