"""The audit log, in words."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from web.desk.audit import AuditDesk
from web.language import gettext as _
from web.pages.asked import Asked
from web.pages.render import page

_PAGE = 50


def audit_pages(desk: AuditDesk) -> APIRouter:
    """The route `/audit`."""
    router = APIRouter()

    @router.get("/audit")
    async def audit(request: Request, actor: Asked, before: str = "", action: str = "") -> Response:
        entries = await desk.page(actor, before=before or None, action=action, limit=_PAGE + 1)
        words = deeds()
        values: dict[str, Any] = {
            "entries": entries[:_PAGE],
            "more": len(entries) > _PAGE,
            "action": action,
            "subjects": subjects(),
            "deed": lambda name: words.get(name, name),
        }
        return page(request, "people/audit.html", fragment="results", **values)

    return router


def subjects() -> list[tuple[str, str]]:
    """What entries can be about: the beginning of the action's name, and words."""
    return [
        ("", _("Everything")),
        ("account.", _("Accounts")),
        ("key.", _("Keys")),
        ("number.", _("Numbers")),
        ("optout.", _("Opt-outs")),
        ("campaign.", _("Campaigns")),
        ("contact.", _("Contacts")),
        ("consent.", _("Consents")),
        ("group.", _("Groups")),
        ("message.", _("Messages")),
        ("import.", _("Imports")),
        ("person.", _("People")),
        ("session.", _("Signing in")),
        ("webhook.", _("Webhooks")),
        ("organisation.", _("Organisations")),
        ("retention.", _("Data protection")),
    ]


def deeds() -> dict[str, str]:
    """Actions in the viewer's words; one that is not here is shown by its name."""
    return {
        **_deeds_with_people(),
        **_deeds_with_contacts(),
        **_deeds_with_campaigns(),
        "account.open": _("opened an account"),
        "account.edit": _("changed an account"),
        "account.close": _("closed an account"),
        "account.password": _("changed an account's mail password"),
        "key.create": _("made a key"),
        "key.edit": _("changed a key"),
        "key.pause": _("paused a key"),
        "key.resume": _("resumed a key"),
        "key.rotate": _("gave a key new digits"),
        "key.retire": _("stopped a key's old digits"),
        "key.show": _("looked at a key's digits"),
        "number.give": _("gave an organisation a number"),
        "number.take": _("took a number back"),
        "number.reader": _("changed who reads a number's SMS"),
        "number.keyword": _("changed a keyword"),
        "number.release": _("ended a number's quarantine"),
        "optout.add": _("put a phone on the list of opt-outs"),
        "optout.remove": _("took a phone off the list of opt-outs"),
        "optout.add-address": _("put a mail address on the list of opt-outs"),
        "optout.remove-address": _("took a mail address off the list of opt-outs"),
        "message.resolve": _("decided what had become of an SMS"),
        "message.deliver": _("had an SMS of a phone delivered by hand"),
        "organisation.create": _("made an organisation"),
        "retention.set": _("changed how long texts are kept"),
        "webhook.create": _("made a webhook"),
        "webhook.edit": _("changed a webhook"),
        "webhook.delete": _("deleted a webhook"),
        "webhook.pause": _("paused a webhook"),
        "webhook.resume": _("resumed a webhook"),
        "webhook.rotate": _("gave a webhook a new secret"),
        "webhook.show": _("looked at a webhook's secret"),
        "webhook.again": _("had a webhook called again"),
    }


def _deeds_with_campaigns() -> dict[str, str]:
    return {
        "campaign.create": _("wrote a campaign"),
        "campaign.edit": _("changed a campaign"),
        "campaign.copy": _("copied a campaign"),
        "campaign.delete": _("deleted a campaign"),
        "campaign.test": _("had a campaign's e-mail sent as a test"),
        "campaign.start": _("started a campaign"),
        "campaign.approve": _("approved a campaign"),
        "campaign.send-back": _("sent a campaign back"),
        "campaign.pause": _("paused a campaign"),
        "campaign.resume": _("let a campaign go on"),
        "campaign.cancel": _("cancelled a campaign"),
        "campaign.pick": _("chose the winner of a campaign's versions"),
        "campaign.approval": _("changed which campaigns need an approval"),
    }


def _deeds_with_contacts() -> dict[str, str]:
    return {
        "contact.add": _("made a contact"),
        "contact.change": _("changed a contact"),
        "contact.remove": _("removed contacts"),
        "contact.tag": _("tagged contacts"),
        "contact.untag": _("took a tag off contacts"),
        "contact.cards": _("took in vCards"),
        "contact.export": _("fetched contacts as a file"),
        "consent.give": _("noted a consent"),
        "consent.end": _("noted that a consent has ended"),
        "field.define": _("defined a field of contacts"),
        "field.change": _("changed a field of contacts"),
        "field.remove": _("removed a field of contacts"),
        "object.store": _("linked an object to a contact"),
        "object.remove": _("removed an object of a contact"),
        "group.make": _("made a group"),
        "group.change": _("changed a group"),
        "group.remove": _("removed a group"),
        "group.add": _("added contacts to a group"),
        "group.drop": _("took contacts off a group"),
        "import.upload": _("uploaded a file of contacts"),
        "import.start": _("started an import"),
        "import.cancel": _("stopped an import"),
    }


def _deeds_with_people() -> dict[str, str]:
    return {
        "person.invite": _("invited somebody"),
        "person.uninvite": _("took an invitation back"),
        "person.join": _("came in for the first time"),
        "person.change": _("changed a person's name or role"),
        "person.disable": _("let somebody in no more"),
        "person.enable": _("let somebody in again"),
        "person.password": _("chose a new password"),
        "person.second_factor": _("set up a second factor"),
        "person.second_factor_off": _("took a second factor off"),
        "person.passkey": _("made a passkey"),
        "person.passkey_off": _("removed a passkey"),
        "person.recovery_codes": _("made new recovery codes"),
        "person.rescue": _("gave out a link for somebody who lost the way in"),
        "person.export": _("fetched what is known of a person"),
        "person.erase": _("erased a person"),
        "session.start": _("signed in"),
        "session.end": _("signed somebody out"),
        "link.make": _("gave out a link that lets somebody in"),
    }
