"""Contacts and what belongs to them, on both databases, and whose they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from itertools import cycle

import pytest

from campaigns.contacts import Contacts
from campaigns.drafts import BadDraft, ChangedMeanwhile, version
from campaigns.groups import Groups
from campaigns.model import Attribute, AttributeType, Audience, Channel, Draft, LinkedObject, Obstacle, Point
from campaigns.store.contact_list_sql import ContactFilter, ContactSort
from gateway.model import Clock, SystemClock
from gateway.registry.errors import BadValue, NotFound
from gateway.store import optout_sql
from gateway.store.database import Database, alone
from gateway.store.opening import open_database

ANNA = Draft(
    " Anna   Hansen ",
    phones=(Point("30 64 30 64", "work"), Point("+46 70 123 45 67"), Point("+4530643064")),
    emails=(Point("Anna@Firm.example"),),
    language="da-DK",
    zone="europe/copenhagen",
    attributes={"city": " Aarhus", "age": "37", "born": "24-12-1988", "size": "xl", "member": "ja"},
    tags=frozenset({"VIP", "vip", " "}),
)


@pytest.fixture(autouse=True)
async def attributes(contacts: Contacts, org_id: str) -> None:
    for key, kind in (("city", AttributeType.TEXT), ("age", AttributeType.NUMBER), ("born", AttributeType.DATE)):
        await contacts.define(org_id, Attribute(key, key.title(), kind))
    await contacts.define(org_id, Attribute("size", "Size", AttributeType.CHOICE, ("S", "XL")))
    await contacts.define(org_id, Attribute("member", "Member", AttributeType.YES_NO))
    await contacts.define(org_id, Attribute("total", "Total", AttributeType.NUMBER, kind="order"))


def to(draft: Draft) -> Callable[[Draft], Draft]:
    """What makes this of a contact, whatever it was."""
    return lambda _: draft


def wanted(contacts: Contacts, org_id: str, search: str | None = None, text: str = "") -> ContactFilter:
    return ContactFilter(org_id, contacts.today(), search, text)


@pytest.mark.proves("contacts")
async def test_what_is_written_is_read_again_as_it_is_meant(contacts: Contacts, org_id: str):
    found = await contacts.find(org_id, await contacts.add(org_id, ANNA))
    assert (found.name, found.language, found.zone, found.tags) == ("Anna Hansen", "da", "Europe/Copenhagen", ("VIP",))
    assert [point.value for point in found.phones] == ["+4530643064", "+46701234567"]
    assert found.phones[0].label == "work"
    assert found.emails == (Point("Anna@firm.example"),)
    assert found.attributes == {"city": "Aarhus", "age": 37, "born": "1988-12-24", "size": "XL", "member": True}
    assert found.draft() == (await contacts.find(org_id, found.id)).draft()


@pytest.mark.proves("contacts")
async def test_every_field_that_cannot_be_meant_says_so(contacts: Contacts, org_id: str):
    bad = Draft(
        phones=(Point("12"),),
        emails=(Point("anna@"),),
        language="Danish!",
        zone="Mars/Olympus",
        attributes={"age": "old", "born": "31.02.2020", "size": "L", "member": "perhaps", "shoe": 42},
    )
    with pytest.raises(BadDraft) as caught:
        await contacts.add(org_id, bad)
    assert set(caught.value.problems) == {"phone", "email", "language", "zone", "age", "born", "size", "member", "shoe"}
    with pytest.raises(BadDraft, match="write it like anna@example"):  # no host of one's own network
        await contacts.add(org_id, Draft("Bo", emails=(Point("bo@people"),)))
    with pytest.raises(BadDraft, match="needs a name, a phone or an e-mail"):
        await contacts.add(org_id, Draft())
    assert (
        await contacts.find(org_id, await contacts.add(org_id, Draft(emails=(Point("b@firm.example"),))))
    ).name == "b@firm.example"


@pytest.mark.proves("contacts")
async def test_changing_and_removing(contacts: Contacts, groups: Groups, org_id: str):
    anna = await contacts.add(org_id, ANNA)
    await contacts.link(org_id, anna, LinkedObject("order", {"total": "10"}))
    await contacts.edit(org_id, anna, to(Draft("Anna Berg", phones=(Point("+4520304050"),))))
    found = await contacts.find(org_id, anna)
    assert (found.name, found.attributes, found.tags, found.emails) == ("Anna Berg", {}, (), ())
    assert await contacts.with_phone(org_id, "+4530643064") == []
    assert await contacts.with_phone(org_id, "+4520304050") == [anna]
    assert await groups.count(org_id, Audience(filter="tag: vip or has: email or city is not empty")) == 0
    assert [thing.fields for thing in found.objects] == [{"total": 10}]
    assert await contacts.remove(org_id, [anna, anna + 1]) == 1
    for gone in (contacts.find(org_id, anna), contacts.edit(org_id, anna, to(ANNA))):
        with pytest.raises(NotFound):
            await gone
    assert await groups.count(org_id, Audience(filter="")) == 0


@pytest.fixture
async def elsewhere(database_url: str, clock: Clock) -> AsyncIterator[Contacts]:
    """The same contacts, as another process has them."""
    database = await open_database(database_url)
    yield Contacts(database, clock)
    await database.close()


@pytest.mark.proves("contacts")
async def test_a_change_of_one_field_leaves_what_others_change(contacts: Contacts, elsewhere: Contacts, org_id: str):
    anna = await contacts.add(org_id, ANNA)
    wanted_by = {"name": "Anna Berg", "first_name": "Ann", "language": "de", "zone": "Europe/Berlin", "no_sms": True}
    await asyncio.gather(
        *(
            where.edit(org_id, anna, partial(replace, **{name: value}))
            for where, (name, value) in zip(cycle((contacts, elsewhere)), wanted_by.items(), strict=False)
        ),
        elsewhere.tag(org_id, [anna], "Press"),
    )
    found = await contacts.find(org_id, anna)
    assert {name: getattr(found, name) for name in wanted_by} == wanted_by
    assert found.tags == ("Press", "VIP")


@pytest.mark.proves("contacts")
async def test_of_many_who_saw_the_same_one_is_let_change_it(contacts: Contacts, elsewhere: Contacts, org_id: str):
    anna = await contacts.add(org_id, ANNA)
    before = (await contacts.find(org_id, anna)).draft()
    seen = version(before)
    outcomes = await asyncio.gather(
        *(
            where.edit(org_id, anna, to(replace(before, name=f"Anna {number}")), seen)
            for number, where in enumerate((contacts, elsewhere) * 5)
        ),
        return_exceptions=True,
    )
    assert outcomes.count(None) == 1
    assert sum(isinstance(each, ChangedMeanwhile) for each in outcomes) == 9
    assert (await contacts.find(org_id, anna)).name == f"Anna {outcomes.index(None)}"
    await contacts.tag(org_id, [anna], "Press")
    now = (await contacts.find(org_id, anna)).draft()
    await contacts.edit(org_id, anna, to(before))
    await contacts.edit(org_id, anna, to(before), version(before))
    with pytest.raises(ChangedMeanwhile):
        await contacts.edit(org_id, anna, to(before), version(now))


@pytest.mark.proves("contacts", "other organisations")
async def test_another_organisation_s_contacts_are_not_there(
    contacts: Contacts, groups: Groups, org_id: str, other_org_id: str
):
    anna = await contacts.add(org_id, ANNA)
    await contacts.add(other_org_id, Draft("Bo", phones=(Point("+4530643064"),)))
    for refused in (
        contacts.find(other_org_id, anna),
        contacts.edit(other_org_id, anna, to(Draft("Mine now"))),
        contacts.link(other_org_id, anna, LinkedObject("order", {})),
        groups.why(other_org_id, Audience(filter=""), anna),
    ):
        with pytest.raises((NotFound, BadDraft)):
            await refused
    assert await contacts.remove(other_org_id, [anna]) == 0
    assert await contacts.give_consent(other_org_id, [anna], "News", how="web", wording="Yes") == 0
    listed = await groups.make(await contacts.book(other_org_id), "Listed", None)
    assert await groups.add(other_org_id, listed.id, [anna]) == 0
    assert await contacts.with_phone(other_org_id, "+4530643064") != [anna]
    assert [each.name for each in (await contacts.page(wanted(contacts, other_org_id))).items] == ["Bo"]
    assert [each.name async for each in groups.everybody(other_org_id, Audience(contacts=(anna,), filter=""))] == ["Bo"]
    assert (await contacts.find(org_id, anna)).consents == ()
    with pytest.raises(NotFound):
        await groups.count(org_id, Audience(groups=(listed.id,)))


@pytest.mark.proves("contacts")
async def test_the_list_is_searched_and_paged_both_ways(contacts: Contacts, org_id: str):
    for n in range(7):
        await contacts.add(
            org_id, Draft(f"Åse {6 - n}", phones=(Point(f"+453064306{n}"),), emails=(Point(f"{n}x_@firm.example"),))
        )
    for sort, order in ((ContactSort.NAME, range(7)), (ContactSort.NEWEST, range(7))):
        asked = ContactFilter(org_id, contacts.today(), sort=sort)
        names, cursor, back = [], None, []
        for _ in range(3):
            page = await contacts.page(asked, cursor=cursor, size=3)
            names += [each.name for each in page.items]
            cursor, last = page.next, page
        assert names == [f"Åse {n}" for n in order]
        assert cursor is None
        back = (await contacts.page(asked, cursor=last.previous, size=3)).items
        assert [each.name for each in back] == names[3:6]

    async def found(search: str, text: str = "") -> list[str]:
        asked = wanted(contacts, org_id, search, text)
        names = [each.name for each in (await contacts.page(asked)).items]
        assert (await contacts.count(asked)).number == len(names)
        return names

    assert await found("åSE 3") == ["Åse 3"]
    assert await found("30 64 30 62") == ["Åse 4"]
    assert await found("+4530643062") == ["Åse 4"]
    assert await found("1X_@") == ["Åse 5"]
    assert await found("%") == []
    assert await found("åse", "phone = '+4530643065' or name ~ '4'") == ["Åse 1", "Åse 4"]
    with pytest.raises(BadValue):
        await contacts.page(wanted(contacts, org_id), cursor="nonsense")


@pytest.mark.proves("contacts", "consents")
async def test_consents_are_kept_with_when_how_and_wording(contacts: Contacts, groups: Groups, org_id: str):
    anna, bo = await contacts.add(org_id, ANNA), await contacts.add(org_id, Draft("Bo"))
    given = {"how": "paper", "wording": "I want offers"}
    assert await contacts.give_consent(org_id, [anna, bo], "Offers", at=5.0, **given) == 2
    assert await contacts.give_consent(org_id, [anna], "offers", at=6.0, how="web", wording="Again") == 0
    assert await groups.count(org_id, Audience(filter="consent: OFFERS")) == 2
    assert await contacts.end_consent(org_id, [anna], "Offers", how="by phone") == 1
    assert await contacts.end_consent(org_id, [anna], "Offers", how="by phone") == 0
    assert await groups.count(org_id, Audience(filter="not consent: offers")) == 1
    assert await contacts.give_consent(org_id, [anna], "Offers", at=9.0, **given) == 1
    latest, first = (await contacts.find(org_id, anna)).consents
    assert (first.purpose, first.given_at, first.how, first.wording, first.ended_how) == (
        "Offers",
        5.0,
        "paper",
        "I want offers",
        "by phone",
    )
    assert (latest.given_at, latest.ended_at, latest.number) == (9.0, None, 2)
    with pytest.raises(BadValue, match="in which words"):
        await contacts.give_consent(org_id, [anna], "Offers", how="", wording="")


@pytest.mark.proves("C6")
async def test_no_sms_and_an_opt_out_are_two_things(
    contacts: Contacts, groups: Groups, org_id: str, database: Database, clock: SystemClock
):
    phones = ["+4530643061", "+4530643062", "+4530643063"]
    free, marked, stopped = [
        await contacts.add(org_id, Draft(f"C{n}", phones=(Point(phone),), no_sms=n == 1))
        for n, phone in enumerate(phones)
    ]
    bare = await contacts.add(org_id, Draft("Nobody's phone"))
    await database.write(alone(lambda c: optout_sql.opt_out(c, org_id, phones[2], "STOP", clock.now())), None)
    by_id = {each.contact_id: each async for each in groups.everybody(org_id, Audience(filter=""))}
    obstacles = {n: by_id[n].obstacle(Channel.SMS) for n in (free, marked, stopped, bare)}
    assert obstacles == {
        free: None,
        marked: Obstacle.NO_SMS,
        stopped: Obstacle.OPTED_OUT,
        bare: Obstacle.NO_PHONE,
    }
    assert by_id[free].obstacle(Channel.SMS, consent="offers") is Obstacle.NO_CONSENT
    assert by_id[free].obstacle(Channel.EMAIL) is Obstacle.NO_EMAIL
    shown = [
        (each.no_sms, each.opted_out) for each in [await contacts.find(org_id, n) for n in (free, marked, stopped)]
    ]
    assert shown == [(False, False), (True, False), (False, True)]
    assert await groups.count(org_id, Audience(filter="is: no_sms")) == 1
    assert await groups.count(org_id, Audience(filter="not is: opted_out and not is: no_sms")) == 2


@pytest.mark.proves("C9")
async def test_nobody_is_greeted_by_a_phone_or_an_address(contacts: Contacts, groups: Groups, org_id: str):
    phone = await contacts.add(org_id, Draft(phones=(Point("+4530643064"),)))
    mail = await contacts.add(org_id, Draft(emails=(Point("bo@firm.example"),)))
    both = await contacts.add(org_id, Draft("A+ @home", phones=(Point("+4530643065"),)))
    found = await groups.page(org_id, Audience(contacts=(phone, mail, both)))
    named = {each.contact_id: (each.name, each.fields["name"], each.fields["first_name"]) for each in found}
    assert named[phone] == ("+4530643064", "", "")
    assert named[mail] == ("bo@firm.example", "", "")
    assert named[both] == ("A+ @home", "A+ @home", "A+")


@pytest.mark.proves("C9")
async def test_macros_find_fields_and_the_latest_linked_object(contacts: Contacts, groups: Groups, org_id: str):
    anna = await contacts.add(org_id, ANNA)
    first = await contacts.link(org_id, anna, LinkedObject("order", {"total": "100"}, ref="A-1"))
    second = await contacts.link(org_id, anna, LinkedObject("order", {"total": "1.200,50"}, ref="A-2"))
    assert await contacts.link(org_id, anna, LinkedObject("order", {"total": 3}, ref="A-1")) == first
    (found,) = await groups.page(org_id, Audience(contacts=(anna,)))
    assert found.fields["order"] == {"total": 1200.5}
    assert (found.fields["first_name"], found.fields["city"], found.fields["phone"]) == (
        "Anna",
        "Aarhus",
        "+4530643064",
    )
    await contacts.unlink(org_id, anna, "order", second)
    (found,) = await groups.page(org_id, Audience(contacts=(anna,)))
    assert found.fields["order"] == {"total": 3}
    with pytest.raises(NotFound):
        await contacts.unlink(org_id, anna, "order", second)
    with pytest.raises(BadDraft, match="there is no kind car"):
        await contacts.link(org_id, anna, LinkedObject("car", {}))


@pytest.mark.proves("contacts")
async def test_attributes_are_defined_changed_and_forgotten(contacts: Contacts, groups: Groups, org_id: str):
    anna = await contacts.add(org_id, ANNA)
    with pytest.raises(BadValue, match="of another type"):
        await contacts.define(org_id, Attribute("age", "Age", AttributeType.TEXT))
    for key, words in (
        ("name", "already"),
        ("tags", "already"),
        ("no_sms", "already"),
        ("1st", "no name"),
        ("a b", "no name"),
        ("", "no name"),
    ):
        with pytest.raises(BadValue, match=words):
            await contacts.define(org_id, Attribute(key, "X", AttributeType.TEXT))
    with pytest.raises(BadValue, match="choices"):
        await contacts.define(org_id, Attribute("colour", "Colour", AttributeType.CHOICE))
    await contacts.undefine(org_id, "", "age")
    assert "age" not in (await contacts.find(org_id, anna)).attributes
    shoe = await contacts.define(org_id, Attribute("shoe", "Shoe", AttributeType.NUMBER))
    assert shoe.slot == "number_1"
    assert await groups.count(org_id, Audience(filter="shoe is not empty")) == 0
    for n in range(20):
        last = await contacts.define(org_id, Attribute(f"more_{n}", "More", AttributeType.TEXT))
    assert last.slot is None
    await contacts.edit(org_id, anna, to(Draft("Anna", attributes={"more_19": "kept"})))
    assert (await contacts.find(org_id, anna)).attributes == {"more_19": "kept"}
    with pytest.raises(BadValue, match="too many attributes"):
        await groups.count(org_id, Audience(filter="more_19 = kept"))
