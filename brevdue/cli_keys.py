"""`brevdue org` and `brevdue key`: who the customers are, and what their accounts hang under."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from cyclopts import App, Parameter

from brevdue.console import DEFAULT, CommandError, Options, facts, moment, say, show
from gateway.model import KeyKind
from gateway.scopes import write_scopes

if TYPE_CHECKING:
    from gateway.model import ApiKey, Organisation
    from gateway.registry.listings import KeyListing

KeyName: TypeAlias = Annotated[str, Parameter(help="The key itself, its id, or its label.")]
Scopes: TypeAlias = Annotated[
    list[str] | None, Parameter(help="What a program may do with a key for REST, e.g. messages:send; repeat for more.")
]

org = App(name="org", help="Organisations: those whose people write.")
key = App(name="key", help="Keys: what accounts hang under.")


# --- organisations -------------------------------------------------------------------------------------------------


@org.command(name="create")
async def create_org(
    name: Annotated[str, Parameter(help="What people call it.")],
    /,
    *,
    region: Annotated[
        str | None, Parameter(help="Country whose numbers need no country code; else [dialog]'s.")
    ] = None,
    language: Annotated[str | None, Parameter(help="Language of mails to its people; else [dialog]'s.")] = None,
    options: Options = DEFAULT,
) -> None:
    """Make an organisation and print its id."""
    from brevdue.administration import desk

    async with desk(options) as at:
        made = await at.accounts.create_organisation(name, region, language)
        await at.note("organisation.create", made.id, made.id, name=made.name)
    say(made.id, _org_row(made), options)


@org.command(name="list")
async def list_orgs(*, options: Options = DEFAULT) -> None:
    """List all organisations."""
    from brevdue.administration import desk

    async with desk(options) as at:
        found = await at.accounts.list_organisations()
    show([_org_row(each) for each in found], options, empty="there is no organisation yet")


@org.command
async def retention(
    name: Annotated[str, Parameter(help="The organisation: name or id.")],
    /,
    *,
    texts: Annotated[str | None, Parameter(help='Days for texts: a number, 0 for ever, or "default".')] = None,
    metadata: Annotated[str | None, Parameter(help="The same for who wrote to whom and when.")] = None,
    options: Options = DEFAULT,
) -> None:
    """Show or set for how many days what is an organisation's is kept; "default" is what [retention] says."""
    from brevdue.administration import desk
    from gateway.retention import Days, days_of, set_days

    async with desk(options) as at:
        owner = await at.accounts.organisation_named(name)
        days = await days_of(at.database, owner.id)
        if texts is not None or metadata is not None:
            days = Days(
                days.texts if texts is None else _days(texts), days.metadata if metadata is None else _days(metadata)
            )
            await set_days(at.database, owner.id, days)
            await at.note("retention.set", owner.id, owner.id, texts=days.texts, metadata=days.metadata)
        kept = at.settings.retention
    facts(
        {
            "organisation": owner.name,
            "texts_days": kept.texts_days if days.texts is None else days.texts,
            "texts_by": "[retention]" if days.texts is None else "the organisation",
            "metadata_days": kept.metadata_days if days.metadata is None else days.metadata,
            "metadata_by": "[retention]" if days.metadata is None else "the organisation",
        },
        options,
    )


def _days(text: str) -> int | None:
    if text == "default":
        return None
    if not text.isascii() or not text.isdigit():
        raise CommandError(f"'{text}' is no number of days: 90, 0 for ever, or default")
    return int(text)


def _org_row(organisation: Organisation) -> dict[str, Any]:
    return {
        "name": organisation.name,
        "region": organisation.region,
        "language": organisation.language,
        "since": moment(organisation.created_at),
        "id": organisation.id,
    }


# --- keys ----------------------------------------------------------------------------------------------------------


@key.command(name="create")
async def create_key(
    *,
    org: Annotated[str, Parameter(help="Name of the organisation; made where it is new.")],
    kind: Annotated[KeyKind, Parameter(help="What it opens: the dialog by mail, or REST.")] = KeyKind.DIALOG,
    label: Annotated[str, Parameter(help="A word for lists.")] = "",
    scope: Scopes = None,
    options: Options = DEFAULT,
) -> None:
    """Make a key and print it: 32 hexadecimal digits, behind a word where it is one for REST."""
    from brevdue.administration import desk

    async with desk(options) as at:
        known = {each.id for each in await at.accounts.list_organisations()}
        organisation = await at.accounts.ensure_organisation(org)
        if organisation.id not in known:
            await at.note("organisation.create", organisation.id, organisation.id, name=organisation.name)
        made, secret = await at.accounts.create_key(organisation, kind, label, scope)
        await at.note("key.create", made.id, made.org_id, kind=made.kind, label=label, scopes=write_scopes(made.scopes))
    named = {"key": secret, "id": made.id, "organisation": organisation.name, "kind": made.kind, "label": made.label}
    data = {**named, "scopes": _scopes(made)}
    say(secret, data, options)


