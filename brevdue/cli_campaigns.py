"""`brevdue campaign`: one text to many contacts, from one account: written, estimated, started, stopped, looked at."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from brevdue.console import DEFAULT, CommandError, Options, Row, facts, moment, person, say, show

if TYPE_CHECKING:
    from brevdue.administration import Desk
    from campaigns.approval import Who
    from campaigns.campaign import Campaign, Limits
    from campaigns.estimate import Estimate
    from campaigns.model import Audience
    from campaigns.trial import VersionFigures
    from gateway.model import Account
    from gateway.money import Money

campaign = App(name="campaign", help="Campaigns: one text to many contacts, from one account.")

Id = Annotated[str, Parameter(help="The campaign's id, as `create` and `list` print it.")]


@campaign.command
async def create(
    name: Annotated[str, Parameter(help="What people call it.")],
    /,
    *,
    account: Annotated[str, Parameter(help="Who is responsible: their account sends, and answers come to them.")],
    text: Annotated[str, Parameter(help="With macros: 'Hej {{ first_name | default: \"du\" }}'.")],
    channel: Annotated[Literal["sms", "email"], Parameter(help="What it is sent by.")] = "sms",
    subject: Annotated[str, Parameter(help="Of e-mails, with macros.")] = "",
    subject_variant: Annotated[list[str] | None, Parameter(help="The subject in another language: da=Hej.")] = None,
    variant: Annotated[
        list[str] | None, Parameter(help="The text in another language: da=Hej. As often as wanted.")
    ] = None,
    group: Annotated[list[str] | None, Parameter(help="A group of contacts. As often as wanted.")] = None,
    without: Annotated[list[str] | None, Parameter(help="A group that is left out.")] = None,
    contact: Annotated[list[int] | None, Parameter(help="A single contact, by its id.")] = None,
    where: Annotated[str | None, Parameter(help="All contacts that a filter is true of; '' for everybody.")] = None,
    consent: Annotated[str, Parameter(help="Only who has agreed to this, as 'newsletter'.")] = "",
    start_at: Annotated[datetime | None, Parameter(help="Start then, not at once: 2027-01-31T09:00:00+01:00.")] = None,
    window: Annotated[str, Parameter(help="When it may reach people, by their clock: 'mon-fri 09:00-20:00'.")] = "",
    zone: Annotated[str, Parameter(help="The time zone of contacts whose own is not known.")] = "UTC",
    any_hour: Annotated[bool, Parameter(help="Write in the quiet hours as well.", negative=())] = False,
    any_day: Annotated[bool, Parameter(help="Write on holidays as well.", negative=())] = False,
    per_minute: Annotated[int, Parameter(help="SMS a minute at most; 0 for as fast as they leave.")] = 0,
    per_week: Annotated[int, Parameter(help="Leave out who has got so many SMS of campaigns this week.")] = 0,
    max_parts: Annotated[int, Parameter(help="Pause after so many SMS parts.")] = 0,
    max_cost: Annotated[str, Parameter(help="Pause before it costs more: '100 DKK'.")] = "",
    short_links: Annotated[bool, Parameter(help="Replace links by short ones, and count who follows them.")] = False,
    ab: Annotated[
        list[str] | None, Parameter(help="Another version to try beside the text: b=Hej, b/da=Hej, c=Hallo.")
    ] = None,
    ab_share: Annotated[int, Parameter(help="Percent of the audience that each version is tried on.")] = 10,
    ab_rule: Annotated[
        Literal["clicks", "answers", "opt-outs", "delivered", "hand"],
        Parameter(help="What tells the winner, which all others get; hand: `pick` does."),
    ] = "hand",
    ab_hours: Annotated[float, Parameter(help="Hours from the start until the rule decides.")] = 24.0,
    options: Options = DEFAULT,
) -> None:
    """Write a campaign; nobody gets anything before it is started. Prints its id."""
    from brevdue.administration import desk, in_a_sentence
    from campaigns.campaign import Content, Launch
    from campaigns.model import Channel
    from campaigns.schedule import read_window
    from campaigns.trial import Rule, Trial

    async with desk(options) as at:
        with in_a_sentence():
            owner = await at.accounts.account_named(account)
            content = Content(
                name=name,
                account_id=owner.id,
                texts={
                    "": text,
                    **dict(_variant(each) for each in variant or ()),
                    **dict(_version(each) for each in ab or ()),
                },
                audience=await _audience(at, owner, contact or (), group or (), without or (), where),
                consent=consent,
                launch=Launch.DEFERRED if start_at is not None else Launch.INSTANT,
                start_at=start_at.timestamp() if start_at is not None else None,
                window=read_window(window, zone),
                any_hour=any_hour,
                any_day=any_day,
                limits=_limits(per_minute, per_week, max_parts, max_cost),
                short_links=short_links,
                trial=Trial(ab_share, Rule(ab_rule), ab_hours) if ab else None,
                channel=Channel(channel),
                subjects={"": subject, **dict(_variant(each, "--subject-variant") for each in subject_variant or ())},
            )
            made = await at.campaigns.create(owner.org_id, content, person())
            await at.note("campaign.create", made.id, made.org_id, name=made.content.name)
    say(made.id, {"id": made.id, "name": made.content.name, "state": made.state}, options)


def _variant(written: str, option: str = "--variant") -> tuple[str, str]:
    language, equals, text = written.partition("=")
    if not equals or not language.strip():
        raise CommandError(f"{option} takes a language and a text: da=Hej, not '{written}'")
    return language.strip(), text


def _version(written: str) -> tuple[str, str]:
    version, equals, text = written.partition("=")
    version, _, language = version.strip().lower().partition("/")
    if not equals or len(version) != 1 or not "b" <= version <= "e":
        raise CommandError(f"--ab takes a letter from b to e and a text: b=Hej, or b/da=Hej, not '{written}'")
    return f"{version}/{language}", text


def _limits(per_minute: int, per_week: int, parts: int, cost: str) -> Limits:
    from campaigns.campaign import Limits

    return Limits(per_minute, per_week, parts, _money(cost))


def _money(cost: str) -> Money | None:
    from gateway.money import Money

    amount, _, currency = cost.strip().partition(" ")
    money = Money.of(amount, currency) if cost else None
    if cost and money is None:
        raise CommandError(f"--max-cost takes an amount and a currency: '100 DKK', not '{cost}'")
    return money


async def _audience(
    at: Desk, owner: Account, contacts: Sequence[int], groups: Sequence[str], without: Sequence[str], where: str | None
) -> Audience:
    from functools import partial

    from campaigns.model import Audience
    from campaigns.store import book_sql
    from campaigns.values import fold

    book = await at.database.read(partial(book_sql.book, org_id=owner.org_id))
    named = book.groups if book is not None else {}
    for group in (*groups, *without):
        if fold(group) not in named:
            raise CommandError(f"there is no group '{group}'")
    ids = [tuple(named[fold(group)].id for group in some) for some in (groups, without)]
    return Audience(tuple(contacts), ids[0], where, ids[1])


@campaign.command(name="list")
async def list_campaigns(
    *,
    org: Annotated[str | None, Parameter(help="Only this organisation's: name or id.")] = None,
    options: Options = DEFAULT,
) -> None:
    """List campaigns, the newest first."""
    from brevdue.administration import desk, in_a_sentence

    async with desk(options) as at:
        with in_a_sentence():
            owner = await at.accounts.organisation_named(org) if org else None
            found = await at.campaigns.listing(owner.id if owner else None)
    show([_row(each) for each in found], options, empty="there is no campaign yet")


def _row(each: Campaign) -> Row:
    return {
        "id": each.id,
        "name": each.content.name,
        "state": each.state,
        "why": each.cause,
        "contacts": each.counts.recipients,
        "SMS": each.counts.messages,
        "waiting": each.counts.waiting,
        "skipped": each.counts.skipped,
        "started": moment(each.started_at),
    }


@campaign.command(name="show")
async def show_campaign(campaign_id: Id, /, *, options: Options = DEFAULT) -> None:
    """Show how a campaign stands: SMS by state, answers, STOPs, cost, and who is skipped and why."""
    from brevdue.administration import desk, in_a_sentence

    async with desk(options) as at:
        with in_a_sentence():
            found = await at.campaigns.get(None, campaign_id)
            figures = await at.campaigns.figures(found)
    values: dict[str, Any] = {**_row(found), **_approval(found)}
    values |= {"parts": figures.parts, "cost": [str(each) for each in figures.costs]}
    what = "mails" if found.content.channel == "email" else "SMS"
    values |= {f"{what} {state}": count for state, count in sorted(figures.states.items())}
    values |= {f"failed: {reason or 'unknown'}": count for reason, count in sorted(figures.failures.items())}
    values |= {f"skipped: {reason}": count for reason, count in sorted(figures.skipped.items())}
    values |= {"replies": figures.replies, "opt-outs": figures.optouts}
    if found.content.short_links:
        values["clicked"] = figures.clicked
        values |= {f"clicks: {link.written}": f"{link.clicks} of {link.people}" for link in figures.links}
    values |= _versions(found, figures.versions)
    facts(values, options)


def _versions(found: Campaign, figures: Sequence[VersionFigures]) -> Row:
    """How versions of the text stand, and which the others get."""
    if found.content.trial is None:
        return {}
    verdict = found.verdict
    said = f"{verdict.winner.upper()}, by {verdict.by or 'the rule'}" if verdict.winner else "not decided yet"
    values: dict[str, Any] = {"winner": said, "decided": moment(verdict.at)}
    for each in figures:
        reached = f"{each.delivered} delivered, {each.clicked} clicked, {each.answered} answered"
        values[f"version {each.version.upper()}"] = f"{each.sent} sent, {reached}, {each.opted_out} opted out"
    return values


def _approval(found: Campaign) -> Row:
    said = found.approval
    if said.asked_at is None:
        return {}
    values: dict[str, Any] = {"asked by": said.asked_by, "asked": moment(said.asked_at), "asked for": said.recipients}
    if said.answered_at is not None:
        deed = "approved" if said.approved else "sent back"
        values |= {f"{deed} by": said.answered_by, deed: moment(said.answered_at), "with the word": said.word or None}
    return values


@campaign.command
async def estimate(campaign_id: Id, /, *, options: Options = DEFAULT) -> None:
    """Make every text and count: exact parts, what they cost, and who would be skipped. Nothing is sent."""
    from brevdue.administration import desk, in_a_sentence

    last: Estimate | None = None
    async with desk(options) as at:
        with in_a_sentence():
            async for last in at.campaigns.estimate(None, campaign_id):
                if sys.stderr.isatty():
                    print(f"\r{last.done:,} of {last.total:,}", end="", file=sys.stderr)
    if last is None:
        raise CommandError("nothing was estimated")
    if sys.stderr.isatty():
        print("\r", end="", file=sys.stderr)
    values: dict[str, Any] = {"contacts": last.total, "SMS": last.messages, "parts": last.parts}
    values["cost"] = str(last.cost) if last.cost is not None else "not available with the current provider"
    values |= {f"skipped: {reason}": count for reason, count in sorted(last.skipped.items())}
    values |= {f"of {parts} parts": count for parts, count in sorted(last.by_parts.items())}
    if last.later:
        values["wait for their hours"] = f"{last.later}, the first at {moment(last.first_at)}"
    values |= {f"empty: {name}": count for name, count in sorted(last.gaps.items())}
    facts(values, options)


@campaign.command
async def check(
    campaign_id: Id, contact: Annotated[int, Parameter(help="The contact's id.")], /, *, options: Options = DEFAULT
) -> None:
    """Show exactly what one contact would get."""
    from brevdue.administration import desk, in_a_sentence

    async with desk(options) as at:
        with in_a_sentence():
            got = await at.campaigns.check(None, campaign_id, contact)
    values: dict[str, Any] = {"to": got.recipient.phone, "from": got.sender}
    values["in the audience"] = got.meant
    values["why not"] = str(got.reason.words) if got.reason else None
    values |= {"parts": got.text.parts, "encoding": got.text.encoding} if got.text else {}
    values |= {"price": str(got.price) if got.price else None, "window opens": moment(got.due_at)}
    values |= {"empty": got.gaps, "text": got.text.text if got.text else None}
    if got.email is not None:
        values |= {"to": got.email.address, "subject": got.email.subject, "text": got.email.text}
    facts(values, options)


async def _do(deed: str, campaign_id: str, options: Options, *words: Any, **more: Any) -> None:
    from brevdue.administration import desk, in_a_sentence

    async with desk(options) as at:
        with in_a_sentence():
            found: Campaign = await getattr(at.campaigns, deed)(None, campaign_id, *words, **more)
            await at.note(f"campaign.{deed}", found.id, found.org_id, name=found.content.name, state=found.state)
    say(f"{found.content.name} is {_STANDS.get(found.state, found.state)}", _standing(found), options)


_STANDS = {"approval": "waiting for approval"}


def _standing(found: Campaign) -> Row:
    return {"id": found.id, "state": found.state}


def _who() -> Who:
    from campaigns.approval import Who

    return Who("terminal", person(), person())


@campaign.command
async def start(campaign_id: Id, /, *, options: Options = DEFAULT) -> None:
    """Start a campaign, or let it wait for its start date; a large one waits until somebody approves it."""
    await _do("start", campaign_id, options, _who())


@campaign.command
async def approve(campaign_id: Id, /, *, options: Options = DEFAULT) -> None:
    """Approve a campaign that waits for it: whoever owns the machine may, even their own."""
    await _do("approve", campaign_id, options, _who())


@campaign.command
async def send_back(
    campaign_id: Id, word: Annotated[str, Parameter(help="Why.")] = "", /, *, options: Options = DEFAULT
) -> None:
    """Let a campaign that waits for approval be a draft again, and tell why."""
    await _do("send_back", campaign_id, options, _who(), word)


@campaign.command
async def waiting(
    *,
    org: Annotated[str | None, Parameter(help="Only this organisation's: name or id.")] = None,
    options: Options = DEFAULT,
) -> None:
    """List campaigns that wait for approval, the longest waiting first."""
    from brevdue.administration import desk, in_a_sentence

    async with desk(options) as at:
        with in_a_sentence():
            owner = await at.accounts.organisation_named(org) if org else None
            found = await at.campaigns.waiting_for_approval(owner.id if owner else None)
    rows: list[Row] = [
        {
            "id": each.id,
            "name": each.content.name,
            "contacts": each.approval.recipients,
            "asked by": each.approval.asked_by,
            "since": moment(each.state_at),
            "why": each.cause or each.state,
        }
        for each in found
    ]
    show(rows, options, empty="no campaign waits for approval")


@campaign.command
async def approval(
    org: Annotated[str, Parameter(help="The organisation: name or id.")],
    above: Annotated[int | None, Parameter(help="Contacts above which a second person approves; 0 for never.")] = None,
    /,
    *,
    reset: Annotated[bool, Parameter(help="As the configuration says, again.", negative=())] = False,
    options: Options = DEFAULT,
) -> None:
    """Show above how many contacts an organisation's campaigns need a second person, or set it."""
    from brevdue.administration import desk, in_a_sentence

    if reset and above is not None:
        raise CommandError("give a number or --reset, not both")
    async with desk(options) as at:
        with in_a_sentence():
            owner = await at.accounts.organisation_named(org)
            if reset or above is not None:
                await at.approvals.set_above(owner.id, above)
                await at.note("campaign.approval", owner.id, owner.id, above="configured" if reset else above)
            now = await at.approvals.above(owner.id)
    say(f"above {now} contacts" if now else "never", {"org": owner.name, "above": now}, options)


