"""Organisations, providers, routes, webhooks and data protection: the pages of who runs things."""

from __future__ import annotations

import json
import re
from email import message_from_bytes, policy

import pytest
from sqlalchemy import select

from gateway.retention import Days, days_of
from gateway.store.schema import mail_queue
from tests.integration.pages.conftest import House
from tests.integration.pages.traffic import PHONE, came

pytestmark = pytest.mark.proves("settings pages")


async def test_operators_make_organisations_and_nobody_else(house: House):
    await house.operator.post("/organisations/new", 303, name="Third", region="SE", language="")
    assert "Third" in await house.operator.get("/organisations")
    again = await house.operator.post("/organisations/new", 422, name="Third", region="", language="")
    assert "already" in again
    for other in (house.owner, house.reader):
        await other.get("/organisations", 403)
        await other.post("/organisations/new", 403, name="Mine")
    assert ("organisation.create", {"name": "Third"}) in await house.site.audited()


async def test_a_provider_is_asked_and_its_balance_told_to_operators_alone(house: House):
    assert "simulator" in await house.reader.get("/providers")
    assert "DKK" in await house.operator.post("/providers/simulator/ask", 200)
    assert "DKK" not in await house.owner.post("/providers/simulator/ask", 200)
    await house.owner.post("/providers/nobody/ask", 404)


async def test_a_route_is_explained(house: House):
    assert "carries it" in await house.owner.get("/routes?phone=30643064")
    assert "is no phone number" in await house.owner.get("/routes?phone=abc", 422)
    await house.owner.get(f"/routes?phone=30643064&organisation={house.other_org.id}", 422)


async def test_a_webhook_is_made_with_its_secret_and_deleted_after_a_question(house: House):
    await house.reader.get("/webhooks", 403)
    made = await house.owner.post("/webhooks/new", 200, url="https://hooks.example.com/in", events="message.received")
    assert "whsec_" in made
    found = re.search(r"/webhooks/(\w{26})", made)
    assert found is not None
    one = f"/webhooks/{found[1]}"
    assert "message.received" in await house.owner.get(one)
    assert "whsec_" not in await house.owner.get(one)
    assert "whsec_" in await house.owner.post(f"{one}/secret", 200)
    await house.owner.post(f"{one}/pause")
    assert "paused" in await house.owner.get("/webhooks")
    refused = await house.owner.post("/webhooks/new", 422, url="http://169.254.169.254/", events="message.received")
    assert "is-invalid" in refused
    assert "Delete this webhook?" in await house.owner.get(f"{one}/delete")
    await house.owner.post(f"{one}/delete")
    await house.owner.get(one, 404)


@pytest.mark.proves("tenants")
async def test_another_organisations_webhook_is_not_there(house: House):
    theirs, _ = await house.site.rooms.webhook_endpoints.create(house.other_org.id, "https://hooks.example.com/in")
    for path in ("", "/delete"):
        await house.owner.get(f"/webhooks/{theirs.id}{path}", 404)
    for deed in ("secret", "ping", "pause", "resume", "rotate", "delete", "calls/x"):
        await house.owner.post(f"/webhooks/{theirs.id}/{deed}", 404)
    made = await house.owner.post("/webhooks/new", 200, url="https://a.example/", organisation=house.other_org.id)
    assert "whsec_" in made
    assert len(await house.site.rooms.webhook_endpoints.all_of(house.other_org.id)) == 1


@pytest.mark.proves("retention")
async def test_days_are_set_per_organisation(house: House):
    await house.owner.post("/privacy/retention", 303, texts="90", metadata="")
    assert await days_of(house.site.rooms.database, house.org.id) == Days(90, None)
    for wrong in ("-1", "ninety", "9999999"):
        assert "alert-danger" in await house.owner.post("/privacy/retention", 422, texts=wrong, metadata="")
    await house.reader.post("/privacy/retention", 403, texts="1", metadata="")
    # What a form says of another organisation counts for operators alone.
    await house.owner.post("/privacy/retention", 303, texts="30", metadata="", organisation=house.other_org.id)
    assert await days_of(house.site.rooms.database, house.other_org.id) == Days(None, None)


@pytest.mark.proves("person export", "erase")
async def test_a_person_is_exported_and_erased_after_a_question_within_the_organisation(house: House):
    await came(house.site, house.account.number, "Min hemmelighed")
    await came(house.site, house.other_account.number, "Et andet sted")
    token = await house.owner.csrf()
    exported = await house.owner.send("/privacy/person", {"csrf": token, "name": PHONE, "deed": "export"}, 200)
    assert "Min hemmelighed" in exported
    assert "Et andet sted" not in exported
    assert json.loads(exported)["format"] == "brevdue.person/1"
    assert "Erase this person?" in await house.owner.post("/privacy/person", 200, name=PHONE, deed="erase")
    assert "Min hemmelighed" in await house.owner.get("/messages")
    refused = await house.owner.post("/privacy/person", 422, name=PHONE, deed="erase", sure="yes")
    assert "still waiting to leave" in refused  # the mail with the SMS: nothing is half erased
    assert "is neither a phone number" in await house.owner.post("/privacy/person", 422, name="nobody", deed="export")
    await house.reader.post("/privacy/person", 403, name=PHONE, deed="export")


@pytest.mark.proves("D4", "bulk opening")
async def test_who_gets_an_account_is_told_by_mail_where_that_is_wanted(house: House):
    await house.owner.post("/accounts/new", 200, email="bo@firm.example", key=house.key.id, welcome="yes")
    await house.owner.post("/accounts/new", 200, email="ida@firm.example", key=house.key.id)
    await house.owner.post("/accounts/bulk/open", 200, key=house.key.id, lines="1 eva@firm.example", welcome="yes")
    assert await mailed(house) == {"bo@firm.example", "eva@firm.example"}


@pytest.mark.proves("the reader's language")
async def test_an_invitation_names_the_organisation_and_speaks_its_language(house: House):
    form = await house.operator.get("/people/invite")
    assert house.other_org.name in form
    await house.operator.post("/people/invite", 303, email="ny@other.example", role="owner", org=house.other_org.id)
    await house.operator.post("/people/invite", 422, email="x@other.example", role="owner", org="")
    await house.operator.post("/people/invite", 303, email="ops@gateway.example", role="operator", org="")
    waiting = await house.site.identity.links.list_invitations(house.other_org.id)
    assert [(link.email, link.role) for link in waiting] == [("ny@other.example", "owner")]
    assert "Invitation til Brevdue" in await letter(house, "ny@other.example")


async def mailed(house: House) -> set[str]:
    """Whom our waiting mails are for."""
    query = select(mail_queue.c.recipient)
    return set(await house.site.rooms.database.read(lambda c: c.execute(query).scalars().all()))


async def letter(house: House, email: str) -> str:
    """The waiting mail to an address."""
    query = select(mail_queue.c.content).where(mail_queue.c.recipient == email)
    content = await house.site.rooms.database.read(lambda c: c.execute(query).scalar_one())
    return str(message_from_bytes(content, policy=policy.default)["Subject"])
