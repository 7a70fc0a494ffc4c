"""An employee sees their own account, and nothing else."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, insert

from gateway.model import Account, new_id
from gateway.store.database import alone
from gateway.store.schema import inbound
from tests.integration.pages.conftest import House
from web.identity.model import LinkKind

pytestmark = pytest.mark.proves("employees see their own")


async def receive(house: House, account: Account, text: str, n: int = 0) -> None:
    """Let an SMS have come in for an account."""

    def put(connection: Connection) -> None:
        now = house.site.rooms.clock.now() + n / 1000
        connection.execute(
            insert(inbound).values(
                id=new_id(now),
                provider="simulator",
                ref=new_id(now),
                at=now,
                from_number="+4530643064",
                to_number=account.number,
                text=text,
                received_at=now,
                state="mailed",
                org_id=account.org_id,
                account_id=account.id,
            )
        )

    await house.site.rooms.database.write(alone(put), None)


async def test_their_number_and_their_sms(house: House):
    await receive(house, house.account, "Hej <svg onload=alert(1)>")
    await receive(house, house.other_account, "for Olga")
    anna = await house.site.employee(house.account)
    page = await anna.get("/mine")
    assert house.account.number in page
    assert "Hej &lt;svg onload=alert(1)&gt;" in page
    assert "for Olga" not in page
    assert "/keys" not in page
    await anna.get(f"/conversations/{house.account.id}")
    answer, content = await anna.fetch("/mine/qr.png")
    assert (answer.content_type, content[:4]) == ("image/png", b"\x89PNG")
    answer, _ = await anna.fetch("/mine/qr.zip")
    assert answer.content_type == "application/zip"


async def test_older_sms_are_on_further_pages(house: House):
    for number in range(60):
        await receive(house, house.account, f"number {number}.", number)
    anna = await house.site.employee(house.account)
    first = await anna.get("/mine")
    assert "number 59." in first
    assert "number 9." not in first
    cursor = first.partition('href="/mine?cursor=')[2].partition('"')[0]
    assert "number 9." in await anna.get(f"/mine?cursor={cursor}")


async def test_closing_asks_first_and_ends_the_session(house: House):
    anna = await house.site.employee(house.account)
    assert "Luk din konto?" in await anna.get("/mine/close")
    await anna.send("/mine/close", {}, 403)
    assert "Din konto er lukket" in await anna.post("/mine/close", 200)
    closed = await house.site.accounts.account(house.account.id)
    assert closed is not None
    assert closed.closed_at is not None
    await anna.get("/mine", 303)
    assert [action for action, _ in await house.site.audited()] == ["account.close"]


async def test_nothing_else_is_theirs(house: House):
    anna = await house.site.employee(house.account)
    for place in ("/accounts", f"/accounts/{house.account.id}", "/keys", "/numbers", "/accounts/bulk"):
        await anna.get(place, 403)
    await anna.post(f"/accounts/{house.account.id}/close", 403)
    await anna.post("/accounts/new", 403, email="x@firm.example", key=house.key.id)


async def test_people_have_no_account_of_their_own(house: House):
    for place in ("/mine", "/mine/close", "/mine/qr.png", "/mine/qr.zip"):
        await house.owner.get(place, 404)
    await house.owner.post("/mine/close", 404)


async def test_a_paused_key_is_told(house: House):
    await house.site.accounts.pause_key(house.key)
    assert "Din konto hviler" in await (await house.site.employee(house.account)).get("/mine")


@pytest.mark.proves("sessions", "one-time links")
async def test_an_account_that_is_given_to_somebody_else_is_theirs_alone(house: House):
    """The number stays, the reader does not: the old one's browser, link and password open nothing."""
    anna = await house.site.employee(house.account)
    await anna.get("/mine")
    token = await house.site.identity.links.make(
        LinkKind.SIGN_IN, account_id=house.account.id, org_id=house.org.id, email=house.account.email
    )
    password = await house.site.accounts.set_password(house.account)
    assert await house.site.accounts.check_login(house.account.email, password)
    edited = {"email": "bo@firm.example", "key": house.key.id, "language": "da"}
    await house.owner.post(f"/accounts/{house.account.id}/edit", **edited)
    await anna.get("/mine", 303)
    for address in (house.account.email, "bo@firm.example"):
        assert await house.site.accounts.check_login(address, password) is None
    await house.site.stranger.post(f"/link/{token}", 410)
