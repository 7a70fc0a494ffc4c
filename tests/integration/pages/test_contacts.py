"""Contacts in the browser's place: the list, the card, fields of one's own, files, several at once."""

from __future__ import annotations

import re

import aiohttp
import pytest

from campaigns.campaign import Content
from campaigns.model import Audience, Draft
from tests.integration.pages.conftest import House

pytestmark = pytest.mark.proves("contacts in pages")
PHONE, OTHER_PHONE = "+4530643064", "+4530643065"


async def made(house: House, **fields: str) -> str:
    """The id of a new contact of Acme's."""
    await house.owner.post("/contacts/new", **fields)
    found = re.findall(r'href="/contacts/(\d+)"', await house.owner.get("/contacts?sort=newest"))
    return str(found[0])


def seen(page: str) -> str:
    """The version of a contact that a form was made of."""
    found = re.search(r'name="seen" value="([0-9a-f]+)"', page)
    assert found is not None
    return found[1]


def names(page: str) -> list[str]:
    """The names in a list, in its order."""
    return re.findall(r'<a href="/contacts/\d+">([^<]+)</a>', page)


async def send(house: House, path: str, fields: list[tuple[str, str]], status: int = 303) -> str:
    """A form with fields that are there several times."""
    form = aiohttp.FormData([("csrf", await house.owner.csrf()), *fields])
    return await house.owner.send(path, form, status)


async def test_an_empty_list_says_what_to_do_and_a_contact_is_written_down(house: House):
    assert "No contacts yet" in await house.owner.get("/contacts")
    await send(
        house,
        "/contacts/new",
        [
            ("name", "Anna Hansen"),
            *[("phone", "30 64 30 64"), ("phone_label", "work"), ("phone", PHONE[:-1] + "5"), ("phone_label", "")],
            *[("email", "anna@firm.example"), ("tags", "VIP, Press"), ("language", "da")],
        ],
    )
    page = await house.owner.get("/contacts")
    assert names(page) == ["Anna Hansen"]
    (contact,) = re.findall(r'href="/contacts/(\d+)"', page)
    card = await house.owner.get(f"/contacts/{contact}")
    for shown in (PHONE, OTHER_PHONE, "(work)", "anna@firm.example", "VIP", "Press"):
        assert shown in card
    assert ("contact.add", {}) in await house.site.audited(house.org.id)


async def test_mistakes_stand_beside_their_fields_and_what_was_typed_stays(house: House):
    await house.owner.post("/contacts/fields/new", name="age", label="Age", sort="number")
    fields = {"name": "Bo", "phone": "12", "email": "bo@", "language": "Danish!", "zone": "Mars", "own.age": "old"}
    wrong = await house.owner.post("/contacts/new", 422, **fields)
    for name in ("phone", "email", "language", "zone", "own.age"):
        assert f'id="e-{name}"' in wrong, name
    for value in fields.values():
        assert f'value="{value}"' in wrong
    assert 'id="e-name"' in await house.owner.post("/contacts/new", 422)
    assert names(await house.owner.get("/contacts")) == []


async def test_a_line_more_is_there_without_scripts(house: House):
    page = await house.owner.post("/contacts/new", 200, phone=PHONE, more="phone")
    assert page.count('name="phone"') == 3
    contact = await made(house, name="Bo", phone=PHONE)
    page = await house.owner.post(f"/contacts/{contact}/edit", 200, phone="1", more="email")
    assert 'value="1"' in page


async def test_a_contact_is_edited_and_removed_after_a_question(house: House):
    contact = await made(house, name="Bo", phone=PHONE)
    form = await house.owner.get(f"/contacts/{contact}/edit")
    assert 'value="Bo"' in form
    await house.owner.post(f"/contacts/{contact}/edit", seen=seen(form), name="Bo Berg", no_sms="true")
    card = await house.owner.get(f"/contacts/{contact}")
    assert "Bo Berg" in card
    assert "Do not use SMS" in card
    assert "Keep it" in await house.owner.get(f"/contacts/{contact}/remove")
    await house.owner.post(f"/contacts/{contact}/remove")
    await house.owner.get(f"/contacts/{contact}", 404)


