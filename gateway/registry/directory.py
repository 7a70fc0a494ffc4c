"""The directory in memory: keys, accounts and organisations as the hot path asks for them.

In: ids, key secrets, mail addresses, phone numbers. Out: frozen records, or None. Promises: after `refresh` returns,
no look-up gives what another process had already changed before `refresh` was called. Nothing is loaded before it is
asked for, and no more than `capacity` answers are kept.

A decision need not refresh first (`decide`): it is made from memory, and the transaction that makes it stand compares
the revision that it was made on.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Protocol, TypeVar, cast

from gateway.errors import Refusal
from gateway.keyring import Keyring
from gateway.model import Account, ApiKey, Clock, KeyKind, Organisation
from gateway.registry.employee_address import fold_email
from gateway.registry.number_use import NumberUse
from gateway.store import directory_sql as sql
from gateway.store.database import Database

T = TypeVar("T")
_CAPACITY = 20_000
_TRIES = 5
"""Times that a decision is made anew because the directory changes under it."""


class StaleDirectory(Exception):
    """The directory has changed since a decision was made."""


class _Owned(Protocol):
    """What belongs to an organisation."""

    @property
    def org_id(self) -> str: ...


Owned = TypeVar("Owned", bound=_Owned)


def _within(org_id: str | None, found: Owned | None) -> Owned | None:
    return found if found is not None and org_id in {None, found.org_id} else None


class Directory:
    """Look-ups, answered from memory while the database's revision stays the same."""

    def __init__(self, database: Database, keyring: Keyring, clock: Clock, capacity: int = _CAPACITY) -> None:
        self._database = database
        self._keyring = keyring
        self._clock = clock
        self._capacity = capacity
        self._revision: int | None = None
        self._known: OrderedDict[Hashable, Any] = OrderedDict()
        self._flights: dict[Hashable, asyncio.Task[Any]] = {}
        self._checking = asyncio.Lock()
        self._next_check: asyncio.Task[None] | None = None

    async def decide(self, decision: Callable[[int], Awaitable[T]]) -> T:
        """Make a decision from memory: `decision` is given the revision that it is made on.

        What it refuses, or finds stale, is decided anew where the directory has changed since. Raises what it raises.
        """
        for _ in range(_TRIES):
            if self._revision is None:
                await self.refresh()
            revision = self._revision
            try:
                return await decision(revision or 0)
            except (Refusal, StaleDirectory) as objection:
                await self.refresh()
                if self._revision == revision:
                    raise
                last = objection
        raise last

    async def refresh(self) -> None:
        """Notice what any process has changed.

        Callers share a check, but only one that begins after they asked: a check under way may be too old.
        """
        if self._next_check is None:
            self._next_check = asyncio.create_task(self._check())
        await asyncio.shield(self._next_check)

    async def find_key(self, secret: str, kind: KeyKind | None = KeyKind.DIALOG) -> ApiKey | None:
        """The key of this kind with this secret (either case), paused or not; None where no live secret is so."""
        wanted = secret.strip().lower()
        found = await self._get(("secret", wanted), self._by_digest(wanted))
        if found is None or (kind is not None and found.key.kind != kind):
            return None
        expired = found.retires_at is not None and found.retires_at <= self._clock.now()
        return None if expired else found.key

    def _by_digest(self, secret: str) -> Callable[[Any], sql.FoundKey | None]:
        return lambda connection: sql.key_by_digest(connection, self._keyring.digest(secret))

    async def key(self, key_id: str) -> ApiKey | None:
        """A key by its id."""
        return await self._get(("key", key_id), lambda connection: sql.key(connection, key_id))

    async def key_within(self, org_id: str | None, key_id: str) -> ApiKey | None:
        """The same where it is this organisation's; None for another's. Without an organisation, anybody's."""
        return _within(org_id, await self.key(key_id))

    async def secret_of(self, key_id: str) -> str | None:
        """The newest secret of a key, 32 hex digits: the local part that answers come From (D11)."""
        sealed = await self._get(("sealed", key_id), lambda connection: sql.newest_secret(connection, key_id))
        return None if sealed is None else self._keyring.open(sealed, key_id)

    async def organisation(self, org_id: str) -> Organisation | None:
        """An organisation by its id."""
        return await self._get(("organisation", org_id), lambda connection: sql.organisation(connection, org_id))

    async def account(self, account_id: str) -> Account | None:
        """An account by its id, open or closed."""
        return await self._get(("account", account_id), lambda connection: sql.account(connection, account_id))

    async def account_within(self, org_id: str | None, account_id: str) -> Account | None:
        """The same where it is this organisation's; None for another's. Without an organisation, anybody's."""
        return _within(org_id, await self.account(account_id))

    async def account_of(self, key_id: str, email: str) -> Account | None:
        """The open account of an address under a key."""
        return next((account for account in await self.accounts_of(email) if account.key_id == key_id), None)

    async def accounts_of(self, email: str) -> list[Account]:
        """The open accounts of an address under all keys, oldest first."""
        folded = fold_email(email)
        found = await self._get(("email", folded), lambda connection: sql.open_accounts_of(connection, folded) or None)
        return list(found or ())

    async def number_use(self, number: str) -> NumberUse | None:
        """Who has a number (E.164); None where nobody has."""
        return await self._get(("number", number), lambda connection: sql.number_use(connection, number))

    async def number_within(self, org_id: str | None, number: str) -> NumberUse | None:
        """The same where this organisation has it; None for another's. Without an organisation, anybody's."""
        use = await self.number_use(number)
        return use if use is not None and org_id in {None, use.org_id} else None

    async def account_by_number(self, number: str) -> Account | None:
        """The open account that has a number (E.164) for itself."""
        use = await self.number_use(number)
        return use.accounts[0] if use is not None and len(use.accounts) == 1 else None

    def forget(self) -> None:
        """Ask the database again from now on."""
        self._revision = None
        self._known.clear()
        self._flights.clear()

    async def _check(self) -> None:
        async with self._checking:
            self._next_check = None
            revision = await self._database.read(sql.revision)
            if revision != self._revision:
                self.forget()
                self._revision = revision

    async def _get(self, name: Hashable, query: Callable[[Any], T | None]) -> T | None:
        """Answer from memory, or load. What is not there is not kept: guesses must not drive out what is."""
        if name in self._known:
            self._known.move_to_end(name)
            return cast("T", self._known[name])
        flight = self._flights.get(name)
        if flight is None:
            flight = self._flights[name] = asyncio.create_task(self._load(name, query))
        return cast("T | None", await asyncio.shield(flight))

    async def _load(self, name: Hashable, query: Callable[[Any], T | None]) -> T | None:
        try:
            # The revision is read first: the answer is then at least as new, whatever the isolation level.
            revision, found = await self._database.read(
                lambda connection: (sql.revision(connection), query(connection))
            )
            if found is not None and revision == self._revision:
                self._known[name] = found
                if len(self._known) > self._capacity:
                    self._known.popitem(last=False)
            return found
        finally:
            if self._flights.get(name) is asyncio.current_task():
                del self._flights[name]
