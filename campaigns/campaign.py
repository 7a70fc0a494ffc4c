"""What a campaign is, and what may be done with it when. Pure.

A campaign is written as a draft, is approved by somebody else where it is large, starts at once or at its time, runs
until everybody of its audience was looked at and everything has left, and rests in between as often as somebody says
so. What may be done hangs on where it stands (`may`), and every deed leads to one state (`after`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from campaigns.approval import UNASKED, Approval
from campaigns.model import Audience, Channel
from campaigns.schedule import ALWAYS, Window
from campaigns.trial import FIRST, Trial, Verdict, version_of
from gateway.money import Money
from gateway.registry.errors import AccountError
from gateway.translation import sentence

NOBODY: Final = Audience()
UNDECIDED: Final = Verdict()


class State(StrEnum):
    """Where a campaign stands."""

    DRAFT = "draft"
    """It is being written; nobody gets anything."""
    APPROVAL = "approval"
    """It was started, and waits until somebody else approves it."""
    SCHEDULED = "scheduled"
    """It starts by itself at its time."""
    RUNNING = "running"
    PAUSED = "paused"
    """Nothing leaves until somebody resumes it."""
    FINISHED = "finished"
    """Everybody was looked at, and everything has left."""
    CANCELLED = "cancelled"
    """Nothing more leaves, for ever."""


class Launch(StrEnum):
    """When a campaign starts (C8)."""

    INSTANT = "instant"
    """When somebody says start: it has no start date."""
    DEFERRED = "deferred"
    """At its start date."""


class Deed(StrEnum):
    """What is done with a campaign."""

    EDIT = "edit"
    START = "start"
    ASK = "ask"
    """It is started, and so large that somebody else has to approve it first."""
    APPROVE = "approve"
    SEND_BACK = "send-back"
    """Whoever was asked wants it changed."""
    LAUNCH = "launch"
    """Its time has come."""
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    FINISH = "finish"
    """Nothing is left to do."""
    DELETE = "delete"


class Cause(StrEnum):
    """Why a campaign rests where nobody has told it to."""

    BUDGET = "budget"
    """What it may spend is spent."""
    ACCOUNT = "account"
    """The account that it leaves from is closed, or its key paused."""
    TEXT = "text"
    """Its text cannot be read any more."""
    AUDIENCE = "audience"
    """A group or a field that its audience is chosen by is gone."""
    GROWN = "grown"
    """Its audience has grown beyond what a start without approval may reach: somebody else has to let it go on."""
    WINNER = "winner"
    """It waits for the verdict on its versions, for the others are to get the best."""


_MAY: Final[Mapping[State, frozenset[Deed]]] = {
    State.DRAFT: frozenset({Deed.EDIT, Deed.START, Deed.ASK, Deed.CANCEL, Deed.DELETE}),
    State.APPROVAL: frozenset({Deed.EDIT, Deed.APPROVE, Deed.SEND_BACK, Deed.CANCEL}),
    State.SCHEDULED: frozenset({Deed.EDIT, Deed.START, Deed.LAUNCH, Deed.PAUSE, Deed.CANCEL}),
    State.RUNNING: frozenset({Deed.PAUSE, Deed.CANCEL, Deed.FINISH}),
    State.PAUSED: frozenset({Deed.RESUME, Deed.CANCEL}),
    State.FINISHED: frozenset(),
    State.CANCELLED: frozenset({Deed.DELETE}),
}
OPEN: Final = frozenset({State.SCHEDULED, State.RUNNING, State.PAUSED})
"""States in which something may still leave."""


class NotNow(AccountError):
    """What was asked for cannot be done with a campaign as it stands."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may leave, and how fast. 0 and None are without limit."""

    per_minute: int = 0
    """Messages."""
    per_week: int = 0
    """Messages of campaigns that one contact gets within seven days, this one with them."""
    parts: int = 0
    """SMS parts of the whole campaign; of one by e-mail, mails."""
    cost: Money | None = None
    """What the whole campaign may cost, at the prices of the routes."""

    @property
    def end(self) -> bool:
        """Whether the campaign may spend only so much."""
        return bool(self.parts) or self.cost is not None


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of an audience so far."""

    recipients: int = 0
    """Contacts that were looked at."""
    messages: int = 0
    """SMS or mails that were made."""
    waiting: int = 0
    """Contacts whose window is shut at the moment."""
    skipped: int = 0
    parts: int = 0
    cost: int = 0
    """Thousandths of the minor unit of the routes' currency, as it was known beforehand."""