async def test_a_form_of_an_older_state_takes_no_mark_off(house: House):
    contact = await made(house, name="Bo", phone=PHONE)
    path = f"/contacts/{contact}/edit"
    older = await house.owner.get(path)
    fields = {"name": "Bo", "phone": PHONE}
    await house.owner.post(path, seen=seen(older), no_sms="true", **fields)
    again = await house.owner.post(path, 422, seen=seen(older), **(fields | {"name": "Bo Berg"}))
    assert "changed this contact meanwhile" in again
    assert 'value="Bo Berg"' in again, "what was typed stays"
    assert re.search(r'id="e-name"[^>]*>stored by now: Bo<', again)
    assert re.search(r'id="e-no_sms"[^>]*>stored by now: yes<', again)
    assert re.search(r'name="no_sms" value="true" checked', again), "whoever saves it again keeps the mark"
    assert 'id="e-phone"' not in again
    card = await house.owner.get(f"/contacts/{contact}")
    assert "Bo Berg" not in card
    assert "Do not use SMS" in card
    more = await house.owner.post(path, 200, seen=seen(older), more="phone", **fields)
    assert seen(more) == seen(older), "one line more is no look at what is stored"
    await house.owner.post(path, 422, **fields)
    await house.owner.post(path, seen=seen(again), **(fields | {"name": "Bo Berg"}))
    assert "Bo Berg" in await house.owner.get(f"/contacts/{contact}")


async def test_the_list_is_searched_filtered_and_says_what_it_does_not_understand(house: House):
    await house.owner.post("/contacts/fields/new", name="city", label="City", sort="text")
    await made(house, name="Anna", phone=PHONE, tags="VIP", **{"own.city": "Aarhus"})
    await made(house, name="Bo", email="bo@firm.example", no_sms="true", **{"own.city": "Odense"})
    assert names(await house.owner.get("/contacts")) == ["Anna", "Bo"]
    assert names(await house.owner.get("/contacts?sort=newest")) == ["Bo", "Anna"]
    assert names(await house.owner.get("/contacts?q=6430")) == ["Anna"]
    assert names(await house.owner.get("/contacts?q=bo@")) == ["Bo"]
    assert names(await house.owner.get("/contacts?filter=city+%3D+Odense")) == ["Bo"]
    assert names(await house.owner.get("/contacts?filter=city+%3D+Odense+or+city+%3D+Aarhus&tag=VIP")) == ["Anna"]
    assert names(await house.owner.get("/contacts?state=no_sms")) == ["Bo"]
    assert names(await house.owner.get("/contacts?state=no_phone")) == ["Bo"]
    assert "Nothing found" in await house.owner.get("/contacts?q=nobody")
    wrong = await house.owner.get("/contacts?filter=citty+%3D+Odense", 422)
    assert 'id="e-filter"' in wrong
    assert "did you mean city" in wrong
    wrong = await house.owner.get("/contacts?filter=wheels+%3D+4", 422)
    assert "there is no field wheels; there is: city, name, phone, email" in wrong
    assert "<html" not in await house.owner.get("/contacts", **{"HX-Request": "true"})


