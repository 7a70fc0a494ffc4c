"""`brevdue optout`: which phones have said STOP and which addresses have unsubscribed, to whom, and when."""

from __future__ import annotations

import time
from functools import partial
from typing import Annotated

from cyclopts import App, Parameter

from brevdue.console import DEFAULT, CommandError, Options, moment, person, say, show

optout = App(name="optout", help="Phones that have said STOP, addresses that have unsubscribed.")


@optout.command(name="list")
async def list_optouts(
    *,
    org: Annotated[str | None, Parameter(help="Only those that said it to this organisation: name or id.")] = None,
    options: Options = DEFAULT,
) -> None:
    """List phones that want no SMS, the latest first: who said it to which organisation, when, in which word."""
    from brevdue.administration import desk
    from gateway.store import optout_sql

    async with desk(options) as at:
        owner = await at.accounts.organisation_named(org) if org else None
        found = await at.database.read(partial(optout_sql.list_stopped, org_id=owner.id if owner else None))
    rows = [
        {"phone": each.phone, "organisation": each.organisation, "since": moment(each.since), "word": each.word}
        for each in found
    ]
    show(rows, options, empty="no phone has said STOP")


@optout.command(name="emails")
async def list_addresses(
    *,
    org: Annotated[str, Parameter(help="Those that unsubscribed from this organisation: name or id.")],
    options: Options = DEFAULT,
) -> None:
    """List addresses that want no e-mails of campaigns, the latest first: when, how, and by which campaign's mail."""
    from brevdue.administration import desk, in_a_sentence
    from campaigns.store import email_optout_sql
    from campaigns.store.email_optout_sql import EmailOptOutFilter
    from gateway.paging import MAX_PAGE_SIZE

    async with desk(options) as at:
        with in_a_sentence():
            owner = await at.accounts.organisation_named(org)
        look = partial(email_optout_sql.page, wanted=EmailOptOutFilter(owner.id), at=None, size=MAX_PAGE_SIZE)
        found = await at.database.read(look)
    rows = [
        {"address": each.address, "since": moment(each.since), "how": each.how, "campaign": each.campaign_id}
        for each in found.items
    ]
    show(rows, options, empty="nobody has unsubscribed")


@optout.command
async def remove(
    phone: Annotated[
        str, Parameter(help="The phone, with its country code; or the mail address.", allow_leading_hyphen=True)
    ],
    /,
    *,
    org: Annotated[str, Parameter(help="The organisation that it said STOP to: name or id.")],
    yes: Annotated[bool, Parameter(negative=(), help="The person has asked for SMS again.")] = False,
    options: Options = DEFAULT,
) -> None:
    """Let an organisation write to a phone or an address again. It is the person's own wish; START does it too."""
    from brevdue.administration import desk
    from gateway import maillog
    from gateway.maillog import Event
    from gateway.numbers import NumberError, to_e164
    from gateway.store import optout_sql

    if not yes:
        raise CommandError(
            "STOP is the person's own wish, and the law's: only where they have asked for SMS again, add --yes"
        )
    if "@" in phone:
        await _readmit(phone, org, options)
        return
    async with desk(options) as at:
        owner = await at.accounts.organisation_named(org)
        try:
            number = to_e164(phone, at.settings.dialog.region)
        except NumberError as error:
            raise CommandError(f"'{phone}' is no phone number: {error.reason}") from error
        if not await at.database.write(optout_sql.remove, (owner.id, number, time.time())):
            raise CommandError(f"{number} has not said STOP to {owner.name}: brevdue optout list")
        await at.note("optout.remove", number, owner.id)
        lines = maillog.configure(as_json=at.settings.log.format == "json", level="info")
        maillog.note(Event.OPTED_IN, org=owner.id, phone=number, by=person())
        lines.flush()
    say(f"{owner.name} may write to {number} again", {"phone": number, "organisation": owner.name}, options)


async def _readmit(address: str, org: str, options: Options) -> None:
    from brevdue.administration import desk
    from campaigns.store import email_optout_sql
    from campaigns.store.email_sql import folded

    async with desk(options) as at:
        owner = await at.accounts.organisation_named(org)
        if not await at.database.write(email_optout_sql.readmit, (owner.id, address, time.time())):
            raise CommandError(f"{address} has not unsubscribed from {owner.name}: brevdue optout emails")
        await at.note("optout.remove-address", folded(address), owner.id)
    say(f"campaigns of {owner.name} may write to {address} again", {"address": address}, options)