@dataclass(frozen=True, slots=True)
class Content:
    """What people write and choose: all that may be edited until it runs."""

    name: str
    account_id: str
    """The responsible person (C7): their account sends, and answers come into their mailbox."""
    texts: Mapping[str, str]
    """Texts with macros by language; "" for contacts of any other language."""
    audience: Audience = NOBODY
    """Who gets it (C11)."""
    consent: str = ""
    """What somebody must have agreed to, to get it; empty for nothing."""
    launch: Launch = Launch.INSTANT
    start_at: float | None = None
    """Of a deferred campaign."""
    window: Window = ALWAYS
    any_hour: bool = False
    """Whether it is sent in the quiet hours of the gateway as well."""
    any_day: bool = False
    """Whether it is sent on the holidays of the contact's country as well."""
    limits: Limits = field(default_factory=Limits)
    channel: Channel = Channel.SMS
    subjects: Mapping[str, str] = field(default_factory=dict)
    """Of e-mails, with macros, by language as the texts."""
    smart: bool = True
    """Whether typographic characters are written in GSM-7 where that saves parts."""
    trial: Trial | None = None
    """How versions of its text are tried, where it has several."""
    short_links: bool = False
    """Whether links in the texts are replaced by short ones whose clicks are counted."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign as it stands."""

    id: str
    org_id: str
    content: Content
    state: State
    state_at: float
    created_at: float
    created_by: str = ""
    """As people know them."""
    cause: str = ""
    """Why it rests: a word of `Cause`; or what it waits for."""
    started_at: float | None = None
    finished_at: float | None = None
    cursor: int = 0
    """The last contact that was looked at."""
    exhausted: bool = False
    """Whether that was the last of all."""
    available_at: float = 0.0
    """When there is something to do."""
    counts: Counts = field(default_factory=Counts)
    verdict: Verdict = UNDECIDED
    """On its versions."""
    links: Mapping[str, int] = field(default_factory=dict)
    """The numbers of its links, by how its texts write them; empty where it has no short ones, and in lists."""
    approval: Approval = UNASKED

    @property
    def begun(self) -> bool:
        """Whether anybody was looked at: from then on it says who has got what, and has to stay."""
        return self.counts.recipients > 0


def may(campaign: Campaign, deed: Deed) -> bool:
    """Whether a deed can be done with a campaign as it stands."""
    return deed in _MAY[campaign.state] and not (deed is Deed.DELETE and campaign.begun)


def after(campaign: Campaign, deed: Deed, now: float) -> State:
    """Where a deed leads. Raises NotNow."""
    if not may(campaign, deed):
        raise _not_now(campaign, deed)
    waits = (campaign.content.start_at or 0) > now
    match deed:
        case Deed.START | Deed.APPROVE:
            return State.SCHEDULED if waits and campaign.content.launch is Launch.DEFERRED else State.RUNNING
        case Deed.RESUME:
            # One that was paused before its time goes on waiting for it.
            return State.SCHEDULED if waits and campaign.started_at is None else State.RUNNING
        case Deed.EDIT:
            # What was approved is what was read: changed, it has to be started anew.
            return State.DRAFT if campaign.approval.asked or campaign.state is State.APPROVAL else campaign.state
        case _:
            return _LEADS_TO[deed]


_LEADS_TO: Final = {
    Deed.ASK: State.APPROVAL,
    Deed.SEND_BACK: State.DRAFT,
    Deed.LAUNCH: State.RUNNING,
    Deed.PAUSE: State.PAUSED,
    Deed.CANCEL: State.CANCELLED,
    Deed.DELETE: State.CANCELLED,
    Deed.FINISH: State.FINISHED,
}


def _not_now(campaign: Campaign, deed: Deed) -> NotNow:
    if deed is Deed.DELETE and campaign.begun:
        return NotNow(_KEPT)
    return NotNow(_WHY_NOT.get((campaign.state, deed)) or _WHY_NOT_IN[campaign.state])


_KEPT: Final = sentence(
    "the campaign has begun and stays: links to unsubscribe, weekly limits and filters need to know who has got it"
)
_WHY_NOT_IN: Final = {
    State.DRAFT: sentence("the campaign is a draft: start it first"),
    State.APPROVAL: sentence("the campaign waits for approval: somebody else approves it or sends it back"),
    State.SCHEDULED: sentence("the campaign waits for its start: cancel it, or wait until it runs"),
    State.RUNNING: sentence("the campaign is running: pause it first"),
    State.PAUSED: sentence("the campaign is paused: resume it, or cancel it"),
    State.FINISHED: sentence("the campaign is finished: make a copy of it"),
    State.CANCELLED: sentence("the campaign was cancelled: make a copy of it"),
}
_WHY_NOT: Final = {
    (State.RUNNING, Deed.START): sentence("the campaign is running already"),
    (State.RUNNING, Deed.RESUME): sentence("the campaign is running already"),
    (State.PAUSED, Deed.PAUSE): sentence("the campaign is paused already"),
    (State.PAUSED, Deed.EDIT): sentence(
        "the campaign has begun: what some have got already cannot be another for others"
    ),
    (State.RUNNING, Deed.EDIT): sentence(
        "the campaign has begun: what some have got already cannot be another for others"
    ),
}


def text_for(texts: Mapping[str, str], language: str, version: str = FIRST) -> tuple[str, str]:
    """The text for a contact's language ("da", "pt-BR"), and its variant: the language, or "" for the common text.

    Of a version that there is none of it is A's.
    """
    wanted = language.lower().replace("_", "-")
    before = "" if version == FIRST else f"{version}/"
    for variant in (before + wanted, before + wanted.partition("-")[0], before):
        if variant in texts:
            return texts[variant], variant
    any_language = next((each for each in texts if version_of(each) == version), None)
    if any_language is None:
        return text_for(texts, language)
    return texts[any_language], any_language
