"""An organisation with a few contacts, on both databases."""

from __future__ import annotations

import pytest

from campaigns.contacts import Contacts
from campaigns.groups import Groups
from gateway.accounts import Accounts
from gateway.keyring import Keyring
from gateway.model import SystemClock
from gateway.settings import DialogSettings, PoolSettings
from gateway.store.database import Database
from tests.integration.conftest import (  # noqa: F401 - fixtures
    database,
    database_url,
    postgres,
    postgres_url,
    sqlite_template,
    sqlite_url,
)

POOL = PoolSettings(provider="simulator", range="+45609946000000..+45609946000099")


@pytest.fixture
def clock() -> SystemClock:
    return SystemClock()


@pytest.fixture
async def org_id(database: Database, clock: SystemClock) -> str:  # noqa: F811
    accounts = Accounts(database, Keyring(bytes(32)), (POOL,), DialogSettings(), clock)
    return (await accounts.ensure_organisation("Acme")).id


@pytest.fixture
async def other_org_id(database: Database, clock: SystemClock) -> str:  # noqa: F811
    accounts = Accounts(database, Keyring(bytes(32)), (POOL,), DialogSettings(), clock)
    return (await accounts.ensure_organisation("Other")).id


@pytest.fixture
def contacts(database: Database, clock: SystemClock) -> Contacts:  # noqa: F811
    return Contacts(database, clock)


@pytest.fixture
def groups(database: Database, clock: SystemClock) -> Groups:  # noqa: F811
    return Groups(database, clock)
