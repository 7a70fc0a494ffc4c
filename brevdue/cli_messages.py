"""`brevdue message`: what came, what left, what waits, and one message's whole story."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from cyclopts import App, Parameter
from cyclopts.validators import Number

from brevdue.console import DEFAULT, CommandError, Options, cell, facts, moment, say, show

if TYPE_CHECKING:
    from brevdue.administration import Desk
    from gateway.store.trace_sql import Filter, MessageListing, Moment

Limit: TypeAlias = Annotated[int, Parameter(help="How many at most.", validator=Number(gte=1))]
MessageName: TypeAlias = Annotated[str, Parameter(help="Id of a mail or an SMS, a Message-ID, or a provider's id.")]

message = App(name="message", help="Messages: what came, what left, and why not.")


@message.command(name="list")
async def list_messages(
    *,
    org: Annotated[str | None, Parameter(help="Only this organisation's: name or id.")] = None,
    account: Annotated[str | None, Parameter(help="Only this account's: address, number or id.")] = None,
    phone: Annotated[str | None, Parameter(help="Only to and from this phone, with its country code.")] = None,
    state: Annotated[str | None, Parameter(help="Only those that stand here: queued, failed, held …")] = None,
    direction: Annotated[Literal["in", "out"] | None, Parameter(help="Only one way.")] = None,
    limit: Limit = 50,
    options: Options = DEFAULT,
) -> None:
    """List SMS, newest first."""
    from brevdue.administration import desk
    from gateway.store.trace_sql import Filter

    async with desk(options) as at:
        owner = await at.accounts.organisation_named(org) if org else None
        found = await at.accounts.account_named(account) if account else None
        wanted = Filter(
            org_id=owner.id if owner else None,
            account_id=found.id if found else None,
            phone=phone,
            state=state,
            direction=direction,
            limit=limit,
        )
        await _show(at, wanted, options, empty="there is no such message")


@message.command
async def held(*, limit: Limit = 50, options: Options = DEFAULT) -> None:
    """List incoming SMS that wait for the end of a pause."""
    from brevdue.administration import desk
    from gateway.store.trace_sql import Filter

    async with desk(options) as at:
        await _show(at, Filter(state="held", direction="in", limit=limit), options, empty="nothing is held")


@message.command
async def unrouted(*, limit: Limit = 50, options: Options = DEFAULT) -> None:
    """List incoming SMS to numbers that nobody has."""
    from brevdue.administration import desk
    from gateway.store.trace_sql import Filter

    async with desk(options) as at:
        await _show(at, Filter(state="unrouted", direction="in", limit=limit), options, empty="nothing is unrouted")


@message.command(name="show")
async def show_message(name: MessageName, /, *, options: Options = DEFAULT) -> None:
    """Show one SMS."""
    from brevdue.administration import desk
    from gateway.store import trace_sql

    async with desk(options) as at:
        found = await at.database.read(lambda connection: trace_sql.message(connection, name))
    if found is None:
        raise CommandError(f"there is no SMS '{cell(name)}'")
    facts(_row(found), options)


@message.command
async def trace(name: MessageName, /, *, options: Options = DEFAULT) -> None:
    """Tell one message's whole story: SMTP, who proved it, what was cut, route, attempts, reports."""
    from brevdue.administration import desk
    from gateway.store import trace_sql

    async with desk(options) as at:
        moments = await at.database.read(lambda connection: trace_sql.story(connection, name))
    if not moments:
        raise CommandError(f"there is no message '{cell(name)}'")
    if options.json:
        say("", [{"at": _precise(each.at), "what": each.what, **each.facts} for each in moments], options)
        return
    for each in moments:
        _tell(each, options)


def _tell(told: Moment, options: Options) -> None:
    """One moment: when and what, then what is known, with the lines of a text under each other."""
    say(f"{_precise(told.at)}  {cell(told.what)}", None, options)
    known = {name: value for name, value in told.facts.items() if value not in {None, ""}}
    width = max(map(len, known), default=0)
    for name, value in known.items():
        first, *more = str(value).split("\n") if isinstance(value, str) else [value]
        say(f"    {name.ljust(width)}  {cell(first)}", None, options)
        for line in more:
            say(f"    {' ' * width}  {cell(line)}", None, options)


async def _show(at: Desk, wanted: Filter, options: Options, *, empty: str) -> None:
    from gateway.store import trace_sql

    found = await at.database.read(lambda connection: trace_sql.list_messages(connection, wanted))
    rows = [_row(each) for each in found]
    if not options.json:
        rows = [{**row, "text": _short(row["text"])} for row in rows]
    show(rows, options, empty=empty)


def _row(found: MessageListing) -> dict[str, Any]:
    return {
        "id": found.id,
        "at": moment(found.at),
        "way": found.direction,
        "number": found.number,
        "phone": found.phone,
        "state": found.state,
        "parts": found.parts,
        "text": found.text,
        "cause": found.cause,
    }


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"


def _precise(seconds: float) -> str:
    """ISO 8601 in UTC with milliseconds: a message's story is often over within one second."""
    thousandths = int(seconds * 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(thousandths // 1000)) + f".{thousandths % 1000:03}Z"
