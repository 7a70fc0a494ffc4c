"""The audit log: who changed what."""

from __future__ import annotations

import pytest

from tests.integration.identity.conftest import House
from web.identity.roles import Role
from web.identity.sessions import person_actor

pytestmark = pytest.mark.proves("audit log")


async def test_entries_say_who_did_what_from_where(house: House) -> None:
    anna = person_actor(await house.person(), "192.0.2.1")
    await house.identity.audit.note(anna, "account.open", "A1", email="bo@firm.example", number="+4512345678", key=None)
    [entry] = await house.identity.audit.page("ACME")
    assert (entry.actor_kind, entry.actor_name, entry.peer_ip) == ("person", "anna@firm.example", "192.0.2.1")
    assert (entry.action, entry.subject, entry.at) == ("account.open", "A1", house.clock.now())
    assert entry.detail == {"email": "bo@firm.example", "number": "+4512345678"}


async def test_pages_go_back_in_time_without_gaps(house: House) -> None:
    anna = person_actor(await house.person(), "")
    for turn in range(25):
        house.clock.time += turn % 3 / 1000  # several within one millisecond
        await house.identity.audit.note(anna, "account.open" if turn % 2 else "key.pause", str(turn))
    read: list[str] = []
    before = None
    while page := await house.identity.audit.page("ACME", before=before, limit=10):
        read += [entry.subject for entry in page]
        before = page[-1].id
    assert sorted(read, key=int) == [str(turn) for turn in range(25)]
    assert {entry.action for entry in await house.identity.audit.page("ACME", action="key.")} == {"key.pause"}


async def test_an_organisation_sees_its_own(house: House) -> None:
    anna = person_actor(await house.person(), "")
    operator = person_actor(await house.identity.people.create("root@x.example", Role.OPERATOR, None), "")
    await house.identity.audit.note(anna, "key.pause", "K1")
    await house.identity.audit.note(operator, "key.pause", "K2", org_id="OTHER")
    await house.identity.audit.note(operator, "provider.check", "simulator")
    assert [entry.subject for entry in await house.identity.audit.page("ACME")] == ["K1"]
    assert [entry.subject for entry in await house.identity.audit.page("OTHER")] == ["K2"]
    assert {entry.subject for entry in await house.identity.audit.page(None)} == {"K1", "K2", "simulator"}
