"""A house with two organisations, whose clock is set by hand and whose password hashes cost nothing."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from argon2 import PasswordHasher
from sqlalchemy import Connection, insert

from gateway.keyring import Keyring
from gateway.model import Organisation
from gateway.store.database import Database, alone
from gateway.store.schema import organisations
from web.identity.identity import Identity, make_identity
from web.identity.model import Person
from web.identity.passwords import Passwords
from web.identity.roles import Role

PASSWORD = "correct horse battery staple"


class ManualClock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def now(self) -> float:
        return self.time


@dataclass(frozen=True)
class House:
    """What a test works with."""

    identity: Identity
    database: Database
    keyring: Keyring
    clock: ManualClock

    def another_process(self) -> Identity:
        return identity_of(self.database, self.keyring, self.clock)

    async def person(self, email: str = "anna@firm.example", role: Role = Role.OWNER, org_id: str = "ACME") -> Person:
        return await self.identity.people.create(email, role, org_id, password=PASSWORD, name="Anna")


def identity_of(database: Database, keyring: Keyring, clock: ManualClock) -> Identity:
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    return make_identity(database, keyring, clock, "https://sms.example", passwords=passwords)


@pytest.fixture
async def house(database: Database) -> House:
    def organise(connection: Connection) -> None:
        for org_id in ("ACME", "OTHER"):
            each = Organisation(org_id, org_id.title(), "DK", "da", 1.0)
            values = {"id": each.id, "name": each.name, "region": "DK", "language": "da", "created_at": 1.0}
            connection.execute(insert(organisations).values(values))

    await database.write(alone(organise), None)
    keyring, clock = Keyring(b"k" * 32), ManualClock()
    return House(identity_of(database, keyring, clock), database, keyring, clock)
