"""`brevdue message`: what came, what left, what waits, and one message's whole story."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from cyclopts import App, Parameter
from cyclopts.validators import Number

from brevdue.console import DEFAULT, CommandError, Options, cell, facts, moment, person, say, show

if TYPE_CHECKING:
    from brevdue.administration import Desk
    from gateway.listed_sms import ListedSms, LogFilter
    from gateway.trace import Step

Limit: TypeAlias = Annotated[int, Parameter(help="How many at most.", validator=Number(gte=1))]
MessageName: TypeAlias = Annotated[str, Parameter(help="Id of a mail or an SMS.")]
Direction: TypeAlias = Literal["in", "out"]
State: TypeAlias = Literal[
    "queued",
    "submitting",
    "submitted",
    "delivered",
    "failed",
    "expired",
    "unknown",
    "mailed",
    "held",
    "asked",
    "unrouted",
]

message = App(name="message", help="Messages: what came, what left, and why not.")


@message.command(name="list")
async def list_messages(
    *,
    account: Annotated[str | None, Parameter(help="Only this account's: address, number or id.")] = None,
    phone: Annotated[str | None, Parameter(help="Only to and from this phone, with its country code.")] = None,
    state: Annotated[list[State] | None, Parameter(help="Only those that stand so.")] = None,
    way: Annotated[Direction | None, Parameter(help="Only what came in, or what goes out.")] = None,
    limit: Limit = 50,
    options: Options = DEFAULT,
) -> None:
    """List SMS, newest first."""
    from brevdue.administration import desk
    from gateway.listed_sms import LogFilter, Way

    async with desk(options) as at:
        owner = await at.accounts.account_named(account) if account else None
        wanted = LogFilter(
            account_id=owner.id if owner else None,
            phone=phone,
            states=frozenset(state or ()),
            way=Way(way) if way else None,
        )
        rows = await _listed(at, wanted, limit)
    _show(rows, options, empty="no messages")


@message.command
async def held(*, limit: Limit = 50, options: Options = DEFAULT) -> None:
    """List incoming SMS that wait for the end of a pause."""
    rows = await _waiting("held", limit, options)
    _show(rows, options, empty="nothing is held")


@message.command
async def unrouted(*, limit: Limit = 50, options: Options = DEFAULT) -> None:
    """List incoming SMS to numbers that nobody has."""
    rows = await _waiting("unrouted", limit, options)
    _show(rows, options, empty="nothing is unrouted")


@message.command
async def asked(*, limit: Limit = 50, options: Options = DEFAULT) -> None:
    """List incoming SMS to shared numbers whose reader is being asked for."""
    rows = await _waiting("asked", limit, options)
    _show(rows, options, empty="nobody is being asked")


@message.command
async def send(
    account: Annotated[str, Parameter(help="Whose number it leaves from: address, number or id.")],
    phones: Annotated[str, Parameter(help="Mobile numbers, with commas between.")],
    text: Annotated[str, Parameter(help="What the phones read.")],
    /,
    *,
    identity: Annotated[str | None, Parameter(help="A word for this SMS: said twice, it is sent once.")] = None,
    options: Options = DEFAULT,
) -> None:
    """Queue an SMS from an account's number; a gateway that runs sends it. Answers come to the account's mailbox."""
    from brevdue.administration import desk
    from gateway import maillog
    from gateway.model import Author, Origin
    from gateway.sending import Wish

    async with desk(options) as at:
        owner = await at.accounts.account_named(account)
        author = Author(Origin.COMMAND_LINE, "operator", person(), person())
        lines = maillog.configure(as_json=at.settings.log.format == "json", level="info")
        try:
            sent = await at.sending.send(Wish(owner.id, (phones,), text, author, identity))
        finally:
            lines.flush()
    rows = [
        {
            "phone": each.phone or each.written,
            "id": each.message_id,
            "parts": sent.text.parts if each.message_id else 0,
            "refused": each.public_text,
        }
        for each in sent.phones
    ]
    show(rows, options, empty="")


@message.command
async def deliver(
    name: MessageName,
    /,
    *,
    to: Annotated[str, Parameter(help="Mail address, number or id of the account; or any other mail address.")],
    options: Options = DEFAULT,
) -> None:
    """Hand an incoming SMS that has reached nobody to somebody."""
    from brevdue.administration import desk
    from gateway.registry.employee_address import valid_address

    async with desk(options) as at:
        own = at.settings.mail.domains
        email = valid_address(to, own) if "@" in to else (await at.accounts.account_named(to)).email
        way = await at.hand_delivery.deliver(name.strip().upper(), email)
        if way is not None:
            await at.note("message.deliver", name.strip().upper(), way.org_id, to=email)
    if way is None:
        raise CommandError(f"there is no incoming SMS '{cell(name)}' that has reached nobody")
    answerable = way.account_id is not None
    note = "" if answerable else "; it has no account, so an answer will not reach the phone"
    say(f"on its way to {cell(email)}{note}", {"id": name, "to": email, "answerable": answerable}, options)


@message.command(name="show")
async def show_message(name: MessageName, /, *, options: Options = DEFAULT) -> None:
    """Show one SMS."""
    from brevdue.administration import desk
    from gateway.message_log import MessageLog
    from gateway.trace import TEXT_REMOVED

    async with desk(options) as at:
        found = await MessageLog(at.database).find(name)
    if found is None:
        raise CommandError(f"there is no SMS '{cell(name)}'")
    row = _row(found)
    facts(row if options.json or row["text"] is not None else row | {"text": TEXT_REMOVED}, options)


@message.command
async def resolve(
    name: MessageName,
    /,
    *,
    sent: Annotated[bool, Parameter(negative=(), help="It has left: wait for its report.")] = False,
    not_sent: Annotated[bool, Parameter(negative=(), help="It has not left, and shall not.")] = False,
    resend: Annotated[bool, Parameter(negative=(), help="Send it again: the phone may get it twice.")] = False,
    options: Options = DEFAULT,
) -> None:
    """Decide about a message of which nobody knows whether it was sent (state unknown)."""
    from brevdue.administration import desk
    from gateway import maillog
    from gateway.maillog import Event
    from gateway.message_log import MessageLog
    from gateway.sms import MessageState
    from gateway.store import overdue_sql

    if sent + not_sent + resend != 1:
        raise CommandError("say one of --sent, --not-sent or --resend")
    state = MessageState.SUBMITTED if sent else MessageState.FAILED if not_sent else MessageState.QUEUED
    async with desk(options) as at:
        ruling = overdue_sql.Ruling(name, state, time.time(), person())
        found = await MessageLog(at.database).find(name)
        if not await at.database.write(overdue_sql.rule, ruling):
            if resend and found and found.text is None:
                raise CommandError(f"the text of '{cell(name)}' was removed: there is nothing to send again")
            raise CommandError(f"there is no message '{cell(name)}' of which it is unknown whether it was sent")
        await at.note("message.resolve", name, found.org_id if found else None, verdict=state)
        lines = maillog.configure(as_json=at.settings.log.format == "json", level="info")
        maillog.note(Event.SMS_RULED, id=name, state=state, by=ruling.by)
        lines.flush()
    say(f"{name} is {state} now", {"id": name, "state": state}, options)


@message.command
async def trace(name: MessageName, /, *, options: Options = DEFAULT) -> None:
    """Tell one message's whole story: SMTP, who proved it, what was cut, route, attempts, reports."""
    from brevdue.administration import desk
    from gateway.trace import trace as tell

    async with desk(options) as at:
        story = await tell(at.database, name)
    if story is None:
        raise CommandError(f"there is no message '{cell(name)}' here (a mail that was refused stands only in the log)")
    if options.json:
        steps = [{"at": _precise(step.at), "event": step.event, "facts": step.facts} for step in story.steps]
        say("", {"id": story.id, "direction": story.direction, "steps": steps}, options)
        return
    for step in story.steps:
        _tell(step, options)


