"""Accounts on both databases: opening, closing, editing, pausing, by an administrator and by mail."""

from __future__ import annotations

import asyncio
import random
import re
import sys
import textwrap
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from gateway.accounts import (
    AccountError,
    AccountExists,
    Accounts,
    BadAddress,
    BadValue,
    NoFreeNumber,
    NotFound,
    NumberInUse,
    PausedKey,
    TooManySecrets,
    WrongSecretFile,
)
from gateway.errors import Refusal
from gateway.keyring import Keyring
from gateway.model import ApiKey, KeyKind, Proof, ProofMethod
from gateway.registry.listings import AccountFilter, AccountState, NumberState
from gateway.settings import DialogSettings, PoolSettings
from gateway.store import schema
from gateway.store.database import Database, alone
from gateway.store.opening import open_database

ROOT = Path(__file__).parents[2]
DAY = 86_400
MILLION = PoolSettings(provider="simulator", range="+45609946000000..+45609946999999")
FIFTY = PoolSettings(provider="simulator", range="+45609946000000..+45609946000049")
TWO = PoolSettings(provider="simulator", numbers=("+4530640001", "+4530640002"))
LOGIN = Proof(ProofMethod.LOGIN, "firma.dk", "")
SPF = Proof(ProofMethod.SPF, "firma.dk", "")


class ManualClock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def now(self) -> float:
        return self.time


