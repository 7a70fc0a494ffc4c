"""Campaigns in the browser without scripts: written, checked, estimated, started, stopped; another's are not there."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from campaigns.model import Channel, Draft, Point
from tests.integration.pages.conftest import House

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
    assert "No campaign yet" in await house.owner.get("/campaigns")


@pytest.mark.proves("C10", "C12")
async def test_it_is_checked_estimated_started_and_stopped(house: House):
    anna = await contact(house, "Anna", "+4530643001")
    silent = await contact(house, "Silent", "+4530643002", no_sms=True)
    campaign_id = await draft(house)
    here = f"/campaigns/{campaign_id}"
    assert "Hej Anna!" in await house.owner.get(f"{here}/check?contact={anna}")
    assert "do not use SMS" in await house.owner.get(f"{here}/check?contact={silent}")
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
    await house.owner.post(f"{here}/copy", name="Summer")
    assert "Summer" in await house.owner.get("/campaigns?state=draft")
    actions = [action for action, _ in await house.site.audited(house.org.id) if action.startswith("campaign.")]
    verbs = ["create", "start", "pause", "resume", "cancel", "copy"]
    assert actions == [f"campaign.{verb}" for verb in verbs]


@pytest.mark.proves("tenants")
async def test_anothers_campaign_is_not_there(house: House):
    other = await house.site.organisation("Third")
    await house.site.accounts.open_account(other[1].id, "tor@third.example")
    campaign_id = await draft(house)
    from web.identity.roles import Role

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
    kept = await house.owner.get(f"/campaigns/{campaign_id}/edit")
    assert 'value="Hej {{ first_name }}"' in kept
    assert "Subject" in kept
