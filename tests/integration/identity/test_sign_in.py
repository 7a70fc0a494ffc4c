"""Signing in: how often one may fail, and that nothing tells who has an account."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from gateway.store.opening import open_database
from tests.integration.identity.conftest import PASSWORD, House, identity_of
from web.identity.errors import TooBusy, TooManyAttempts, WrongCredentials
from web.identity.identity import Identity, make_identity
from web.identity.model import Awaits
from web.identity.passwords import MAX_WAITING, Passwords
from web.identity.roles import Role
from web.identity.throttle import ACCOUNT_BURST, ACCOUNT_SECONDS, PEER_BURST, PEER_SECONDS, peer_name
from web.store.schema import sign_in_rates

HOME, AWAY = "192.0.2.1", "198.51.100.{}"


async def fail(identity: Identity, email: str, ip: str) -> type[Exception]:
    try:
        await identity.sign_in.by_password(email, "not the password", ip, "")
    except (WrongCredentials, TooManyAttempts) as error:
        return type(error)
    raise AssertionError("let in")


@pytest.mark.proves("sessions")
async def test_the_right_password_begins_a_session(house: House) -> None:
    anna = await house.person()
    signed_in = await house.identity.sign_in.by_password("ANNA@firm.example", PASSWORD, HOME, "Firefox")
    assert (signed_in.person, signed_in.awaits) == (anna, Awaits.NOTHING)
    actor = await house.identity.sessions.actor_of(signed_in.token)
    assert actor is not None
    assert actor.id == anna.id
    assert signed_in.token not in repr(signed_in)


@pytest.mark.proves("login rate limit")
async def test_unknown_wrong_and_disabled_look_alike(house: House) -> None:
    await house.person()
    gone = await house.person("gone@firm.example", org_id="ACME")
    await house.identity.people.disable(gone)
    await house.identity.people.create("none@firm.example", Role.READER, "ACME")
    told = set()
    for email, password in (
        ("nobody@firm.example", PASSWORD),
        ("anna@firm.example", "not the password"),
        ("gone@firm.example", PASSWORD),
        ("none@firm.example", ""),
        ("no address", PASSWORD),
        ("", ""),
    ):
        with pytest.raises(WrongCredentials) as refused:
            await house.identity.sign_in.by_password(email, password, HOME, "")
        told.add(str(refused.value))
    assert len(told) == 1


@pytest.mark.proves("login rate limit")
@pytest.mark.parametrize("email", ["anna@firm.example", "nobody@firm.example"])
async def test_an_account_is_guessed_at_so_often_from_however_many_addresses(house: House, email: str) -> None:
    await house.person()
    for turn in range(ACCOUNT_BURST):
        assert await fail(house.identity, email, AWAY.format(turn)) is WrongCredentials
    assert await fail(house.identity, email.upper(), AWAY.format(99)) is TooManyAttempts
    assert await fail(house.another_process(), email, AWAY.format(100)) is TooManyAttempts
    assert await fail(house.identity, "eva@firm.example", AWAY.format(99)) is WrongCredentials
    with pytest.raises(TooManyAttempts, match="60 seconds"):
        await house.identity.sign_in.by_password(email, PASSWORD, HOME, "")
    house.clock.time += ACCOUNT_SECONDS
    assert await fail(house.identity, email, AWAY.format(99)) is WrongCredentials
    assert await fail(house.identity, email, AWAY.format(99)) is TooManyAttempts


@pytest.mark.proves("login rate limit")
async def test_an_address_tries_accounts_so_often(house: House) -> None:
    for turn in range(PEER_BURST):
        assert await fail(house.identity, f"person{turn}@firm.example", HOME) is WrongCredentials
    assert await fail(house.identity, "another@firm.example", HOME) is TooManyAttempts
    assert await fail(house.identity, "another@firm.example", "192.0.2.2") is WrongCredentials
    house.clock.time += PEER_SECONDS
    assert await fail(house.identity, "another@firm.example", HOME) is WrongCredentials


@pytest.mark.proves("login rate limit")
async def test_an_office_behind_one_address_signs_in(house: House) -> None:
    await house.person()
    for _ in range(PEER_BURST + ACCOUNT_BURST + 1):
        await house.identity.sign_in.by_password("anna@firm.example", PASSWORD, HOME, "")


@pytest.mark.proves("login rate limit")
async def test_many_at_once_are_no_more_than_many_in_turn(house: House, database_url: str) -> None:
    await house.person()
    other = await open_database(database_url)
    sides = [house.identity, identity_of(other, house.keyring, house.clock)]
    ended = await asyncio.gather(
        *(fail(sides[turn % 2], "anna@firm.example", AWAY.format(turn)) for turn in range(ACCOUNT_BURST + 10))
    )
    await other.close()
    assert ended.count(WrongCredentials) == ACCOUNT_BURST


@pytest.mark.proves("login rate limit")
async def test_a_stranger_does_not_lock_a_person_out_of_where_they_sign_in(house: House) -> None:
    await house.person()
    await house.identity.sign_in.by_password("anna@firm.example", PASSWORD, HOME, "")
    for turn in range(ACCOUNT_BURST + 5):
        await fail(house.identity, "anna@firm.example", AWAY.format(turn))
    assert await fail(house.identity, "anna@firm.example", AWAY.format(99)) is TooManyAttempts
    await house.identity.sign_in.by_password("anna@firm.example", PASSWORD, HOME, "")


@pytest.mark.proves("login rate limit")
async def test_counts_survive_a_clock_that_steps_back_and_are_forgotten_in_the_end(house: House) -> None:
    for turn in range(ACCOUNT_BURST):
        await fail(house.identity, "anna@firm.example", AWAY.format(turn))
    house.clock.time -= 10 * 86_400
    assert await fail(house.identity, "anna@firm.example", AWAY.format(98)) is TooManyAttempts
    house.clock.time += ACCOUNT_SECONDS
    assert await fail(house.identity, "anna@firm.example", AWAY.format(99)) is WrongCredentials
    house.clock.time += 20 * 86_400
    assert await fail(house.identity, "anna@firm.example", AWAY.format(99)) is WrongCredentials
    rows = await house.database.read(lambda connection: connection.execute(select(sign_in_rates.c.name)).all())
    assert len(rows) == 2
    assert "anna" not in repr(rows)


@pytest.mark.proves("login rate limit")
@pytest.mark.parametrize(
    ("ip", "name"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1%eth0", "2001:db8:1:2::/64"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_one_customer_is_one_client(ip: str, name: str) -> None:
    assert peer_name(ip) == name


@pytest.mark.proves("login rate limit")
async def test_who_found_no_room_has_not_failed(house: House) -> None:
    """A flood makes people wait for its end, and no longer."""
    costly = make_identity(house.database, house.keyring, house.clock, "https://sms.example", passwords=Passwords())

    async def one(number: int) -> str | None:
        email = f"u{number}@firm.example"
        try:
            await costly.sign_in.by_password(email, "not the password", AWAY.format(number), "")
        except TooBusy:
            return email
        except WrongCredentials:
            return None
        raise AssertionError("let in")

    turned_away = [
        email for email in await asyncio.gather(*(one(number) for number in range(MAX_WAITING + 20))) if email
    ]
    assert turned_away
    for attempt in range(ACCOUNT_BURST):
        assert await fail(house.identity, turned_away[0], AWAY.format(200 + attempt)) is WrongCredentials
    assert await fail(house.identity, turned_away[0], AWAY.format(250)) is TooManyAttempts
