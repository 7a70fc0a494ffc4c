"""The pages of keys: made, shown, paused, rotated, by whoever may (D3, D14)."""

from __future__ import annotations

import re

import pytest

from gateway.model import KeyKind
from gateway.scopes import Scope
from tests.integration.pages.conftest import House
from tests.site import DOMAIN
from web.desk.keys import KeyDesk
from web.identity.actor import Actor, ActorKind, NotAllowed


@pytest.mark.proves("D3")
async def test_a_dialog_key_is_made_and_shown_with_its_address(house: House):
    page = await house.owner.post("/keys/new", 200, kind="dialog", label=" Front  desk ")
    made = await house.site.accounts.key_named("Front desk")
    (secret,) = await house.site.accounts.show_key(made)
    assert f"<code>{secret}@{DOMAIN}</code>" in page
    assert secret not in await house.owner.get("/keys")
    assert secret not in await house.owner.get(f"/keys/{made.id}")
    shown = await house.owner.post(f"/keys/{made.id}/show", 200)
    assert f"{secret}@{DOMAIN}" in shown
    log = await house.site.audited()
    assert [action for action, _ in log] == ["key.create", "key.show"]
    assert secret not in str(log)


@pytest.mark.proves("REST keys")
async def test_a_rest_key_has_the_scopes_that_were_ticked_and_is_shown_once(house: House):
    boxes = await house.owner.get("/keys/new")
    assert 'value="accounts:read"' in boxes
    assert 'value="gateway:manage"' not in boxes
    page = await house.owner.post("/keys/new", 200, kind="rest", label="CRM", scopes="messages:send")
    made = await house.site.accounts.key_named("CRM")
    assert (made.kind, made.scopes) == (KeyKind.REST, frozenset({Scope.MESSAGES_SEND}))
    (secret,) = await house.site.accounts.show_key(made)
    assert secret in page
    assert secret not in await house.owner.post(f"/keys/{made.id}/show", 200)
    await house.owner.post(f"/keys/{made.id}/edit", label="CRM 2", scopes="messages:read")
    edited = await house.site.accounts.key(made.id)
    assert edited is not None
    assert (edited.label, edited.scopes) == ("CRM 2", frozenset({Scope.MESSAGES_READ}))
    assert "a key without scopes opens nothing" in await house.owner.post("/keys/new", 422, kind="rest", label="x")
    await house.owner.post("/keys/new", 403, kind="rest", label="x", scopes="gateway:manage")
    await house.operator.post("/keys/new", 422, kind="rest", label="x", scopes="gateway:manage", org=house.org.id)


@pytest.mark.proves("D14")
async def test_a_pause_says_how_many_accounts_it_stops_and_ends(house: House):
    await house.site.accounts.open_account(house.key.id, "bo@firm.example")
    path = f"/keys/{house.key.id}"
    assert "All 2 accounts rest" in await house.owner.get(f"{path}/pause")
    await house.owner.post(f"{path}/pause")
    assert "Paused since" in await house.owner.get("/keys")
    paused = await house.site.accounts.key(house.key.id)
    assert paused is not None
    assert paused.paused
    assert "2 accounts work again" in await house.owner.get(f"{path}/pause")
    await house.owner.post(f"{path}/resume")
    resumed = await house.site.accounts.key(house.key.id)
    assert resumed is not None
    assert not resumed.paused
    assert [action for action, _ in await house.site.audited()] == ["key.pause", "key.resume"]


@pytest.mark.proves("D3")
async def test_a_key_is_rotated_and_its_old_secret_stopped(house: House):
    path = f"/keys/{house.key.id}"
    (old,) = await house.site.accounts.show_key(house.key)
    assert "must be 0 or more" in await house.owner.post(f"{path}/rotate", 422, days="many")
    page = await house.owner.post(f"{path}/rotate", 200, days="14")
    new, still = await house.site.accounts.show_key(house.key)
    assert (still, f"{new}@{DOMAIN}" in page) == (old, True)
    assert "Two secrets work" in await house.owner.get(path)
    assert "The last change is under way" in await house.owner.get(f"{path}/rotate")
    assert "The last change is under way" in await house.owner.post(f"{path}/rotate", 422, days="14")
    assert "refused from now on" in await house.owner.get(f"{path}/retire")
    await house.owner.post(f"{path}/retire")
    assert await house.site.accounts.show_key(house.key) == [new]
    await house.owner.post(f"{path}/retire", 404)


