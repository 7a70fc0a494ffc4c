"""One-time links: used once, by whoever sends the form, until they are too old."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from brevdue.welcome import notice
from gateway.store.opening import open_database
from tests.integration.identity.conftest import House, identity_of
from web.identity.errors import DeadLink
from web.identity.links import LIFETIMES
from web.identity.model import LinkKind
from web.identity.roles import Role
from web.store.schema import links

pytestmark = pytest.mark.proves("one-time links")


async def test_looking_does_not_use_a_link_up(house: House) -> None:
    held = house.identity.links
    token = await held.make(LinkKind.INVITATION, org_id="ACME", email="bo@firm.example", role=Role.SENDER, name="Bo")
    assert held.url(token) == f"https://sms.example/link/{token}"
    for _ in range(3):
        found = await house.another_process().links.look(token)
    assert (found.kind, found.org_id, found.email, found.role) == (
        LinkKind.INVITATION,
        "ACME",
        "bo@firm.example",
        Role.SENDER,
    )
    assert (await held.use(token)).name == "Bo"
    for dead in (held.look(token), held.use(token)):
        with pytest.raises(DeadLink):
            await dead


async def test_fifty_at_once_let_one_in(house: House, database_url: str) -> None:
    token = await house.identity.links.make(LinkKind.OPERATOR)
    other = await open_database(database_url)
    sides = [house.identity.links, identity_of(other, house.keyring, house.clock).links]
    ended = await asyncio.gather(*(sides[turn % 2].use(token) for turn in range(50)), return_exceptions=True)
    await other.close()
    assert sum(not isinstance(each, BaseException) for each in ended) == 1
    assert sum(isinstance(each, DeadLink) for each in ended) == 49


async def test_one_flipped_bit_is_no_link(house: House) -> None:
    token = await house.identity.links.make(LinkKind.OPERATOR)
    for place in (0, 31, 63):
        flipped = token[:place] + f"{int(token[place], 16) ^ 1:x}" + token[place + 1 :]
        with pytest.raises(DeadLink):
            await house.identity.links.look(flipped)
    for wrong in ("", token.upper() + "0", "../" * 20, "ü" * 64, token + "\n"):
        with pytest.raises(DeadLink):
            await house.identity.links.look(wrong)


async def test_the_database_gives_no_link_away(house: House) -> None:
    token = await house.identity.links.make(LinkKind.OPERATOR)
    rows = await house.database.read(lambda connection: connection.execute(select(links)).all())
    assert len(token) == 64  # 256 bits
    assert token not in repr(rows)


@pytest.mark.parametrize("kind", list(LinkKind))
async def test_a_link_is_too_old_at_the_end_of_its_time(house: House, kind: LinkKind) -> None:
    token = await house.identity.links.make(kind)
    house.clock.time += LIFETIMES[kind] - 1
    assert (await house.identity.links.look(token)).kind is kind
    house.clock.time += 1
    for dead in (house.identity.links.look(token), house.identity.links.use(token)):
        with pytest.raises(DeadLink):
            await dead


async def test_a_newer_link_ends_the_older_one_of_its_kind_alone(house: House) -> None:
    anna, eva = await house.person(), await house.person("eva@firm.example")
    held = house.identity.links
    old = await held.make(LinkKind.RESET, person_id=anna.id)
    other_kind = await held.make(LinkKind.RESCUE, person_id=anna.id)
    other_person = await held.make(LinkKind.RESET, person_id=eva.id)
    new = await held.make(LinkKind.RESET, person_id=anna.id)
    with pytest.raises(DeadLink):
        await held.look(old)
    for alive in (other_kind, other_person, new):
        await held.look(alive)


async def test_a_link_is_taken_back(house: House) -> None:
    held = house.identity.links
    token = await held.make(LinkKind.INVITATION, org_id="ACME", email="bo@firm.example", role=Role.READER)
    await held.make(LinkKind.INVITATION, org_id="OTHER", email="bo@other.example", role=Role.READER)
    [open_one] = await held.list_invitations("ACME")
    assert open_one.email == "bo@firm.example"
    assert await held.end(open_one.id)
    assert not await held.end(open_one.id)
    assert await held.list_invitations("ACME") == []
    with pytest.raises(DeadLink):
        await held.look(token)


async def test_the_links_of_who_is_disabled_end(house: House) -> None:
    anna, _ = await house.person(), await house.person("eva@firm.example")
    token = await house.identity.links.make(LinkKind.RESET, person_id=anna.id)
    await house.identity.people.disable(anna)
    with pytest.raises(DeadLink):
        await house.identity.links.look(token)


@pytest.mark.proves("first start")
async def test_only_a_terminal_reads_the_first_link_and_only_while_nobody_is_there(house: House) -> None:
    identity = house.identity
    links = identity.links
    in_a_log = await notice(house.database, lambda: links, is_terminal=False)
    assert "brevdue admin link" in in_a_log
    assert "/link/" not in in_a_log
    shown = await notice(house.database, lambda: links, is_terminal=True)
    token = shown.rpartition("/")[2]
    assert (await links.look(token)).role is Role.OPERATOR
    await identity.people.create("root@gateway.example", Role.OPERATOR, None, link=token)
    for is_terminal in (True, False):
        assert await notice(house.database, lambda: links, is_terminal=is_terminal) == ""