@campaign.command
async def pick(
    campaign_id: Id,
    version: Annotated[str, Parameter(help="The version, by its letter.")],
    /,
    *,
    options: Options = DEFAULT,
) -> None:
    """Let one version of the text go to all who wait for the winner."""
    from brevdue.administration import desk, in_a_sentence

    async with desk(options) as at:
        with in_a_sentence():
            found = await at.campaigns.pick(None, campaign_id, version, person())
            await at.note("campaign.pick", found.id, found.org_id, version=found.verdict.winner)
    say(
        f"{found.content.name}: the others get {found.verdict.winner.upper()}",
        {"winner": found.verdict.winner},
        options,
    )


@campaign.command
async def pause(campaign_id: Id, /, *, options: Options = DEFAULT) -> None:
    """Let nothing more leave until it is resumed."""
    await _do("pause", campaign_id, options)


@campaign.command
async def resume(
    campaign_id: Id,
    /,
    *,
    max_parts: Annotated[int | None, Parameter(help="With a budget of so many SMS parts in all; 0: any.")] = None,
    max_cost: Annotated[str | None, Parameter(help="With a budget of so much in all: '100 DKK'; '': any.")] = None,
    options: Options = DEFAULT,
) -> None:
    """Go on where it was paused; nobody gets anything twice. One whose budget is spent needs another."""
    cost = _money(max_cost or "")

    def budget(before: Limits) -> Limits:
        limits = before if max_parts is None else replace(before, parts=max_parts)
        return limits if max_cost is None else replace(limits, cost=cost)

    await _do("resume", campaign_id, options, _who(), budget=budget)


@campaign.command
async def cancel(campaign_id: Id, /, *, options: Options = DEFAULT) -> None:
    """Let nothing more leave, for ever."""
    await _do("cancel", campaign_id, options)