@pytest.mark.proves("D3")
async def test_label_and_mail_domains_are_edited(house: House):
    path = f"/keys/{house.key.id}"
    await house.owner.post(f"{path}/edit", label="Reception", domains="firm.example, Other.Example\n")
    edited = await house.site.accounts.key(house.key.id)
    assert edited is not None
    assert (edited.label, edited.domains) == ("Reception", ("firm.example", "other.example"))
    wrong = await house.owner.post(f"{path}/edit", 422, label="<b>", domains="not a domain!")
    assert 'value="&lt;b&gt;"' in wrong
    assert "not a domain!" in wrong


@pytest.mark.proves("D3")
async def test_the_list_leads_to_the_accounts_under_a_key(house: House):
    page = await house.owner.get("/keys")
    assert re.search(rf'<a href="/accounts\?key={house.key.id}">1</a>', page)
    assert house.other_key.id not in page
    assert house.other_key.id in await house.operator.get("/keys")


@pytest.mark.proves("D3")
async def test_an_operator_makes_a_key_for_an_organisation(house: House):
    await house.operator.post("/keys/new", 200, kind="dialog", label="Theirs", org=house.other_org.id)
    assert (await house.site.accounts.key_named("Theirs")).org_id == house.other_org.id
    await house.owner.post("/keys/new", 200, kind="dialog", label="Mine", org=house.other_org.id)
    assert (await house.site.accounts.key_named("Mine")).org_id == house.org.id


DEEDS = ["show", "edit", "pause", "resume", "rotate", "retire"]


@pytest.mark.proves("tenants")
async def test_another_organisations_key_is_not_there(house: House):
    path = f"/keys/{house.other_key.id}"
    for place in ("", "/edit", "/pause", "/rotate", "/retire"):
        assert "Other reception" not in await house.owner.get(f"{path}{place}", 404)
    for deed in DEEDS:
        await house.owner.post(f"{path}/{deed}", 404, days="1", label="x")
    assert await house.site.accounts.key(house.other_key.id) == house.other_key


@pytest.mark.proves("readers change nothing")
async def test_a_reader_sees_no_keys(house: House):
    for place in ("/keys", "/keys/new", f"/keys/{house.key.id}", f"/keys/{house.key.id}/pause"):
        await house.reader.get(place, 403)
    for deed in DEEDS:
        await house.reader.post(f"/keys/{house.key.id}/{deed}", 403, days="1")
    await house.reader.post("/keys/new", 403, kind="dialog")


@pytest.mark.proves("CSRF")
async def test_a_form_without_our_token_does_nothing(house: House):
    for deed in DEEDS:
        await house.owner.send(f"/keys/{house.key.id}/{deed}", {"days": "0"}, 403)
    await house.owner.send("/keys/new", {"kind": "dialog"}, 403)
    assert await house.site.accounts.key(house.key.id) == house.key


@pytest.mark.proves("REST keys")
async def test_a_program_gives_no_key_what_it_may_not_do_itself(house: House):
    desk = KeyDesk(house.site.accounts, house.site.identity.audit, DOMAIN)
    held = frozenset({Scope.KEYS_READ, Scope.KEYS_WRITE})
    program = Actor(ActorKind.KEY, "K", "program", held, house.org.id)
    strong, _ = await house.site.accounts.create_key(house.org, KeyKind.REST, "strong", [Scope.ACCOUNTS_WRITE])
    with pytest.raises(NotAllowed):
        await desk.create(program, KeyKind.REST, "more", scopes=[Scope.ACCOUNTS_WRITE])
    with pytest.raises(NotAllowed):
        await desk.edit(program, strong.id, scopes=[Scope.ACCOUNTS_WRITE, Scope.MESSAGES_READ])
    with pytest.raises(NotAllowed):
        await desk.rotate(program, strong.id, 0)
    assert (await desk.create(program, KeyKind.REST, "less", scopes=[Scope.KEYS_READ])).secrets
