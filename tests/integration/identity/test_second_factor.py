"""The second factor: codes that count once, recovery codes, and half a session in between."""

from __future__ import annotations

import asyncio

import pyotp
import pytest
from sqlalchemy import select

from gateway.store.opening import open_database
from tests.integration.identity.conftest import PASSWORD, House, identity_of
from web.identity.errors import DeadForm, TooManyAttempts, WrongCode, WrongCredentials
from web.identity.identity import Identity, make_identity
from web.identity.model import Awaits, Credentials, Person
from web.identity.roles import Role
from web.identity.second_factor import RECOVERY_CODES
from web.identity.throttle import CODE_BURST
from web.store.schema import people, recovery_codes

pytestmark = pytest.mark.proves("second factor")
IP = "192.0.2.1"


async def enrolled(house: House, person: Person) -> tuple[pyotp.TOTP, list[str]]:
    factor = house.identity.second_factor
    proposed = factor.propose(person)
    secret, picture = factor.shown(person, proposed)
    assert picture.startswith("data:image/svg+xml")
    app = pyotp.TOTP(secret)
    codes = await factor.enrol(person, proposed, app.at(int(house.clock.time)))
    house.clock.time += 30
    return app, codes


async def known(house: House, person: Person) -> Credentials:
    found = await house.identity.people.credentials_of(person.id)
    assert found is not None
    return found


async def test_a_code_is_asked_for_after_the_password(house: House) -> None:
    anna = await house.person()
    app, _ = await enrolled(house, anna)
    half = await house.identity.sign_in.by_password(anna.email, PASSWORD, IP, "")
    assert half.awaits is Awaits.CODE
    assert await house.identity.sessions.actor_of(half.token) is None
    with pytest.raises(WrongCode):
        await house.identity.sign_in.by_code(half.token, "000000", IP, "")
    whole = await house.identity.sign_in.by_code(half.token, app.at(int(house.clock.time)), IP, "")
    actor = await house.identity.sessions.actor_of(whole.token)
    assert actor is not None
    assert actor.id == anna.id
    assert await house.identity.sessions.actor_of(half.token) is None
    with pytest.raises(WrongCredentials):
        await house.identity.sign_in.by_code(half.token, app.at(int(house.clock.time) + 30), IP, "")


async def test_nothing_is_set_up_before_the_app_has_proven_itself(house: House) -> None:
    anna, eva = await house.person(), await house.person("eva@firm.example")
    factor = house.identity.second_factor
    proposed = factor.propose(anna)
    secret, _ = factor.shown(anna, proposed)
    now = int(house.clock.time)
    with pytest.raises(WrongCode):
        await factor.enrol(anna, proposed, pyotp.TOTP(pyotp.random_base32()).at(now))
    for person, form in ((eva, proposed), (anna, proposed[:-4] + "AAAA"), (anna, secret), (anna, "")):
        with pytest.raises(DeadForm):
            await factor.enrol(person, form, pyotp.TOTP(secret).at(now))
    house.clock.time += 3601
    with pytest.raises(DeadForm):
        await factor.enrol(anna, proposed, pyotp.TOTP(secret).at(int(house.clock.time)))
    assert (await house.identity.sign_in.by_password(anna.email, PASSWORD, IP, "")).awaits is Awaits.NOTHING


async def test_a_code_counts_a_step_early_or_late_and_once(house: House) -> None:
    anna = await house.person()
    app, _ = await enrolled(house, anna)
    house.clock.time += 300
    factor, now = house.identity.second_factor, int(house.clock.time)
    for seconds in (-60, 60, 3600):
        with pytest.raises(WrongCode):
            await factor.check(await known(house, anna), app.at(now + seconds))
    await factor.check(await known(house, anna), app.at(now - 30))
    await factor.check(await known(house, anna), " ".join(app.at(now)))
    for used in (now - 30, now):
        with pytest.raises(WrongCode):
            await factor.check(await known(house, anna), app.at(used))
    await factor.check(await known(house, anna), app.at(now + 30))


