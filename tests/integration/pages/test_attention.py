"""What waits for a person: shown with what is known, and decided by whoever may."""

from __future__ import annotations

import re

import pytest

from gateway.model import Account
from gateway.sms import MessageState
from tests.integration.pages.conftest import House
from tests.integration.pages.traffic import came, sent, stands

NOBODYS = "+45609946005555"


async def in_doubt(house: House, account: Account | None = None, text: str = "Kommer du?") -> str:
    await house.site.rooms.spool.start()
    return await sent(house.site, account or house.account, text)


async def closed_number(house: House) -> str:
    """A number that an account of Acme's had."""
    gone = await house.site.accounts.open_account(house.key.id, "gone@firm.example")
    await house.site.accounts.close_account(gone)
    return gone.number


@pytest.mark.proves("attention")
async def test_what_waits_is_listed_with_what_is_known(house: House):
    assert "Nothing waits for you" in await house.owner.get("/attention")
    assert "badge" not in await house.owner.get("/attention/count", **{"HX-Request": "true"})
    await in_doubt(house)
    await came(house.site, await closed_number(house), "Er du der?")
    await house.site.accounts.pause_key(house.key)
    await came(house.site, house.account.number, "I morgen?")
    page = await house.owner.get("/attention")
    assert "no answer" in page
    assert "gone@firm.example had it last" in page
    assert f'href="/keys/{house.key.id}"' in page
    assert [words for words in ("Kommer du?", "Er du der?", "I morgen?") if words not in page] == []
    assert "3" in await house.owner.get("/attention/count", **{"HX-Request": "true"})
    held = await house.owner.get("/attention?need=held")
    assert "I morgen?" in held
    assert "Kommer du?" not in held
    assert "I morgen?" in await house.owner.get("/attention?need=nonsense")


@pytest.mark.proves("attention", "never sent again blindly")
@pytest.mark.parametrize(
    ("verdict", "question", "state"),
    [
        ("sent", "waits for its report", MessageState.SUBMITTED),
        ("not-sent", "Whoever wrote it is told", MessageState.FAILED),
        ("again", "the phone gets it twice", MessageState.QUEUED),
    ],
)
async def test_what_is_in_doubt_is_decided_after_a_question(
    house: House, verdict: str, question: str, state: MessageState
):
    message = await in_doubt(house)
    asked = await house.owner.get(f"/attention/{message}/{verdict}")
    assert question in re.sub(r"\s+", " ", asked)
    assert (await stands(house.site, message)).state == MessageState.UNKNOWN
    await house.owner.post(f"/attention/{message}/{verdict}")
    assert (await stands(house.site, message)).state == state
    assert ("message.resolve", {"verdict": verdict, "phone": "+4530643064"}) in await house.site.audited(house.org.id)
    await house.owner.post(f"/attention/{message}/{verdict}", 404)


@pytest.mark.proves("attention")
async def test_an_sms_of_nobodys_is_handed_to_an_account(house: House):
    sms = await came(house.site, NOBODYS, "Er der nogen?")
    assert "Er der nogen?" in await house.operator.get("/attention")
    wrong = await house.operator.post(f"/attention/{sms.id}/hand", 422, to="nobody at all")
    assert 'id="e-to"' in wrong
    assert 'value="nobody at all"' in wrong
    await house.operator.post(f"/attention/{sms.id}/hand", to=house.account.number)
    now = await stands(house.site, sms.id)
    assert (now.state, now.account_id, now.org_id) == ("mailed", house.account.id, house.org.id)
    assert "Er der nogen?" in await house.owner.get("/messages"), "it is its organisation's now"
    assert ("message.deliver", {"to": house.account.email}) in await house.site.audited()
    await house.operator.post(f"/attention/{sms.id}/hand", 404, to=house.account.number)


@pytest.mark.proves("attention")
async def test_an_sms_is_handed_to_an_address_without_an_account(house: House):
    sms = await came(house.site, await closed_number(house), "Hej")
    assert 'value="gone@firm.example"' in await house.owner.get(f"/attention/{sms.id}/hand")
    await house.owner.post(f"/attention/{sms.id}/hand", to="boss@firm.example")
    assert "an answer will not reach the phone" in await house.owner.get("/attention")
    now = await stands(house.site, sms.id)
    assert (now.state, now.account_id, now.org_id) == ("mailed", None, house.org.id)


@pytest.mark.proves("attention")
async def test_nothing_goes_where_the_key_is_paused(house: House):
    sms = await came(house.site, NOBODYS)
    await house.site.accounts.pause_key(house.key)
    assert "paused" in await house.operator.post(f"/attention/{sms.id}/hand", 422, to=house.account.email)
    assert (await stands(house.site, sms.id)).state == "unrouted"


@pytest.mark.proves("tenants")
async def test_what_is_another_organisations_or_nobodys_is_not_there(house: House):
    theirs = await in_doubt(house, house.other_account, "Ikke for jer")
    nobodys = (await came(house.site, NOBODYS, "Heller ikke")).id
    page = await house.owner.get("/attention")
    assert "Ikke for jer" not in page
    assert "Heller ikke" not in page
    for path in (f"{theirs}/sent", f"{theirs}/not-sent", f"{theirs}/again", f"{nobodys}/hand", "nothing/sent"):
        await house.owner.get(f"/attention/{path}", 404)
        await house.owner.post(f"/attention/{path}", 404, to=house.account.email)
    assert (await stands(house.site, theirs)).state == "unknown"
    assert (await stands(house.site, nobodys)).state == "unrouted"


@pytest.mark.proves("tenants")
async def test_another_organisations_account_is_no_account_to_hand_to(house: House):
    sms = await came(house.site, await closed_number(house))
    for name in (house.other_account.number, house.other_account.id):
        await house.owner.post(f"/attention/{sms.id}/hand", 422, to=name)
    await house.owner.post(f"/attention/{sms.id}/hand", to=house.other_account.email)
    now = await stands(house.site, sms.id)
    assert (now.account_id, now.org_id) == (None, house.org.id), "to the address it goes, but into no account"


@pytest.mark.proves("readers change nothing")
async def test_a_reader_looks_and_decides_nothing(house: House):
    message = await in_doubt(house)
    lost = (await came(house.site, await closed_number(house))).id
    page = await house.reader.get("/attention")
    assert "Kommer du?" in page
    assert "/sent" not in page
    assert "/hand" not in page
    for path in (f"{message}/sent", f"{message}/not-sent", f"{message}/again", f"{lost}/hand"):
        await house.reader.get(f"/attention/{path}", 403)
        await house.reader.post(f"/attention/{path}", 403, to=house.account.email)
    assert (await stands(house.site, message)).state == "unknown"