async def test_several_are_tagged_and_removed(house: House):
    ids = [await made(house, name=name) for name in ("Anna", "Bo", "Carl")]
    chosen = [("chosen", each) for each in ids[:2]]
    assert "2 contacts are ticked" in await send(house, "/contacts/selected", chosen, 200)
    assert "Tick the contacts" in await send(house, "/contacts/selected", [("deed", "tag")], 422)
    await send(house, "/contacts/selected", [*chosen, ("deed", "tag"), ("tag", "Spring")])
    assert names(await house.owner.get("/contacts?tag=Spring")) == ["Bo", "Anna"]
    assert "write a tag" in await send(house, "/contacts/selected", [*chosen, ("deed", "tag")], 422)
    await send(house, "/contacts/selected", [chosen[0], ("deed", "untag"), ("tag", "spring")])
    assert names(await house.owner.get("/contacts?tag=Spring")) == ["Bo"]
    group = await house.site.rooms.contact_groups.make(
        await house.site.rooms.contacts.book(house.org.id), "Friends", None
    )
    await send(house, "/contacts/selected", [*chosen, ("deed", "group"), ("group", group.id)])
    assert names(await house.owner.get("/contacts?group=Friends")) == ["Bo", "Anna"]
    await send(house, "/contacts/selected", [*chosen, ("deed", "remove")])
    assert names(await house.owner.get("/contacts")) == ["Carl"]


async def test_consents_are_noted_and_end_with_when_how_and_wording(house: House):
    contact = await made(house, name="Anna", phone=PHONE)
    wrong = await house.owner.post(f"/contacts/{contact}/consent", 422, purpose="news", how="", wording="")
    assert "in which words" in wrong
    assert "no day until today" in await house.owner.post(
        f"/contacts/{contact}/consent", 422, purpose="news", how="form", wording="Yes", day="2999-01-01"
    )
    await house.owner.post(
        f"/contacts/{contact}/consent", purpose="news", how="the form", wording="Yes, write to me", day="2026-01-05"
    )
    card = await house.owner.get(f"/contacts/{contact}")
    assert "Yes, write to me" in card
    assert "the form" in card
    assert "holds" in card
    await house.owner.post(f"/contacts/{contact}/consent/end", purpose="news", how="by telephone")
    card = await house.owner.get(f"/contacts/{contact}")
    assert "by telephone" in card
    assert "Yes, write to me" in card
    await house.owner.post(f"/contacts/{contact}/consent/end", 404, purpose="news")


async def test_linked_objects_are_added_edited_and_removed(house: House):
    await house.owner.post("/contacts/fields/new", name="total", label="Total", sort="number", kind="order")
    contact = await made(house, name="Anna")
    assert "Total" in await house.owner.get(f"/contacts/{contact}/objects/order")
    wrong = await house.owner.post(f"/contacts/{contact}/objects/order", 422, **{"own.total": "much"})
    assert 'id="e-own.total"' in wrong
    await house.owner.post(f"/contacts/{contact}/objects/order", ref="A-1", **{"own.total": "99,50"})
    card = await house.owner.get(f"/contacts/{contact}")
    assert "A-1" in card
    assert "99.5" in card
    await house.owner.post(f"/contacts/{contact}/objects/order/1", ref="A-1", **{"own.total": "100"})
    assert "99.5" not in await house.owner.get(f"/contacts/{contact}")
    await house.owner.post(f"/contacts/{contact}/objects/order/1/remove")
    assert "A-1" not in await house.owner.get(f"/contacts/{contact}")
    await house.owner.get(f"/contacts/{contact}/objects/order/1", 404)
    await house.owner.get(f"/contacts/{contact}/objects/ship", 404)


async def test_fields_are_made_renamed_and_removed_after_a_question(house: House):
    assert "No fields of your own yet" in await house.owner.get("/contacts/fields")
    assert "is no name" in await house.owner.post("/contacts/fields/new", 422, name="1 x", label="X", sort="text")
    assert "list 1 to" in await house.owner.post("/contacts/fields/new", 422, name="size", label="Size", sort="choice")
    await house.owner.post("/contacts/fields/new", name="size", label="Size", sort="choice", choices="S\r\nXL")
    again = await house.owner.post("/contacts/fields/new", 422, name="size", label="Size", sort="text")
    assert "there is a field size already" in again
    await house.owner.post("/contacts/fields/size/edit", label="Shirt", choices="S\nM\nXL")
    page = await house.owner.get("/contacts/fields")
    assert "Shirt" in page
    assert "S, M, XL" in page
    assert "go for all contacts" in await house.owner.get("/contacts/fields/size/remove")
    await house.owner.post("/contacts/fields/size/remove")
    assert "No fields of your own yet" in await house.owner.get("/contacts/fields")
    await house.owner.post("/contacts/fields/size/edit", 404)


