"""`brevdue account` and `brevdue number`: who has which phone number, and how many are left."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from cyclopts import App, Parameter

from brevdue.console import DEFAULT, CommandError, Options, facts, moment, say, show
from gateway.registry.organisation_numbers import compact

if TYPE_CHECKING:
    from gateway.model import Account
    from gateway.registry.listings import AccountListing

KeyName: TypeAlias = Annotated[str, Parameter(help="The key's 32 digits, its id, or its label.")]
AccountName: TypeAlias = Annotated[str, Parameter(help="Its mail address, its phone number, or its id.")]
Language: TypeAlias = Annotated[str | None, Parameter(help="Of mails about it: da, no, sv, en, de, fr or ru.")]
CutSignature: TypeAlias = Annotated[bool | None, Parameter(help='Leave out of the SMS what follows "-- " in a mail.')]

account = App(name="account", help="Accounts: one mail address, one phone number.")
number = App(name="number", help="The pool of phone numbers.")


# --- accounts ------------------------------------------------------------------------------------------------------


@account.command(name="open")
async def open_account(
    key: KeyName, email: Annotated[str, Parameter(help="Who writes and is answered.")], /, *, options: Options = DEFAULT
) -> None:
    """Open an account and print its phone number; asked again, print the number that it has."""
    from brevdue.administration import desk

    async with desk(options) as at:
        found = await at.accounts.key_named(key)
        known = await at.accounts.account_of(found.id, email)
        opened = await at.accounts.open_account(found.id, email)
        if known is None:
            await at.note("account.open", opened.id, opened.org_id, email=opened.email, number=opened.number)
    say(opened.number, _account_row(opened), options)


@account.command(name="close")
async def close_account(account: AccountName, /, *, options: Options = DEFAULT) -> None:
    """Close an account: its number is dropped at once, and rests before anybody draws it again."""
    from brevdue.administration import desk

    async with desk(options) as at:
        closed = await at.accounts.close_account(await at.accounts.account_named(account))
        await at.note("account.close", closed.id, closed.org_id, email=closed.email, number=closed.number)
    say(f"closed {closed.email}, {closed.number}", _account_row(closed), options)


@account.command(name="list")
async def list_accounts(
    *,
    org: Annotated[str | None, Parameter(help="Only this organisation's: name or id.")] = None,
    key: Annotated[str | None, Parameter(help="Only those under this key.")] = None,
    email: Annotated[str | None, Parameter(help="Only those whose address or number contains this.")] = None,
    closed: Annotated[bool, Parameter(negative=(), help="The closed ones too.")] = False,
    options: Options = DEFAULT,
) -> None:
    """List accounts with what they have sent and received."""
    from brevdue.administration import desk
    from gateway.paging import MAX_PAGE_SIZE
    from gateway.registry.listings import AccountFilter, AccountState

    async with desk(options) as at:
        owner = await at.accounts.organisation_named(org) if org else None
        under = await at.accounts.key_named(key) if key else None
        wanted = AccountFilter(
            org_id=owner.id if owner else None,
            key_id=under.id if under else None,
            search=email,
            state=None if closed else AccountState.OPEN,
        )
        found = await at.accounts.list_accounts(wanted, size=MAX_PAGE_SIZE)
        rows = [_listing_row(each) for each in found.items]
        while found.next:
            found = await at.accounts.list_accounts(wanted, cursor=found.next, size=MAX_PAGE_SIZE)
            rows += [_listing_row(each) for each in found.items]
    if not closed and not options.json:
        rows = [{name: value for name, value in row.items() if name != "closed"} for row in rows]
    show(rows, options, empty="no accounts, or none like that" if closed else "no open accounts, or none like that")


@account.command(name="show")
async def show_account(account: AccountName, /, *, options: Options = DEFAULT) -> None:
    """Show one account."""
    from brevdue.administration import desk

    async with desk(options) as at:
        found = await at.accounts.account_named(account)
        listing = await at.accounts.account_listing(found.id)
    facts(
        {
            **_listing_row(listing),
            "provider": found.provider,
            "language": found.language,
            "region": found.region,
            "cut_signature": found.cut_signature,
            "password": listing.has_password,
            "id": found.id,
        },
        options,
    )


@account.command
async def move(
    account: AccountName,
    /,
    *,
    email: Annotated[str | None, Parameter(help="The new mail address.")] = None,
    key: Annotated[str | None, Parameter(help="The new key.")] = None,
    options: Options = DEFAULT,
) -> None:
    """Give an account another mail address, another key of its organisation, or both; the number stays."""
    from brevdue.administration import desk

    if email is None and key is None:
        raise CommandError("say where to: --email, --key or both")
    async with desk(options) as at:
        found = await at.accounts.account_named(account)
        under = await at.accounts.key_named(key) if key else None
        moved = await at.accounts.change_account(found, email=email, key=under)
        await at.note("account.edit", moved.id, moved.org_id, email=email, key=under and under.id)
    say(f"{moved.email} has {moved.number}", _account_row(moved), options)


@account.command(name="set")
async def set_account(
    account: AccountName,
    /,
    *,
    language: Language = None,
    cut_signature: CutSignature = None,
    options: Options = DEFAULT,
) -> None:
    """Change how an account works."""
    from brevdue.administration import desk

    if language is None and cut_signature is None:
        raise CommandError("say what to change: --language, --cut-signature or --no-cut-signature")
    async with desk(options) as at:
        found = await at.accounts.account_named(account)
        changed = await at.accounts.change_account(found, language=language, cut_signature=cut_signature)
        await at.note("account.edit", found.id, found.org_id, language=language, cut_signature=cut_signature)
    say("changed", _account_row(changed), options)


@account.command
async def password(
    account: AccountName,
    /,
    *,
    remove: Annotated[bool, Parameter(negative=(), help="End signing in instead.")] = False,
    options: Options = DEFAULT,
) -> None:
    """Make a password for signing in to submission and print it; it cannot be shown again."""
    from brevdue.administration import desk

    async with desk(options) as at:
        found = await at.accounts.account_named(account)
        if remove:
            await at.accounts.remove_password(found)
            made = None
        else:
            made = await at.accounts.set_password(found)
        await at.note(f"account.password{'.remove' if remove else ''}", found.id, found.org_id, email=found.email)
    say(made or "removed", {"email": found.email, "password": made}, options)


def _account_row(found: Account) -> dict[str, Any]:
    return {
        "email": found.email,
        "number": found.number,
        "since": moment(found.opened_at),
        "closed": moment(found.closed_at),
        "id": found.id,
    }


def _listing_row(listing: AccountListing) -> dict[str, Any]:
    found = listing.account
    return {
        "email": found.email,
        "number": found.number,
        "organisation": listing.organisation,
        "key": listing.key_label or found.key_id,
        "since": moment(found.opened_at),
        "out": listing.sent,
        "in": listing.received,
        "active": moment(listing.active_at),
        "closed": moment(found.closed_at),
        "fault": found.mailbox_fault,
    }


@account.command(name="qr")
async def account_qr(
    account: AccountName,
    file: Annotated[Path | None, Parameter(help="Where to write the ZIP; else qr-sms-NUMBER.zip here.")] = None,
    /,
    *,
    options: Options = DEFAULT,
) -> None:
    """Write the QR package: the code that opens an SMS to the number, in every common format, and a contact card."""
    from brevdue.administration import desk
    from gateway import qr

    async with desk(options) as at:
        found = await at.accounts.account_named(account)
        organisation = await at.accounts.organisation(found.org_id)
    name = organisation.name if organisation else ""
    package = qr.package(found.number, f"SMS {found.email}", organisation=name, language=found.language)
    target = file or Path(f"qr-sms-{found.number.removeprefix('+')}.zip")
    _write(target, package)
    say(str(target), {"file": str(target), "number": found.number}, options)


def _write(target: Path, content: bytes) -> None:
    target.write_bytes(content)


# --- numbers -------------------------------------------------------------------------------------------------------


@number.command(name="list")
async def list_numbers(*, options: Options = DEFAULT) -> None:
    """List the numbers that are in use or in quarantine."""
    from brevdue.administration import desk

    async with desk(options) as at:
        found = await at.accounts.list_numbers()
    rows = [
        {
            "number": each.number,
            "provider": each.provider,
            "state": str(each.state),
            "email": each.email,
            "since": moment(each.taken_at),
            "free_after": moment(each.free_after),
        }
        for each in found
    ]
    show(rows, options, empty="every number of the pool is free")


@number.command
async def free(*, options: Options = DEFAULT) -> None:
    """Show how many numbers of each provider are left."""
    from brevdue.administration import desk

    async with desk(options) as at:
        found = await at.accounts.pool_usage()
    rows = [
        {
            "provider": each.provider,
            "numbers": each.size,
            "in_use": each.in_use,
            "quarantined": each.quarantined,
            "free": each.free,
            "shared": each.shared,
        }
        for each in found
    ]
    show(rows, options, empty="there is no [[pool]]")


@number.command
async def release(
    number: Annotated[str, Parameter(help="With its country code.")], /, *, options: Options = DEFAULT
) -> None:
    """End a number's quarantine now."""
    from brevdue.administration import desk

    async with desk(options) as at:
        await at.accounts.release_number(number)
        await at.note("number.release", compact(number), None)
    say("released", {"number": number}, options)


@number.command
async def give(
    number: Annotated[str | None, Parameter(help="A certain number, with its country code; else any free one.")] = None,
    /,
    *,
    org: Annotated[str, Parameter(help="The organisation: name or id.")],
    to: Annotated[str, Parameter(help="The mail address that reads what comes without a keyword.")],
    options: Options = DEFAULT,
) -> None:
    """Give a number to an organisation, and print it; or name another reader for one that it has."""
    from brevdue.administration import desk

    async with desk(options) as at:
        owner = await at.accounts.organisation_named(org)
        given = await at.accounts.give_number(owner, to, number)
        await at.note("number.give", given.number, owner.id, email=given.email)
    say(given.number, {"number": given.number, "organisation": owner.name, "to": given.email}, options)


@number.command
async def take(
    number: Annotated[str, Parameter(help="With its country code.")], /, *, options: Options = DEFAULT
) -> None:
    """Take a number from its organisation, with its keywords; it rests before it is drawn again."""
    from brevdue.administration import desk

    async with desk(options) as at:
        owner = await at.owner_of(number)
        await at.accounts.take_number_back(number)
        await at.note("number.take", compact(number), owner)
    say("taken back", {"number": number}, options)