async def test_one_code_at_many_doors_opens_one(house: House, database_url: str) -> None:
    anna = await house.person()
    app, codes = await enrolled(house, anna)
    other = await open_database(database_url)
    sides = [house.identity, identity_of(other, house.keyring, house.clock)]
    given = await known(house, anna)
    for code in (app.at(int(house.clock.time)), codes[0]):
        ended = await asyncio.gather(
            *(sides[turn % 2].second_factor.check(given, code) for turn in range(20)), return_exceptions=True
        )
        assert ended.count(None) == 1
        assert sum(isinstance(each, WrongCode) for each in ended) == 19
    await other.close()


async def test_recovery_codes_work_once_until_there_are_new_ones(house: House) -> None:
    anna = await house.person()
    _, codes = await enrolled(house, anna)
    factor = house.identity.second_factor
    assert len(set(codes)) == RECOVERY_CODES
    await factor.check(await known(house, anna), codes[0].upper().replace("-", " "))
    assert await factor.recovery_codes_left(anna) == RECOVERY_CODES - 1
    with pytest.raises(WrongCode):
        await factor.check(await known(house, anna), codes[0])
    fresh = await factor.renew_recovery_codes(anna)
    with pytest.raises(WrongCode):
        await factor.check(await known(house, anna), codes[1])
    await factor.check(await known(house, anna), fresh[0])
    for wrong in ("", "abcd", fresh[1][:-1]):
        with pytest.raises(WrongCode):
            await factor.check(await known(house, anna), wrong)


async def test_the_database_gives_neither_secret_nor_codes_away(house: House) -> None:
    anna = await house.person()
    app, codes = await enrolled(house, anna)
    rows = await house.database.read(
        lambda connection: [*connection.execute(select(people)), *connection.execute(select(recovery_codes))]
    )
    text = repr(rows)
    assert app.secret not in text
    assert not any(code in text or code.replace("-", "") in text for code in codes)
    assert app.secret not in repr(await known(house, anna))


async def test_codes_are_guessed_at_so_often(house: House) -> None:
    anna = await house.person()
    await enrolled(house, anna)
    half = await house.identity.sign_in.by_password(anna.email, PASSWORD, IP, "")
    for turn in range(CODE_BURST):
        with pytest.raises(WrongCode):
            await house.identity.sign_in.by_code(half.token, "123456", f"198.51.100.{turn}", "")
    with pytest.raises(TooManyAttempts):
        await house.identity.sign_in.by_code(half.token, "123456", "198.51.100.99", "")


async def test_it_is_taken_off(house: House) -> None:
    anna = await house.person()
    app, codes = await enrolled(house, anna)
    await house.identity.second_factor.remove(anna)
    assert (await house.identity.sign_in.by_password(anna.email, PASSWORD, IP, "")).awaits is Awaits.NOTHING
    for code in (app.at(int(house.clock.time)), codes[0]):
        with pytest.raises(WrongCode):
            await house.identity.second_factor.check(await known(house, anna), code)


async def test_a_rescued_person_starts_without_it(house: House) -> None:
    anna = await house.person()
    await enrolled(house, anna)
    await house.identity.people.set_password(anna, "four other words entirely", drop_second_factor=True)
    signed_in = await house.identity.sign_in.by_password(anna.email, "four other words entirely", IP, "")
    assert signed_in.awaits is Awaits.NOTHING
    assert await house.identity.second_factor.recovery_codes_left(anna) == 0


async def test_where_it_is_required_it_is_set_up_before_anything_else(house: House) -> None:
    strict: Identity = make_identity(
        house.database, house.keyring, house.clock, "https://sms.example", must_have_second=[Role.OWNER]
    )
    anna, bo = await house.person(), await house.person("bo@firm.example", Role.READER)
    assert (await strict.sign_in.let_in(bo, IP, "")).awaits is Awaits.NOTHING
    half = await strict.sign_in.let_in(anna, IP, "")
    assert half.awaits is Awaits.ENROLMENT
    assert await strict.sessions.actor_of(half.token) is None
    with pytest.raises(WrongCredentials):
        await strict.sign_in.by_code(half.token, "123456", IP, "")
    await enrolled(house, anna)
    again = await house.identity.people.person(anna.id)
    assert again is not None
    assert (await strict.sign_in.let_in(again, IP, "")).awaits is Awaits.CODE
