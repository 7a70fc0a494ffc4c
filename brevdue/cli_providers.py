"""`brevdue provider`: which there are, and what they answer when they are asked."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, TypeAlias

from cyclopts import App, Parameter

from brevdue.console import DEFAULT, CommandError, Options, facts, say, show

if TYPE_CHECKING:
    from gateway.providers.base import Provider
    from gateway.settings import GatewaySettings

Name: TypeAlias = Annotated[str, Parameter(help="The provider's name in the configuration.")]

provider = App(name="provider", help="SMS providers: which there are, whether they answer, what they cost.")


@provider.command(name="list")
def list_providers(*, options: Options = DEFAULT) -> None:
    """List the configured providers and what each can tell."""
    from brevdue.providers import make_providers

    settings = _settings(options)
    made = make_providers(settings.provider, settings.http.public_url)
    kinds = {table.name: table.kind for table in settings.provider}
    rows = [
        {
            "name": name,
            "kind": kinds[name],
            "window": each.window,
            "can": sorted(each.capabilities),
        }
        for name, each in made.items()
    ]
    show(rows, options, empty="no providers")


@provider.command
async def check(name: Name, /, *, options: Options = DEFAULT) -> None:
    """Ask whether a provider is there and takes our credentials; no SMS is sent."""
    from gateway.providers.base import Capability, NotAvailable, Reachable

    async with _asked(name, options) as asked:
        if Capability.PING not in asked.capabilities or not isinstance(asked, Reachable):
            raise NotAvailable
        await asked.ping()
    say(f"{name} answers", {"name": name, "reachable": True}, options)


@provider.command
async def balance(name: Name, /, *, options: Options = DEFAULT) -> None:
    """Ask what is left to send with."""
    from gateway.providers.base import Capability, Funded, NotAvailable

    async with _asked(name, options) as asked:
        if Capability.BALANCE not in asked.capabilities or not isinstance(asked, Funded):
            raise NotAvailable
        money = await asked.balance()
    say(str(money), {"name": name, "thousandths": money.thousandths, "currency": money.currency}, options)


@provider.command
async def price(
    name: Name,
    phone: Annotated[str, Parameter(help="The phone, with its country code.", allow_leading_hyphen=True)],
    text: Annotated[str, Parameter(help="The text.")],
    /,
    *,
    options: Options = DEFAULT,
) -> None:
    """Ask what a text to a phone would cost, and count its parts; nothing is sent."""
    from gateway.numbers import NumberError, to_e164
    from gateway.providers.base import Capability, NotAvailable, Priced
    from gateway.sms_text import prepare

    settings = _settings(options)
    try:
        number = to_e164(phone, settings.dialog.region)
    except NumberError as error:
        raise CommandError(f"'{phone}' cannot be a mobile number: {error}") from None
    sms = prepare(text, smart=settings.dialog.smart)
    async with _asked(name, options) as asked:
        if Capability.PRICE not in asked.capabilities or not isinstance(asked, Priced):
            raise NotAvailable
        money = await asked.price(sms, number, "")
    shown = {"price": str(money), "parts": sms.parts, "encoding": sms.encoding, "phone": number}
    facts(shown, options)


def _settings(options: Options) -> GatewaySettings:
    from brevdue.settings import find_file, load

    return load(find_file(options.config, os.environ), os.environ)


@asynccontextmanager
async def _asked(name: str, options: Options) -> AsyncIterator[Provider]:
    """Open a provider for one question; what it cannot answer becomes a sentence."""
    from brevdue.providers import opened
    from gateway.providers.base import NotAvailable, Unreachable

    settings = _settings(options)
    known = [table.name for table in settings.provider]
    if name not in known:
        raise CommandError(f"there is no provider '{name}': {', '.join(known)}")
    try:
        async with opened(name, settings) as provider:
            yield provider
    except NotAvailable:
        raise CommandError("not available with the current provider") from None
    except Unreachable as error:
        raise CommandError(f"{name} does not answer: {error}") from None