async def test_the_list_leaves_as_files_and_vcards_come_back(house: House):
    await house.owner.post("/contacts/fields/new", name="city", label="City", sort="text")
    await made(house, name="=Anna", phone=PHONE, **{"own.city": "Aarhus"})
    await made(house, name="Bo", email="bo@firm.example")
    answer, table = await house.owner.fetch("/contacts.csv?q=Anna")
    assert answer.headers["Content-Type"].startswith("text/csv")
    lines = table.decode("utf-8-sig").splitlines()
    assert len(lines) == 2
    assert lines[0].endswith(",city")
    assert ",'=Anna," in lines[1]
    assert lines[1].endswith(",Aarhus")
    answer, cards = await house.owner.fetch("/contacts.vcf")
    assert cards.count(b"BEGIN:VCARD") == 2
    form = aiohttp.FormData()
    form.add_field("csrf", await house.owner.csrf())
    more = cards + b"BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Carl\r\nTEL:12\r\nEND:VCARD\r\n"
    more += b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Dora\r\nTEL:+4530643099\r\nEND:VCARD\r\n"
    form.add_field("file", more, filename="friends.vcf", content_type="text/vcard")
    report = await house.owner.send("/contacts/vcards", form, 200)
    assert "1 contact is new" in report
    assert "2 cards said nothing new" in report
    assert "Carl" in report
    assert names(await house.owner.get("/contacts")) == ["=Anna", "Bo", "Dora"]
    assert "Choose a file first" in await house.owner.post("/contacts/vcards", 422)


@pytest.mark.proves("C1", "C2", "C3", "C4", "C6")
async def test_an_sms_is_written_on_the_card(house: House):
    contact = await made(house, name="Anna", phone=PHONE, no_sms="true")
    form = await house.owner.get(f"/contacts/{contact}/sms")
    assert PHONE in form
    assert 'hx-post="/write/count"' in form
    assert "price not available with the current provider" in form or "costs" in form
    empty = await house.owner.post(f"/contacts/{contact}/sms", 422, account="anna@firm.example", phones=PHONE, text="")
    assert 'role="alert"' in empty
    other = {"account": "anna@firm.example", "phones": f"{PHONE}, {OTHER_PHONE}", "text": "Hej"}
    assert "one of the contact" in await house.owner.post(f"/contacts/{contact}/sms", 422, **other)
    await house.owner.post(f"/contacts/{contact}/sms", account="anna@firm.example", phones=PHONE, text="Hej Anna")
    card = await house.owner.get(f"/contacts/{contact}")
    assert "Message sent" in card
    assert re.search(r'<span class="text">Hej Anna</span>', card)
    assert re.search(r'data-label="Campaign" class="holder"></td>', card), "a single SMS belongs to no campaign"
    assert f"/conversations/{house.account.id}/%2B4530643064" in card


async def test_do_not_use_sms_and_stop_are_two_things(house: House):
    contact = await made(house, name="Anna", phone=PHONE)
    await house.owner.post("/optouts/new", phone=PHONE)
    card = await house.owner.get(f"/contacts/{contact}")
    assert "has said STOP on" in card
    assert "Campaigns leave this contact out" not in card
    assert names(await house.owner.get("/contacts?state=opted_out")) == ["Anna"]
    refused = await house.owner.post(
        f"/contacts/{contact}/sms", 422, account="anna@firm.example", phones=PHONE, text="Hej"
    )
    assert 'role="alert"' in refused