def _tell(step: Step, options: Options) -> None:
    """One step: when and what, then what is known, with the lines of a text under each other."""
    say(f"{_precise(step.at)}  {cell(step.event)}", None, options)
    known = {name: cell(value) if not isinstance(value, str) else value for name, value in step.facts.items()}
    width = max(map(len, known), default=0)
    for name, value in known.items():
        label = name
        for line in value.split("\n") if value else ():
            say(f"    {label.ljust(width)}  {cell(line)}".rstrip(), None, options)
            label = ""


async def _waiting(state: str, limit: int, options: Options) -> list[dict[str, Any]]:
    """Incoming SMS that stand so."""
    from brevdue.administration import desk
    from gateway.listed_sms import LogFilter, Way

    async with desk(options) as at:
        return await _listed(at, LogFilter(way=Way.IN, states=frozenset({state})), limit)


async def _listed(at: Desk, wanted: LogFilter, limit: int) -> list[dict[str, Any]]:
    """The first of what is wanted."""
    from gateway.message_log import MessageLog

    rows: list[dict[str, Any]] = []
    async for sms in MessageLog(at.database).rows(wanted):
        rows.append(_row(sms))
        if len(rows) == limit:
            break
    return rows


def _row(sms: ListedSms) -> dict[str, Any]:
    return {
        "id": sms.id,
        "at": moment(sms.at),
        "way": str(sms.way),
        "number": sms.number,
        "phone": sms.phone,
        "state": sms.state,
        "parts": sms.parts,
        "text": sms.text,
        "cause": "; ".join(_causes(sms)),
    }


def _causes(sms: ListedSms) -> Iterator[str]:
    """What is the matter with an SMS, and what can be done."""
    if sms.cause:
        yield sms.cause
    if sms.incomplete:
        yield "parts are missing"
    if sms.late:
        yield "a part came late"
    if sms.text is None:
        return
    match sms.state:
        case "unrouted":
            yield f"nobody has the number: brevdue message deliver {sms.id} --to ADDRESS"
        case "held":
            yield "the key is paused: it goes on after brevdue key resume"
        case "asked":
            yield f"whoever answers has it; or brevdue message deliver {sms.id} --to ADDRESS"


def _show(rows: list[dict[str, Any]], options: Options, *, empty: str) -> None:
    """Lists for people hold the beginning of a text, JSON all of it."""
    show(rows if options.json else [row | {"text": _short(row["text"])} for row in rows], options, empty=empty)


def _short(text: str | None) -> str:
    if text is None:
        from gateway.trace import TEXT_REMOVED

        return TEXT_REMOVED
    return text if len(text) <= 40 else f"{text[:39]}…"


def _precise(seconds: float) -> str:
    """ISO 8601 in UTC with milliseconds: a message's story is often over within one second."""
    thousandths = int(seconds * 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(thousandths // 1000)) + f".{thousandths % 1000:03}Z"
