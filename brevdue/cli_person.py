"""`brevdue person`: what is stored about a phone or an employee, as JSON; and the end of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, TypeAlias

from cyclopts import App, Parameter

from brevdue.console import DEFAULT, CommandError, Options, say
from brevdue.console import person as whoever

if TYPE_CHECKING:
    from brevdue.administration import Desk
    from gateway.maillog import Event
    from gateway.privacy import Person

person = App(name="person", help="One person's data: export it, erase it.")

Name: TypeAlias = Annotated[
    str, Parameter(help="A phone number, or the mail address of an employee.", allow_leading_hyphen=True)
]
Org: TypeAlias = Annotated[
    str | None, Parameter(help="Only what is this organisation's: name or id. Without it, all of them.")
]


@person.command
async def export(name: Name, /, *, org: Org = None, options: Options = DEFAULT) -> None:
    """Print all that is stored about a person, as JSON (docs/privacy.md). It names others too: read it first."""
    from brevdue.administration import desk
    from campaigns import privacy
    from gateway.maillog import Event
    from gateway.model import SystemClock

    async with desk(options) as at:
        whom = await _named(at, name, org)
        stored = await privacy.export(at.database, whom, SystemClock())
        _note(at, Event.PERSON_EXPORTED, whom)
        await at.note("person.export", whom.phone or whom.email, whom.org_id)
    print(json.dumps(stored, ensure_ascii=False, indent=None if options.json else 2))


@person.command
async def erase(
    name: Name,
    /,
    *,
    org: Org = None,
    yes: Annotated[bool, Parameter(negative=(), help="There is no way back but a backup.")] = False,
    options: Options = DEFAULT,
) -> None:
    """Remove a person's texts, and put a pseudonym in the place of number or address. Counts, money, STOP stay."""
    from brevdue.administration import desk
    from campaigns import privacy
    from gateway.maillog import Event
    from gateway.model import SystemClock

    if not yes:
        raise CommandError("nobody can bring back what is erased: look at brevdue person export first, then add --yes")
    async with desk(options) as at:
        whom = await _named(at, name, org)
        done = await privacy.erase(at.database, whom, SystemClock())
        _note(at, Event.PERSON_ERASED, whom)
        await at.note("person.erase", done.pseudonym, whom.org_id)
    if done.left:
        raise CommandError(f"{done.left} SMS came while the others were erased: give the command once more")
    counts = ", ".join(f"{count} {what}" for what, count in done.counts.items() if count)
    kept = f"; {done.opt_outs_kept} STOP stay, so that nobody writes there again" if done.opt_outs_kept else ""
    data = {"pseudonym": done.pseudonym, "erased": dict(done.counts), "opt_outs_kept": done.opt_outs_kept}
    say(f"erased {counts or 'nothing'}; what is left says {done.pseudonym}{kept}", data, options)


async def _named(at: Desk, name: str, org: str | None) -> Person:
    """The person that an administrator means. National numbers are the organisation's region's."""
    from gateway import privacy
    from gateway.numbers import NumberError, to_e164

    owner = await at.accounts.organisation_named(org) if org else None
    org_id = owner.id if owner else None
    if "@" in name:
        return privacy.employee(name, org_id)
    try:
        return privacy.phone(to_e164(name, owner.region if owner else at.settings.dialog.region), org_id)
    except NumberError as error:
        raise CommandError(f"'{name}' is neither a phone number ({error.reason}) nor a mail address") from error


def _note(at: Desk, event: Event, whom: Person) -> None:
    """Leave a line of who asked about whom, as far as a log may name them."""
    from gateway import maillog

    lines = maillog.configure(as_json=at.settings.log.format == "json", level="info")
    maillog.note(event, person=whom.phone or whom.email, org=whom.org_id, by=whoever())
    lines.flush()