class House:
    """An organisation with a key, and ways to make more views of the same database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.keyring = Keyring(bytes(32))
        self.clock = ManualClock()

    def accounts(self, *pools: PoolSettings, database: Database | None = None, **dialog: Any) -> Accounts:
        return Accounts(
            database or self.database, self.keyring, pools or (MILLION,), DialogSettings(**dialog), self.clock
        )

    async def key(self, accounts: Accounts, kind: KeyKind = KeyKind.DIALOG) -> tuple[ApiKey, str]:
        return await accounts.create_key(await accounts.ensure_organisation("Acme", "DK", "da"), kind, "Sales")


@pytest.fixture
def house(database: Database) -> House:
    return House(database)


@pytest.fixture
async def accounts(house: House) -> Accounts:
    return house.accounts()


@pytest.fixture
async def key(house: House, accounts: Accounts) -> ApiKey:
    return (await house.key(accounts))[0]


@pytest.fixture
async def secret(accounts: Accounts, key: ApiKey) -> str:
    return (await accounts.show_key(key))[0]


# --- one address, one number ---------------------------------------------------------------------------------------


@pytest.mark.proves("D1", "D4")
async def test_an_address_gets_a_random_number_of_twelve_digits(accounts: Accounts, key: ApiKey) -> None:
    opened = [await accounts.open_account(key.id, f"person{n}@firma.dk") for n in range(5)]
    numbers = [account.number for account in opened]
    assert all(re.fullmatch(r"\+45\d{12}", number) for number in numbers)
    assert len(set(numbers)) == 5
    assert numbers != sorted(numbers) or int(numbers[-1]) - int(numbers[0]) > 5
    first = opened[0]
    assert (first.email, first.org_id, first.key_id) == ("person0@firma.dk", key.org_id, key.id)
    assert (first.provider, first.region, first.language, first.closed_at) == ("simulator", "DK", "da", None)


@pytest.mark.proves("D1")
@pytest.mark.parametrize(
    ("first", "again"),
    [
        ("bo@firma.dk", "Bo@Firma.DK"),
        ("Ærlig@firma.dk", "æRLIG@firma.dk"),
        ("bo@blåbær.dk", "bo@xn--blbr-roah.dk"),
        ("Åse@firma.dk", "A\u030ase@firma.dk"),
        ("  bo@firma.dk ", "bo@firma.dk"),
    ],
)
async def test_asking_again_gives_the_same_account(accounts: Accounts, key: ApiKey, first: str, again: str) -> None:
    opened = await accounts.open_account(key.id, first)
    assert await accounts.open_account(key.id, again) == opened
    assert await accounts.account_of(key.id, again) == opened


@pytest.mark.proves("D1")
@pytest.mark.parametrize(
    "email",
    ["", "bo", "bo@", "@firma.dk", "bo@firma..dk", "b o@firma.dk", "Bo <bo@firma.dk>", "bo@firma.dk\nCc: x@y.dk"],
)
async def test_what_is_no_address_is_refused_in_words(accounts: Accounts, key: ApiKey, email: str) -> None:
    with pytest.raises(BadAddress, match="is not a mail address"):
        await accounts.open_account(key.id, email)


@pytest.mark.proves("D1")
@pytest.mark.parametrize(
    "email", ["bo@intranet", "bo@firma.local", "bo@firma.test", '"bo olsen"@firma.dk', "o'neil+x@firma.dk"]
)
async def test_addresses_inside_a_company_are_fine(accounts: Accounts, key: ApiKey, email: str) -> None:
    assert (await accounts.open_account(key.id, email)).email == email


@pytest.mark.proves("D1")
async def test_an_address_has_an_account_under_each_key(house: House, accounts: Accounts, key: ApiKey) -> None:
    other, _ = await house.key(accounts)
    one = await accounts.open_account(key.id, "bo@firma.dk")
    house.clock.time += 1
    two = await accounts.open_account(other.id, "bo@firma.dk")
    assert one.number != two.number
    assert await accounts.accounts_of("BO@firma.dk") == [one, two]
    with pytest.raises(BadValue, match="has several accounts"):
        await accounts.account_named("bo@firma.dk")
    assert await accounts.account_named(two.number.replace("+", "00")) == two
    assert await accounts.account_named(one.id.lower()) == one


@pytest.mark.proves("D1")
async def test_fifty_at_once_share_fifty_numbers(house: House, database_url: str) -> None:
    beside = await open_database(database_url)
    views = [house.accounts(FIFTY), house.accounts(FIFTY, database=beside)]
    key, _ = await house.key(views[0])
    opened = await asyncio.gather(*(views[n % 2].open_account(key.id, f"p{n}@firma.dk") for n in range(50)))
    assert len({account.number for account in opened}) == 50
    with pytest.raises(NoFreeNumber, match="no free phone number"):
        await views[1].open_account(key.id, "late@firma.dk")
    with pytest.raises(Refusal) as refusal:
        await views[1].subscribe((await views[1].show_key(key))[0], "late@firma.dk", LOGIN)
    assert (refusal.value.code, refusal.value.cause) == (451, "pool drained")
    [usage] = await views[0].pool_usage()
    assert (usage.provider, usage.size, usage.in_use, usage.quarantined, usage.free) == ("simulator", 50, 50, 0, 0)
    await beside.close()


@pytest.mark.proves("D1", "D5")
async def test_the_same_address_at_once_gets_one_account(house: House, database_url: str) -> None:
    beside = await open_database(database_url)
    views = [house.accounts(), house.accounts(database=beside)]
    _, secret = await house.key(views[0])
    opened = await asyncio.gather(*(views[n % 2].subscribe(secret, "bo@firma.dk", LOGIN) for n in range(20)))
    assert len(set(opened)) == 1
    assert len(await views[0].list_numbers()) == 1
    await beside.close()


OPENER = textwrap.dedent(
    """
    import asyncio, sys
    from tests.integration.test_accounts import FIFTY, House, LOGIN
    from gateway.store.opening import open_database

    async def main(url, secret):
        database = await open_database(url)
        accounts = House(database).accounts(FIFTY)
        for account in await asyncio.gather(*(accounts.subscribe(secret, f"p{n}@firma.dk", LOGIN) for n in range(50))):
            print(account.number)
        await database.close()

    asyncio.run(main(*sys.argv[1:]))
    """
)


@pytest.mark.proves("D1", "D5")
async def test_two_processes_agree_on_every_number(house: House, database_url: str) -> None:
    accounts = house.accounts(FIFTY)
    _, secret = await house.key(accounts)
    command = (sys.executable, "-c", OPENER, database_url, secret)
    processes = [
        await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE) for _ in range(2)
    ]
    ours = [(await accounts.subscribe(secret, f"p{n}@firma.dk", LOGIN)).number for n in range(50)]
    theirs = [(await process.communicate())[0].decode().split() for process in processes]
    assert theirs == [ours, ours]
    assert len(set(ours)) == 50


@pytest.mark.proves("D1")
async def test_a_crowded_pool_gives_its_last_numbers(house: House, database: Database) -> None:
    pool = PoolSettings(provider="simulator", range="+45609946000000..+45609946001999")
    accounts = house.accounts(pool)
    key, _ = await house.key(accounts)
    taken = [f"+45609946{n:06}" for n in range(2000) if n not in {7, 1234}]
    rows = [{"number": number, "provider": "simulator", "taken_at": 1.0} for number in taken]
    await database.write(alone(lambda c: c.execute(schema.numbers.insert(), rows)), None)
    drawn = {(await accounts.open_account(key.id, f"p{n}@firma.dk")).number for n in range(2)}
    assert drawn == {"+45609946000007", "+45609946001234"}
    with pytest.raises(NoFreeNumber):
        await accounts.open_account(key.id, "late@firma.dk")


# --- closing -------------------------------------------------------------------------------------------------------


@pytest.mark.proves("D13")
async def test_closing_drops_the_number_at_once_and_opening_again_gives_another(
    accounts: Accounts, key: ApiKey, house: House
) -> None:
    first = await accounts.open_account(key.id, "bo@firma.dk")
    closed = await accounts.close_account(first)
    assert closed.closed_at == house.clock.now()
    assert await accounts.close_account(first) == closed
    assert await accounts.account_by_number(first.number) is None
    assert await accounts.account_of(key.id, "bo@firma.dk") is None
    assert await accounts.account(first.id) == closed
    second = await accounts.open_account(key.id, "bo@firma.dk")
    assert second.id != first.id
    assert second.number != first.number


@pytest.mark.proves("D13")
async def test_a_number_rests_before_somebody_else_gets_it(house: House) -> None:
    accounts = house.accounts(TWO, quarantine_days=90)
    key, _ = await house.key(accounts)
    first = await accounts.open_account(key.id, "bo@firma.dk")
    await accounts.open_account(key.id, "al@firma.dk")
    await accounts.close_account(first)
    [resting] = await accounts.list_numbers(NumberState.QUARANTINED)
    assert (resting.number, resting.account_id) == (first.number, None)
    assert resting.free_after == house.clock.now() + 90 * DAY
    [usage] = await accounts.pool_usage()
    assert (usage.in_use, usage.quarantined, usage.free) == (1, 1, 0)
    house.clock.time += 90 * DAY - 1
    with pytest.raises(NoFreeNumber):
        await accounts.open_account(key.id, "eve@firma.dk")
    house.clock.time += 1
    assert (await accounts.open_account(key.id, "eve@firma.dk")).number == first.number
    assert await accounts.list_numbers(NumberState.QUARANTINED) == []


@pytest.mark.proves("D13")
async def test_without_quarantine_the_old_number_is_the_last_resort(house: House) -> None:
    accounts = house.accounts(TWO, quarantine_days=0)
    key, _ = await house.key(accounts)
    first = await accounts.open_account(key.id, "bo@firma.dk")
    await accounts.close_account(first)
    second = await accounts.open_account(key.id, "bo@firma.dk")
    assert second.number != first.number
    await accounts.close_account(second)
    taken = await accounts.open_account(key.id, "al@firma.dk")
    third = await accounts.open_account(key.id, "bo@firma.dk")
    assert {taken.number, third.number} == {first.number, second.number}


@pytest.mark.proves("D13")
async def test_an_operator_ends_a_quarantine(house: House) -> None:
    accounts = house.accounts(TWO)
    key, _ = await house.key(accounts)
    account = await accounts.open_account(key.id, "bo@firma.dk")
    with pytest.raises(NumberInUse, match="close that first"):
        await accounts.release_number(account.number)
    await accounts.close_account(account)
    await accounts.release_number(account.number)
    assert await accounts.list_numbers() == []
    with pytest.raises(NotFound, match="not in quarantine"):
        await accounts.release_number(account.number)


@pytest.mark.proves("D13")
async def test_unsubscribing_by_mail_also_closes_what_an_administrator_opened(
    accounts: Accounts, key: ApiKey, secret: str
) -> None:
    opened = await accounts.open_account(key.id, "bo@firma.dk")
    closed = await accounts.unsubscribe(secret.upper(), "Bo@firma.dk")
    assert closed is not None
    assert (closed.id, closed.closed_at is not None) == (opened.id, True)
    assert await accounts.unsubscribe(secret, "bo@firma.dk") is None
    assert await accounts.unsubscribe("0" * 32, "bo@firma.dk") is None


@pytest.mark.proves("D13", "D14")
async def test_unsubscribing_works_on_a_paused_key(accounts: Accounts, key: ApiKey, secret: str) -> None:
    await accounts.open_account(key.id, "bo@firma.dk")
    await accounts.pause_key(key)
    assert await accounts.unsubscribe(secret, "bo@firma.dk") is not None
    assert await accounts.account_of(key.id, "bo@firma.dk") is None


@pytest.mark.proves("D1", "D13")
@pytest.mark.parametrize("seed", [1])
async def test_whatever_happens_at_once_no_number_is_shared(house: House, database_url: str, seed: int) -> None:
    chance = random.Random(seed)
    beside = await open_database(database_url)
    views = [house.accounts(FIFTY, quarantine_days=1), house.accounts(FIFTY, quarantine_days=1, database=beside)]
    key, secret = await house.key(views[0])

    async def step() -> None:
        accounts, email = chance.choice(views), f"p{chance.randrange(60)}@firma.dk"
        with suppress(Refusal):
            if chance.random() < 0.7:
                await accounts.subscribe(secret, email, LOGIN)
            else:
                await accounts.unsubscribe(secret, email)

    for _ in range(12):
        await asyncio.gather(*(step() for _ in range(12)))
        house.clock.time += DAY / 4
        for accounts in views:
            await accounts.refresh()
        opened = {each.account.number: each.account.id for each in (await views[0].list_accounts()).items}
        numbers = await views[1].list_numbers()
        assert {each.number: each.account_id for each in numbers if each.state is NumberState.IN_USE} == opened
        assert len(opened) == len((await views[0].list_accounts(AccountFilter(key_id=key.id))).items)
        assert len({each.number for each in numbers}) == len(numbers) <= 50
    await beside.close()


# --- subscribing by mail -------------------------------------------------------------------------------------------


async def refused(accounts: Accounts, secret: str, email: str, proof: Proof) -> str:
    with pytest.raises(Refusal) as refusal:
        await accounts.subscribe(secret, email, proof)
    return refusal.value.cause


@pytest.mark.proves("D5")
async def test_subscribing_opens_an_account_that_works_at_once(accounts: Accounts, key: ApiKey, secret: str) -> None:
    account = await accounts.subscribe(f" {secret.upper()} ", "bo@firma.dk", SPF)
    assert await accounts.account_by_number(account.number) == account
    assert await accounts.subscribe(secret, "bo@firma.dk", SPF) == account
    assert await accounts.open_account(key.id, "bo@firma.dk", by="mail") == account


@pytest.mark.proves("D5")
@pytest.mark.parametrize("text", ["", "0" * 32, "hello", "0" * 31, "æ" * 32, "0" * 10_000])
async def test_an_unknown_key_opens_nothing(accounts: Accounts, key: ApiKey, text: str) -> None:
    assert await refused(accounts, text, "bo@firma.dk", LOGIN) == "key missing"


@pytest.mark.proves("D3", "D5")
async def test_a_key_of_another_kind_opens_nothing(house: House, accounts: Accounts) -> None:
    key, secret = await house.key(accounts, KeyKind.REST)
    assert await refused(accounts, secret, "bo@firma.dk", LOGIN) == "key missing"
    assert await accounts.find_key(secret) is None
    assert await accounts.find_key(secret, KeyKind.REST) == key


@pytest.mark.proves("D5", "leaked key is useless")
async def test_the_first_subscriber_from_outside_fixes_the_keys_domain(
    accounts: Accounts, key: ApiKey, secret: str
) -> None:
    await accounts.subscribe(secret, "bo@salg.firma.dk", SPF)
    learnt = await accounts.key(key.id)
    assert learnt is not None
    assert learnt.domains == ("firma.dk",)
    assert (
        await refused(accounts, secret, "eve@evil.net", Proof(ProofMethod.DKIM, "evil.net", "")) == "domain not allowed"
    )
    await accounts.subscribe(secret, "al@firma.dk", SPF)
    await accounts.subscribe(secret, "guest@elsewhere.se", LOGIN)
    await accounts.set_key_domains(key, ["Evil.NET", "@blåbær.dk"])
    await accounts.subscribe(secret, "eve@evil.net", SPF)
    assert await refused(accounts, secret, "cy@firma.dk", SPF) == "domain not allowed"


@pytest.mark.proves("D5", "leaked key is useless")
async def test_strangers_at_once_cannot_both_be_first(accounts: Accounts, key: ApiKey, secret: str) -> None:
    results = await asyncio.gather(
        *(accounts.subscribe(secret, f"bo@company{n}.dk", SPF) for n in range(8)), return_exceptions=True
    )
    assert sum(isinstance(result, Refusal) for result in results) == 7


@pytest.mark.proves("D5", "leaked key is useless")
async def test_accounts_that_are_there_speak_for_their_domain(accounts: Accounts, key: ApiKey, secret: str) -> None:
    first = await accounts.open_account(key.id, "bo@firma.dk")
    assert await refused(accounts, secret, "eve@evilfirma.dk", SPF) == "domain not allowed"
    assert await refused(accounts, secret, "eve@evil.net", SPF) == "domain not allowed"
    await accounts.subscribe(secret, "al@salg.firma.dk", SPF)
    await accounts.close_account(first)
    await accounts.subscribe(secret, "bo@firma.dk", SPF)


@pytest.mark.proves("D14")
async def test_a_paused_key_takes_no_subscription_but_the_administrators(
    accounts: Accounts, key: ApiKey, secret: str
) -> None:
    await accounts.open_account(key.id, "bo@firma.dk")
    paused = await accounts.pause_key(key)
    assert paused.paused
    assert await accounts.find_key(secret) == paused
    assert await refused(accounts, secret, "bo@firma.dk", LOGIN) == "key paused"
    assert await refused(accounts, secret, "al@firma.dk", LOGIN) == "key missing"
    with pytest.raises(PausedKey):
        await accounts.open_account(key.id, "al@firma.dk", by="mail")
    opened = await accounts.open_account(key.id, "al@firma.dk", by="admin")
    assert (await accounts.resume_key(key)).paused_at is None
    assert await accounts.subscribe(secret, "al@firma.dk", LOGIN) == opened


@pytest.mark.proves("D14")
async def test_pausing_twice_keeps_the_first_time(accounts: Accounts, key: ApiKey, house: House) -> None:
    first = await accounts.pause_key(key)
    house.clock.time += 60
    assert await accounts.pause_key(key) == first


# --- what another process changes ----------------------------------------------------------------------------------


@pytest.mark.proves("D14", "D13", "D4")
async def test_a_change_by_another_process_counts_from_the_next_refresh(
    house: House, accounts: Accounts, key: ApiKey, secret: str, database_url: str
) -> None:
    beside = await open_database(database_url)
    other = house.accounts(database=beside)
    account = await accounts.open_account(key.id, "bo@firma.dk")
    await accounts.refresh()
    assert await accounts.find_key(secret) == key
    assert await accounts.account_by_number(account.number) == account
    for change in (other.pause_key, other.resume_key):
        changed = await change(key)
        await accounts.refresh()
        assert await accounts.find_key(secret) == await accounts.key(key.id) == changed
    await other.close_account(account)
    await accounts.refresh()
    assert await accounts.account_by_number(account.number) is None
    assert await accounts.accounts_of("bo@firma.dk") == []
    await beside.close()


@pytest.mark.proves("D14")
async def test_a_refresh_that_joins_others_still_sees_what_came_before_it(
    house: House, accounts: Accounts, key: ApiKey, secret: str, database_url: str
) -> None:
    beside = await open_database(database_url)
    other = house.accounts(database=beside)
    stop = False

    async def keep_asking() -> None:
        while not stop:
            await accounts.refresh()
            await accounts.find_key(secret)

    crowd = [asyncio.create_task(keep_asking()) for _ in range(5)]
    for _ in range(10):
        for change, paused in ((other.pause_key, True), (other.resume_key, False)):
            await change(key)
            await accounts.refresh()
            found = await accounts.find_key(secret)
            assert found is not None
            assert found.paused is paused
    stop = True
    await asyncio.gather(*crowd)
    await beside.close()


@pytest.mark.proves("D8")
async def test_look_ups_come_from_memory_while_nothing_changes(
    house: House, accounts: Accounts, key: ApiKey, secret: str, database: Database
) -> None:
    account = await accounts.open_account(key.id, "bo@firma.dk")
    await accounts.refresh()

    async def look_up() -> object:
        return [
            await accounts.find_key(secret),
            await accounts.account_of(key.id, "bo@firma.dk"),
            await accounts.account_by_number(account.number),
            await accounts.organisation(key.org_id),
            await accounts.secret_of(key.id),
        ]

    known = await look_up()
    await database.close()
    assert await look_up() == known


@pytest.mark.proves("D8")
async def test_memory_is_bounded(house: House, key: ApiKey) -> None:
    accounts = house.accounts()
    accounts._capacity = 10
    await accounts.refresh()
    opened = [await accounts.open_account(key.id, f"p{n}@firma.dk") for n in range(30)]
    await accounts.refresh()
    for _ in range(2):
        for account in opened:
            assert await accounts.account_of(key.id, account.email) == account
            assert await accounts.find_key("0" * 32) is None
    assert len(accounts._known) == 10


# --- keys ----------------------------------------------------------------------------------------------------------


@pytest.mark.proves("D3", "keys sealed")
async def test_a_key_is_32_hex_digits_and_nowhere_in_the_database(
    house: House, accounts: Accounts, database: Database
) -> None:
    organisation = await accounts.ensure_organisation("Acme")
    made = [await accounts.create_key(organisation) for _ in range(3)]
    secrets = [secret for _, secret in made]
    assert len(set(secrets)) == 3
    assert all(re.fullmatch("[0-9a-f]{32}", secret) for secret in secrets)
    assert [await accounts.find_key(secret) for secret in secrets] == [key for key, _ in made]
    assert [await accounts.secret_of(key.id) for key, _ in made] == secrets

    def dump(connection: Any) -> str:
        return str([connection.execute(table.select()).all() for table in schema.metadata.sorted_tables])

    stored = await database.read(dump)
    assert not [secret for secret in secrets if secret in stored]


@pytest.mark.proves("D3")
async def test_rotation_lets_two_keys_live_for_a_while(
    house: House, accounts: Accounts, key: ApiKey, secret: str
) -> None:
    fresh = await accounts.rotate_key(key, retire_after=30)
    assert await accounts.show_key(key) == [fresh, secret]
    assert await accounts.secret_of(key.id) == fresh
    assert await accounts.find_key(secret) == await accounts.find_key(fresh) == key
    with pytest.raises(TooManySecrets, match="retire the older one first"):
        await accounts.rotate_key(key)
    [listing] = await accounts.list_keys()
    assert (listing.live_secrets, listing.retires_at) == (2, house.clock.now() + 30 * DAY)
    house.clock.time += 30 * DAY
    assert await accounts.find_key(secret) is None
    assert await accounts.find_key(fresh) == key
    assert await accounts.show_key(key) == [fresh]
    newest = await accounts.rotate_key(key)
    await accounts.retire_key_secret(key)
    assert await accounts.find_key(fresh) is None
    assert await accounts.show_key(key) == [newest]
    with pytest.raises(NotFound, match="only one secret"):
        await accounts.retire_key_secret(key)


@pytest.mark.proves("D3")
async def test_an_expired_secret_is_refused_from_memory_too(
    house: House, accounts: Accounts, key: ApiKey, secret: str
) -> None:
    await accounts.rotate_key(key, retire_after=1)
    await accounts.refresh()
    assert await accounts.find_key(secret) == key
    house.clock.time += DAY
    await accounts.refresh()
    assert await accounts.find_key(secret) is None


@pytest.mark.proves("D3")
async def test_organisations_and_keys_are_found_by_what_people_know(
    house: House, accounts: Accounts, key: ApiKey, secret: str
) -> None:
    acme = await accounts.organisation_named("Acme")
    assert await accounts.organisation_named(acme.id.lower()) == await accounts.organisation(acme.id) == acme
    assert await accounts.ensure_organisation("  Acme ", "SE") == acme
    with pytest.raises(BadValue, match="already"):
        await accounts.create_organisation("Acme")
    other = await accounts.create_organisation("Other", "se", "SV")
    assert (other.region, other.language) == ("SE", "sv")
    assert [each.name for each in await accounts.list_organisations()] == ["Acme", "Other"]
    for text in (secret, secret.upper(), key.id, key.id.lower(), "Sales"):
        assert await accounts.key_named(text) == key
    await house.key(accounts)
    with pytest.raises(BadValue, match="several keys"):
        await accounts.key_named("Sales")
    assert [each.key.id for each in await accounts.list_keys(other.id)] == []
    assert len(await accounts.list_keys(acme.id)) == 2


@pytest.mark.proves("D3")
@pytest.mark.parametrize(
    ("name", "region", "language"),
    [("", None, None), ("a\x00b", None, None), ("x" * 201, None, None), ("X", "XX", None), ("X", None, "dansk")],
)
async def test_an_organisation_that_cannot_be_is_refused(
    accounts: Accounts, name: str, region: str | None, language: str | None
) -> None:
    with pytest.raises(BadValue):
        await accounts.create_organisation(name, region, language)


@pytest.mark.proves("D3")
async def test_an_organisation_made_twice_at_once_is_one(house: House, database_url: str) -> None:
    beside = await open_database(database_url)
    views = [house.accounts(), house.accounts(database=beside)]
    made = await asyncio.gather(*(views[n % 2].ensure_organisation("Acme") for n in range(10)))
    assert len(set(made)) == 1
    await beside.close()


@pytest.mark.proves("D3")
async def test_what_does_not_exist_is_said_in_words(accounts: Accounts, key: ApiKey) -> None:
    ghost = ApiKey("none", key.org_id, KeyKind.DIALOG, "", 0.0)
    for change in (
        accounts.open_account("none", "bo@firma.dk"),
        accounts.pause_key(ghost),
        accounts.resume_key(ghost),
        accounts.rotate_key(ghost),
        accounts.set_key_domains(ghost, ["firma.dk"]),
        accounts.key_named("none"),
        accounts.key_named(""),
        accounts.organisation_named("none"),
        accounts.account_named("+4512345678"),
        accounts.account_named("bo@firma.dk"),
    ):
        with pytest.raises(NotFound, match="there is no"):
            await change
    with pytest.raises(BadValue, match="not a mail domain"):
        await accounts.set_key_domains(key, ["not a domain"])
    with pytest.raises(BadValue, match="days"):
        await accounts.rotate_key(key, retire_after=-1)


@pytest.mark.proves("keys sealed")
async def test_another_secret_file_is_noticed_at_start(house: House, accounts: Accounts, key: ApiKey) -> None:
    await accounts.verify_secret_file()
    house.keyring = Keyring(bytes(range(32)))
    stranger = house.accounts()
    with pytest.raises(WrongSecretFile, match="put the backup of the right one back"):
        await stranger.verify_secret_file()
    with pytest.raises(AccountError):
        await stranger.show_key(key)


# --- management list -----------------------------------------------------------------------------------------------


@pytest.mark.proves("D6")
async def test_the_list_shows_what_the_administrator_needs(
    house: House, accounts: Accounts, key: ApiKey, database: Database
) -> None:
    account = await accounts.open_account(key.id, "bo@firma.dk")
    counts = update(schema.accounts).values(sent_count=3, received_count=2, active_at=5.0)
    await database.write(alone(lambda c: c.execute(counts)), None)
    [listing] = (await accounts.list_accounts()).items
    assert listing.account == account
    assert (listing.organisation, listing.key_label) == ("Acme", "Sales")
    assert (listing.sent, listing.received, listing.active_at, listing.has_password) == (3, 2, 5.0, False)
    assert listing.account.opened_at == house.clock.now()


@pytest.mark.proves("D6")
async def test_the_list_is_filtered(house: House, accounts: Accounts, key: ApiKey) -> None:
    other, _ = await accounts.create_key(await accounts.ensure_organisation("Other"))
    for owner, email in ((key, "bo@firma.dk"), (key, "al_x@firma.dk"), (other, "cy@other.se")):
        await accounts.open_account(owner.id, email)
        house.clock.time += 1
    await accounts.close_account(await accounts.account_named("bo@firma.dk"))

    async def emails(**wanted: Any) -> list[str]:
        return [each.account.email for each in (await accounts.list_accounts(AccountFilter(**wanted))).items]

    assert await emails() == ["al_x@firma.dk", "cy@other.se"]
    assert await emails(state=None) == ["bo@firma.dk", "al_x@firma.dk", "cy@other.se"]
    assert await emails(state=AccountState.CLOSED) == ["bo@firma.dk"]
    assert await emails(org_id=other.org_id) == await emails(key_id=other.id) == ["cy@other.se"]
    assert await emails(search="FIRMA") == await emails(search="_") == ["al_x@firma.dk"]
    assert await emails(search="%") == []
    number = (await accounts.account_named("cy@other.se")).number
    assert await emails(search=f"{number[3:7]} {number[7:]}") == ["cy@other.se"]
    await accounts.pause_key(other)
    await accounts.mark_mailbox((await accounts.account_named("al_x@firma.dk")).id, "550 no such user")
    assert await emails(state=AccountState.PAUSED) == ["cy@other.se"]
    assert await emails(state=AccountState.REFUSED) == ["al_x@firma.dk"]


@pytest.mark.proves("D6")
async def test_an_account_is_edited_in_place(house: House, accounts: Accounts, key: ApiKey) -> None:
    other, _ = await house.key(accounts)
    account = await accounts.open_account(key.id, "bo@firma.dk")
    await accounts.mark_mailbox(account.id, "550 no such user")
    changed = await accounts.change_account(
        account, email="Bo.Olsen@firma.dk", key=other, cut_signature=True, language="SV"
    )
    assert (changed.id, changed.number) == (account.id, account.number)
    assert (changed.email, changed.key_id, changed.cut_signature, changed.language, changed.mailbox_fault) == (
        "Bo.Olsen@firma.dk",
        other.id,
        True,
        "sv",
        None,
    )
    assert await accounts.account_of(other.id, "bo.olsen@firma.dk") == changed
    assert await accounts.accounts_of("bo@firma.dk") == []
    assert await accounts.change_account(changed) == changed
    assert (await accounts.change_account(changed, email="BO.OLSEN@firma.dk")).email == "BO.OLSEN@firma.dk"


@pytest.mark.proves("D6")
async def test_an_edit_that_cannot_be_is_refused_in_words(house: House, accounts: Accounts, key: ApiKey) -> None:
    account = await accounts.open_account(key.id, "bo@firma.dk")
    await accounts.open_account(key.id, "al@firma.dk")
    foreign, _ = await accounts.create_key(await accounts.ensure_organisation("Other"))
    with pytest.raises(AccountExists, match="already"):
        await accounts.change_account(account, email="AL@firma.dk")
    with pytest.raises(BadAddress):
        await accounts.change_account(account, email="al")
    with pytest.raises(BadValue, match="own organisation"):
        await accounts.change_account(account, key=foreign)
    with pytest.raises(BadValue, match="not written in"):
        await accounts.change_account(account, language="d")
    await accounts.close_account(account)
    with pytest.raises(NotFound):
        await accounts.change_account(account, language="da")


@pytest.mark.proves("D6")
async def test_a_mailbox_that_bounced_is_marked_until_it_takes_mail(accounts: Accounts, key: ApiKey) -> None:
    account = await accounts.open_account(key.id, "bo@firma.dk")
    for fault in ("550 no such user", None):
        await accounts.mark_mailbox(account.id, fault)
        marked = await accounts.account(account.id)
        assert marked is not None
        assert marked.mailbox_fault == fault
    await accounts.mark_mailbox("none", "550")


# --- signing in ----------------------------------------------------------------------------------------------------


@pytest.mark.proves("X1")
async def test_a_password_proves_the_account_it_was_made_for(accounts: Accounts, key: ApiKey) -> None:
    bo, al = [await accounts.open_account(key.id, f"{name}@firma.dk") for name in ("bo", "al")]
    password, others = await accounts.set_password(bo), await accounts.set_password(al)
    assert len(password.replace("-", "")) * 5 >= 128
    assert await accounts.check_login("BO@firma.dk", password) == "bo@firma.dk"
    assert await accounts.check_login("bo@firma.dk", password.replace("-", "").upper()) == "bo@firma.dk"
    for user, wrong in (
        ("bo@firma.dk", others),
        ("al@firma.dk", password),
        ("bo@firma.dk", ""),
        ("bo@firma.dk", password[:-1]),
        ("bo@firma.dk", "æ\x00"),
        ("", password),
        ("nobody@firma.dk", password),
    ):
        assert await accounts.check_login(user, wrong) is None
    fresh = await accounts.set_password(bo)
    assert await accounts.check_login("bo@firma.dk", password) is None
    assert await accounts.check_login("bo@firma.dk", fresh) == "bo@firma.dk"
    await accounts.remove_password(al)
    assert await accounts.check_login("al@firma.dk", others) is None
    await accounts.close_account(bo)
    assert await accounts.check_login("bo@firma.dk", fresh) is None
    with pytest.raises(NotFound):
        await accounts.set_password(bo)
