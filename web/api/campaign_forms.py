"""A campaign as calls write it and answers show it, and the content that it stands for. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from pydantic import Field, StringConstraints

from campaigns.campaign import Campaign, Content, Launch, Limits, State
from campaigns.drafts import BadDraft, told
from campaigns.filters.words import LONGEST
from campaigns.model import Audience, Channel
from campaigns.schedule import Window, read_window, write_window, zone_named
from campaigns.trial import Rule, Trial
from gateway.money import Money
from gateway.registry.errors import BadValue
from gateway.translation import sentence
from web.api.forms import (
    Amount,
    Form,
    Id,
    Instant,
    Line,
    Moment,
    Shown,
    Word,
    amount,
    moment,
    moment_or_none,
)

Text = Annotated[str, StringConstraints(max_length=20_000, pattern=r"^[^\x00]*$")]
Variant = Annotated[str, StringConstraints(max_length=20, pattern=r"^[a-zA-Z0-9/_-]*$")]
ContactId = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,15}$")]
GroupId = Annotated[str, StringConstraints(max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
_TEXTS = 'By language; "" for all contacts of any other; "b/", "b/da" for further versions of the text.'


class AudienceForm(Form):
    """Whom a campaign is for: any of contacts, groups and a filter, without those of other groups."""

    contacts: list[ContactId] = Field([], max_length=10_000, examples=[[]])
    groups: list[GroupId] = Field([], max_length=100, examples=[[]], description="Ids.")
    without: list[GroupId] = Field([], max_length=100, examples=[[]], description="Ids of groups that are left out.")
    filter: Annotated[str, StringConstraints(max_length=LONGEST, pattern=r"^[^\x00]*$")] | None = Field(
        None, examples=["has: phone"], description='In the language of filters (docs/groups.md); "" is everybody.'
    )


class TrialForm(Form):
    """How versions of the text are tried."""

    share: int = Field(10, ge=1, le=50, examples=[10], description="Percent of the audience that get each first.")
    rule: Rule = Field(Rule.CLICKS, examples=["clicks"])
    hours: float = Field(24.0, gt=0, le=720, examples=[24.0], description="From the start to the verdict.")


class MoneyForm(Form):
    """Money."""

    amount: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,9}(\.[0-9]{1,5})?$")] = Field(examples=["100.00"])
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = Field(examples=["DKK"])


class CampaignEdit(Form):
    """What is to be changed; what is left out stays."""

    name: Word | None = Field(None, examples=["Spring"])
    account: Word | None = Field(None, examples=[None], description="Address, number or id of the responsible account.")
    texts: dict[Variant, Text] | None = Field(None, examples=[{"": "Hej {{ first_name }}"}], description=_TEXTS)
    audience: AudienceForm | None = Field(None, examples=[{"filter": "has: phone"}])
    consent: Line | None = Field(
        None,
        examples=["newsletter"],
        description='Only who agrees to this, checked until the last moment; "": anybody.',
    )
    channel: Channel | None = Field(None, examples=["sms"])
    subjects: dict[Variant, Line] | None = Field(None, examples=[{}], description="Of e-mails, by language.")
    start_at: Instant | None = Field(None, examples=[None], description="It starts by itself then; null: when started.")
    window: Line | None = Field(None, examples=["mon-fri 09:00-20:00"], description='By the contact\'s clock; "": any.')
    zone: Word | None = Field(None, examples=["Europe/Copenhagen"], description="Of contacts whose own is not known.")
    any_hour: bool | None = Field(None, examples=[False], description="In quiet hours as well.")
    any_day: bool | None = Field(None, examples=[False], description="On holidays as well.")
    short_links: bool | None = Field(None, examples=[False])
    trial: TrialForm | None = Field(None, examples=[None])
    per_minute: int | None = Field(None, ge=0, le=1_000_000, examples=[0], description="Messages; 0: any.")
    per_week: int | None = Field(None, ge=0, le=1000, examples=[0], description="To one contact in 7 days; 0: any.")
    max_parts: int | None = Field(None, ge=0, le=10**9, examples=[0], description="SMS parts, or mails; 0: any.")
    max_cost: MoneyForm | None = Field(None, examples=[None])


class CampaignForm(CampaignEdit):
    """A campaign to be written."""

    name: Word = Field(examples=["Spring"])
    account: Word = Field(
        examples=["anna@firm.example"], description="Address, number or id of the responsible account."
    )
    texts: dict[Variant, Text] = Field(examples=[{"": "Hej {{ first_name }}"}], description=_TEXTS)


class ResumeForm(Form):
    """With what a campaign goes on."""

    max_parts: int | None = Field(
        None, ge=0, le=10**9, examples=[5000], description="SMS parts, or mails, that it may spend in all; 0: any."
    )
    max_cost: MoneyForm | None = Field(None, examples=[None])


def with_budget(form: ResumeForm | CampaignEdit, before: Limits) -> Limits:
    """The limits with the budget that a form says; what it does not say stays. Raises BadDraft."""
    limits = before if form.max_parts is None else replace(before, parts=form.max_parts)
    return replace(limits, cost=_cost(form.max_cost)) if "max_cost" in form.model_fields_set else limits


def content_of(form: CampaignEdit, account_id: str, before: Content | None = None) -> Content:
    """The content that a form makes, of one that is there where there is one. Raises BadDraft."""
    content = replace(before or Content("", "", {}), account_id=account_id)
    said = form.model_fields_set
    plain = {name: getattr(form, name) for name in ("name", "consent", "channel", "any_hour", "any_day", "short_links")}
    content = replace(content, **{name: value for name, value in plain.items() if value is not None})
    if form.texts is not None:
        content = replace(content, texts={name.lower(): text for name, text in form.texts.items()})
    if form.subjects is not None:
        content = replace(content, subjects={name.lower(): text for name, text in form.subjects.items()})
    if form.audience is not None:
        content = replace(content, audience=_audience(form.audience))
    if "trial" in said:
        trial = form.trial
        content = replace(content, trial=None if trial is None else Trial(trial.share, trial.rule, trial.hours))
    if "start_at" in said:
        at = None if form.start_at is None else form.start_at.timestamp()
        content = replace(content, launch=Launch.INSTANT if at is None else Launch.DEFERRED, start_at=at)
    if form.window is not None or form.zone is not None:
        window = write_window(content.window) if form.window is None else form.window
        zone = form.zone or content.window.zone
        content = replace(content, window=_window(window, zone))
    return replace(content, limits=_limits(form, content.limits))


def _window(written: str, zone: str) -> Window:
    try:
        zone_named(zone)
    except BadValue as error:
        raise BadDraft({"zone": told(error)}) from error
    try:
        return read_window(written, zone)
    except BadValue as error:
        raise BadDraft({"window": told(error)}) from error


def _audience(form: AudienceForm) -> Audience:
    contacts = tuple(int(each) for each in dict.fromkeys(form.contacts))
    return Audience(contacts, tuple(form.groups), form.filter, tuple(form.without))


def _limits(form: CampaignEdit, before: Limits) -> Limits:
    limits = replace(
        before,
        per_minute=before.per_minute if form.per_minute is None else form.per_minute,
        per_week=before.per_week if form.per_week is None else form.per_week,
    )
    return with_budget(form, limits)


def _cost(form: MoneyForm | None) -> Money | None:
    if form is None:
        return None
    cost = Money.of(form.amount, form.currency)
    if cost is None:
        raise BadDraft({"max_cost": sentence("write an amount and a currency, as 100 DKK")})
    return cost


# --- shown ---------------------------------------------------------------------------------------------------------


class AudienceShown(Shown):
    """Whom a campaign is for."""

    contacts: list[str] = Field(examples=[["4294967297"]])
    groups: list[Id]
    without: list[Id]
    filter: str | None = Field(examples=["has: phone"])


class TrialShown(Shown):
    """How versions of a text are tried; their texts stand under "b/", "b/da"."""

    share: int = Field(examples=[10], description="Percent of the audience that get each version first.")
    rule: Rule
    hours: float = Field(examples=[24.0], description="From the start to the verdict.")
    winner: str = Field(examples=["b"], description="What all others get; empty while it is not decided.")
    decided_at: Moment | None
    decided_by: str = Field(examples=[""], description="Empty: the rule.")


class CampaignShown(Shown):
    """A campaign as it stands."""

    id: Id
    name: str = Field(examples=["Spring"])
    account: Id
    channel: Channel
    texts: dict[str, str] = Field(examples=[{"": "Hej {{ first_name }}"}], description=_TEXTS)
    subjects: dict[str, str] = Field(examples=[{}], description="Of e-mails, by language.")
    audience: AudienceShown
    consent: str = Field(examples=["newsletter"], description="Only who agrees to this gets it; empty: anybody.")
    window: str = Field(examples=["mon-fri 09:00-20:00"], description="By the contact's clock; empty: any time.")
    zone: str = Field(examples=["Europe/Copenhagen"], description="Of contacts whose own is not known.")
    any_hour: bool = Field(examples=[False], description="In quiet hours as well.")
    any_day: bool = Field(examples=[False], description="On holidays as well.")
    short_links: bool = Field(examples=[True], description="Whether links are replaced by short ones that are counted.")
    trial: TrialShown | None = Field(description="How versions of the text are tried; null where there is one.")
    per_minute: int = Field(examples=[0], description="Messages; 0: any number.")
    per_week: int = Field(examples=[0], description="Messages to one contact in seven days; 0: any number.")
    max_parts: int = Field(examples=[0], description="SMS parts, or mails; 0: any number.")
    max_cost: Amount | None
    state: State
    cause: str = Field(examples=[""], description="Why it rests where nobody has told it to.")
    created_at: Moment
    start_at: Moment | None
    started_at: Moment | None
    finished_at: Moment | None
    recipients: int = Field(examples=[1000], description="Contacts that were looked at.")
    messages: int = Field(examples=[980])
    waiting: int = Field(examples=[0], description="Contacts whose hours are shut at the moment.")
    skipped: int = Field(examples=[20])


def shown(campaign: Campaign) -> CampaignShown:
    """A campaign as answers show it."""
    content, limits, audience = campaign.content, campaign.content.limits, campaign.content.audience
    return CampaignShown(
        id=campaign.id,
        name=content.name,
        account=content.account_id,
        channel=content.channel,
        texts=dict(content.texts),
        subjects=dict(content.subjects),
        audience=AudienceShown(
            contacts=[str(each) for each in audience.contacts],
            groups=list(audience.groups),
            without=list(audience.without),
            filter=audience.filter,
        ),
        consent=content.consent,
        window=write_window(content.window),
        zone=content.window.zone,
        any_hour=content.any_hour,
        any_day=content.any_day,
        short_links=content.short_links,
        trial=_trial(campaign),
        per_minute=limits.per_minute,
        per_week=limits.per_week,
        max_parts=limits.parts,
        max_cost=amount(limits.cost),
        state=campaign.state,
        cause=campaign.cause,
        created_at=moment(campaign.created_at),
        start_at=moment_or_none(content.start_at),
        started_at=moment_or_none(campaign.started_at),
        finished_at=moment_or_none(campaign.finished_at),
        recipients=campaign.counts.recipients,
        messages=campaign.counts.messages,
        waiting=campaign.counts.waiting,
        skipped=campaign.counts.skipped,
    )


def _trial(campaign: Campaign) -> TrialShown | None:
    trial, verdict = campaign.content.trial, campaign.verdict
    if trial is None:
        return None
    return TrialShown(
        share=trial.share,
        rule=trial.rule,
        hours=trial.hours,
        winner=verdict.winner,
        decided_at=moment_or_none(verdict.at),
        decided_by=verdict.by,
    )