@key.command(name="list")
async def list_keys(
    *,
    org: Annotated[str | None, Parameter(help="Only this organisation's: name or id.")] = None,
    options: Options = DEFAULT,
) -> None:
    """List keys, without their secrets."""
    from brevdue.administration import desk

    async with desk(options) as at:
        owner = await at.accounts.organisation_named(org) if org else None
        found = await at.accounts.list_keys(owner.id if owner else None)
    show([_key_row(each) for each in found], options, empty="there is no key yet")


@key.command(name="show")
async def show_key(key: KeyName, /, *, options: Options = DEFAULT) -> None:
    """Show one key with its live secrets, newest first."""
    from brevdue.administration import desk

    async with desk(options) as at:
        found = await at.accounts.key_named(key)
        listing = next(each for each in await at.accounts.list_keys(found.org_id) if each.key.id == found.id)
        secrets = await at.accounts.show_key(found)
        await at.note("key.show", found.id, found.org_id, label=found.label)
    facts({"keys": secrets, **_key_row(listing), "old_key_stops": moment(listing.retires_at)}, options)


@key.command
async def pause(key: KeyName, /, *, options: Options = DEFAULT) -> None:
    """Let every account under a key rest: nothing out, and what comes in is held."""
    from brevdue.administration import desk

    async with desk(options) as at:
        changed = await at.accounts.pause_key(await at.accounts.key_named(key))
        await at.note("key.pause", changed.id, changed.org_id, label=changed.label)
    say("paused", _state(changed), options)


@key.command
async def resume(key: KeyName, /, *, options: Options = DEFAULT) -> None:
    """End a pause: what was held is delivered."""
    from brevdue.administration import desk

    async with desk(options) as at:
        changed = await at.accounts.resume_key(await at.accounts.key_named(key))
        await at.note("key.resume", changed.id, changed.org_id, label=changed.label)
    say("resumed", _state(changed), options)


@key.command
async def rotate(
    key: KeyName,
    /,
    *,
    days: Annotated[float, Parameter(help="How long the old digits go on working.")] = 30,
    options: Options = DEFAULT,
) -> None:
    """Give a key new digits and print them; the old ones go on working for a while."""
    from brevdue.administration import desk

    async with desk(options) as at:
        found = await at.accounts.key_named(key)
        secret = await at.accounts.rotate_key(found, days)
        await at.note("key.rotate", found.id, found.org_id, label=found.label, days=days)
    say(secret, {"key": secret, "id": found.id}, options)


@key.command
async def retire(key: KeyName, /, *, options: Options = DEFAULT) -> None:
    """Stop the old digits of a rotated key: within two seconds where a gateway runs."""
    from brevdue.administration import desk

    async with desk(options) as at:
        found = await at.accounts.key_named(key)
        await at.accounts.retire_key_secret(found)
        await at.note("key.retire", found.id, found.org_id, label=found.label)
        secrets = await at.accounts.show_key(found)
    say("the old digits stop working within two seconds", {"key": secrets[0], "id": found.id}, options)


@key.command
async def domains(
    key: KeyName,
    /,
    *domain: Annotated[str, Parameter(help="The domains from now on; without any they are shown.")],
    clear: Annotated[bool, Parameter(negative=(), help="Forget the domains.")] = False,
    options: Options = DEFAULT,
) -> None:
    """Show or set the mail domains whose people may subscribe by mail; none: the first subscriber sets it."""
    from brevdue.administration import desk

    if domain and clear:
        raise CommandError("name domains or --clear, not both")
    async with desk(options) as at:
        found = await at.accounts.key_named(key)
        if domain or clear:
            found = await at.accounts.set_key_domains(found, domain)
            await at.note("key.edit", found.id, found.org_id, domains=" ".join(found.domains))
    say("\n".join(found.domains) or "none", list(found.domains), options)


@key.command
async def scopes(
    key: KeyName,
    /,
    *scope: Annotated[str, Parameter(help="The scopes from now on; without any they are shown.")],
    options: Options = DEFAULT,
) -> None:
    """Show or set what a program may do with a key for REST."""
    from brevdue.administration import desk

    async with desk(options) as at:
        found = await at.accounts.key_named(key)
        if scope:
            found = await at.accounts.set_key_scopes(found, scope)
            await at.note("key.edit", found.id, found.org_id, scopes=write_scopes(found.scopes))
    say("\n".join(_scopes(found)) or "none", _scopes(found), options)


def _scopes(found: ApiKey) -> list[str]:
    return write_scopes(found.scopes).split()


def _state(changed: ApiKey) -> dict[str, Any]:
    return {"id": changed.id, "paused": moment(changed.paused_at)}


def _key_row(listing: KeyListing) -> dict[str, Any]:
    found = listing.key
    return {
        "id": found.id,
        "organisation": listing.organisation,
        "kind": str(found.kind),
        "label": found.label,
        "accounts": listing.open_accounts,
        "domains": list(found.domains),
        "scopes": _scopes(found),
        "paused": moment(found.paused_at),
        "since": moment(found.created_at),
    }
