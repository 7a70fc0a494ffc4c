"""`brevdue contact`: people that one writes to: listed, shown, written to a file; and imported (`cli_imports`)."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Literal

from cyclopts import App, Parameter
from cyclopts.validators import Number

from brevdue.console import DEFAULT, CommandError, Options, facts, moment, say, show

if TYPE_CHECKING:
    from brevdue.administration import Desk
    from campaigns.model import Contact
    from campaigns.store.contact_list_sql import ContactFilter

contact = App(name="contact", help="Contacts: people that one writes to.")
contact.command("brevdue.cli_imports:import_file", name="import")
contact.command("brevdue.cli_imports:list_imports", name="imports")
contact.command("brevdue.cli_imports:follow", name="follow")

Org = Annotated[str, Parameter(help="Whose contacts: the organisation's name or id.")]
Where = Annotated[str, Parameter(help="Only those that a filter is true of: 'city = Aarhus and not tag: VIP'.")]


@contact.command(name="list")
async def list_contacts(
    *,
    org: Org,
    where: Where = "",
    search: Annotated[str, Parameter(help="A part of the name or a phone, or how an address begins.")] = "",
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=1000), help="How many at most.")] = 50,
    options: Options = DEFAULT,
) -> None:
    """List contacts by name; with a filter the newest first."""
    from brevdue.administration import desk, in_a_sentence

    async with desk(options) as at:
        with in_a_sentence():
            wanted = await _wanted(at, org, where, search)
            found = await at.contacts.page(wanted, size=limit)
    rows = [
        {
            "id": each.id,
            "name": each.name,
            "phone": each.phone,
            "e-mail": each.email,
            "language": each.language,
            "no SMS": each.no_sms,
            "said STOP": each.opted_out,
            "tags": each.tags,
        }
        for each in found.items
    ]
    show(rows, options, empty="there is no such contact")


@contact.command(name="show")
async def show_contact(
    contact_id: Annotated[int, Parameter(help="The contact's id, as `list` prints it.")],
    /,
    *,
    options: Options = DEFAULT,
) -> None:
    """Show a contact with all that belongs to it."""
    from brevdue.administration import desk, in_a_sentence
    from gateway.registry.errors import NotFound

    async with desk(options) as at:
        with in_a_sentence():
            owner = await at.contacts.owner(contact_id) if 0 <= contact_id < 2**53 else None
            if owner is None:
                raise NotFound("there is no such contact")
            found = await at.contacts.find(owner, contact_id)
    facts(_facts(found), options)


def _facts(found: Contact) -> dict[str, Any]:
    return {
        "id": found.id,
        "name": found.name,
        "first name": found.first_name,
        "phones": [each.value for each in found.phones],
        "e-mails": [each.value for each in found.emails],
        "language": found.language,
        "time zone": found.zone,
        "no SMS": found.no_sms,
        "said STOP": found.opted_out,
        "tags": list(found.tags),
        **{f"field {key}": value for key, value in sorted(found.attributes.items())},
        "agreed to": [each.purpose for each in found.consents if each.ended_at is None],
        "linked": [f"{each.kind} {each.ref or each.number}" for each in found.objects],
        "made": moment(found.created_at),
        "changed": moment(found.updated_at),
    }


@contact.command
async def export(
    *,
    org: Org,
    where: Where = "",
    format: Annotated[  # noqa: A002 - the word of the option
        Literal["csv", "vcf"], Parameter(help="A table that an import reads again, or vCards.")
    ] = "csv",
    output: Annotated[Path | None, Parameter(name=["--output", "-o"], help="A file, not standard output.")] = None,
    options: Options = DEFAULT,
) -> None:
    """Write contacts as a file, however many there are."""
    from brevdue.administration import desk, in_a_sentence

    async with desk(options) as at:
        with in_a_sentence():
            wanted = await _wanted(at, org, where)
            pieces = await _pieces(at, wanted, format)
            await at.note("contact.export", wanted.org_id, wanted.org_id, form="vcard" if format == "vcf" else "csv")
            if output is None:
                await write_to(sys.stdout.buffer, pieces)
                return
            await write_file(output, pieces)
    say(f"written to {output}", {"file": str(output)}, options)


async def _pieces(at: Desk, wanted: ContactFilter, form: str) -> AsyncIterator[bytes]:
    from campaigns import vcards
    from web.desk.contact_file import contact_lines

    everybody = at.contacts.whole(wanted)
    if form == "vcf":
        return (vcards.write(each).encode() async for each in everybody)
    return contact_lines(everybody, await at.contacts.book(wanted.org_id))


async def _wanted(at: Desk, org: str, where: str, search: str = "") -> ContactFilter:
    """A question about an organisation's contacts. Raises NotFound, BadFilter."""
    from campaigns.filters.vocabulary import checked
    from campaigns.store.behaviour_sql import BEHAVIOURS
    from campaigns.store.contact_list_sql import ContactFilter

    owner = await at.accounts.organisation_named(org)
    today = at.contacts.today()
    checked(where, await at.contacts.book(owner.id), today=today)
    return ContactFilter(owner.id, today, search or None, where, behaviours=BEHAVIOURS)


async def write_to(out: BinaryIO, pieces: AsyncIterator[bytes]) -> None:
    """Write a file piece by piece."""
    async for piece in pieces:
        out.write(piece)
    out.flush()


async def write_file(path: Path, pieces: AsyncIterator[bytes]) -> None:
    """The same to a file that only its owner reads; it takes its name when it is whole.

    Raises CommandError where it cannot be written.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        with _private(part) as out:
            try:
                await write_to(out, pieces)
            except BaseException:
                part.unlink()
                raise
        part.replace(path)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror or error}") from error


def _private(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
