"""A site with two organisations, and one person of each role in the first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.model import Account, ApiKey, Organisation
from gateway.store.database import Database
from gateway.store.opening import open_database
from tests.site import Browser, Site, serving
from web.identity.roles import Role


@dataclass(frozen=True)
class House:
    """What a test works with: Acme's owner, a reader there, an operator; and what belongs to somebody else."""

    site: Site
    org: Organisation
    key: ApiKey
    account: Account
    other_org: Organisation
    other_key: ApiKey
    other_account: Account
    owner: Browser
    reader: Browser
    operator: Browser


@pytest.fixture
async def database(sqlite_url: str) -> AsyncIterator[Database]:
    """What pages say does not depend on the database; what is asked of it is proven on both elsewhere."""
    opened = await open_database(sqlite_url)
    yield opened
    await opened.close()


@pytest.fixture
async def house(database: Database, tmp_path: Path) -> AsyncIterator[House]:
    async with serving(database, tmp_path) as site:
        org, key = await site.organisation("Acme")
        other_org, other_key = await site.organisation("Other")
        yield House(
            site=site,
            org=org,
            key=key,
            account=await site.accounts.open_account(key.id, "anna@firm.example"),
            other_org=other_org,
            other_key=other_key,
            other_account=await site.accounts.open_account(other_key.id, "olga@other.example"),
            owner=await site.person(Role.OWNER, org.id),
            reader=await site.person(Role.READER, org.id),
            operator=await site.person(Role.OPERATOR, None),
        )
