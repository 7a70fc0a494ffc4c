"""API keys (D3, D14): making, pausing, rotating, showing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from gateway.accounts import Accounts
from gateway.model import ApiKey, KeyKind
from gateway.registry.errors import NotFound
from gateway.registry.keys import valid_label
from gateway.registry.listings import KeyListing
from gateway.scopes import DEFAULT_KEY_SCOPES, Scope
from gateway.translation import sentence
from web.desk.tenancy import seen
from web.identity.actor import Actor
from web.identity.audit import Audit


@dataclass(frozen=True, slots=True)
class ShownKey:
    """A key with what it opens; for dialog keys the mail address that it makes."""

    key: ApiKey
    secrets: tuple[str, ...] = field(repr=False)
    """The newest first."""
    addresses: tuple[str, ...] = field(repr=False)


class KeyDesk:
    """What is done with keys."""

    def __init__(self, accounts: Accounts, audit: Audit, mail_domain: str) -> None:
        """`mail_domain` is the first of `[mail] domains`: a dialog key's address is there."""
        self._accounts = accounts
        self._audit = audit
        self._mail_domain = mail_domain

    # --- looking -----------------------------------------------------------------------------------------------

    async def dialog_keys(self, actor: Actor) -> list[KeyListing]:
        """The keys that accounts can hang under; without their secrets."""
        actor.require(Scope.ACCOUNTS_READ)
        found = await self._accounts.list_keys(actor.org_id)
        return [each for each in found if each.key.kind is KeyKind.DIALOG]

    async def list(self, actor: Actor) -> Sequence[KeyListing]:
        """Keys of both kinds, oldest first; without their secrets."""
        actor.require(Scope.KEYS_READ)
        return await self._accounts.list_keys(actor.org_id)

    async def listing(self, actor: Actor, key_id: str) -> KeyListing:
        """One key as the list shows it. Raises NotFound."""
        key = await self.get(actor, key_id)
        listed = await self._accounts.list_keys(key.org_id)
        return next(each for each in listed if each.key.id == key.id)

    async def get(self, actor: Actor, key_id: str) -> ApiKey:
        """One key. Raises NotFound."""
        actor.require(Scope.KEYS_READ)
        await self._accounts.refresh()
        return seen(actor, await self._accounts.key(key_id), "key")

    async def show(self, actor: Actor, key_id: str) -> ShownKey:
        """A dialog key with its live secrets, which the audit log notes. Raises NotFound, WrongSecretFile.

        A REST key's secret is shown when it is made and never again.
        """
        key = await self._changeable(actor, key_id)
        if key.kind is not KeyKind.DIALOG:
            return self._shown(key)
        shown = self._shown(key, *await self._accounts.show_key(key))
        await self._note(actor, "key.show", key)
        return shown

    # --- changing ----------------------------------------------------------------------------------------------

    async def create(
        self,
        actor: Actor,
        kind: KeyKind,
        label: str,
        *,
        scopes: Iterable[str] | None = None,
        org_id: str | None = None,
    ) -> ShownKey:
        """Make a key with its secret. `org_id` is whose, where an operator makes it. Raises BadValue, NotFound.

        Nobody gives a key what they may not do themselves.
        """
        actor.require(Scope.KEYS_WRITE)
        organisation = await self._accounts.organisation(actor.org_id or org_id or "")
        if organisation is None:
            raise NotFound(sentence("there is no such organisation"))
        wanted = () if kind is KeyKind.DIALOG else _grantable(actor, DEFAULT_KEY_SCOPES if scopes is None else scopes)
        label = valid_label(label)
        key, secret = await self._accounts.create_key(organisation, kind, label, wanted, made_by=actor.person_id)
        await self._note(actor, "key.create", key, kind=key.kind, label=key.label, scopes=" ".join(sorted(key.scopes)))
        return self._shown(key, secret)

    async def pause(self, actor: Actor, key_id: str) -> ApiKey:
        """Let every account under the key rest (D14). Raises NotFound."""
        paused = await self._accounts.pause_key(await self._changeable(actor, key_id))
        await self._note(actor, "key.pause", paused)
        return paused

    async def resume(self, actor: Actor, key_id: str) -> ApiKey:
        """End the pause. Raises NotFound."""
        resumed = await self._accounts.resume_key(await self._changeable(actor, key_id))
        await self._note(actor, "key.resume", resumed)
        return resumed

    async def edit(
        self,
        actor: Actor,
        key_id: str,
        *,
        label: str | None = None,
        domains: Sequence[str] | None = None,
        scopes: Iterable[str] | None = None,
    ) -> ApiKey:
        """Change a key's label, mail domains or scopes; None leaves them as they are. Raises BadValue, NotFound."""
        key = await self._changeable(actor, key_id)
        wanted = None if scopes is None else _grantable(actor, scopes, holds=key.scopes)
        if domains is not None:
            key = await self._accounts.set_key_domains(key, domains)
        if wanted is not None:
            key = await self._accounts.set_key_scopes(key, wanted)
        if label is not None:
            key = await self._accounts.label_key(key, label)
        await self._note(
            actor,
            "key.edit",
            key,
            label=key.label,
            domains=" ".join(key.domains),
            scopes=" ".join(sorted(key.scopes)),
        )
        return key

    async def rotate(self, actor: Actor, key_id: str, days: float) -> ShownKey:
        """Give the key a new secret; the old one works for so many days more.

        Raises BadValue, TooManySecrets, NotFound; NotAllowed where the key may do what the actor may not.
        """
        key = await self._changeable(actor, key_id)
        _grantable(actor, key.scopes)
        secret = await self._accounts.rotate_key(key, days, actor.person_id)
        await self._note(actor, "key.rotate", key, days=days)
        return self._shown(key, secret)

    async def retire(self, actor: Actor, key_id: str) -> ApiKey:
        """Stop the older of two secrets now. Raises NotFound where there is only one."""
        key = await self._changeable(actor, key_id)
        await self._accounts.retire_key_secret(key)
        await self._note(actor, "key.retire", key)
        return key

    async def _changeable(self, actor: Actor, key_id: str) -> ApiKey:
        actor.require(Scope.KEYS_WRITE)
        return await self.get(actor, key_id)

    async def _note(self, actor: Actor, action: str, key: ApiKey, **detail: object) -> None:
        await self._audit.note(actor, action, key.id, org_id=key.org_id, **({"label": key.label} | detail))

    def _shown(self, key: ApiKey, *secrets: str) -> ShownKey:
        makes_address = key.kind is KeyKind.DIALOG
        return ShownKey(key, secrets, tuple(f"{each}@{self._mail_domain}" for each in secrets) if makes_address else ())


def _grantable(actor: Actor, scopes: Iterable[str], holds: frozenset[Scope] = frozenset()) -> tuple[str, ...]:
    """The scopes that an actor gives; those that a key holds already stay. Raises NotAllowed for one that it lacks."""
    wanted = tuple(scopes)
    for scope in Scope:
        if scope in wanted and scope not in holds:
            actor.require(scope)
    return wanted
