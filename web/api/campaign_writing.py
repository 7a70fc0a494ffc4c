"""`/campaigns`, before the start: written, changed, checked for one contact, and who has got it (C7-C12)."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import Field

from campaigns.campaigns import Checked
from campaigns.emails import Email
from campaigns.recipients import Skip
from gateway.scopes import Scope
from gateway.sending import Sent
from web.api.answers import nothing, one, only_if_unchanged, told
from web.api.campaign_forms import CampaignEdit, CampaignForm, CampaignShown, ContactId, content_of, shown
from web.api.forms import Amount, Form, Id, Moment, Shown, Word, amount, moment_or_none
from web.api.routing import Caller, IfMatch, ThingId, needs
from web.desk.desk import Desk


class CheckForm(Form):
    """For whom it is checked."""

    contact: ContactId = Field(examples=["4294967297"])


class CheckShown(Shown):
    """What one contact would get now."""

    contact: str = Field(examples=["4294967297"])
    name: str = Field(examples=["Anders Hansen"])
    to: str | None = Field(examples=["+4530643064"], description="Phone or mail address; null for none.")
    sender: str = Field(examples=["+45609946000001"], description="On the phone; of an e-mail, where answers go.")
    subject: str | None = Field(examples=[None], description="Of an e-mail.")
    text: str | None = Field(examples=["Hej Anders"], description="null where the contact gets nothing.")
    variant: str = Field(examples=["da"])
    parts: int | None = Field(examples=[1], description="SMS parts; null for an e-mail.")
    encoding: str | None = Field(examples=["gsm7"])
    price: Amount | None = Field(description="Of all parts; null where it is not known.")
    reason: Skip | None = Field(description="Why the contact gets nothing.")
    due_at: Moment | None = Field(description="When the contact's hours begin, where they are shut now.")
    gaps: list[str] = Field(examples=[[]], description="Macros that leave a gap in the text.")
    meant: bool = Field(examples=[True], description="Whether the contact is in the audience now.")


class TestForm(Form):
    """Whose text goes to which phone."""

    contact: ContactId = Field(examples=["4294967297"], description="Whose text it is.")
    phone: Word | None = Field(
        None,
        examples=["+4530643064"],
        description="Where an SMS goes: your own, say. An e-mail goes to the person responsible.",
    )


class TestShown(Shown):
    """The SMS or the e-mail that was sent."""

    message: Id | None = Field(description="`GET /messages/ID` tells what became of it; null for an e-mail.")
    to: str = Field(examples=["+4530643064"], description="Phone or mail address.")
    subject: str | None = Field(examples=[None], description="Of an e-mail.")
    text: str = Field(examples=["Hej Anders"])
    parts: int | None = Field(examples=[1], description="SMS parts; null for an e-mail.")
    encoding: str | None = Field(examples=["gsm7"])


def add_campaign_writing(routes: APIRouter, desk: Desk) -> None:
    """Routes that write campaigns and look at them before they start."""
    _add_writing(routes, desk)
    _add_checking(routes, desk)


def _add_writing(routes: APIRouter, desk: Desk) -> None:
    @routes.post(
        "/campaigns",
        status_code=201,
        response_model=CampaignShown,
        **needs(Scope.CAMPAIGNS_WRITE, 404, is_repeatable=True),
    )
    async def create_campaign(request: Request, caller: Caller, form: CampaignForm) -> Response:
        """Write a draft. Nobody gets anything before it is started."""
        account = await desk.campaigns.sender(caller, caller.org_id or "", form.account)
        made = await desk.campaigns.create(caller, account.org_id, content_of(form, account.id))
        return one(request, shown(made), 201, f"/campaigns/{made.id}")

    @routes.patch(
        "/campaigns/{campaign_id}", response_model=CampaignShown, **needs(Scope.CAMPAIGNS_WRITE, 404, 409, 412)
    )
    async def change_campaign(
        request: Request, caller: Caller, campaign_id: ThingId, form: CampaignEdit, if_match: IfMatch = None
    ) -> Response:
        """Change what it says, until it runs."""
        before = await desk.campaigns.get(caller, campaign_id)
        if if_match is not None:
            only_if_unchanged(request, shown(before))
        account_id = before.content.account_id
        if form.account is not None:
            account_id = (await desk.campaigns.sender(caller, before.org_id, form.account)).id
        content = content_of(form, account_id, before.content)
        return one(request, shown(await desk.campaigns.edit(caller, campaign_id, content)))

    @routes.delete("/campaigns/{campaign_id}", status_code=204, **needs(Scope.CAMPAIGNS_WRITE, 404, 409))
    async def delete_campaign(caller: Caller, campaign_id: ThingId) -> Response:
        """Forget a draft, or one that was cancelled before anybody was looked at. One that has begun stays."""
        await desk.campaigns.delete(caller, campaign_id)
        return nothing()


def _add_checking(routes: APIRouter, desk: Desk) -> None:
    @routes.post(
        "/campaigns/{campaign_id}/check",
        response_model=CheckShown,
        **needs(Scope.CAMPAIGNS_READ, 404),
    )
    async def check_campaign(request: Request, caller: Caller, campaign_id: ThingId, form: CheckForm) -> Response:
        """What one contact would get now, word for word. Nothing is sent. Needs `contacts:read` as well."""
        return told(request, _checked(await desk.campaigns.check(caller, campaign_id, int(form.contact))))

    @routes.post(
        "/campaigns/{campaign_id}/test",
        status_code=201,
        response_model=TestShown,
        **needs(Scope.MESSAGES_SEND, 404, is_repeatable=True),
    )
    async def test_campaign(request: Request, caller: Caller, campaign_id: ThingId, form: TestForm) -> Response:
        """Send what a contact would get to yourself, once. Needs `contacts:read` and `campaigns:read`.

        An SMS goes to the phone that you name, an e-mail to the person responsible for the campaign.
        """
        if form.phone is None:
            return told(request, _tried(await desk.campaigns.test_email(caller, campaign_id, int(form.contact))), 201)
        sent = await desk.campaigns.test(caller, campaign_id, int(form.contact), form.phone)
        return told(request, _texted(sent), 201)


def _tried(email: Email) -> TestShown:
    return TestShown(message=None, to=email.address, subject=email.subject, text=email.text, parts=None, encoding=None)


def _texted(sent: Sent) -> TestShown:
    (to,) = sent.phones
    return TestShown(
        message=to.message_id,
        to=to.phone or to.written,
        subject=None,
        text=sent.text.text,
        parts=sent.text.parts,
        encoding=sent.text.encoding,
    )


def _checked(got: Checked) -> CheckShown:
    email = got.email
    return CheckShown(
        contact=str(got.recipient.contact_id),
        name=got.recipient.name,
        to=email.address if email else got.recipient.phone,
        sender=got.sender,
        subject=email.subject if email else None,
        text=email.text if email else got.text.text if got.text else None,
        variant=got.variant,
        parts=got.text.parts if got.text else None,
        encoding=got.text.encoding if got.text else None,
        price=amount(got.price),
        reason=got.reason,
        due_at=moment_or_none(got.due_at),
        gaps=list(got.gaps),
        meant=got.meant,
    )
