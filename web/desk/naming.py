"""Which account somebody means: by id, number or mail address, among those that are there for them."""

from __future__ import annotations

from gateway.accounts import Accounts
from gateway.model import Account
from gateway.registry.errors import BadValue, NotFound
from gateway.registry.organisation_numbers import compact
from web.identity.actor import Actor


async def named_account(accounts: Accounts, actor: Actor, text: str) -> Account:
    """The account with this id, or the open one with this number or address. Raises NotFound, BadValue.

    What another organisation has is not there, and makes nothing ambiguous either.
    """
    wanted = text.strip()
    found = [account for account in await _candidates(accounts, wanted) if _is_there(actor, account)]
    if len(found) > 1:
        raise BadValue(f"{len(found)} accounts are named so: name one by its id ({', '.join(a.id for a in found)})")
    if not found:
        raise NotFound("there is no such account: name it by its id, number or mail address")
    return found[0]


async def _candidates(accounts: Accounts, wanted: str) -> list[Account]:
    if "@" in wanted:
        return await accounts.accounts_of(wanted)
    by_id = await accounts.account(wanted.upper())
    if by_id is not None:
        return [by_id]
    use = await accounts.number_use(compact(wanted))
    return list(use.accounts) if use is not None else []


def _is_there(actor: Actor, account: Account) -> bool:
    return actor.sees(account.org_id) and actor.account_id in {None, account.id}
