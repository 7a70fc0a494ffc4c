"""People: coming, changing, and the last one who can manage something."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from argon2 import PasswordHasher

from gateway.registry.errors import BadAddress, BadValue, NotFound
from gateway.store.opening import open_database
from tests.integration.identity.conftest import PASSWORD, House, identity_of
from web.identity.errors import DeadLink, LastOfTheirKind, PersonExists, WeakPassword
from web.identity.model import LinkKind
from web.identity.passwords import Passwords
from web.identity.people import People
from web.identity.roles import Role

pytestmark = pytest.mark.proves("people")


async def test_a_person_is_found_however_their_address_is_written(house: House) -> None:
    people = house.identity.people
    assert await people.is_empty()
    made = await people.create("Anna@Firm.example", Role.OWNER, "ACME", name=" Anna  Hansen ", language="da")
    assert not await people.is_empty()
    assert made == await people.person(made.id) == await people.person_at(" aNNa@FIRM.EXAMPLE ")
    assert (made.name, made.language, made.has_password) == ("Anna Hansen", "da", False)
    assert await people.list_people("ACME") == [made]
    assert await people.list_people("OTHER") == await people.list_people(None) == []
    with pytest.raises(PersonExists):
        await people.create("anna@firm.example", Role.READER, "OTHER")


async def test_what_cannot_be_meant_is_refused(house: House) -> None:
    people = house.identity.people
    for wrong in (
        people.create("nobody", Role.READER, "ACME"),
        people.create("a@firm.example", Role.READER, None),
        people.create("a@firm.example", Role.OPERATOR, "ACME"),
        people.create("a@firm.example", Role.READER, "ACME", name="x" * 101),
        people.create("a@firm.example", Role.READER, "ACME", timezone="../../etc/passwd"),
        people.create("a@firm.example", Role.READER, "ACME", timezone="Mars/Olympus"),
        people.create("a@firm.example", Role.READER, "ACME", password="short"),
    ):
        with pytest.raises((BadAddress, BadValue, WeakPassword)):
            await wrong
    assert await people.is_empty()


async def test_editing_leaves_what_is_not_named(house: House) -> None:
    people = house.identity.people
    made = await house.person()
    changed = await people.change(made, name="Anna H.", timezone="Europe/Copenhagen")
    assert (changed.name, changed.timezone, changed.role) == ("Anna H.", "Europe/Copenhagen", Role.OWNER)
    cleared = await people.change(changed, timezone="")
    assert (cleared.name, cleared.timezone) == ("Anna H.", "")
    with pytest.raises(BadValue, match="nobody becomes one"):
        await people.change(made, role=Role.OPERATOR)


async def test_the_last_owner_and_the_last_operator_cannot_go(house: House) -> None:
    people = house.identity.people
    anna = await house.person()
    await house.person("other@other.example", Role.OWNER, "OTHER")
    await house.person("bo@firm.example", Role.ADMINISTRATOR)
    operator = await people.create("root@gateway.example", Role.OPERATOR, None)
    with pytest.raises(LastOfTheirKind):
        await people.change(anna, role=Role.READER)
    for last in (anna, operator):
        with pytest.raises(LastOfTheirKind):
            await people.disable(last)
    second = await house.person("eva@firm.example")
    disabled = await people.disable(anna)
    assert disabled.disabled_at == house.clock.now()
    with pytest.raises(LastOfTheirKind):
        await people.disable(second)
    assert (await people.enable(anna)).disabled_at is None
    await people.change(second, role=Role.SENDER)


@pytest.mark.proves("two-writers")
async def test_two_owners_who_remove_each_other_leave_one(house: House, database_url: str) -> None:
    anna, eva = await house.person(), await house.person("eva@firm.example")
    other = await open_database(database_url)
    elsewhere = identity_of(other, house.keyring, house.clock)
    ended = await asyncio.gather(
        house.identity.people.disable(anna), elsewhere.people.disable(eva), return_exceptions=True
    )
    await other.close()
    assert sum(isinstance(each, LastOfTheirKind) for each in ended) == 1
    assert sum(person.disabled_at is None for person in await house.identity.people.list_people("ACME")) == 1


async def test_passwords_are_checked_and_hashed_anew_where_ways_change(house: House) -> None:
    people = house.identity.people
    made = await house.person()
    known = await people.credentials_of(made.id)
    assert known is not None
    assert await people.check_password(known, PASSWORD)
    assert not await people.check_password(known, PASSWORD + " ")
    assert not await people.check_password(None, PASSWORD)
    assert PASSWORD not in repr(known)
    assert known.password not in repr(known)
    costlier = Passwords(PasswordHasher(time_cost=2, memory_cost=8, parallelism=1))
    assert await People(house.database, house.keyring, costlier, house.clock).check_password(known, PASSWORD)
    renewed = await people.credentials_of(made.id)
    assert renewed is not None
    assert "t=2" in renewed.password
    assert await people.check_password(renewed, PASSWORD)


async def test_a_new_password_replaces_the_old(house: House) -> None:
    people = house.identity.people
    made = await house.person()
    with pytest.raises(WeakPassword):
        await people.set_password(made, "anna@firm.example")
    await people.set_password(made, "four other words entirely")
    known = await people.credentials_of(made.id)
    assert not await people.check_password(known, PASSWORD)
    assert await people.check_password(known, "four other words entirely")


@pytest.mark.proves("one-time links")
async def test_what_is_refused_leaves_the_link_usable(house: House) -> None:
    people, links = house.identity.people, house.identity.links
    await house.person()
    token = await links.make(LinkKind.INVITATION, org_id="ACME", email="bo@firm.example", role=Role.SENDER)
    for wrong in (
        people.create("bo@firm.example", Role.SENDER, "ACME", password="short", link=token),
        people.create("anna@firm.example", Role.SENDER, "ACME", password=PASSWORD, link=token),
    ):
        with pytest.raises((WeakPassword, PersonExists)):
            await wrong
    made = await people.create("bo@firm.example", Role.SENDER, "ACME", password=PASSWORD, link=token)
    assert made.has_password
    with pytest.raises(DeadLink):
        await people.create("eva@firm.example", Role.SENDER, "ACME", password=PASSWORD, link=token)
    assert await people.person_at("eva@firm.example") is None


async def test_nobody_is_changed_who_is_not_there(house: House) -> None:
    made = await house.person()
    with pytest.raises(NotFound):
        await house.identity.people.enable(replace(made, id="NOBODY"))
