"""Campaigns in the browser without scripts: written, checked, estimated, started, stopped; another's are not there."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from campaigns.model import Channel, Draft, Point
from campaigns.store.campaign_schema import campaigns
from gateway.store.database import alone
from tests.integration.pages.conftest import House
from tests.integration.pages.traffic import came, sent
from web.identity.roles import Role

TEXT = 'Hej {{ first_name | default: "du" }}! {{ language }}'


async def contact(house: House, name: str, phone: str, *, no_sms: bool = False) -> int:
    draft = Draft(name=name, first_name=name, phones=(Point(phone),), no_sms=no_sms)
    return await house.site.rooms.contacts.add(house.org.id, draft)


async def draft(house: House, **fields: object) -> str:
    """Write a campaign for everybody; its id."""
    values = {"name": "Spring", "account": "anna@firm.example", "text": TEXT, "whom": "everybody", "zone": "UTC"}
    await house.owner.post("/campaigns/new", **(values | {"launch": "instant", "window": ""} | fields))
    found = re.search(r'href="/campaigns/([0-9A-Z]{26})"', await house.owner.get("/campaigns"))
    assert found is not None
    return found[1]


async def estimated(house: House, campaign_id: str, page: str = "estimate") -> str:
    """The page when the estimate is finished."""
    for _ in range(200):
        text = await house.owner.get(f"/campaigns/{campaign_id}/{page}")
        if "delay:700ms" not in text:
            return text
    raise AssertionError("the estimate does not end")


@pytest.mark.proves("C7", "C8", "C9", "C11")
async def test_what_was_typed_stays_beside_what_is_wrong_with_it(house: House):
    wrong = {"name": "Spring", "account": "anna@firm.example", "whom": "everybody", "text": "Hej {{ nobody }}"}
    text = await house.owner.post("/campaigns/new", 422, **wrong, launch="instant")
    assert "there is no field called nobody" in text
    assert "Hej {{ nobody }}" in text
    text = await house.owner.post("/campaigns/new", 422, **(wrong | {"text": "Hej"}), launch="deferred")
    assert 'id="h-start_at" role="alert"' in text
    text = await house.owner.post("/campaigns/new", 422, **(wrong | {"account": "olga@other.example"}))
    assert 'id="h-account" role="alert"' in text
    text = await house.owner.post("/campaigns/new", 422, **(wrong | {"text": "Hej", "per_minute": "many"}))
    assert 'id="e-per_minute"' in text
    several = {"account": "olga@other.example", "per_minute": "many", "window": "25:00"}
    text = await house.owner.post("/campaigns/new", 422, **(wrong | several), launch="deferred")
    for field in ("h-account", "e-per_minute", "h-start_at"):
        assert f'id="{field}"' in text, "all that is wrong is said at once"
    assert "No campaign yet" in await house.owner.get("/campaigns")


@pytest.mark.proves("C10", "C12")
async def test_it_is_checked_estimated_started_and_stopped(house: House):
    anna = await contact(house, "Anna", "+4530643001")
    silent = await contact(house, "Silent", "+4530643002", no_sms=True)
    campaign_id = await draft(house)
    here = f"/campaigns/{campaign_id}"
    assert "Hej Anna!" in await house.owner.get(f"{here}/check?contact={anna}")
    assert "do not use SMS" in await house.owner.get(f"{here}/check?contact={silent}")
    assert "Hej Anna!" in await house.owner.get(f"{here}/check")  # the first who gets anything
    text = await estimated(house, campaign_id)
    assert "do not use SMS" in text
    assert "<code>language</code> (1)" in text
    assert "Start: 1 recipient" in await estimated(house, campaign_id, "start")
    await house.reader.post(f"{here}/start", 403)
    await house.owner.post(f"{here}/start")
    assert "running" in await house.owner.get(here)
    await house.owner.post(f"{here}/edit", 422, name="Other", account="anna@firm.example", text="Hej", whom="everybody")
    for deed, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        assert "Leave it" in await house.owner.get(f"{here}/{deed}")
        await house.owner.post(f"{here}/{deed}")
        assert state in await house.owner.get(here)
    looked_at = update(campaigns).where(campaigns.c.id == campaign_id).values(recipients=2)
    await house.site.rooms.database.write(alone(lambda connection: connection.execute(looked_at) and None), None)
    assert f"{here}/delete" not in await house.owner.get(here), "who has got it stays known"
    assert "has begun and stays" in await house.owner.post(f"{here}/delete", 422)
    await house.owner.post(f"{here}/copy", name="Summer")
    assert "Summer" in await house.owner.get("/campaigns?state=draft")
    actions = [action for action, _ in await house.site.audited(house.org.id) if action.startswith("campaign.")]
    verbs = ["create", "start", "pause", "resume", "cancel", "copy"]
    assert actions == [f"campaign.{verb}" for verb in verbs]


@pytest.mark.proves("C10", "campaign: e-mail")
async def test_the_check_opens_with_somebody_who_is_meant(house: House):
    aage = await contact(house, "Aage", "+4530643001")  # the first of all, and not of this audience
    bo = Draft(name="Bo", phones=(Point("+4530643002"),), emails=(Point("bo@people.example"),))
    await house.site.rooms.contacts.add(house.org.id, bo)
    for channel in ("sms", "email"):
        campaign_id = await draft(
            house, channel=channel, subject="Hej {{ name }}", text="Hej {{ name }}!", whom="where", where="name = Bo"
        )
        page = await house.owner.get(f"/campaigns/{campaign_id}/check")
        assert "Hej Bo!" in page, channel
        assert "Hej Aage" not in page, channel
        assert "not in the audience" not in page, channel
    campaign_id = await draft(house, whom="where", where="name = Bo")
    assert "not in the audience" in await house.owner.get(f"/campaigns/{campaign_id}/check?contact={aage}")


@pytest.mark.proves("campaign: send window", "C12")
async def test_when_those_who_wait_get_it_is_said(house: House):
    await contact(house, "Anna", "+4530643001")
    day = datetime.now(UTC) + timedelta(days=3)
    weekday = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[day.weekday()]
    campaign_id = await draft(house, window=f"{weekday} 09:00-10:00", any_day="on")  # that day may be a holiday
    assert "<dt>Wait for their hours</dt><dd>1 · the first at" in await estimated(house, campaign_id, "start")
    await house.owner.post(f"/campaigns/{campaign_id}/start")
    runner = house.site.rooms.campaign_runner
    await runner.look()
    await runner.idle()
    page = await house.owner.get(f"/campaigns/{campaign_id}")
    assert f'<a href="/campaigns/{campaign_id}/recipients?state=waiting">1</a> · the first at' in page
    assert f"{day.day} {day:%B} {day.year}" in page
    assert '<dt>Quiet hours</dt><dd class="long">rest in them</dd>' in page
    assert re.search('<dt>Hours</dt><dd class="long">... 09:00-10:00</dd>', page)
    await house.owner.post(f"/campaigns/{campaign_id}/cancel")
    page = await house.owner.get(f"/campaigns/{campaign_id}")
    assert "Waited when it was cancelled" in page
    assert "the first at" not in page
    assert "Anna" in await house.owner.get(f"/campaigns/{campaign_id}/recipients?state=waiting")


@pytest.mark.proves("C11", "C12")
async def test_its_page_says_what_was_chosen_and_leads_to_who_has_answered(house: House):
    book = await house.site.rooms.contacts.book(house.org.id)
    regulars = await house.site.rooms.contact_groups.make(book, "Regulars", "has: phone")
    without = await house.site.rooms.contact_groups.make(book, "Not them", "name = Bo")
    anna = await contact(house, "Anna", "+4530643001")
    said = {"groups": regulars.id, "without": without.id, "contacts": str(anna), "any_hour": "on", "any_day": "on"}
    campaign_id = await draft(house, **said, name="Bo's Årsmøde", whom="chosen", per_minute="120", max_parts="50")
    await house.owner.post(f"/campaigns/{campaign_id}/start")
    runner = house.site.rooms.campaign_runner
    await runner.look()
    await runner.idle()
    [account] = await house.site.accounts.accounts_of("anna@firm.example")
    await came(house.site, account.number, "Ja tak", phone="+4530643001")
    page = await house.reader.get(f"/campaigns/{campaign_id}")
    for name, value in (
        ("Who gets it", "Regulars, 1 single contact"),
        ("Without these groups", "Not them"),
        ("Quiet hours", "write in them as well"),
        ("Messages a minute", "120"),
        ("Budget in SMS parts, or in e-mails", "50"),
    ):
        assert f'<dt>{name}</dt><dd class="long">{value}</dd>' in page
    found = re.search(r'Phones that have answered</dt><dd><a href="([^"]*)">1</a>', page)
    assert found is not None
    assert "Anna" in await house.reader.get(html.unescape(found[1]))


@pytest.mark.proves("campaign: e-mail", "C10")
async def test_an_email_without_a_subject_says_what_is_missing(house: House):
    await house.site.rooms.contacts.add(house.org.id, Draft(name="Bo", emails=(Point("bo@people.example"),)))
    campaign_id = await draft(house, channel="email")
    for path in ("check", "estimate", "start"):
        assert "the campaign has no subject: write one" in await estimated(house, campaign_id, path), path


@pytest.mark.proves("tenants")
async def test_anothers_campaign_is_not_there(house: House):
    other = await house.site.organisation("Third")
    await house.site.accounts.open_account(other[1].id, "tor@third.example")
    campaign_id = await draft(house)
    stranger = await house.site.person(Role.OWNER, other[0].id)
    for path in ("", "/edit", "/check", "/estimate", "/start", "/pause", "/copy"):
        await stranger.get(f"/campaigns/{campaign_id}{path}", 404)
    for path in ("/edit", "/start", "/pause", "/cancel", "/delete", "/copy", "/estimate"):
        await stranger.post(f"/campaigns/{campaign_id}{path}", 404, name="Mine", account="tor@third.example")
    await stranger.get(f"/campaigns/compare?id={campaign_id}", 404)
    assert "Spring" not in await stranger.get("/campaigns")


TRIED = {
    "text": "A https://firm.example/a",
    "short_links": "on",
    "version_b": "B https://firm.example/b",
    "version_language": "b/da",
    "version_variant": "B på dansk",
    "share": "25",
    "rule": "hand",
    "hours": "2,5",
}


@pytest.mark.proves("campaign: versions", "campaign: short links")
async def test_versions_and_short_links_are_written_and_a_person_chooses_the_winner(house: House):
    await contact(house, "Anna", "+4530643001")
    wrong = {"name": "Spring", "account": "anna@firm.example", "whom": "everybody", "launch": "instant"} | TRIED
    for field, value, place in (
        ("share", "60", "1 to 50 percent"),
        ("hours", "soon", 'id="e-hours"'),
        ("version_language", "da", "as b/da, each once"),
    ):
        assert place in await house.owner.post("/campaigns/new", 422, **(wrong | {field: value}))
    text = await house.owner.post("/campaigns/new", 422, **(wrong | {"rule": "clicks", "short_links": ""}))
    assert "short links only" in text
    campaign_id = await draft(house, **TRIED)
    here = f"/campaigns/{campaign_id}"
    text = await house.owner.get(f"{here}/edit")
    for kept in ("B https://firm.example/b", 'value="b/da"', "B på dansk", 'value="25"', 'value="2.5"'):
        assert kept in text, kept
    content = (await house.site.rooms.campaigns.get(None, campaign_id)).content
    assert dict(content.texts) == {"": TRIED["text"], "b/": TRIED["version_b"], "b/da": "B på dansk"}
    await house.owner.post(f"{here}/pick", 422, version="b")
    await house.owner.post(f"{here}/start")
    text = await house.owner.get(here)
    assert "Choose the winner now" in text
    assert "https://firm.example/b" in text
    assert "cannot be taken back" in await house.owner.get(f"{here}/pick")
    await house.reader.post(f"{here}/pick", 403, version="b")
    await house.owner.post(f"{here}/pick", 422, version="x")
    await house.owner.post(f"{here}/pick", version="b")
    assert "has chosen version B" in await house.owner.get(here)
    assert "decided already" in await house.owner.post(f"{here}/pick", 422, version="a")
    assert "campaign.pick" in [action for action, _ in await house.site.audited(house.org.id)]


@pytest.mark.proves("campaign: versions", "campaign: e-mail")
async def test_versions_of_an_e_mail_may_differ_in_their_subject_alone(house: House):
    tried = {"share": "25", "rule": "opt-outs", "hours": "2", "version_subject_b": "  Kom  nu ", "subject": "Kom"}
    wrong = {"name": "Spring", "account": "anna@firm.example", "text": TEXT, "whom": "everybody", "launch": "instant"}
    said = await house.owner.post("/campaigns/new", 422, **(wrong | tried | {"channel": "email", "rule": "answers"}))
    assert "are not counted" in said
    campaign_id = await draft(house, channel="email", **tried)
    assert "Kom nu" in await house.owner.get(f"/campaigns/{campaign_id}")
    campaigns = house.site.rooms.campaigns
    content = (await campaigns.get(None, campaign_id)).content
    assert dict(content.subjects) == {"": "Kom", "b/": "Kom nu"}
    assert dict(content.texts) == {"": TEXT, "b/": TEXT}
    text = await house.owner.get(f"/campaigns/{campaign_id}/edit")
    assert 'name="version_subject_b" value="Kom nu"' in text
    await house.owner.post(f"/campaigns/{campaign_id}/edit", **wrong, channel="email", subject="Kom", zone="UTC")
    content = (await campaigns.get(None, campaign_id)).content
    assert (dict(content.subjects), dict(content.texts), content.trial) == ({"": "Kom"}, {"": TEXT}, None)


async def test_what_the_form_does_not_ask_for_stays(house: House):
    campaign_id = await draft(house)
    campaigns = house.site.rooms.campaigns
    content = (await campaigns.get(None, campaign_id)).content
    by_mail = replace(content, channel=Channel.EMAIL, subjects={"": "Hej"}, smart=False)
    await campaigns.edit(house.org.id, campaign_id, by_mail)
    values = {"name": "Autumn", "account": "anna@firm.example", "text": "Hej", "whom": "everybody"}
    await house.owner.post(f"/campaigns/{campaign_id}/edit", **values, launch="instant", zone="UTC")
    changed = (await campaigns.get(None, campaign_id)).content
    assert (changed.name, changed.channel, changed.subjects, changed.smart) == (
        "Autumn",
        Channel.EMAIL,
        {"": "Hej"},
        False,
    )


@pytest.mark.proves("C8")
async def test_an_e_mail_is_written_and_checked_in_the_form(house: House):
    made = Draft(name="Eva", first_name="Eva", emails=(Point("eva@customer.example"),))
    eva = await house.site.rooms.contacts.add(house.org.id, made)
    campaign_id = await draft(house, channel="email", subject="Hej {{ first_name }}", text="Kom til fest")
    checked = await house.owner.get(f"/campaigns/{campaign_id}/check?contact={eva}")
    assert "Hej Eva" in checked
    assert "eva@customer.example" in checked
    goes = re.search(r"A test goes to (p\d+@people\.example)\.", checked)
    assert goes is not None
    await house.owner.post(f"/campaigns/{campaign_id}/test", contact=eva)
    assert f"on its way to {goes[1]}" in await house.owner.get(f"/campaigns/{campaign_id}/check?contact={eva}")
    await house.reader.post(f"/campaigns/{campaign_id}/test", 403, contact=eva)
    assert "campaign.test" in [action for action, _ in await house.site.audited(house.org.id)]
    page = await house.owner.get(f"/campaigns/{campaign_id}")
    assert "E-mails by state" in page
    assert "SMS parts" not in page
    kept = await house.owner.get(f"/campaigns/{campaign_id}/edit")
    assert 'value="Hej {{ first_name }}"' in kept
    assert "Subject" in kept


@pytest.mark.proves("C5", "C10")
async def test_the_provider_can_be_asked_from_the_check(house: House):
    anna = await contact(house, "Anna", "+4530643001")
    campaign_id = await draft(house)
    page = await house.owner.get(f"/campaigns/{campaign_id}/check?contact={anna}")
    asked = re.search(r'<form method="post" action="(/providers/[^"]+/ask)"', page)
    assert asked is not None
    assert "takes our credentials" in await house.owner.post(asked[1], 200)
    assert "Left to send with" in await house.operator.post(asked[1], 200)
    by_mail = await draft(house, name="Letter", channel="email", subject="News")
    assert "/ask" not in await house.owner.get(f"/campaigns/{by_mail}/check")


@pytest.mark.proves("campaign: approval", "attention")
async def test_one_that_has_grown_waits_where_others_find_it(house: House):
    await house.site.rooms.approvals.set_above(house.org.id, 1)
    await contact(house, "Member 1", "+4530643001")
    campaign_id = await draft(house, any_hour="on", any_day="on")
    await house.owner.post(f"/campaigns/{campaign_id}/start")
    await contact(house, "Member 2", "+4530643002")
    runner = house.site.rooms.campaign_runner
    await runner.look()
    await runner.idle()
    assert "its audience has grown" in await house.owner.get(f"/campaigns/{campaign_id}")
    second = await house.site.person(Role.OWNER, house.org.id)
    question = f"/campaigns/{campaign_id}/resume"
    assert question in await second.get("/attention")
    assert "Nothing waits for you" in await house.owner.get("/attention")
    assert "another person has to approve it" in await house.owner.post(question, 422, cause="grown")
    assert "for 1 contacts and has 2 now" in await second.get(question)
    assert "changed" in await second.post(question, 422)
    await second.post(question, cause="grown")
    assert "running" in await house.owner.get(f"/campaigns/{campaign_id}")


@pytest.mark.proves("campaign: approval", "attention")
async def test_a_large_one_waits_where_others_find_it(house: House):
    await house.site.rooms.approvals.set_above(house.org.id, 1)
    for n in (1, 2):
        await contact(house, f"Member {n}", f"+453064300{n}")
    campaign_id = await draft(house)
    await house.owner.post(f"/campaigns/{campaign_id}/start")
    second = await house.site.person(Role.OWNER, house.org.id)
    question = f"/campaigns/{campaign_id}/approval"
    assert question in await second.get("/attention")
    assert "Acme" in await house.operator.get("/attention")
    assert ">1</span>" in await second.get("/attention/count", **{"HX-Request": "true"})
    stranger = await house.site.person(Role.OWNER, house.other_org.id)
    for nobody in (house.owner, house.reader, stranger):
        assert "Nothing waits for you" in await nobody.get("/attention")
    await second.post(question, 422, answer="approve")  # nothing says what they have read
    asked = await second.get(question)
    assert 'class="text chat-text">Hej {{ first_name | default: &#34;du&#34; }}!' in asked
    read = re.search(r'name="asked_at" value="([\d.]+)"', asked)
    assert read is not None
    await second.post(question, answer="approve", asked_at=read[1])
    assert "Nothing waits for you" in await second.get("/attention")


@pytest.mark.proves("campaign: estimate")
async def test_what_starts_is_what_was_shown(house: House):
    await contact(house, "Anna", "+4530643001")
    campaign_id = await draft(house)
    here = f"/campaigns/{campaign_id}"
    seen = re.search(r'name="shown" value="(\w+)"', await house.owner.get(f"{here}/start"))
    assert seen is not None
    first = re.search(r'name="was" value="(\w+)"', await house.owner.get(f"{here}/edit"))
    assert first is not None
    fields = {"name": "Spring", "account": "anna@firm.example", "whom": "everybody", "zone": "UTC", "launch": "instant"}
    await house.owner.post(f"{here}/edit", **fields, text="Another text", was=first[1])
    assert "has been changed meanwhile" in await house.owner.post(f"{here}/start", 422, shown=seen[1])
    page = await house.owner.post(f"{here}/edit", 422, **fields, text="From another tab", was=first[1])
    assert "It was changed meanwhile, and is not saved" in page
    assert ">From another tab</textarea>" in page
    assert "Another text" in await house.owner.get(f"{here}/check")
    second = re.search(r'name="was" value="(\w+)"', page)
    assert second is not None
    await house.owner.post(f"{here}/edit", **fields, text="From another tab", was=second[1])
    seen = re.search(r'name="shown" value="(\w+)"', await house.owner.get(f"{here}/start"))
    assert seen is not None
    await house.owner.post(f"{here}/start", shown=seen[1])
    assert "running" in await house.owner.get(here)


@pytest.mark.proves("C8")
async def test_nobody_and_what_has_gone_by_are_no_start(house: House):
    campaign_id = await draft(house)
    assert "nobody is in its audience" in await house.owner.post(f"/campaigns/{campaign_id}/start", 422)
    fields = {"name": "Late", "account": "anna@firm.example", "text": "Hej", "whom": "everybody", "zone": "UTC"}
    page = await house.owner.post("/campaigns/new", 422, **fields, launch="deferred", start_at="2020-01-01T09:00")
    assert "this moment has gone by" in page
    assert 'id="h-start_at" role="alert"' in page
    assert "It is not saved: what is wrong is marked below." in page


@pytest.mark.proves("campaign: limits", "C9")
async def test_one_whose_budget_is_spent_goes_on_with_a_larger_one(house: House):
    for n in (1, 2, 3):
        await contact(house, f"Member {n}", f"+453064300{n}")
    campaign_id = await draft(house, max_parts="1", any_hour="on", any_day="on", text="Hej")
    here = f"/campaigns/{campaign_id}"
    assert "Its budget is 1, all would take 3" in await estimated(house, campaign_id, "start")
    await house.owner.post(f"{here}/start")
    runner = house.site.rooms.campaign_runner
    await runner.look()
    await runner.idle()
    question = await house.owner.get(f"{here}/resume")
    assert "Spent so far: 1 of 1 parts." in question
    assert 'name="max_parts" type="text" value="1"' in question
    refused = await house.owner.post(f"{here}/resume", 422, cause="budget", budget="asked", max_parts="1")
    assert "all of that is spent" in refused
    assert "write a number" in await house.owner.post(
        f"{here}/resume", 422, cause="budget", budget="asked", max_parts="many"
    )
    await house.owner.post(f"{here}/resume", cause="budget", budget="asked", max_parts="2")
    await runner.look()
    await runner.idle()
    assert "Spent so far: 2 of 2 parts." in await house.owner.get(f"{here}/resume")
    await house.owner.post(f"{here}/resume", cause="budget", budget="asked", max_parts="")
    await runner.look()
    await runner.idle()
    figures = await house.site.rooms.campaigns.get(None, campaign_id)
    assert (figures.counts.messages, figures.counts.skipped) == (3, 0)


@pytest.mark.proves("campaign: approval", "REST keys")
@pytest.mark.parametrize("rotated", [False, True])
async def test_who_has_made_a_key_is_no_second_person_beside_it(house: House, rotated: bool):
    await house.site.rooms.approvals.set_above(house.org.id, 1)
    for n in (1, 2):
        await contact(house, f"Member {n}", f"+453064300{n}")
    second = await house.site.person(Role.OWNER, house.org.id)
    first = second if rotated else house.owner
    page = await first.post("/keys/new", 200, kind="rest", label="CRM", scopes="campaigns:run")
    if rotated:
        made = await house.site.accounts.key_named("CRM")
        page = await house.owner.post(f"/keys/{made.id}/rotate", 200, days="0")
    secret = re.search("brevdue_[0-9a-f]{32}", page)
    assert secret is not None
    campaign_id = await draft(house)
    call = f"/api/v1/campaigns/{campaign_id}/start"
    async with second.http.post(call, headers={"Authorization": f"Bearer {secret[0]}"}) as answer:
        assert (answer.status, (await answer.json())["state"]) == (200, "approval")
    question = f"/campaigns/{campaign_id}/approval"
    read = re.search(r'name="asked_at" value="([\d.]+)"', await second.get(question))
    assert read is not None
    assert question not in await house.owner.get(f"/campaigns/{campaign_id}")
    refused = await house.owner.post(question, 422, answer="approve", asked_at=read[1])
    assert "a key that you have made" in refused
    await second.post(question, answer="approve", asked_at=read[1])
    assert "running" in await house.owner.get(f"/campaigns/{campaign_id}")


@pytest.mark.proves("C12")
async def test_what_runs_stands_on_the_first_page(house: House):
    await contact(house, "Anna", "+4530643001")
    campaign_id = await draft(house)
    await sent(house.site, house.account, "Hej")
    assert "Running campaigns" not in await house.owner.get("/")
    await house.owner.post(f"/campaigns/{campaign_id}/start")
    text = await house.owner.get("/")
    assert "Running campaigns" in text
    assert f'href="/campaigns/{campaign_id}"' in text


@pytest.mark.proves("C7", "tenants")
async def test_an_operator_chooses_whose_campaign_it_is(house: House):
    text = await house.operator.get(f"/campaigns/new?org={house.other_org.id}")
    assert f'<option value="{house.other_org.id}" selected>Other</option>' in text
    assert f'action="/campaigns/new?org={house.other_org.id}"' in text
    assert "olga@other.example" in text
    assert "Write for this organisation" not in await house.owner.get("/campaigns/new")


@pytest.mark.proves("campaign: e-mail")
async def test_a_mail_has_a_subject_in_each_language(house: House):
    person = Draft(name="Bo", first_name="Bo", emails=(Point("bo@people.example"),), language="da")
    bo = await house.site.rooms.contacts.add(house.org.id, person)
    typed = {"channel": "email", "subject": "News", "text": "Come", "language": "da", "variant": "Kom"}
    campaign_id = await draft(house, **typed, variant_subject="Nyt til {{ first_name }}")
    assert 'name="variant_subject" value="Nyt til {{ first_name }}"' in await house.owner.get(
        f"/campaigns/{campaign_id}/edit"
    )
    page = await house.owner.get(f"/campaigns/{campaign_id}/check?contact={bo}")
    assert "Nyt til Bo" in page
    assert "SMS parts" not in await estimated(house, campaign_id)
    whole = {"name": "Spring", "account": "anna@firm.example", "whom": "everybody", "launch": "instant"} | typed
    lonely = await house.owner.post("/campaigns/new", 422, **(whole | {"variant": "", "variant_subject": "Nyt"}))
    assert "needs a text in it as well" in lonely
    await house.owner.post(f"/campaigns/{campaign_id}/edit", **(whole | {"language": "", "variant": ""}))
    page = await house.owner.get(f"/campaigns/{campaign_id}/check?contact={bo}")
    assert "Nyt til" not in page
    assert "News" in page


@pytest.mark.proves("C11")
async def test_a_count_in_the_form_waits_its_turn_as_those_of_groups_do(house: House, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("campaigns.counting.MOST_WAITING", 0)
    assert "too many counts at once" in await house.owner.post("/campaigns/audience", 200, whom="everybody")
