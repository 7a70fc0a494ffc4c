"""API keys (D3, D14): making, pausing, rotating, showing."""

from __future__ import annotations

from gateway.accounts import Accounts
from gateway.model import KeyKind
from gateway.registry.listings import KeyListing
from gateway.scopes import Scope
from web.identity.actor import Actor
from web.identity.audit import Audit


class KeyDesk:
    """What is done with keys."""

    def __init__(self, accounts: Accounts, audit: Audit) -> None:
        self._accounts = accounts
        self._audit = audit

    async def dialog_keys(self, actor: Actor) -> list[KeyListing]:
        """The keys that accounts can hang under; without their secrets."""
        actor.require(Scope.ACCOUNTS_READ)
        found = await self._accounts.list_keys(actor.org_id)
        return [each for each in found if each.key.kind is KeyKind.DIALOG]
