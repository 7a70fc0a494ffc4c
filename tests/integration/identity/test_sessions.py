"""Sessions: what a cookie opens, for how long, and how it is shut."""

from __future__ import annotations

import pytest
from sqlalchemy import insert, select, update

from gateway.model import Account, KeyKind
from gateway.store.database import alone
from gateway.store.schema import accounts, api_keys
from tests.integration.identity.conftest import House
from web.identity.actor import ActorKind
from web.identity.model import Awaits
from web.identity.roles import SCOPES, Role
from web.identity.sessions import IDLE_SECONDS, LIFE_SECONDS
from web.store.schema import sessions

pytestmark = pytest.mark.proves("sessions")
IP, AGENT = "192.0.2.7", "Mozilla/5.0 (X11; Linux)"


async def test_a_token_names_its_person_and_what_they_may_do(house: House) -> None:
    anna = await house.person(role=Role.ADMINISTRATOR)
    token = await house.identity.sessions.start(anna, IP, AGENT)
    actor = await house.another_process().sessions.actor_of(token, IP)
    assert actor is not None
    assert (actor.kind, actor.id, actor.name, actor.org_id) == (ActorKind.PERSON, anna.id, anna.email, "ACME")
    assert (actor.role, actor.scopes, actor.peer_ip) == (Role.ADMINISTRATOR, SCOPES[Role.ADMINISTRATOR], IP)
    [session] = await house.identity.sessions.list_sessions(person_id=anna.id)
    assert (session.id, session.peer_ip, session.user_agent) == (actor.session_id, IP, AGENT)
    for wrong in ("", token[:-1], token[:-1] + ("0" if token[-1] != "0" else "1"), token.upper(), session.id):
        assert await house.identity.sessions.actor_of(wrong) is None


async def test_the_database_gives_no_session_away(house: House) -> None:
    anna = await house.person()
    token = await house.identity.sessions.start(anna, IP, AGENT)
    assert len(token) == 64
    rows = await house.database.read(lambda connection: connection.execute(select(sessions)).all())
    assert token not in repr(rows)


async def test_a_change_of_role_counts_at_once(house: House) -> None:
    anna, _ = await house.person(), await house.person("eva@firm.example")
    token = await house.identity.sessions.start(anna, IP, AGENT)
    await house.another_process().people.change(anna, role=Role.READER)
    actor = await house.identity.sessions.actor_of(token)
    assert actor is not None
    assert actor.scopes == SCOPES[Role.READER]


async def test_who_is_disabled_is_out_and_stays_out(house: House) -> None:
    anna, _ = await house.person(), await house.person("eva@firm.example")
    token = await house.identity.sessions.start(anna, IP, AGENT)
    await house.identity.people.disable(anna)
    assert await house.identity.sessions.actor_of(token) is None
    late = await house.identity.sessions.start(anna, IP, AGENT)
    assert await house.identity.sessions.actor_of(late) is None
    await house.identity.people.enable(anna)
    assert await house.identity.sessions.actor_of(token) is None


async def test_an_idle_session_ends_and_a_used_one_ends_later(house: House) -> None:
    anna = await house.person()
    idle, used = [await house.identity.sessions.start(anna, IP, AGENT) for _ in range(2)]
    began = house.clock.time
    house.clock.time = began + IDLE_SECONDS - 1
    assert await house.identity.sessions.actor_of(used) is not None
    house.clock.time = began + IDLE_SECONDS + 1
    assert await house.identity.sessions.actor_of(idle) is None
    assert len(await house.identity.sessions.list_sessions(person_id=anna.id)) == 1
    while house.clock.time < began + LIFE_SECONDS:
        assert await house.identity.sessions.actor_of(used) is not None
        house.clock.time += IDLE_SECONDS / 2
    assert await house.identity.sessions.actor_of(used) is None
    await house.identity.sessions.start(anna, IP, AGENT)
    left = await house.database.read(lambda connection: connection.execute(select(sessions.c.id)).all())
    assert len(left) == 1


