"""The pages of accounts: looked at, opened, edited, closed, by whoever may (D4, D6, D7, D13)."""

from __future__ import annotations

import io
import re
import zipfile

import pytest

from gateway.model import KeyKind
from tests.integration.pages.conftest import House


def addresses(page: str) -> list[str]:
    """The accounts of a list, in its order."""
    return re.findall(r'<td class="long"><a href="/accounts/\w+">([^<]+)</a>', page)


@pytest.mark.proves("D4")
async def test_an_account_is_opened_and_its_number_shown(house: House):
    assert house.key.id in await house.owner.get("/accounts/new")
    page = await house.owner.post("/accounts/new", 200, email="Bo@firm.example", key=house.key.id)
    opened = await house.site.accounts.account_of(house.key.id, "bo@firm.example")
    assert opened is not None
    assert f'data-copy="{opened.number}"' in page
    assert "The account is open" in page
    assert ("account.open", {"email": "Bo@firm.example", "number": opened.number}) in await house.site.audited()
    again = await house.owner.post("/accounts/new", 200, email="bo@firm.example", key=house.key.id)
    assert "There is an account already" in again
    assert f'data-copy="{opened.number}"' in again


@pytest.mark.proves("D14")
async def test_an_account_is_opened_on_a_paused_key(house: House):
    await house.site.accounts.pause_key(house.key)
    await house.owner.post("/accounts/new", 200, email="bo@firm.example", key=house.key.id)
    listed = await house.owner.get("/accounts?state=paused")
    assert addresses(listed) == ["anna@firm.example", "bo@firm.example"]
    assert "The key is paused" in await house.owner.get(f"/accounts/{house.account.id}")


@pytest.mark.proves("D4")
async def test_a_wrong_address_is_told_beside_the_field(house: House):
    page = await house.owner.post("/accounts/new", 422, email="<bo>", key=house.key.id)
    assert 'value="&lt;bo&gt;"' in page
    assert re.search(r'id="e-email" role="alert">[^<]+mail address', page)


@pytest.mark.proves("D6")
async def test_the_list_is_searched_sorted_and_filtered(house: House):
    for name in ("bo", "cy", "dina"):
        await house.site.accounts.open_account(house.key.id, f"{name}@firm.example")
    closed = await house.site.accounts.open_account(house.key.id, "gone@firm.example")
    await house.site.accounts.close_account(closed)
    await house.site.accounts.mark_mailbox(house.account.id, "550 5.1.1 <script>no</script>")
    everybody = [f"{name}@firm.example" for name in ("anna", "bo", "cy", "dina")]
    assert addresses(await house.owner.get("/accounts")) == everybody
    downwards = await house.owner.get("/accounts?sort=-email")
    assert addresses(downwards) == everybody[::-1]
    assert 'aria-sort="descending"' in downwards
    assert addresses(await house.owner.get("/accounts?q=DIN")) == ["dina@firm.example"]
    assert addresses(await house.owner.get(f"/accounts?q={house.account.number[3:]}")) == ["anna@firm.example"]
    assert addresses(await house.owner.get("/accounts?state=closed")) == ["gone@firm.example"]
    refused = await house.owner.get("/accounts?state=refused")
    assert addresses(refused) == ["anna@firm.example"]
    assert "550 5.1.1 &lt;script&gt;" in refused
    assert "Nothing found" in await house.owner.get(f"/accounts?key={house.other_key.id}")
    assert addresses(await house.owner.get(f"/accounts?org={house.other_org.id}")) == everybody
    both = await house.operator.get("/accounts?sort=email")
    assert addresses(both) == [*everybody, "olga@other.example"]
    assert addresses(await house.operator.get(f"/accounts?org={house.other_org.id}")) == ["olga@other.example"]


@pytest.mark.proves("D6")
async def test_pages_go_on_and_back(house: House):
    for number in range(60):
        await house.site.accounts.open_account(house.key.id, f"e{number:02}@firm.example")
    first = await house.owner.get("/accounts?sort=email")
    assert len(addresses(first)) == 40
    assert len(first.encode()) < 100_000
    assert "61 accounts" in first
    ahead = re.search(r'rel="next" href="([^"]+)"', first)
    assert ahead is not None
    second = await house.owner.get(ahead[1].replace("&amp;", "&"))
    assert addresses(second) == [f"e{number:02}@firm.example" for number in range(39, 60)]
    back = re.search(r'rel="prev" href="([^"]+)"', second)
    assert back is not None
    assert addresses(await house.owner.get(back[1].replace("&amp;", "&"))) == addresses(first)
    part = await house.owner.get("/accounts", **{"HX-Request": "true"})
    assert "<html" not in part
    await house.owner.get("/accounts?cursor=nonsense", 422)


