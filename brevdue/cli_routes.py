"""`brevdue route`: which providers would carry a message to a phone, in order, and why others would not."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from brevdue.console import DEFAULT, CommandError, Options, say, show
from gateway.sms import Priority

if TYPE_CHECKING:
    from gateway.routing.choice import Candidate, Choice
    from gateway.settings import GatewaySettings
    from gateway.sms import OutgoingSms

route = App(name="route", help="Routes: which provider carries what.")


@route.command
async def explain(
    phone: Annotated[str, Parameter(help="The phone, with its country code.")],
    /,
    *,
    org: Annotated[str | None, Parameter(help="The organisation that writes: name or id.")] = None,
    kind: Annotated[Priority, Parameter(help="What it is.")] = Priority.DIALOG,
    sender: Annotated[
        str | None, Parameter(name="--from", help="The account's number; else the first of the first pool.")
    ] = None,
    options: Options = DEFAULT,
) -> int:
    """Say which route fits, who would carry it in which order, and why others would not. Nothing is sent.

    Exit status 1 where nobody would.
    """
    from brevdue.settings import find_file, load
    from gateway.routing.configured import make_router
    from gateway.sms import OutgoingSms
    from gateway.sms_text import measure

    settings = load(find_file(options.config, os.environ), os.environ)
    router = make_router(settings)
    number = _number(sender, settings) if sender else _first_number(settings)
    message = OutgoingSms(
        id="", org_id=await _organisation(org, options), account_id="", key_id="", from_number=number,
        to_number=_number(phone, settings), text=measure("."), provider="", priority=kind,
    )  # fmt: skip
    resting = await _resting(settings)
    choice = router.choose(message, lambda provider: provider in resting)
    rows = [_row(candidate, choice) for candidate in choice.candidates]
    if options.json:
        say("", {"route": choice.rule.name or None, "owner": router.owner_of(number) or None, "ways": rows}, options)
    else:
        for line in _heading(message, choice, router.owner_of(number)):
            say(line, None, options)
        show(rows, options, empty="")
    return 0 if choice.first else 1


def _heading(message: OutgoingSms, choice: Choice, owner: str) -> list[str]:
    from gateway.numbers import country_of

    rule = f"route '{choice.rule.name}'" if choice.rule.name else "no route fits: the owner of the number carries it"
    country = country_of(message.to_number)
    whose = f"of {owner}" if owner else "in no pool"
    lines = [
        f"{message.priority} to {message.to_number} ({country}) from {message.from_number} ({whose})",
        rule,
    ]
    if any(len(prefix) > _code_length(message.to_number) for prefix in choice.rule.prefixes) and _portable(country):
        lines.append(f"numbers in {country} are portable: a prefix says who gave the number out, not who has it now")
    return lines


def _code_length(phone: str) -> int:
    """Characters of the country code, with its plus."""
    from gateway.numbers import display

    return len(display(phone).split()[0])


def _portable(country: str) -> bool:
    from phonenumbers import is_mobile_number_portable_region

    return is_mobile_number_portable_region(country)


def _row(candidate: Candidate, choice: Choice) -> dict[str, Any]:
    if candidate.objection:
        state = f"no: {candidate.objection}"
    elif candidate == choice.first:
        state = "carries it, though it takes no messages at the moment" if candidate.rests else "carries it"
    else:
        state = "takes no messages at the moment" if candidate.rests else "next, where it is known not to be sent"
    return {
        "provider": candidate.provider,
        "sender": candidate.sender or ("" if candidate.objection else "the number"),
        "price": str(candidate.price) if candidate.price else None,
        "what": state,
    }


def _number(text: str, settings: GatewaySettings) -> str:
    """A number as it is written. Raises CommandError."""
    from gateway.numbers import NumberError, NumberRange, to_e164

    try:
        return NumberRange.parse(text).first  # our own numbers are in no plan
    except ValueError:
        pass
    try:
        return to_e164(text, settings.dialog.region)
    except NumberError as error:
        raise CommandError(f"'{text}' is no phone number: {error.reason}") from error


def _first_number(settings: GatewaySettings) -> str:
    from brevdue.site import first_number

    number = first_number(settings)
    if not number:
        raise CommandError("there is no [[pool]]: say with --from which number it leaves from")
    return number


async def _organisation(name: str | None, options: Options) -> str:
    if name is None:
        return ""
    from brevdue.administration import desk

    async with desk(options) as at:
        return (await at.accounts.organisation_named(name)).id


async def _resting(settings: GatewaySettings) -> frozenset[str]:
    """Providers whose breaker is open in the gateway that runs; none where it does not run."""
    from brevdue.status import look

    told = (await look(settings)).gateway or {}
    return frozenset(told.get("breakers_open", ()))
