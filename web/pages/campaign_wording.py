"""Words and colours for what campaigns keep as codes. Pure."""

from __future__ import annotations

from campaigns.campaign import Cause, State
from campaigns.recipients import Skip
from campaigns.trial import Rule
from web.language import gettext as _
from web.language import say
from web.pages.wording import state_colour, state_words


def campaign_state(state: str) -> str:
    """Where a campaign stands."""
    known: dict[str, str] = {
        State.DRAFT: _("draft"),
        State.APPROVAL: _("waiting for approval"),
        State.SCHEDULED: _("scheduled"),
        State.RUNNING: _("running"),
        State.PAUSED: _("paused"),
        State.FINISHED: _("finished"),
        State.CANCELLED: _("cancelled"),
    }
    return known.get(state, state)


def campaign_colour(state: str) -> str:
    """The colour that a state is shown in, by Tabler's names."""
    return {"approval": "orange", "scheduled": "azure", "running": "blue", "paused": "orange", "finished": "green"}.get(
        state, "secondary"
    )


def campaign_rule(rule: Rule) -> str:
    """What tells the winner among versions."""
    return {
        Rule.CLICKS: _("most clicks"),
        Rule.ANSWERS: _("most answers"),
        Rule.OPT_OUTS: _("fewest opt-outs"),
        Rule.DELIVERED: _("most delivered"),
        Rule.HAND: _("a person's choice"),
    }[rule]


def campaign_cause(cause: str) -> str:
    """Why a campaign rests."""
    known: dict[str, str] = {
        Cause.BUDGET: _("its budget is spent, or the next SMS has no price in its currency"),
        Cause.ACCOUNT: _("the account of the responsible person is closed, or its key paused"),
        Cause.TEXT: _("its text cannot be read any more"),
        Cause.AUDIENCE: _("a group or a field that its audience is chosen by is gone"),
        Cause.GROWN: _("its audience has grown, and somebody else than who has started it has to let it go on"),
        Cause.WINNER: _("it waits for the winner among its versions"),
    }
    return known.get(cause, cause)


def recipient_state(state: str, *, by_mail: bool) -> str:
    """Where a recipient stands: with the campaign, or as its SMS or e-mail does."""
    known: dict[str, str] = {
        "waiting": _("waits for its hours"),
        "skipped": _("skipped"),
        "sent": _("sent") if by_mail else _("got an SMS, however it stands"),
    }
    if by_mail and state in set(Skip):
        return say(Skip(state).words)
    return known.get(state) or state_words(state)


def recipient_colour(state: str) -> str:
    """The colour that is shown in, by Tabler's names."""
    return {"waiting": "blue", "sent": "green"}.get(state) or state_colour(state)
