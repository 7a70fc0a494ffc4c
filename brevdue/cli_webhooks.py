"""`brevdue webhook`: URLs of organisations that are called when something happens, and how that goes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from cyclopts import App, Parameter
from cyclopts.validators import Number

from brevdue.console import DEFAULT, CommandError, Options, facts, moment, say, show

if TYPE_CHECKING:
    from brevdue.administration import Desk
    from gateway.store.webhook_sql import Webhook
    from gateway.webhook_endpoints import WebhookEndpoints

WebhookId: TypeAlias = Annotated[str, Parameter(help="The webhook's id.")]
EventNames: TypeAlias = Annotated[
    list[str] | None,
    Parameter(name="--event", negative=(), help="An event, or the first word of several; again for more."),
]

webhook = App(name="webhook", help="Webhooks: who is called when something happens (docs/webhooks.md).")


@dataclass(frozen=True, slots=True)
class _Counter:
    """What the commands of this group work with."""

    desk: Desk
    endpoints: WebhookEndpoints

    async def named(self, text: str) -> Webhook:
        """The webhook with this id, whosever it is."""
        wanted = text.strip().upper()
        for each in await self.endpoints.all_of(None):
            if each.id == wanted:
                return each
        raise CommandError(f"there is no webhook '{text}': brevdue webhook list")


@asynccontextmanager
async def _counter(options: Options) -> AsyncIterator[_Counter]:
    from brevdue.administration import desk
    from gateway.dns import DnsResolver
    from gateway.hooks.caller import Caller
    from gateway.model import SystemClock
    from gateway.public_http import PublicHttp
    from gateway.webhook_endpoints import WebhookEndpoints

    async with desk(options) as at:
        http = PublicHttp.configured(at.settings.webhooks, DnsResolver(at.settings.dns))
        clock = SystemClock()
        caller = Caller(http, at.keyring, clock)
        await http.start()
        try:
            yield _Counter(
                at,
                WebhookEndpoints(database=at.database, keyring=at.keyring, clock=clock, http=http, caller=caller),
            )
        finally:
            await http.stop()


@webhook.command
async def create(
    url: Annotated[str, Parameter(help="What is called.")],
    /,
    *,
    org: Annotated[str, Parameter(help="The organisation that is told: name or id.")],
    event: EventNames = None,
    description: Annotated[str, Parameter(help="Words for lists.")] = "",
    options: Options = DEFAULT,
) -> None:
    """Make a webhook and print its secret, by which the receiver knows our calls; without --event it hears of all."""
    async with _counter(options) as at:
        owner = await at.desk.accounts.organisation_named(org)
        made, secret = await at.endpoints.create(owner.id, url, event or (), description)
        await at.desk.note("webhook.create", made.id, owner.id, url=made.url)
    say(secret, {"secret": secret, **_row(made, owner.name)}, options)


@webhook.command(name="list")
async def list_webhooks(
    *,
    org: Annotated[str | None, Parameter(help="Only this organisation's: name or id.")] = None,
    options: Options = DEFAULT,
) -> None:
    """List webhooks, without their secrets."""
    async with _counter(options) as at:
        owner = await at.desk.accounts.organisation_named(org) if org else None
        found = await at.endpoints.all_of(owner.id if owner else None)
        names = {each.id: each.name for each in await at.desk.accounts.list_organisations()}
    rows = [_row(each, names.get(each.org_id)) for each in found]
    show(rows, options, empty="there is no webhook yet: brevdue webhook create URL --org NAME")


def _row(webhook: Webhook, organisation: str | None) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "organisation": organisation,
        "url": webhook.url,
        "state": webhook.state,
        "failing_since": moment(webhook.failing_since),
        "events": list(webhook.events),
        "description": webhook.description,
    }


@webhook.command(name="show")
async def show_webhook(webhook: WebhookId, /, *, options: Options = DEFAULT) -> None:
    """Show one webhook with its live secrets, newest first."""
    async with _counter(options) as at:
        found = await at.named(webhook)
        secrets = await at.endpoints.secrets(found.org_id, found.id)
        await at.desk.note("webhook.show", found.id, found.org_id)
        owner = await at.desk.accounts.organisation_named(found.org_id)
    more = {
        "secrets": secrets,
        "old_secret_stops": moment(found.old_secret_until) if len(secrets) > 1 else None,
        "state_since": moment(found.state_at),
        "state_reason": found.state_reason,
        "created": moment(found.created_at),
    }
    facts(_row(found, owner.name) | more, options)


@webhook.command
async def edit(
    webhook: WebhookId,
    /,
    *,
    url: Annotated[str | None, Parameter(help="What is called from now on.")] = None,
    event: EventNames = None,
    description: Annotated[str | None, Parameter(help="Words for lists.")] = None,
    options: Options = DEFAULT,
) -> None:
    """Change what is given."""
    async with _counter(options) as at:
        found = await at.named(webhook)
        changed = await at.endpoints.edit(found.org_id, found.id, url=url, events=event, description=description)
        await at.desk.note("webhook.edit", found.id, found.org_id)
        owner = await at.desk.accounts.organisation_named(changed.org_id)
    say("changed", _row(changed, owner.name), options)


@webhook.command
async def pause(webhook: WebhookId, /, *, options: Options = DEFAULT) -> None:
    """Call it no more for now; what happens meanwhile waits."""
    async with _counter(options) as at:
        found = await at.named(webhook)
        changed = await at.endpoints.pause(found.org_id, found.id)
        await at.desk.note("webhook.pause", found.id, found.org_id)
    say("paused", {"id": changed.id, "state": changed.state}, options)


@webhook.command
async def resume(webhook: WebhookId, /, *, options: Options = DEFAULT) -> None:
    """Call it again: after a pause, or after it was disabled because it took nothing."""
    async with _counter(options) as at:
        found = await at.named(webhook)
        changed = await at.endpoints.resume(found.org_id, found.id)
        await at.desk.note("webhook.resume", found.id, found.org_id)
    say("resumed", {"id": changed.id, "state": changed.state}, options)


@webhook.command
async def rotate(
    webhook: WebhookId,
    /,
    *,
    hours: Annotated[float, Parameter(help="How long the old secret signs as well.")] = 24,
    options: Options = DEFAULT,
) -> None:
    """Give it a new secret and print it; for a while calls are signed with both."""
    async with _counter(options) as at:
        found = await at.named(webhook)
        secret = await at.endpoints.rotate(found.org_id, found.id, hours)
        await at.desk.note("webhook.rotate", found.id, found.org_id)
    say(secret, {"secret": secret, "id": found.id}, options)


@webhook.command
async def delete(webhook: WebhookId, /, *, options: Options = DEFAULT) -> None:
    """Forget it, and the calls that wait for it."""
    async with _counter(options) as at:
        found = await at.named(webhook)
        await at.endpoints.delete(found.org_id, found.id)
        await at.desk.note("webhook.delete", found.id, found.org_id)
    say("deleted", {"id": found.id}, options)


@webhook.command
async def ping(webhook: WebhookId, /, *, options: Options = DEFAULT) -> int:
    """Make a test call now and print what came of it; exit status 1 where it was not taken."""
    async with _counter(options) as at:
        found = await at.named(webhook)
        came = await at.endpoints.ping(found.org_id, found.id)
    word = "taken" if came.taken else "not taken"
    say(f"{word}: {came.cause}", {"taken": came.taken, "status": came.status, "cause": came.cause}, options)
    return 0 if came.taken else 1


@webhook.command
async def deliveries(
    webhook: WebhookId,
    /,
    *,
    state: Annotated[str | None, Parameter(help="Only those that are queued, delivered or failed.")] = None,
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=1000))] = 20,
    options: Options = DEFAULT,
) -> None:
    """List the calls to a webhook, the latest first."""
    async with _counter(options) as at:
        found = await at.named(webhook)
        calls = await at.endpoints.calls(found.org_id, found.id, state=state, limit=limit)
    rows = [
        {
            "id": each.id,
            "event": each.type,
            "state": each.state,
            "made": moment(each.created_at),
            "tries": each.attempts,
            "next": moment(each.due_at),
            "came_to": each.cause,
        }
        for each in calls
    ]
    show(rows, options, empty="there are no calls yet: brevdue webhook ping makes one")


@webhook.command
async def redeliver(
    webhook: WebhookId,
    delivery: Annotated[str, Parameter(help="The id of one of its deliveries.")],
    /,
    *,
    options: Options = DEFAULT,
) -> None:
    """Let a call be made once more, by the gateway that runs."""
    async with _counter(options) as at:
        found = await at.named(webhook)
        await at.endpoints.call_again(found.org_id, delivery.strip().upper())
        await at.desk.note("webhook.again", found.id, found.org_id)
    say("queued", {"id": delivery.strip().upper()}, options)
