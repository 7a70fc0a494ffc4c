"""Keys of the kind REST: their scopes, their form, and that they are never a mail address; on both databases."""

from __future__ import annotations

import re

import pytest

from gateway.accounts import Accounts, BadValue
from gateway.address import read_recipient
from gateway.errors import Refusal
from gateway.maillog import redact
from gateway.model import ApiKey, KeyKind
from gateway.scopes import DEFAULT_KEY_SCOPES, KEY_SCOPES, Scope
from gateway.store import key_sql
from gateway.store.database import Database
from gateway.writing.frame import masked
from tests.integration.test_accounts import LOGIN, House

pytestmark = pytest.mark.proves("REST keys")


@pytest.fixture
def house(database: Database) -> House:
    return House(database)


@pytest.fixture
async def accounts(house: House) -> Accounts:
    return house.accounts()


@pytest.fixture
async def rest(house: House, accounts: Accounts) -> tuple[ApiKey, str]:
    return await house.key(accounts, KeyKind.REST)


@pytest.fixture
async def dialog(house: House, accounts: Accounts) -> tuple[ApiKey, str]:
    return await house.key(accounts)


async def test_its_secret_is_recognised_and_masked(rest: tuple[ApiKey, str]):
    secret = rest[1]
    assert re.fullmatch("brevdue_[0-9a-f]{32}", secret)
    assert secret[8:] not in redact(f"Bearer {secret}")
    assert secret[8:] not in masked(f"Bearer {secret}")


async def test_each_kind_is_found_as_its_own_alone(
    accounts: Accounts, rest: tuple[ApiKey, str], dialog: tuple[ApiKey, str]
):
    assert await accounts.find_key(rest[1], kind=KeyKind.REST) == rest[0]
    assert await accounts.find_key(rest[1].upper(), kind=KeyKind.REST) == rest[0]
    assert await accounts.find_key(dialog[1]) == dialog[0]
    assert await accounts.find_key(dialog[1], kind=KeyKind.REST) is None
    assert await accounts.find_key(rest[1]) is None
    assert await accounts.find_key(rest[1][8:]) is None
    assert await accounts.find_key(rest[1][8:], kind=KeyKind.REST) is None


async def test_it_is_no_address_and_opens_no_account(accounts: Accounts, rest: tuple[ApiKey, str]):
    key, secret = rest
    with pytest.raises(Refusal):
        read_recipient(f"{secret}@sms.example.com", ["sms.example.com"])
    with pytest.raises(Refusal) as refused:
        await accounts.subscribe(secret, "anna@firma.dk", LOGIN)
    assert refused.value.cause == "key missing"
    with pytest.raises(BadValue, match="this one is for programs"):
        await accounts.open_account(key.id, "anna@firma.dk")
    assert not (await accounts.list_accounts()).items


async def test_no_account_moves_under_it(accounts: Accounts, rest: tuple[ApiKey, str], dialog: tuple[ApiKey, str]):
    account = await accounts.open_account(dialog[0].id, "anna@firma.dk")
    with pytest.raises(BadValue, match="this one is for programs"):
        await accounts.change_account(account, key=rest[0])
    assert (await accounts.account(account.id)) == account


async def test_it_sends_and_reads_messages_unless_somebody_says_otherwise(house: House, accounts: Accounts):
    organisation = await accounts.ensure_organisation("Acme")
    usual, _ = await accounts.create_key(organisation, KeyKind.REST)
    assert usual.scopes == DEFAULT_KEY_SCOPES == {Scope.MESSAGES_SEND, Scope.MESSAGES_READ}
    reader, _ = await accounts.create_key(organisation, KeyKind.REST, "", ["messages:read", "accounts:read"])
    other = house.accounts()
    for each in (usual, reader):
        assert await other.key(each.id) == each


async def test_its_scopes_change_for_every_process(house: House, accounts: Accounts, rest: tuple[ApiKey, str]):
    other = house.accounts()
    assert await other.find_key(rest[1], kind=KeyKind.REST) == rest[0]
    changed = await accounts.set_key_scopes(rest[0], ["numbers:read"])
    assert changed.scopes == {Scope.NUMBERS_READ}
    await other.refresh()
    found = await other.find_key(rest[1], kind=KeyKind.REST)
    assert found is not None
    assert found.scopes == {Scope.NUMBERS_READ}


async def test_a_word_of_a_later_version_grants_nothing(house: House, accounts: Accounts, rest: tuple[ApiKey, str]):
    await house.database.write(key_sql.edit, (rest[0].id, {"scopes": "messages:read everything:all"}))
    await accounts.refresh()
    found = await accounts.key(rest[0].id)
    assert found is not None
    assert found.scopes == {Scope.MESSAGES_READ}


@pytest.mark.parametrize(
    ("kind", "scopes", "said"),
    [
        (KeyKind.REST, ["messages:sned"], "no key can hold messages:sned"),
        (KeyKind.REST, ["gateway:manage"], "no key can hold gateway:manage"),
        (KeyKind.REST, ["people:write", "audit:read"], "no key can hold audit:read, people:write"),
        (KeyKind.REST, [], "name at least one"),
        (KeyKind.DIALOG, ["messages:send"], "only a key of the kind rest has scopes"),
    ],
)
async def test_what_no_key_can_hold_is_said(
    accounts: Accounts,
    rest: tuple[ApiKey, str],
    dialog: tuple[ApiKey, str],
    kind: KeyKind,
    scopes: list[str],
    said: str,
):
    with pytest.raises(BadValue, match=said):
        await accounts.create_key(await accounts.ensure_organisation("Acme"), kind, "", scopes)
    with pytest.raises(BadValue, match=said):
        await accounts.set_key_scopes(rest[0] if kind is KeyKind.REST else dialog[0], scopes)


async def test_it_is_rotated_shown_and_named_like_any_other(accounts: Accounts, rest: tuple[ApiKey, str]):
    key, secret = rest
    fresh = await accounts.rotate_key(key)
    assert re.fullmatch("brevdue_[0-9a-f]{32}", fresh)
    assert await accounts.show_key(key) == [fresh, secret]
    assert await accounts.key_named(secret) == await accounts.key_named(fresh) == key
    assert await accounts.find_key(secret, kind=KeyKind.REST) == key


async def test_every_scope_of_keys_is_kept(accounts: Accounts, rest: tuple[ApiKey, str]):
    assert (await accounts.set_key_scopes(rest[0], KEY_SCOPES)).scopes == set(KEY_SCOPES)


@pytest.mark.proves("unknown or not yours")
async def test_what_is_anothers_is_not_there(accounts: Accounts, dialog: tuple[ApiKey, str]):
    key = dialog[0]
    account = await accounts.open_account(key.id, "anna@firma.dk")
    other = await accounts.ensure_organisation("Beta")
    given = await accounts.give_number(other, "info@beta.dk")
    for org_id in (key.org_id, None):
        assert await accounts.key_within(org_id, key.id) == key
        assert await accounts.account_within(org_id, account.id) == account
        use = await accounts.number_within(org_id, account.number)
        assert use is not None
        assert use.accounts == (account,)
    assert await accounts.key_within(other.id, key.id) is None
    assert await accounts.account_within(other.id, account.id) is None
    assert await accounts.number_within(other.id, account.number) is None
    assert await accounts.number_within(key.org_id, given.number) is None
    assert await accounts.number_within(other.id, given.number) is not None
    for nothing in (await accounts.key_within(None, "x"), await accounts.number_within(None, "+4530640000")):
        assert nothing is None