@pytest.mark.proves("D6")
async def test_an_account_is_edited_in_place(house: House):
    second, _ = await house.site.accounts.create_key(house.org, label="Second")
    await house.site.accounts.mark_mailbox(house.account.id, "552 full")
    path = f"/accounts/{house.account.id}"
    assert "anna@firm.example" in await house.owner.get(f"{path}/edit")
    same = {"email": "anna@firm.example", "key": house.key.id, "language": "da"}
    await house.owner.post(f"{path}/edit", **(same | {"cut_signature": "true"}))
    assert "552 full" in await house.owner.get(path)
    await house.owner.post(f"{path}/edit", **(same | {"email": "anna@new.example", "key": second.id, "language": "de"}))
    changed = await house.site.accounts.account(house.account.id)
    assert changed is not None
    assert (changed.email, changed.key_id, changed.language) == ("anna@new.example", second.id, "de")
    assert changed.number == house.account.number
    assert not changed.cut_signature
    assert changed.mailbox_fault is None
    await house.site.accounts.open_account(second.id, "bo@firm.example")
    taken = await house.owner.post(f"{path}/edit", 422, email="bo@firm.example", key=second.id)
    assert 'id="e-email"' in taken


@pytest.mark.proves("D13")
async def test_an_account_is_closed_after_a_question(house: House):
    path = f"/accounts/{house.account.id}"
    assert "loses the number" in await house.owner.get(f"{path}/close")
    assert "anna@firm.example" in await house.owner.get("/accounts")
    await house.owner.post(f"{path}/close")
    assert "anna@firm.example" not in addresses(await house.owner.get("/accounts"))
    assert "This account was closed" in await house.owner.get(path)
    assert ("account.close", {"email": house.account.email, "number": house.account.number}) in (
        await house.site.audited()
    )


@pytest.mark.proves("D7")
async def test_the_code_and_its_package(house: House):
    path = f"/accounts/{house.account.id}"
    ways = re.findall(r'href="(/(?:conversations|messages)[/?][^"]+)"', await house.reader.get(path))
    assert [await house.reader.get(way) for way in ways]
    assert "Fetch QR package" in await house.reader.get(f"{path}/qr")
    answer, content = await house.reader.fetch(f"{path}/qr.zip")
    assert f"qr-sms-{house.account.number[1:]}.zip" in answer.headers["content-disposition"]
    assert len(zipfile.ZipFile(io.BytesIO(content)).namelist()) > 10


@pytest.mark.proves("D6")
async def test_a_password_is_made_shown_once_and_removed(house: House):
    path = f"/accounts/{house.account.id}"
    page = await house.owner.post(f"{path}/password", 200)
    found = re.search(r"<code>([a-z2-7]{7}(?:-[a-z2-7]{1,7})+)</code>", page)
    assert found is not None
    assert await house.site.accounts.check_login("anna@firm.example", found[1]) == "anna@firm.example"
    assert found[1] not in await house.owner.get(path)
    assert "there is one" in await house.owner.get(path)
    await house.owner.post(f"{path}/password/remove")
    assert await house.site.accounts.check_login("anna@firm.example", found[1]) is None
    assert not any(found[1] in str(detail) for _, detail in await house.site.audited())


DEEDS = ["edit", "close", "password", "password/remove"]


@pytest.mark.proves("tenants")
async def test_another_organisations_account_is_not_there(house: House):
    path = f"/accounts/{house.other_account.id}"
    for place in ("", "/edit", "/close", "/password", "/qr", "/qr.png", "/qr.zip"):
        text = await house.owner.get(f"{path}{place}", 404)
        assert "olga" not in text
        assert house.other_account.number not in text
    for deed in DEEDS:
        await house.owner.post(f"{path}/{deed}", 404, email="x@firm.example", key=house.key.id)
    await house.owner.post("/accounts/new", 422, email="x@firm.example", key=house.other_key.id)
    await house.owner.post(f"/accounts/{house.account.id}/edit", 404, email="x@firm.example", key=house.other_key.id)
    assert await house.site.accounts.account(house.other_account.id) == house.other_account
    assert "olga" not in await house.owner.get("/accounts?state=all")


@pytest.mark.proves("readers change nothing")
async def test_a_reader_looks_and_changes_nothing(house: House):
    path = f"/accounts/{house.account.id}"
    looked = await house.reader.get("/accounts") + await house.reader.get(path)
    assert "/edit" not in looked
    assert "/close" not in looked
    for place in ("/accounts/new", "/accounts/bulk", f"{path}/edit", f"{path}/close", f"{path}/password"):
        await house.reader.get(place, 403)
    for deed in DEEDS:
        await house.reader.post(f"{path}/{deed}", 403, email="x@firm.example", key=house.key.id)
    await house.reader.post("/accounts/new", 403, email="x@firm.example", key=house.key.id)
    assert await house.site.accounts.account(house.account.id) == house.account


@pytest.mark.proves("CSRF")
async def test_a_form_without_our_token_does_nothing(house: House):
    path = f"/accounts/{house.account.id}"
    for deed in DEEDS:
        await house.owner.send(f"{path}/{deed}", {"email": "x@firm.example"}, 403)
        await house.owner.send(f"{path}/{deed}", {"csrf": "0" * 64, "email": "x@firm.example"}, 403)
    await house.owner.send("/accounts/new", {"email": "x@firm.example", "key": house.key.id}, 403)
    assert await house.site.accounts.account(house.account.id) == house.account


@pytest.mark.proves("D3")
async def test_only_dialog_keys_are_offered(house: House):
    rest, _ = await house.site.accounts.create_key(house.org, KeyKind.REST, label="A program")
    assert rest.id not in await house.owner.get("/accounts/new")
    await house.owner.post("/accounts/new", 422, email="bo@firm.example", key=rest.id)
