"""Organisations, API keys and accounts: who may write, from which number, and how that changes (D1, D3-D6, D13, D14).

Look-ups come from `registry.directory`, in memory, keys from `registry.keys`, and organisations' own numbers from
`registry.organisation_numbers`. Every change is one durable transaction, after which each process sees the new state at
its next `refresh`. An AccountError's text is one sentence for a person; a Refusal answers a mail.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Literal, NoReturn

from gateway import errors, paging
from gateway.errors import Refusal
from gateway.model import Account, ApiKey, KeyKind, Proof, new_id
from gateway.paging import PAGE_SIZE, Count, Page
from gateway.registry.employee_address import fold_email, valid_address
from gateway.registry.errors import (
    AccountError,
    AccountExists,
    BadAddress,
    BadValue,
    NoFreeNumber,
    NotFound,
    NumberInUse,
    PausedKey,
    TooManySecrets,
    WrongSecretFile,
)
from gateway.registry.keys import valid_language
from gateway.registry.listings import (
    AccountFilter,
    AccountListing,
    NumberFilter,
    NumberListing,
    NumberState,
    PoolUsage,
)
from gateway.registry.organisation_numbers import DAY, OrganisationNumbers, compact
from gateway.registry.subscription import judge, organisation_of
from gateway.store import account_list_sql, account_sql, directory_sql, number_list_sql, number_sql
from gateway.store.account_sql import Obstacle, OpenRequest
from gateway.translation import sentence

__all__ = [
    "AccountError",
    "AccountExists",
    "Accounts",
    "BadAddress",
    "BadValue",
    "NoFreeNumber",
    "NotFound",
    "NumberInUse",
    "PausedKey",
    "TooManySecrets",
    "WrongSecretFile",
]

ALL_OPEN = AccountFilter()
"""Every open account, oldest first."""


class Accounts(OrganisationNumbers):
    """Everything about accounts. `refresh` first, then decide."""

    # --- opening and closing -----------------------------------------------------------------------------------

    async def open_account(self, key_id: str, email: str, by: Literal["admin", "mail"] = "admin") -> Account:
        """Tie an address to a random free number (D1, D4); asked again, give the account that is there.

        Raises BadAddress, NotFound, PausedKey (by mail only, D14), NoFreeNumber.
        """
        opened = await self._open(key_id, email, pausable=by == "mail")
        return opened if isinstance(opened, Account) else _raise(opened)

    async def subscribe(self, key_secret: str, email: str, proof: Proof) -> Account:
        """Open an account for the proven sender of a mail to subscribe@ (D5), or give the one that is there.

        Raises a Refusal. Who has no account does not learn whether a key is unknown, paused or another's.
        """
        key = await self.find_key(key_secret)
        if key is None:
            raise errors.subscription_refused("key missing")
        known = await self.account_of(key.id, email)
        if key.paused:
            raise errors.paused_key() if known else errors.subscription_refused("key missing")
        if known:
            return known
        try:
            opened = await self._open(key.id, email, pausable=True, proof=proof)
        except BadAddress as error:
            raise errors.bad_from_header("not a mail address") from error
        if isinstance(opened, Account):
            return opened
        raise _refusal(opened)

    async def unsubscribe(self, key_secret: str, email: str) -> Account | None:
        """Close the sender's account under a key (D13), also on a paused key and when an administrator opened it.

        Returns the closed account, or None: no such key or no account under it, which look alike.
        """
        key = await self.find_key(key_secret)
        account = await self.account_of(key.id, email) if key else None
        return await self.close_account(account) if account else None

    async def close_account(self, account: Account) -> Account:
        """Drop the number at once (D13); it rests in quarantine before it is drawn again. Closing twice is closing.

        Raises NotFound.
        """
        now = self._clock.now()
        closing = account_sql.CloseRequest(account.id, now, now + self._dialog.quarantine_days * DAY)
        return await self._change(account_sql.close_account, closing) or _raise(Obstacle.NO_ACCOUNT)

    async def _open(self, key_id: str, email: str, *, pausable: bool, proof: Proof | None = None) -> Account | Obstacle:
        address, now = valid_address(email, self._own_domains), self._clock.now()
        request = OpenRequest(
            account_id=new_id(now),
            key_id=key_id,
            email=address,
            folded=fold_email(address),
            organisation_domain=organisation_of(address),
            now=now,
            pausable=pausable,
            admit=partial(judge, address, proof) if proof else None,
            pool=self._pool,
            rested_since=now - self._dialog.quarantine_days * DAY,
        )
        return await self._change(account_sql.open_account, request)

    # --- editing -----------------------------------------------------------------------------------------------

    async def change_account(
        self,
        account: Account,
        *,
        email: str | None = None,
        key: ApiKey | None = None,
        cut_signature: bool | None = None,
        language: str | None = None,
    ) -> Account:
        """Edit an open account in place (D6); None leaves a field as it is. The number stays.

        With another address the password to send mail with goes: it may be somebody else's account now.

        Raises BadAddress, BadValue, NotFound, AccountExists where the address has an account under that key.
        """
        changes: dict[str, object] = {}
        if email is not None:
            address = valid_address(email, self._own_domains)
            changes |= {"email": address, "email_folded": fold_email(address), "mailbox_fault": None}
            if fold_email(address) != fold_email(account.email):
                changes["login_digest"] = None  # whoever knew the password has the account no more
        if key is not None:
            if key.org_id != account.org_id:
                raise BadValue(sentence("an account can only move to another key of its own organisation"))
            if key.kind is not KeyKind.DIALOG:
                _raise(Obstacle.WRONG_KIND)
            changes["key_id"] = key.id
        if cut_signature is not None:
            changes["cut_signature"] = cut_signature
        if language is not None:
            changes["language"] = valid_language(language)
        if not changes:
            return account
        changed = await self._change(account_sql.change_account, account_sql.Edit(account.id, changes))
        return changed if isinstance(changed, Account) else _raise(changed)

    async def mark_mailbox(self, account_id: str, fault: str | None) -> None:
        """Note why the mailbox refuses mail for good, or None once it takes mail again."""
        known = await self.account(account_id)
        if known is not None and known.mailbox_fault != fault:
            await self._change(account_sql.mark_mailbox, (account_id, fault, self._clock.now()))

    # --- signing in --------------------------------------------------------------------------------------------

    async def set_password(self, account: Account) -> str:
        """Make a new password for SMTP AUTH (128 random bits) and return it; it is not kept. Raises NotFound."""
        letters = base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()
        digest = self._login_digest(account.id, letters)
        if not await self._change(account_sql.set_login, (account.id, digest)):
            _raise(Obstacle.NO_ACCOUNT)
        return "-".join(letters[i : i + 7] for i in range(0, len(letters), 7))

    async def remove_password(self, account: Account) -> None:
        """End signing in with the account's password."""
        await self._change(account_sql.set_login, (account.id, None))

    async def check_login(self, user_email: str, password: str) -> str | None:
        """The account address that this user name and password prove, or None. Takes as long for an unknown user."""
        folded = fold_email(user_email)
        logins = await self._database.read(lambda connection: directory_sql.logins_of(connection, folded))
        letters = re.sub(r"[\s-]", "", password).lower()
        proven = None
        if not logins:
            self._login_digest("", letters)
        for account, digest in logins:
            if hmac.compare_digest(digest, self._login_digest(account.id, letters)):
                proven = account.email
        return proven

    def _login_digest(self, account_id: str, letters: str) -> str:
        return self._keyring.digest(f"{account_id}:{letters}", "login")

    # --- lists -------------------------------------------------------------------------------------------------

    async def account_named(self, text: str) -> Account:
        """The account that an administrator means: by its id, or an open one by number or address.

        Raises NotFound, BadValue.
        """
        wanted = text.strip()
        if "@" in wanted:
            found = await self.accounts_of(wanted)
            if len(found) > 1:
                numbers = ", ".join(account.number for account in found)
                raise BadValue(
                    sentence(
                        "%(address)s has several accounts: name one by its number (%(numbers)s)",
                        address=wanted,
                        numbers=numbers,
                    )
                )
            account = found[0] if found else None
        else:
            account = await self.account(wanted.upper()) or await self._account_with(compact(wanted))
        if account is None:
            raise NotFound(sentence("there is no open account '%(wanted)s'", wanted=wanted))
        return account

    async def _account_with(self, number: str) -> Account | None:
        use = await self.number_use(number)
        if use is not None and len(use.accounts) > 1:
            addresses = ", ".join(account.email for account in use.accounts)
            raise BadValue(
                sentence(
                    "%(number)s is shared: name its account by the address (%(addresses)s) or the id",
                    number=number,
                    addresses=addresses,
                )
            )
        return use.accounts[0] if use is not None and use.accounts else None

    async def list_accounts(
        self, wanted: AccountFilter = ALL_OPEN, *, cursor: str | None = None, size: int = PAGE_SIZE
    ) -> Page[AccountListing]:
        """A page of accounts with their counters (D6). Raises BadValue for a cursor that is none of this order."""
        wanted = replace(wanted, search=paging.search_text(wanted.search))
        at = paging.cursor(cursor, account_list_sql.order_of(wanted), account_list_sql.kinds_of(wanted))
        look = partial(account_list_sql.list_accounts, wanted=wanted, at=at, size=paging.page_size(size))
        return await self._database.read(look)

    async def numbers_of(self, key_id: str, folded: Sequence[str]) -> dict[str, str]:
        """The numbers of open accounts under a key, by folded address; addresses without one are left out."""
        look = partial(account_list_sql.numbers_of, key_id=key_id, folded=folded)
        return await self._database.read(look)

    async def count_accounts(self, wanted: AccountFilter = ALL_OPEN) -> Count:
        """How many accounts a list has in all its pages."""
        wanted = replace(wanted, search=paging.search_text(wanted.search))
        look = partial(account_list_sql.count_accounts, wanted=wanted)
        return paging.counted(await self._database.read(look))

    async def account_listing(self, account_id: str, org_id: str | None = None) -> AccountListing:
        """One account as lists show it. Raises NotFound, also for another organisation's."""
        look = partial(account_list_sql.find_account, account_id=account_id, org_id=org_id)
        found = await self._database.read(look)
        if found is None:
            raise NotFound(sentence("there is no such account"))
        return found

    async def list_numbers(self, state: NumberState | None = None) -> list[NumberListing]:
        """Numbers in use and in quarantine, ascending."""
        now = self._clock.now()
        return await self._database.read(lambda connection: number_sql.list_numbers(connection, state, now))

    async def page_numbers(
        self, wanted: NumberFilter, *, cursor: str | None = None, size: int = PAGE_SIZE
    ) -> Page[NumberListing]:
        """A page of the same, searched. Raises BadValue for a cursor of another list."""
        wanted = replace(wanted, search=paging.search_text(wanted.search))
        at = paging.cursor(cursor, number_list_sql.ORDER, (str,))
        now, rows = self._clock.now(), paging.page_size(size)
        return await self._database.read(
            lambda connection: number_list_sql.list_numbers(connection, wanted, at, rows, now)
        )

    async def pool_usage(self) -> list[PoolUsage]:
        """How full each provider's numbers are."""
        now = self._clock.now()
        return await self._database.read(lambda connection: number_sql.pool_usage(connection, self._pool, now))

    async def release_number(self, number: str) -> None:
        """End a number's quarantine now. Raises NumberInUse, NotFound."""
        wanted = compact(number)
        released = await self._change(number_sql.release_number, wanted)
        if not released:
            use = await self.number_use(wanted)
            if use is not None and use.organisation_number is not None:
                raise NumberInUse(sentence("%(number)s belongs to an organisation: take it back first", number=wanted))
            if use is not None:
                raise NumberInUse(sentence("%(number)s belongs to an open account: close that first", number=wanted))
            raise NotFound(sentence("%(number)s is not in quarantine", number=wanted))


_OBSTACLES: dict[Obstacle, AccountError] = {
    Obstacle.NO_KEY: NotFound(sentence("there is no such key")),
    Obstacle.WRONG_KIND: BadValue(sentence("accounts hang under keys of the kind dialog: this one is for programs")),
    Obstacle.NO_ACCOUNT: NotFound(sentence("there is no such open account")),
    Obstacle.PAUSED: PausedKey(sentence("the key is paused: only an administrator can open accounts on it")),
    Obstacle.NO_FREE_NUMBER: NoFreeNumber(
        sentence("no free phone number: add a [[pool]], or release numbers from quarantine")
    ),
    Obstacle.EXISTS: AccountExists(sentence("this address has an open account under that key already")),
}


def _raise(obstacle: Obstacle) -> NoReturn:
    error = _OBSTACLES[obstacle]
    raise type(error)(*error.args)


def _refusal(obstacle: Obstacle) -> Refusal:
    """What a subscriber is told; whatever concerns the key looks as if there were no key."""
    if obstacle is Obstacle.NO_FREE_NUMBER:
        return errors.no_free_number()
    return errors.subscription_refused("domain not allowed" if obstacle is Obstacle.NOT_ADMITTED else "key missing")