@pytest.mark.proves("paging")
async def test_the_list_goes_on(house: House):
    contacts = house.site.rooms.contacts
    for number in range(45):
        await contacts.add(house.org.id, Draft(f"N{number:02}"))
    first = await house.owner.get("/contacts")
    ahead = re.search(r'rel="next" href="([^"]+)"', first)
    assert ahead is not None
    second = await house.owner.get(ahead[1].replace("&amp;", "&"))
    assert names(first) + names(second) == [f"N{number:02}" for number in range(45)]
    await house.owner.get("/contacts?cursor=x", 422)


@pytest.mark.proves("tenants")
async def test_another_organisations_contacts_are_not_there(house: House):
    theirs = await house.site.rooms.contacts.add(house.other_org.id, Draft("Olga"))
    for path in ("", "/edit", "/remove", "/consent", "/sms", "/why", "/objects/order"):
        await house.owner.get(f"/contacts/{theirs}{path}", 404)
    await house.owner.post(f"/contacts/{theirs}/edit", 404, name="Mine")
    await send(house, "/contacts/selected", [("chosen", str(theirs)), ("deed", "remove")])
    assert "Olga" in await house.operator.get(f"/contacts/{theirs}")
    assert names(await house.owner.get(f"/contacts?org={house.other_org.id}")) == []
    assert names(await house.operator.get(f"/contacts?org={house.other_org.id}")) == ["Olga"]


@pytest.mark.proves("readers change nothing")
async def test_a_reader_looks_and_changes_nothing(house: House):
    contact = await made(house, name="Anna", phone=PHONE)
    assert names(await house.reader.get("/contacts")) == ["Anna"]
    card = await house.reader.get(f"/contacts/{contact}")
    for deed in ("/edit", "/remove", "/sms", "/consent"):
        assert f"/contacts/{contact}{deed}" not in card
    await house.reader.post(f"/contacts/{contact}/edit", 403, name="B")
    await house.reader.post("/contacts/selected", 403, chosen=contact, deed="remove")
    await house.reader.post("/contacts/fields/new", 403, name="x", label="x")


@pytest.mark.proves("why it came or not", "C4")
async def test_why_a_campaign_came_or_did_not(house: House):
    anna = await made(house, name="Anna", phone=PHONE)
    bo = await made(house, name="Bo", phone=OTHER_PHONE, no_sms="true")
    carl = await made(house, name="Carl", phone="+4530643066")
    assert "No campaigns yet" in await house.owner.get(f"/contacts/{anna}/why")
    campaigns = house.site.rooms.campaigns
    audience = Audience(contacts=(int(anna), int(bo)))
    text = {"": "Hej {{ first_name }}"}
    content = Content("Spring", house.account.id, text, audience, any_hour=True, any_day=True)
    campaign = await campaigns.create(house.org.id, content)
    before = await house.owner.get(f"/contacts/{anna}/why?campaign={campaign.id}")
    assert "As things are now it would be 1 SMS" in before
    assert "Hej Anna" in before
    await campaigns.start(house.org.id, campaign.id)
    await house.site.rooms.campaign_runner.look()
    await house.site.rooms.campaign_runner.idle()
    page = await house.owner.get(f"/contacts/{anna}/why?campaign={campaign.id}")
    for step in (
        "Chosen as a single contact",
        "Is not marked",
        "has not said STOP",
        "A message was made",
        "/messages/",
    ):
        assert step in page, step
    left_out = await house.owner.get(f"/contacts/{bo}/why?campaign={campaign.id}")
    assert "is marked: do not use SMS" in left_out
    assert "is neither chosen" in (await house.owner.get(f"/contacts/{carl}/why?campaign={campaign.id}")).lower()
    card = await house.owner.get(f"/contacts/{anna}")
    assert re.search(r'data-label="Campaign" class="holder"><a [^>]+>Spring</a>', card)
    await house.owner.get(f"/contacts/{anna}/why?campaign=none", 404)
