"""`brevdue keyword`: words by which SMS to an organisation's number find their reader."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from cyclopts import App, Parameter

from brevdue.console import DEFAULT, Options, say, show
from gateway.registry.organisation_numbers import compact

NumberName: TypeAlias = Annotated[str, Parameter(help="The organisation's number, with its country code.")]
Word: TypeAlias = Annotated[str, Parameter(help="One word of letters and digits; case and accents do not matter.")]

keyword = App(name="keyword", help="Keywords: the first word of an SMS to an organisation's number.")


@keyword.command
async def add(
    number: NumberName,
    word: Word,
    /,
    *,
    to: Annotated[str, Parameter(help="The mail address that reads SMS which begin with the word.")],
    reply: Annotated[str, Parameter(help="What the phone is answered at once by SMS; at most once an hour.")] = "",
    options: Options = DEFAULT,
) -> None:
    """Let SMS that begin with a word go to an address; a word that is there is changed. STOP and START always win."""
    from brevdue.administration import desk

    async with desk(options) as at:
        made = await at.accounts.add_keyword(number, word, to, reply)
        await at.note(
            "number.keyword", compact(number), await at.owner_of(number), keyword=made.written, email=made.email
        )
    say(made.word, {"number": number, "word": made.word, "to": made.email, "reply": made.reply}, options)


@keyword.command(name="list")
async def list_keywords(
    *,
    org: Annotated[str | None, Parameter(help="Only this organisation's: name or id.")] = None,
    options: Options = DEFAULT,
) -> None:
    """List organisations' numbers and their keywords; without a word stands who reads everything else."""
    from brevdue.administration import desk

    async with desk(options) as at:
        owner = await at.accounts.organisation_named(org) if org else None
        found = await at.accounts.organisation_numbers(owner.id if owner else None)
        names = {each.id: each.name for each in await at.accounts.list_organisations()}
    rows = []
    for each in found:
        shared = {"number": each.number, "organisation": names.get(each.org_id)}
        rows.append(shared | {"word": None, "to": each.email, "reply": None})
        rows += [shared | {"word": one.written, "to": one.email, "reply": one.reply} for one in each.keywords.values()]
    show(rows, options, empty="no organisation has a number: brevdue number give --org NAME --to ADDRESS")


@keyword.command
async def remove(number: NumberName, word: Word, /, *, options: Options = DEFAULT) -> None:
    """Let a word be a word like any other."""
    from brevdue.administration import desk

    async with desk(options) as at:
        await at.accounts.remove_keyword(number, word)
        await at.note("number.keyword.remove", compact(number), await at.owner_of(number), keyword=word)
    say("removed", {"number": number, "word": word}, options)