async def test_being_seen_is_written_once_a_minute(house: House) -> None:
    anna = await house.person()
    token = await house.identity.sessions.start(anna, IP, AGENT)
    began = house.clock.time

    async def seen_after(seconds: float) -> float:
        house.clock.time = began + seconds
        assert await house.identity.sessions.actor_of(token) is not None
        [session] = await house.identity.sessions.list_sessions(person_id=anna.id)
        return session.seen_at - began

    assert [await seen_after(seconds) for seconds in (1, 59, 60, 100, 121)] == [0, 0, 60, 60, 121]


async def test_a_new_session_takes_the_place_of_the_old(house: House) -> None:
    anna = await house.person()
    half = await house.identity.sessions.start(anna, IP, AGENT, awaits=Awaits.CODE)
    assert await house.identity.sessions.actor_of(half) is None
    assert await house.identity.sessions.half_of(half) == (anna, Awaits.CODE)
    whole = await house.identity.sessions.renew(half, anna, IP, AGENT)
    assert await house.identity.sessions.half_of(half) is None
    assert await house.identity.sessions.actor_of(half) is None
    assert await house.identity.sessions.actor_of(whole) is not None
    assert await house.identity.sessions.half_of(whole) is None


async def test_half_a_session_lasts_minutes(house: House) -> None:
    anna = await house.person()
    half = await house.identity.sessions.start(anna, IP, AGENT, awaits=Awaits.CODE)
    house.clock.time += 15 * 60 + 1
    assert await house.identity.sessions.half_of(half) is None


async def test_sessions_are_ended_by_their_owner_alone(house: House) -> None:
    anna, bo = await house.person(), await house.person("bo@firm.example", Role.READER)
    one, two, three = [await house.identity.sessions.start(anna, IP, AGENT) for _ in range(3)]
    held = house.identity.sessions
    ids = {token: actor.session_id for token in (one, two, three) if (actor := await held.actor_of(token))}
    assert not await held.end_one(str(ids[one]), person_id=bo.id)
    assert await held.end_one(str(ids[one]), person_id=anna.id)
    assert await held.actor_of(one) is None
    assert await held.end_all(person_id=anna.id, but=ids[two]) == 1
    assert await held.actor_of(three) is None
    assert await held.actor_of(two) is not None
    await held.end(two)
    assert await held.actor_of(two) is None


async def test_an_employee_sees_their_own_account_and_holds_no_scope(house: House) -> None:
    account = await _account(house)
    token = await house.identity.sessions.start(account, IP, AGENT)
    actor = await house.identity.sessions.actor_of(token)
    assert actor is not None
    assert (actor.kind, actor.account_id, actor.org_id) == (ActorKind.EMPLOYEE, account.id, "ACME")
    assert actor.scopes == frozenset()
    closed = update(accounts).where(accounts.c.id == account.id).values(closed_at=2.0)
    await house.database.write(alone(lambda connection: connection.execute(closed).rowcount), None)
    assert await house.identity.sessions.actor_of(token) is None


async def _account(house: House) -> Account:
    key = {"id": "KEY", "org_id": "ACME", "kind": KeyKind.DIALOG, "label": "", "created_at": 1.0}
    account = Account("ACCOUNT", "ACME", "KEY", "bo@firm.example", "+4512345678", "simulator", "da", "DK", True, 1.0)
    row = {
        "id": account.id, "org_id": "ACME", "key_id": "KEY", "email": account.email, "email_folded": account.email,
        "number": account.number, "provider": "simulator", "language": "da", "region": "DK", "opened_at": 1.0,
    }  # fmt: skip

    def put(connection: object) -> None:
        connection.execute(insert(api_keys).values(key))  # type: ignore[attr-defined]
        connection.execute(insert(accounts).values(row))  # type: ignore[attr-defined]

    await house.database.write(alone(put), None)
    return account
